"""`largest-pages`: as few pages as possible."""

from __future__ import annotations

from typing import Any

import pytest

from slotsolver.objectives.largest_pages import LargestPages
from slotsolver.size import GiB
from tests.constraints.builders import (
    PAGES,
    SMALL,
    B,
    best,
    host,
    make_guest,
    objective_line,
    problem,
    refusal,
    two_guests,
    values,
)

G = GiB // B
ORDER = ["largest-pages"]


def pages(*args: Any, **kwargs: Any) -> int:
    """The value where it comes first."""
    kwargs.setdefault("objectives", ORDER)
    return values(problem(*args, **kwargs))["largest-pages"]


def test_line() -> None:
    """The bare kind is the class."""
    objective = objective_line("largest-pages")
    assert (objective, objective.unit) == (LargestPages(), "pages")
    assert objective.describe() == "the number of pages taken"
    assert "has no field 'pages'" in refusal("{kind: largest-pages, pages: 1}", "objectives")


@pytest.mark.parametrize(
    ("free", "expected"),
    [
        ((16, 16, 2), 2),
        ((16, 16, 1), 16 * PAGES),
        ((16, 15, 1), 16 * B // SMALL),
        ((16, 0, 0), 16 * B // SMALL),
    ],
)
def test_values(free: tuple[int, ...], expected: int) -> None:
    """2 GiB in the largest pages of which one node has enough."""
    assert pages([2 * G], 2 * G, host=host(free)) == expected


def test_each_cell_by_itself() -> None:
    """One cell of two finds a huge page, the other takes 512 of 2 MiB."""
    assert pages([G, G], 2 * G, host=host((16, 16, 1))) == 1 + 8 * PAGES


def test_what_is_reserved_counts() -> None:
    """The target's pages, or the maximum's where these are kept."""
    small = {"kind": "page-size", "size": 2 << 20}
    kept = {"kind": "reserve", "until": "maximum"}
    assert pages([2], 4, 6, small, host=host((0, 9))) == 4 * PAGES
    assert pages([2], 4, 6, small, kept, host=host((0, 9))) == 6 * PAGES


def test_boot_memory_is_whole_pages() -> None:
    """One and a half GiB of boot memory are no pages of 1 GiB, so that smaller ones are taken."""
    assert pages([G + 4], 2 * G + 4, host=host((0, 32, 9))) == (2 * G + 4) * PAGES


def test_running_guests_have_their_pages() -> None:
    """What is there is paid for; two new blocks count."""
    small = {"kind": "page-size", "size": 2 << 20}
    given = {"running": True, "slots": 1, "host": host((0, 2))}
    assert pages([2], 4, 4, small, **given) == 2 * PAGES


def test_guests_add_up() -> None:
    """Both guests' pages."""
    given = two_guests(make_guest([2], 2), make_guest([3], 3), host=host((0, 9)), objectives=ORDER)
    assert values(given)["largest-pages"] == 5 * PAGES


def test_the_order_matters() -> None:
    """Huge pages make a step of 1 GiB, which is the larger evil where a fine step comes first."""
    where = host((32, 0, 4))
    large = best(problem([G], 2 * G, host=where, objectives=["largest-pages", "finest-step"]))
    fine = best(problem([G], 2 * G, host=where, objectives=["finest-step", "largest-pages"]))
    assert large.guests[0].cells[0].page_size == GiB
    assert (fine.guests[0].cells[0].page_size, fine.guests[0].step) == (SMALL, B)

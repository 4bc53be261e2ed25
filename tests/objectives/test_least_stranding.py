"""`least-stranding`: no leftovers too small for another cell."""

from __future__ import annotations

from typing import Any

import pytest

from slotsolver.objectives.least_stranding import LeastStranding
from slotsolver.size import GiB, MiB
from tests.constraints.builders import (
    B,
    host,
    make_guest,
    nodes_of,
    objective_line,
    problem,
    refusal,
    two_guests,
    values,
)

ORDER = ["least-stranding"]


def stranded(*args: Any, **kwargs: Any) -> int:
    """The value where it comes first."""
    kwargs.setdefault("objectives", ORDER)
    return values(problem(*args, **kwargs))["least-stranding"]


def test_line() -> None:
    """The bare kind is the class."""
    objective = objective_line("least-stranding")
    assert (objective, objective.unit) == (LeastStranding(), "bytes")
    assert objective.describe() == "free pages in pieces too small to be used"
    assert "has no field 'size'" in refusal("{kind: least-stranding, size: 1}", "objectives")


@pytest.mark.parametrize(
    ("nodes", "expected"),
    [
        ([(8, 0), (5, 0)], 0),  # 4 and 5 are left
        ([(7, 0), (5, 0)], 1),  # 7 and 1, or 3 and 5
        ([(7, 0), (4, 0)], 0),  # 7 and nothing
        ([(7, 0), (5, 3)], 4),  # three blocks of huge pages are stranded whatever is done
        ([(4, 3)], 3),
        ([(3, 7)], 3 + 3),
    ],
)
def test_values(nodes: list[tuple[int, int]], expected: int) -> None:
    """A cell of four blocks: what is left in pools of less than four, worked out by hand."""
    given = {"host": host(*nodes)}
    assert stranded([4], 4, **given) == expected * B


def test_a_piece_is_the_smallest_target_over_its_cells() -> None:
    """Nine blocks left hold no third cell of ten, nor would eight; ten would."""
    for free, expected in ((20, 0), (29, 9), (30, 0)):
        assert stranded([4, 4], 20, host=host((free, 0))) == expected * B


def test_no_host_no_stranding() -> None:
    """Where nothing is placed nothing is left over."""
    assert stranded([4], 4) == 0


def test_whole_pages_only() -> None:
    """A cell of 3.5 GiB would take four pages of 1 GiB: three are stranded, four are not."""
    assert stranded([28], 28, host=host((0, 28, 3))) == 3 * GiB
    assert stranded([28], 28, host=host((0, 28, 4))) == 0


def test_odd_memory_is_counted_in_whole_mib() -> None:
    """3.5 MiB of ordinary memory that nothing can use are 3 MiB stranded."""
    where = host((4, 0))
    where["nodes"][0]["memory"] += 7 * MiB // 2
    where["nodes"][0]["free"] += 7 * MiB // 2
    assert stranded([4], 4, host=where) == 3 * MiB


def test_guests_share_the_leftovers() -> None:
    """Two guests of 3 and 4 blocks on nodes of 7 and 6: together on 7, nothing is stranded."""
    given = two_guests(
        make_guest([3], 3), make_guest([4], 4), host=host((7, 0), (6, 0)), objectives=ORDER
    )
    assert values(given)["least-stranding"] == 0
    assert (nodes_of(given, 0), nodes_of(given, 1)) == ([(0,)], [(0,)])


def test_the_order_matters() -> None:
    """Huge pages would strand a block of them; ordinary memory would not."""
    where = host((4, 5))
    clean = values(problem([4], 4, host=where, objectives=["least-stranding"]))
    large = values(problem([4], 4, host=where, objectives=["largest-pages"]))
    assert clean["least-stranding"] == 0
    assert large["least-stranding"] == B

"""`least-imbalance`: cells as near to their share as possible at every stage."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from slotsolver.objectives.least_imbalance import LeastImbalance
from tests.constraints.builders import (
    B,
    best,
    make_guest,
    objective_line,
    problem,
    refusal,
    two_guests,
    values,
)

ORDER = ["least-imbalance", "fewest-slots"]


def imbalance(*args: Any, **kwargs: Any) -> int:
    """The value in blocks where it comes first."""
    kwargs.setdefault("objectives", ORDER)
    found = values(problem(*args, **kwargs))["least-imbalance"]
    assert found % B == 0
    return found // B


def test_line() -> None:
    """The bare kind is the class."""
    objective = objective_line("least-imbalance")
    assert objective == LeastImbalance()
    assert objective.describe() == "the difference between the cells at every stage"
    assert "has no field 'by'" in refusal("{kind: least-imbalance, by: cpus}", "objectives")


@pytest.mark.parametrize(
    ("cells", "target", "maximum", "expected"),
    [
        ([2, 2], 4, 8, 0),
        ([2, 2], 4, 7, 1),
        ([1, 4], 6, 8, 2),  # 2 + 4, then 4 + 4
        ([1, 4], 7, 9, 2),  # 3 + 4, then 4 + 5
        ([1, 6], 8, 10, 4 + 2),
        ([1, 1, 1], 5, 7, 1 + 1),
        ([1, 1, 4], 7, 9, 3 + 2),  # 2 + 1 + 4, then 3 + 2 + 4 or 2 + 3 + 4
        ([3], 3, 9, 0),
    ],
)
def test_values(cells: Sequence[int], target: int, maximum: int, expected: int) -> None:
    """The largest cell less the smallest at target and maximum, worked out by hand; boot memory
    that is given does not count."""
    assert imbalance(cells, target, maximum) == expected


def test_boot_memory_that_is_given_never_counts() -> None:
    """Not even where it is the target: nothing could be done about it."""
    assert imbalance([1, 4], 5, None) == 0


def test_targets_per_cell_do_not_count() -> None:
    """What is asked for is no imbalance; the maximum counts, here 5 + 6."""
    assert imbalance([2, 2], {0: 2, 1: 6}, None) == 0
    assert imbalance([2, 2], {0: 2, 1: 6}, 11) == 1


def test_shares_of_a_policy() -> None:
    """By shares of 1 and 3 cells of 2 and 6 are even; equal ones are two blocks above and below."""
    loose = {"kind": "balance", "by": [1, 3], "tolerance": 9 * B}
    assert imbalance([2, 4], 8, None, loose) == 0
    assert imbalance([4, 3], 8, None, loose) == 4


def test_free_boot_memory() -> None:
    """Nine blocks over two free cells are 4 and 5, all at boot."""
    given = problem([None, None], 9, objectives=ORDER)
    assert values(given)["least-imbalance"] == B
    assert not best(given).guests[0].dimms


def test_waypoints_count() -> None:
    """5 of 4 + 1, 6 of 4 + 2, then 4 + 4."""
    assert imbalance([1, 4], 6, 8, waypoints=[7 * B]) == 2 + 1 + 0


def test_guests_add_up() -> None:
    """One block off and two."""
    given = two_guests(make_guest([2, 2], 5), make_guest([1, 4], 6), objectives=["least-imbalance"])
    assert values(given)["least-imbalance"] == (1 + 2) * B


def test_the_order_matters() -> None:
    """Even cells take two DIMMs; one DIMM leaves them two blocks apart."""
    even = values(problem([2, 2], 4, 6, objectives=ORDER))
    few = values(problem([2, 2], 4, 6, objectives=ORDER[::-1]))
    assert (even["least-imbalance"], even["fewest-slots"]) == (0, 2)
    assert (few["least-imbalance"], few["fewest-slots"]) == (2 * B, 1)

"""`growth-imbalance`: later growth of running guests is spread evenly too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from slotsolver.objectives.growth_imbalance import GrowthImbalance
from tests.constraints.builders import (
    B,
    best,
    done,
    make_guest,
    objective_line,
    packed,
    problem,
    refusal,
    running,
    two_guests,
    values,
)

KIND = "growth-imbalance"


def imbalance(*args: Any, **given: Any) -> int:
    """The value in blocks where it is named."""
    found = values(running(*args, **{"objectives": [KIND], **given}))[KIND]
    assert found % B == 0
    return found // B


def test_line() -> None:
    """The bare kind is the class."""
    objective = objective_line(KIND)
    assert (objective, objective.unit) == (GrowthImbalance(), "bytes")
    assert objective.describe() == "the difference between the cells in later growth"
    assert "has no field 'by'" in refusal("{kind: growth-imbalance, by: cpus}", "objectives")


@pytest.mark.parametrize(
    ("cells", "maximum", "expected"),
    [([2, 2], 8, 0), ([2, 2], 7, 1), ([1, 4], 8, 0), ([1, 4], 7, 1), ([1, 6], 9, 3), ([3], 9, 0)],
)
def test_values(cells: Sequence[int], maximum: int, expected: int) -> None:
    """The largest cell less the smallest when all has come, worked out by hand: 4 + 4, 3 + 4, 4 +
    4, 3 + 4, 3 + 6, and nothing to compare."""
    assert imbalance(cells, sum(cells), maximum) == expected


def test_the_target_does_not_count() -> None:
    """Cells that are uneven now may be even later: 2 + 4, then 4 + 4."""
    assert imbalance([2, 2], 6, 8, devices=packed((1, 2))) == 0


def test_waypoints_count() -> None:
    """2 + 3, then 3 + 4."""
    assert imbalance([2, 2], 4, 7, waypoints=[5 * B]) == 1 + 1


def test_shares_of_a_policy() -> None:
    """By shares of 1 and 3 cells of 2 and 6 are even."""
    loose = {"kind": "balance", "by": [1, 3], "tolerance": 9 * B}
    assert imbalance([2, 2], 4, 8, loose) == 0


def test_guests_add_up_and_new_ones_do_not_count() -> None:
    """One block off each; the guest that does not run has its own objective."""
    guest = make_guest([2, 2], 4, 7, running=True, slots=8)
    assert values(two_guests(guest, guest, objectives=[KIND]))[KIND] == 2 * B
    new = guest | {"running": False, "slots": None}
    assert values(two_guests(guest, new, objectives=[KIND]))[KIND] == B
    assert values(problem([2, 2], 4, 7, objectives=[KIND]))[KIND] == 0


def test_the_order_matters() -> None:
    """With one slot all of maxMemory is reached in one cell, four blocks above the other; where
    even growth is more important, nothing ever comes."""
    first, second = (
        values(running([2, 2], 4, 8, slots=1, objectives=order))
        for order in (["stranded-growth", KIND], [KIND, "stranded-growth"])
    )
    assert (first["stranded-growth"], first[KIND]) == (0, 4 * B)
    assert (second["stranded-growth"], second[KIND]) == (4 * B, 0)


def test_it_decides_what_comes_later_only() -> None:
    """What is done now is done as before; then the cells become even."""
    given: dict[str, Any] = {"devices": packed((0, 1))}
    usual, named = (running([2, 2], 6, 10, objectives=o, **given) for o in ((), [KIND]))
    assert len(done(usual)) == len(done(named)) == 1
    assert best(named).guests[0].stages[-1].cells == (5 * B, 5 * B)

"""`target-distance`: running guests come as near to their targets as they can."""

from __future__ import annotations

from typing import Any

import pytest

from slotsolver.objectives.target_distance import TargetDistance
from tests.constraints.builders import (
    B,
    best,
    done,
    objective_line,
    packed,
    refusal,
    running,
    two_running,
    values,
)

NEAREST = {"kind": "accept", "distance": "nearest"}
KIND = "target-distance"


def test_line() -> None:
    """The bare kind is the class."""
    objective = objective_line(KIND)
    assert (objective, objective.unit) == (TargetDistance(), "bytes")
    assert objective.describe() == "the distance of running guests from their targets"
    assert "has no field 'size'" in refusal("{kind: target-distance, size: 1}", "objectives")


@pytest.mark.parametrize(
    ("target", "side", "distance"),
    [
        (7, "nearest", 0),
        (5, "nearest", 1),
        (5, "below", 2),
        (4, "nearest", 1),
        (4, "above", 2),
        (9, "nearest", 0),
    ],
)
def test_values(target: int, side: str, distance: int) -> None:
    """With 2 blocks and DIMMs of 1 and 4 it can have 2, 3, 6, 7 and more."""
    accept = {"kind": "accept", "distance": side}
    given = running([2], target, 16, accept, devices=packed(1, 4))
    assert values(given)[KIND] == distance * B


def test_it_is_nothing_where_the_target_has_to_be_met() -> None:
    """Then there is a plan only if it is."""
    assert values(running([2], 6, 16, devices=packed(1, 4)))[KIND] == 0


def test_cells_add_up() -> None:
    """With targets per cell each cell's distance counts, up and down: 6 for 5 and 3 for 4. Of the
    guest as a whole these would cancel."""
    devices = packed((0, 4), (1, 1))
    apart = running([2, 2], {0: 5, 1: 1 + 2 + 1}, 16, NEAREST, devices=devices, slots=2)
    assert values(apart)[KIND] == (1 + 1) * B
    together = running([2, 2], 9, 16, NEAREST, devices=devices, slots=2)
    assert values(together)[KIND] == 0


def test_guests_add_up() -> None:
    """One block off and two."""
    assert values(two_running(((1, 4), 5), ((4,), 4), NEAREST))[KIND] == (1 + 2) * B


def test_it_decides_and_comes_first() -> None:
    """A guest that stays as it is does least; only its target makes it move. Named behind
    something else it comes later."""
    given: dict[str, Any] = {"devices": packed(1, 4)}
    assert done(running([2], 3, 16, NEAREST, **given)) == [("unplug", 1, 4)]
    order = ["fewest-unplugs", KIND]
    assert done(running([2], 3, 16, NEAREST, objectives=order, **given)) == []
    assert next(iter(values(running([2], 3, 16, NEAREST, **given)))) == KIND
    named = running([2], 3, 16, NEAREST, objectives=["shortest-distance"], **given)
    assert next(iter(values(named))) == KIND


def test_new_guests_have_none() -> None:
    """Beside a guest that runs one that does not counts nothing."""
    given = two_running(((1, 4), 5), ((), 4), NEAREST)
    new = given.guests[1].model_copy(update={"running": False})
    both = given.model_copy(update={"guests": (given.guests[0], new)})
    assert values(both)[KIND] == B
    assert best(both).guests[1].memory == 4 * B

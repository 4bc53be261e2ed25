"""`planned-growth`: what was planned once is plugged as it was planned."""

from __future__ import annotations

from typing import Any

import pytest

from slotsolver.objectives.planned_growth import PlannedGrowth
from slotsolver.problem import Problem
from tests.constraints.builders import (
    BASE,
    B,
    best,
    done,
    objective_line,
    packed,
    refusal,
    running,
    values,
)

KIND = "planned-growth"


def reserved(slot: int, size: int, at: int, cell: int = 0) -> dict[str, Any]:
    """A DIMM that was planned once, in blocks."""
    return {"slot": slot, "size": size * B, "cell": cell, "address": BASE + at * B}


GROWTH = [reserved(3, 1, 1), reserved(5, 1, 3)]
"""Two DIMMs of a block, at places of their own."""


def grown(target: int, *policies: dict[str, Any], most: int = 12, **given: Any) -> Problem:
    """A guest of 2 blocks, with this growth planned once."""
    return running([2], target, most, *policies, **{"growth": GROWTH, **given})


def test_line() -> None:
    """The bare kind is the class."""
    objective = objective_line(KIND)
    assert (objective, objective.unit) == (PlannedGrowth(), "DIMMs")
    assert objective.describe() == "the departures from the growth that was planned once"
    assert "has no field 'slots'" in refusal("{kind: planned-growth, slots: 1}", "objectives")


def test_growth_is_followed() -> None:
    """Its sizes, slots and addresses, though one larger DIMM would do, and other places are free
    before them."""
    plan = best(grown(4)).guests[0]
    plugged = [(d.slot, d.size // B, d.address) for d in plan.dimms if d.state == "plug"]
    assert plugged == [(3, 1, BASE + B), (5, 1, BASE + 3 * B)]
    assert plan.departures == ()
    assert values(grown(4))[KIND] == 0
    assert done(grown(3)) == [("plug", 3, 1)]
    assert done(grown(4, growth=())) == [("plug", 0, 2)]


@pytest.mark.parametrize(("target", "departures"), [(2, 0), (3, 0), (4, 0), (5, 1), (8, 1)])
def test_values(target: int, departures: int) -> None:
    """Beyond what was planned one DIMM more comes; what is not needed now stays reserved."""
    assert values(grown(target))[KIND] == departures


@pytest.mark.parametrize(
    ("policy", "departures"),
    [
        ({"kind": "sizes", "allowed": [2 * B]}, 1 + 2),
        ({"kind": "slots", "at_most": 1}, 1 + 2),
        ({"kind": "slots", "at_most": 2}, 0),
    ],
)
def test_what_policies_forbid_now(policy: dict[str, Any], departures: int) -> None:
    """A DIMM that was not planned comes, and two that were are given up; told in so many words."""
    given = grown(4, policy, most=4)
    assert values(given)[KIND] == departures
    assert len(best(given).guests[0].departures) == departures


def test_slots_and_places_that_are_taken() -> None:
    """A DIMM in a planned slot, or where a planned one was to lie, is in its way until it goes."""
    there = packed(2)
    in_slot = [there[0] | {"slot": 5, "address": BASE + 8 * B}]
    assert values(running([2], 5, 12, devices=in_slot, growth=GROWTH))[KIND] == 1
    assert values(running([2], 5, 12, devices=there, growth=GROWTH))[KIND] == 1
    goes = running([2], 2, 12, devices=in_slot, growth=GROWTH)
    assert values(goes)[KIND] == 0


def test_it_comes_before_few_plugs() -> None:
    """Two planned DIMMs rather than one; the other way round only where that is named so."""
    order = ["fewest-plugs", KIND]
    assert len(done(grown(4))) == 2
    assert done(grown(4, objectives=order)) == [("plug", 0, 2)]
    assert values(grown(4, objectives=order))[KIND] == 1
    named = list(values(grown(4, objectives=["shortest-distance"])))
    assert named.index(KIND) < named.index("fewest-plugs") < named.index("shortest-distance")


def test_without_planned_growth_it_is_left_out() -> None:
    """There is nothing to depart from; asked for, it counts what is plugged."""
    assert KIND not in values(grown(4, growth=()))
    assert values(grown(4, growth=(), objectives=[KIND]))[KIND] == 1

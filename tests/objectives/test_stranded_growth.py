"""`stranded-growth`: the maximum stays within reach."""

from __future__ import annotations

from typing import Any

import pytest

from slotsolver.objectives.stranded_growth import StrandedGrowth
from tests.constraints.builders import (
    B,
    best,
    dimm,
    done,
    objective_line,
    packed,
    refusal,
    region,
    running,
    two_running,
    values,
)

KIND = "stranded-growth"


def step(size: int) -> dict[str, Any]:
    """DIMMs of at most that many blocks."""
    return {"kind": "step", "size": size * B}


def test_line() -> None:
    """The bare kind is the class."""
    objective = objective_line(KIND)
    assert (objective, objective.unit) == (StrandedGrowth(), "bytes")
    assert objective.describe() == "the growth that can no longer be reached"
    assert "has no field 'size'" in refusal("{kind: stranded-growth, size: 1}", "objectives")


@pytest.mark.parametrize(
    ("slots", "largest", "stranded"),
    [(8, 2, 0), (4, 2, 0), (3, 2, 2), (1, 2, 6), (0, 2, 8), (2, 3, 2)],
)
def test_slots_that_are_left(slots: int, largest: int, stranded: int) -> None:
    """Eight blocks of growth in so many DIMMs of at most so many blocks."""
    given = running([2], 2, 10, step(largest), slots=slots)
    assert values(given)[KIND] == stranded * B
    assert best(given).guests[0].stranded == stranded * B


def test_what_comes_now_takes_slots_too() -> None:
    """One of three slots now; what is there takes another."""
    given = running([2], 4, 12, step(2), devices=packed(1), slots=3)
    assert values(given)[KIND] == (12 - 4 - 2) * B


def test_addresses_that_are_left() -> None:
    """maxMemory is counted, not the window: a DIMM in the midst leaves room behind it, since each
    slot lengthens the window by 1 GiB. A DIMM of 4 KiB pages may lie anywhere in it."""
    given = running([2], 3, 10, devices=[dimm(0, 1, 5)], slots=2)
    assert values(given)[KIND] == 0


def test_idle_virtio_mem() -> None:
    """What a device has is reached by it; where it may not be used, it is stranded."""
    devices = [region(8, 1, 0)]
    assert values(running([2], 3, 10, devices=devices))[KIND] == 0
    given = running([2], 3, 12, {"kind": "device", "use": "dimm"}, devices=devices)
    assert values(given)[KIND] == 7 * B


def test_guests_add_up() -> None:
    """Each guest has 8 slots of a block, up to 16: 6 are missing of each."""
    assert values(two_running(((), 2), ((), 3), step(1)))[KIND] == (6 + 6) * B


def test_it_comes_after_few_unplugs() -> None:
    """Two blocks less by one DIMM leave one slot of three; by two DIMMs they leave two, with which
    all of maxMemory is reached."""
    given: dict[str, Any] = {"devices": packed(1, 1, 2), "slots": 3}
    usual = running([2], 4, 8, step(2), **given)
    assert done(usual) == [("unplug", 2, 2)]
    assert values(usual)[KIND] == 2 * B
    named = running([2], 4, 8, step(2), objectives=[KIND, "fewest-unplugs"], **given)
    assert len(done(named)) == 2
    assert values(named)[KIND] == 0


def test_it_decides_between_dimms_that_come() -> None:
    """Two slots for five blocks, in DIMMs of 1, 2 or 3: of the two that come at first none is
    better, but 1 and 1 would not reach the maximum."""
    sizes = {"kind": "sizes", "allowed": [B, 2 * B, 3 * B]}
    given = running([2], 4, 7, sizes, slots=2)
    assert done(given) == [("plug", 0, 2)]
    assert values(given)[KIND] == 0


def test_it_comes_before_what_a_problem_names() -> None:
    """Growth that is given up would be the best by most objectives."""
    named = list(values(running([2], 2, 10, objectives=["largest-pages", "fewest-slots"])))
    assert named.index(KIND) < named.index("largest-pages")
    given = running([2], 2, 10, objectives=["fewest-slots", KIND])
    assert values(given)[KIND] == 8 * B

"""`keep`: DIMMs of a running guest that stay plugged."""

from __future__ import annotations

from typing import Any

import pytest

from slotsolver.constraints.keep import Keep
from tests.constraints.builders import (
    best,
    done,
    input_error,
    packed,
    policy_line,
    problem,
    refusal,
    region,
    rules,
    running,
    slots,
    two_running,
)


def rule(*kept: int, **fields: Any) -> dict[str, Any]:
    """A line of this policy; without slots every DIMM is meant."""
    return {"kind": "keep", **({"slots": list(kept)} if kept else {}), **fields}


@pytest.mark.parametrize(
    ("line", "policy", "says"),
    [
        ("keep", Keep(), "nothing is unplugged"),
        ("{kind: keep, slots: [3, 0]}", Keep(slots=(0, 3)), "the DIMMs in slots 0,3 stay"),
        ("{kind: keep, slots: 0-3}", Keep(slots=(0, 1, 2, 3)), "the DIMMs in slots 0-3 stay"),
        ("{kind: keep, slots: 2}", Keep(slots=(2,)), "the DIMMs in slots 2 stay"),
    ],
)
def test_line(line: str, policy: Keep, says: str) -> None:
    """The lines of YAML are the class, and say their rules."""
    assert policy_line(line) == policy
    assert policy.describe() == says


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("{kind: keep, slots: []}", "name at least one slot, or leave slots out"),
        ("{kind: keep, slots: [-1]}", "slots: ids go from 0"),
        ("{kind: keep, slots: first}", "'first' is not a set of ids"),
        ("{kind: keep, slot: 1}", "did you mean 'slots'?"),
    ],
)
def test_refused_lines(line: str, says: str) -> None:
    """A bad line is refused with its place and what would help."""
    assert says in refusal(line)


def test_other_dimms_go() -> None:
    """Of two that are alike the one that is not kept; of larger and smaller ones likewise."""
    assert done(running([2], 3, 16, devices=packed(1, 1))) == [("unplug", 1, 1)]
    assert done(running([2], 3, 16, rule(1), devices=packed(1, 1))) == [("unplug", 0, 1)]
    assert done(running([2], 4, 16, devices=packed(1, 1, 2))) == [("unplug", 2, 2)]
    kept = done(running([2], 4, 16, rule(2), devices=packed(1, 1, 2)))
    assert kept == [("unplug", 1, 1), ("unplug", 0, 1)]


def test_what_is_kept_stands_in_the_way() -> None:
    """The conflict names it; what else could be reached is told."""
    given = running([2], 3, 16, rule(0, 1), devices=packed(1, 1))
    assert set(rules(given)) == {"target", "policy keep"}
    assert slots(running([2], 3, 16, rule(), devices=packed(1, 1))) is None


def test_every_dimm() -> None:
    """Without slots nothing goes, and a virtio-mem device gives nothing back."""
    assert done(running([2], 6, 16, rule(), devices=packed(1, 1))) == [("plug", 2, 2)]
    given = running([2], 3, 16, rule(), devices=[region(4, 2, 0)])
    assert "policy keep" in rules(given)
    given = running([2], 3, 16, rule(1), devices=packed(1, 1))
    assert done(given) == [("unplug", 0, 1)]


def test_slots_are_of_dimms() -> None:
    """A virtio-mem device is in no slot: it may give something back though slot 0 is kept."""
    devices = [*packed(1), region(4, 2, 4)]
    assert done(running([2], 3, 16, rule(0), devices=devices)) == [("resize", 0, 0)]


def test_cells() -> None:
    """Only DIMMs of the cells named; a slot of another cell is not kept."""
    devices = packed((0, 1), (1, 1))
    assert done(running([2, 2], 5, 16, rule(cells=[1]), devices=devices)) == [("unplug", 0, 1)]
    given = running([2, 2], 4, 16, rule(0, 1, cells=[0]), devices=devices)
    assert "policy keep" in rules(given)
    given = running([2, 2], 5, 16, rule(0, 1, cells=[0]), devices=devices)
    assert done(given) == [("unplug", 1, 1)]


def test_a_slot_that_no_guest_has() -> None:
    """A slot that is mistyped is told before a DIMM goes that was to be kept."""
    with pytest.raises(ValueError, match="policy keep names slot 5, but no guest has a DIMM there"):
        running([2], 3, 16, rule(0, 5), devices=packed(1, 1))


def test_guests() -> None:
    """Only the guests named, which must have a DIMM there."""
    one, two = ((1, 1), 3), ((1,), 2)
    plan = best(two_running(one, two, rule(1, guests=["one"])))
    assert [[o.slot for o in guest.operations] for guest in plan.guests] == [[0], [0]]
    assert [o.slot for o in best(two_running(one, two, rule(1))).guests[1].operations] == [0]
    said = input_error(two_running(one, two, rule(1, guests=["two", "one"])))
    assert said == "policy keep names slot 1, but guest two has no DIMM there"


def test_new_guests_are_not_meant() -> None:
    """A guest that does not run has nothing to keep."""
    assert len(best(problem([2], 4, 8, rule(0))).guests[0].dimms) == 2

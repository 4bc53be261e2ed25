"""`slots`: how many slots the layout takes."""

from __future__ import annotations

from typing import Any

import pytest

from slotsolver.constraints.slots import Slots
from slotsolver.problem import Problem
from slotsolver.size import GiB
from tests.constraints.builders import (
    B,
    best,
    make_guest,
    policy_line,
    problem,
    refusal,
    rules,
    slots,
    two_guests,
)

STEP = {"kind": "step", "size": 2 * B}
DIMM: dict[str, Any] = {"model": "dimm", "size": B, "cell": 0, "slot": 0}


def rule(**fields: Any) -> dict[str, Any]:
    """A line of this policy."""
    return {"kind": "slots", **fields}


def test_line() -> None:
    """The lines of YAML are the class, and say their rules."""
    most, exactly = (policy_line(f"{{kind: slots, {f}: 8}}") for f in ("at_most", "exactly"))
    assert (most, exactly) == (Slots(at_most=8), Slots(exactly=8))
    assert most.describe() == "the layout takes at most 8 slots"
    assert exactly.describe() == "the layout takes exactly 8 slots"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("{kind: slots}", "slots takes either at_most or exactly"),
        ("{kind: slots, at_most: 4, exactly: 4}", "slots takes either at_most or exactly"),
        ("{kind: slots, at_most: -1}", "at_most: Input should be greater than or equal to 0"),
        ("{kind: slots, exactly: many}", "exactly: Input should be a valid integer"),
        ("{kind: slots, at_most: 1 GiB}", "at_most: Input should be a valid integer"),
        ("{kind: slots, atmost: 4}", "did you mean 'at_most'?"),
    ],
)
def test_refused_lines(line: str, says: str) -> None:
    """A bad line is refused with its place and what would help."""
    assert says in refusal(line)


def test_at_most_boundary() -> None:
    """Eight blocks in steps of two take four slots."""
    assert slots(problem([2], 2, 10, STEP)) == 4
    assert slots(problem([2], 2, 10, STEP, rule(at_most=4))) == 4
    assert "policy slots" in rules(problem([2], 2, 10, STEP, rule(at_most=3)))


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_exactly(count: int) -> None:
    """Four blocks can be one to four DIMMs, and the slot count written is that."""
    plan = best(problem([2], 2, 6, rule(exactly=count)))
    assert len(plan.guests[0].dimms) == plan.guests[0].slots == count


@pytest.mark.parametrize("count", [0, 5])
def test_exactly_out_of_reach(count: int) -> None:
    """Four blocks are never no DIMM and never five."""
    assert slots(problem([2], 2, 6, rule(exactly=count))) is None


def test_no_slots_are_enough_for_no_growth() -> None:
    """A guest that does not grow takes none, and none can be asked for."""
    assert slots(problem([2], 2, None, rule(exactly=0))) == 0
    assert slots(problem([2], 2, None, rule(at_most=0))) == 0


def test_existing_dimms_count() -> None:
    """Of three slots one is taken, so that two are left to grow with."""
    given: dict[str, Any] = {"devices": [DIMM]}
    assert slots(problem([2], 3, 7, STEP, rule(at_most=3), **given)) == 2
    assert slots(problem([2], 3, 7, STEP, rule(at_most=2), **given)) is None
    assert slots(problem([2], 3, 7, STEP, rule(exactly=4), **given)) == 3


REGION = {"model": "virtio-mem", "size": 2 * B, "cell": 0, "requested": 0, "block": 2 << 20}


@pytest.mark.parametrize(("libvirt", "most"), [("9.0", 2), ("9.5", 1)])
def test_what_libvirt_counts(libvirt: str, most: int) -> None:
    """Before 9.5 libvirt counts a virtio-mem against the slots too, later only DIMMs."""
    given: dict[str, Any] = {"devices": [REGION], "libvirt": libvirt}
    assert slots(problem([2], 4, 6, rule(at_most=most), **given)) == 1
    assert slots(problem([2], 4, 6, rule(at_most=most - 1), **given)) is None


@pytest.mark.parametrize(("libvirt", "count"), [("9.0", 2), ("9.5", 1)])
def test_exactly_counts_what_at_most_counts(libvirt: str, count: int) -> None:
    """`exactly` is the same number that `at_most` limits."""
    given: dict[str, Any] = {"devices": [REGION], "libvirt": libvirt}
    assert slots(problem([2], 4, 6, rule(exactly=count), **given)) == 1


def test_the_guests_own_limit_holds_too() -> None:
    """The smaller of the domain's slots and the policy's counts."""
    assert slots(problem([2], 2, 10, STEP, rule(at_most=9), slots=4)) == 4
    assert slots(problem([2], 2, 10, STEP, rule(at_most=9), slots=3)) is None


def test_slots_without_growth() -> None:
    """A guest that cannot grow is planned without slots, whatever its domain says."""
    assert best(problem([2], 2, None, slots=4)).guests[0].slots == 0


def test_guests() -> None:
    """Only the guests named."""
    guest = make_guest([2], 2, 6)
    plan = best(two_guests(guest, guest, rule(exactly=3, guests=["two"])))
    assert [len(g.dimms) for g in plan.guests] == [1, 3]


@pytest.mark.parametrize("count", range(1, 9))
@pytest.mark.parametrize("more", [[], [{"kind": "step", "size": GiB}]])
def test_exactly_may_exceed_an_open_maximum(count: int, more: list[dict[str, Any]]) -> None:
    """So many DIMMs of one block at least have to be there, however much that is."""
    guest = {
        "name": "one",
        "cells": [{"memory": GiB}],
        "target": GiB,
        "maximum": {"at_least": 2 * GiB},
    }
    document = {
        "guests": [guest],
        "policies": [{"kind": "guest-block", "size": GiB // 2}, rule(exactly=count), *more],
        "objectives": [{"kind": "lowest-maxmem"}],
    }
    plan = best(Problem.model_validate(document))
    assert plan.guests[0].maximum == max(2 * GiB, GiB + count * GiB // 2)

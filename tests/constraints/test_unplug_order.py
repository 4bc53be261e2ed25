"""`unplug-order`: which DIMMs of a running guest go before others."""

from __future__ import annotations

from typing import Any

import pytest

from slotsolver.constraints.unplug_order import UnplugOrder
from tests.constraints.builders import (
    B,
    best,
    done,
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


def rule(order: str | list[int], **fields: Any) -> dict[str, Any]:
    """A line of this policy."""
    return {"kind": "unplug-order", "order": order, **fields}


ABOVE = {"kind": "accept", "distance": "above"}
SIZES = (2, 1, 3, 1)
"""A guest with 2 blocks and these in slots 0 to 3: 9 together."""


def gone(target: int, *policies: dict[str, Any]) -> list[int]:
    """The slots whose DIMMs go, in the order of the operations."""
    return [
        slot for _, slot, _ in done(running([2], target, 16, *policies, devices=packed(*SIZES)))
    ]


@pytest.mark.parametrize(
    ("line", "policy", "says"),
    [
        (
            "{kind: unplug-order, order: highest-slot}",
            UnplugOrder(order="highest-slot"),
            "the highest slot is unplugged first",
        ),
        (
            "{kind: unplug-order, order: smallest}",
            UnplugOrder(order="smallest"),
            "the smallest is unplugged first",
        ),
        (
            "{kind: unplug-order, order: [3, 0]}",
            UnplugOrder(order=(3, 0)),
            "the DIMMs in slots 3, 0 are unplugged first",
        ),
    ],
)
def test_line(line: str, policy: UnplugOrder, says: str) -> None:
    """The lines of YAML are the class, and say their rules."""
    assert policy_line(line) == policy
    assert policy.describe() == says


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("unplug-order", "order: this field is needed here"),
        ("{kind: unplug-order, order: biggest}", "'largest' or 'smallest', not 'biggest'"),
        ("{kind: unplug-order, order: [1, 0, 1]}", "at least one slot, and each slot once"),
        ("{kind: unplug-order, order: []}", "at least one slot, and each slot once"),
        ("{kind: unplug-order, orders: [1]}", "did you mean 'order'?"),
    ],
)
def test_refused_lines(line: str, says: str) -> None:
    """A bad line is refused with its place and what would help."""
    assert says in refusal(line)


@pytest.mark.parametrize(
    ("order", "target", "slots_gone"),
    [
        ("highest-slot", 8, [3]),
        ("highest-slot", 5, [3, 2]),
        ("lowest-slot", 7, [0]),
        ("lowest-slot", 6, [0, 1]),
        ("largest", 6, [2]),
        ("largest", 4, [2, 0]),
        ("smallest", 7, [3, 1]),
        ("smallest", 5, [3, 1, 0]),
        ([0], 7, [0]),
        ([2, 1], 5, [2, 1]),
        ([1, 3], 5, [1, 3, 0]),
    ],
)
def test_orders(order: str | list[int], target: int, slots_gone: list[int]) -> None:
    """What goes is a beginning of the order, and goes in it."""
    assert gone(target, rule(order)) == slots_gone


def test_other_dimms_than_without() -> None:
    """Two blocks less are one DIMM of two; smallest first they are two of one."""
    assert gone(7) == [0]
    assert gone(7, rule("smallest")) == [3, 1]


def test_equal_ones_go_in_any_order() -> None:
    """Of the two of one block either may go; of all slots that a list leaves out, too."""
    assert len(gone(8, rule("smallest"))) == 1
    assert gone(8, rule("smallest"), {"kind": "keep", "slots": [3]}) == [1]
    assert gone(6, rule([0])) == [0, 3]


@pytest.mark.parametrize(
    ("order", "target"), [("highest-slot", 7), ("lowest-slot", 8), ("largest", 7), ([2], 8)]
)
def test_sizes_that_no_beginning_makes(order: str | list[int], target: int) -> None:
    """A target that only others meet cannot be met; above it the next beginning is nearest."""
    assert gone(target)
    given = running([2], target, 16, rule(order), devices=packed(*SIZES))
    assert set(rules(given)) == {"target", "no-swap", "policy unplug-order"}
    above = best(running([2], target, 16, rule(order), ABOVE, devices=packed(*SIZES)))
    assert above.guests[0].memory > target * B


def test_what_stays_anyway_is_in_no_order() -> None:
    """DIMMs that are kept, or too large for a step, do not have to go first."""
    assert gone(7, rule("largest"), {"kind": "keep", "slots": [2]}) == [0]
    assert gone(7, rule("largest"), {"kind": "per-step", "size": 2 * B}) == [0]


def test_several_orders() -> None:
    """All of them hold: a DIMM goes only if it is next in each."""
    devices = packed(1, 2, 2)
    assert done(running([2], 5, 16, rule("highest-slot"), rule("largest"), devices=devices)) == [
        ("unplug", 2, 2)
    ]
    given = running([2], 6, 16, rule("highest-slot"), rule("smallest"), devices=devices)
    assert slots(given) is None


def test_virtio_mem_is_in_no_order() -> None:
    """The device may give back whatever the order of DIMMs is."""
    devices = [*packed(2, 4), region(4, 2, 8)]
    assert done(running([2], 9, 16, rule("largest"), devices=devices)) == [("resize", 0, 1)]


def test_cells() -> None:
    """An order of one cell's DIMMs: those of the other go as they like."""
    given: dict[str, Any] = {"devices": packed((0, 1), (0, 2), (1, 1), (1, 2))}
    lowest = rule("lowest-slot", cells=[1])
    assert done(running([2, 2], {0: 3, 1: 4}, 16, lowest, **given)) == [
        ("unplug", 2, 1),
        ("unplug", 1, 2),
    ]
    assert slots(running([2, 2], {0: 3, 1: 3}, 16, lowest, **given)) is None


def test_a_slot_that_no_guest_has() -> None:
    """A mistyped slot is told."""
    with pytest.raises(
        ValueError, match="policy unplug-order names slot 4, but no guest has a DIMM"
    ):
        gone(7, rule([0, 4]))


def test_guests() -> None:
    """Only the guests named."""
    plan = best(two_running((SIZES, 7), (SIZES, 7), rule("smallest", guests=["two"])))
    assert [[o.slot for o in guest.operations] for guest in plan.guests] == [[0], [3, 1]]


def test_new_guests_are_not_meant() -> None:
    """Nothing of a guest that does not run is unplugged."""
    assert len(best(problem([2], 4, 8, rule("largest"))).guests[0].dimms) == 2

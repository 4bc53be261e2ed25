"""`swap`: DIMMs of a running guest may be exchanged."""

from __future__ import annotations

from typing import Any

from slotsolver.constraints.swap import Swap
from slotsolver.plan import Infeasible
from slotsolver.solver import solve
from tests.constraints.builders import (
    B,
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

RULE: dict[str, Any] = {"kind": "swap"}


def test_line() -> None:
    """The bare kind is the class, and says its rule."""
    policy = policy_line("swap")
    assert policy == Swap() == policy_line("{kind: swap}")
    assert policy.describe() == "DIMMs may be exchanged for others"


def test_refused_lines() -> None:
    """It has no fields of its own and is about whole guests."""
    assert "swap has no field 'slots'" in refusal("{kind: swap, slots: [1]}")
    assert "it takes no cells" in refusal("{kind: swap, cells: [0]}")


def test_a_target_that_only_an_exchange_meets() -> None:
    """Of 2, 1 and 4 blocks no part is 5: 4 go and 2 come. Without it there is no plan, and that it
    would help is said."""
    assert done(running([2], 5, 16, RULE, devices=packed(1, 4))) == [
        ("unplug", 1, 4),
        ("plug", 1, 2),
    ]
    answer = solve(running([2], 5, 16, devices=packed(1, 4)))
    assert isinstance(answer, Infeasible)
    assert "no-swap" in [member.rule for member in answer.conflict]
    assert any(remedy.to == "swap" for remedy in answer.remedies)


def test_nothing_is_exchanged_without_need() -> None:
    """What plain growth or shrinking meets is met so, and a target that is met is left alone."""
    for target in (3, 6, 7, 9):
        given = [running([2], target, 16, *p, devices=packed(1, 4)) for p in ((), (RULE,))]
        assert done(given[0]) == done(given[1])
    assert done(running([2], 7, 16, RULE, devices=packed(1, 4))) == []


def test_slots_that_are_all_taken() -> None:
    """A guest without a free slot grows by exchanging a DIMM for a larger one, in its slot."""
    given: dict[str, Any] = {"devices": packed(1, 1), "slots": 2}
    assert set(rules(running([2], 6, 16, **given))) == {"slots", "no-swap", "target"}
    steps = done(running([2], 6, 16, RULE, **given))
    assert steps == [("unplug", 1, 1), ("plug", 1, 3)]


def test_between_cells() -> None:
    """A guest's memory moves from one cell to the other, so that cells are even, only where that is
    asked for. With targets per cell it is no exchange at all."""
    devices = packed((0, 2), (0, 2))
    even = {"kind": "balance"}
    assert slots(running([2, 2], 8, 16, even, devices=devices)) is None
    swapped = best(running([2, 2], 8, 16, even, RULE, devices=devices)).guests[0]
    assert swapped.stages[1].cells == (4 * B, 4 * B)
    moved = running([2, 2], {0: 4, 1: 4}, 16, devices=devices)
    assert done(moved) == [("unplug", 1, 2), ("plug", 1, 2)]


def test_virtio_mem_may_take_the_place() -> None:
    """A DIMM goes, and the device gives what is missing."""
    devices = [*packed(4), region(8, 0, 8)]
    given = [running([2], 5, 16, *p, devices=devices) for p in ((), (RULE,))]
    assert slots(given[0]) is None
    assert done(given[1])[0] == ("unplug", 0, 4)


def test_not_both() -> None:
    """The opposite wish for the same guest is refused in either order."""
    for policies in ((RULE, {"kind": "no-swap"}), ({"kind": "no-swap"}, RULE)):
        said = input_error(running([2], 5, 16, *policies, devices=packed(1, 4)))
        assert said == "policies swap and no-swap both name guest guest"


def test_guests() -> None:
    """Only the guests named."""
    both = ((1, 4), 5), ((1, 4), 5)
    assert slots(two_running(*both, RULE | {"guests": ["one"]})) is None
    given = two_running(((1, 4), 5), ((1, 4), 6), RULE | {"guests": ["one"]})
    assert [len(done(given, guest)) for guest in (0, 1)] == [2, 1]


def test_new_guests_are_not_meant() -> None:
    """Nothing of a guest that does not run is exchanged."""
    assert len(best(problem([2], 4, 8, RULE)).guests[0].dimms) == 2

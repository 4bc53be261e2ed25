"""`no-swap`: nothing of a running guest is unplugged to make room for something else."""

from __future__ import annotations

from typing import Any

from slotsolver.constraints.no_swap import NoSwap
from slotsolver.plan import Infeasible
from slotsolver.solver import solve
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

RULE: dict[str, Any] = {"kind": "no-swap"}


def test_line() -> None:
    """The bare kind is the class, and says its rule."""
    policy = policy_line("no-swap")
    assert policy == NoSwap() == policy_line("{kind: no-swap}")
    assert policy.describe() == "nothing is unplugged to make room for something else"


def test_refused_lines() -> None:
    """It has no fields of its own and is about whole guests."""
    assert "no-swap has no field 'size'" in refusal("{kind: no-swap, size: 1 GiB}")
    assert "it takes no cells" in refusal("{kind: no-swap, cells: [0]}")


def test_what_is_forbidden_anyway() -> None:
    """An exchange would meet the target, which is told with the policy and without; but no advice
    goes against the policy."""
    answer = solve(running([2], 5, 16, RULE, devices=packed(1, 4)))
    assert isinstance(answer, Infeasible)
    assert {member.rule for member in answer.conflict} == {"target", "no-swap"}
    assert not any("swap" in remedy.to for remedy in answer.remedies)
    assert "no-swap" in rules(running([2], 5, 16, devices=packed(1, 4)))


def test_growing_and_shrinking_are_free() -> None:
    """One or the other happens as without it."""
    for target in (3, 6, 9):
        given = [running([2], target, 16, *p, devices=packed(1, 4)) for p in ((), (RULE,))]
        assert done(given[0]) == done(given[1])
        assert len({do for do, _, _ in done(given[1])}) == 1


def test_cells_with_targets_are_judged_one_by_one() -> None:
    """One cell grows while the other shrinks; but a cell's DIMM does not make room for another of
    the same cell."""
    given = running([2, 2], {0: 2, 1: 4}, 16, RULE, devices=packed((0, 2)))
    assert done(given) == [("unplug", 0, 2), ("plug", 0, 2)]
    assert slots(running([2, 2], {0: 3, 1: 2}, 16, RULE, devices=packed((0, 2)))) is None


def test_virtio_mem_does_not_make_up_for_a_dimm() -> None:
    """Nor may the device give less so that a DIMM comes, nor more because one goes."""
    devices = [*packed(4), region(8, 0, 8)]
    assert set(rules(running([2], 5, 16, RULE, devices=devices))) == {"target", "no-swap"}


def test_not_both() -> None:
    """The guest that may swap may not be forbidden to; another one may."""
    swap = {"kind": "swap", "guests": ["one"]}
    both = ((1, 4), 5), ((1, 4), 6)
    assert "both name guest one" in input_error(two_running(*both, swap, RULE))
    given = two_running(*both, swap, RULE | {"guests": ["two"]})
    assert [len(done(given, guest)) for guest in (0, 1)] == [2, 1]


def test_new_guests_are_not_meant() -> None:
    """Nothing of a guest that does not run is exchanged."""
    assert len(best(problem([2], 4, 8, RULE)).guests[0].dimms) == 2

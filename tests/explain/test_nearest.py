"""What a running guest can become instead: which problems are tried, and what is said of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from slotsolver.constraints.accept import Accept
from slotsolver.errors import InputError
from slotsolver.explain.nearest import Sizes, nearest_sizes
from slotsolver.plan import Infeasible, Remedy
from slotsolver.problem import Problem
from slotsolver.size import MiB
from slotsolver.solver import solve
from tests.constraints.builders import B, packed, running, two_running

SIZES = (1, 4)


def given(*policies: dict[str, Any], target: int = 5) -> Problem:
    """A guest that has 2, 1 and 4 blocks and shall have 5."""
    return running([2], target, 16, *policies, devices=packed(*SIZES))


def nearest(asked: Problem, sizes: Sizes, guest: int = 0) -> list[Remedy]:
    """What is told of one guest."""
    return list(nearest_sizes(asked, asked.guests[guest], sizes))


def reaching(sizes: Mapping[str, int | None]) -> Sizes:
    """A solver that reaches these sizes (blocks) by what the last policy accepts."""

    def reached(asked: Problem) -> tuple[int, ...] | None:
        last = asked.policies[-1]
        assert isinstance(last, Accept)
        size = sizes.get(last.distance)
        return None if size is None else tuple(size * B for _ in asked.guests)

    return reached


def told(*policies: dict[str, Any], target: int = 5) -> list[str]:
    """The remedies of the real answer, as what each changes to."""
    answer = solve(given(*policies, target=target))
    assert isinstance(answer, Infeasible)
    return [remedy.to for remedy in answer.remedies]


def test_the_nearest_on_either_side() -> None:
    """Each is solved for, and told with what to ask for."""
    found = nearest(given(), reaching({"below": 3, "above": 6}))
    assert [(r.change, r.from_, r.to) for r in found] == [
        ("target of guest guest", "640 MiB", "384 MiB"),
        ("target of guest guest", "640 MiB", "768 MiB"),
    ]
    assert "the nearest size below that it can have: ask for that, or --accept below" in (
        found[0].says
    )


def test_what_it_has_is_told_as_such() -> None:
    """No change at all may be the nearest."""
    found = nearest(given(), reaching({"above": 7}))
    assert [(r.to, "which it has" in r.says) for r in found] == [("896 MiB", True)]


def test_sides_without_a_plan_are_left_out() -> None:
    """Where nothing was found, or the problem contradicts itself, nothing is said."""

    def refusing(_: Problem) -> None:
        raise InputError("this cannot be")

    assert nearest(given(), reaching({})) == []
    assert nearest(given(), refusing) == []


def test_a_word_against_exchanges_is_the_last_one() -> None:
    """Who forbids them gets no advice to permit them."""
    assert told() == ["384 MiB", "768 MiB", "swap"]
    assert told({"kind": "no-swap"}) == ["384 MiB", "768 MiB"]


def test_only_targets_that_have_to_be_met() -> None:
    """Where more is accepted than the target, and none can be had, less is advised by nobody."""
    assert told({"kind": "accept", "distance": "exact"}) == ["384 MiB", "768 MiB", "swap"]
    above = {"kind": "accept", "distance": "above"}
    add_only = {"kind": "add-only"}
    answer = solve(running([2], 3, 4, above, add_only, devices=packed(2), slots=1))
    assert not isinstance(answer, Infeasible)
    answer = solve(running([2], 4, 5, above, devices=packed(1), slots=1))
    assert isinstance(answer, Infeasible)
    assert not [r for r in answer.remedies if r.change.startswith("target")]


def test_guests_one_by_one() -> None:
    """Each with the others as they are; the policy that is tried names the guest."""
    asked = two_running((SIZES, 5), (SIZES, 4))
    tried: list[tuple[str, ...] | None] = []

    def reached(candidate: Problem) -> tuple[int, ...] | None:
        tried.append(candidate.policies[-1].guests)
        return (3 * B, 6 * B)

    assert [r.to for r in nearest(asked, reached, 0)] == ["384 MiB", "384 MiB"]
    assert [r.to for r in nearest(asked, reached, 1)] == ["768 MiB", "768 MiB"]
    assert tried == [("one",)] * 2 + [("two",)] * 2


def test_what_is_told_can_be_had() -> None:
    """Each size that a real answer names is one that it has a plan for."""
    assert told() == ["384 MiB", "768 MiB", "swap"]
    for target in (3, 6):
        assert not isinstance(solve(given(target=target)), Infeasible)
    assert not isinstance(solve(given({"kind": "swap"})), Infeasible)
    for target in (4, 5):
        assert isinstance(solve(given(target=target)), Infeasible)


def test_targets_of_cells_whose_sum_is_there_already() -> None:
    """The target is part of the conflict, cell by cell, and an exchange would meet it."""
    asked = running([2, 2], {0: 3, 1: 5}, 16, devices=packed(2, 2))
    assert asked.guests[0].cells_now == {0: 6 * B, 1: 2 * B}
    answer = solve(asked)
    assert isinstance(answer, Infeasible)
    assert {c.rule for c in answer.conflict} == {"no-swap", "target"}
    says = next(c.says for c in answer.conflict if c.rule == "target")
    assert "768 MiB in cell 0, 256 MiB in cell 1, is to have exactly 384 MiB in cell 0" in says
    assert ("policy", "swap") in {(r.change, r.to) for r in answer.remedies}
    assert not [r for r in answer.remedies if r.change.startswith("target")]


def test_a_size_above_the_maximum_is_not_offered() -> None:
    """Of the two sizes beside a target off the grid only one can be had."""
    guest = running([2], 4, 16).guests[0]
    odd = guest.model_copy(update={"maximum": 16 * B + 64 * MiB, "target": 16 * B + 64 * MiB})
    with pytest.raises(InputError, match=r"the nearest is 2 GiB; --accept below takes it"):
        solve(Problem(guests=(odd,)))


def test_a_maximum_of_a_part_of_a_mib_is_refused() -> None:
    """No guest runs with one: libvirt rounds it up."""
    guest = running([2], 4, 16).guests[0]
    odd = guest.model_copy(update={"maximum": 16 * B + 512 * 1024})
    with pytest.raises(InputError, match=r"its maximum 2048\.5 MiB is not whole MiB"):
        solve(Problem(guests=(odd,)))

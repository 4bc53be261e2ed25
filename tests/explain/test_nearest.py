"""What a running guest can become instead: which problems are tried, and what is said of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from slotsolver.constraints.accept import Accept
from slotsolver.errors import InputError
from slotsolver.nearest import nearest_sizes
from slotsolver.plan import Infeasible
from slotsolver.problem import Problem
from slotsolver.size import MiB
from slotsolver.solver import solve
from tests.constraints.builders import B, packed, problem, running, two_running

SIZES = (1, 4)


def given(*policies: dict[str, Any], target: int = 5) -> Problem:
    """A guest that has 2, 1 and 4 blocks and shall have 5."""
    return running([2], target, 16, *policies, devices=packed(*SIZES))


def reaching(
    sizes: Mapping[str, int | None], slots: int | None = None
) -> Callable[[Problem], tuple[int, ...] | None]:
    """A solver that reaches these sizes (blocks) by what the last policy permits, and the target
    from so many slots on."""

    def reached(asked: Problem) -> tuple[int, ...] | None:
        if any(guest.slots != 8 for guest in asked.guests):
            enough = slots is not None and max(g.slots or 0 for g in asked.guests) >= slots
            return tuple(g.target_size for g in asked.guests) if enough else None
        last = asked.policies[-1]
        kind = last.distance if isinstance(last, Accept) else last.kind
        size = sizes.get(kind)
        return None if size is None else tuple(size * B for _ in asked.guests)

    return reached


def test_the_nearest_on_either_side_and_what_would_meet_it() -> None:
    """Each is solved for, and told with what to ask for."""
    found = nearest_sizes(given(), reaching({"below": 3, "above": 6, "swap": 5}, slots=11))
    assert [(r.change, r.from_, r.to) for r in found] == [
        ("target of guest guest", "640 MiB", "384 MiB"),
        ("target of guest guest", "640 MiB", "768 MiB"),
        ("policy", "no-swap", "swap"),
        ("slots of guest guest", "8", "11"),
    ]
    assert found[0].says == (
        "the nearest size below that it can have: ask for that, or --accept below"
    )
    assert found[2].says.endswith("640 MiB if DIMMs may be exchanged: --policy swap")
    assert "can have exactly 640 MiB with 11 slots" in found[3].says


@pytest.mark.parametrize("slots", [9, 10, 100, 256])
def test_the_fewest_slots_that_would_do(slots: int) -> None:
    """Searched for up to what the machine has."""
    (remedy,) = nearest_sizes(given(), reaching({}, slots=slots))
    assert remedy.to == str(slots)
    assert nearest_sizes(given(), reaching({}, slots=257)) == ()


def test_what_it_has_is_told_as_such() -> None:
    """No change at all may be the nearest."""
    found = nearest_sizes(given(), reaching({"above": 7}))
    assert [(r.to, "which it has" in r.says) for r in found] == [("896 MiB", True)]


def test_sides_without_a_plan_are_left_out() -> None:
    """Where nothing was found, or the problem contradicts itself, nothing is said."""

    def refusing(_: Problem) -> None:
        raise InputError("this cannot be")

    assert nearest_sizes(given(), reaching({})) == ()
    assert nearest_sizes(given(), refusing) == ()


@pytest.mark.parametrize("kind", ["swap", "no-swap"])
def test_a_word_on_exchanges_is_the_last_one(kind: str) -> None:
    """Who permits or forbids them gets no advice on that."""
    found = nearest_sizes(given({"kind": kind}), reaching({"below": 3, "swap": 5}))
    assert [r.to for r in found] == ["384 MiB"]


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (given({"kind": "accept", "distance": "nearest"}), 0),
        (given({"kind": "accept", "distance": "below"}), 0),
        (given({"kind": "accept", "distance": "exact"}), 2),
        (given(target=7), 0),
        (problem([2], 5, 16), 0),
    ],
)
def test_only_targets_that_have_to_be_met(asked: Problem, told: int) -> None:
    """Not those that are met already, may be missed, or are of guests that do not run."""
    assert len(nearest_sizes(asked, reaching({"below": 3, "above": 6}))) == told


def test_guests_one_by_one() -> None:
    """Each with the others as they are; the policy that is tried names the guest."""
    asked = two_running((SIZES, 5), (SIZES, 4))
    tried: list[tuple[str, ...] | None] = []

    def reached(candidate: Problem) -> tuple[int, ...] | None:
        if not candidate.policies:  # more slots
            return None
        tried.append(candidate.policies[-1].guests)
        return (3 * B, 6 * B)

    found = nearest_sizes(asked, reached)
    assert tried == [("one",)] * 3 + [("two",)] * 3
    assert [r.to for r in found] == ["384 MiB", "384 MiB", "swap", "768 MiB", "768 MiB", "swap"]


def test_what_is_told_can_be_had() -> None:
    """Each size that a real answer names is one that it has a plan for."""
    answer = solve(given())
    assert isinstance(answer, Infeasible)
    assert [r.to for r in answer.remedies] == ["384 MiB", "768 MiB", "swap"]
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

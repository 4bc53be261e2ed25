"""Why there is no plan: the rules named contradict each other, and none of them can be spared."""

from __future__ import annotations

import pytest

from slotsolver.errors import InputError
from slotsolver.explain.rules import rules_of
from slotsolver.plan import Conflict, Infeasible
from slotsolver.problem import Problem
from slotsolver.solver import solve
from tests.constraints.builders import B, host, make_guest, problem, rules, two_guests
from tests.explain.taking_back import some_have_plans, without


def conflict_of(given: Problem) -> tuple[Conflict, ...]:
    """The conflict of a problem that has no plan; empty where it has one or contradicts itself
    arithmetically."""
    try:
        answer = solve(given)
    except InputError:
        return ()
    return answer.conflict if isinstance(answer, Infeasible) else ()


def irreducible(given: Problem) -> None:
    """With every other rule taken back there is no plan; with any one member more there is."""
    members = conflict_of(given)
    assert members
    others = [rule for rule in every_rule(given) if rule not in members]
    assert not some_have_plans(without(given, others))
    for member in members:
        assert some_have_plans(without(given, [*others, member])), member


def every_rule(given: Problem) -> list[Conflict]:
    """The rules of a problem, as a conflict names them."""
    return [Conflict(rule=rule.name, says=rule.says, pool=rule.pool) for rule in rules_of(given)]


STEP = {"kind": "step", "size": 2 * B}
HUGE = {"kind": "page-size", "size": 2 << 20}


@pytest.mark.parametrize(
    ("given_problem", "expected"),
    [
        (problem([2], 2, 10, STEP, slots=3), {"policy step", "slots", "maximum"}),
        (
            problem([2], 2, 10, STEP, {"kind": "slots", "at_most": 3}),
            {"policy step", "policy slots", "maximum"},
        ),
        (
            problem([2], 2, 8, STEP, {"kind": "slots", "at_most": 3}, waypoints=[3 * B, 5 * B]),
            {"policy step", "policy slots", "waypoints", "maximum"},
        ),
        (
            problem([2], 4, None, HUGE, host=host((9, 3), (9, 2))),
            {"target", "policy page-size", "pool", "one-page-size", "one-host-node"},
        ),
        (
            problem([2], 4, 8, HUGE, {"kind": "reserve", "until": "maximum"}, host=host((9, 5))),
            {"policy page-size", "policy reserve", "pool", "maximum", "one-page-size"},
        ),
        (
            problem([3, 5], 8, None, {"kind": "balance", "tolerance": 0}),
            {"policy balance", "boot"},
        ),
        (
            problem([2] * 3, 6, None, {"kind": "host-nodes", "distinct": True}, host=host((9, 0))),
            {"policy host-nodes"},
        ),
        (
            problem(
                [2], 4, None, HUGE, {"kind": "headroom", "pages": 65}, host=host((9, 4), (0, 1))
            ),
            {"target", "policy page-size", "policy headroom", "pool", "one-page-size"},
        ),
        (
            problem([{"memory": 4 * B, "page_size": 2 << 20}], 4, None, host=host((9, 3))),
            {"page-size", "pool", "boot"},
        ),
        (
            problem([{"memory": 4 * B, "host_nodes": [1]}], 4, None, host=host((9, 0), (3, 0))),
            {"host-nodes", "pool", "boot"},
        ),
        (
            problem([32], 32, 3200, STEP | {"size": 4 << 30}, phys_bits=39),
            {"phys-bits", "maximum", "policy step"},
        ),
    ],
    ids=lambda value: "+".join(sorted(value)) if isinstance(value, set) else "",
)
def test_conflicts_are_irreducible(given_problem: Problem, expected: set[str]) -> None:
    """The rules worked out by hand, and each of them needed: solved again without each."""
    assert set(rules(given_problem)) == expected
    irreducible(given_problem)


def test_several_pools_of_one_size_are_each_named() -> None:
    """A page more on either node would be enough, so both stand in the conflict."""
    found = conflict_of(problem([4], 4, None, HUGE, host=host((0, 3), (0, 2))))
    pools = [member.says for member in found if member.pool and member.pool.page_size == 2 << 20]
    assert pools == [
        "host node 0 has 192 free pages of 2 MiB (384 MiB)",
        "host node 1 has 128 free pages of 2 MiB (256 MiB)",
    ]


def test_guests_that_do_not_matter_are_not_named() -> None:
    """Only the guest whose growth cannot be, by its name."""
    guest = make_guest([2], 2, 4)
    step = STEP | {"size": B, "guests": ["two"]}
    limit = {"kind": "slots", "at_most": 1, "guests": ["two"]}
    found = conflict_of(two_guests(guest, guest, step, limit))
    assert [member.rule for member in found] == ["maximum", "policy step", "policy slots"]
    assert all("two" in member.says for member in found)


def test_rules_that_do_not_matter_are_not_named() -> None:
    """A second limit that holds anyway is left out."""
    others = ({"kind": "slots", "at_most": 99}, {"kind": "memmap", "free": 1 << 30})
    limit = {"kind": "slots", "at_most": 3}
    assert rules(problem([2], 2, 10, *others, STEP, limit)) == [
        "maximum",
        "policy step",
        "policy slots",
    ]


def test_targets_of_cells_that_no_dimms_make() -> None:
    """They are off the grid of the boot memory that is given; other boot memory could be it all,
    though the sum of the targets is on the grid."""
    given_problem = problem([2, 2], 6)
    target = {0: 2 * B + B // 2, 1: 3 * B + B // 2}
    guest = given_problem.guests[0].model_copy(update={"target": target})
    assert rules(given_problem.model_copy(update={"guests": (guest,)})) == ["target", "boot"]


def test_a_large_memory_block_is_to_blame() -> None:
    """62 GiB end at 64 GiB on q35, so DIMMs are multiples of 2 GiB and fine steps impossible."""
    given = Problem.model_validate(
        {
            "guests": [
                {
                    "name": "cliff",
                    "machine": "q35",
                    "cells": [{"memory": "62 GiB"}],
                    "target": "62 GiB",
                    "maximum": "64 GiB",
                }
            ],
            "policies": [{"kind": "step", "size": "128 MiB"}],
        }
    )
    conflict = {member.rule: member.says for member in conflict_of(given)}
    assert "its memory block 2 GiB" in conflict["guest-block"]

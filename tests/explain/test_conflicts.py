"""Why there is no plan: the rules named contradict each other, and none of them can be spared."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, note, settings

from slotsolver.conflict import _rules
from slotsolver.errors import InputError
from slotsolver.plan import Conflict, Infeasible, Plan
from slotsolver.problem import Problem
from slotsolver.size import format_size
from slotsolver.solver import solve
from tests.constraints.builders import B, host, make_guest, problem, rules, two_guests
from tests.strategies import small_problems

Document = dict[str, Any]
PLENTY = 1 << 24
"""Pages of any size that are more than enough."""


def conflict_of(given: Problem) -> tuple[Conflict, ...]:
    """The conflict of a problem that has no plan; empty where it has one or contradicts itself
    arithmetically."""
    try:
        answer = solve(given)
    except InputError:
        return ()
    return answer.conflict if isinstance(answer, Infeasible) else ()


def has_plan(given: Problem) -> bool:
    """Whether there is a plan; sizes that no arithmetic can meet are none either."""
    try:
        return isinstance(solve(given), Plan)
    except InputError:
        return False


# What taking a rule out means is said here a second time, by the words of the conflict.


def without(document: Document, given: Problem, member: Conflict) -> None:
    """Take one rule of the problem out of its document."""
    for guest in document["guests"]:
        if f"guest {guest['name']}" in member.says:
            RELAX.get(member.rule, _nothing)(guest)
            for cell in guest["cells"]:
                if member.says.startswith(f"cell {cell['id']} "):
                    cell[member.rule.replace("-", "_")] = None
    if member.rule == "pool":
        _fill(document, given, member.says)
    if member.rule.startswith("policy "):
        spared = next(
            i
            for i, policy in enumerate(given.policies)
            if f"policy {policy.kind}" == member.rule
            and member.says in (policy.describe(), f"{policy.describe()} ({_names(policy.guests)})")
        )
        gone = given.policies[spared].model_dump()
        document["policies"] = [other for other in document["policies"] if other != gone]


def _names(guests: tuple[str, ...] | None) -> str:
    return ", ".join(guests or ())


def _nothing(_: Document) -> None:
    """Rules that are not the guest's."""


def _stay(guest: Document) -> None:
    guest.update(maximum=None, waypoints=())


RELAX: dict[str, Callable[[Document], object]] = {
    "slots": lambda guest: guest.update(slots=None),
    "phys-bits": lambda guest: guest.update(phys_bits=52),
    "waypoints": lambda guest: guest.update(waypoints=()),
    "maximum": _stay,
}


def _fill(document: Document, given: Problem, says: str) -> None:
    """Give the pool that a rule speaks of pages without end."""
    assert given.host is not None
    for node in document["host"]["nodes"]:
        if f"host node {node['id']} has" not in says:
            continue
        for size in given.host.page_sizes():
            if f"free pages of {format_size(size)} " not in says:
                continue
            if size == given.host.base_page:
                node["memory"] = node["free"] = PLENTY * size
            for pool in node["pools"]:
                if pool["page_size"] == size:
                    pool.update(total=PLENTY, free=PLENTY)
            if size not in [p["page_size"] for p in node["pools"]] and size > 4096:
                node["pools"] = [
                    *node["pools"],
                    {"page_size": size, "total": PLENTY, "free": PLENTY},
                ]


def relaxed(given: Problem, member: Conflict) -> Problem:
    """The problem without one rule."""
    document = given.model_dump()
    without(document, given, member)
    return Problem.model_validate(document)


def irreducible(given: Problem) -> None:
    """With all members there is no plan, without any one of them there is."""
    members = conflict_of(given)
    assert members
    for member in members:
        assert has_plan(relaxed(given, member)), member


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
            {"policy page-size", "pool"},
        ),
        (
            problem([2], 4, 8, HUGE, {"kind": "reserve", "until": "maximum"}, host=host((9, 5))),
            {"policy page-size", "policy reserve", "pool", "maximum"},
        ),
        (
            problem([3, 5], 8, None, {"kind": "balance", "tolerance": 0}),
            {"policy balance"},
        ),
        (
            problem([2] * 3, 6, None, {"kind": "host-nodes", "distinct": True}, host=host((9, 0))),
            {"policy host-nodes"},
        ),
        (
            problem(
                [2], 4, None, HUGE, {"kind": "headroom", "pages": 65}, host=host((9, 4), (0, 1))
            ),
            {"policy page-size", "policy headroom", "pool"},
        ),
        (
            problem([{"memory": 4 * B, "page_size": 2 << 20}], 4, None, host=host((9, 3))),
            {"page-size", "pool"},
        ),
        (
            problem([{"memory": 4 * B, "host_nodes": [1]}], 4, None, host=host((9, 0), (3, 0))),
            {"host-nodes", "pool"},
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
    pools = [member.says for member in found if member.rule == "pool"]
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


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(small_problems(most_policies=4))
def test_no_member_can_be_spared(given_problem: Problem) -> None:
    """Any problem without a plan: with every rule taken out that is not a member there is still no
    plan, and with one more taken out there is one."""
    members = conflict_of(given_problem)
    assume(members and members[0].rule != "sizes")
    rest = given_problem
    for rule in (Conflict(rule=rule.name, says=rule.says) for rule in _rules(given_problem)):
        if rule not in members:
            rest = relaxed(rest, rule)
    note(rest.model_dump_json())
    assert not has_plan(rest)
    for member in members:
        assert has_plan(relaxed(rest, member)), member


def test_sizes_alone_are_to_blame_where_nothing_else_is() -> None:
    """Targets of the cells that no DIMMs make, though their sum is one: no rule is left to name."""
    given_problem = problem([2, 2], 6)
    target = {0: 2 * B + B // 2, 1: 3 * B + B // 2}
    guest = given_problem.guests[0].model_copy(update={"target": target})
    assert rules(given_problem.model_copy(update={"guests": (guest,)})) == ["sizes"]


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

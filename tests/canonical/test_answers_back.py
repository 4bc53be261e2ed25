"""The answer to a normal form is the answer to the problem that it was made of."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import HealthCheck, given, note, settings

from benchmarks.draw import scenario
from slotsolver.canonical import Normal, canonical, restored, restored_reasons, told
from slotsolver.checker import check_plan
from slotsolver.plan import Infeasible, Plan
from slotsolver.problem import Problem
from slotsolver.size import GiB, MiB
from tests.canonical.variants import answer, proven, values
from tests.direct import drawn
from tests.explain.carrying_out import carried_out
from tests.strategies import small_problems

several = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))


def check(problem: Problem) -> None:
    """Both answers are the same, and that of the normal form holds for the problem."""
    form, normal = canonical(problem)
    mine, its = answer(problem, "conflict"), answer(form, "conflict")
    if isinstance(its, str):
        assert told(its, normal) == mine
        return
    if isinstance(its, Plan):
        plan = restored(its, problem.host, normal)
        assert Plan.model_validate(plan.model_dump()) == plan
        assert not list(check_plan(problem, plan))
    if not (proven(mine) and proven(its)):
        return
    assert values(mine) == values(its)
    if isinstance(its, Infeasible) and isinstance(mine, Infeasible):
        check_conflict(problem, mine, restored_reasons(its, problem.host, normal))


def check_conflict(problem: Problem, mine: Infeasible, its: Infeasible) -> None:
    """The same rules contradict each other, with the problem's own numbers."""
    for rule in its.conflict:
        if rule.pool is not None and problem.host is not None:
            pool = problem.host.pool(rule.pool.node, rule.pool.page_size)
            assert rule.pool.free == pool.free
            assert f"node {rule.pool.node} has {pool.free} free" in rule.says
    if mine.irreducible and its.irreducible:
        assert sorted(r.rule for r in mine.conflict) == sorted(r.rule for r in its.conflict)


@pytest.mark.parametrize("number", range(40))
def test_drawn_problems(number: int) -> None:
    """Scenarios of a study, and problems that are tight or odd."""
    if number % 2:
        check(scenario(number))
    else:
        check(drawn.problem(number, most_cells=3, most_nodes=4, most_guests=2))


@several
@given(small_problems())
def test_small_problems(problem: Problem) -> None:
    """Small problems with all kinds of policies."""
    note(problem.model_dump_json())
    check(problem)


def tight(**guest: Any) -> Problem:
    """No plan: nodes 5 and 2 hold one cell each of three, node 9 none. Node 2 has plenty of
    ordinary memory, and the guest must have large pages."""

    def node(number: int, free: int, pages: int) -> dict[str, Any]:
        pools = [{"page_size": GiB, "total": pages + 1, "free": pages}]
        memory = (free + pages + 2) * GiB
        return {"id": number, "memory": memory, "free": free * GiB, "pools": pools}

    cells = [{"page_size": GiB}] * 3
    return Problem.model_validate(
        {
            "host": {"nodes": [node(2, 4000, 4), node(5, 1, 5), node(9, 1, 0)]},
            "guests": [{"name": "vm", "cells": cells, "target": 12 * GiB, **guest}],
        }
    )


TIGHT = (204, 208, 220, 229, 243, 248, 279, 281)
"""Scenarios that have no plan."""


@pytest.mark.parametrize("number", [0, *TIGHT])
def test_remedies(number: int) -> None:
    """Remedies are those of the problem, word for word, and help it when they are carried out."""
    problem = scenario(number) if number else tight()
    form, normal = canonical(problem)
    mine, its = answer(problem, "remedies"), answer(form, "remedies")
    assert isinstance(mine, Infeasible)
    assert isinstance(its, Infeasible)
    back = restored_reasons(its, problem.host, normal)
    for field in ("remedies", "together", "unhelpful"):
        one, other = getattr(mine, field), getattr(back, field)
        assert {r.model_dump_json() for r in one} == {r.model_dump_json() for r in other}
    for remedy in back.remedies:
        changed = carried_out(problem, remedy.change, remedy.from_, remedy.to, remedy.says)
        assert any(isinstance(answer(other), Plan) for other in changed)


def test_a_remedy_names_the_node_as_the_problem_does() -> None:
    """Its command is one for that host."""
    problem = tight()
    form, normal = canonical(problem)
    assert normal.nodes == (9, 5, 2)
    its = answer(form, "remedies")
    back = restored_reasons(its, problem.host, normal)
    commands = [remedy.command for remedy in back.remedies if remedy.command]
    assert commands == ["virsh allocpages 1G 3 --cellno 2 --add"]
    assert {rule.pool.node for rule in back.conflict if rule.pool} <= {2, 5, 9}


def test_texts_call_nodes_as_the_problem_does() -> None:
    """Ids and ranges of ids, and nothing that is no host node."""
    normal = Normal(b"", (4, 0, 7, 5))
    texts = {
        "host node 3 has 3 free pages": "host node 5 has 3 free pages",
        "reserve 2 more 2 MiB pages on host node 0": "reserve 2 more 2 MiB pages on host node 4",
        "the same on host nodes 0,2-3 instead": "the same on host nodes 4-5,7 instead",
        "virsh allocpages 2M 1 --cellno 1 --add": "virsh allocpages 2M 1 --cellno 0 --add",
        "free 2 MiB more of host node 2's memory": "free 2 MiB more of host node 7's memory",
        "cell 0 of guest g1": "cell 0 of guest g1",
        "the host has 4 nodes": "the host has 4 nodes",
        "nothing leaves it another host node than 1": "nothing leaves it another host node than 0",
    }
    assert {text: told(text, normal) for text in texts} == texts
    assert told("host node 3", Normal(b"")) == "host node 3"


def test_a_guest_that_is_called_as_a_node_keeps_its_name() -> None:
    """Names stand in texts, where they could be taken for nodes."""
    for name in ("host node 1", "--cellno 1"):
        _, normal = canonical(tight(name=name))
        assert not normal.nodes
    assert canonical(tight(name="node 1"))[1].nodes


def test_every_text_about_host_nodes_is_understood() -> None:
    """No text about a problem names nodes in words that are not known."""
    for number in TIGHT:
        problem = scenario(number)
        its = answer(canonical(problem)[0], "remedies")
        for text in re.findall(r'"([^"]*)"', its.model_dump_json()):
            if re.search(r"nodes? \d", text):
                shifted = Normal(b"", tuple(range(100, 200)))
                known = re.sub(r"(memory slots|host has) .*", "", told(text, shifted))
                assert not re.search(r"nodes? \d{1,2}\b", known), text


def test_pools_are_those_of_the_problem() -> None:
    """Totals and what is free are the host's, and of each as much is taken as in the form."""
    problem = tight(cells=[{"page_size": GiB}], target=4 * GiB)
    form, normal = canonical(problem)
    its = answer(form)
    plan = restored(its, problem.host, normal)
    assert plan.host is not None
    assert [node.id for node in plan.host.nodes] == [2, 5, 9]
    for node in plan.host.nodes:
        for pool in node.pools:
            there = problem.host.pool(node.id, pool.page_size)  # type: ignore[union-attr]
            assert (pool.total, pool.free_before) == (there.total, there.free)
    taken = {n.id: n.pools[1].free_before - n.pools[1].free_after for n in plan.host.nodes}
    assert taken[plan.guests[0].cells[0].host_nodes[0]] == 4
    assert sum(taken.values()) == 4
    assert form.host is not None
    assert form.host.nodes[normal.nodes.index(2)].free < 4000 * GiB
    assert MiB < form.host.nodes[normal.nodes.index(2)].free

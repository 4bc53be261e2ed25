"""Host nodes without processors, and what is planned there.

That QEMU does so was seen on such a host (tests/lab/test_odd.py).
"""

from __future__ import annotations

from typing import Any

import pytest

from slotsolver import Infeasible, InputError, Plan, Problem, solve
from slotsolver.canonical.normal import canonical
from slotsolver.checker import check_plan
from slotsolver.size import GiB, KiB, MiB

PAGE = 2 * MiB


def problem(*policies: dict[str, Any], cpus: str = "0-3", **fields: Any) -> Problem:
    """A guest of two cells on a host of two nodes, the second of which has no processors."""
    pools = [{"page_size": PAGE, "total": 1024, "free": 1024}]
    nodes: list[dict[str, Any]] = [
        {"id": i, "memory": 16 * GiB, "free": 8 * GiB, "pools": pools} for i in range(2)
    ]
    nodes[0]["cpus"] = cpus
    cells = [dict(fields) for _ in range(2)]
    guest = {"name": "g", "cells": cells, "target": 2 * GiB, "maximum": 2 * GiB}
    return Problem.model_validate(
        {"host": {"nodes": nodes}, "guests": [guest], "policies": policies}
    )


def nodes_of(given: Problem) -> tuple[list[tuple[int, ...]], tuple[str, ...]]:
    """Where its cells lie, and the notes; the plan is sound."""
    plan = solve(given)
    assert isinstance(plan, Plan)
    assert not list(check_plan(given, plan))
    return [cell.host_nodes for cell in plan.guests[0].cells], plan.notes


DISTINCT = {"kind": "host-nodes", "distinct": True}
HUGE = {"kind": "page-size", "size": PAGE}
ORDINARY = {"kind": "page-size", "size": 4 * KiB}


def test_such_a_node_is_left_out_and_that_is_told() -> None:
    """Though distance and pages would be as good there."""
    nodes, notes = nodes_of(problem())
    assert nodes == [(0,), (0,)]
    assert notes == (
        "host node 1 has no CPUs and was left out; `--policy host-nodes=0-1` takes it in",
    )
    assert isinstance(solve(problem(DISTINCT)), Infeasible)


def test_where_no_node_is_known_to_have_any_nothing_is_concluded() -> None:
    """A host that was written by hand need not say."""
    nodes, notes = nodes_of(problem(DISTINCT, cpus=""))
    assert (sorted(nodes), notes) == ([(0,), (1,)], ())


def test_named_it_is_used_for_ordinary_pages() -> None:
    """By a policy or by the domain."""
    named = {"kind": "host-nodes", "nodes": "0-1", "distinct": True}
    nodes, notes = nodes_of(problem(named, ORDINARY))
    assert (sorted(nodes), notes) == ([(0,), (1,)], ())
    assert nodes_of(problem(ORDINARY, host_nodes=[1])) == ([(1,), (1,)], ())
    assert isinstance(solve(problem(named, HUGE)), Infeasible)


def test_huge_pages_there_are_refused_with_qemus_words() -> None:
    """Where nothing else is left."""
    with pytest.raises(InputError, match=r"no CPUs.*The nodes select no CPUs.*4 KiB can be had"):
        solve(problem(HUGE, host_nodes=[1]))
    older = problem(HUGE, host_nodes=[1]).model_copy(update={"qemu": "7.1"})
    assert nodes_of(older)[0] == [(1,), (1,)]


def test_a_set_with_a_node_that_has_some_will_do() -> None:
    """Threads run on its CPUs."""
    assert nodes_of(problem(HUGE, host_nodes=[0, 1]))[0] == [(0, 1), (0, 1)]


def test_the_checker_knows_it_by_itself() -> None:
    """A plan whose cell is moved there is refused."""
    given = problem({"kind": "host-nodes", "nodes": "0-1"}, HUGE)
    plan = solve(given)
    assert isinstance(plan, Plan)
    (guest,) = plan.guests
    cells = [cell.model_copy(update={"host_nodes": (1,)}) for cell in guest.cells]
    dimms = [dimm.model_copy(update={"host_nodes": (1,)}) for dimm in guest.dimms]
    moved = guest.model_copy(update={"cells": tuple(cells), "dimms": tuple(dimms)})
    wrong = plan.model_copy(update={"guests": (moved,)})
    says = {violation.says for violation in check_plan(given, wrong)}
    assert "The nodes select no CPUs" in says


def test_the_normal_form_tells_such_hosts_apart() -> None:
    """Which node has none decides the answer, so it is in the key."""
    first, second = problem(), problem()
    assert second.host is not None
    swapped = tuple(
        node.model_copy(update={"cpus": other.cpus})
        for node, other in zip(second.host.nodes, reversed(second.host.nodes), strict=True)
    )
    host = second.host.model_copy(update={"nodes": swapped})
    other = second.model_copy(update={"host": host})
    keys = {canonical(one)[1].key for one in (first, other, problem(cpus=""))}
    assert len(keys) == 3
    assert nodes_of(canonical(other)[0])[0] == [(1,), (1,)]

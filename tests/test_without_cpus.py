"""Host nodes without processors, and what is planned there.

That QEMU does so was seen on such a host (tests/lab/test_odd.py).
"""

from __future__ import annotations

from typing import Any

import pytest

from slotsolver import Infeasible, InputError, Plan, Problem, solve
from slotsolver.canonical.normal import canonical
from slotsolver.checker import check_plan
from slotsolver.platforms.versions import NO_AFFINITY, NO_CPUS
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


def test_it_has_no_huge_pages() -> None:
    """Though distance and pages would be as good there; ordinary pages can be had."""
    assert nodes_of(problem(HUGE))[0] == [(0,), (0,)]
    assert isinstance(solve(problem(HUGE, DISTINCT)), Infeasible)
    assert sorted(nodes_of(problem(ORDINARY, DISTINCT))[0]) == [(0,), (1,)]
    assert sorted(nodes_of(problem(DISTINCT))[0]) == [(0,), (1,)]


def test_why_not_names_it() -> None:
    """Where the rules contradict each other, it is said that it has none."""
    answer = solve(problem(HUGE, DISTINCT))
    assert isinstance(answer, Infeasible)
    says = " ".join(member.says for member in answer.conflict)
    assert "the host has 2 nodes, 1 without CPUs and so without huge pages" in says
    helps = " ".join(remedy.says for remedy in answer.remedies)
    assert "none on host node 1, which has no CPUs" in helps


def test_where_no_node_is_known_to_have_any_nothing_is_concluded() -> None:
    """A host that was written by hand need not say."""
    nodes, notes = nodes_of(problem(DISTINCT, cpus=""))
    assert (sorted(nodes), notes) == ([(0,), (1,)], ())


def test_nothing_at_all_where_all_is_allocated_at_once() -> None:
    """<allocation mode='immediate'/> preallocates ordinary pages too."""
    given = problem(ORDINARY)
    (guest,) = given.guests
    at_once = given.model_copy(update={"guests": (guest.model_copy(update={"immediate": True}),)})
    assert nodes_of(at_once)[0] == [(0,), (0,)]
    with pytest.raises(InputError, match="The nodes select no CPUs"):
        solve(Problem.model_validate(changed(problem(ORDINARY, host_nodes=[1]), immediate=True)))


def changed(given: Problem, **fields: Any) -> dict[str, Any]:
    """The problem as data, its guest with other fields."""
    data = given.model_dump(exclude_unset=True)
    data["guests"][0].update(fields)
    return data


@pytest.mark.parametrize("pages", [None, "2 MiB"])
def test_spread_cells(pages: str | None) -> None:
    """Their DIMMs lie nowhere else than the cell may."""
    spread = {"kind": "host-nodes", "nodes": "0-1", "spread": True}
    policies = [spread, {"kind": "page-size", "size": pages}] if pages else [spread]
    nodes, _ = nodes_of(problem(*policies))
    assert nodes == [(0,), (0,)]


def test_a_spread_cell_does_not_mix_them() -> None:
    """Its DIMMs are not on huge pages of one node because it may have ordinary ones there, or huge
    ones on the other. Where these are too few, all of it has ordinary ones."""
    data = changed(problem({"kind": "host-nodes", "nodes": "0-1", "spread": True}))
    data["guests"][0].update(cells=[{}], boot=512 * MiB)
    pools = [{"page_size": PAGE, "total": 300, "free": 300}]
    data["host"]["nodes"][0].update(pools=pools, free=128 * MiB)
    given = Problem.model_validate(data)
    assert nodes_of(given)[0] == [(1,)]
    plan = solve(given)
    assert isinstance(plan, Plan)
    assert {dimm.page_size for dimm in plan.guests[0].dimms} == {4 * KiB}
    with_one = Problem.model_validate(data | {"policies": [*data["policies"], HUGE]})
    assert isinstance(solve(with_one), Infeasible)


def test_other_hosts() -> None:
    """Nor is anything preallocated on such a node of a host that the guest may migrate to."""
    there = problem().host
    assert there is not None
    given = problem(HUGE).model_copy(update={"also_hosts": (there,)})
    plan = solve(given)
    assert isinstance(plan, Plan)
    (destination,) = plan.destinations
    (guest,) = destination.guests
    assert {(c.page_size, c.host_nodes) for c in guest.cells} == {(PAGE, (0,))}
    cells = [cell.model_copy(update={"host_nodes": (1,)}) for cell in guest.cells]
    moved = guest.model_copy(update={"cells": tuple(cells)})
    wrong = destination.model_copy(update={"guests": (moved,)})
    found = check_plan(given, plan.model_copy(update={"destinations": (wrong,)}))
    assert NO_CPUS in {violation.says for violation in found}
    first, second = there.nodes
    empty = first.model_copy(update={"pools": (), "free": 0})
    short = there.model_copy(update={"nodes": (empty, second)})
    full = solve(given.model_copy(update={"also_hosts": (short,)}))
    assert isinstance(full, Plan)
    assert {c.page_size for c in full.destinations[0].guests[0].cells} == {4 * KiB}


@pytest.mark.parametrize(
    ("device", "possible"),
    [
        ({"host_nodes": [1], "page_size": PAGE}, False),
        ({"host_nodes": [1]}, True),
        ({"page_size": PAGE}, True),
        ({"model": "virtio-mem", "requested": 0, "block": PAGE, "host_nodes": [1]}, True),
    ],
)
def test_devices_of_the_domain(device: dict[str, Any], possible: bool) -> None:
    """One that is there from the start is preallocated as the cell is; a virtio-mem is not."""
    fields = {"model": "dimm", "size": 256 * MiB, "cell": 0, **device}
    data = changed(problem(), devices=[fields], slots=8, maximum=4 * GiB)
    given = Problem.model_validate(data)
    if possible:
        nodes_of(given)
        return
    with pytest.raises(InputError, match="The nodes select no CPUs"):
        solve(given)


def test_huge_pages_there_are_refused_with_qemus_words() -> None:
    """Where nothing else is left."""
    with pytest.raises(InputError, match=r"has no CPUs.*The nodes select no CPUs.*ordinary pages"):
        solve(problem(HUGE, host_nodes=[1]))
    older = problem(HUGE, host_nodes=[1]).model_copy(update={"qemu": "7.1"})
    assert nodes_of(older)[0] == [(1,), (1,)]


def test_a_set_with_a_node_that_has_some_will_do() -> None:
    """Threads run on its CPUs."""
    assert nodes_of(problem(HUGE, host_nodes=[0, 1]))[0] == [(0, 1), (0, 1)]


PINNED = [([0], [(0,), (0,)]), ([4, 5], [(1,), (1,)]), (None, [(0,), (0,)])]


@pytest.mark.parametrize(("emulator_cpus", "nodes"), PINNED)
def test_nodes_on_whose_cpus_qemu_may_not_run(
    emulator_cpus: list[int] | None, nodes: list[tuple[int, ...]]
) -> None:
    """Are such nodes too, before libvirt 9.2; the node that is left out could have been taken."""
    data = changed(problem(HUGE), emulator_cpus=emulator_cpus)
    data["host"]["nodes"][1]["cpus"] = [4, 5, 6, 7]
    given = Problem.model_validate(data)
    assert nodes_of(given)[0] == nodes
    newer = given.model_copy(update={"libvirt": "9.2"})
    assert nodes_of(newer)[0] == [(0,), (0,)]
    plan = solve(newer)
    assert isinstance(plan, Plan)
    says = [violation.says for violation in check_plan(given, plan)]
    assert set(says) == ({NO_AFFINITY} if nodes == [(1,), (1,)] else set())


def test_the_checker_knows_it_by_itself() -> None:
    """A plan whose cell is moved there is refused."""
    given = problem(HUGE)
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
    changed_about = canonical(other)[0].model_copy(update={"policies": problem(HUGE).policies})
    assert nodes_of(changed_about)[0] == [(1,), (1,)]

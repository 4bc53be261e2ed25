"""Which pools pay for cells that lie on several host nodes, and what is told of it.

The numbers of interleaved pages were seen in a real ``numa_maps`` (tests/lab/test_modes.py).
"""

from __future__ import annotations

from typing import Any

import pytest

from slotsolver import Plan, Problem, solve
from slotsolver.checker import check_plan
from slotsolver.plan import HostUse
from slotsolver.size import GiB, MiB

PAGE = 2 * MiB


def planned(free: list[int], *cells: dict[str, Any]) -> tuple[Problem, Plan]:
    """A guest whose cells boot with 130 MiB each and have a DIMM of 128 MiB, on a host with so many
    free pages."""
    nodes = [
        {"id": i, "memory": 4 * GiB, "free": GiB, "pools": [pool(count)]}
        for i, count in enumerate(free)
    ]
    fields = {"memory": 130 * MiB, "page_size": PAGE}
    total = len(cells) * 258 * MiB
    guest = {
        "name": "g",
        "cells": [{**fields, **cell} for cell in cells],
        "target": total,
        "maximum": total,
    }
    problem = Problem.model_validate({"host": {"nodes": nodes}, "guests": [guest]})
    plan = solve(problem)
    assert isinstance(plan, Plan)
    return problem, plan


def pool(count: int) -> dict[str, int]:
    """A pool of free pages."""
    return {"page_size": PAGE, "total": count, "free": count}


def taken(use: HostUse | None) -> list[int]:
    """Pages that are taken of each node's pool."""
    assert use is not None
    return [p.free_before - p.free_after for n in use.nodes for p in n.pools if p.page_size == PAGE]


@pytest.mark.parametrize(
    ("free", "nodes", "expected"),
    [
        ([200, 200, 200], (0, 1), [65, 64, 0]),  # 65 pages, 64 pages
        ([200, 200, 200], (1, 2), [0, 65, 64]),
        ([200, 200, 200], (0, 1, 2), [44, 43, 42]),
        ([65, 64, 0], (0, 1), [65, 64, 0]),
    ],
)
def test_interleaved_pages(free: list[int], nodes: tuple[int, ...], expected: list[int]) -> None:
    """The pages of each backend come from the nodes in turn, the first one from the first node."""
    problem, plan = planned(free, {"host_nodes": nodes, "mode": "interleave"})
    assert taken(plan.host) == expected
    assert plan.notes == ()
    assert not list(check_plan(problem, plan))


def test_the_checker_knows_how_pages_are_interleaved() -> None:
    """A table that books them on one node is refused, though the sums are right."""
    problem, plan = planned([200, 200], {"host_nodes": (0, 1), "mode": "interleave"})
    assert plan.host is not None
    first, second = plan.host.nodes
    left = {0: 200 - 129, 1: 200}
    nodes = tuple(
        node.model_copy(
            update={
                "pools": tuple(
                    p.model_copy(update={"free_after": left[node.id]}) if p.page_size == PAGE else p
                    for p in node.pools
                )
            }
        )
        for node in (first, second)
    )
    wrong = plan.model_copy(update={"host": HostUse(nodes=nodes)})
    assert taken(wrong.host) == [129, 0]
    says = [violation.says for violation in check_plan(problem, wrong)]
    assert says == ["129 pages are taken, the plan says 129 or elsewhere"]


@pytest.mark.parametrize("free", [[64, 200, 0], [200, 63, 0]])
def test_each_node_needs_its_share(free: list[int]) -> None:
    """What one of them lacks the kernel would take elsewhere, from whoever is planned there."""
    with pytest.raises(AssertionError):
        planned(free, {"host_nodes": (0, 1), "mode": "interleave"})


def test_others_have_the_rest() -> None:
    """A cell that is bound to one of the nodes has what the shares leave."""
    shared = {"host_nodes": (0, 1), "mode": "interleave"}
    _, plan = planned([194, 64], shared, {"host_nodes": (0,)})
    assert taken(plan.host) == [65 + 129, 64]


DIMM = {"model": "dimm", "size": 130 * MiB, "cell": 0, "slot": 0}
VIRTIO_MEM = {
    "model": "virtio-mem",
    "size": GiB,
    "cell": 0,
    "address": 8 * GiB,
    "requested": 130 * MiB,
    "block": PAGE,
}


@pytest.mark.parametrize(
    ("device", "running"), [(DIMM, False), ({**DIMM, "address": 4 * GiB}, True), (VIRTIO_MEM, True)]
)
def test_devices_that_are_there(device: dict[str, Any], running: bool) -> None:
    """Each piece starts anew with the first node; which parts of a virtio-mem device are there is
    the guest's choice. Whatever is planned, the checker finds the same."""
    cell = {"memory": 130 * MiB, "page_size": PAGE, "host_nodes": (0, 1), "mode": "interleave"}
    nodes = [{"id": i, "memory": 4 * GiB, "free": GiB, "pools": [pool(1900)]} for i in range(2)]
    size, most = (260 + 256) * MiB, (260 + 256 + 1024) * MiB
    guest = {"name": "g", "cells": [cell], "devices": [device], "slots": 8, "running": running}
    guest |= {"target": size, "maximum": most}
    problem = Problem.model_validate({"host": {"nodes": nodes}, "guests": [guest]})
    plan = solve(problem)
    assert isinstance(plan, Plan)
    assert not list(check_plan(problem, plan))
    assert bool(plan.notes) == (device["model"] == "virtio-mem")


@pytest.mark.parametrize("mode", ["strict", "preferred"])
def test_what_the_kernel_chooses_is_told(mode: str) -> None:
    """Bound to several nodes, a cell may take its pages from any of them."""
    shared = {"host_nodes": (0, 1), "mode": mode}
    _, plan = planned([200, 200, 200], shared, {"host_nodes": (2,)}, shared)
    assert plan.notes == (
        "guest g: which of host nodes 0-1 pays for cell 0, 2 is the kernel's choice; what is said "
        "of single pools is one way of several",
    )


def test_restrictive_cells_may_lie_on_each_others_nodes() -> None:
    """The mode binds no memory, so that every cell may lie wherever one may."""
    cells = [{"host_nodes": (node,), "mode": "restrictive"} for node in (0, 2)]
    _, plan = planned([200, 200, 200], *cells)
    (note,) = plan.notes
    assert "which of host nodes 0,2 pays for cell 0, 1 is the kernel's choice, since mode" in note
    _, plan = planned([400], *[{"host_nodes": (0,), "mode": "restrictive"}] * 2)
    assert plan.notes == ()


def test_interleaved_without_a_host() -> None:
    """There are no nodes then, and nothing to be said of them."""
    cells = [{"memory": 130 * MiB, "page_size": PAGE, "mode": "interleave"}] * 2
    target = (260 + 3 * 128) * MiB
    guest = {"name": "g", "cells": cells, "target": target, "maximum": {"at_least": GiB}}
    policies = [{"kind": "slots", "exactly": 7}, {"kind": "relative-step", "ratio": "1/8"}]
    plan = solve(Problem.model_validate({"guests": [guest], "policies": policies}))
    assert isinstance(plan, Plan)
    assert (plan.host, plan.notes) == (None, ())

"""Running guests and the pools that pay for them: what goes back, what has to stay free."""

from __future__ import annotations

from typing import Any

import pytest

from slotsolver.size import GiB, MiB
from tests.running_guests import document, planned, plugs, problem, refused

PAGE = 2 * MiB


def host(*free: int) -> dict[str, Any]:
    """Nodes with that many free GiB of 2 MiB pages, of 16 each, and no ordinary memory."""
    return {
        "nodes": [
            {
                "id": number,
                "memory": 20 * GiB,
                "free": 0,
                "pools": [{"page_size": PAGE, "total": 16 * 512, "free": size * 512}],
            }
            for number, size in enumerate(free)
        ]
    }


@pytest.mark.parametrize(("headroom", "fits"), [(1, True), (2, True), (3, False), (5, False)])
def test_what_comes_back_fills_up_the_headroom_first(headroom: int, fits: bool) -> None:
    """One GiB is free and three come back from the DIMM that goes; two are wanted again."""
    guest = document(
        [{"memory": GiB, "page_size": PAGE, "host_nodes": [0]}],
        [(0, 3 * GiB, 0, 0)],
        3 * GiB,
        maximum=4 * GiB,
        slots=4,
    )
    kept = {"kind": "headroom", "size": headroom * GiB}
    given = problem(guest, "swap", kept, host=host(1))
    assert refused(given) == (not fits)
    if fits:
        assert plugs(planned(given)) == [2048]


def test_a_device_on_one_node_tells_equal_nodes_apart() -> None:
    """Both nodes have 4 GiB free. The virtio-mem takes those of node 0, so the DIMM has to come
    from node 1, though the two nodes look alike."""
    device = {
        "model": "virtio-mem",
        "size": 4 * GiB,
        "requested": 0,
        "block": PAGE,
        "cell": 0,
        "address": 4 * GiB,
        "host_nodes": [0],
        "page_size": PAGE,
    }
    cell = {"memory": GiB, "page_size": PAGE, "mode": "preferred"}
    guest = document([cell], [], 9 * GiB, maximum=9 * GiB, slots=4, devices=[device])
    plan = planned(problem(guest, host=host(4, 4))).guests[0]
    assert [(o.do, o.size) for o in plan.operations] == [("plug", 4 * GiB), ("resize", 4 * GiB)]
    assert plan.cells[0].host_nodes == (1,)

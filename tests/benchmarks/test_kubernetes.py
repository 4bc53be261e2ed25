"""Kubernetes' Memory Manager: what its rule about groups of nodes leaves unused."""

from __future__ import annotations

import pytest

from benchmarks.peers import OverLimitError
from benchmarks.peers.kubernetes import Hint, MemoryManager
from benchmarks.peers.limits import Budget


def manager(*memory: int) -> MemoryManager:
    """Nodes with as much memory each."""
    return MemoryManager([{"memory": size} for size in memory])


def test_free_memory_of_two_nodes_is_not_joined() -> None:
    """Two nodes of 10 with 8 in use each refuse 3, though 4 are free."""
    host = manager(10, 10)
    assert host.allocate({"memory": 8}, Budget()) == {0: 8}
    assert host.allocate({"memory": 8}, Budget()) == {1: 8}
    assert host.allocate({"memory": 3}, Budget()) is None
    assert host.allocate({"memory": 2}, Budget()) == {0: 2}


def test_groups_do_not_overlap() -> None:
    """15 on nodes 0 and 1, then 5 on node 2 although 1 has 5 free; another 15 is refused."""
    host = manager(10, 10, 10, 10)
    assert host.allocate({"memory": 15}, Budget()) == {0: 10, 1: 5}
    assert host.allocate({"memory": 5}, Budget()) == {2: 5}
    assert host.allocate({"memory": 15}, Budget()) is None
    assert sum(node.free["memory"] for node in host.nodes) == 20


def test_a_group_takes_more_of_the_same() -> None:
    """A container that needs both nodes of the group gets them."""
    host = manager(10, 10)
    assert host.allocate({"memory": 12}, Budget()) == {0: 10, 1: 2}
    assert host.allocate({"memory": 8}, Budget()) == {0: 0, 1: 8}


def test_preferred_is_decided_before_what_is_free() -> None:
    """One node could hold it if it were empty, so two are not preferred, and restricted refuses."""
    host = manager(10, 10, 10)
    host.occupy(0, "memory", 5)
    host.nodes[1].free["memory"] = host.nodes[2].free["memory"] = 4
    assert host.hints({"memory": 8}, Budget()) == [Hint((1, 2), False)]
    assert host.allocate({"memory": 8}, Budget(), "restricted") is None
    assert host.allocate({"memory": 8}, Budget()) == {1: 4, 2: 4}


def test_single_node_only() -> None:
    """The policy that refuses every group."""
    assert manager(10, 10).allocate({"memory": 15}, Budget(), "single-numa-node") is None
    assert manager(10, 10).allocate({"memory": 9}, Budget(), "single-numa-node") == {0: 9}


def test_resources_share_the_nodes() -> None:
    """Memory and hugepages come from one set of nodes, each filled in order."""
    host = MemoryManager([{"memory": 10, "hugepages-1Gi": 4}] * 2)
    assert host.allocate({"memory": 2, "hugepages-1Gi": 6}, Budget()) == {0: 6, 1: 2}


def test_every_set_is_looked_at() -> None:
    """2^n - 1 of them."""
    request = {"memory": 1}
    assert len(manager(*[1] * 10).hints(request, Budget(steps=1023))) == 1023
    with pytest.raises(OverLimitError):
        manager(*[1] * 10).hints(request, Budget(steps=1022))

"""Kubernetes' Memory Manager (policy Static): every set of nodes is looked at.

Source: kubernetes/kubernetes, pkg/kubelet/cm/memorymanager/policy_static.go, commit 030880a5
(calculateHints, Allocate), and the merge in pkg/kubelet/cm/topologymanager, here with the Memory
Manager as the only one that gives hints. It places a container as a whole; more than 8 NUMA nodes
are refused unless the Topology Manager's option says otherwise (KEP-4622).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Literal, NamedTuple

from benchmarks.peers.limits import Budget

Policy = Literal["best-effort", "restricted", "single-numa-node"]
Request = Mapping[str, int]
"""What is asked for of each resource (``memory``, ``hugepages-2Mi``), in one unit of size."""


class Hint(NamedTuple):
    """A set of nodes that would do; ``preferred`` if none smaller could ever do."""

    nodes: tuple[int, ...]
    preferred: bool


@dataclass
class Node:
    """A NUMA node: what it can give at all, what of it is free, how often it is assigned, and the
    group of nodes that containers use together."""

    allocatable: dict[str, int]
    free: dict[str, int]
    group: tuple[int, ...]
    assignments: int = 0


@dataclass
class MemoryManager:
    """The state of one host; ``allocatable`` is by node and resource."""

    allocatable: Sequence[Mapping[str, int]]
    nodes: list[Node] = field(init=False)

    def __post_init__(self) -> None:
        self.nodes = [Node(dict(a), dict(a), (i,)) for i, a in enumerate(self.allocatable)]

    def occupy(self, node: int, resource: str, used: int) -> None:
        """A container of one node is there already."""
        if used:
            self.nodes[node].free[resource] -= used
            self.nodes[node].assignments += 1

    def hints(self, request: Request, budget: Budget) -> list[Hint]:
        """Every set of nodes that would do now."""
        least, found = len(self.nodes), list[tuple[int, ...]]()
        for chosen in self._sets():
            budget.spend()
            if not self._hold(chosen, request, "allocatable"):
                continue
            least = min(least, len(chosen))
            if self._may_group(chosen) and self._hold(chosen, request, "free"):
                found.append(chosen)
        return [Hint(chosen, len(chosen) == least) for chosen in found]

    def allocate(
        self, request: Request, budget: Budget, policy: Policy = "best-effort"
    ) -> dict[int, int] | None:
        """What a container gets of each node, all resources together; ``None``: it is refused."""
        best = min(self.hints(request, budget), key=_rank, default=None)
        if best is None or (policy != "best-effort" and not best.preferred):
            return None
        if policy == "single-numa-node" and len(best.nodes) > 1:
            return None
        return self._take(best.nodes, request)

    def _sets(self) -> Iterator[tuple[int, ...]]:
        for count in range(1, len(self.nodes) + 1):
            yield from combinations(range(len(self.nodes)), count)

    def _hold(
        self, chosen: tuple[int, ...], request: Request, which: Literal["allocatable", "free"]
    ) -> bool:
        return all(
            sum(getattr(self.nodes[node], which).get(resource, 0) for node in chosen) >= wanted
            for resource, wanted in request.items()
        )

    def _may_group(self, chosen: tuple[int, ...]) -> bool:
        """A node of a group is not used alone, one in use joins no other group."""
        if len(chosen) == 1:
            return len(self.nodes[chosen[0]].group) == 1
        return all(
            not self.nodes[node].assignments
            or (len(self.nodes[node].group) > 1 and self.nodes[node].group == chosen)
            for node in chosen
        )

    def _take(self, chosen: tuple[int, ...], request: Request) -> dict[int, int]:
        """Nodes are filled one after the other, in the order of their ids."""
        given = dict.fromkeys(chosen, 0)
        for resource, wanted in request.items():
            left = wanted
            for number in chosen:
                node = self.nodes[number]
                node.assignments += 1
                node.group = chosen
                part = min(left, node.free.get(resource, 0))
                if part:
                    node.free[resource] -= part
                given[number] += part
                left -= part
        return given


def _rank(hint: Hint) -> tuple[bool, int, int]:
    """Preferred ones first, then fewer nodes, then nodes of lower ids."""
    return not hint.preferred, len(hint.nodes), sum(1 << node for node in hint.nodes)

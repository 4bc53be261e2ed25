"""OpenNebula: guest nodes one after the other, each to a CPU node and a near memory node.

Source: OpenNebula/one, commit f847cf2e, src/host/HostShareNUMA.cc (schedule_nodes),
src/vmm/LibVirtDriverKVM.cc (maxMemory only without a NUMA topology),
src/vmm_mad/remotes/kvm/resize (one DIMM on the first cell). Read, not run.

What a guest node takes of a remote memory node is booked on its CPU node, so the next guest node
may get the same memory again; ``mended`` books it where it is taken. No choice is ever taken back.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil
from typing import NamedTuple

from benchmarks.peers import Module

SLOTS = 16


@dataclass(frozen=True)
class HostNode:
    """A node: free cores, free memory (MiB), all nodes from the nearest (itself) on, and free pages
    of the size that is asked for."""

    cores: int
    memory: int
    nearest: tuple[int, ...]
    pages: int = 0


class Placed(NamedTuple):
    """Where the CPUs and the memory of a guest node are."""

    cpus: int
    memory: int


class _Left:
    """What the nodes have left while a guest is placed."""

    def __init__(self, host: Sequence[HostNode], threads: int, page: int) -> None:
        self.host, self.threads, self.page = host, threads, page
        self.cores = [node.cores for node in host]
        self.memory = [node.memory for node in host]
        self.pages = [node.pages for node in host]

    def with_cpus(self, cpus: int) -> list[int]:
        """Nodes with as many CPUs, those first that have the largest share of theirs left."""
        fits = [
            (1 - cpus / (self.threads * cores), node)
            for node, cores in enumerate(self.cores)
            if cores > 0 and cores * self.threads >= cpus
        ]
        return [node for _, node in sorted(fits, reverse=True)]

    def with_memory(self, memory: int) -> set[int]:
        """Nodes with as much memory (MiB)."""
        return {
            node
            for node in range(len(self.host))
            if self.memory[node] >= memory
            and (not self.page or self.pages[node] >= max(1, self.wanted_pages(memory)))
        }

    def wanted_pages(self, memory: int) -> int:
        """How many pages that is."""
        return memory * 1024 // self.page if self.page else 0

    def pair(self, cpus: int, memory: int) -> Placed | None:
        """The memory node nearest to its CPU node; among equally near ones the emptiest CPUs."""
        fits, holds = self.with_cpus(cpus), self.with_memory(memory)
        for hop in range(len(self.host)):
            for node in fits:
                near = self.host[node].nearest[hop]
                if near in holds:
                    return Placed(node, near)
        return None

    def book(self, node: int, cpus: int, booked: int, memory: int) -> None:
        """The cores of ``node`` and the memory of node ``booked`` are taken."""
        self.cores[node] -= ceil(cpus / self.threads)
        self.memory[booked] -= memory
        self.pages[booked] -= self.wanted_pages(memory)


def schedule(
    cells: Iterable[tuple[int, int]],
    host: Sequence[HostNode],
    *,
    threads: int = 1,
    page: int = 0,
    mended: bool = False,
) -> list[Placed] | None:
    """Where each cell (CPUs, MiB) goes; ``page`` is the page size (KiB), 0 for ordinary memory."""
    left, found = _Left(host, threads, page), list[Placed]()
    for cpus, memory in cells:
        pair = left.pair(cpus, memory)
        if pair is None:
            return None
        left.book(pair.cpus, cpus, pair.memory if mended else pair.cpus, memory)
        found.append(pair)
    return found


def plan(boot: int, total: int) -> list[Module]:
    """The DIMM of one request: all of it on the first cell."""
    return [Module(0, total - boot)] if total > boot else []

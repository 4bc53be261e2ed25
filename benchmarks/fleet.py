"""How many guests a host takes until the first refusal, and whether they can then all grow.

Flavors arrive in a drawn order at an empty host; every guest is promised twice its memory. Who is
asked places one guest after the other by his own rules and books. When he refuses one, the referee
looks at what was placed: whether any node gave more than it has, and whom of the guests, in the
order of their arrival, it can give their promise where they lie, all at once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from random import Random
from time import perf_counter
from typing import Any, NamedTuple, Protocol

from benchmarks.peers import OverLimitError, kubernetes, nova, opennebula, ovirt, proxmox, vmcap
from benchmarks.peers.limits import Budget
from benchmarks.report import Table, duration, percent
from benchmarks.timing import progress
from slotsolver import Plan, Problem, solve
from slotsolver.size import GiB, MiB

HOSTS: dict[str, tuple[float, ...]] = {
    "m5.metal": (192,) * 2,
    "r5.metal": (384,) * 2,
    "4 sockets": (128,) * 4,
    "arm, 2 packages": (125.6, 126, 126, 125),
    "8 nodes to 2 sockets": (96,) * 8,
    "Opteron, uneven": (8, 16) * 4,
}
"""Memory of the nodes (GiB): AWS's metal sizes as OpenShift's documentation lists them
(openshift/openshift-docs modules/rosa-sdpolicy-am-aws-compute-types.adoc), fixtures of hwloc 2.9.0
(40intel64, 128arm, 48amd64-4d2n6c-sparse), and two sockets of which each is split into four."""

FLAVORS = (1, 2, 4, 8, 16, 30.5, 32, 61, 64, 122, 128, 160, 192, 244, 256, 384, 488)
"""Memory (GiB): Nova's defaults (openstack/nova doc/api_samples/flavors), AWS m5, r5 and r4 (as
above), Azure Esv5 (MicrosoftDocs/azure-compute-docs esv5-series.md)."""

IN_POOLS = 90
"""Percent of each node in 2 MiB pages; guests take nothing else."""
PROMISE = 2
"""How many times its memory a guest is promised."""
CELL_BOOT = 256
"""Boot memory of a cell (MiB); the rest are DIMMs, so that guest blocks stay small."""
PAGE_KIB = 2048
SEEDS, QUICK_SEEDS = 6, 1
STEPS = 200_000
"""Steps of a search (of Nova, oVirt, Kubernetes), which then gives up."""

Nodes = Mapping[int, int]
"""MiB by host node."""
Lies = Sequence[Nodes]
"""Where a guest lies: for each cell, or once for all, what it takes of which nodes."""


class Guest(NamedTuple):
    """A guest: number of cells, its memory and what it is promised (MiB), equally spread."""

    cells: int
    memory: int
    promised: int


class Placed(NamedTuple):
    """A guest that was accepted, where it lies, and how much each of these places shall have when
    the promise is kept (MiB)."""

    guest: Guest
    lies: Lies
    promised: Sequence[int]


class Placer(Protocol):
    """Somebody who places guests on one host and remembers what he gave."""

    def admit(self, guest: Guest) -> Placed | None:
        """Where the guest lies from now on; ``None``: it is refused."""


def spread(guest: Guest, lies: Lies) -> Placed:
    """Every place gets an equal part of the promise."""
    return Placed(guest, lies, [guest.promised // len(lies)] * len(lies))


class Nova:
    """Each cell on a host cell of its own, the emptiest first."""

    def __init__(self, memory: Sequence[int]) -> None:
        self.memory, self.free = memory, list(memory)

    def admit(self, guest: Guest) -> Placed | None:
        """By Nova's permutations, caches included."""
        host = [
            nova.HostCell(node, {PAGE_KIB: nova.Pages(total // 2, (total - free) // 2)}, free)
            for node, (total, free) in enumerate(zip(self.memory, self.free, strict=True))
        ]
        size = guest.memory // guest.cells
        found = nova.place(host, [size] * guest.cells, PAGE_KIB, Budget(steps=STEPS))
        if found is None:
            return None
        for node, _ in found:
            self.free[node] -= size
        return spread(guest, [{node: size} for node, _ in found])


class OVirt:
    """Cells are pinned depth first; they may share a node."""

    def __init__(self, memory: Sequence[int]) -> None:
        self.free = list(memory)

    def admit(self, guest: Guest) -> Placed | None:
        """By the filter for hugepages, then by the pinning."""
        size, nodes = guest.memory // guest.cells, list(range(len(self.free)))
        if not ovirt.host_has(guest.memory, self.free):
            return None
        free = dict(enumerate(self.free))
        found = ovirt.pin([(size, nodes)] * guest.cells, free, Budget(steps=STEPS))
        if found is None:
            return None
        for node in found.values():
            self.free[node] -= size
        return spread(guest, [{found[cell]: size} for cell in range(guest.cells)])


class OpenNebula:
    """Cells one after the other; there are CPUs for all."""

    def __init__(self, memory: Sequence[int]) -> None:
        self.free = list(memory)

    def admit(self, guest: Guest) -> Placed | None:
        """By OpenNebula's greedy rule."""
        size, nodes = guest.memory // guest.cells, range(len(self.free))
        host = [
            opennebula.HostNode(
                guest.cells, free, (node, *(n for n in nodes if n != node)), free // 2
            )
            for node, free in enumerate(self.free)
        ]
        found = opennebula.schedule([(1, size)] * guest.cells, host, page=PAGE_KIB)
        if found is None:
            return None
        for placed in found:
            self.free[placed.memory] -= size
        return spread(guest, [{placed.memory: size} for placed in found])


class Kubernetes:
    """The guest as one container on a set of nodes; its cells are not known."""

    RESOURCE = "hugepages-2Mi"

    def __init__(self, memory: Sequence[int]) -> None:
        self.manager = kubernetes.MemoryManager([{self.RESOURCE: size} for size in memory])

    def admit(self, guest: Guest) -> Placed | None:
        """By the Memory Manager, whatever set it prefers (best-effort)."""
        found = self.manager.allocate({self.RESOURCE: guest.memory}, Budget(steps=STEPS))
        return None if found is None else spread(guest, [found])


class Proxmox:
    """Cell n on host node n; the next size of the ladder that is not below what is asked for."""

    def __init__(self, memory: Sequence[int]) -> None:
        self.free = list(memory)

    def admit(self, guest: Guest) -> Placed | None:
        """By the pages of the nodes 0, 1, ..."""
        now = self.by_cell(guest.memory, guest.cells)
        later = self.by_cell(guest.promised, guest.cells)
        if now is None or later is None or any(s > f for s, f in zip(now, self.free, strict=False)):
            return None
        for node, size in enumerate(now):
            self.free[node] -= size
        return Placed(guest, [{node: size} for node, size in enumerate(now)], later)

    @staticmethod
    def by_cell(wanted: int, cells: int) -> list[int] | None:
        """Memory of the cells (MiB) at the next size of the ladder, if there is one."""
        total = proxmox.next_total(wanted, cells)
        if total is None:
            return None
        found = [proxmox.boot_memory(cells) // cells] * cells
        for module in proxmox.plan(total, cells):
            found[module.cell] += module.size
        return found


class Slotsolver:
    """Cells equally large; ``distinct``: each on a host node of its own; ``reserve``: the promise
    is kept free."""

    def __init__(
        self, memory: Sequence[int], *, distinct: bool = False, reserve: bool = False
    ) -> None:
        self.memory, self.free = memory, list(memory)
        self.distinct, self.reserve = distinct, reserve

    def admit(self, guest: Guest) -> Placed | None:
        """By slotsolver's plan, and the books by what the plan says of the pools."""
        answer = solve(self.problem(guest), reasons="none")
        if not isinstance(answer, Plan):
            return None
        assert answer.host is not None
        for node in answer.host.nodes:
            for pool in node.pools:
                if pool.page_size == 2 * MiB:
                    kept = pool.promised if self.reserve else 0
                    self.free[node.id] = (pool.free_after - kept) * 2
        return spread(guest, lies_in(answer))

    def problem(self, guest: Guest) -> Problem:
        """The guest on what is free of the host."""
        nodes = [
            {
                "id": node,
                "cpus": [node],
                "memory": total * MiB,
                "pages": {"2 MiB": {"total": total // 2, "free": free // 2}},
            }
            for node, (total, free) in enumerate(zip(self.memory, self.free, strict=True))
        ]
        cells = [
            {"cpus": [cell], "memory": CELL_BOOT * MiB, "page_size": 2 * MiB}
            for cell in range(guest.cells)
        ]
        wanted: dict[str, Any] = {
            "name": "guest",
            "cells": cells,
            "target": guest.memory * MiB,
            "maximum": guest.promised * MiB,
        }
        until = "maximum" if self.reserve else "target"
        policies = [
            {"kind": "balance"},
            {"kind": "host-nodes", "distinct": self.distinct},
            {"kind": "reserve", "until": until},
            {"kind": "step", "size": 1024 * GiB},  # DIMMs of any size: slots count first
        ]
        document = {"host": {"nodes": nodes}, "guests": [wanted], "policies": policies}
        return Problem.model_validate(document)


def lies_in(plan: Plan) -> list[Nodes]:
    """Where the cells lie now by the plan's boot memory and plugged DIMMs."""
    (guest,) = plan.guests
    found = [Counter[int]({cell.host_nodes[0]: cell.boot // MiB}) for cell in guest.cells]
    for dimm in guest.dimms:
        if dimm.state == "plugged":
            found[dimm.cell][dimm.host_nodes[0]] += dimm.size // MiB
    return list(found)


class Peer(NamedTuple):
    """Who is asked, what he can promise, and whether his cells lie on nodes of their own."""

    promise: str
    distinct: bool
    begin: Callable[[Sequence[int]], Placer]


PEERS = {
    "Nova": Peer("no growth", True, Nova),
    "oVirt": Peer("not kept free", False, OVirt),
    "OpenNebula": Peer("no growth with NUMA", False, OpenNebula),
    "Kubernetes": Peer("no growth", False, Kubernetes),
    "Proxmox VE": Peer("not kept free", False, Proxmox),
    "slotsolver": Peer("not kept free", False, Slotsolver),
    "slotsolver, distinct": Peer(
        "not kept free", True, lambda memory: Slotsolver(memory, distinct=True)
    ),
    "slotsolver, reserve": Peer(
        "kept free", False, lambda memory: Slotsolver(memory, reserve=True)
    ),
    "slotsolver, both": Peer(
        "kept free", True, lambda memory: Slotsolver(memory, distinct=True, reserve=True)
    ),
}


class Run(NamedTuple):
    """What became of one host: guests accepted and their memory (MiB), nodes that gave more than
    they have, guests whose promise can be kept, and seconds for each answer."""

    host: str
    seed: int
    accepted: int
    memory: int
    overbooked: int
    honoured: int
    seconds: list[float]


def pools(host: str) -> list[int]:
    """What the nodes have for guests (MiB), whole pages."""
    return [int(size * 1024 * IN_POOLS / 100) // 2 * 2 for size in HOSTS[host]]


def fitting(memory: float, nodes: Sequence[int]) -> Guest | None:
    """The guest of a flavor (GiB), with as few cells as keep what each is promised within half of
    the smallest node; ``None`` if it is promised more than a quarter of the host."""
    size = round(memory * 1024)
    if PROMISE * size > sum(nodes) / 4:
        return None
    cells = next(
        (c for c in (1, 2, 4, 8) if c == len(nodes) or PROMISE * size / c <= min(nodes) / 2), None
    )
    return (cells and Guest(cells, size, PROMISE * size)) or None


def arrivals(host: str, seed: int) -> Iterator[Guest]:
    """Guests in a drawn order, without end."""
    nodes = pools(host)
    fit = [guest for flavor in FLAVORS if (guest := fitting(flavor, nodes))]
    random = Random(f"{host} {seed}")  # noqa: S311 - no secret
    while True:
        yield random.choice(fit)


def fill(placer: Placer, guests: Iterator[Guest]) -> tuple[list[Placed], list[float]]:
    """What is accepted until the first refusal, and the seconds of every answer."""
    found, seconds = list[Placed](), list[float]()
    for guest in guests:
        started = perf_counter()
        try:
            placed = placer.admit(guest)
        except OverLimitError:
            placed = None
        seconds.append(perf_counter() - started)
        if placed is None:
            return found, seconds
        found.append(placed)
    raise AssertionError("guests have no end")


def left_over(nodes: Sequence[int], placed: Sequence[Placed]) -> list[int]:
    """What the nodes have left; less than nothing where they gave more than they have."""
    left = list(nodes)
    for one in placed:
        for lies in one.lies:
            for node, size in lies.items():
                left[node] -= size
    return left


def honoured(nodes: Sequence[int], placed: Sequence[Placed]) -> int:
    """How many guests can have their promise at once, in the order of their arrival; those who
    cannot stay as they are."""
    left = left_over(nodes, placed)
    count = 0
    for one in placed:
        after = list(left)
        for lies, promised in zip(one.lies, one.promised, strict=True):
            wanted = promised - sum(lies.values())
            for node in sorted(lies):
                part = max(0, min(wanted, after[node]))
                after[node] -= part
                wanted -= part
            if wanted > 0:
                break
        else:
            left, count = after, count + 1
    return count


def measure(name: str, host: str, seed: int) -> Run:
    """Fill one host."""
    nodes = pools(host)
    placed, seconds = fill(PEERS[name].begin(nodes), arrivals(host, seed))
    over = sum(size < 0 for size in left_over(nodes, placed))
    memory = sum(one.guest.memory for one in placed)
    return Run(host, seed, len(placed), memory, over, honoured(nodes, placed), seconds)


def equal_guests(name: str, host: str) -> tuple[int, int]:
    """How many equal guests of two cells are accepted, and how many fit by the closed form: each
    cell has a 16th of the smallest node, or is promised that where promises are kept free."""
    nodes = pools(host)
    cell = min(nodes) // 16 // 128 * 128
    factor = PROMISE if PEERS[name].promise == "kept free" else 1
    guest = Guest(2, 2 * cell, 2 * cell * PROMISE)

    def forever() -> Iterator[Guest]:
        while True:
            yield guest

    placed, _ = fill(PEERS[name].begin(nodes), forever())
    return len(placed), vmcap.capacity([size // (factor * cell) for size in nodes], guest.cells)


def row(name: str, runs: Sequence[Run], equal: Sequence[tuple[int, int]]) -> tuple[object, ...]:
    """One line of the table."""
    accepted, kept = sum(r.accepted for r in runs), sum(r.honoured for r in runs)
    seconds = sorted(second for r in runs for second in r.seconds)
    return (
        name,
        PEERS[name].promise,
        len(runs),
        accepted,
        f"{sum(r.memory for r in runs) / 1024:.0f} GiB",
        sum(r.overbooked for r in runs),
        kept,
        percent(kept, accepted),
        f"{sum(a for a, _ in equal)} of {sum(b for _, b in equal)}" if equal else "-",
        duration(seconds[len(seconds) // 2]),
    )


def run(quick: bool) -> Table:
    """Fill every host by everybody's rules."""
    seeds = range(QUICK_SEEDS if quick else SEEDS)
    rows, raw = [], {}
    for name, peer in PEERS.items():
        hosts = [(host, seed) for host in HOSTS for seed in seeds]
        runs = [measure(name, host, seed) for host, seed in progress(hosts, name)]
        asked = list(HOSTS)[:: 3 if quick else 1] if peer.distinct else []
        equal = [equal_guests(name, host) for host in asked]
        rows.append(row(name, runs, equal))
        raw[name] = {"runs": [r._asdict() for r in runs], "equal": equal}
    return Table(
        title="Guests accepted until the first refusal, each promised twice its memory",
        columns=(
            *("who", "promise", "hosts", "accepted", "memory", "overbooked"),
            *("can grow", "share", "equal guests", "median time"),
        ),
        rows=tuple(rows),
        raw=dict(raw),
        notes=NOTES,
    )


NOTES = (
    "can grow: guests who can have their promise at once, in the order of arrival, where they lie, "
    "whether or not the manager could grow them.",
    "Nova resizes no running guest; Kubernetes keeps the set of nodes; OpenNebula writes a maximum "
    "only without NUMA topology; oVirt and Proxmox VE write one, but keep nothing free for it "
    "(oVirt grows no guest on hugepages).",
    "equal guests: of two cells on nodes of their own, accepted of those that fit by the closed "
    "form; peers whose cells may share a node are not compared with it.",
    "Proxmox VE's guests get the next size of the ladder, cell n on host node n. Nova and "
    "slotsolver where it says so (distinct, both) put each cell on a node of its own.",
)

"""Whether a guest's cells fit on a host's nodes: who answers rightly, and in what time.

Hosts have nodes of 64 GiB in 2 MiB pages, 0 to 95 % of them in use; guests have 2, 4 or 8 cells,
drawn so that they just fit or just do not. Each peer is asked what its model knows: either every
cell gets a host node of its own, or cells may share one; it is judged by the exact method for that
question. A time is from the bare numbers to the answer.
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from random import Random
from time import perf_counter
from typing import Any, Literal, NamedTuple

from benchmarks import referee
from benchmarks.peers import OverLimitError, kubernetes, nova, opennebula, ovirt
from benchmarks.peers.limits import Budget
from benchmarks.report import Table, duration
from benchmarks.timing import progress
from slotsolver import Plan, Problem, Undecided, solve
from slotsolver.size import GiB, MiB

Shape = Literal["symmetric", "asymmetric"]
SHAPES: tuple[Shape, ...] = ("symmetric", "asymmetric")
Placement = Sequence[int] | None
"""The host node of each cell, or no."""
Verdict = Literal["right", "wrong yes", "wrong no", "misplaced", "open"]

NODE = 64
"""Memory of a host node (GiB)."""
PAGES = GiB // (2 * MiB)
"""Pages of a GiB."""
PAGE_KIB = 2048


Row = tuple[object, ...]


class Extent(NamedTuple):
    """How much is measured: cases of each shape by host nodes, and the seconds that one answer, and
    that for the hard case, may take."""

    cases: Mapping[int, int]
    limit: float
    hard_limit: float


FULL = Extent({4: 100, 8: 50, 16: 16, 32: 8, 64: 6}, 0.5, 10.0)
QUICK = Extent({4: 10, 8: 4, 16: 1, 32: 1}, 0.1, 0.5)


class Case(NamedTuple):
    """A question: memory of the cells and what the nodes have free (GiB)."""

    shape: Shape
    cells: tuple[int, ...]
    free: tuple[int, ...]


HARD = Case("asymmetric", (10, 10, 10, 10, 10, 10, 60, 60), (*(20,) * 15, 64))
"""Two of eight cells need the same one of sixteen nodes."""


class Asked(NamedTuple):
    """Who is asked: whether cells may share a node in its model, and how (case and seconds)."""

    shared: bool
    ask: Callable[[Case, float], Placement]


class Result(NamedTuple):
    """An answer: to which case, what it is worth and how long it took (seconds)."""

    peer: str
    case: Case
    verdict: Verdict
    seconds: float


def drawn(number: int, nodes: int, shape: Shape) -> Case:
    """A case that is about as often feasible as not."""
    random = Random(f"{number} {nodes} {shape}")  # noqa: S311 - no secret
    free = tuple(NODE - random.randint(0, NODE * 95 // 100) for _ in range(nodes))
    count = random.choice([cells for cells in (2, 4, 8) if cells <= nodes])
    largest = sorted(free, reverse=True)[:count]
    if shape == "symmetric":
        return Case(shape, (max(1, largest[-1] + random.randint(-2, 1)),) * count, free)
    cells = [max(1, room - random.randint(0, 3)) for room in largest]
    one, other = random.sample(range(count), 2)
    match random.choice(("apart", "same", "shared")):
        case "same":  # two of them want the node that only one can have
            cells[other] = cells[one]
        case "shared":  # two of them just fit together, or lack a GiB
            cells[one] = max(1, largest[0] // 2)
            cells[other] = max(1, largest[0] - cells[one] + random.randint(0, 1))
    random.shuffle(cells)
    return Case(shape, tuple(cells), free)


def ask_nova(case: Case, seconds: float, *, caches: bool) -> Placement:
    """Nova, for 2 MiB pages."""
    host = [
        nova.HostCell(
            node, {PAGE_KIB: nova.Pages(NODE * PAGES, (NODE - room) * PAGES)}, room * 1024
        )
        for node, room in enumerate(case.free)
    ]
    cells = [cell * 1024 for cell in case.cells]
    found = nova.place(host, cells, PAGE_KIB, Budget(seconds), caches=caches)
    return None if found is None else [node for node, _ in found]


def ask_opennebula(case: Case, seconds: float, *, cpus: int) -> Placement:  # noqa: ARG001 - is quick
    """OpenNebula; every node has CPUs for as many cells."""
    nodes = range(len(case.free))
    host = [
        opennebula.HostNode(
            cpus, room * 1024, (node, *(n for n in nodes if n != node)), room * PAGES
        )
        for node, room in enumerate(case.free)
    ]
    found = opennebula.schedule([(1, c * 1024) for c in case.cells], host, page=PAGE_KIB)
    return None if found is None else [placed.memory for placed in found]


def ask_kubernetes(case: Case, seconds: float) -> Placement:
    """The Memory Manager: every cell is a container that has to lie on a single node."""
    budget, pages = Budget(seconds), "hugepages-2Mi"
    manager = kubernetes.MemoryManager([{pages: NODE}] * len(case.free))
    for node, room in enumerate(case.free):
        manager.occupy(node, pages, NODE - room)
    found: list[int] = []
    for cell in case.cells:
        given = manager.allocate({pages: cell}, budget, "single-numa-node")
        if given is None:
            return None
        found += given
    return found


def ask_ovirt(case: Case, seconds: float) -> Placement:
    """oVirt; every cell may have any node."""
    nodes = list(range(len(case.free)))
    found = ovirt.pin(
        [(cell, nodes) for cell in case.cells], dict(enumerate(case.free)), Budget(seconds)
    )
    return None if found is None else [found[cell] for cell in range(len(case.cells))]


def problem(case: Case, *, shared: bool) -> Problem:
    """The case as slotsolver is asked: all of the guest's memory is boot memory."""
    host = [
        {
            "id": node,
            "cpus": [node],
            "memory": NODE * GiB,
            "pages": {"2 MiB": {"total": NODE * PAGES, "free": room * PAGES}},
        }
        for node, room in enumerate(case.free)
    ]
    cells = [
        {"cpus": [number], "memory": cell * GiB, "page_size": 2 * MiB}
        for number, cell in enumerate(case.cells)
    ]
    document: dict[str, Any] = {
        "host": {"nodes": host},
        "guests": [{"name": "guest", "cells": cells, "boot": sum(case.cells) * GiB}],
        "policies": [] if shared else [{"kind": "host-nodes", "distinct": True}],
    }
    return Problem.model_validate(document)


def ask_slotsolver(case: Case, seconds: float, *, shared: bool) -> Placement:
    """slotsolver: a whole plan, checked, or the proof that there is none."""
    answer = solve(problem(case, shared=shared), time_limit=seconds, reasons="none")
    if isinstance(answer, Undecided):
        raise OverLimitError
    if not isinstance(answer, Plan):
        return None
    return [cell.host_nodes[0] for cell in answer.guests[0].cells]


PEERS: dict[str, Asked] = {
    "Nova": Asked(False, lambda case, limit: ask_nova(case, limit, caches=True)),
    "Nova, no caches": Asked(False, lambda case, limit: ask_nova(case, limit, caches=False)),
    "matching": Asked(False, lambda case, _: referee.matching(case.cells, case.free)),
    "slotsolver": Asked(False, lambda case, limit: ask_slotsolver(case, limit, shared=False)),
    "OpenNebula": Asked(True, lambda case, limit: ask_opennebula(case, limit, cpus=8)),
    "OpenNebula, few CPUs": Asked(True, lambda case, limit: ask_opennebula(case, limit, cpus=1)),
    "Kubernetes": Asked(True, ask_kubernetes),
    "oVirt": Asked(True, ask_ovirt),
    "packing": Asked(True, lambda case, _: referee.packing(case.cells, case.free)),
    "slotsolver, shared": Asked(True, lambda case, limit: ask_slotsolver(case, limit, shared=True)),
}


def judge(case: Case, answer: Placement, *, shared: bool) -> Verdict:
    """What an answer is worth; a yes has to name a placement that is one."""
    exact = referee.packing if shared else referee.matching
    feasible = exact(case.cells, case.free) is not None
    if answer is None:
        return "wrong no" if feasible else "right"
    if referee.holds(case.cells, case.free, answer, shared=shared):
        return "right"
    return "misplaced" if feasible else "wrong yes"


def measure(name: str, case: Case, limit: float) -> Result:
    """Ask one of them."""
    peer = PEERS[name]
    started = perf_counter()
    try:
        answer = peer.ask(case, limit)
    except OverLimitError:
        return Result(name, case, "open", perf_counter() - started)
    seconds = perf_counter() - started
    return Result(name, case, judge(case, answer, shared=peer.shared), seconds)


def middle(results: Sequence[Result], limit: float) -> str:
    """The median time, or that it is over the limit."""
    if not results:
        return "-"
    found = sorted(results, key=lambda result: result.seconds)[len(results) // 2]
    if found.verdict == "open":
        return f">{duration(limit)}"
    return duration(statistics.median(result.seconds for result in results))


def row(name: str, shape: Shape, results: Sequence[Result], hard: Result, extent: Extent) -> Row:
    """One line of the table."""
    mine = [r for r in results if r.peer == name and r.case.shape == shape]
    counts = Counter(r.verdict for r in mine)
    times = [
        middle([r for r in mine if len(r.case.free) == nodes], extent.limit)
        for nodes in extent.cases
    ]
    last = middle([hard], extent.hard_limit) if shape == HARD.shape else ""
    question = "shared" if PEERS[name].shared else "own"
    found = [counts[v] for v in ("wrong yes", "wrong no", "misplaced", "open")]
    return (question, name, shape, len(mine), *found, *times, last)


def run(quick: bool) -> Table:
    """Ask everybody about every case."""
    extent = QUICK if quick else FULL
    ask_slotsolver(drawn(0, 4, "symmetric"), 10.0, shared=True)  # loads what it needs
    cases = [
        drawn(number, nodes, shape)
        for nodes, count in extent.cases.items()
        for shape in SHAPES
        for number in range(count)
    ]
    results = [
        measure(name, case, extent.limit) for name in PEERS for case in progress(cases, name)
    ]
    hard = {name: measure(name, HARD, extent.hard_limit) for name in PEERS}
    rows = [row(name, shape, [*results], hard[name], extent) for name in PEERS for shape in SHAPES]
    return Table(
        title="Do the cells fit on the host's nodes?",
        columns=(
            *("node", "who", "guest", "cases", "wrong yes", "wrong no", "misplaced", "open"),
            *(f"n = {nodes}" for nodes in extent.cases),
            "16 x 8, no",
        ),
        rows=tuple(rows),
        raw={
            "limit": extent.limit,
            "cases": [case._asdict() for case in cases],
            "answers": {
                name: [(r.verdict, r.seconds) for r in results if r.peer == name] for name in PEERS
            },
            "hard": {name: (r.verdict, r.seconds) for name, r in hard.items()},
        },
        notes=NOTES,
    )


NOTES = (
    "own: each cell on a host node of its own, judged by bipartite matching; shared: cells may "
    "share a node, judged by an exact packing.",
    "wrong yes: no placement exists; misplaced: one exists, but not the one that was named; open: "
    "no answer within the limit (that depends on the machine). n host nodes: the median time.",
    "16 x 8, no: eight cells on sixteen nodes, two of which need the same node.",
    "Peers are restated in Python: compare how times grow, not what they are. slotsolver's are of "
    "a whole checked plan.",
    "Kubernetes is asked for each cell as a container of its own on a single node. OpenNebula's "
    "nodes have CPUs for all cells, or (few) for one cell each.",
)

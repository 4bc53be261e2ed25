"""Single problems, each as the mapping a YAML file would give, and their times.

Where there is no plan, the time includes one conflict: the rules that contradict each other.
"""

from __future__ import annotations

import random
import statistics
from time import perf_counter
from typing import Any

from benchmarks.report import Table
from benchmarks.timing import empty_call, milliseconds, progress, seconds
from slotsolver import Plan, Problem, solve
from slotsolver.size import GiB

Mapping = dict[str, Any]


def host(nodes: int, memory: str, pages: Mapping | None = None) -> Mapping:
    """A host of equal nodes, four to a socket: 12 within a socket, 21 beyond."""
    return {
        "nodes": [
            {
                "id": here,
                "cpus": f"{8 * here}-{8 * here + 7}",
                "memory": memory,
                "pages": pages or {},
                "distances": [
                    10 if here == there else 12 if here // 4 == there // 4 else 21
                    for there in range(nodes)
                ],
            }
            for here in range(nodes)
        ]
    }


def guest(name: str, cells: int, target: str, maximum: str, **more: Any) -> Mapping:
    """A guest of equal cells; ``boot`` is the boot memory of each cell."""
    boot = more.pop("boot", None)
    cell = {"memory": boot} if boot else {}
    return {
        "name": name,
        "phys_bits": 48,
        "cells": [{"cpus": f"{2 * c}-{2 * c + 1}", **cell} for c in range(cells)],
        "target": target,
        "maximum": maximum,
        **more,
    }


def running(
    cells: int, dimms: int, slots: int, delta: int, maximum: str, seed: int | None = None
) -> Mapping:
    """A guest of equal cells that runs with DIMMs of 1, 2 and 4 GiB, some gaps between them, and is
    wanted ``delta`` GiB larger."""
    drawn = random.Random(dimms if seed is None else f"{dimms} {seed}")  # noqa: S311 - no secret
    address, devices = (4 * cells + 2) * GiB, []
    for slot in range(dimms):
        size = drawn.choice((1, 2, 4)) * GiB
        address += drawn.choice((0, 0, 0, 0, GiB))
        device = {"size": size, "cell": drawn.randrange(cells), "slot": slot, "address": address}
        devices.append(device)
        address += size
    now = 4 * cells * GiB + sum(device["size"] for device in devices)
    more = {"running": True, "slots": slots, "devices": devices, "boot": "4 GiB"}
    return guest("running", cells, f"{now // GiB + delta} GiB", maximum, **more)


def bound(wanted: Mapping, name: str, *, nodes: int) -> Mapping:
    """The guest by another name, its cells bound to host nodes in turn, on 2 MiB pages."""
    cells = [
        {**cell, "host_nodes": [place % nodes], "page_size": "2 MiB"}
        for place, cell in enumerate(wanted["cells"])
    ]
    return {**wanted, "name": name, "cells": cells}


def short_of_a_page(nodes: int, memory: str, pages: int) -> Mapping:
    """A host of equal nodes with as many 2 MiB pages each, but for the last one: it lacks one."""
    found = host(nodes, memory, {"2 MiB": {"total": pages}})
    found["nodes"][-1]["pages"] = {"2 MiB": {"total": pages - 1}}
    return found


NEAREST = {"kind": "accept", "distance": "nearest"}
THREE_POOLS = {"2 MiB": {"total": 32768}, "1 GiB": {"total": 64}}
LARGE_HOST = host(16, "256 GiB", THREE_POOLS)
LARGE_GUEST = guest("large", 16, "256 GiB", "1 TiB", boot="8 GiB")
SLOTS = {"kind": "slots", "at_most": 256}
UNTIL_MAXIMUM = {"kind": "reserve", "until": "maximum"}
TEN_GUESTS = [guest(f"g{n}", 2 + n % 3, f"{8 + n} GiB", f"{32 + n} GiB") for n in range(10)]

CASES: dict[str, Mapping] = {
    "the 2014 thread's guest: 4 cells, 8 to 16 GiB": {
        "host": host(4, "64 GiB"),
        "guests": [guest("thread", 4, "8 GiB", "16 GiB")],
    },
    "16 equal cells of 2 TiB, relative-step 1/8": {
        "guests": [guest("huge", 16, "8 TiB", "32 TiB", boot="512 GiB")],
        "policies": [{"kind": "relative-step", "ratio": "1/8"}],
    },
    "the same, boot memory chosen too": {
        "guests": [guest("huge", 16, "8 TiB", "32 TiB")],
        "policies": [{"kind": "relative-step", "ratio": "1/8"}],
    },
    "256 slots, 16 cells, 16 nodes, 3 page sizes": {
        "host": LARGE_HOST,
        "guests": [LARGE_GUEST],
        "policies": [SLOTS],
    },
    "the same, finest step within 256 slots": {
        "host": LARGE_HOST,
        "guests": [LARGE_GUEST],
        "policies": [SLOTS],
        "objectives": ["least-imbalance", "finest-step"],
    },
    "the same, distinct nodes": {
        "host": LARGE_HOST,
        "guests": [LARGE_GUEST],
        "policies": [SLOTS, {"kind": "host-nodes", "distinct": True}],
    },
    "the same, five waypoints": {
        "host": LARGE_HOST,
        "guests": [
            {**LARGE_GUEST, "waypoints": ["300 GiB", "400 GiB", "500 GiB", "600 GiB", "800 GiB"]}
        ],
        "policies": [SLOTS],
    },
    "10 different guests, reserve maximum": {
        "host": LARGE_HOST,
        "guests": TEN_GUESTS,
        "policies": [UNTIL_MAXIMUM],
    },
    "50 equal guests": {
        "host": LARGE_HOST,
        "guests": [guest(f"g{n}", 2, "8 GiB", "32 GiB") for n in range(50)],
    },
    "no plan: each of 16 nodes 1 MiB short, reserve maximum": {
        "host": host(16, "65535 MiB"),
        "guests": [LARGE_GUEST],
        "policies": [SLOTS, UNTIL_MAXIMUM],
    },
    "no plan: the 16 largest of 48 pools hold too little for 16 cells": {
        "host": host(16, "95 GiB", {"2 MiB": {"total": 8192}, "1 GiB": {"total": 16}}),
        "guests": [LARGE_GUEST],
        "policies": [SLOTS, UNTIL_MAXIMUM],
    },
    "no plan: a page short on one of 16 nodes": {
        "host": short_of_a_page(16, "80 GiB", 32768),
        "guests": [LARGE_GUEST],
        "policies": [SLOTS, UNTIL_MAXIMUM, {"kind": "page-size", "size": "2 MiB"}],
    },
    "no plan: 16 distinct nodes of 15": {
        "host": host(15, "256 GiB", THREE_POOLS),
        "guests": [LARGE_GUEST],
        "policies": [SLOTS, {"kind": "host-nodes", "distinct": True}],
    },
    "no plan: a slot too few for steps of 4 GiB": {
        "host": LARGE_HOST,
        "guests": [{**LARGE_GUEST, "slots": 223}],
        "policies": [{"kind": "step", "size": "4 GiB"}],
    },
    "no plan: 10 different guests, reserve maximum": {
        "host": host(16, "24 GiB", {"2 MiB": {"total": 4096}}),
        "guests": TEN_GUESTS,
        "policies": [UNTIL_MAXIMUM],
    },
    "running, 2 cells, 8 DIMMs: 7 GiB more": {"guests": [running(2, 8, 32, 7, "128 GiB")]},
    "running, 4 cells, 32 DIMMs: 13 GiB less": {
        "guests": [running(4, 32, 64, -13, "512 GiB")],
        "policies": [NEAREST],
    },
    "running, 16 cells, 128 DIMMs: 7 GiB more": {
        "guests": [running(16, 128, 256, 7, "2 TiB")],
        "policies": [NEAREST],
    },
    "10 running guests on one host": {
        "host": host(4, "2 TiB", THREE_POOLS),
        "guests": [
            bound(running(2, 6 + n % 3, 32, 4 if n % 2 else -4, "128 GiB"), f"g{n}", nodes=4)
            for n in range(10)
        ],
        "policies": [NEAREST],
    },
}


RUNS, QUICK_RUNS = 5, 3
SLOW = 2.0
"""Seconds; what takes longer runs once."""
TIME_LIMIT, QUICK_TIME_LIMIT = 20.0, 1.0
"""Seconds for one case."""


def run(quick: bool) -> Table:
    """Time every case, an empty CP-SAT call before each run."""
    limit, runs = (QUICK_TIME_LIMIT, QUICK_RUNS) if quick else (TIME_LIMIT, RUNS)
    rows: list[tuple[object, ...]] = []
    raw: dict[str, object] = {}
    for name, mapping in progress(CASES.items(), "cases"):
        found = times_of(mapping, runs, limit)
        median = statistics.median(found["seconds"])
        ratio = median / statistics.median(found["empty"])
        worst = milliseconds(max(found["seconds"]))
        reasons = "-"
        if found["status"] == "infeasible" and not quick:
            found["conflict_seconds"] = conflict_seconds(mapping)
            reasons = milliseconds(found["conflict_seconds"])
        rows.append((name, found["status"], milliseconds(median), worst, f"{ratio:.0f}", reasons))
        raw[name] = found
    columns = ("case", "status", "median ms", "worst ms", "median / empty", "why not, ms")
    notes = (
        f"a case gets {limit:g} s; every run has a new Problem object",
        "why not: which rules contradict each other, once, without a limit (not in a quick run)",
    )
    return Table("Single problems", columns, tuple(rows), raw, notes)


def conflict_seconds(mapping: Mapping) -> float:
    """The time until it is known which rules leave no plan."""
    problem = Problem.model_validate(mapping)
    return seconds(lambda: solve(problem, reasons="conflict"))


def times_of(mapping: Mapping, runs: int, limit: float) -> Mapping:
    """Status, values of the objectives, and the time of each run."""
    times: list[float] = []
    empty: list[float] = []
    while len(times) < runs and (not times or max(times) < SLOW):
        problem = Problem.model_validate(mapping)
        empty.append(seconds(empty_call))
        started = perf_counter()
        answer = solve(problem, reasons="none", time_limit=limit)
        times.append(perf_counter() - started)
    values = [o.value for o in answer.objectives] if isinstance(answer, Plan) else []
    return {"status": answer.status, "values": values, "seconds": times, "empty": empty}

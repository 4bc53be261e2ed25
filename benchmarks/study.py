"""A study of 10,000 scenarios: how fast, how many the same, how much two workers gain.

Host types and guest families are those of :mod:`benchmarks.draw`: servers with two to eight nodes
and pools of hugepages, some of whose memory is used; guests of one, two or four cells as clouds
sell them; the usual policies.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

from benchmarks.report import Table
from slotsolver import Problem, Study
from slotsolver.study.scenarios import Scenarios

COUNT, QUICK_COUNT = 10_000, 1000
SEEN, QUICK_SEEN = 80_000, 20_000
"""Scenarios of a study that are mostly the same as others."""

HOSTS: dict[str, tuple[int, int, tuple[int, ...]]] = {
    "2x46": (2, 46, (10, 21)),
    "m5.metal": (2, 192, (10, 21)),
    "m6i.metal": (2, 256, (10, 21)),
    "r5.metal": (2, 384, (10, 21)),
    "r6i.metal": (2, 512, (10, 21)),
    "4x126": (4, 126, (10, 26, 26, 26)),
    "4x128 arm": (4, 128, (10, 16, 25, 33)),
    "8x96 NPS4": (8, 96, (10, 12, 12, 12, 32, 32, 32, 32)),
}
"""Nodes, GiB of each, and the distances from the first one to those at each place after it."""

GUESTS = (4, 8, 16, 30.5, 32, 61, 64, 122, 128, 160, 192, 244, 256, 384, 488, 512)
"""Sizes (GiB): AWS m5, r4 and r5, Azure Esv5."""
USED = ("0%", "15%", "30%", "45%", "60%", "75%")
POOLS: dict[str, dict[str, Any]] = {
    "base": {},
    "1G": {"host.pages.1 GiB": "85%"},
    "both": {"host.pages.1 GiB": "50%", "host.pages.2 MiB": "40%"},
}
POLICIES: dict[str, dict[str, Any]] = {
    "none": {},
    "32 slots": {"slots": 32},
    "step": {"step": "8 GiB"},
    "distinct": {"policies.host-nodes": {"distinct": True}},
    "1 GiB pages": {"page-size": "1 GiB"},
    "balance": {"policies.balance": {"by": "equal"}},
}


def study(count: int, *, reasons: str = "none") -> Study:
    """So many scenarios, drawn with a seed."""
    base = Problem.model_validate(
        {"guests": [{"name": "guest", "cells": [{}], "target": "4 GiB", "phys_bits": 48}]}
    )
    axes: list[dict[str, Any]] = [
        {"field": "host", "values": {name: host(*each) for name, each in HOSTS.items()}},
        {"name": "pools", "sets": POOLS},
        {
            "name": "guest",
            "sets": {
                f"{size:g} GiB x{growth}": guest(size, growth)
                for size in GUESTS
                for growth in (1, 2, 4)
            },
        },
        {"name": "policy", "sets": POLICIES},
        {"field": "used", "values": list(USED)},
    ]
    return Study(base, axes, combine="sample", count=count, reasons=reasons, effort=0.5)  # type: ignore[arg-type]


def plenty(count: int) -> Study:
    """Small guests on large hosts in many states of use, which differ in nothing that matters."""
    base = Problem.model_validate(
        {"guests": [{"name": "guest", "cells": [{}, {}], "target": "4 GiB", "phys_bits": 48}]}
    )
    large = [name for name in HOSTS if name != "2x46"]
    axes: list[dict[str, Any]] = [
        {"field": "target", "range": {"from": "1 GiB", "to": "8 GiB", "by": "512 MiB"}},
        {"field": "slots", "values": [8, 16, 32, 64]},
        {"name": "pools", "sets": POOLS},
        {"field": "host", "values": {name: host(*HOSTS[name]) for name in large}},
        {"field": "used", "values": [f"{share / 2}%" for share in range(60)]},
    ]
    return Study(base, axes, combine="sample", count=count, reasons="none")


def host(nodes: int, memory: int, distances: tuple[int, ...]) -> dict[str, Any]:
    """A host of equal nodes."""
    return {
        "nodes": [
            {
                "id": n,
                "memory": f"{memory} GiB",
                "free": f"{memory} GiB",
                "distances": [
                    distances[abs(n - m)] if nodes != 8 else _of_eight(n, m) for m in range(nodes)
                ],
            }
            for n in range(nodes)
        ]
    }


def _of_eight(here: int, there: int) -> int:
    return 10 if here == there else 12 if here // 4 == there // 4 else 32


def guest(size: float, growth: int) -> dict[str, Any]:
    """A guest of this size (GiB) that may grow so many times: one cell to 64 GiB, two to 256, four
    above, as :mod:`benchmarks.draw` has them."""
    cells = 1 if size < 64 else 2 if size <= 256 else 4
    return {
        "cells": cells,
        "target": f"{round(size * 1024)} MiB",
        "maximum": f"{round(size * growth * 1024)} MiB",
        "guests.*.slots": 64,
    }


@dataclass(frozen=True)
class Ran:
    """A study that ran: scenarios, different ones, seconds in all, seconds that answering the
    different ones took, and statuses."""

    scenarios: int
    unique: int
    seconds: float
    answering: float
    statuses: dict[str, int]


def run(quick: bool) -> tuple[Table, ...]:
    """Both tables."""
    count = QUICK_COUNT if quick else COUNT
    ran = {
        "no reasons, 1 worker": ran_once(study(count), 1),
        "no reasons, 2 workers": ran_once(study(count), 2),
    }
    if not quick:
        ran["with conflicts, 2 workers"] = ran_once(study(QUICK_COUNT, reasons="conflict"), 2)
    ran["mostly the same, 1 worker"] = ran_once(plenty(QUICK_SEEN if quick else SEEN), 1)
    return rows_of(ran), forms_of(plenty(QUICK_SEEN if quick else SEEN))


def forms_of(study: Study) -> Table:
    """How long it takes to see that a scenario is the same as another one."""
    scenarios = Scenarios(study.definition)
    seconds, keys = [], set()
    for _ in range(2):  # the second time all hosts and wishes are known
        started = perf_counter()
        keys |= {scenarios.asked(number).normal.key for number in range(len(scenarios))}
        seconds.append(perf_counter() - started)
    rows = tuple(
        (
            name,
            len(scenarios),
            len(keys),
            f"{len(scenarios) / each:,.0f}",
            f"{each / len(scenarios) * 1e6:.1f}",
        )
        for name, each in zip(("halves read anew", "halves known"), seconds, strict=True)
    )
    return Table(
        "Normal forms, one process",
        ("", "scenarios", "different", "a second", "µs each"),
        rows,
        {"seconds": seconds, "scenarios": len(scenarios), "different": len(keys)},
    )


def rows_of(ran: dict[str, Ran]) -> Table:
    """Scenarios a second, as the user sees it: from the definition to the Parquet file."""
    rows = []
    for name, each in ran.items():
        rows.append(
            (
                name,
                each.scenarios,
                each.unique,
                f"{1 - each.unique / each.scenarios:.1%}",
                f"{each.seconds:.1f}",
                f"{each.scenarios / each.seconds:,.0f}",
                f"{each.unique / each.answering:,.0f}",
            )
        )
    one, two = ran["no reasons, 1 worker"], ran["no reasons, 2 workers"]
    shares = ", ".join(f"{n:,} {status}" for status, n in sorted(one.statuses.items()))
    return Table(
        "Studies, from the definition to the Parquet file",
        ("study", "scenarios", "different", "same", "seconds", "a second", "unique/s/core"),
        tuple(rows),
        {name: vars(each) for name, each in ran.items()},
        (
            f"the second worker makes it {one.seconds / two.seconds:.2f} times as fast",
            f"the first one's answers: {shares}",
            "unique/s/core: different scenarios by the time that workers took to answer them, "
            "checking included",
        ),
    )


def ran_once(study: Study, workers: int) -> Ran:
    """Run a study into a folder that goes."""
    started = perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        result = study.run(Path(folder) / "results.parquet", workers=workers)
        seconds = perf_counter() - started
        mean = result.query("SELECT avg(seconds) FROM results")[0][0]
        answering = mean * result.unique
        return Ran(result.done, result.unique, seconds, answering, dict(result.statuses().statuses))

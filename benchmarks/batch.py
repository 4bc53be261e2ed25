"""Many scenarios: how many a second, in one process and in two, and how much memory they leave.

Scenarios are drawn: host types, guest families, targets and policies. Each is solved from its
``Problem`` to the checked plan or the bare "no". Workers are new processes, so that nothing of what
was measured before is remembered and the memory is theirs alone.
"""

from __future__ import annotations

import multiprocessing
import os
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, process_time

from benchmarks.draw import scenario
from benchmarks.report import Table
from benchmarks.timing import milliseconds
from slotsolver import InputError, Problem, solve

COUNT, QUICK_COUNT = 1000, 60
"""Different scenarios whose speed is measured."""
BUDGET, QUICK_BUDGET = 20.0, 4.0
"""Seconds for them in one process; it stops after that."""
MEMORY_COUNTS, QUICK_MEMORY_COUNTS = (10_000, 100_000), (10_000,)
"""Scenarios after which memory is wanted."""
MEMORY_BUDGET, QUICK_MEMORY_BUDGET = 90.0, 6.0
"""Seconds for that; what is not reached is projected."""
TIME_LIMIT = 2.0
"""Seconds for one scenario."""
MEMORY_TIME_LIMIT = 0.05
"""The same where memory is measured and not time: many matter, not those that take long."""
READINGS = 20
"""How often memory is read."""
CHUNK = 5
"""Scenarios that a worker is handed at a time."""


@dataclass(frozen=True)
class Speed:
    """Scenarios that one process solved: the time of each, CPU time of all (s), what came out."""

    times: tuple[float, ...]
    cpu: float
    statuses: dict[str, int]

    @property
    def count(self) -> int:
        """How many there were."""
        return len(self.times)

    @property
    def seconds(self) -> float:
        """All of them."""
        return sum(self.times)

    @property
    def a_second(self) -> float:
        """How many a second."""
        return self.count / self.seconds


def run(quick: bool) -> tuple[Table, ...]:
    """Speed and memory."""
    count, budget = (QUICK_COUNT, QUICK_BUDGET) if quick else (COUNT, BUDGET)
    return speed_table(count, budget), memory_table(quick=quick)


def answer(problem: Problem, limit: float = TIME_LIMIT) -> str:
    """The status of a scenario."""
    try:
        return solve(problem, reasons="none", time_limit=limit).status
    except InputError:
        return "refused"


def speed_table(count: int, budget: float) -> Table:
    """Scenarios a second: different ones, the same ones again, and over one and two workers."""
    with _pool(1) as pool:
        alone = pool.submit(speed, count, budget).result()
    solved = alone["different"].count
    shared = {workers: spread(workers, solved) for workers in (1, 2)}
    return speed_rows(alone, shared)


def speed_rows(alone: Mapping[str, Speed], shared: Mapping[int, float]) -> Table:
    """``shared`` are the seconds for all different scenarios over so many workers."""
    first, again = alone["different"], alone["again"]
    base = first.a_second
    rows = [
        ("different, one process", first.count, f"{base:.1f}", "1.00"),
        ("the same again", again.count, f"{again.a_second:.1f}", f"{again.a_second / base:.2f}"),
    ]
    for workers, taken in shared.items():
        name = f"different, handed out to {workers} worker{'s' * (workers > 1)}"
        gain = f"{first.count / taken / base:.2f}"
        rows.append((name, first.count, f"{first.count / taken:.1f}", gain))
    shares = ", ".join(f"{n} {status}" for status, n in sorted(first.statuses.items()))
    return Table(
        "Scenarios a second",
        ("scenarios", "solved", "a second", "x the first row"),
        tuple(rows),
        {
            **{name: vars(each) for name, each in alone.items()},
            "seconds_by_workers": {str(n): taken for n, taken in shared.items()},
        },
        (
            f"answers: {shares}; each gets {TIME_LIMIT:g} s",
            f"{first.cpu / first.seconds:.0%} of the first row's time was CPU time; of its "
            f"scenarios half took {milliseconds(statistics.median(first.times))} ms or less, "
            f"the slowest 5 % took {_of_slowest(first.times):.0%} of the time",
            "the same again: equal problems in new objects, in the process that solved them",
            f"handed out in chunks of {CHUNK}, making the scenarios included; the second worker "
            f"makes it {shared[1] / shared[2]:.2f} times as fast",
        ),
    )


def _of_slowest(times: Sequence[float]) -> float:
    """The share of the time that the slowest 5 % took, at least one."""
    number = max(1, len(times) // 20)
    return sum(sorted(times)[-number:]) / sum(times)


def spread(workers: int, count: int) -> float:
    """Seconds for so many scenarios over so many workers that have started before."""
    with _pool(workers) as pool:
        _warm(pool, workers)
        started = perf_counter()
        list(pool.map(answer_to, range(count), chunksize=CHUNK))
        return perf_counter() - started


def answer_to(number: int) -> str:
    """The status of the scenario with this number."""
    return answer(scenario(number))


def speed(count: int, budget: float) -> dict[str, Speed]:
    """Solve scenarios in a worker, until the budget (s) is used up, and the same ones again."""
    answer(scenario(-1))  # imports
    first = timed([scenario(number) for number in range(count)], budget)
    again = timed([scenario(number) for number in range(first.count)], budget)
    return {"different": first, "again": again}


def timed(asked: Sequence[Problem], budget: float) -> Speed:
    """Solve them one after the other, until the budget (s) is used up."""
    times: list[float] = []
    statuses, cpu = Counter[str](), process_time()
    for problem in asked:
        started = perf_counter()
        statuses[answer(problem)] += 1
        times.append(perf_counter() - started)
        if sum(times) >= budget:
            break
    return Speed(tuple(times), process_time() - cpu, dict(statuses))


def memory_table(*, quick: bool) -> Table:
    """Memory of one process after so many scenarios, and what each one leaves."""
    counts = QUICK_MEMORY_COUNTS if quick else MEMORY_COUNTS
    budget = QUICK_MEMORY_BUDGET if quick else MEMORY_BUDGET
    with _pool(1) as pool:
        readings = pool.submit(memory, counts[-1], budget).result()
    return memory_rows(readings, counts)


def memory_rows(readings: Sequence[tuple[int, int]], counts: Sequence[int]) -> Table:
    """``readings`` are scenarios solved and memory (bytes); those of the second half say how much
    one scenario leaves."""
    solved, last = readings[-1]
    later = [(n, size) for n, size in readings if 2 * n >= solved]
    slope = statistics.linear_regression(*zip(*later, strict=True)).slope if len(later) > 1 else 0.0
    rows: list[tuple[object, ...]] = [("as measured", solved, _mib(last), "measured")]
    for count in counts:
        if count <= solved:
            size = next(size for n, size in readings if n >= count)
            rows.append((f"after {count:,}", count, _mib(size), "measured"))
        else:
            projected = last + max(0.0, slope) * (count - solved)
            rows.append((f"after {count:,}", count, _mib(projected), "projected"))
    return Table(
        "Memory (RSS) of one process",
        ("when", "scenarios", "MiB", "how"),
        tuple(rows),
        {"readings": [list(each) for each in readings], "bytes_per_scenario": slope},
        (
            f"a scenario leaves {slope:.0f} bytes: the line through {len(later)} readings of the "
            f"second half, from {_mib(later[0][1])} to {_mib(later[-1][1])} MiB",
            "projected: what was measured last, and as much more for each scenario",
        ),
    )


def memory(count: int, budget: float) -> list[tuple[int, int]]:
    """Solve scenarios in a worker until the budget (s) is used up: after how many there was how
    much memory (bytes)."""
    answer(scenario(-1))
    started = perf_counter()
    readings = [(0, resident())]
    number = 0
    while number < count and perf_counter() - started < budget:
        answer(scenario(number), MEMORY_TIME_LIMIT)
        number += 1
        if perf_counter() - started >= budget * len(readings) / READINGS or number in MEMORY_COUNTS:
            readings.append((number, resident()))
    if readings[-1][0] != number:
        readings.append((number, resident()))
    return readings


def resident() -> int:
    """Memory of this process in RAM (bytes), from Linux."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def _mib(size: float) -> str:
    return f"{size / 2**20:.1f}"


def _pool(workers: int) -> ProcessPoolExecutor:
    """New processes that share nothing with this one."""
    return ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"))


def _warm(pool: ProcessPoolExecutor, workers: int) -> None:
    """Let every worker start and import."""
    for each in [pool.submit(answer, scenario(-1)) for _ in range(2 * workers)]:
        each.result()

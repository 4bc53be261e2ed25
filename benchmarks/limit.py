"""The time of ``solve()`` over that of an empty CP-SAT call.

A time is from a ``Problem`` to the checked ``Plan`` (or to the bare "no": ``reasons="none"``), each
problem solved once, so that no answer is remembered. The empty call builds and solves a model of
two variables with one worker; it is measured before each solve and after it, each time as the
second of two, and a ratio is that of the medians of one size.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from random import Random
from time import perf_counter, process_time

from benchmarks.cases import NEAREST, THREE_POOLS, bound, running
from benchmarks.cases import guest as equal_guest
from benchmarks.cases import host as equal_host
from benchmarks.draw import Fields, Size, gib, problems
from benchmarks.report import Table
from benchmarks.timing import counted, empty_call, milliseconds, progress, quantile, seconds
from slotsolver import InputError, Problem, solve

CELLS = (1, 2, 4, 8, 16)
SLOTS = (8, 32, 64, 128, 256)
NODES = (1, 2, 4, 8, 16)
GUESTS = (1, 10, 50)
RULES: tuple[Fields, ...] = (
    {"kind": "headroom", "fraction": "1/20"},
    {"kind": "memmap", "free": "1 GiB"},
    {"kind": "relative-step", "ratio": "1/2"},
    {"kind": "sizes", "powers_of_two": True},
    {"kind": "sizes", "uniform": True},
    {"kind": "exact", "size": "1 GiB"},
    {"kind": "balance", "tolerance": "1 GiB"},
    {"kind": "memslots", "limit": 509},
    {"kind": "page-size", "size": "1 GiB", "preferred": True},
)
"""Rules that are not among those drawn (:mod:`benchmarks.draw`), some known to the closed forms and
some not."""
OBJECTIVES = ("fewest-slots",)
"""An order of objectives that is not the usual one."""
RUNNING = (2, 8, 32, 128), (4, 32, 64, 512), (16, 128, 256, 2048)
"""Cells, DIMMs, slots and maximum (GiB) of running guests."""


@dataclass(frozen=True)
class Effort:
    """How much is measured: problems of each size, repetitions where one thing grows, seconds for
    one solve (what needs more is not proven), and after how many seconds no more problems of a size
    are solved, once there are so many."""

    draws: int
    repeats: int
    time_limit: float
    enough: float
    least: int


FULL = Effort(draws=20, repeats=10, time_limit=5.0, enough=6.0, least=4)
QUICK = Effort(draws=5, repeats=3, time_limit=1.0, enough=1.5, least=2)


@dataclass(frozen=True)
class Answers:
    """What came of the problems of one size, and in what time (seconds); the empty calls beside
    them."""

    name: str
    statuses: tuple[str, ...]
    seconds: tuple[float, ...]
    empty: tuple[float, ...]
    cpu: float

    @property
    def unit(self) -> float:
        """An empty call."""
        return statistics.median(self.empty)

    def times(self, *statuses: str) -> list[float]:
        """The times of the answers with one of these statuses."""
        both = zip(self.statuses, self.seconds, strict=True)
        return [taken for status, taken in both if status in statuses]

    @property
    def planned(self) -> list[float]:
        """The times of all that should have become a proven plan: everything but a proven no."""
        return self.times("optimal", "feasible", "undecided")

    def raw(self) -> dict[str, object]:
        """As JSON holds it."""
        return {
            "name": self.name,
            "statuses": list(self.statuses),
            "seconds": list(self.seconds),
            "empty": list(self.empty),
            "cpu_seconds": self.cpu,
        }


def ask(name: str, asked: Iterable[Problem], effort: Effort) -> Answers:
    """Solve each problem once; an empty call before each and after it."""
    statuses: list[str] = []
    times: list[float] = []
    empty: list[float] = []
    cpu = 0.0
    for problem in asked:
        if len(times) >= effort.least and sum(times) > effort.enough:
            break
        empty.append(warm_empty_call())
        started, used = perf_counter(), process_time()
        status: str
        try:
            status = solve(problem, reasons="none", time_limit=effort.time_limit).status
        except InputError:
            status = "refused"
        times.append(perf_counter() - started)
        cpu += process_time() - used
        statuses.append(status)
        empty.append(warm_empty_call())
    return Answers(name, tuple(statuses), tuple(times), tuple(empty), cpu)


def warm_empty_call() -> float:
    """Time of an empty call that follows another one: right after a solve it takes half as long
    again, which would flatter the ratio."""
    empty_call()
    return seconds(empty_call)


def run(quick: bool) -> tuple[Table, ...]:
    """All tables."""
    effort = QUICK if quick else FULL
    warm_up()
    found = {
        size: ask(describe(size), problems(size, effort.draws), effort)
        for size in progress(sizes(quick=quick), "sizes")
    }
    resized = [
        ask(name, asked, effort)
        for name, asked in progress(resizes(effort.draws), "running guests")
    ]
    ruled = [ask(name, asked, effort) for name, asked in progress(rules(effort.draws), "rules")]
    return (
        goal_table(found),
        size_table("Against the limit: solve() over an empty CP-SAT call", found.values()),
        size_table("One rule more: 4 cells, 64 slots, 4 nodes, 3 page sizes", ruled),
        flat_table(effort, quick=quick),
        size_table("Running guests that grow or shrink", resized),
    )


def warm_up() -> None:
    """Import what solving imports, and let CP-SAT start."""
    for problem in problems(Size(2, 8, 2, 3), 3, "warm up"):
        ask("", [problem], QUICK)


def describe(size: Size) -> str:
    """The size in words."""
    found = ", ".join(
        (
            counted(size.cells, "different cell" if size.different_cells else "cell"),
            counted(size.slots, "slot"),
            counted(size.nodes, "node"),
            counted(size.pages, "page size"),
        )
    )
    if size.guests == 1:
        return found
    return f"{size.guests} {'different' if size.different_guests else 'equal'} guests, {found}"


def sizes(*, quick: bool) -> list[Size]:
    """The sizes that are asked: cells by slots by page sizes on as many nodes as cells; then nodes,
    guests and different cells by themselves. There is a slot for each cell."""
    cells, slots, nodes, guests = (
        (values[:: 2 if quick else 1]) for values in (CELLS, SLOTS, NODES, GUESTS)
    )
    found = [Size(c, s, c, p) for c in cells for s in slots for p in (1, 3) if s >= c]
    found += [Size(4, 64, n, 3) for n in nodes]
    found += [Size(16, 256, n, 3) for n in nodes]
    found += [Size(c, 64, 4, 3, different_cells=True) for c in cells]
    found += [Size(2, 32, 4, 3, g) for g in guests if g > 1]
    found += [Size(2, 32, 4, 3, g, different_guests=True) for g in guests if g > 1]
    return list(dict.fromkeys(found))


def rules(count: int) -> list[tuple[str, list[Problem]]]:
    """Problems of one size, each with one rule more, or with another order of objectives."""
    plain = problems(Size(4, 64, 4, 3), count, "one rule more")
    found = [("none", plain)]
    for rule in RULES:
        (policy,) = _sample({"policies": [rule]}).policies
        fields = ", ".join(f"{k}: {v}" for k, v in rule.items() if k != "kind")
        more = [p.model_copy(update={"policies": (*p.policies, policy)}) for p in plain]
        found.append((f"{rule['kind']}, {fields}", more))
    order = _sample({"objectives": list(OBJECTIVES)}).objectives
    others = [p.model_copy(update={"objectives": order}) for p in plain]
    found.append((f"objectives: {', '.join(OBJECTIVES)}", others))
    return found


def _sample(wishes: Fields) -> Problem:
    """The smallest problem with these wishes, to have them read."""
    guest = {"name": "sample", "cells": [{}], "target": "1 GiB"}
    return Problem.model_validate({"guests": [guest], **wishes})


def resizes(count: int) -> list[tuple[str, list[Problem]]]:
    """Running guests of three sizes that become larger or smaller, each other one on a host."""
    found = []
    for cells, dimms, slots, maximum in RUNNING:
        for sign, word in ((1, "grow"), (-1, "shrink")):
            asked = [resize(cells, dimms, slots, sign, maximum, seed) for seed in range(count)]
            found.append((f"{cells} cells, {dimms} DIMMs, {slots} slots: {word}", asked))
    return found


def resize(cells: int, dimms: int, slots: int, sign: int, maximum: int, seed: int) -> Problem:
    """A running guest that is wanted 1 to 16 GiB larger (or smaller, ``sign`` -1)."""
    drawn = Random(f"{cells} {sign} {seed}")  # noqa: S311 - no secret
    delta = sign * drawn.randint(1, min(16, dimms))
    wanted = running(cells, dimms, slots, delta, f"{maximum} GiB", seed)
    if seed % 2:
        return Problem.model_validate({"guests": [wanted], "policies": [NEAREST]})
    here = equal_host(cells, f"{2 * maximum // cells + 96} GiB", THREE_POOLS)
    guests = [bound(wanted, "running", nodes=cells)]
    return Problem.model_validate({"host": here, "guests": guests, "policies": [NEAREST]})


def size_table(title: str, found: Iterable[Answers]) -> Table:
    """A row for each size."""
    found = list(found)
    return Table(
        title,
        (
            "size",
            "problems",
            "p50 ms",
            "p99 ms",
            "p50 / empty",
            "p99 / p50",
            "optimal",
            "no plan",
            "no, p50 ms",
            "no, p99 ms",
        ),
        tuple(size_row(each) for each in found),
        {"answers": [each.raw() for each in found]},
        (
            "p50 and p99 (of fewer than 100 problems the longest) are of those that have a plan or "
            "got none within the time limit",
            "optimal: proven; no plan: proven that there is none, or refused for the reason that "
            "arithmetic gives (+ so many)",
            f"an empty CP-SAT call took {_span(found)} ms (medians of the sizes); "
            f"{_quiet(found):.0%} of the time was CPU time (below 95 % the machine was not quiet)",
        ),
    )


def _span(found: Sequence[Answers]) -> str:
    units = [each.unit for each in found]
    return f"{milliseconds(min(units))} to {milliseconds(max(units))}"


def _quiet(found: Sequence[Answers]) -> float:
    return sum(each.cpu for each in found) / sum(sum(each.seconds) for each in found)


def size_row(answers: Answers) -> tuple[object, ...]:
    """One size: its quantiles, ratios and shares."""
    planned, no = answers.planned, answers.times("infeasible")
    refused = len(answers.times("refused"))
    times: tuple[object, ...] = ("-", "-", "-", "-", "-")
    if planned:
        p50, p99 = statistics.median(planned), quantile(planned, 0.99)
        times = (
            milliseconds(p50),
            milliseconds(p99),
            f"{p50 / answers.unit:.1f}",
            f"{p99 / p50:.1f}",
            f"{len(answers.times('optimal')) / len(planned):.0%}",
        )
    nos = f"{len(no)}" + (f" + {refused}" if refused else "")
    last = [milliseconds(quantile(no, share)) if no else "-" for share in (0.5, 0.99)]
    return (answers.name, len(answers.seconds), *times, nos, *last)


@dataclass(frozen=True)
class Goal:
    """At most so many empty calls at the median, for which sizes."""

    name: str
    holds_for: Callable[[Size], bool]
    at_most: float


def _base(size: Size) -> bool:
    return size.guests == 1 and not size.different_cells and size.nodes == size.cells


GOALS = (
    Goal("up to 4 cells and 64 slots", lambda s: _base(s) and s.cells <= 4 and s.slots <= 64, 5),
    Goal("up to 16 cells and 256 slots", _base, 50),
    Goal("16 cells and 256 slots", lambda s: _base(s) and s.cells == 16 and s.slots == 256, 50),
)
TAIL = 10
"""The 99th percentile may be so many times the median."""


def goal_table(found: dict[Size, Answers]) -> Table:
    """Whether the goals hold, over all problems of the sizes they are about."""
    rows: list[tuple[object, ...]] = []
    raw: dict[str, object] = {}
    for goal in GOALS:
        answers = [each for size, each in found.items() if goal.holds_for(size)]
        ratios = [taken / each.unit for each in answers for taken in each.planned]
        proven = sum(len(each.times("optimal")) for each in answers)
        if ratios:
            worst = max(statistics.median(a.planned) / a.unit for a in answers if a.planned)
            rows.append(goal_row(goal, ratios, worst, proven))
            raw[goal.name] = {"ratios": ratios, "worst_p50": worst, "optimal": proven}
    columns = (
        "sizes",
        "problems",
        "p50",
        "worst size's p50",
        "goal",
        "p99 / p50",
        "goal",
        "optimal",
        "goals",
    )
    notes = (
        "p50: in empty CP-SAT calls, at as many host nodes as cells, 1 and 3 page sizes",
        "slow sizes have fewer problems (see below), so the worst size's p50 is the stricter one",
    )
    return Table("Goals", columns, tuple(rows), raw, notes)


def goal_row(goal: Goal, ratios: Sequence[float], worst: float, proven: int) -> tuple[object, ...]:
    """One goal; ``ratios`` are times in empty calls, ``worst`` the largest median of a size."""
    p50 = statistics.median(ratios)
    tail = quantile(ratios, 0.99) / p50
    holds = p50 <= goal.at_most, tail <= TAIL, proven == len(ratios)
    missed = [word for word, good in zip(("p50", "p99", "proof"), holds, strict=True) if not good]
    return (
        goal.name,
        len(ratios),
        f"{p50:.1f}",
        f"{worst:.1f}",
        f"at most {goal.at_most:g}",
        f"{tail:.1f}",
        f"at most {TAIL}",
        f"{proven / len(ratios):.1%}",
        "hold" if not missed else f"missed: {', '.join(missed)}",
    )


def flat_table(effort: Effort, *, quick: bool) -> Table:
    """The time where one thing grows and all else stays."""
    rows: list[tuple[object, ...]] = []
    raw: dict[str, object] = {}
    for name, (every, make, aim) in progress(FAMILIES.items(), "flatness"):
        values = every[:: 2 if quick else 1]
        found = [
            ask("", (make(value, seed) for seed in range(effort.repeats)), effort)
            for value in values
        ]
        times = [statistics.median(each.seconds) for each in found]
        power = exponent(values, times)
        shown = ", ".join(
            f"{value}: {milliseconds(taken)}" for value, taken in zip(values, times, strict=True)
        )
        unproven = sum(status != "optimal" for each in found for status in each.statuses)
        rows.append((name, shown, f"{times[-1] / times[0]:.1f}", f"{power:.2f}", aim, unproven))
        raw[name] = {str(v): each.raw() for v, each in zip(values, found, strict=True)}
    return Table(
        "What the time grows with",
        ("against", "median ms", "last / first", "exponent", "goal", "unproven"),
        tuple(rows),
        raw,
        ("exponent: of the straight line through the logarithms; 0 is flat, 1 is linear",),
    )


def exponent(values: Sequence[float], times: Sequence[float]) -> float:
    """The power of ``values`` that ``times`` grow with."""
    logs = [math.log(value) for value in values], [math.log(taken) for taken in times]
    return statistics.linear_regression(*logs).slope


def slotted(slots: int, seed: int) -> Problem:
    """A guest of 4 cells that takes all of its slots."""
    wanted = equal_guest(
        "slots", 4, gib(32 + slots // 2), gib(32 + slots), boot="8 GiB", slots=slots
    )
    return _on_host(4, [wanted], seed, {"kind": "step", "size": "1 GiB"})


def celled(cells: int, seed: int) -> Problem:
    """A guest of equal cells with 64 slots, all of them taken."""
    maximum = gib(2 * cells + 64)
    wanted = equal_guest("cells", cells, gib(2 * cells + 32), maximum, boot="2 GiB", slots=64)
    return _on_host(cells, [wanted], seed, {"kind": "step", "size": "1 GiB"})


def unequal(cells: int, seed: int) -> Problem:
    """A guest whose cells all differ in boot memory and target; four DIMMs for each at least."""
    found = equal_guest("unequal", cells, "1 GiB", gib(24 * cells), boot="1 GiB", slots=256)
    boots = [2 + cell / 8 for cell in range(cells)]
    for cell, boot in zip(found["cells"], boots, strict=True):
        cell["memory"] = gib(boot)
    found["target"] = {cell: gib(boot + 4 + cell / 2) for cell, boot in enumerate(boots)}
    return _on_host(cells, [found], seed, {"kind": "reserve", "until": "target"})


def alike(guests: int, seed: int) -> Problem:
    """Guests that differ in their names only."""
    found = [equal_guest(f"g{n}", 2, "8 GiB", "32 GiB") for n in range(guests)]
    return _on_host(8, found, seed, {"kind": "reserve", "until": "maximum"})


def unlike(guests: int, seed: int) -> Problem:
    """Guests that differ in target and maximum."""
    found = [equal_guest(f"g{n}", 2, gib(8 + n / 4), gib(32 + 2 * n)) for n in range(guests)]
    return _on_host(8, found, seed, {"kind": "reserve", "until": "maximum"})


def _on_host(nodes: int, guests: list[Fields], seed: int, policy: Fields) -> Problem:
    """The guests on a host with enough in each pool, and differently much for each seed."""
    pools = {
        "2 MiB": {"total": 1 << 19, "free": (1 << 19) - 512 * seed},
        "1 GiB": {"total": 1024, "free": 1024 - seed},
    }
    there = equal_host(nodes, "4 TiB", pools)
    return Problem.model_validate({"host": there, "guests": guests, "policies": [policy]})


Family = tuple[Sequence[int], Callable[[int, int], Problem], str]

FAMILIES: dict[str, Family] = {
    "slots (4 cells)": (SLOTS, slotted, "flat"),
    "equal cells (64 slots)": (CELLS, celled, "flat"),
    "different cells": (CELLS, unequal, "linear"),
    "equal guests": (GUESTS, alike, "linear"),
    "different guests": (GUESTS, unlike, "linear"),
}
"""What grows, how far, and what the time should do."""

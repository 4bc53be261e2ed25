"""Which DIMMs go when a guest shall become smaller: how near one comes to what was asked for.

Guests of one cell with 2 to 16 DIMMs of 256 MiB to 8 GiB, asked for is any part of them. The exact
answer is the best sum of some of the DIMMs: of all sums, or of those that are not more than was
asked for where the rule never takes more.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from random import Random
from time import perf_counter
from typing import NamedTuple

from benchmarks import referee
from benchmarks.peers import ovirt, proxmox
from benchmarks.report import Table, duration, percent
from benchmarks.timing import progress
from slotsolver import Plan, Problem, solve
from slotsolver.size import GiB, MiB

UNIT = 256
"""What all sizes are multiples of (MiB)."""
CASES, QUICK_CASES = 1000, 60
DEVICE_MEMORY = 4 * GiB
"""Where device memory begins on q35 while boot memory is below 2.75 GiB."""


class Case(NamedTuple):
    """DIMM sizes by slot, and how much shall go (MiB)."""

    sizes: tuple[int, ...]
    wanted: int


class Peer(NamedTuple):
    """Who is asked: whether it may take more than was asked for, and how: which slots go."""

    may_exceed: bool
    ask: Callable[[Case], Sequence[int]]


class Result(NamedTuple):
    """An answer: what went (MiB), how much farther from what was asked for than the exact answer
    that is (MiB), and the time it took (seconds)."""

    case: Case
    taken: int
    error: int
    seconds: float

    def raw(self) -> dict[str, object]:
        """All but the case."""
        return {"taken": self.taken, "error": self.error, "seconds": self.seconds}


def drawn(number: int) -> Case:
    """A random case."""
    random = Random(number)  # noqa: S311 - no secret
    sizes = tuple(random.randint(1, 32) * UNIT for _ in range(random.randint(2, 16)))
    return Case(sizes, random.randint(1, sum(sizes) // UNIT) * UNIT)


def problem(case: Case, distance: str) -> Problem:
    """The case as slotsolver is asked: a running guest with 1 GiB of boot memory."""
    devices = []
    address = DEVICE_MEMORY
    for slot, size in enumerate(case.sizes):
        devices.append({"slot": slot, "size": size * MiB, "cell": 0, "address": address})
        address += size * MiB
    now = GiB + sum(case.sizes) * MiB
    guest = {
        "name": "guest",
        "running": True,
        "cells": [{"memory": GiB}],
        "devices": devices,
        "slots": len(devices),
        "maximum": now,
        "target": now - case.wanted * MiB,
    }
    policy = {"kind": "accept", "distance": distance}
    return Problem.model_validate({"guests": [guest], "policies": [policy]})


def ask_slotsolver(case: Case, distance: str) -> list[int]:
    """The slots that slotsolver's plan unplugs."""
    answer = solve(problem(case, distance), reasons="none")
    assert isinstance(answer, Plan)
    operations = answer.guests[0].operations
    assert all(operation.do == "unplug" for operation in operations)
    return [operation.slot for operation in operations if operation.slot is not None]


PEERS = {
    "oVirt": Peer(False, lambda case: ovirt.unplugged(case.sizes, case.wanted)),
    "slotsolver, no more than asked": Peer(False, lambda case: ask_slotsolver(case, "above")),
    "Proxmox VE": Peer(True, lambda case: proxmox.unplugged(case.sizes, case.wanted)),
    "slotsolver, nearest": Peer(True, lambda case: ask_slotsolver(case, "nearest")),
}


def error(case: Case, slots: Sequence[int], *, may_exceed: bool) -> int:
    """How much farther from what was asked for than the exact answer the DIMMs in these slots are
    (MiB)."""
    assert len(set(slots)) == len(slots)
    taken = sum(case.sizes[slot] for slot in slots)
    assert may_exceed or taken <= case.wanted
    exact = referee.nearest if may_exceed else referee.below
    best = exact([size // UNIT for size in case.sizes], case.wanted // UNIT) * UNIT
    return abs(case.wanted - taken) - best


def measure(peer: Peer, case: Case) -> Result:
    """Ask about one case."""
    started = perf_counter()
    slots = peer.ask(case)
    seconds = perf_counter() - started
    taken = sum(case.sizes[slot] for slot in slots)
    return Result(case, taken, error(case, slots, may_exceed=peer.may_exceed), seconds)


def row(name: str, results: Sequence[Result]) -> tuple[object, ...]:
    """One line of the table."""
    wrong = [r.error for r in results if r.error]
    more = sum(r.taken > r.case.wanted for r in results)
    return (
        name,
        len(results),
        percent(len(wrong), len(results)),
        f"{statistics.mean(wrong):.0f} MiB" if wrong else "-",
        f"{max(wrong)} MiB" if wrong else "-",
        percent(more, len(results)),
        duration(statistics.median(r.seconds for r in results)),
    )


def run(quick: bool) -> Table:
    """Ask everybody about the same cases."""
    cases = [drawn(number) for number in range(QUICK_CASES if quick else CASES)]
    ask_slotsolver(cases[0], "nearest")  # loads what it needs
    results = {
        name: [measure(peer, case) for case in progress(cases, name)]
        for name, peer in PEERS.items()
    }
    return Table(
        title="Unplugging: what goes, beside what was asked for",
        columns=(
            *("who", "cases", "not the best", "mean then", "worst"),
            *("more than asked", "median time"),
        ),
        rows=tuple(row(name, found) for name, found in results.items()),
        raw={
            "cases": [case._asdict() for case in cases],
            "answers": {name: [r.raw() for r in found] for name, found in results.items()},
        },
        notes=NOTES,
    )


NOTES = (
    "not the best: some other DIMMs sum to something nearer to what was asked for; mean and worst "
    "are how much nearer.",
    "The first two never take more than was asked for and are compared with the best that does not "
    "either; the others with the nearest sum of all.",
)

"""Which totals a guest can have, and what they cost: slots, and cells that differ.

Every whole GiB from 2 GiB to 4 TiB is one request of a guest of 2 or 4 cells that boots with 1 GiB,
equally spread (Proxmox VE gives no other boot memory). Nobody is asked to shrink or to grow twice.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from random import Random
from time import perf_counter
from typing import Any, NamedTuple

from benchmarks.peers import Module, RefusedError, incus, kata, ovirt, proxmox
from benchmarks.report import Table, duration, percent
from benchmarks.timing import progress
from slotsolver import Plan, Problem, solve
from slotsolver.size import GiB, MiB

BOOT = 1024
"""Boot memory of the guest (MiB)."""
LARGEST = 4096
"""The largest total (GiB)."""
CELLS = (2, 4)
RATIOS = {2: "1/16", 4: "1/8"}
"""Relative steps of a cell that are a 32nd of the guest, by number of cells: the ladder's DIMMs are
about that at the start of a rung, half of it at its end."""

ANY_STEP = {"kind": "step", "size": LARGEST * GiB}
"""No limit, but it says that nobody cares how growth is cut, so that slots count first."""


class Peer(NamedTuple):
    """Who is asked: for which numbers of cells, for one of how many totals (in full, quick), how (a
    total in MiB and a number of cells to DIMMs), and boot memory by cells (MiB)."""

    cells: tuple[int, ...]
    one_of: tuple[int, int]
    ask: Callable[[int, int], Sequence[Module]]
    boot: Callable[[int], int] = lambda _: BOOT


class Result(NamedTuple):
    """One total (GiB): whether it is met exactly, slots used, the largest cell less the smallest
    (MiB) and the time it took (seconds)."""

    total: int
    exact: bool
    slots: int
    imbalance: int
    seconds: float


def problem(total: int, cells: int, policy: dict[str, Any]) -> Problem:
    """A guest of that total (MiB) as slotsolver is asked, on no host."""
    guest = {
        "name": "guest",
        "phys_bits": 52,
        "cells": [{"cpus": [cell], "memory": BOOT // cells * MiB} for cell in range(cells)],
        "target": total * MiB,
    }
    document = {
        "guests": [guest],
        "policies": [policy],
        "objectives": ["least-imbalance", "fewest-slots"],
    }
    return Problem.model_validate(document)


def ask_slotsolver(total: int, cells: int, policy: dict[str, Any]) -> list[Module]:
    """The DIMMs of slotsolver's plan."""
    answer = solve(problem(total, cells, policy), reasons="none")
    if not isinstance(answer, Plan):
        raise RefusedError(answer.status)
    return [Module(dimm.cell, dimm.size // MiB) for dimm in answer.guests[0].dimms]


def ask_stepwise(total: int, cells: int) -> list[Module]:
    """slotsolver, with steps about as fine as those of the ladder."""
    policy = {"kind": "relative-step", "ratio": RATIOS[cells], "at_least": 512 * MiB}
    return ask_slotsolver(total, cells, policy)


PEERS = {
    "Proxmox VE": Peer(CELLS, (1, 8), proxmox.plan),
    "Proxmox VE, 1 GiB pages": Peer(
        CELLS,
        (1, 8),
        lambda total, cells: proxmox.plan(total, cells, gigantic=True),
        lambda cells: proxmox.boot_memory(cells, gigantic=True),
    ),
    "oVirt": Peer(CELLS, (1, 8), lambda total, _: ovirt.plan(BOOT, total)),
    "Incus": Peer(CELLS, (1, 8), lambda total, cells: incus.plan(BOOT, total, cells)),
    "Kata": Peer((1,), (1, 8), lambda total, _: kata.plan(BOOT, total)),
    "slotsolver": Peer(CELLS, (1, 80), lambda total, c: ask_slotsolver(total, c, ANY_STEP)),
    "slotsolver, fine steps": Peer(CELLS, (16, 256), ask_stepwise),
}


def some_totals(one_of: int) -> list[int]:
    """All totals (GiB), or a random share of them (strides would favour some ladders)."""
    every = range(2, LARGEST + 1)
    random = Random(one_of)  # noqa: S311 - no secret
    return sorted(random.sample(every, -(-len(every) // one_of)))


def judge(total: int, cells: int, boot: int, modules: Sequence[Module]) -> tuple[bool, int, int]:
    """Whether the total (MiB) is met, the slots, and the imbalance (MiB), from the DIMMs alone."""
    memory = [boot / cells] * cells
    for module in modules:
        memory[module.cell] += module.size
    return sum(memory) == total, len(modules), round(max(memory) - min(memory))


def measure(peer: Peer, total: int, cells: int) -> Result:
    """Ask for one total (GiB)."""
    started = perf_counter()
    try:
        modules = peer.ask(total * 1024, cells)
    except RefusedError:
        return Result(total, False, 0, 0, perf_counter() - started)
    seconds = perf_counter() - started
    return Result(total, *judge(total * 1024, cells, peer.boot(cells), modules), seconds)


def row(name: str, cells: int, results: Sequence[Result]) -> tuple[object, ...]:
    """One line of the table; slots and imbalance are those of the totals that are met."""
    met = [r for r in results if r.exact]
    slots = [r.slots for r in met]
    worst = max((r.imbalance for r in met), default=None) if cells > 1 else None
    return (
        name,
        cells,
        len(results),
        percent(len(met), len(results)),
        f"{statistics.median(slots):g}" if slots else "-",
        max(slots, default="-"),
        "-" if worst is None else f"{worst / 1024:g} GiB",
        duration(statistics.median(r.seconds for r in results)),
    )


def columns(results: Sequence[Result]) -> dict[str, list[object]]:
    """The results, field by field."""
    return {field: [getattr(r, field) for r in results] for field in Result._fields}


def run(quick: bool) -> Table:
    """Ask everybody for every total."""
    ask_slotsolver(8 * 1024, 2, ANY_STEP)  # loads what it needs
    rows, raw = [], {}
    asked = [(name, cells) for name, peer in PEERS.items() for cells in peer.cells]
    for name, cells in progress(asked, "totals"):
        wanted = some_totals(PEERS[name].one_of[quick])
        results = [measure(PEERS[name], total, cells) for total in wanted]
        rows.append(row(name, cells, results))
        raw[f"{name}, {cells} cells"] = columns(results)
    return Table(
        title="Totals from 2 GiB to 4 TiB, one request from 1 GiB at boot",
        columns=(
            *("who", "cells", "totals", "met exactly", "slots, median", "most"),
            *("worst imbalance", "median time"),
        ),
        rows=tuple(rows),
        raw=dict(raw),
        notes=NOTES,
    )


NOTES = (
    "Slots and imbalance (largest cell less the smallest) are of the totals that are met.",
    "Proxmox VE on 1 GiB pages boots with 1 GiB for each cell. Kata's guests have no NUMA nodes. "
    "oVirt's maximum memory is taken as set high enough (its default is four times the memory); "
    "Incus writes none above 1 TiB.",
    "slotsolver: fewest slots; with fine steps: every DIMM at most 512 MiB or a 32nd of the guest "
    "(the ladder's are a 32nd at the start of a rung, half of that at its end).",
)

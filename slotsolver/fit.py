"""Addresses for DIMMs in the gaps between others: best fit first, and a proof where that fails.

Bytes throughout. Sizes are multiples of their alignment, alignments powers of two.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ortools.sat.python import cp_model

PROOF_LIMIT = 5.0
"""Deterministic time for the proof that DIMMs fit nowhere."""


@dataclass
class Gap:
    """A free part of the device memory window, bytes."""

    start: int
    end: int


@dataclass(frozen=True, order=True)
class Item:
    """A DIMM that needs a place: its alignment and size in bytes."""

    align: int
    size: int


@dataclass(frozen=True)
class Fit:
    """Where each item lies (in the order given), ``None`` where they do not fit; ``proven`` is
    whether that is certain."""

    addresses: tuple[int, ...] | None
    proven: bool = True


def fit(gaps: Sequence[Gap], items: Sequence[Item], *, best: bool = True) -> Fit:
    """Addresses for all items in the gaps, none if there are none.

    Tries best fit (each item, the most aligned and largest first, into the smallest gap that holds
    it, so that large gaps stay whole) and first fit (that first unless ``best``), then a search
    that finds a way if there is one.
    """
    for way in (best, not best):
        found = _in_turn(gaps, items, best=way)
        if found is not None:
            return Fit(found)
    return _search(gaps, items)


def _in_turn(gaps: Sequence[Gap], items: Sequence[Item], *, best: bool) -> tuple[int, ...] | None:
    free = [Gap(gap.start, gap.end) for gap in gaps]
    addresses = [0] * len(items)
    for number in sorted(range(len(items)), key=lambda n: (-items[n].align, -items[n].size, n)):
        item = items[number]
        holding = [gap for gap in free if _first(gap, item) + item.size <= gap.end]
        if not holding:
            return None
        gap = min(holding, key=lambda g: (g.end - g.start, g.start)) if best else holding[0]
        address = addresses[number] = _first(gap, item)
        if address > gap.start:
            free.insert(free.index(gap), Gap(gap.start, address))
        gap.start = address + item.size
    return tuple(addresses)


def _first(gap: Gap, item: Item) -> int:
    return -(-gap.start // item.align) * item.align


def _search(gaps: Sequence[Gap], items: Sequence[Item]) -> Fit:
    """By intervals on the grid of the smallest alignment; equal items in the order given."""
    grain = min(item.align for item in items)
    model = cp_model.CpModel()
    starts, intervals = [], []
    for item in items:
        places = list(_places(gaps, item))
        if not places:
            return Fit(None)
        step = model.new_int_var_from_domain(cp_model.Domain.from_intervals(places), "")
        start = step * (item.align // grain)
        starts.append(start)
        intervals.append(model.new_fixed_size_interval_var(start, item.size // grain, ""))
    model.add_no_overlap(intervals)
    last: dict[Item, cp_model.LinearExpr] = {}
    for item, start in zip(items, starts, strict=True):
        if item in last:
            model.add(last[item] < start)
        last[item] = start
    for row in _energy(gaps, items):
        if not row:
            return Fit(None)
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = 0
    solver.parameters.max_deterministic_time = PROOF_LIMIT
    status = solver.solve(model)
    if status in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return Fit(tuple(solver.value(start) * grain for start in starts))
    return Fit(None, proven=status == cp_model.INFEASIBLE)


def _places(gaps: Sequence[Gap], item: Item) -> Iterator[list[int]]:
    """Where an item may start in each gap, in multiples of its alignment."""
    for gap in gaps:
        low, high = -(-gap.start // item.align), (gap.end - item.size) // item.align
        if low <= high:
            yield [low, high]


def _energy(gaps: Sequence[Gap], items: Sequence[Item]) -> Iterator[bool]:
    """For each alignment: what needs at least that fits the room that is aligned so."""
    for align in sorted({item.align for item in items}):
        need = sum(item.size for item in items if item.align >= align)
        room = sum(
            max(0, gap.end // align * align - -(-gap.start // align) * align) for gap in gaps
        )
        yield need <= room


def gaps_between(base: int, end: int, taken: Sequence[tuple[int, int]]) -> list[Gap]:
    """The free parts of a window between ranges ``(start, end)`` that are taken, ascending."""
    gaps = []
    for start, stop in sorted(taken):
        if start > base:
            gaps.append(Gap(base, min(start, end)))
        base = max(base, stop)
    if base < end:
        gaps.append(Gap(base, end))
    return gaps

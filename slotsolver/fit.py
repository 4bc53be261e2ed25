"""Addresses for DIMMs in the gaps between others: best fit first, and a proof where that fails.

Bytes throughout. Sizes are multiples of their alignment, alignments powers of two.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from slotsolver.packing import Gap, Need, of_size, pack


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
        found = in_turn(gaps, items, best=way)
        if found is not None:
            return Fit(found)
    return _search(gaps, items)


def in_turn(gaps: Sequence[Gap], items: Sequence[Item], *, best: bool) -> tuple[int, ...] | None:
    """Addresses by best fit or first fit alone, ``None`` where that finds none."""
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
    """Whether there is a way at all; equal items in the order given."""
    places: dict[Item, list[int]] = {}
    for number, item in enumerate(items):
        places.setdefault(item, []).append(number)
    needs = [
        Need(of_size(item.align, item.size), len(same), len(same) * item.size)
        for item, same in places.items()
    ]
    found = pack(gaps, needs)
    if found.dimms is None:
        return Fit(None, proven=found.proven)
    addresses = [0] * len(items)
    for same, dimms in zip(places.values(), found.dimms, strict=True):
        for number, (address, _) in zip(same, sorted(dimms), strict=True):
            addresses[number] = address
    return Fit(tuple(addresses))


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

"""Bounds in closed form, without ortools: how few DIMMs a cell's growth takes at least.

Each bound holds over all legal sizes, not only those on the menu, so a plan that meets it is
optimal over all sizes.
"""

from __future__ import annotations

from slotsolver.cell_facts import CellFacts

ENDLESS = 1 << 20
"""More DIMMs than any guest can have: the growth cannot be reached."""

MOST_REACHES = 64
"""For how many DIMMs it is told how far they reach."""


def fewest_dimms(
    cell: CellFacts, growth: int, before: int, largest: int, most: int | None = None
) -> int:
    """A lower bound on the DIMMs that add ``growth``, or from that up to ``most``, to a cell with
    ``before`` (MiB).

    ``largest`` is the largest DIMM that can be used. Where the unit is still open, the rules are
    taken by the largest, which allows most. With growth rules the largest reach after n
    DIMMs follows by always plugging the largest one allowed, since that leaves the most to build
    on; without, the bound is growth / largest, rounded up.
    """
    if growth <= 0:
        return 0
    grain = cell.unit
    largest = cell.largest_up_to(min(largest, growth if most is None else most), grain)
    if not cell.growth_rules:
        return -(-growth // largest) if largest else ENDLESS
    count, left = 0, growth
    while left > 0:
        limit = min(largest, *(rule(before, cell.largest_unit) for rule in cell.growth_rules))
        size = cell.largest_up_to(limit, grain)
        if size <= 0 or count >= ENDLESS:
            return ENDLESS
        if size == largest:
            return count + -(-left // size)
        before, left, count = before + size, left - size, count + 1
    return count


def reaches(cell: CellFacts, before: int, top: int) -> list[int]:
    """The most memory (MiB) that a cell with ``before`` can have after 0, 1, 2, ... DIMMs, as far
    as that is less than ``top``; where nothing more can be plugged, the last one holds for any
    number."""
    found: list[int] = []
    while before < top and len(found) < MOST_REACHES:
        found.append(before)
        limit = min((rule(before, cell.largest_unit) for rule in cell.growth_rules), default=top)
        size = cell.largest_up_to(min(limit, cell.largest), cell.unit)
        if size <= 0:
            break
        before += size
    return found


def fewest_exact(step: int, growth: int) -> int:
    """The fewest DIMMs whose subset sums are every multiple of ``step`` up to ``growth``.

    n DIMMs have at most 2^n subset sums, and ``growth / step`` of them are needed besides 0.
    """
    return (growth // step).bit_length() if growth > 0 else 0

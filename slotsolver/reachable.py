"""How near a running guest can come to its target by sums alone: an exact bound without search."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from slotsolver.facts import GuestFacts

LARGEST_SET = 1 << 20
"""The most grains in a set of sums; beyond it the greatest common divisor alone counts."""


def least_distance(facts: GuestFacts) -> int:
    """The least distance (MiB) from the target that any DIMMs leave; no plan comes nearer."""
    running = facts.running
    if running is None:
        return 0
    grains = {cell.id: cell.grain for cell in facts.cells}
    if running.wanted_cells is None:
        now = (facts.boot or 0) + facts.existing + facts.outside
        sizes = [d.size for d in running.removable]
        return _distance(facts, running.wanted - now, sizes, math.gcd(*grains.values()))
    total = 0
    for cell, wanted in zip(facts.cells, running.wanted_cells, strict=True):
        sizes = [d.size for d in running.removable if d.cell == cell.id]
        now = (cell.boot or 0) + cell.existing
        total += _distance(facts, wanted - now, sizes, grains[cell.id])
    return total


def _distance(facts: GuestFacts, change: int, sizes: list[int], grain: int) -> int:
    """How near DIMMs come to a change by ``change`` MiB: subsets of ``sizes`` go, or multiples of
    ``grain`` come."""
    running = facts.running
    assert running is not None  # noqa: S101 - asked for running guests only
    by_blocks = any(not v.fixed for cell in facts.cells for v in cell.virtio)
    common = math.gcd(grain, *sizes)
    if change >= 0 or running.swap or by_blocks or sum(sizes) // common > LARGEST_SET:
        step = grain if change >= 0 and not running.swap else common
        below = change % step
        return _nearest(running.accept, below, (step - below) % step)
    sums = 1
    for size in sizes:
        sums |= sums << (size // common)
    wanted = -change
    more = [s * common for s in range(sums.bit_length()) if sums >> s & 1]
    gone = [s - wanted for s in more if s >= wanted]
    kept = [wanted - s for s in more if s <= wanted]
    return _nearest(running.accept, min(gone, default=1 << 62), min(kept, default=1 << 62))


def _nearest(accept: str, below: int, above: int) -> int:
    """Of the distances to the next size below and above, the one that is acceptable."""
    if accept == "below":
        return below
    return above if accept == "above" else min(below, above)

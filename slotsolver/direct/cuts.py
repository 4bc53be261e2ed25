"""A cell's growth cut into DIMMs by the greedy rule (MiB), for every page size that it may have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from slotsolver.bounds import ENDLESS
from slotsolver.cell_facts import CellFacts
from slotsolver.direct.splits import cell_key
from slotsolver.facts import GuestFacts
from slotsolver.greedy import pieces
from slotsolver.size import granule

Dimms = tuple[tuple[int, int], ...]
"""DIMMs of a cell: stage and size (MiB), sorted."""


@dataclass(frozen=True)
class Cut:
    """How a cell comes to its totals: boot memory and DIMMs."""

    boot: int
    dimms: Dimms


@dataclass(frozen=True)
class CellSizing:
    """A cell's totals, and the ways to them by page size (bytes), each as good as any other;
    ``reserved`` is what it must have pages for. Boot memory is the first of the totals, unless a
    way says less."""

    totals: tuple[int, ...]
    reserved: int
    ways: Mapping[int, Cut]


def cut_all(
    facts: GuestFacts, totals: Sequence[tuple[int, ...]], step: int, block: int
) -> tuple[CellSizing, ...] | None:
    """The cells with the DIMMs they get on each page size; ``None`` where one has none, or where a
    page size is left out for which another cut might do."""
    alike: dict[object, CellSizing | None] = {}
    found = []
    for cell, own in zip(facts.cells, totals, strict=True):
        key = (own, cell_key(cell))
        if key not in alike:
            alike[key] = cut_cell(facts, cell, own, step, block)
        sized = alike[key]
        if sized is None:
            return None
        found.append(sized)
    return tuple(found)


def cut_cell(
    facts: GuestFacts, cell: CellFacts, totals: tuple[int, ...], step: int, block: int
) -> CellSizing | None:
    """A cell with the DIMMs it gets on the page sizes with the fewest; ``None`` as above."""
    cuts = dict(cuts_by_page(facts, cell, totals, step, block))
    fewest = min((len(dimms) for dimms in cuts.values() if dimms is not None), default=ENDLESS)
    best = {p: Cut(totals[0], d) for p, d in cuts.items() if d is not None and len(d) == fewest}
    if not best or (len(best) < len(cuts) and not greedy_is_exact(cell)):
        return None
    return CellSizing(totals, totals[facts.reserve_stage(cell)], best)


def cuts_by_page(
    facts: GuestFacts, cell: CellFacts, totals: tuple[int, ...], step: int, block: int
) -> Iterator[tuple[int, Dimms | None]]:
    """For every page size the greedy cut of the cell's growth, ``None`` where that is none."""
    done: dict[int, Dimms | None] = {}
    for page in cell.pages:
        if facts.host is not None and not facts.host.has_pool(page):
            continue
        if cell.boot is None and totals[0] % granule(page):
            yield page, None
            continue
        unit = cell.unit_for(page, block)
        if unit not in done:
            done[unit] = _cut(cell, totals, step, unit)
        yield page, done[unit]


def _cut(cell: CellFacts, totals: tuple[int, ...], step: int, unit: int) -> Dimms | None:
    if cell.exact_step and cell.growth_rules:
        return None  # the greedy rule obeys the one or the other
    dimms: list[tuple[int, int]] = []
    largest = min(step, cell.largest)
    for stage, (before, after) in enumerate(pairwise(totals), start=1):
        found = pieces(cell, after - before, before, largest, unit)
        if found is None or any(size % unit or not cell.permits(size) for size in found):
            return None
        dimms += [(stage, size) for size in sorted(found.elements())]
    return tuple(dimms)


def greedy_is_exact(cell: CellFacts) -> bool:
    """Whether a cut that the greedy rule does not find, or finds longer, is none for anybody."""
    return (
        cell.allowed is None
        and cell.smallest == 0
        and not cell.growth_rules
        and not cell.exact_step
    )

"""A guest's sizes without a search: what each cell has at each stage, and by which DIMMs (MiB).

Totals are as even as the grid of DIMM sizes permits, and growth is cut by the greedy rule. Both are
accepted only where they meet a bound that holds for every layout: then they are the best there is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

from slotsolver.always import slots_that_fit
from slotsolver.bounds import ENDLESS, fewest_dimms, fewest_exact
from slotsolver.cell_facts import CellFacts
from slotsolver.facts import GuestFacts, layout_options
from slotsolver.greedy import pieces
from slotsolver.size import MiB, granule
from slotsolver.windows import Grid

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


@dataclass(frozen=True)
class GuestSizing:
    """A guest's cells, and what they come to: imbalance, step and slots that no layout betters."""

    facts: GuestFacts
    cells: tuple[CellSizing, ...]
    imbalance: int
    step: int
    slots: int


def size_up(facts: GuestFacts, floor: int | None) -> GuestSizing | None:
    """The best sizes of a guest, ``None`` where the closed forms do not find them.

    ``floor`` is the step (MiB) below which finer DIMMs gain nothing, ``None`` where the step does
    not matter.
    """
    totals = even_totals(facts)
    if totals is None:
        return None
    if facts.boot is None and not _block_is_certain(facts):
        return None
    extras = _several_ways(facts, totals)
    if extras and not _interchangeable(facts):
        return None
    fewest = partial(_fewest_of_any_split if extras else _fewest, facts, totals)
    step = _step(facts, totals, floor, fewest)
    if step is None:
        return None
    boot = sum(own[0] for own in totals)
    cells = _cells(facts, totals, step, facts.block_at(boot))
    if cells is not None and (extras or _boot_is_loose(facts)) and _pages_are_open(facts, cells):
        return None
    slots = _slots(cells)
    if slots > fewest(step):
        cells = _short_of_a_unit(facts, totals, step)
        if cells is None or not fewest(step) < _slots(cells) < slots:
            return None
        slots = fewest(step) + 1
    if cells is None or slots > slot_limit(facts, sum(_boot(cell) for cell in cells)):
        return None
    cuts = (way.dimms for cell in cells for way in cell.ways.values())
    largest = max((size for dimms in cuts for _, size in dimms), default=0)
    if slots != _slots(cells) or (floor is not None and max(floor, largest) != step):
        return None
    return GuestSizing(facts, cells, _imbalance(facts, totals), step, slots)


def _slots(cells: Sequence[CellSizing] | None) -> int:
    """DIMMs of all cells, however they are backed."""
    if cells is None:
        return ENDLESS
    return sum(len(next(iter(cell.ways.values())).dimms) for cell in cells)


def _boot(cell: CellSizing) -> int:
    return next(iter(cell.ways.values())).boot


def _short_of_a_unit(
    facts: GuestFacts, totals: Sequence[tuple[int, ...]], step: int
) -> tuple[CellSizing, ...] | None:
    """Sizes with one unit less boot memory, in the first cell, and one more DIMM for it.

    Large boot memory may have the guest take memory blocks by which it could not grow as is wanted
    (Linux, see :data:`slotsolver.facts.X86_BLOCKS`); a unit less keeps the blocks small. Boot
    memory has to be even within one unit, so no other layout takes just one DIMM more, if there
    are several cells and these can change places.
    """
    cell, own = facts.cells[0], totals[0]
    alike = _interchangeable(facts) and len(facts.cells) > 1 and _greedy_is_exact(cell)
    even = len({other[1] for other in totals}) == 1
    if facts.stages[0].memory is not None or facts.boot is not None or not (alike and even):
        return None
    boot = sum(other[0] for other in totals) - cell.unit
    block = facts.block_at(boot)
    if block > cell.unit:
        return None
    first = _cell(facts, cell, (own[0] - cell.unit, *own[1:]), step, block)
    others = _cells(facts, totals, step, block)
    if first is None or others is None or _pages_are_open(facts, others):
        return None
    return (first, *others[1:])


def even_totals(facts: GuestFacts) -> list[tuple[int, ...]] | None:
    """For each cell its totals, at every stage as even as the grid permits; the first cells have
    what does not divide. ``None`` where one would have to shrink. Boot memory that is free is all
    of the first size."""
    grid = Grid(facts)
    starts = {base % grid.grain for base in grid.base}
    if len(starts) > 1 or len({cell.grain for cell in facts.cells}) > 1:
        return None
    start, number = starts.pop(), len(facts.cells)
    columns: list[Sequence[int]] = []
    for place, stage in enumerate(facts.stages):
        if place == 0 and facts.boot is not None:
            columns.append([cell.boot or 0 for cell in facts.cells])
        elif stage.cells is not None:
            columns.append(stage.cells)
        elif stage.memory is not None:
            whole, off = divmod(stage.memory - number * start, grid.grain)
            if off:
                return None
            low, more = divmod(whole, number)
            columns.append([start + grid.grain * (low + (c < more)) for c in range(number)])
    if facts.stages[0].memory is None:
        columns.insert(0, columns[0])
    rows = list(zip(*columns, strict=True))
    grows = all(a <= b for row in rows for a, b in pairwise(row))
    return rows if grows and all(row[0] > 0 for row in rows) else None


def _imbalance(facts: GuestFacts, totals: Sequence[Sequence[int]]) -> int:
    """What least-imbalance comes to: the spread of every stage whose split is free."""
    known = facts.boot is not None
    found = 0
    for place, stage in enumerate(facts.stages):
        first = place == 0 and (known or stage.name == "boot")
        if not first and stage.cells is None:
            here = [own[place] for own in totals]
            found += max(here) - min(here)
    return found


def _block_is_certain(facts: GuestFacts) -> bool:
    """Whether the memory block follows from boot memory alone; with AMD's relocation the number of
    slots has a say."""
    return len(facts.blocks) == 1 or not layout_options(facts)["amd"]


def _several_ways(facts: GuestFacts, totals: Sequence[Sequence[int]]) -> bool:
    """Whether it is open which cells have a unit more than others."""
    free = [place for place, stage in enumerate(facts.stages) if stage.cells is None]
    if facts.boot is not None:
        free = [place for place in free if place]
    return any(len({own[place] for own in totals}) > 1 for place in free)


def _interchangeable(facts: GuestFacts) -> bool:
    """Whether all cells are alike in all that matters, so that any of them may have more."""
    one, cells = facts.cells[0], facts.guest.cells
    alike = all(cell_key(cell) == cell_key(one) and cell.nodes == one.nodes for cell in facts.cells)
    plain = not one.growth_rules and not one.exact_step
    uniform = len({a.distance(b.id) for a in cells for b in cells if a.id < b.id}) <= 1
    per_cell = any(stage.cells is not None for stage in facts.stages)
    return alike and plain and uniform and not per_cell


def _boot_is_loose(facts: GuestFacts) -> bool:
    """Whether boot memory is known, but may be split a unit less evenly than it could be."""
    first = facts.stages[0]
    return facts.boot is None and first.memory is not None and first.name == "boot"


def _pages_are_open(facts: GuestFacts, cells: Sequence[CellSizing]) -> bool:
    """Whether some page size was left out that another split might have: one by whose unit every
    stage could be reached by some cell."""
    columns = list(zip(*(cell.totals for cell in cells), strict=True))
    for cell, sized in zip(facts.cells, cells, strict=True):
        for page in set(cell.pages) - set(sized.ways):
            if _boot_is_loose(facts) or _could_have(cell, page, columns):
                return True
    return False


def _could_have(cell: CellFacts, page: int, columns: Sequence[tuple[int, ...]]) -> bool:
    unit = cell.unit_for(page, min(cell.blocks))
    return any(
        all(any((total - boot) % unit == 0 for total in set(column)) for column in columns)
        for boot in set(columns[0])
        if cell.boot is not None or boot % granule(page) == 0
    )


def cell_key(cell: CellFacts) -> tuple[object, ...]:
    """What decides how a cell's growth can be cut and what pays for it."""
    rules = tuple(cell.growth_rules)
    sizes = (cell.smallest, cell.largest, cell.multiple, cell.allowed, cell.powers_of_two)
    return (cell.boot, cell.pages, sizes, cell.exact_step, rules, cell.reserve)


def slot_limit(facts: GuestFacts, boot: int) -> int:
    """How many slots the guest may have with that much boot memory."""
    edge = facts.platform.large_ram // MiB
    least, most = (0, edge) if boot < edge else (edge, 1 << 43)
    return min(facts.slot_limit, slots_that_fit(facts, least, most))


def most_slots(facts: GuestFacts) -> int:
    """How many slots the guest may have with any boot memory."""
    edge = facts.platform.large_ram // MiB
    both = slots_that_fit(facts, 0, edge), slots_that_fit(facts, edge, 1 << 43)
    return min(facts.slot_limit, max(both))


def _step(
    facts: GuestFacts,
    totals: Sequence[tuple[int, ...]],
    floor: int | None,
    fewest: Callable[[int], int],
) -> int | None:
    """The least step not below ``floor`` for which the slots may suffice; the largest there is
    where the step does not matter; ``None`` if there is none."""
    unit = min(cell.unit for cell in facts.cells)
    top = max(own[-1] for own in totals) + unit
    if floor is None:
        return top
    limit = most_slots(facts)

    if fewest(floor) <= limit:
        return floor
    if fewest(top) > limit:
        return None
    low, high = floor // unit, top // unit  # ``low`` units do not suffice, ``high`` do
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if fewest(middle * unit) <= limit else (middle, high)
    return high * unit


def _fewest(facts: GuestFacts, totals: Sequence[tuple[int, ...]], step: int) -> int:
    """A bound on the DIMMs of all cells, none larger than ``step``."""
    alike: dict[object, int] = {}
    loose = int(_boot_is_loose(facts))
    found = 0
    for cell, own in zip(facts.cells, totals, strict=True):
        key = (own, cell_key(cell))
        if key not in alike:
            alike[key] = _fewest_of_cell(cell, own[loose:], step)
        found += alike[key]
    return found + (_fewest_from_boot(facts, totals, step) if loose else 0)


def _fewest_from_boot(facts: GuestFacts, totals: Sequence[tuple[int, ...]], step: int) -> int:
    """A bound on the DIMMs of all cells up to the first size, however boot memory is split."""
    growth = sum(own[1] - own[0] for own in totals)
    largest = max(cell.largest_up_to(min(step, growth), cell.unit) for cell in facts.cells)
    return -(-growth // largest) if largest else ENDLESS * bool(growth)


def _fewest_of_cell(cell: CellFacts, totals: Sequence[int], step: int) -> int:
    grown = sum(fewest_dimms(cell, b - a, a, step) for a, b in pairwise(totals))
    if cell.exact_step:
        return max(grown, fewest_exact(cell.exact_step, totals[-1] - totals[0]))
    return grown


def _fewest_of_any_split(facts: GuestFacts, totals: Sequence[tuple[int, ...]], step: int) -> int:
    """The same where cells are alike and which of them have a unit more is open at each stage.

    Between two stages a cell may pass from less to more or back; how many do the one or the other
    is one number, in which the sum of DIMMs is linear. Any such numbers for the pairs of stages go
    together, because only how many have more is given at each.
    """
    cell, number = facts.cells[0], len(facts.cells)
    columns = list(zip(*totals, strict=True))
    found = 0
    if _boot_is_loose(facts):
        found, columns = _fewest_from_boot(facts, totals, step), columns[1:]
    for before, after in pairwise(columns):
        low, high = min(before), min(after)
        unit = max(max(before) - low, max(after) - high, 1)
        had = sum(total > low for total in before)
        has = sum(total > high for total in after)

        def dimms(first: int, last: int, grown: int = high - low, unit: int = unit) -> int:
            growth = grown + (last - first) * unit
            return ENDLESS if growth < 0 else fewest_dimms(cell, growth, 0, step)

        least, most = max(0, had - has), min(had, number - has)
        found += min(
            down * dimms(1, 0)
            + (had - down) * dimms(1, 1)
            + (has - had + down) * dimms(0, 1)
            + (number - has - down) * dimms(0, 0)
            for down in {least, most}
        )
    return found


def _cells(
    facts: GuestFacts, totals: Sequence[tuple[int, ...]], step: int, block: int
) -> tuple[CellSizing, ...] | None:
    """The cells with the DIMMs they get on each page size; ``None`` where one has none, or where a
    page size is left out for which another cut might do."""
    alike: dict[object, CellSizing | None] = {}
    found = []
    for cell, own in zip(facts.cells, totals, strict=True):
        key = (own, cell_key(cell))
        if key not in alike:
            alike[key] = _cell(facts, cell, own, step, block)
        sized = alike[key]
        if sized is None:
            return None
        found.append(sized)
    return tuple(found)


def _cell(
    facts: GuestFacts, cell: CellFacts, totals: tuple[int, ...], step: int, block: int
) -> CellSizing | None:
    cuts = dict(_cuts(facts, cell, totals, step, block))
    fewest = min((len(dimms) for dimms in cuts.values() if dimms is not None), default=ENDLESS)
    best = {p: Cut(totals[0], d) for p, d in cuts.items() if d is not None and len(d) == fewest}
    if not best or (len(best) < len(cuts) and not _greedy_is_exact(cell)):
        return None
    return CellSizing(totals, totals[facts.reserve_stage(cell)], best)


def _cuts(
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


def _greedy_is_exact(cell: CellFacts) -> bool:
    """Whether a cut that the greedy rule does not find, or finds longer, is none for anybody."""
    return (
        cell.allowed is None
        and cell.smallest == 0
        and not cell.growth_rules
        and not cell.exact_step
    )

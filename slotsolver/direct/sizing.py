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
    split = even_split(facts)
    if split is None or (facts.boot is None and not _block_is_certain(facts)):
        return None
    fewest = _bound(facts, split)
    step = None if fewest is None else _step(facts, split.totals, floor, fewest)
    if fewest is None or step is None:
        return None
    chosen = _choose(facts, split, step) if _is_a_choice(facts, split) else split
    if chosen is None:
        return None
    cells = _best_cells(facts, chosen, step, fewest(step))
    if cells is None or _exceeds_slots(facts, cells):
        return None
    cuts = (way.dimms for cell in cells for way in cell.ways.values())
    largest = max((size for dimms in cuts for _, size in dimms), default=0)
    if floor is not None and max(floor, largest) != step:
        return None
    return GuestSizing(facts, cells, _imbalance(facts, chosen.totals), step, _slots(cells))


def _best_cells(
    facts: GuestFacts, split: Split, step: int, fewest: int
) -> tuple[CellSizing, ...] | None:
    """The cells with as few DIMMs as the bound says, or with one more where nothing else can be."""
    cells = _cells(facts, split.totals, step, facts.block_at(sum(own[0] for own in split.totals)))
    loose = _boot_is_loose(facts)
    if cells is not None and (split.open or loose) and _pages_are_open(facts, cells, split):
        return None
    slots = _slots(cells)
    if slots <= fewest:
        return cells
    cells = _short_of_a_unit(facts, split, step)
    return cells if _slots(cells) == fewest + 1 < slots else None


def _exceeds_slots(facts: GuestFacts, cells: Sequence[CellSizing]) -> bool:
    boot = sum(_boot(cell) for cell in cells)
    limit = slot_limit(facts, boot)
    written = facts.slots_written > limit and facts.guest.maximum_size > boot * MiB
    return _slots(cells) > limit or written


def _slots(cells: Sequence[CellSizing] | None) -> int:
    """DIMMs of all cells, however they are backed."""
    if cells is None:
        return ENDLESS
    return sum(len(next(iter(cell.ways.values())).dimms) for cell in cells)


def _boot(cell: CellSizing) -> int:
    return next(iter(cell.ways.values())).boot


def _short_of_a_unit(facts: GuestFacts, split: Split, step: int) -> tuple[CellSizing, ...] | None:
    """Sizes with one unit less boot memory, in the first cell, and one more DIMM for it.

    Large boot memory may have the guest take memory blocks by which it could not grow as is wanted
    (Linux, see :data:`slotsolver.facts.X86_BLOCKS`); a unit less keeps the blocks small. Boot
    memory has to be even within one unit, so no other layout takes just one DIMM more, if there
    are several cells and these can change places.
    """
    cell, totals = facts.cells[0], split.totals
    alike = _interchangeable(facts) and len(facts.cells) > 1 and _greedy_is_exact(cell)
    if facts.stages[0].memory is not None or facts.boot is not None or 1 in split.open or not alike:
        return None
    boot = sum(own[0] for own in totals) - cell.unit
    block = facts.block_at(boot)
    if block > cell.unit:
        return None
    first = _cell(facts, cell, (totals[0][0] - cell.unit, *totals[0][1:]), step, block)
    others = _cells(facts, totals, step, block)
    if first is None or others is None or _pages_are_open(facts, others, split):
        return None
    return (first, *others[1:])


@dataclass(frozen=True)
class Choice:
    """Cells of which so many have a ``unit`` more than the others, which ones being open."""

    cells: tuple[int, ...]
    raised: int
    unit: int


@dataclass(frozen=True)
class Split:
    """For each cell its totals, at every stage as even as the grid permits; and for the stages at
    which that leaves a choice what it is: the totals are then those of the first cells raised."""

    totals: list[tuple[int, ...]]
    open: dict[int, Choice]


def even_split(facts: GuestFacts) -> Split | None:
    """The evenest totals; ``None`` where a cell would have to shrink, or what boot memory is off
    the grid by could be anywhere. Boot memory that is free is all of the first size."""
    grid = Grid(facts)
    starts = tuple(base % grid.grain for base in grid.base)
    if len({cell.grain for cell in facts.cells}) > 1 or (facts.boot is None and any(starts)):
        return None
    columns: list[Sequence[int]] = []
    choices: dict[int, Choice] = {}
    for place, stage in enumerate(facts.stages):
        if place == 0 and facts.boot is not None:
            columns.append([cell.boot or 0 for cell in facts.cells])
            if not _boot_is_wanted(facts, columns[0]):
                return None
        elif stage.cells is not None:
            columns.append(stage.cells)
        elif stage.memory is not None:
            column = _even_column(stage.memory, starts, grid.grain)
            if column is None:
                return None
            columns.append(column[0])
            if column[1] is not None:
                choices[place] = column[1]
    if facts.stages[0].memory is None:
        columns.insert(0, columns[0])
    rows = list(zip(*columns, strict=True))
    grows = all(a <= b for row in rows for a, b in pairwise(row))
    return Split(rows, choices) if grows and all(row[0] > 0 for row in rows) else None


def _boot_is_wanted(facts: GuestFacts, boots: Sequence[int]) -> bool:
    """Whether known boot memory is as the stage at boot and balance ask for it."""
    stage = facts.stages[0]
    balanced = facts.hard_balance and stage.name != "boot" and stage.cells is None
    as_wanted = stage.cells is None or list(stage.cells) == list(boots)
    return as_wanted and not (balanced and len(set(boots)) > 1)


def _even_column(
    memory: int, starts: Sequence[int], grain: int
) -> tuple[list[int], Choice | None] | None:
    """``memory`` as sums of a start and whole grains for each cell, of the least spread there is.

    Raised one after the other, the lowest first, all totals stay within less than a grain of each
    other; only while some of those with the same start are raised and some are not, it is a grain,
    and then no other totals do better.
    """
    number = len(starts)
    whole, off = divmod(memory - sum(starts), grain)
    if off:
        return None
    low, more = divmod(whole, number)
    order = sorted(range(number), key=lambda cell: (starts[cell], cell))
    column = [start + grain * low for start in starts]
    for cell in order[:more]:
        column[cell] += grain
    if not more or starts[order[more - 1]] != starts[order[more]]:
        return column, None
    group = tuple(cell for cell in order if starts[cell] == starts[order[more]])
    raised = sum(cell in group for cell in order[:more])
    return column, Choice(group, raised, grain)


def _is_a_choice(facts: GuestFacts, split: Split) -> bool:
    """Whether it matters which cells are raised."""
    return bool(split.open) and not _interchangeable(facts)


def _choose(facts: GuestFacts, split: Split, step: int) -> Split | None:
    """The cells raised that take the fewest DIMMs more for it; ``None`` where others would do too
    and need other pages."""
    ((stage, choice),) = split.open.items()
    more = _costs_of_raising(facts, split, step)
    order = sorted(choice.cells, key=lambda cell: (more[cell], cell))
    raised, left = order[: choice.raised], order[choice.raised :]
    tied = more[raised[-1]] == more[left[0]]
    if tied and any(facts.reserve_stage(facts.cells[cell]) == stage for cell in order):
        return None
    totals = []
    for number, own in enumerate(split.totals):
        low = _low(split, number)
        up = choice.unit if number in raised else 0
        totals.append((*own[:stage], low + up, *own[stage + 1 :]))
    return Split(totals, split.open if tied else {})


def _low(split: Split, cell: int) -> int:
    """What a cell has at the stage of a choice where it is not raised."""
    ((stage, choice),) = split.open.items()
    first_ones = choice.cells[: choice.raised]
    return split.totals[cell][stage] - (choice.unit if cell in first_ones else 0)


def _costs_of_raising(facts: GuestFacts, split: Split, step: int) -> dict[int, int]:
    """For each cell of a choice the DIMMs that it takes more at least where it is raised."""
    ((stage, choice),) = split.open.items()
    found = {}
    for number in choice.cells:
        cell, own, low = facts.cells[number], split.totals[number], _low(split, number)
        high = (*own[:stage], low + choice.unit, *own[stage + 1 :])
        found[number] = _fewest_of_cell(cell, high, step) - _fewest_of_cell(
            cell, (*own[:stage], low, *own[stage + 1 :]), step
        )
    return found


def _fewest_of_a_choice(facts: GuestFacts, split: Split, step: int) -> int:
    """A bound on the DIMMs of all cells where at one stage it is open which cells are raised."""
    ((stage, choice),) = split.open.items()
    lows = [
        (*own[:stage], _low(split, number), *own[stage + 1 :])
        for number, own in enumerate(split.totals)
    ]
    more = sorted(_costs_of_raising(facts, split, step).values())
    return _fewest(facts, lows, step) + sum(more[: choice.raised])


def _bound(facts: GuestFacts, split: Split) -> Callable[[int], int] | None:
    """A bound on the DIMMs for every step, over all ways to split; ``None`` where none is known."""
    if not split.open:
        return partial(_fewest, facts, split.totals)
    if _interchangeable(facts):
        return partial(_fewest_of_any_split, facts, split.totals)
    if len(split.open) == 1 and facts.boot is not None:
        return partial(_fewest_of_a_choice, facts, split)
    return None


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


def _pages_are_open(facts: GuestFacts, cells: Sequence[CellSizing], split: Split) -> bool:
    """Whether some page size was left out that another split might have: one by whose unit every
    stage could be reached."""
    for number, (cell, sized) in enumerate(zip(facts.cells, cells, strict=True)):
        for page in set(cell.pages) - set(sized.ways):
            if _boot_is_loose(facts) or _could_have(cell, page, _open_totals(facts, split, number)):
                return True
    return False


def _open_totals(facts: GuestFacts, split: Split, cell: int) -> list[set[int]]:
    """What a cell may have at each stage, whichever cells are raised."""
    found = []
    for stage, total in enumerate(split.totals[cell]):
        boot_follows = stage == 0 and facts.stages[0].memory is None
        choice = split.open.get(1 if boot_follows else stage)
        if choice is None or cell not in choice.cells:
            found.append({total})
        else:
            found.append({split.totals[other][stage] for other in choice.cells})
    return found


def _could_have(cell: CellFacts, page: int, columns: Sequence[set[int]]) -> bool:
    unit = cell.unit_for(page, min(cell.blocks))
    return any(
        all(any((total - boot) % unit == 0 for total in column) for column in columns)
        for boot in columns[0]
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
    if any(after < before for before, after in pairwise(totals)):
        return ENDLESS
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

"""A guest's sizes without a search: what each cell has at each stage, and by which DIMMs (MiB).

Totals are as even as the grid of DIMM sizes permits, and growth is cut by the greedy rule. Both are
accepted only where they meet a bound that holds for every layout: then they are the best there is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from slotsolver.always import most_slots, slot_limit, states_too_many
from slotsolver.bounds import ENDLESS
from slotsolver.cell_facts import CellFacts
from slotsolver.direct.cuts import (
    CellSizing,
    Cut,
    cut_all,
    cut_cell,
    cuts_by_page,
    greedy_is_exact,
)
from slotsolver.direct.fewest import bound, costs_of_raising
from slotsolver.direct.splits import (
    Split,
    boot_is_loose,
    even_split,
    imbalance,
    interchangeable,
    open_totals,
    with_choice,
)
from slotsolver.facts import GuestFacts, layout_options
from slotsolver.size import granule

Finder = Callable[[GuestFacts, Split, int], "tuple[CellSizing, ...] | None"]
"""Cells with their DIMMs for totals and a step."""


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
    if split is None or (facts.boot is None and not block_is_certain(facts)):
        return None
    if not _blocks_get_coarse(facts, split):
        return size_split(facts, split, floor)
    if _boot_is_short(facts, split):
        return size_split(facts, split, floor, _short_of_a_unit)
    return _whole_or_short(facts, split, floor)


def size_split(
    facts: GuestFacts, split: Split, floor: int | None, short: Finder | None = None
) -> GuestSizing | None:
    """The best sizes with boot memory as the split says, or with a unit less of it as ``short``
    finds them."""
    fewest = bound(facts, split)
    if fewest is None:
        return None
    if short is not None:
        fewest = partial(_one_more, fewest)
    step = _step(facts, split.totals, floor, fewest)
    chosen = None if step is None else _choose(facts, split, step)
    if step is None or chosen is None:
        return None
    find = short or _best_cells
    cells = find(facts, chosen, step)
    if cells is None or _slots(cells) > fewest(step) or _exceeds_slots(facts, cells):
        return None
    cuts = (way.dimms for cell in cells for way in cell.ways.values())
    largest = max((size for dimms in cuts for _, size in dimms), default=0)
    if floor is not None and max(floor, largest) != step:
        return None
    return GuestSizing(facts, cells, imbalance(facts, chosen.totals), step, _slots(cells))


def _whole_or_short(facts: GuestFacts, split: Split, floor: int | None) -> GuestSizing | None:
    """The better one of all boot memory, with the coarse blocks that the guest takes for it, and of
    a unit less of it, with fine ones, for a DIMM more."""
    whole = size_whole(facts, split, floor)
    fewest = bound(facts, split)
    if whole is None or fewest is None:
        return None
    step = _step(facts, split.totals, floor, partial(_one_more, fewest))
    if step is None:
        return whole
    short = (0 if floor is None else step, fewest(step) + 1)
    mine = (0 if floor is None else whole.step, whole.slots)
    if mine == short:
        return None  # what comes after slots decides, so the search has to
    return whole if mine < short else size_split(facts, split, floor, _short_of_a_unit)


def size_whole(facts: GuestFacts, split: Split, floor: int | None) -> GuestSizing | None:
    """The best sizes with all boot memory, and with the blocks that the guest takes for it."""
    block = facts.block_at(_boot_of(split))
    cells = tuple(replace(cell, blocks=(block,)) for cell in facts.cells)
    whole = size_split(replace(facts, blocks=(block,), cells=cells), split, floor)
    return None if whole is None else replace(whole, facts=facts)


def _one_more(fewest: Callable[[int], int], step: int) -> int:
    return fewest(step) + 1


def _best_cells(facts: GuestFacts, split: Split, step: int) -> tuple[CellSizing, ...] | None:
    """The cells with the DIMMs that the greedy rule cuts."""
    cells = cut_all(facts, split.totals, step, facts.block_at(_boot_of(split)))
    loose = boot_is_loose(facts)
    if cells is not None and (split.open or loose) and _pages_are_open(facts, cells, split):
        return None
    return cells


def _boot_of(split: Split) -> int:
    return sum(own[0] for own in split.totals)


def _blocks_get_coarse(facts: GuestFacts, split: Split) -> bool:
    """Whether boot memory is free, and all of the first size makes the guest's blocks coarser."""
    free = facts.boot is None and facts.stages[0].memory is None and 1 not in split.open
    return free and facts.block_at(_boot_of(split)) > min(facts.blocks)


def _boot_is_short(facts: GuestFacts, split: Split) -> bool:
    """Whether boot memory cannot be all of the first size, because growth would be no multiple of
    the block that the guest takes then."""
    block = facts.block_at(_boot_of(split))
    return any((total - own[0]) % block for own in split.totals for total in own)


def _exceeds_slots(facts: GuestFacts, cells: Sequence[CellSizing]) -> bool:
    boot = sum(_boot(cell) for cell in cells)
    limit = slot_limit(facts, boot)
    return _slots(cells) > limit or states_too_many(facts, limit, boot)


def _slots(cells: Sequence[CellSizing]) -> int:
    """DIMMs of all cells, however they are backed."""
    return sum(len(next(iter(cell.ways.values())).dimms) for cell in cells)


def _boot(cell: CellSizing) -> int:
    return next(iter(cell.ways.values())).boot


def _short_of_a_unit(facts: GuestFacts, split: Split, step: int) -> tuple[CellSizing, ...] | None:
    """Sizes with one unit less boot memory, in the first cell, and one more DIMM for it.

    Large boot memory may have the guest take memory blocks by which it could not grow as is wanted
    (Linux, see :data:`slotsolver.facts.X86_BLOCKS`); a unit less keeps the blocks small. Boot
    memory of several cells has to be even within one unit, so that no other layout takes just one
    DIMM more, if these can change places. That of a single one is less by a unit of its pages.
    """
    cell, totals = facts.cells[0], split.totals
    if not interchangeable(facts) or not greedy_is_exact(cell):
        return None
    if len(facts.cells) == 1:
        return _short_alone(facts, cell, totals[0], step)
    return short_in(0, facts, split, step)


def short_in(
    place: int, facts: GuestFacts, split: Split, step: int
) -> tuple[CellSizing, ...] | None:
    """Sizes with one unit less boot memory in one of the cells."""
    cell, own = facts.cells[place], split.totals[place]
    block = facts.block_at(_boot_of(split) - cell.unit)
    if block > min(each.unit for each in facts.cells):
        return None
    less = cut_cell(facts, cell, (own[0] - cell.unit, *own[1:]), step, block)
    others = cut_all(facts, split.totals, step, block)
    if less is None or others is None or (split.open and _pages_are_open(facts, others, split)):
        return None
    return (*others[:place], less, *others[place + 1 :])


def _short_alone(
    facts: GuestFacts, cell: CellFacts, totals: tuple[int, ...], step: int
) -> tuple[CellSizing, ...] | None:
    """The same of a guest's only cell; ``None`` where some page size would need yet less boot
    memory."""
    ways: dict[int, Cut] = {}
    for page in cell.pages:
        unit = cell.unit_for(page, min(facts.blocks))
        own = (totals[0] - unit, *totals[1:])
        if own[0] <= 0 or any((total - totals[0]) % unit for total in totals):
            continue
        if facts.block_at(own[0]) > unit:
            return None
        for found, dimms in cuts_by_page(facts, replace(cell, pages=(page,)), own, step, unit):
            if dimms is not None:
                ways[found] = Cut(own[0], dimms)
    fewest = min((len(way.dimms) for way in ways.values()), default=ENDLESS)
    best = {page: way for page, way in ways.items() if len(way.dimms) == fewest}
    return (CellSizing(totals, totals[facts.reserve_stage(cell)], best),) if best else None


def _choose(facts: GuestFacts, split: Split, step: int) -> Split | None:
    """Where it matters which cells are raised, those that take the fewest DIMMs more for it;
    ``None`` where others would do too and need other pages."""
    if not split.open or interchangeable(facts):
        return split
    ((stage, choice),) = split.open.items()
    more = costs_of_raising(facts, split, step)
    order = sorted(choice.cells, key=lambda cell: (more[cell], cell))
    raised, left = order[: choice.raised], order[choice.raised :]
    tied = more[raised[-1]] == more[left[0]]
    if tied and any(facts.reserve_stage(facts.cells[cell]) == stage for cell in order):
        return None
    totals = [
        with_choice(split, cell, raised=cell in raised) if cell in order else own
        for cell, own in enumerate(split.totals)
    ]
    return Split(totals, split.open if tied else {})


def block_is_certain(facts: GuestFacts) -> bool:
    """Whether the memory block follows from boot memory alone; with AMD's relocation the number of
    slots has a say."""
    return len(facts.blocks) == 1 or not layout_options(facts)["amd"]


def _pages_are_open(facts: GuestFacts, cells: Sequence[CellSizing], split: Split) -> bool:
    """Whether some page size was left out that another split might have: one by whose unit every
    stage could be reached."""
    for number, (cell, sized) in enumerate(zip(facts.cells, cells, strict=True)):
        for page in set(cell.pages) - set(sized.ways):
            if boot_is_loose(facts) or _could_have(cell, page, open_totals(facts, split, number)):
                return True
    return False


def _could_have(cell: CellFacts, page: int, columns: Sequence[set[int]]) -> bool:
    unit = cell.unit_for(page, min(cell.blocks))
    return any(
        all(any((total - boot) % unit == 0 for total in column) for column in columns)
        for boot in columns[0]
        if cell.boot is not None or boot % granule(page) == 0
    )


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

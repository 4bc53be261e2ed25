"""Totals as even as the grid of DIMM sizes permits, and what that leaves open (MiB)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from slotsolver.cell_facts import CellFacts
from slotsolver.facts import GuestFacts
from slotsolver.windows import Grid


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
    if len({cell.grain for cell in facts.cells}) > 1 or (not grid.known and any(starts)):
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


def with_choice(split: Split, cell: int, *, raised: bool) -> tuple[int, ...]:
    """A cell's totals where, at the one stage of a choice, it is raised or not."""
    ((stage, choice),) = split.open.items()
    own = split.totals[cell]
    is_raised = cell in choice.cells[: choice.raised]
    total = own[stage] + choice.unit * (raised - is_raised)
    return (*own[:stage], total, *own[stage + 1 :])


def open_totals(facts: GuestFacts, split: Split, cell: int) -> list[set[int]]:
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


def imbalance(facts: GuestFacts, totals: Sequence[Sequence[int]]) -> int:
    """What least-imbalance comes to: the spread of every stage whose split is free."""
    known = facts.boot is not None
    found = 0
    for place, stage in enumerate(facts.stages):
        first = place == 0 and (known or stage.name == "boot")
        if not first and stage.cells is None:
            here = [own[place] for own in totals]
            found += max(here) - min(here)
    return found


def interchangeable(facts: GuestFacts) -> bool:
    """Whether all cells are alike in all that matters, so that any of them may have more."""
    one, cells = facts.cells[0], facts.guest.cells
    alike = all(cell_key(cell) == cell_key(one) and cell.nodes == one.nodes for cell in facts.cells)
    plain = not one.growth_rules and not one.exact_step
    uniform = len({a.distance(b.id) for a in cells for b in cells if a.id < b.id}) <= 1
    per_cell = any(stage.cells is not None for stage in facts.stages)
    return alike and plain and uniform and not per_cell


def boot_is_loose(facts: GuestFacts) -> bool:
    """Whether boot memory is known, but may be split a unit less evenly than it could be."""
    first = facts.stages[0]
    return facts.boot is None and first.memory is not None and first.name == "boot"


def cell_key(cell: CellFacts) -> tuple[object, ...]:
    """What decides how a cell's growth can be cut and what pays for it."""
    rules = tuple(cell.growth_rules)
    sizes = (cell.smallest, cell.largest, cell.multiple, cell.allowed, cell.powers_of_two)
    return (cell.boot, cell.pages, sizes, cell.exact_step, rules, cell.reserve)

"""Windows: between which values each cell's total can lie at each stage (MiB).

With hard balance the total of a cell lies less than one unit from its share, so on its grid at most
two values are left, and one where the share falls on the grid. The same windows serve as a first
attempt where balance is only the first objective: with equal shares on one grid, the totals within
them are exactly those with the least imbalance (0, or one unit where the growth does not divide).
"""

from __future__ import annotations

from slotsolver.cell_facts import CellFacts
from slotsolver.constraints.slots import Slots
from slotsolver.facts import GuestFacts

Window = tuple[int, int, int]


class Grid:
    """The values a cell's total can take: ``base[c]`` plus multiples of ``grain``."""

    def __init__(self, facts: GuestFacts) -> None:
        self.grain = min(c.grain for c in facts.cells)
        first = facts.stages[0].memory
        if first is None:
            first = facts.stages[1].memory or 0
        remainder = (first - facts.existing) % self.grain
        given = next((stage.cells for stage in facts.stages if stage.cells is not None), None)
        self.known = facts.boot is not None or given is not None
        """Whether the bases follow from sizes; else the first cell has what is off the grid."""
        self.base = tuple(
            c.boot + c.existing
            if c.boot is not None
            else (given[c.id] - c.existing) % self.grain + c.existing
            if given is not None
            else (remainder if c.id == 0 else 0) + c.existing
            for c in facts.cells
        )

    def least_boot(self, cell: CellFacts) -> int:
        """The least boot memory of a cell whose boot memory is free."""
        base = self.base[cell.id] - cell.existing
        return base if base else self.grain


def running_windows(facts: GuestFacts) -> list[list[Window]]:
    """For each cell of a running guest the windows that follow from what may go and what fits.

    Without swaps nothing comes where anything goes, so growth starts from what is there now.
    """
    running = facts.running
    assert running is not None  # noqa: S101 - asked for running guests only
    now = [(c.boot or 0) + c.existing for c in facts.cells]
    low = []
    for cell, has in zip(facts.cells, now, strict=True):
        going = sum(d.size for d in running.removable if d.cell == cell.id)
        low.append(has - going - sum(v.before for v in cell.virtio))
    windows = []
    for number, cell in enumerate(facts.cells):
        rest = sum(low) - low[number]
        first = low[number] if running.swap else now[number]
        own: list[Window] = [(first, now[number], cell.grain)]
        own.append((low[number], max(low[number], _most_now(facts, cell, rest)), cell.grain))
        top = max(low[number], facts.room - rest)
        own += [(low[number], top, cell.grain) for _ in facts.stages[2:]]
        windows.append(own)
    return windows


def _most_now(facts: GuestFacts, cell: CellFacts, rest: int) -> int:
    """The most memory that a cell of a running guest has at the target, where the others have at
    least ``rest`` together."""
    running = facts.running
    assert running is not None  # noqa: S101 - asked for running guests only
    most = facts.room - rest
    if running.accept in ("exact", "below"):
        most = min(most, running.wanted - facts.outside - rest)
        if running.wanted_cells is not None:
            most = min(most, running.wanted_cells[cell.id])
    return most


def wide_windows(facts: GuestFacts, grid: Grid) -> list[list[Window]]:
    """For each cell the windows that follow from totals alone."""
    least = [c.boot if c.boot is not None else grid.least_boot(c) for c in facts.cells]
    floors = [b + c.existing for b, c in zip(least, facts.cells, strict=True)]
    windows = []
    for cell in facts.cells:
        rest = sum(floors) - floors[cell.id]
        own: list[Window] = []
        for place, stage in enumerate(facts.stages):
            high = _top(facts, place) - rest
            if place == 0 and cell.boot is not None:
                own.append((floors[cell.id], floors[cell.id], grid.grain))
            elif stage.cells is not None:
                own.append((stage.cells[cell.id],) * 2 + (grid.grain,))
            else:
                own.append(_on_grid(floors[cell.id], high, grid.base[cell.id], grid.grain))
        windows.append(own)
    return windows


def _top(facts: GuestFacts, place: int) -> int:
    """The most memory the cells have together at a stage. One DIMM of each cell is what an open
    maximum may be exceeded by, or as many as there have to be whatever the memory."""
    stage = facts.stages[place]
    if stage.memory is None:
        return facts.stages[place + 1].memory or 0
    if stage.at_least:
        pieces = [max(c.unit, min(stage.memory, c.largest)) for c in facts.cells]
        forced = [p.exactly or 0 for p in facts.policies if isinstance(p, Slots)]
        return stage.memory + sum(pieces) + max(forced, default=0) * max(pieces)
    return stage.memory


def _on_grid(low: int, high: int, base: int, grain: int) -> Window:
    low += (base - low) % grain
    high -= (high - base) % grain
    return (low, max(low, high), grain)


def balanced_windows(facts: GuestFacts, grid: Grid, first: int = 0) -> list[list[Window]]:
    """The wide windows, cut to less than one unit from each cell's share where a stage balances:
    at boot where it is free, and from stage ``first`` on."""
    windows = wide_windows(facts, grid)
    whole = sum(facts.shares)
    for cell in facts.cells:
        share = facts.shares[cell.id]
        for place, stage in enumerate(facts.stages):
            fixed = cell.boot is not None if place == 0 else place < first
            if fixed or stage.cells is not None or stage.memory is None or not stage.exact:
                continue
            ideal = stage.memory * share
            low = (ideal - whole * grid.grain) // whole + 1
            high = -(-(ideal + whole * grid.grain) // whole) - 1
            wide_low, wide_high, grain = windows[cell.id][place]
            low, high = max(low, wide_low), min(high, wide_high)
            windows[cell.id][place] = _on_grid(low, high, grid.base[cell.id], grain)
    return windows


def balance_is_exact(facts: GuestFacts, grid: Grid) -> bool:
    """Whether :func:`balanced_windows` hold exactly the totals of least imbalance."""
    return (
        len(set(facts.shares)) == 1
        and len({c.grain for c in facts.cells}) == 1
        and len({base % grid.grain for base in grid.base}) == 1
        and not any(not stage.exact or stage.cells for stage in facts.stages[1:])
        and not facts.stages[0].cells
    )


def least_imbalance(facts: GuestFacts, grid: Grid) -> int:
    """The imbalance (MiB) of totals within exact balanced windows: the least there can be."""
    total = 0
    for place, stage in enumerate(facts.stages):
        if place == 0 or stage.memory is None:
            continue
        spare = stage.memory - sum(base % grid.grain for base in grid.base)
        total += grid.grain if (spare // grid.grain) % len(facts.cells) else 0
    return total

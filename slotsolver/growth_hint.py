"""A greedy way for a running guest to grow to its maximum, to start the search from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from ortools.sat.python import cp_model

from slotsolver.greedy import pieces

if TYPE_CHECKING:
    from slotsolver.cell_model import CellModel
    from slotsolver.guest_model import GuestModel

Counts = Mapping[tuple[int, int], int]
"""How many DIMMs of each (cell, size)."""


def growth_hint(guest: GuestModel, last: cp_model.CpSolver) -> Iterator[tuple[int, int]]:
    """Variables with values: everything that is done now as in the last solution, and growth to the
    maximum in large enough DIMMs, spread evenly. Nothing where that takes too many slots."""
    running, end = guest.running, len(guest.facts.stages) - 1
    if running is None or end != 2:
        return
    for literal in (*running.gone.values(), *running.takes.values()):
        yield literal.index, last.value(literal)
    planned = _planned(guest, last)
    counts = _counts(guest, last, planned)
    for cell in guest.cells:
        for size, stage, variable in cell.counts():
            if stage == 1:
                yield variable.index, last.value(variable)
            elif counts is not None:
                mine = planned if cell.open else counts
                yield variable.index, mine.get((cell.facts.id, size), 0)
        yield from _open(cell, last, planned, counts)
    for variable in guest.choices():
        yield variable.index, last.value(variable)


def _open(
    cell: CellModel, last: cp_model.CpSolver, planned: Counts, counts: Counts | None
) -> Iterator[tuple[int, int]]:
    """The same of DIMMs whose sizes are left open."""
    for stage, dimms in cell.open.items():
        if stage == 1:
            yield from dimms.hint(last.value(dimms.number), last.value(dimms.memory))
        elif counts is not None:
            owner = cell.facts.id
            new = {
                size: number - planned.get((owner, size), 0)
                for (at, size), number in counts.items()
                if at == owner
            }
            memory = sum(size * number for size, number in new.items())
            yield from dimms.hint(sum(new.values()), memory)


def _planned(guest: GuestModel, last: cp_model.CpSolver) -> dict[tuple[int, int], int]:
    """What comes later as it was planned once."""
    found: dict[tuple[int, int], int] = {}
    running = guest.running
    for (number, stage), take in (running.takes if running else {}).items():
        if running and stage > 1 and last.value(take):
            dimm = running.growth[number]
            key = dimm.cell, dimm.size >> 20
            found[key] = found.get(key, 0) + 1
    return found


def _counts(
    guest: GuestModel, last: cp_model.CpSolver, planned: Counts
) -> dict[tuple[int, int], int] | None:
    """Growth in DIMMs of at most 1, 2, 4, ... units, the first that has enough slots."""
    now = [last.value(cell.totals[1]) for cell in guest.cells]
    for (owner, size), number in planned.items():
        now[owner] += size * number
    free = guest.facts.slot_limit - last.value(guest.slots) + _later(guest, last)
    free -= sum(planned.values())
    goal = even_totals(now, guest.facts.room, [cell.facts.grain for cell in guest.cells])
    largest = guest.facts.default_step
    while True:
        found = dict(planned)
        used = 0
        for cell, before, after in zip(guest.cells, now, goal, strict=True):
            cut = _cut(cell, before, after, largest)
            if cut is None:
                return None
            for size, pieces_of_size in cut.items():
                key = cell.facts.id, size
                found[key] = found.get(key, 0) + pieces_of_size
                used += pieces_of_size
        if used <= free:
            return found
        if largest > guest.facts.room:
            return None
        largest *= 2


def _later(guest: GuestModel, last: cp_model.CpSolver) -> int:
    """DIMMs that the last solution plugs later."""
    return sum(last.value(n) for cell in guest.cells for _, stage, n in cell.counts() if stage > 1)


def _cut(cell: CellModel, before: int, after: int, largest: int) -> Mapping[int, int] | None:
    if after <= before:
        return {}
    menu = None if cell.open else cell.sizes
    return pieces(cell.facts, after - before, before, largest, cell.facts.unit, menu)


def even_totals(now: list[int], room: int, grains: list[int]) -> list[int]:
    """Totals as even as they can be, none below ``now``, that sum to ``room`` as far as whole
    grains do (MiB)."""
    goal, left = list(now), room - sum(now)
    low, high = 0, room
    while low < high:  # the highest level that is affordable, every cell in whole grains
        level = (low + high + 1) // 2
        need = sum(max(0, (level - n) // g * g) for n, g in zip(now, grains, strict=True))
        low, high = (level, high) if need <= left else (low, level - 1)
    for place, (n, grain) in enumerate(zip(now, grains, strict=True)):
        more = max(0, (low - n) // grain * grain)
        goal[place], left = n + more, left - more
    for place in sorted(range(len(now)), key=lambda p: (goal[p], p)):
        if left >= grains[place]:
            goal[place] += grains[place]
            left -= grains[place]
    return goal

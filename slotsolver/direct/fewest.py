"""Bounds on the DIMMs of a guest whose totals are as even as can be, over all ways to split."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise

from slotsolver.bounds import ENDLESS, fewest_dimms, fewest_exact
from slotsolver.cell_facts import CellFacts
from slotsolver.direct.splits import Split, boot_is_loose, cell_key, interchangeable, with_choice
from slotsolver.facts import GuestFacts


def bound(facts: GuestFacts, split: Split) -> Callable[[int], int] | None:
    """A bound on the DIMMs for every step, over all ways to split; ``None`` where none is known."""
    if not split.open:
        return partial(_fewest, facts, split.totals)
    if interchangeable(facts):
        return partial(_fewest_of_any_split, facts, split.totals)
    if len(split.open) == 1 and facts.boot is not None:
        return partial(_fewest_of_a_choice, facts, split)
    return None


def _fewest(facts: GuestFacts, totals: Sequence[tuple[int, ...]], step: int) -> int:
    """A bound on the DIMMs of all cells, none larger than ``step``."""
    alike: dict[object, int] = {}
    loose = int(boot_is_loose(facts))
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
    if boot_is_loose(facts):
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


def _fewest_of_a_choice(facts: GuestFacts, split: Split, step: int) -> int:
    """A bound on the DIMMs of all cells where at one stage it is open which cells are raised."""
    ((_, choice),) = split.open.items()
    lows = [
        with_choice(split, cell, raised=False) if cell in choice.cells else own
        for cell, own in enumerate(split.totals)
    ]
    more = sorted(costs_of_raising(facts, split, step).values())
    return _fewest(facts, lows, step) + sum(more[: choice.raised])


def costs_of_raising(facts: GuestFacts, split: Split, step: int) -> dict[int, int]:
    """For each cell of the one choice the DIMMs that it takes more at least where it is raised."""
    ((_, choice),) = split.open.items()
    return {
        cell: _fewest_of_cell(facts.cells[cell], with_choice(split, cell, raised=True), step)
        - _fewest_of_cell(facts.cells[cell], with_choice(split, cell, raised=False), step)
        for cell in choice.cells
    }

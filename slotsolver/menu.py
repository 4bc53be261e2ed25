"""The menu: which DIMM sizes of a cell become variables.

Every multiple of the cell's unit that its policies permit, as long as these are at most
:data:`FULL_MENU`. Beyond that a thinned menu: powers of two times the unit, the sizes that policies
name, and the pieces in which closed forms (``bounds``) find the fewest or the finest DIMMs for
balanced growth, so that thinning loses nothing there. A plan over a thinned menu says so.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from slotsolver.cell_facts import CellFacts
from slotsolver.constraints.sizes import Sizes
from slotsolver.facts import GuestFacts
from slotsolver.greedy import pieces as greedy_pieces
from slotsolver.size import MiB

OpenSizes = Literal["never", "legal", "always"]
"""Whether the sizes of a running guest's DIMMs are left open (:mod:`slotsolver.open_model`): where
that is ``legal``, or ``always``, which asks less of them than the policies do."""

FULL_MENU = 64
"""Up to this many sizes all of them are considered."""


@dataclass(frozen=True)
class Menu:
    """The sizes (MiB, ascending) considered for a cell; ``full`` if they are all that are legal.
    Where sizes are ``open`` they are only those that were planned once."""

    sizes: tuple[int, ...]
    full: bool
    open: bool = False


def menu_for(
    facts: GuestFacts,
    cell: CellFacts,
    most_growth: int,
    floor: int,
    *,
    open_sizes: OpenSizes = "never",
) -> Menu:
    """The menu of a cell that may grow by at most ``most_growth`` MiB.

    ``floor`` is the step (MiB) below which finer DIMMs gain nothing; it thins the thinned menu.
    """
    if facts.running and open_sizes == "always":
        return Menu((), full=True, open=True)
    if facts.running and open_sizes == "legal" and not _sizes_matter(facts, cell):
        planned = {dimm.size // MiB for dimm in facts.guest.growth if dimm.cell == cell.id}
        fitting = (s for s in sorted(planned) if s <= most_growth and cell.permits(s))
        return Menu(tuple(fitting), full=True, open=True)
    if cell.allowed is not None:
        return Menu(
            tuple(s for s in sorted(cell.allowed) if s <= most_growth and cell.permits(s)), True
        )
    grain = math.lcm(cell.unit, cell.multiple)
    top = min(most_growth, cell.largest)
    count = top // grain
    if count <= FULL_MENU:
        return Menu(tuple(s for s in range(grain, top + 1, grain) if cell.permits(s)), True)
    sizes = set(_powers(grain, top)) | set(_powers(cell.unit, top))
    if cell.powers_of_two:
        return Menu(tuple(sorted(s for s in sizes if cell.permits(s))), True)
    sizes.add(top // grain * grain)
    known = [stage.memory for stage in facts.stages if stage.memory is not None]
    sizes.update(after - before for before, after in pairwise(known))
    if facts.running:
        wanted = _running_growth(facts, cell, grain)
        sizes.update(dimm.size // MiB for dimm in facts.guest.growth if dimm.cell == cell.id)
    else:
        wanted = _balanced_growth(facts, cell, grain)
    for growth, before in wanted:
        sizes.update(_pieces(cell, growth, before, grain, max(floor, grain)))
    return Menu(tuple(sorted(s for s in sizes if 0 < s <= top and cell.permits(s))), False)


def _sizes_matter(facts: GuestFacts, cell: CellFacts) -> bool:
    """Whether more than bounds and a multiple is asked of the sizes of a cell's DIMMs."""
    uniform = any(
        isinstance(policy, Sizes)
        and policy.uniform
        and cell.id in policy.concerned_cells(facts.guest)
        for policy in facts.policies
    )
    named = cell.allowed is not None or cell.powers_of_two or uniform
    named = named or any(policy.about_sizes for policy in facts.policies)
    return named or bool(cell.growth_rules) or bool(cell.exact_step) or cell.spread


def _powers(grain: int, top: int) -> Iterable[int]:
    size = grain
    while size <= top:
        yield size
        size *= 2


def _balanced_growth(facts: GuestFacts, cell: CellFacts, grain: int) -> set[tuple[int, int]]:
    """Growth and memory before it (MiB) between stages when balanced, with both roundings."""
    found: set[tuple[int, int]] = set()
    share, whole = facts.shares[cell.id], sum(facts.shares)
    before = {cell.boot + cell.existing} if cell.boot is not None else set()
    first = 1 if before or facts.stages[0].memory is None else 0
    for stage in facts.stages[first:]:
        if stage.cells is not None:
            totals = {stage.cells[cell.id]}
        else:
            ideal = (stage.memory or 0) * share // whole
            base = min(before, default=0) % grain
            low = (ideal - base) // grain * grain + base
            totals = {low, low + grain}
        found |= {(t - b, b) for t in totals for b in before if t > b}
        before = totals
    return found


def _running_growth(facts: GuestFacts, cell: CellFacts, grain: int) -> set[tuple[int, int]]:
    """What a running guest's cell may come to gain (and has before, MiB): all that is missing of
    the target or the maximum, or its share when balanced, with both roundings."""
    running = facts.running
    assert running is not None  # noqa: S101 - asked for running guests only
    has = (cell.boot or 0) + cell.existing
    now = (facts.boot or 0) + facts.existing
    share, whole = facts.shares[cell.id], sum(facts.shares)
    found: set[tuple[int, int]] = set()
    for total in (running.wanted - facts.outside, facts.room):
        ideal = total * share // whole - has
        low = ideal // grain * grain
        found |= {(growth, has) for growth in (total - now, low, low + grain) if growth > 0}
    if running.wanted_cells is not None:
        found.add((max(0, running.wanted_cells[cell.id] - has), has))
    return found


def _pieces(cell: CellFacts, growth: int, before: int, grain: int, floor: int) -> Iterable[int]:
    """Sizes that fill ``growth`` with the fewest or the finest DIMMs under the cell's rules."""
    largest = min(growth, cell.largest)
    pieces = {growth % largest if largest else 0, largest}
    parts = 1
    while parts <= 256:
        size = -(-growth // parts // grain) * grain
        pieces |= {size, growth - (parts - 1) * size}
        if size <= floor:
            break
        parts += 1
    pieces |= {floor // grain * grain, growth % (floor // grain * grain)}
    if cell.exact_step:
        pieces |= set(_doubling(cell.exact_step, growth))
    for block in cell.blocks if cell.growth_rules else ():
        unit = max(cell.unit, block)
        pieces |= set(greedy_pieces(cell, growth, before, growth, unit) or ())
    return pieces


def _doubling(step: int, growth: int) -> Iterable[int]:
    """Brown's complete sequence: step, 2 step, 4 step, ..., and what is left."""
    size, left = step, growth
    while size < left:
        yield size
        left -= size
        size *= 2
    yield left

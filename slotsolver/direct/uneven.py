"""Sizes of a guest that the host has no room for where they are even.

How even they can be is a matter of which pools the cells take from. For every way to share cells
out to pools the least spread of each stage follows by itself: of the stage that pages are reserved
for within the pools, of the others from the pages alone, since large ones make sizes coarse. The
least sum of spreads over all ways is a bound; every choice of sizes that meets it is tried, with
the DIMMs that are best for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice, pairwise, permutations, product

from slotsolver.direct.cuts import greedy_is_exact
from slotsolver.direct.rooms import Rooms, Undecided
from slotsolver.direct.sharings import Pages, Sharing, sharings
from slotsolver.direct.sizing import (
    GuestSizing,
    block_is_certain,
    short_in,
    size_split,
    size_whole,
)
from slotsolver.direct.splits import Split, interchangeable
from slotsolver.direct.spreads import Group, Spread, every_way, narrowest
from slotsolver.facts import GuestFacts

MOST_SHARINGS, MOST_CHOICES, MOST_ORDERS = 200, 50, 2000
"""Ways to share cells out to pools, choices of sizes that are equally even, and orders of cells in
which these are put together; more are left to the search."""

Row = tuple[int, ...]
"""The step of a cell's sizes, then what it has at each stage after the first (grains)."""


def uneven(rooms: Rooms, facts: GuestFacts, floor: int | None) -> list[GuestSizing]:
    """Choices of sizes, the best ones that the host has room for among them; each with the pages
    that it is meant for. Empty where there is no such; ``floor`` is as in
    :func:`slotsolver.direct.sizing.size_up`. Raises :class:`slotsolver.direct.rooms.Undecided`."""
    if not _suits(facts) or not Pages(facts).on_grid():
        raise Undecided
    pages = Pages(facts)
    return [
        sizing
        for rows in _most_even(rooms, facts, pages)
        for sizing in _cut(facts, pages, rows, floor)
    ]


def _suits(facts: GuestFacts) -> bool:
    """Whether cells change places freely, and only sums, pools and pages tell their sizes."""
    free = facts.boot is None and facts.stages[0].memory is None
    return (
        (free or facts.boot is not None)
        and (not free or block_is_certain(facts))
        and len(facts.stages) > 1
        and (not facts.hard_balance or len(facts.cells) == 1)
        and interchangeable(facts)
        and greedy_is_exact(facts.cells[0])
        and facts.reserve_stage(facts.cells[0]) > 0
    )


def _most_even(rooms: Rooms, facts: GuestFacts, pages: Pages) -> Iterable[tuple[Row, ...]]:
    """Every choice of sizes of the least imbalance for which the pools have room."""
    reserved = facts.reserve_stage(facts.cells[0]) - 1
    ways = list(islice(sharings(rooms, facts, pages), MOST_SHARINGS + 1))
    if len(ways) > MOST_SHARINGS:
        raise Undecided
    least = 1 if facts.boot is None else 0
    spreads = [(way, _spreads(way, pages.totals, reserved, least)) for way in ways]
    known = [(way, own) for way, own in spreads if own is not None]
    narrow = min((sum(spread.width for spread in own) for _, own in known), default=0)
    found: dict[tuple[Row, ...], None] = {}
    for way, own in known:
        if sum(spread.width for spread in own) == narrow:
            columns = [
                _columns(way if place == reserved else _unbound(way), total, spread)
                for place, (total, spread) in enumerate(zip(pages.totals, own, strict=True))
            ]
            found |= dict.fromkeys(_rows([g.step for g in way for _ in range(g.cells)], columns))
        if len(found) > MOST_CHOICES:
            raise Undecided
    return found


def _unbound(way: Sharing) -> Sharing:
    """The same cells whatever pools hold, those of one kind of pages together."""
    steps = dict.fromkeys(group.step for group in way)
    return tuple(Group(sum(g.cells for g in way if g.step == step), step) for step in steps)


def _spreads(way: Sharing, totals: Sequence[int], reserved: int, least: int) -> list[Spread] | None:
    """The least spread of every stage; ``None`` where there is no room, or sizes are too coarse."""
    found = []
    for place, total in enumerate(totals):
        spread = narrowest(way if place == reserved else _unbound(way), total, least)
        if spread is None:
            return None
        found.append(spread)
    return found


def _columns(way: Sharing, total: int, spread: Spread) -> list[tuple[int, ...]]:
    """What the cells have at a stage, for every choice, but no more choices than one too many."""
    choices = (
        tuple(size for own in sizes for size in own)
        for low in spread.lows
        for sizes in every_way(way, total, low, low + spread.width)
    )
    return list(islice(choices, MOST_CHOICES + 1))


def _rows(
    steps: Sequence[int], columns: Sequence[Sequence[tuple[int, ...]]]
) -> Iterator[tuple[Row, ...]]:
    """What each cell has at every stage: all choices together in all ways in which no cell shrinks,
    but for cells on the same pages that change places."""
    orders = [[order for own in column for order in _orders(own, steps)] for column in columns[1:]]
    if any(len(column) > MOST_CHOICES for column in columns):
        raise Undecided
    for count, way in enumerate(product(columns[0], *orders)):
        if count > MOST_ORDERS:
            raise Undecided
        rows = [(step, *sizes) for step, *sizes in zip(steps, *way, strict=True)]
        if all(a <= b for row in rows for a, b in pairwise(row[1:])):
            yield tuple(sorted(rows, reverse=True))


def _orders(sizes: tuple[int, ...], steps: Sequence[int]) -> list[tuple[int, ...]]:
    """The sizes in every order in which those on the same pages can be."""
    first = steps.count(steps[0])
    both = product(permutations(sizes[:first]), permutations(sizes[first:]))
    return list(dict.fromkeys(one + other for one, other in both))


def _cut(
    facts: GuestFacts, pages: Pages, rows: Sequence[Row], floor: int | None
) -> Iterator[GuestSizing]:
    """The sizes with the DIMMs that are best for them: with all boot memory where it is free, or
    with a unit less of it, so that the guest takes small memory blocks."""
    totals = [tuple(pages.base + size * pages.grain for size in row[1:]) for row in rows]
    split = Split([(own[0] if facts.boot is None else pages.base, *own) for own in totals], {})
    given = replace(
        facts,
        cells=tuple(
            replace(cell, pages=pages.of(row[0]))
            for cell, row in zip(facts.cells, rows, strict=True)
        ),
    )
    block = facts.block_at(sum(own[0] for own in split.totals))
    growth = [own[-1] - own[0] for own in split.totals]
    if block <= min(facts.blocks) or not any(growth):
        yield _known(size_split(given, split, floor), facts)
        return
    coarse = [max(block, row[0] * pages.grain) for row in rows]
    if all(
        (after - before) % unit == 0
        for own, unit in zip(split.totals, coarse, strict=True)
        for before, after in pairwise(own)
    ):
        yield _known(size_whole(given, split, floor), facts)
    unit = min(cell.unit for cell in given.cells)
    fine = [place for place, cell in enumerate(given.cells) if cell.unit == unit]
    place = max(fine, key=lambda place: split.totals[place][0])
    boots = [own[0] - unit * (cell == place) for cell, own in enumerate(split.totals)]
    first = [own[1] for own in split.totals]
    if max(boots) - min(boots) > max(pages.grain, max(first) - min(first)) or min(boots) <= 0:
        raise Undecided
    yield _known(size_split(given, split, floor, partial(short_in, place)), facts)


def _known(sizing: GuestSizing | None, facts: GuestFacts) -> GuestSizing:
    if sizing is None:
        raise Undecided
    return replace(sizing, facts=facts)

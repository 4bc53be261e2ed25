"""Ways to share equal cells out to a host's pools, but for those that another one is as good as."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations, product

from slotsolver.direct.rooms import Rooms
from slotsolver.direct.spreads import Group
from slotsolver.direct.wishes import keeps_apart
from slotsolver.facts import GuestFacts
from slotsolver.size import MiB, granule

Sharing = tuple[Group, ...]
"""Cells that take from the same pool, pool by pool: those on small pages, then on large ones."""


class Pages:
    """The page sizes that equal cells may have, as small ones and large ones: by the units of DIMMs
    (MiB) that these make. Cells have ``base`` (MiB) and so many grains, the least of these units.
    """

    def __init__(self, facts: GuestFacts) -> None:
        cell, block = facts.cells[0], min(facts.blocks)
        self.facts = facts
        self.base = cell.boot or 0
        there = facts.host.usable_pages if facts.host else ()
        self.units = {page: cell.unit_for(page, block) for page in cell.pages if page in there}
        self.grain = min(self.units.values())
        self.steps = sorted({unit // self.grain for unit in self.units.values()})
        self.totals = [self._grains(stage.memory or 0) for stage in facts.stages[1:]]
        """What all cells have at each stage after the first (grains above their bases)."""

    def _grains(self, memory: int) -> int:
        return (memory - self.base * len(self.facts.cells)) // self.grain

    def of(self, step: int) -> tuple[int, ...]:
        """The page sizes whose unit is so many grains."""
        return tuple(page for page, unit in self.units.items() if unit == step * self.grain)

    def on_grid(self) -> bool:
        """Whether there are two units at most, and all sizes are whole pages and whole grains."""
        bases = self.base * len(self.facts.cells)
        return (
            len(self.steps) <= 2
            and not any(self.base % granule(page) for page in self.units)
            and not any(unit % granule(page) for page, unit in self.units.items())
            and not any(((s.memory or 0) - bases) % self.grain for s in self.facts.stages[1:])
        )


def sharings(rooms: Rooms, facts: GuestFacts, pages: Pages) -> Iterator[Sharing]:
    """Every way that counts: what lies in a pool may as well lie in a larger one that is empty."""
    ways = _on_nodes if keeps_apart(facts) else _in_pools
    pools = [_pools(rooms, facts, pages.of(step)) for step in pages.steps]
    for on_large in range(len(facts.cells) + 1 if len(pages.steps) > 1 else 1):
        for parts in ways(pools, len(facts.cells) - on_large, on_large):
            groups = [
                Group(cells, step, (most - cells * pages.base) // pages.grain)
                for step, own in zip(pages.steps, parts, strict=False)
                for cells, most in own
            ]
            if all(group.most >= 0 for group in groups):
                yield tuple(groups)


Parts = list[list[tuple[int, int]]]
"""For small and for large pages the pools that are used: how many cells lie there, and how much
they hold (MiB)."""


def _pools(rooms: Rooms, facts: GuestFacts, sizes: Sequence[int]) -> list[list[int]]:
    """For each node that cells may lie on what its pools of some page sizes hold (MiB)."""
    allowed = {node for nodes in facts.cells[0].nodes for node in nodes}
    kept = [place for place, size in enumerate(rooms.page_sizes) if size in sizes]
    return [
        [room[place] * rooms.grains[place] // MiB for place in kept]
        for node, room in zip(rooms.ids, rooms.rooms, strict=True)
        if node in allowed
    ]


def _in_pools(pools: Sequence[list[list[int]]], small: int, large: int) -> Iterator[Parts]:
    """Any cells in any pools: those that hold most, none of them empty before one that is not."""
    every = [sorted((most for own in nodes for most in own), reverse=True) for nodes in pools]
    for counts in product(_compositions(small), _compositions(large)):
        parts = list(zip(counts, every, strict=False))
        if all(len(own) <= len(there) for own, there in parts):
            yield [list(zip(own, there, strict=False)) for own, there in parts]


def _compositions(number: int) -> Iterator[tuple[int, ...]]:
    """Every way to write a number as a sum of positive ones, in every order."""
    if not number:
        yield ()
    for first in range(1, number + 1):
        for rest in _compositions(number - first):
            yield (first, *rest)


def _on_nodes(pools: Sequence[list[list[int]]], small: int, large: int) -> Iterator[Parts]:
    """Each cell on a node of its own: first those on large pages, the others where there is most
    left. Of those on large pages none may lie on a node with less than one that stays empty."""
    most = [[max(own, default=0) for own in nodes] for nodes in pools]
    order = sorted(range(len(most[0])), key=lambda node: -most[0][node])
    if not large:
        if small <= len(order):
            yield [[(1, most[0][node]) for node in order[:small]]]
        return
    for chosen in combinations(order, large):
        others = [node for node in order if node not in chosen]
        least = min(most[1][node] for node in chosen)
        if small <= len(others) and all(most[1][node] <= least for node in others[small:]):
            yield [
                [(1, most[0][node]) for node in others[:small]],
                [(1, most[1][node]) for node in chosen],
            ]

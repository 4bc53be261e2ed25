"""What a host's pools hold, and the best pages for cells that lie together on one of its nodes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from slotsolver.constraints.headroom import Headroom
from slotsolver.host import Host
from slotsolver.problem import Problem
from slotsolver.size import MiB, granule

MOST_MIXES = 2000
"""Ways to give pages to cells of one node that are tried; more are left to the search."""

Room = tuple[int, ...]
"""What is free of the pools of a host node (granules), by page size ascending."""


class Undecided(Exception):  # noqa: N818 - not an error: the search decides then
    """The closed forms would take too long."""


@dataclass(frozen=True)
class Demand:
    """What a cell takes of a pool of each page size (granules, ``None`` where it cannot have such
    pages), and how many pages that is."""

    granules: tuple[int | None, ...]
    pages: tuple[int, ...]

    @property
    def fewest(self) -> int:
        """The fewest pages that it can take."""
        return min(p for p, g in zip(self.pages, self.granules, strict=True) if g is not None)


@dataclass(frozen=True)
class Mix:
    """Pages for cells that lie on one node: how many pages in all, what is left of the room, what
    of that (bytes) is too little for another cell, and for each demand how many cells have each
    page size."""

    pages: int
    stranded: int
    left: Room
    given: tuple[tuple[int, ...], ...]


class Rooms:
    """The pools of a host. ``piece`` (bytes) is what another cell would take."""

    def __init__(self, problem: Problem, host: Host) -> None:
        self.host = host
        self.ids = [node.id for node in host.nodes]
        self.page_sizes = host.page_sizes()
        self.grains = tuple(granule(size) * MiB for size in self.page_sizes)
        self.piece = min(g.target_size // len(g.cells) for g in problem.guests)
        kept = [p for p in problem.policies if isinstance(p, Headroom)]
        self.rooms: list[Room] = []
        self.held: list[Room] = []
        """What stays free by headroom (granules), though it counts as free."""
        for node in self.ids:
            pools = [host.pool(node, size) for size in self.page_sizes]
            free = tuple(self._whole(pool.free, pool.page_size) for pool in pools)
            room = free
            for rule in kept:
                own = (self._whole(p.free - rule.kept(p), p.page_size) for p in pools)
                room = tuple(map(min, room, own))
            self.rooms.append(room)
            self.held.append(tuple(map(int.__sub__, free, room)))

    def _whole(self, pages: int, size: int) -> int:
        return max(0, pages * size // (granule(size) * MiB))

    def demand(self, memory: int, pages: Sequence[int]) -> Demand:
        """Of a cell that has ``memory`` (MiB) in pages of one of these sizes (bytes)."""
        grains = [-(-memory * MiB // grain) for grain in self.grains]
        sizes = zip(self.page_sizes, grains, strict=True)
        own = tuple(n if size in pages else None for size, n in sizes)
        counted = zip(self.page_sizes, self.grains, grains, strict=True)
        return Demand(own, tuple(n * (grain // size) for size, grain, n in counted))

    def stranded(self, node: int, room: Room) -> int:
        """Bytes free on a node in pools that hold less than a piece, if ``room`` is left there."""
        return sum(self._too_little(node, place, left) for place, left in enumerate(room))

    def untouchable(self, node: int, room: Room, demands: Sequence[Demand]) -> int:
        """Bytes that are stranded on a node with that room whatever is done: no demand fits."""
        total = 0
        for place, left in enumerate(room):
            needs = (demand.granules[place] for demand in demands)
            if not any(need is not None and need <= left for need in needs):
                total += self._too_little(node, place, left)
        return total

    def _too_little(self, node: int, place: int, left: int) -> int:
        """Bytes free in a pool of which ``left`` granules are left, if these are less than a piece;
        what headroom keeps is free too."""
        free, grain = left + self.held[node][place], self.grains[place]
        return free * grain if free < -(-self.piece // grain) else 0

    def best_mix(
        self, node: int, room: Room, demands: Sequence[Demand], counts: Sequence[int]
    ) -> Mix | None:
        """The fewest pages, then the least stranded, for so many cells of each demand on a node
        with that room; ``None`` if they do not fit. Raises :class:`Undecided`."""
        if sum(n > 0 for n in counts) <= 1:
            return self._mix_of_one(node, room, demands, counts)
        best = self._all_largest(node, room, demands, counts)
        if best is not None:
            return best
        tries = 0
        stack: list[tuple[int, Room, int, tuple[tuple[int, ...], ...]]] = [(0, room, 0, ())]
        while stack:
            which, left, pages, given = stack.pop()
            if which == len(counts):
                mix = Mix(pages, self.stranded(node, left), left, given)
                if best is None or (mix.pages, mix.stranded) < (best.pages, best.stranded):
                    best = mix
                continue
            if best is not None and pages > best.pages:
                continue
            for split in _splits(counts[which], len(room)):
                tries += 1
                if tries > MOST_MIXES:
                    raise Undecided
                taken = self._take(left, demands[which], split)
                if taken is not None:
                    stack.append((which + 1, taken[0], pages + taken[1], (*given, split)))
        return best

    def _all_largest(
        self, node: int, room: Room, demands: Sequence[Demand], counts: Sequence[int]
    ) -> Mix | None:
        """Every cell on the pages of which it takes fewest, where these are there; ``None`` where
        not, or where other pages are as few."""
        left, pages, given = room, 0, []
        for demand, count in zip(demands, counts, strict=True):
            usable = [n for n, need in enumerate(demand.granules) if need is not None]
            fewest = [n for n in usable if demand.pages[n] == demand.fewest]
            split = tuple(count if n == fewest[0] else 0 for n in range(len(room)))
            taken = self._take(left, demand, split)
            if taken is None or (count and len(fewest) > 1):
                return None
            left, pages = taken[0], pages + taken[1]
            given.append(split)
        return Mix(pages, self.stranded(node, left), left, tuple(given))

    def _mix_of_one(
        self, node: int, room: Room, demands: Sequence[Demand], counts: Sequence[int]
    ) -> Mix | None:
        """Equal cells: the largest pages as far as they go make the fewest."""
        left, pages, given = room, 0, []
        for demand, count in zip(demands, counts, strict=True):
            split = [0] * len(room)
            for place in reversed(range(len(room))):
                need = demand.granules[place]
                if need is not None and count:
                    split[place] = min(count, left[place] // need)
                    count -= split[place]
            if count:
                return None
            taken = self._take(left, demand, tuple(split))
            assert taken is not None  # noqa: S101 - no more than fits was given
            left, pages = taken[0], pages + taken[1]
            given.append(tuple(split))
        return Mix(pages, self.stranded(node, left), left, tuple(given))

    def _take(self, room: Room, demand: Demand, split: tuple[int, ...]) -> tuple[Room, int] | None:
        """What is left of a room, and the pages taken; ``None`` if it does not hold them."""
        left, pages = list(room), 0
        for place, count in enumerate(split):
            need = demand.granules[place]
            if not count:
                continue
            if need is None or need * count > left[place]:
                return None
            left[place] -= need * count
            pages += demand.pages[place] * count
        return tuple(left), pages


@lru_cache(maxsize=512)
def _splits(count: int, parts: int) -> tuple[tuple[int, ...], ...]:
    """Every way to write ``count`` as a sum of ``parts`` numbers, most on the last (so that a stack
    sees it first)."""
    if parts == 1:
        return ((count,),)
    return tuple(
        (*rest, last) for last in range(count + 1) for rest in _splits(count - last, parts - 1)
    )

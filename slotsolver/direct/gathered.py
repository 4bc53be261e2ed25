"""Several guests, each on one host node: how many on which, by a table over nodes.

Where a node is nearer to itself than to any other, a guest's distance is least exactly where all
its cells lie on one node. If every guest can, what is left to choose is how many of each kind
are on which node, and pages and stranded memory of a node depend on nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from math import prod

from slotsolver.direct.near import MOST_COUNTS, Spot
from slotsolver.direct.nests import Counts, Distances, Nest, Table, Way, packed, table
from slotsolver.direct.rooms import Demand, Mix, Rooms
from slotsolver.direct.wishes import Wish


class Gathering:
    """Guests of some kinds of wishes, on the rooms of an empty host."""

    def __init__(self, rooms: Rooms, wishes: Sequence[Wish], far: Distances) -> None:
        self.rooms, self.far = rooms, far
        self.kinds = list(dict.fromkeys(wishes))
        self.wishes = wishes
        self.all: Counts = tuple(list(wishes).count(kind) for kind in self.kinds)
        self.demands: list[Demand] = [d for kind in self.kinds for d in kind.demands]
        self.mixes: dict[tuple[int, Counts], Mix | None] = {}

    def spots(self) -> list[Spot] | None:
        """Where each guest lies; ``None`` where not every one fits a node of its own liking, or
        where that is not known to be best. Raises :class:`slotsolver.direct.rooms.Undecided`."""
        if not self._is_best() or prod(n + 1 for n in self.all) > MOST_COUNTS:
            return None
        every = Nest(0, tuple(Nest(0, node=node) for node in range(len(self.rooms.ids))))
        way = table(every, 0, self.all, self._on_node).get(packed(self.all))
        return None if way is None else self._shared_out(way)

    def _is_best(self) -> bool:
        """Whether one node is strictly the nearest place for all cells of each guest."""
        nodes = range(len(self.far))
        local = {self.far[n][n] for n in nodes}
        remote = min((self.far[a][b] for a in nodes for b in range(a)), default=256)
        apart = all(d > 0 for kind in self.kinds for d in _pairs(kind))
        shared = all(len(kind.kinds) == 1 or not kind.distinct for kind in self.kinds)
        return len(local) == 1 and max(local) < remote and apart and shared and max(self.all) < 256

    def _on_node(self, node: int, _far: int) -> Table:
        """What a node can hold, by the guests of each kind on it."""
        found: dict[int, Way] = {}
        allowed = [
            count if all(node in nodes for nodes in kind.nodes) else 0
            for kind, count in zip(self.kinds, self.all, strict=True)
        ]
        for counts in product(*(range(count + 1) for count in allowed)):
            mix = self._mix(node, counts)
            if mix is not None:
                number = sum(counts)
                cost = (0, mix.pages, mix.stranded, node * number)
                found[packed(counts)] = Way(cost, number, node, counts)
        return found

    def _mix(self, node: int, counts: Counts) -> Mix | None:
        key = (node, counts)
        if key not in self.mixes:
            cells = [
                guests * kind.kinds.count(number)
                for kind, guests in zip(self.kinds, counts, strict=True)
                for number in range(len(kind.demands))
            ]
            room = self.rooms.rooms[node]
            self.mixes[key] = self.rooms.best_mix(node, room, self.demands, cells)
        return self.mixes[key]

    def _shared_out(self, way: Way) -> list[Spot]:
        """The guests in their order on the nodes in theirs, each with its part of the mixes."""
        nodes = way.nodes()
        guests = {node: list(counts) for node, counts in nodes.items()}
        pages = {
            node: [list(split) for split in mix.given]
            for node, counts in nodes.items()
            if (mix := self._mix(node, counts)) is not None
        }
        found = []
        for wish in self.wishes:
            kind = self.kinds.index(wish)
            node = min(n for n, counts in guests.items() if counts[kind])
            guests[node][kind] -= 1
            found.append(self._spot(wish, kind, node, pages[node], way.cost[2]))
        return found

    def _spot(self, wish: Wish, kind: int, node: int, left: list[list[int]], stranded: int) -> Spot:
        first = sum(len(other.demands) for other in self.kinds[:kind])
        given, pages = [], 0
        for number, demand in enumerate(wish.demands):
            own = [0] * len(left[first + number])
            for _ in range(wish.kinds.count(number)):
                place = next(n for n, count in enumerate(left[first + number]) if count)
                left[first + number][place] -= 1
                own[place] += 1
                pages += demand.pages[place]
            given.append(tuple(own))
        distance = self.far[node][node] * sum(_pairs(wish))
        mix = Mix(pages, 0, (), tuple(given))
        return Spot((distance, pages, stranded), (node,) * len(wish.kinds), {node: mix})


def _pairs(wish: Wish) -> list[int]:
    """The guest's own distances between its cells, pair by pair."""
    return [wish.apart[a][b] for a in range(len(wish.kinds)) for b in range(a)]

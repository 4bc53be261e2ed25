"""Where the cells of one guest lie nearest to each other, on the fewest pages, with least stranded.

A depth-first search over cells, one host node after the other. Cells with the same demand change
places freely, and so do host nodes that nothing tells apart, so one of each kind is tried. It ends
at once where closed forms say that nothing can be better; where it does not end soon, nested groups
of nodes are asked (:mod:`slotsolver.direct.nests`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from math import prod

from slotsolver.direct.nests import Counts, Distances, Nest, Table, Way, nest_of, packed, table
from slotsolver.direct.rooms import Mix, Room, Rooms, Undecided
from slotsolver.direct.wishes import Wish, pair_distances

FEW_STEPS, MOST_STEPS = 16, 4000
"""Cells put on nodes, besides each of them once, before nested groups are looked at; and before
CP-SAT is asked."""

MOST_COUNTS = 256
"""Combinations of cells of each kind for which there is a table."""


class OutOfSteps(Undecided):
    """The depth-first search would take too long; another way may not."""


@dataclass(frozen=True)
class Spot:
    """Where the cells lie (places of nodes), what each node's mix is, and what that comes to."""

    cost: tuple[int, int, int]
    """Distance, pages, bytes stranded on all nodes."""
    nodes: tuple[int, ...]
    mixes: dict[int, Mix]


class Search:
    """One guest on rooms as they are now."""

    def __init__(self, wish: Wish, rooms: Rooms, now: Sequence[Room], far: Distances) -> None:
        self.wish, self.rooms, self.now, self.far = wish, rooms, now, far
        self.steps, self.limit, self.any_spot = 0, MOST_STEPS, False
        self.best: Spot | None = None
        self.cells = len(wish.kinds)
        self.groups = self._exchangeable()
        self.alone = [rooms.stranded(place, room) for place, room in enumerate(now)]
        self.mixes: dict[tuple[int, tuple[int, ...]], Mix | None] = {}
        self.counts = [[0] * len(wish.demands) for _ in now]
        self.holds = [0] * len(now)
        self.chosen: list[int] = []
        self.weights = pair_distances(wish.apart)
        self.even = len(self.weights) <= 1
        self.weight = next(iter(self.weights), 0)
        self.seen = [0] * len(now)
        """For each node the distance of all cells that lie already; only kept, and only read, where
        guest distances are all equal."""
        self.usable = sorted({n for nodes in wish.nodes for n in nodes})
        self.tail = self._nearest_pairs()
        self.floor = self._floor()

    def run(self) -> Spot | None:
        """The best spot; ``None`` if the cells fit nowhere. Raises :class:`Undecided`."""
        self.limit = self.cells + FEW_STEPS
        try:
            self._go(0, 0)
        except OutOfSteps:
            nest = nest_of(self.far)
            if nest is not None and self.even and prod(n + 1 for n in self._all()) <= MOST_COUNTS:
                return self._by_groups(nest)
            return self._at_length()
        return self.best

    def fits(self) -> bool:
        """Whether there is any spot. Raises :class:`Undecided`."""
        self.any_spot = True
        return self.run() is not None

    def _at_length(self) -> Spot | None:
        again = Search(self.wish, self.rooms, self.now, self.far)
        again.limit, again.any_spot, again.mixes = MOST_STEPS, self.any_spot, self.mixes
        again._go(0, 0)
        return again.best

    def _all(self) -> Counts:
        """How many cells there are of each kind."""
        every = range(len(self.wish.demands))
        return tuple(sum(kind == n for kind in self.wish.kinds) for n in every)

    def _by_groups(self, nest: Nest) -> Spot | None:
        """The best spot by the table of nested groups."""
        every = self._all()
        way = table(nest, self.weight, every, self._on_node).get(packed(every))
        if way is None:
            return None
        found = way.nodes()
        left = {node: list(counts) for node, counts in found.items()}
        nodes = []
        for kind in self.wish.kinds:
            node = min(n for n, counts in left.items() if counts[kind])
            left[node][kind] -= 1
            nodes.append(node)
        mixes = {node: self._known_mix(node, counts) for node, counts in found.items()}
        return Spot(way.cost[:3], tuple(nodes), {n: m for n, m in mixes.items() if m is not None})

    def _on_node(self, node: int, far: int) -> Table:
        """What a node can hold, by the cells of each kind on it."""
        none = (0,) * len(self.wish.demands)
        found = {0: Way((0, 0, self.alone[node], 0), 0, node, none)}
        allowed = [0] * len(none)
        for kind, nodes in zip(self.wish.kinds, self.wish.nodes, strict=True):
            allowed[kind] += node in nodes
        most = self._most(node)
        for counts in product(*(range(min(most, n) + 1) for n in allowed)):
            number = sum(counts)
            if not 0 < number <= most:
                continue
            mix = self._known_mix(node, counts)
            if mix is not None:
                pairs = number * (number - 1) // 2
                cost = (far * pairs, mix.pages, mix.stranded, node * number)
                found[packed(counts)] = Way(cost, number, node, counts)
        return found

    def _exchangeable(self) -> list[int]:
        """For each node the number of the group of those it can change places with."""
        alike = node_classes(self.far)
        allowed = set(self.wish.nodes)
        groups: dict[object, int] = {}
        found = []
        for n, room in enumerate(self.now):
            ways = tuple(n in nodes for nodes in allowed) if len(allowed) > 1 else ()
            key = (alike[n], room, self.rooms.held[n], ways)
            found.append(groups.setdefault(key, len(groups)))
        return found

    def _nearest_pairs(self) -> list[int]:
        """For each cell the least that the pairs among it and the later ones come to."""
        wish, least = self.wish, dict[tuple[tuple[int, ...], tuple[int, ...]], int]()
        tail = [0] * (self.cells + 1)
        for one in reversed(range(self.cells)):
            own = 0
            for other in range(one + 1, self.cells):
                key = (wish.nodes[one], wish.nodes[other])
                if key not in least:
                    least[key] = self._nearest(*key)
                own += wish.apart[one][other] * least[key]
            tail[one] = tail[one + 1] + own
        return tail

    def _nearest(self, mine: tuple[int, ...], others: tuple[int, ...]) -> int:
        return min(
            (self.far[a][b] for a in mine for b in others if a != b or not self.wish.distinct),
            default=0,
        )

    def _floor(self) -> tuple[int, int, int]:
        """What no spot can be better than."""
        distance = self.tail[0]
        if self.even:
            distance = max(distance, self.weight * self._gathered())
        demands = self.wish.demands
        stranded = sum(
            self.rooms.untouchable(place, room, demands) for place, room in enumerate(self.now)
        )
        return (distance, self.wish.fewest_pages, stranded)

    def _gathered(self) -> int:
        """A bound on the distances: as many cells on one node as it can hold, then on the next, and
        any two nodes as near as the nearest two. (The sum of squares is largest where the largest
        are filled first, and the distance falls with it.)"""
        used = self.usable
        local = min(self.far[n][n] for n in used)
        remote = min((self.far[a][b] for a in used for b in used if a != b), default=local)
        pairs = self.cells * (self.cells - 1) // 2
        if remote <= local:
            return remote * pairs
        left, together = self.cells, 0
        for most in sorted((self._most(n) for n in used), reverse=True):
            here = min(most, left)
            together, left = together + here * (here - 1) // 2, left - here
        return remote * pairs - (remote - local) * together

    def _most(self, node: int) -> int:
        """How many cells a node holds at most, each taken for the smallest of all."""
        if self.wish.distinct:
            return 1
        found = 0
        for place, free in enumerate(self.now[node]):
            needs = [d.granules[place] for d in self.wish.demands]
            known = [need for need in needs if need is not None]
            found += free // min(known) if known else 0
        return min(found, self.cells)

    def _go(self, cell: int, distance: int) -> None:
        if self.best is not None and (self.any_spot or self.best.cost == self.floor):
            return
        if cell == self.cells:
            self._arrive(distance)
            return
        near = min(self.seen[n] for n in self.usable) if self.even and self.chosen else 0
        later = self.tail[cell + 1] + self.weight * near * (self.cells - cell - 1)
        for node, more in self._choices(cell):
            if self._hopeless(distance + more + later):
                continue
            self.steps += 1
            if self.steps > self.limit:
                raise OutOfSteps
            kind = self.wish.kinds[cell]
            self.counts[node][kind] += 1
            if self._mix(node) is not None:
                self._put(node, 1)
                self._go(cell + 1, distance + more)
                self._put(node, -1)
            self.counts[node][kind] -= 1

    def _put(self, node: int, sign: int) -> None:
        self.holds[node] += sign
        if sign > 0:
            self.chosen.append(node)
        else:
            self.chosen.pop()
        if self.even:
            for other, row in enumerate(self.far[node]):
                self.seen[other] += sign * row

    def _choices(self, cell: int) -> list[tuple[int, int]]:
        """The nodes to try for a cell with what each adds to the distance, the nearest first."""
        first, opened = self._first(cell), set()
        found = []
        for node in self.wish.nodes[cell]:
            if not self.holds[node]:
                if self.groups[node] in opened:
                    continue
                opened.add(self.groups[node])
            elif self.wish.distinct:
                continue
            if node >= first:
                found.append((node, self._added(cell, node)))
        return sorted(found, key=lambda choice: (choice[1], choice[0]))

    def _first(self, cell: int) -> int:
        """Cells that are alike lie in the order of nodes."""
        same = cell and self.wish.kinds[cell] == self.wish.kinds[cell - 1]
        return self.chosen[-1] if same else 0

    def _added(self, cell: int, node: int) -> int:
        if self.even:
            return self.weight * self.seen[node]
        apart, far = self.wish.apart[cell], self.far[node]
        return sum(apart[other] * far[there] for other, there in enumerate(self.chosen))

    def _hopeless(self, least: int) -> bool:
        """Whether nothing better than the best can come of what has at least that distance."""
        if self.best is None:
            return False
        settled = self.best.cost[1:] == self.floor[1:]
        return least > self.best.cost[0] or (least == self.best.cost[0] and settled)

    def _mix(self, node: int) -> Mix | None:
        return self._known_mix(node, tuple(self.counts[node]))

    def _known_mix(self, node: int, counts: Counts) -> Mix | None:
        key = (node, counts)
        if key not in self.mixes:
            room, demands = self.now[node], self.wish.demands
            self.mixes[key] = self.rooms.best_mix(node, room, demands, counts)
        return self.mixes[key]

    def _arrive(self, distance: int) -> None:
        mixes = {n: self._mix(n) for n in set(self.chosen)}
        found = {n: mix for n, mix in mixes.items() if mix is not None}
        pages = sum(mix.pages for mix in found.values())
        stranded = sum(
            found[n].stranded if n in found else alone for n, alone in enumerate(self.alone)
        )
        cost = (distance, pages, stranded)
        if self.best is None or cost < self.best.cost:
            self.best = Spot(cost, tuple(self.chosen), found)


@lru_cache(maxsize=64)
def node_classes(far: Distances) -> tuple[int, ...]:
    """For each node the first one that it could change places with, by distances alone."""
    found: list[int] = []
    for node in range(len(far)):
        firsts = (other for other in dict.fromkeys(found) if _could_swap(far, other, node))
        found.append(next(firsts, node))
    return tuple(found)


def _could_swap(far: Distances, one: int, other: int) -> bool:
    return far[one][one] == far[other][other] and all(
        far[one][n] == far[other][n] for n in range(len(far)) if n not in (one, other)
    )

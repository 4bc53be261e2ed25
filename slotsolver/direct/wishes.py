"""What the guests ask of a host's nodes, by places (not ids) of the nodes."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from slotsolver.constraints.host_nodes import HostNodes
from slotsolver.direct.nests import Distances
from slotsolver.direct.rooms import Demand, Rooms
from slotsolver.facts import GuestFacts
from slotsolver.host import Host
from slotsolver.problem import Cell

Need = tuple[int, Collection[int]]
"""What a cell must have pages for (MiB), and the page sizes (bytes) that it may have."""


@dataclass(frozen=True)
class Wish:
    """A guest to be placed: for each cell which demand it has and the places of the host nodes that
    it may lie on; how far cells are from each other; whether no two may share a node."""

    demands: tuple[Demand, ...]
    kinds: tuple[int, ...]
    """For each cell its place in ``demands``; equal ones stand together."""
    nodes: tuple[tuple[int, ...], ...]
    apart: Distances
    distinct: bool

    @property
    def fewest_pages(self) -> int:
        """Pages that it takes at least."""
        return sum(self.demands[kind].fewest for kind in self.kinds)


@dataclass(frozen=True)
class OrderedWish:
    """A wish with its cells in the order in which they are placed: ``ids`` are theirs."""

    wish: Wish
    ids: tuple[int, ...]


def wish_of(rooms: Rooms, facts: GuestFacts, needs: Sequence[Need]) -> OrderedWish:
    """What a guest asks of the host's nodes. Cells that take most are placed first."""
    place = {node: n for n, node in enumerate(rooms.ids)}
    apart = _apart(facts.guest.cells)
    uniform = len(pair_distances(apart)) <= 1
    kinds: dict[object, list[int]] = {}
    demands: dict[object, Demand] = {}
    for cell, (reserved, pages) in zip(facts.cells, needs, strict=True):
        key = (reserved, tuple(pages), cell.nodes, None if uniform else cell.id)
        if key not in kinds:
            demands[key] = rooms.demand(reserved, tuple(pages))
        kinds.setdefault(key, []).append(cell.id)
    order = sorted(kinds, key=lambda key: -needs[kinds[key][0]][0])
    ids = tuple(i for key in order for i in kinds[key])
    nodes = {
        key: tuple(sorted(place[node] for (node,) in facts.cells[kinds[key][0]].nodes))
        for key in order
    }
    return OrderedWish(
        Wish(
            demands=tuple(demands[key] for key in order),
            kinds=tuple(n for n, key in enumerate(order) for _ in kinds[key]),
            nodes=tuple(nodes[key] for key in order for _ in kinds[key]),
            apart=tuple(tuple(apart[a][b] for b in ids) for a in ids),
            distinct=keeps_apart(facts),
        ),
        ids,
    )


def _apart(cells: Sequence[Cell]) -> list[list[int]]:
    """How far cells are from each other in the guest, by their ids; 0 from themselves."""
    if not any(cell.distances for cell in cells):
        usual = cells[0].distance(cells[-1].id)  # the same of all pairs
        return [[0 if a is b else usual for b in cells] for a in cells]
    found = [[0] * len(cells) for _ in cells]
    for place, one in enumerate(cells):
        for other in cells[place + 1 :]:
            found[one.id][other.id] = found[other.id][one.id] = one.distance(other.id)
    return found


def keeps_apart(facts: GuestFacts) -> bool:
    """Whether no two cells of the guest may share a host node."""
    return any(isinstance(p, HostNodes) and p.distinct and p.cells is None for p in facts.policies)


def distances(host: Host) -> Distances:
    """The distance between each two nodes, by their places: the larger one of both ways."""
    ids = [node.id for node in host.nodes]
    there = [node.distances or [host.distance(node.id, b) for b in ids] for node in host.nodes]
    back = zip(*there, strict=True)
    return tuple(tuple(map(max, one, other)) for one, other in zip(there, back, strict=True))


def pair_distances(apart: Sequence[Sequence[int]]) -> set[int]:
    """The different distances between two cells."""
    return {apart[a][b] for a in range(len(apart)) for b in range(a)}

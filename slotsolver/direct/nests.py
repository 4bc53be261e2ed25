"""Host nodes in nested groups: where distances have levels, the nearest places follow by a table.

On most hosts any two nodes of a socket are equally far apart, and so are any two of different
sockets. Then the distance between cells in different groups depends only on how many are in which,
and what is best inside a group for each number of cells is all that the groups around it need.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

Distances = tuple[tuple[int, ...], ...]

Counts = tuple[int, ...]
"""Cells of each kind."""

Cost = tuple[int, int, int, int]
"""Distance, pages, bytes stranded, and how high the nodes are."""

BITS = 9
"""Bits for the number of cells of each kind where these are packed into one integer."""


@dataclass(frozen=True)
class Nest:
    """A group of nodes: parts that are all ``far`` from each other, or one node alone."""

    far: int
    parts: tuple[Nest, ...] = ()
    node: int = -1


class Way(NamedTuple):
    """What cells in a group come to, and how they get there: on one node, or in two groups."""

    cost: Cost
    number: int
    """Cells of all kinds."""
    node: int = -1
    counts: Counts = ()
    groups: tuple[Way, ...] = ()

    def nodes(self) -> dict[int, Counts]:
        """The cells of each node that has any."""
        found: dict[int, Counts] = {}
        left = [self]
        while left:
            way = left.pop()
            left += way.groups
            if not way.groups and way.number:
                found[way.node] = way.counts
        return found


Table = Mapping[int, Way]
"""The best way for each number of cells of each kind, packed."""


def packed(counts: Counts) -> int:
    """Numbers below 256 as one integer, so that adding it adds them all."""
    return sum(count << BITS * place for place, count in enumerate(counts))


@lru_cache(maxsize=64)
def nest_of(far: Distances) -> Nest | None:
    """The groups of a host's nodes; ``None`` where distances have no levels."""
    return _nest(far, tuple(range(len(far))))


def _nest(far: Distances, nodes: tuple[int, ...]) -> Nest | None:
    if len(nodes) == 1:
        return Nest(far[nodes[0]][nodes[0]], node=nodes[0])
    most = max(far[a][b] for a in nodes for b in nodes if a != b)
    parts: list[list[int]] = []
    for node in nodes:
        near = next((part for part in parts if far[part[0]][node] < most), None)
        if near is None:
            parts.append([node])
        else:
            near.append(node)
    if not _apart(far, parts, most):
        return None
    inner = [_nest(far, tuple(part)) for part in parts]
    known = tuple(part for part in inner if part is not None)
    return Nest(most, known) if len(known) == len(inner) else None


def _apart(far: Distances, parts: Sequence[Sequence[int]], most: int) -> bool:
    """Whether nodes are that far apart exactly where they are in different parts."""
    owner = {node: number for number, part in enumerate(parts) for node in part}
    return all((far[a][b] == most) == (owner[a] != owner[b]) for a in owner for b in owner if a < b)


def table(nest: Nest, weight: int, most: Counts, leaf: Callable[[int, int], Table]) -> Table:
    """The best way to have each number of cells in a group, up to ``most`` (below 256 each).

    ``weight`` is the distance between cells in the guest; ``leaf(node, far)`` is the table of a
    node whose memory is ``far`` from itself.
    """
    if not nest.parts:
        return leaf(nest.node, weight * nest.far)
    found = table(nest.parts[0], weight, most, leaf)
    for part in nest.parts[1:]:
        found = _joined(found, table(part, weight, most, leaf), weight * nest.far, most)
    return found


def _joined(left: Table, right: Table, far: int, most: Counts) -> Table:
    found: dict[int, Way] = {}
    top = packed((1 << BITS - 1,) * len(most))
    # Counts stay below 256, so the top bit of each is spare: set in advance, a subtraction keeps it
    # exactly where no more is there than may be, and borrows nothing of the next count.
    room = packed(most) + top
    for mine, one in left.items():
        (near, pages, stranded, high), number = one.cost, one.number
        for theirs, other in right.items():
            both = mine + theirs
            if (room - both) & top != top:
                continue
            cost = other.cost
            distance = near + cost[0] + far * number * other.number
            known = found.get(both)
            if known is not None and known.cost[0] < distance:
                continue
            whole = (distance, pages + cost[1], stranded + cost[2], high + cost[3])
            if known is None or whole < known.cost:
                found[both] = Way(whole, number + other.number, groups=(one, other))
    return found

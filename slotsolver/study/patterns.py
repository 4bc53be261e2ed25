"""An arrangement of cells, cut into units: which cell of a guest lies where, and how often so."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from slotsolver.study.arrange import Arrangement, Kind, Place

Pattern = dict[int, Place]
"""Where each cell of a guest lies, by its id."""

Deal = list[tuple[Place, int]]
"""Where a cell lies in how many of the units."""


def patterns(kinds: Sequence[Kind], found: Arrangement, guest: int) -> list[tuple[int, Pattern]]:
    """The ways in which a guest lies in the units, each with how many units have it."""
    together: dict[int, Deal] = {}
    apart: dict[int, Deal] = {}
    for kind, cells in zip(kinds, found.cells, strict=True):
        if kind.guest == guest:
            deals = _dealt(cells, len(kind.cells), found.units)
            (apart if kind.apart else together).update(zip(kind.cells, deals, strict=True))
    parts = [[(count, {cell: place}) for place, count in deal] for cell, deal in together.items()]
    parts.append(list(_matchings(apart, found.units)))
    return _overlaid([part for part in parts if part])


def _dealt(cells: dict[Place, int], parts: int, units: int) -> list[Deal]:
    """Cells of one kind as those of so many cells of a unit, each in all units."""
    dealt: list[Deal] = [[] for _ in range(parts)]
    part, room = 0, units
    for place in sorted(cells):
        left = cells[place]
        while left:
            here = min(left, room)
            dealt[part].append((place, here))
            left, room = left - here, room - here
            if not room:
                part, room = part + 1, units
    return dealt


def _overlaid(parts: Sequence[Sequence[tuple[int, Pattern]]]) -> list[tuple[int, Pattern]]:
    """Parts of a guest side by side: each says where some cells lie in all of the units."""
    found: list[tuple[int, Pattern]] = [*parts[0]]
    for part in parts[1:]:
        found = list(_side_by_side(found, part))
    return found


def _side_by_side(
    one: Sequence[tuple[int, Pattern]], other: Sequence[tuple[int, Pattern]]
) -> Iterator[tuple[int, Pattern]]:
    rest, more = list(reversed(one)), list(reversed(other))
    while rest and more:
        (left, mine), (right, theirs) = rest.pop(), more.pop()
        count = min(left, right)
        yield count, {**mine, **theirs}
        if left > count:
            rest.append((left - count, mine))
        if right > count:
            more.append((right - count, theirs))


def _matchings(deals: dict[int, Deal], units: int) -> Iterator[tuple[int, Pattern]]:
    """Cells of which no two may share a host node, cut into matchings of cells and nodes.

    Cells that stand for nothing fill up the nodes, so that every node has as many edges as there
    are units; then a perfect matching is left whatever matchings are taken away (König).
    """
    if not deals:
        return
    edges = _regular(deals, units)
    while units:
        match = _perfect(edges)
        chosen = {cell: max(edges[cell][node].items(), key=_most) for node, cell in match.items()}
        count = min(number for _, number in chosen.values())
        yield count, {cell: place for cell, (place, _) in chosen.items() if cell in deals}
        units -= count
        for node, cell in match.items():
            place, number = chosen[cell]
            edges[cell][node][place] = number - count
            if number == count:
                del edges[cell][node][place]
            if not edges[cell][node]:
                del edges[cell][node]


def _most(item: tuple[Place, int]) -> tuple[int, Place]:
    return item[1], item[0]


Edges = dict[int, dict[int, dict[Place, int]]]
"""By cell and host node: how often the cell lies at which place of the node."""


def _regular(deals: dict[int, Deal], units: int) -> Edges:
    edges: Edges = {}
    missing: dict[int, int] = {}
    for cell, deal in deals.items():
        edges[cell] = {}
        for place, count in deal:
            edges[cell].setdefault(place[0], {})[place] = count
            missing[place[0]] = missing.get(place[0], units) - count
    blank = {(node, 0): count for node, count in missing.items() if count}
    for number, deal in enumerate(_dealt(blank, len(missing) - len(deals), units), 1):
        edges[-number] = {place[0]: {place: count} for place, count in deal}
    return edges


def _perfect(edges: Edges) -> dict[int, int]:
    """A perfect matching, as the cell of each node, by augmenting paths."""
    found: dict[int, int] = {}

    def place(cell: int, seen: set[int]) -> bool:
        for node in edges[cell]:
            if node not in seen:
                seen.add(node)
                if node not in found or place(found[node], seen):
                    found[node] = cell
                    return True
        return False

    for cell in edges:
        if not place(cell, set()):
            raise AssertionError("a regular bipartite graph has a perfect matching")
    return found

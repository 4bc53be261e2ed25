"""Who is right: small exact methods that share nothing with slotsolver or with the peers.

Sizes and free memory are whole numbers of any one unit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence


def matching(cells: Sequence[int], free: Sequence[int]) -> list[int] | None:
    """A host node of its own for each cell, or ``None`` where there is no such placement.

    Kuhn's augmenting paths: a cell takes a node, or drives its present cell to another one."""
    owner: dict[int, int] = {}

    def takes(cell: int, seen: set[int]) -> bool:
        for node, room in enumerate(free):
            if room >= cells[cell] and node not in seen:
                seen.add(node)
                if node not in owner or takes(owner[node], seen):
                    owner[node] = cell
                    return True
        return False

    if not all(takes(cell, set()) for cell in range(len(cells))):
        return None
    node_of = {cell: node for node, cell in owner.items()}
    return [node_of[cell] for cell in range(len(cells))]


def packing(cells: Sequence[int], free: Sequence[int]) -> list[int] | None:
    """A host node for each cell, several may share one, or ``None`` where there is no placement.

    The largest cell first, on each node in turn; of nodes with equally much left only one is
    tried. Any used node can be changed for a larger unused one, so as many of the largest nodes as
    there are cells are enough."""
    order = sorted(range(len(cells)), key=lambda cell: -cells[cell])
    nodes = sorted(range(len(free)), key=lambda node: -free[node])[: len(cells)]
    left = {node: free[node] for node in nodes}
    found: dict[int, int] = {}

    def rest(place: int) -> bool:
        if place == len(order):
            return True
        size, tried = cells[order[place]], set[int]()
        for node in nodes:
            if left[node] < size or left[node] in tried:
                continue
            tried.add(left[node])
            left[node] -= size
            found[order[place]] = node
            if rest(place + 1):
                return True
            left[node] += size
        return False

    return [found[cell] for cell in range(len(cells))] if rest(0) else None


def holds(cells: Sequence[int], free: Sequence[int], nodes: Sequence[int], *, shared: bool) -> bool:
    """Whether the placement is one: every node has what its cells take, and is ``shared`` by
    several only where that is permitted."""
    taken = Counter[int]()
    for size, node in zip(cells, nodes, strict=True):
        taken[node] += size
    alone = shared or len(taken) == len(cells)
    return alone and all(size <= free[node] for node, size in taken.items())


def sums(sizes: Collection[int]) -> list[int]:
    """Every sum of some of the sizes, ascending; bit n of a number says that n is one."""
    bits = 1
    for size in sizes:
        bits |= bits << size
    return [n for n in range(bits.bit_length()) if bits >> n & 1]


def nearest(sizes: Collection[int], wanted: int) -> int:
    """How far the nearest sum of some of the sizes is from what is wanted."""
    return min(abs(total - wanted) for total in sums(sizes))


def below(sizes: Collection[int], wanted: int) -> int:
    """How far the largest sum of some of the sizes that is not above ``wanted`` is from it."""
    return min(wanted - total for total in sums(sizes) if total <= wanted)

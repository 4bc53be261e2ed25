"""Where cells lie: the depth-first search and the table of nested groups against every way."""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import product

import pytest

from slotsolver.direct import near
from slotsolver.direct.near import Search, Spot, node_classes
from slotsolver.direct.nests import Distances
from slotsolver.direct.rooms import Demand, Rooms, Undecided
from slotsolver.direct.wishes import Wish
from slotsolver.problem import Problem
from slotsolver.size import GiB, MiB

Cost = tuple[int, int, int]
Way = Callable[[Search], Spot | None]

PAGES = {"2 MiB": 2 * MiB, "1 GiB": GiB}


def drawn_rooms(drawn: random.Random, nodes: int) -> Rooms:
    """Pools of some GiB on each node, sometimes with headroom."""
    sizes = drawn.choice((("2 MiB",), ("1 GiB",), ("2 MiB", "1 GiB")))
    found = []
    for here in range(nodes):
        pools = {}
        for size in sizes:
            free = drawn.choice((0, 1, 1, 2, 3)) * GiB // PAGES[size]
            pools[size] = {"total": free + 1, "free": free}
        found.append({"id": 3 * here, "memory": "32 GiB", "pages": pools})
    policies = [{"kind": "headroom", "pages": 1, "page_size": sizes[-1]}]
    problem = Problem.model_validate(
        {
            "host": {"nodes": found},
            "guests": [{"name": "a", "cells": [{}], "target": f"{drawn.choice((1, 2))} GiB"}],
            "policies": policies if drawn.random() < 0.3 else [],
        }
    )
    assert problem.host is not None
    return Rooms(problem, problem.host)


def drawn_distances(drawn: random.Random, nodes: int) -> Distances:
    """Nodes equally far apart, in two levels, or anyhow; rarely nearer to others than to itself."""
    far = {(a, b): drawn.choice((11, 15, 20, 30)) for b in range(nodes) for a in range(b)}
    near_ones = {pair: 12 if pair[0] // 2 == pair[1] // 2 else 20 for pair in far}
    chosen = drawn.choice((far, far, near_ones, near_ones, dict.fromkeys(far, 20)))
    own = drawn.choice((10, 10, 10, 14))
    return tuple(
        tuple(own if a == b else chosen[min(a, b), max(a, b)] for b in range(nodes))
        for a in range(nodes)
    )


def drawn_wish(drawn: random.Random, rooms: Rooms, *, uniform: bool) -> Wish:
    """Up to five cells of up to three kinds; those of one kind have the same allowed nodes."""
    nodes = len(rooms.ids)
    cells = drawn.randint(1, 5 if nodes < 4 else 4)
    number = min(cells, drawn.choice((1, 1, 2, 3)))
    sizes = drawn.choices((512, 1024, 1024, 2048), k=number)
    usable = [size for size in rooms.page_sizes if size != 4096] or list(rooms.page_sizes)
    demands = tuple(
        rooms.demand(size, drawn.sample(usable, drawn.randint(1, len(usable)))) for size in sizes
    )
    kinds = tuple(sorted(drawn.randrange(number) for _ in range(cells)))
    allowed = [
        tuple(sorted(drawn.sample(range(nodes), drawn.randint(1, nodes))))
        if drawn.random() < 0.3
        else tuple(range(nodes))
        for _ in demands
    ]
    if not uniform:  # then cells cannot change places, and each is a kind of its own
        demands = tuple(demands[kind] for kind in kinds)
        allowed = [allowed[kind] for kind in kinds]
        kinds = tuple(range(cells))
    weight = drawn.choice((20, 20, 11, 0))
    pairs = {
        (a, b): weight if uniform else drawn.choice((0, 11, 20, 30))
        for b in range(cells)
        for a in range(b)
    }
    apart = tuple(
        tuple(pairs.get((min(a, b), max(a, b)), 0) for b in range(cells)) for a in range(cells)
    )
    return Wish(demands, kinds, tuple(allowed[k] for k in kinds), apart, drawn.random() < 0.15)


def by_all_ways(wish: Wish, rooms: Rooms, far: Distances) -> Cost | None:
    """The lexicographically least of every node and every page size for every cell."""
    best: Cost | None = None
    left = [list(room) for room in rooms.rooms]
    chosen: list[int] = []

    def put(distance: int, pages: int) -> None:
        nonlocal best
        cell = len(chosen)
        if cell == len(wish.kinds):
            cost = (distance, pages, _stranded(rooms, left))
            best = cost if best is None or cost < best else best
            return
        demand = wish.demands[wish.kinds[cell]]
        for node, (size, need) in product(wish.nodes[cell], enumerate(demand.granules)):
            if need is None or need > left[node][size] or (wish.distinct and node in chosen):
                continue
            more = sum(wish.apart[cell][n] * far[node][there] for n, there in enumerate(chosen))
            left[node][size] -= need
            chosen.append(node)
            put(distance + more, pages + demand.pages[size])
            chosen.pop()
            left[node][size] += need

    put(0, 0)
    return best


def _stranded(rooms: Rooms, left: list[list[int]]) -> int:
    """Bytes in pools in which no whole piece is free, what headroom keeps counted as free."""
    found = 0
    for room, held in zip(left, rooms.held, strict=True):
        for free, kept, grain in zip(room, held, rooms.grains, strict=True):
            bytes_free = (free + kept) * grain
            if bytes_free < rooms.piece:
                found += bytes_free
    return found


def depth_first(search: Search) -> Spot | None:
    """The search alone, with all the steps that it may want."""
    search.limit = 1 << 30
    search._go(0, 0)
    return search.best


def by_nests(search: Search) -> Spot | None:
    """The table alone; the search where there are no levels or guest distances differ."""
    nest = near.nest_of(search.far)
    if nest is None or not search.even:
        return depth_first(search)
    return search._by_groups(nest)


def usual(search: Search) -> Spot | None:
    """Whatever it chooses itself."""
    return search.run()


def agree(seed: int, way: Way, *, uniform: bool) -> bool:
    """Whether there is a place; it is the best one, no better than the bound with which the search
    may end at once, and the spot is what it says."""
    drawn = random.Random(seed)  # noqa: S311 - a problem to be solved, no secret
    rooms = drawn_rooms(drawn, drawn.randint(1, 4))
    far = drawn_distances(drawn, len(rooms.ids))
    wish = drawn_wish(drawn, rooms, uniform=uniform)
    expected = by_all_ways(wish, rooms, far)
    search = Search(wish, rooms, rooms.rooms, far)
    spot = way(search)
    assert (None if spot is None else spot.cost) == expected, seed
    if spot is not None:
        assert all(map(int.__le__, search.floor, spot.cost)), seed
        judge(spot, wish, rooms, far)
    return spot is not None


def judge(spot: Spot, wish: Wish, rooms: Rooms, far: Distances) -> None:
    """The nodes and mixes of a spot come to its cost."""
    cells = range(len(wish.kinds))
    assert all(spot.nodes[cell] in wish.nodes[cell] for cell in cells)
    assert not wish.distinct or len(set(spot.nodes)) == len(spot.nodes)
    distance = sum(
        wish.apart[a][b] * far[spot.nodes[a]][spot.nodes[b]] for b in cells for a in range(b)
    )
    assert distance == spot.cost[0]
    assert set(spot.mixes) == set(spot.nodes)
    left, pages = [list(room) for room in rooms.rooms], 0
    for node, mix in spot.mixes.items():
        for kind, split in enumerate(mix.given):
            here = zip(spot.nodes, wish.kinds, strict=True)
            assert sum(split) == sum(pair == (node, kind) for pair in here)
            for size, count in enumerate(split):
                need = wish.demands[kind].granules[size]
                assert not count or need is not None
                left[node][size] -= count * (need or 0)
                pages += count * wish.demands[kind].pages[size]
        assert tuple(left[node]) == mix.left
    assert min(free for room in left for free in room) >= 0
    assert (pages, _stranded(rooms, left)) == spot.cost[1:]


@pytest.mark.parametrize("way", [depth_first, by_nests, usual])
def test_nothing_is_nearer_for_cells_equally_far_apart(way: Way) -> None:
    """Every way to search finds the best place, and none exactly where there is none."""
    found = [agree(seed, way, uniform=True) for seed in range(250)]
    assert 80 < sum(found) < 240


@pytest.mark.parametrize("way", [depth_first, usual])
def test_nothing_is_nearer_whatever_the_guests_distances(way: Way) -> None:
    """The same where some cells are farther apart than others, 0 among the distances."""
    found = [agree(seed, way, uniform=False) for seed in range(1000, 1100)]
    assert 30 < sum(found) < 95


@pytest.mark.exhaustive
@pytest.mark.parametrize("uniform", [True, False])
@pytest.mark.parametrize("way", [depth_first, by_nests, usual])
def test_nothing_is_nearer_exhaustively(way: Way, uniform: bool) -> None:
    """Thousands of them."""
    assert sum(agree(seed, way, uniform=uniform) for seed in range(10_000, 14_000)) > 1000


def test_length_and_table_are_both_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    """A search of few steps asks the table, or goes on at length, and the answer is the same."""
    monkeypatch.setattr(near, "FEW_STEPS", -10)
    found = [agree(seed, usual, uniform=True) for seed in range(250)]
    monkeypatch.setattr(near, "MOST_COUNTS", 0)
    assert found == [agree(seed, usual, uniform=True) for seed in range(250)]


def _fleet(cells: int, kinds: int, cpus: list[list[int]]) -> tuple[Wish, Rooms, Distances]:
    """Equal cells on nodes, the pools of which hold fewer and fewer of them."""
    nodes = [
        {"id": n, "memory": "999 GiB", "pages": {"2 MiB": {"total": 512 * (20 - n)}}}
        for n in range(len(cpus))
    ]
    guest = {"name": "a", "cells": [{}], "target": "512 MiB"}
    problem = Problem.model_validate({"host": {"nodes": nodes}, "guests": [guest]})
    assert problem.host is not None
    rooms = Rooms(problem, problem.host)
    demands = tuple(rooms.demand(512 << kind, (2 * MiB,)) for kind in reversed(range(kinds)))
    apart = tuple(tuple(20 * (a != b) for b in range(cells)) for a in range(cells))
    of_kind = tuple(min(n, kinds - 1) for n in range(cells))
    everywhere = tuple(range(len(cpus)))
    wish = Wish(demands, of_kind, (everywhere,) * cells, apart, distinct=False)
    return wish, rooms, tuple(map(tuple, cpus))


@pytest.mark.parametrize("cells", [12, 127, 128])
def test_the_table_holds_as_many_cells_as_a_guest_may_have(cells: int) -> None:
    """Up to 128 cells of one kind in pairs of pairs of nodes: the fullest nodes, nearest first."""
    levels = [[_level(a, b) for b in range(8)] for a in range(8)]
    wish, rooms, far = _fleet(cells, 1, levels)
    spot = by_nests(Search(wish, rooms, rooms.rooms, far))
    assert spot is not None
    judge(spot, wish, rooms, far)
    capacity = [2 * (20 - node) for node in range(8)]
    assert spot.cost[0] == 20 * _least_of_counts(cells, capacity, far)


def _level(one: int, other: int) -> int:
    if one == other:
        return 10
    return 12 if one // 2 == other // 2 else 20 if one // 4 == other // 4 else 30


def _least_of_counts(cells: int, capacity: list[int], far: Distances) -> int:
    """The least distance of so many equal cells, group by group of 1, 2, 4, 8 nodes."""
    tables = [
        [far[n][n] * k * (k - 1) // 2 for k in range(min(most, cells) + 1)]
        for n, most in enumerate(capacity)
    ]
    width = 1
    while len(tables) > 1:
        between = far[0][width]
        tables = [
            _merged(tables[n], tables[n + 1], between, cells) for n in range(0, len(tables), 2)
        ]
        width *= 2
    return tables[0][cells]


def _merged(one: list[int], other: list[int], between: int, most: int) -> list[int]:
    found = [1 << 60] * min(most + 1, len(one) + len(other) - 1)
    for a, left in enumerate(one):
        for b, right in enumerate(other):
            if a + b < len(found):
                found[a + b] = min(found[a + b], left + right + between * a * b)
    return found


def test_too_long_a_search_is_left_undecided(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no levels help and steps run out it says so, and never that there is no place."""
    monkeypatch.setattr(near, "FEW_STEPS", -3)
    monkeypatch.setattr(near, "MOST_STEPS", 1)
    far = [[10, 11, 20, 30], [11, 10, 12, 20], [20, 12, 10, 15], [30, 20, 15, 10]]
    wish, rooms, table = _fleet(6, 2, far)
    with pytest.raises(Undecided):
        Search(wish, rooms, rooms.rooms, table).run()


@pytest.mark.parametrize("seed", range(40))
def test_node_classes_can_change_places(seed: int) -> None:
    """Two nodes are of one class exactly where swapping them changes no distance."""
    drawn = random.Random(seed)  # noqa: S311 - a problem to be solved, no secret
    nodes = drawn.randint(1, 5)
    far = drawn_distances(drawn, nodes)
    classes = node_classes(far)
    for one in range(nodes):
        for other in range(nodes):
            swap = {one: other, other: one}
            alike = all(
                far[swap.get(a, a)][swap.get(b, b)] == far[a][b]
                for a in range(nodes)
                for b in range(nodes)
            )
            assert (classes[one] == classes[other]) == alike


def test_demand_counts_whole_pages() -> None:
    """Memory is rounded up to pages, and what a cell cannot have takes nothing."""
    drawn = random.Random(3)  # noqa: S311 - a problem to be solved, no secret
    rooms = drawn_rooms(drawn, 1)
    demand = rooms.demand(1025, rooms.page_sizes[-1:])
    size = rooms.page_sizes[-1]
    assert demand == Demand(
        (*[None] * (len(rooms.page_sizes) - 1), -(-1025 * MiB // size)),
        tuple(-(-1025 * MiB // page) for page in rooms.page_sizes),
    )

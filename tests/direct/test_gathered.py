"""Several guests on one host against every way to place all their cells."""

from __future__ import annotations

import random

from slotsolver.direct.answer import _one_by_one
from slotsolver.direct.gathered import Gathering
from slotsolver.direct.near import Spot
from slotsolver.direct.rooms import Rooms, Undecided
from slotsolver.direct.wishes import OrderedWish, Wish
from tests.direct.test_near import by_all_ways, drawn_distances, drawn_rooms, drawn_wish

MOST_CELLS = 5


def drawn_guests(drawn: random.Random, rooms: Rooms) -> list[Wish]:
    """Guests of up to five cells together, often two or more of the same kind."""
    wishes: list[Wish] = []
    while sum(len(wish.kinds) for wish in wishes) < MOST_CELLS:
        again = bool(wishes) and drawn.random() < 0.5
        wish = drawn.choice(wishes) if again else drawn_wish(drawn, rooms, uniform=True)
        if sum(len(other.kinds) for other in (*wishes, wish)) > MOST_CELLS:
            break
        wishes.append(wish)
    return wishes


def together(wishes: list[Wish]) -> Wish:
    """All of them as one guest whose cells are 0 apart where they were of different guests."""
    demands = tuple(wish.demands[kind] for wish in wishes for kind in wish.kinds)
    owners = [number for number, wish in enumerate(wishes) for _ in wish.kinds]
    first = [owners.index(owner) for owner in owners]
    apart = tuple(
        tuple(
            wishes[mine].apart[a - first[a]][b - first[b]] if mine == owners[b] else 0
            for b in range(len(owners))
        )
        for a, mine in enumerate(owners)
    )
    nodes = tuple(allowed for wish in wishes for allowed in wish.nodes)
    return Wish(demands, tuple(range(len(owners))), nodes, apart, False)


def cost(spots: list[Spot] | None) -> tuple[int, int, int] | None:
    """What all of them come to."""
    if spots is None:
        return None
    distance = sum(spot.cost[0] for spot in spots)
    return distance, sum(spot.cost[1] for spot in spots), spots[-1].cost[2]


def test_nothing_is_better_than_what_is_found() -> None:
    """One by one, and by the table: what either finds is the least of all ways."""
    found = {"one by one": 0, "table": 0, "table alone": 0}
    for seed in range(500):
        drawn = random.Random(seed)  # noqa: S311 - cases to be tried, no secret
        rooms = drawn_rooms(drawn, drawn.randint(1, 3))
        wishes = drawn_guests(drawn, rooms)
        if len(wishes) < 2 or any(wish.distinct for wish in wishes):
            continue
        far = drawn_distances(drawn, len(rooms.ids))
        best = by_all_ways(together(wishes), rooms, far)
        ordered = [OrderedWish(wish, tuple(range(len(wish.kinds)))) for wish in wishes]
        try:
            one_by_one = cost(_one_by_one(rooms, ordered, far))
            table = cost(Gathering(rooms, wishes, far).spots())
        except Undecided:
            continue
        assert one_by_one in (None, best), seed
        assert table in (None, best), seed
        found["one by one"] += one_by_one is not None
        found["table"] += table is not None
        found["table alone"] += table is not None and one_by_one is None
    assert all(number > 5 for number in found.values()), found

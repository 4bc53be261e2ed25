"""The answer without a search: sizes, then places, each at a bound that nothing can be below."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from slotsolver.cell_facts import Backing
from slotsolver.direct.gathered import Gathering
from slotsolver.direct.near import Search, Spot
from slotsolver.direct.nests import Distances
from slotsolver.direct.obeyed import obeys
from slotsolver.direct.rooms import Rooms, Undecided
from slotsolver.direct.scope import understood
from slotsolver.direct.sizing import GuestSizing, size_up
from slotsolver.direct.uneven import uneven
from slotsolver.direct.wishes import OrderedWish, Wish, distances, wish_of
from slotsolver.facts import GuestFacts
from slotsolver.fields import made
from slotsolver.layout import CellLayout, GuestLayout, NewDimm
from slotsolver.objectives.finest_step import FinestStep
from slotsolver.plan import ObjectiveValue
from slotsolver.policies import Objective
from slotsolver.problem import Problem
from slotsolver.size import MiB, granule
from slotsolver.solution import Solution


def answer(
    problem: Problem, facts: Sequence[GuestFacts], objectives: Sequence[Objective]
) -> Solution | None:
    """The best solution, proven, where closed forms find it; ``None`` where the search has to.

    Every value that it has is a bound too: of sizes by :mod:`slotsolver.direct.sizing`, of places
    because each guest lies as it would lie alone on the host.
    """
    if not understood(problem, facts, objectives):
        return None
    fine = next((o for o in objectives if isinstance(o, FinestStep)), None)
    floors = [fine.floor(guest.default_step) if fine else None for guest in facts]
    found = _evenly(problem, facts, floors)
    if found is None and len(facts) == 1 and problem.host is not None:
        found = _unevenly(problem, facts[0], floors[0])
    if found is None:
        return None
    values = _values(*found)
    return Solution(
        layouts=found[1].layouts,
        values=tuple(
            made(
                ObjectiveValue,
                {
                    "kind": objective.kind,
                    "value": values[objective.kind] * objective.scale,
                    "bound": values[objective.kind] * objective.scale,
                    "unit": objective.unit,
                },
            )
            for objective in objectives
        ),
        proven=True,
    )


@dataclass(frozen=True)
class Placed:
    """Layouts of all guests, and what their places come to: distance, pages, bytes stranded."""

    layouts: tuple[GuestLayout, ...]
    cost: tuple[int, int, int]


def _evenly(
    problem: Problem, facts: Sequence[GuestFacts], floors: Sequence[int | None]
) -> tuple[list[GuestSizing], Placed] | None:
    """The best sizes of every guest by itself, and the best places for them."""
    sized = []
    for guest, floor in zip(facts, floors, strict=True):
        own = size_up(guest, floor)
        if own is None or not obeys(own):
            return None
        sized.append(own)
    placed = _placed(problem, sized)
    return None if placed is None else (sized, placed)


def _unevenly(
    problem: Problem, facts: GuestFacts, floor: int | None
) -> tuple[list[GuestSizing], Placed] | None:
    """The best one of all choices of sizes that are as even as the host has room for."""
    assert problem.host is not None  # noqa: S101 - asked for with a host only
    try:
        choices = uneven(Rooms(problem, problem.host), facts, floor)
    except Undecided:
        return None
    costs = [(0 if floor is None else own.step, own.slots) for own in choices]
    best: tuple[GuestSizing, Placed] | None = None
    for own, cost in zip(choices, costs, strict=True):
        if cost != min(costs):
            continue
        placed = _placed(problem, [own]) if obeys(own) else None
        if placed is None:
            return None
        if best is None or placed.cost < best[1].cost:
            best = (own, placed)
    return None if best is None else ([best[0]], best[1])


def _placed(problem: Problem, sized: Sequence[GuestSizing]) -> Placed | None:
    if problem.host is None:
        return _placed_nowhere(sized)
    rooms = Rooms(problem, problem.host)
    wishes = [
        wish_of(rooms, own.facts, [(cell.reserved, cell.ways) for cell in own.cells])
        for own in sized
    ]
    try:
        spots = _spots(rooms, wishes, distances(problem.host))
    except Undecided:
        return None
    if spots is None:
        return None
    layouts = tuple(
        _layout(own, _backings(rooms, wish, spot))
        for own, wish, spot in zip(sized, wishes, spots, strict=True)
    )
    distance = sum(spot.cost[0] for spot in spots)
    return Placed(layouts, (distance, sum(spot.cost[1] for spot in spots), spots[-1].cost[2]))


def _placed_nowhere(sized: Sequence[GuestSizing]) -> Placed:
    """Without a host each cell has the largest pages that it can have."""
    pages = 0
    layouts = []
    for own in sized:
        backings = []
        for cell in own.cells:
            page = max(cell.ways)
            grain = granule(page) * MiB
            pages += -(-cell.reserved * MiB // grain) * (grain // page)
            backings.append(Backing(page, page, ()))
        layouts.append(_layout(own, backings))
    return Placed(tuple(layouts), (0, pages, 0))


def _spots(rooms: Rooms, wishes: Sequence[OrderedWish], far: Distances) -> list[Spot] | None:
    """Where each guest lies.

    A single guest is placed as well as can be. Several ones are placed one after the other: each
    has a distance, and with that pages, below which it could not be on an empty host; where all
    have these, and no more is stranded than whatever is done, nothing is better. Where that fails,
    a table says whether each can have a node that holds all of it, and how that is best.
    """
    if len(wishes) == 1:
        spot = Search(wishes[0].wish, rooms, rooms.rooms, far).run()
        return None if spot is None else [spot]
    found = _one_by_one(rooms, wishes, far)
    return found or Gathering(rooms, [ordered.wish for ordered in wishes], far).spots()


def _one_by_one(rooms: Rooms, wishes: Sequence[OrderedWish], far: Distances) -> list[Spot] | None:
    """Each guest on what those before it left; ``None`` where that is not certainly the best."""
    first = list(rooms.rooms)
    alone: dict[Wish, tuple[int, int]] = {}
    now, spots = list(first), []
    for ordered in wishes:
        wish = ordered.wish
        if wish not in alone:
            best = Search(wish, rooms, first, far).run()
            if best is None:
                return None
            alone[wish] = best.cost[:2]
        spot = Search(wish, rooms, now, far).run()
        if spot is None or spot.cost[:2] != alone[wish]:
            return None
        for node, mix in spot.mixes.items():
            now[node] = mix.left
        spots.append(spot)
    every = [demand for wish in alone for demand in wish.demands]
    least = sum(rooms.untouchable(n, room, every) for n, room in enumerate(first))
    return spots if spots[-1].cost[2] == least else None


def _backings(rooms: Rooms, ordered: OrderedWish, spot: Spot) -> list[Backing]:
    """The backing of each cell, by its id: on each node the first cells have the finest pages."""
    left = {
        (node, kind, place): count
        for node, mix in spot.mixes.items()
        for kind, split in enumerate(mix.given)
        for place, count in enumerate(split)
    }
    found: dict[int, Backing] = {}
    for cell, kind, node in zip(ordered.ids, ordered.wish.kinds, spot.nodes, strict=True):
        place = next(p for p in range(len(rooms.page_sizes)) if left.get((node, kind, p)))
        left[node, kind, place] -= 1
        page = rooms.page_sizes[place]
        found[cell] = Backing(page, page, (rooms.ids[node],))
    return [found[cell] for cell in sorted(found)]


def _layout(sized: GuestSizing, backings: Sequence[Backing]) -> GuestLayout:
    cells = tuple(
        CellLayout(
            boot=cell.ways[backing.page].boot,
            totals=(cell.ways[backing.page].boot, *cell.totals[1:]),
            backing=backing,
            dimms=tuple(NewDimm(*dimm, backing.nodes) for dimm in cell.ways[backing.page].dimms),
        )
        for cell, backing in zip(sized.cells, backings, strict=True)
    )
    return GuestLayout(sized.facts, cells)


def _values(sized: Sequence[GuestSizing], placed: Placed) -> dict[str, int]:
    """The value of each objective, in the units of the model."""
    return {
        "least-imbalance": sum(own.imbalance for own in sized),
        "finest-step": sum(own.step for own in sized),
        "fewest-slots": sum(own.slots for own in sized),
        "shortest-distance": placed.cost[0],
        "largest-pages": placed.cost[1],
        "least-stranding": placed.cost[2],
        "lowest-maxmem": sum(cell.totals[-1] for own in sized for cell in own.cells),
    }

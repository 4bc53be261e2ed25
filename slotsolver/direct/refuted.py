"""Problems without a plan for reasons that sums show: too few slots, too little room."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from slotsolver.always import most_slots, states_too_many
from slotsolver.bounds import ENDLESS
from slotsolver.constraints.balance import Balance
from slotsolver.direct.near import Search
from slotsolver.direct.rooms import Rooms, Undecided
from slotsolver.direct.scope import is_plain
from slotsolver.direct.wishes import distances, keeps_apart, wish_of
from slotsolver.facts import GuestFacts
from slotsolver.problem import Problem
from slotsolver.size import MiB


def refuted(problem: Problem, facts: Sequence[GuestFacts]) -> bool:
    """Whether sums show that there is no plan. Rules that are not counted only forbid more."""
    if not all(map(is_plain, facts)):
        return False
    if any(map(_lacks_slots, facts)):
        return True
    if problem.host is None:
        return False
    rooms = Rooms(problem, problem.host)
    return _lacks_memory(rooms, facts) or any(_fits_nowhere(rooms, guest) for guest in facts)


def _lacks_slots(facts: GuestFacts) -> bool:
    """Whether the growth between its stages takes more slots than there may be, even by the largest
    DIMMs there may be."""
    limit = most_slots(facts)
    if states_too_many(facts, limit, facts.boot_at_most):
        return True
    sizes = [stage.memory for stage in facts.stages if stage.memory is not None]
    needed = 0
    for before, after in pairwise(sizes):
        largest = max(cell.largest_up_to(after - before, cell.unit) for cell in facts.cells)
        if after > before and not largest:
            return True
        needed += -(-(after - before) // largest) if largest else 0
    return max(needed, _fewest_if_balanced(facts)) > limit


def _fewest_if_balanced(facts: GuestFacts) -> int:
    """The DIMMs that all cells take at least where balance holds each near its share; 0 without."""
    needed = 0
    for cell in facts.cells:
        for place in range(len(facts.stages) - 1):
            most, least = _most(facts, cell.id, place), _least(facts, cell.id, place + 1)
            if most is not None and least > most:
                largest = cell.largest_up_to(facts.stages[place + 1].memory or 0, cell.unit)
                needed += -(-(least - most) // largest) if largest else ENDLESS
    return needed


def _lacks_memory(rooms: Rooms, facts: Sequence[GuestFacts]) -> bool:
    """Whether the guests need more than the largest pools hold, as many pools as there are cells: a
    cell takes from one only. Of cells on distinct nodes no two pools of a node count."""
    needed, cells = 0, 0
    pools = sorted((own for node in _pools(rooms, facts) for own in node), reverse=True)
    for guest in facts:
        memory = _reserved(guest)
        needed, cells = needed + memory, cells + len(guest.cells)
        if not keeps_apart(guest):
            continue
        best = sorted((max(node, default=0) for node in _pools(rooms, [guest])), reverse=True)
        usable = sum(most > 0 for most in best)
        if usable < len(guest.cells) or memory > sum(best[: len(guest.cells)]):
            return True
    return needed > sum(pools[:cells])


def _reserved(facts: GuestFacts) -> int:
    """What a guest must have pages for (MiB), at least."""
    stages = {facts.reserve_stage(cell) for cell in facts.cells}
    return min(facts.stages[stage].memory or 0 for stage in stages)


def _pools(rooms: Rooms, facts: Sequence[GuestFacts]) -> Iterator[list[int]]:
    """For each node what its pools hold (MiB) that any of the cells may take from."""
    for place, node in enumerate(rooms.ids):
        pages = {
            page
            for guest in facts
            for cell in guest.cells
            if any(node in nodes for nodes in cell.nodes)
            for page in cell.pages
        }
        yield [
            free * grain // MiB
            for size, free, grain in zip(
                rooms.page_sizes, rooms.rooms[place], rooms.grains, strict=True
            )
            if size in pages
        ]


def _fits_nowhere(rooms: Rooms, facts: GuestFacts) -> bool:
    """Whether a guest fits nowhere with what each cell must have pages for at least."""
    least = [_least(facts, cell.id, facts.reserve_stage(cell)) for cell in facts.cells]
    needs = [(memory, cell.pages) for memory, cell in zip(least, facts.cells, strict=True)]
    wish = wish_of(rooms, facts, needs).wish
    try:
        return not Search(wish, rooms, rooms.rooms, distances(rooms.host)).fits()
    except Undecided:
        return False


def _least(facts: GuestFacts, cell: int, place: int) -> int:
    """The least that a cell has at a stage (MiB)."""
    known = _known(facts, cell, place)
    if known is not None:
        return known
    near = _share(facts, place)
    balanced = 0 if near is None else near[0] - near[1] + 1
    return max(1, facts.cells[cell].boot or 0, balanced)


def _most(facts: GuestFacts, cell: int, place: int) -> int | None:
    """The most that a cell has at a stage (MiB), where it is known or near its share."""
    known = _known(facts, cell, place)
    near = _share(facts, place)
    if known is not None or near is None:
        return known
    return near[0] + near[1]


def _known(facts: GuestFacts, cell: int, place: int) -> int | None:
    """What a cell has at a stage (MiB), where that does not depend on a choice."""
    stage = facts.stages[place]
    if place == 0 and facts.cells[cell].boot is not None:
        return facts.cells[cell].boot
    if stage.cells is not None:
        return stage.cells[cell]
    return stage.memory if len(facts.cells) == 1 else None


def _share(facts: GuestFacts, place: int) -> tuple[int, int] | None:
    """The share of each cell at a stage from the target on, rounded down, and by less than how much
    it may be off; ``None`` where no balance policy about equal shares of all cells holds it there.
    """
    stage = facts.stages[place]
    holds = any(
        isinstance(p, Balance) and p.by == "equal" and p.tolerance is None and p.cells is None
        for p in facts.policies
    )
    if not holds or stage.memory is None or stage.cells is not None or place < facts.target_stage:
        return None
    return stage.memory // len(facts.cells), max(cell.largest_unit for cell in facts.cells)

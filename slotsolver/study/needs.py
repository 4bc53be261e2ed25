"""What the cells of a unit need of a host's pools: as a plan has it, and at least."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from slotsolver.cell_facts import CellFacts
from slotsolver.constraints.balance import Balance
from slotsolver.constraints.host_nodes import HostNodes
from slotsolver.direct.scope import is_plain
from slotsolver.facts import GuestFacts
from slotsolver.layout import GuestLayout
from slotsolver.size import MiB, granule
from slotsolver.study.arrange import Kind, Place, most_apart
from slotsolver.study.copies import Pages


@dataclass(frozen=True)
class Span:
    """The least and the most that a cell has (MiB) at the stage for which pages are kept."""

    least: int
    most: int


def kinds_of(layouts: Sequence[GuestLayout], room: Pages) -> list[Kind] | None:
    """The cells of a plan's guests by what they need at each place where they may lie with the
    totals that the plan gives them; ``None`` where that is not all there is to say about them."""
    found: list[Kind] = []
    for place, layout in enumerate(layouts):
        facts = layout.facts
        apart = cells_apart(facts)
        if not is_plain(facts) or apart is None:
            return None
        groups: dict[object, list[int]] = {}
        for cell, planned in zip(facts.cells, layout.cells, strict=True):
            total = planned.totals[facts.reserve_stage(cell)]
            key = (total, cell.boot, cell.pages, cell.nodes, cell.id in apart)
            groups.setdefault(key, []).append(cell.id)
        for cells in groups.values():
            first = cells[0]
            total = layout.cells[first].totals[facts.reserve_stage(facts.cells[first])]
            needs = dict(_needs(facts.cells[first], total, room))
            found.append(Kind(place, tuple(cells), needs, first in apart))
    return found


def _needs(cell: CellFacts, total: int, room: Pages) -> Iterator[tuple[Place, int]]:
    """Pages that a cell with that total (MiB) takes at each place where it may lie."""
    nodes = {node for nodes in cell.nodes for node in nodes}
    for node, page in room:
        if node in nodes and page in cell.pages and _is_whole(cell, total, page):
            yield (node, page), -(-total // granule(page)) * granule(page) * MiB // page


def _is_whole(cell: CellFacts, total: int, page: int) -> bool:
    """Whether a total (MiB) can be made of pages of that size: boot memory is whole pages, and
    growth comes in units."""
    if cell.boot is None:
        return total % granule(page) == 0
    return (total - cell.boot) % cell.unit_for(page, min(cell.blocks)) == 0


def cells_apart(facts: GuestFacts) -> tuple[int, ...] | None:
    """The cells of which no two may share a host node; ``None`` where there are several such sets,
    which is more than one matching can say."""
    rules = (p for p in facts.policies if isinstance(p, HostNodes) and p.distinct)
    sets = {rule.concerned_cells(facts.guest) for rule in rules}
    return None if len(sets) > 1 else next(iter(sets), ())


def are_known(facts: Sequence[GuestFacts]) -> bool:
    """Whether every plan gives every cell the same total at the stage for which pages are kept."""
    return all(
        is_plain(guest) and all(span.least == span.most for span in spans(guest)) for guest in facts
    )


def spans(facts: GuestFacts, page: int | None = None) -> list[Span]:
    """What each cell of a plain guest may have at the stage for which its pages are kept, on pages
    of any size or of one (bytes)."""
    return [_span(facts, cell, facts.reserve_stage(cell), page) for cell in facts.cells]


def _span(facts: GuestFacts, cell: CellFacts, place: int, page: int | None) -> Span:
    """What a cell may have at a stage: what the others leave it, whatever pages they have."""
    own = [_alone(facts, other, place, None) for other in facts.cells]
    mine, memory = _alone(facts, cell, place, page), facts.stages[place].memory or 0
    others = [span for number, span in enumerate(own) if number != cell.id]
    least = max(mine.least, memory - sum(span.most for span in others))
    most = min(mine.most, memory - sum(span.least for span in others))
    return Span(least, most)


def _alone(facts: GuestFacts, cell: CellFacts, place: int, page: int | None) -> Span:
    """What a cell may have at a stage, by what is said of it alone."""
    stage = facts.stages[place]
    if stage.cells is not None:
        return Span(stage.cells[cell.id], stage.cells[cell.id])
    least, most = max(1, cell.boot or 0), stage.memory or 0
    for rule in facts.policies:
        if isinstance(rule, Balance) and cell in facts.cells_of(rule):
            unit = cell.largest_unit if page is None else cell.unit_for(page, max(cell.blocks))
            near = _near_share(facts, rule, cell, stage.memory or 0, unit)
            least, most = max(least, near.least), min(most, near.most)
    if cell.boot is not None:  # growth comes in units
        least = cell.boot - (cell.boot - least) // cell.unit * cell.unit
        most = cell.boot + (most - cell.boot) // cell.unit * cell.unit
    return Span(least, most)


def _near_share(facts: GuestFacts, rule: Balance, cell: CellFacts, memory: int, unit: int) -> Span:
    """What balance leaves a cell of so much memory of its guest, in units (all MiB)."""
    shares = rule.shares(facts.guest)
    whole, mine = sum(shares), shares[cell.id] * memory
    off = whole * unit - 1
    if rule.tolerance is not None:
        off = whole * rule.tolerance // MiB
    return Span(-((off - mine) // whole), (mine + off) // whole)


def ceiling(facts: Sequence[GuestFacts], room: Pages) -> int:
    """A number of units above which there is too little memory in any case."""
    holds = {place: pages * place[1] // MiB for place, pages in room.items()}
    most = sum(holds.values()) // sum(reserved(guest) for guest in facts)
    for guest in facts:
        if is_plain(guest):
            most = min(most, _most_of(guest, holds))
    return most


def reserved(facts: GuestFacts) -> int:
    """What a guest must have pages for (MiB), at least."""
    stages = {facts.reserve_stage(cell) for cell in facts.cells}
    return min(facts.stages[stage].memory or 0 for stage in stages)


def _most_of(facts: GuestFacts, holds: Pages) -> int:
    """How many of one plain guest fit at most: each cell has at least its least on pages and nodes
    of which any cell may have some, and of cells that are apart each node holds one of each unit.
    """
    usable: dict[int, int] = {}
    counts: dict[int, int] = {}
    cells, known = len(facts.cells), spans(facts)
    most = max(span.most for span in known)
    least = {page: min(span.least for span in spans(facts, page)) for _, page in holds}
    for place, memory in holds.items():
        mine = (c for c in facts.cells if (place[0],) in c.nodes and place[1] in c.pages)
        if any(mine):
            need = -(-least[place[1]] // granule(place[1])) * granule(place[1])
            usable[place[0]] = usable.get(place[0], 0) + memory
            counts[place[0]] = counts.get(place[0], 0) + memory // need
    total = reserved(facts)
    if set(cells_apart(facts) or ()) != set(range(cells)):
        return min(sum(usable.values()) // total, sum(counts.values()) // cells)
    low, high = 0, min(sum(usable.values()) // total, most_apart([*counts.values()], cells))
    while low < high:  # what nodes give grows ever slower with the number of units
        units = (low + high + 1) // 2
        if sum(min(memory, units * most) for memory in usable.values()) >= units * total:
            low = units
        else:
            high = units - 1
    return low

"""How many equal units fit, and where their cells lie, where it is known what each cell needs.

What counts is how many cells of a kind lie at each place (a pool of a host node). For one kind of
cells that is a closed form: VMCAP's where no two cells of a guest share a node (arXiv 2604.15033),
a quotient else. For several it is an integer program whose size does not depend on the number of
units. :mod:`slotsolver.study.patterns` cuts what comes out into units.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from slotsolver.clock import Clock
from slotsolver.study.copies import Pages

if TYPE_CHECKING:
    from ortools.sat.python import cp_model

Place = tuple[int, int]
"""A pool: id of the host node, page size (bytes)."""


@dataclass(frozen=True)
class Kind:
    """Cells of one guest (its place in the problem) that need the same: pages at each place where
    they may lie. Of those that are ``apart`` no two lie on one host node."""

    guest: int
    cells: tuple[int, ...]
    needs: dict[Place, int]
    apart: bool


@dataclass(frozen=True)
class Arrangement:
    """So many units, for each kind how many of their cells lie at each place, and the most units
    that there can be."""

    units: int
    cells: tuple[dict[Place, int], ...]
    most: int


def arrange(kinds: Sequence[Kind], room: Pages, clock: Clock) -> Arrangement:
    """The most units whose cells fit into a room."""
    if len(kinds) == 1:
        return _one_kind(kinds[0], room)
    return _several_kinds(kinds, room, clock)


def most_apart(holds: Sequence[int], cells: int) -> int:
    """How many guests of so many equal cells fit on nodes that hold so many of these each, no two
    cells of a guest on one: the fewest that all nodes but the r largest could pay for, if those
    paid for one cell of each guest."""
    left = sorted(holds, reverse=True)
    return min(sum(left[r:]) // (cells - r) for r in range(cells))


def _one_kind(kind: Kind, room: Pages) -> Arrangement:
    holds = {place: room[place] // need for place, need in kind.needs.items()}
    nodes: dict[int, int] = {}
    for (node, _), count in holds.items():
        nodes[node] = nodes.get(node, 0) + count
    cells = len(kind.cells)
    units = most_apart([*nodes.values()], cells) if kind.apart else sum(nodes.values()) // cells
    left = {node: min(count, units) if kind.apart else count for node, count in nodes.items()}
    missing, found = units * cells, dict[Place, int]()
    for place in sorted(holds, key=lambda place: (-place[1], place[0])):  # largest pages first
        here = min(holds[place], left[place[0]], missing)
        if here:
            found[place] = here
            left[place[0]] -= here
            missing -= here
    return Arrangement(units, (found,), units)


def _several_kinds(kinds: Sequence[Kind], room: Pages, clock: Clock) -> Arrangement:
    from ortools.sat.python import cp_model  # takes long to load; most questions do without

    model = cp_model.CpModel()
    most = min(_most_of(kind, room) for kind in kinds)
    units = model.new_int_var(0, most, "")
    counts = [
        {
            place: model.new_int_var(0, min(most * len(kind.cells), room[place] // need), "")
            for place, need in kind.needs.items()
        }
        for kind in kinds
    ]
    for kind, count in zip(kinds, counts, strict=True):
        model.add(sum(count.values()) == len(kind.cells) * units)
    for place, pages in room.items():
        model.add(
            sum(k.needs[place] * c[place] for k, c in zip(kinds, counts, strict=True) if place in c)
            <= pages
        )
    keep_apart(model, kinds, counts, units)
    model.maximize(units)
    solver = clock.solver()
    status = solver.solve(model)
    clock.deterministic += solver.response_proto.deterministic_time
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return Arrangement(0, tuple({} for _ in kinds), most)
    found = tuple(
        {place: n for place, var in count.items() if (n := solver.value(var))} for count in counts
    )
    return Arrangement(solver.value(units), found, int(solver.best_objective_bound + 1e-6))


def _most_of(kind: Kind, room: Pages) -> int:
    return sum(room[place] // need for place, need in kind.needs.items()) // len(kind.cells)


def keep_apart(
    model: cp_model.CpModel,
    kinds: Sequence[Kind],
    counts: Sequence[dict[Place, cp_model.IntVar]],
    units: cp_model.IntVar,
) -> None:
    """On a host node no more cells of a guest that are apart than there are units: then they can
    be dealt out so that no unit has two there (König: a bipartite multigraph without a vertex of
    more than n edges falls into n matchings)."""
    rows: dict[tuple[int, int], list[cp_model.IntVar]] = {}
    for kind, count in zip(kinds, counts, strict=True):
        for (node, _), var in count.items() if kind.apart else ():
            rows.setdefault((kind.guest, node), []).append(var)
    for row in rows.values():
        model.add(sum(row) <= units)

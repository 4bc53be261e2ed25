"""Units whose memory may be split over their cells in many ways: more of them than of one split.

Most units have the split of a plan; a few may have any, and take what the others leave. How many
cells of the first lie where and how each of the few lies is one integer program, whose size does
not depend on the number of units.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ortools.sat.python import cp_model

from slotsolver.cell_facts import CellFacts
from slotsolver.clock import Clock
from slotsolver.facts import GuestFacts
from slotsolver.size import MiB
from slotsolver.study.arrange import Arrangement, Kind, Place, keep_apart
from slotsolver.study.copies import Pages
from slotsolver.study.needs import Span, cells_apart, reserved, spans
from slotsolver.study.patterns import patterns

FREE_UNITS = 6
"""Units that may have any split; more make the program hard."""

LIMIT = 0.3
"""Deterministic time for the program."""


@dataclass(frozen=True)
class Share:
    """So many copies of a guest (its place in the problem), each on these pages of the host."""

    guest: int
    count: int
    pages: Pages


@dataclass(frozen=True)
class Open:
    """What a cell may have at a place (MiB): ``base`` and up to ``more`` steps of ``step``."""

    base: int
    step: int
    more: int


@dataclass
class _Unit:
    """One of the units that may have any split: for each guest what its cells take of each place
    (MiB)."""

    there: cp_model.IntVar
    taken: list[dict[Place, list[cp_model.LinearExpr]]]


class Splits:
    """The program: ``kinds`` are the cells of a unit with the usual split, ``room`` is what the
    pools give, more than ``most`` units are not asked for."""

    def __init__(
        self, facts: Sequence[GuestFacts], kinds: Sequence[Kind], room: Pages, most: int
    ) -> None:
        self.facts, self.kinds, self.room = facts, kinds, room
        self.model = cp_model.CpModel()
        self.usual = self.model.new_int_var(0, most, "")
        self.used: dict[Place, list[cp_model.LinearExpr]] = {}
        self.counts = [self._count(kind, most) for kind in kinds]
        keep_apart(self.model, kinds, self.counts, self.usual)
        self.free = [self._unit() for _ in range(min(FREE_UNITS, most))]
        for unit, other in zip(self.free, self.free[1:], strict=False):
            self.model.add(unit.there >= other.there)
        for place, taken in self.used.items():
            self.model.add(sum(taken) <= self._holds(place))
        units = self.usual + sum(unit.there for unit in self.free)
        self.model.add(units <= most)
        self.model.maximize(units)

    def _count(self, kind: Kind, most: int) -> dict[Place, cp_model.IntVar]:
        """How many cells of a kind lie at each place."""
        count = {}
        for place, need in kind.needs.items():
            number = min(most * len(kind.cells), self.room[place] // need)
            count[place] = self.model.new_int_var(0, number, "")
            memory = need * place[1] // MiB
            self.used.setdefault(place, []).append(memory * count[place])
        self.model.add(sum(count.values()) == len(kind.cells) * self.usual)
        return count

    def _unit(self) -> _Unit:
        there = self.model.new_bool_var("")
        return _Unit(there, [self._guest(there, guest) for guest in self.facts])

    def _guest(
        self, there: cp_model.IntVar, facts: GuestFacts
    ) -> dict[Place, list[cp_model.LinearExpr]]:
        taken: dict[Place, list[cp_model.LinearExpr]] = {}
        nodes: dict[int, list[cp_model.IntVar]] = {}
        apart = cells_apart(facts) or ()
        for cell, span in zip(facts.cells, spans(facts), strict=True):
            lies: list[cp_model.IntVar] = []
            for place, way in _ways(cell, span, self.room):
                here = self.model.new_bool_var("")
                more = self.model.new_int_var(0, way.more, "")
                self.model.add(more <= way.more * here)
                taken.setdefault(place, []).append(way.base * here + way.step * more)
                lies.append(here)
                if cell.id in apart:
                    nodes.setdefault(place[0], []).append(here)
            self.model.add(sum(lies) == there)
        for row in nodes.values():
            self.model.add_at_most_one(row)
        every = [part for parts in taken.values() for part in parts]
        self.model.add(sum(every) == reserved(facts) * there)
        for place, parts in taken.items():
            self.used.setdefault(place, []).extend(parts)
        return taken

    def _holds(self, place: Place) -> int:
        return self.room[place] * place[1] // MiB

    def shares(self, start: Arrangement, clock: Clock) -> list[Share]:
        """What the guests of as many units as are found take; the search starts from units that
        all have the usual split."""
        self.model.add_hint(self.usual, start.units)
        for count, cells in zip(self.counts, start.cells, strict=True):
            for place, var in count.items():
                self.model.add_hint(var, cells.get(place, 0))
        for unit in self.free:
            self.model.add_hint(unit.there, 0)
        solver = clock.solver(limit=LIMIT)
        status = solver.solve(self.model)
        clock.deterministic += solver.response_proto.deterministic_time
        if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
            return []
        return [*self._usual_shares(solver), *self._free_shares(solver)]

    def _usual_shares(self, solver: cp_model.CpSolver) -> Iterator[Share]:
        units = solver.value(self.usual)
        cells = tuple(
            {place: n for place, var in count.items() if (n := solver.value(var))}
            for count in self.counts
        )
        needs = {(kind.guest, cell): kind.needs for kind in self.kinds for cell in kind.cells}
        for guest in range(len(self.facts)) if units else ():
            for count, pattern in patterns(self.kinds, Arrangement(units, cells, units), guest):
                pages: dict[Place, int] = {}
                for cell, place in pattern.items():
                    pages[place] = pages.get(place, 0) + needs[guest, cell][place]
                yield Share(guest, count, pages)

    def _free_shares(self, solver: cp_model.CpSolver) -> Iterator[Share]:
        for unit in self.free:
            for guest, taken in enumerate(unit.taken) if solver.value(unit.there) else ():
                memory = {p: sum(map(solver.value, parts)) for p, parts in taken.items()}
                yield Share(guest, 1, {p: n * MiB // p[1] for p, n in memory.items() if n})


def _ways(cell: CellFacts, span: Span, room: Pages) -> Iterator[tuple[Place, Open]]:
    """What a cell may have at each place where it may lie: boot memory is whole pages, growth whole
    units. Boot memory that is to be chosen is made of units too, which is easier to meet."""
    for place in room:
        if (place[0],) not in cell.nodes or place[1] not in cell.pages:
            continue
        step, first = cell.unit_for(place[1], max(cell.blocks)), cell.boot or 0
        base = first + max(0, -(-(span.least - first) // step)) * step
        most = min(span.most, room[place] * place[1] // MiB)
        if most >= base:
            yield place, Open(base, step, (most - base) // step)

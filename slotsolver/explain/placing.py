"""Why a cell lies on its host node: what would be if it lay on another one.

That is solved for, with the cell bound to the other node. What nothing tells apart, cells that are
equal and host nodes that are alike, need not be asked about: they can change places in the plan.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from slotsolver.cell_facts import CellFacts
from slotsolver.constraints.host_nodes import HostNodes
from slotsolver.explain.alike import Alike
from slotsolver.explain.change import with_cells
from slotsolver.explain.compare import Bests, Comparison, Values, effect_text
from slotsolver.explain.conflicts import irreducible
from slotsolver.explain.questions import Questions
from slotsolver.explain.rules import Rule, rules_of
from slotsolver.fields import format_ids
from slotsolver.gather import gather
from slotsolver.kinds import is_built_in
from slotsolver.plan import Conflict, Elsewhere, Placing, Plan, PlannedCell
from slotsolver.problem import Guest, Problem

AS_GOOD = "as good"


@dataclass
class Seat:
    """Equal cells of a guest on one host node, and the nodes where they could lie instead, each
    with those that are alike."""

    guest: Guest
    cells: list[int]
    nodes: tuple[int, ...]
    bound: str
    others: list[list[int]] = field(default_factory=list)
    found: list[Elsewhere] = field(default_factory=list)


class Placings:
    """What is known of the places of a plan's cells; ``problem`` names every objective."""

    def __init__(self, problem: Problem, plan: Plan, bests: Bests, questions: Questions) -> None:
        self._problem, self._plan = problem, plan
        self._bests, self._questions = bests, questions
        self._alike = Alike(problem)
        self.seats = list(self._seats())

    @property
    def _values(self) -> Values:
        return self._plan.objectives

    def _seats(self) -> Iterator[Seat]:
        for facts, planned in zip(gather(self._problem), self._plan.guests, strict=True):
            grown = {dimm.cell for dimm in planned.dimms if dimm.state == "plug"}
            seats: list[Seat] = []
            for cell in planned.cells:
                if not cell.host_nodes or (facts.running and cell.id not in grown):
                    continue
                bound = self._bound(facts.guest, facts.cells[cell.id])
                same = [s for s in seats if s.nodes == cell.host_nodes and s.bound == bound]
                seat = next(
                    (s for s in same if self._can_swap(facts.guest, s.cells[0], cell.id)), None
                )
                if seat is not None:
                    seat.cells.append(cell.id)
                elif bound or not (facts.running or facts.cells[cell.id].spread):
                    seats.append(self._seat(facts.guest, facts.cells[cell.id], cell, bound))
            yield from seats

    def _seat(self, guest: Guest, cell: CellFacts, planned: PlannedCell, bound: str) -> Seat:
        seat = Seat(guest, [cell.id], planned.host_nodes, bound)
        possible = {backing.nodes for backing in cell.backings()}
        for nodes in () if bound else cell.nodes:
            if len(nodes) != 1 or nodes == planned.host_nodes or nodes not in possible:
                continue
            same = next((o for o in seat.others if self._alike.nodes(o[0], nodes[0])), None)
            if same is None:
                seat.others.append([nodes[0]])
            else:
                same.append(nodes[0])
        return seat

    def _bound(self, guest: Guest, cell: CellFacts) -> str:
        """What leaves a cell no choice of its host node; empty where it has one."""
        if len(cell.nodes) > 1:
            return ""
        nodes = format_ids(cell.nodes[0])
        if cell.cell.host_nodes is not None:
            return f"bound to host node {nodes} (<numatune>)"
        if guest.host_nodes is not None and len(guest.host_nodes) == 1:
            return f"guest {guest.name} is bound to host node {nodes}"
        policies = (p for p in self._problem.policies if isinstance(p, HostNodes) and p.nodes)
        if any(p.concerns(guest) and cell.id in p.concerned_cells(guest) for p in policies):
            return f"bound to host node {nodes} (policy host-nodes)"
        host = self._problem.host
        if host is not None and len(host.nodes) == 1:
            return "the host has no other node"
        return f"nothing leaves it another host node than {nodes}"

    def _can_swap(self, guest: Guest, one: int, two: int) -> bool:
        """Whether two cells can change places in the problem."""
        a, b = guest.cells[one], guest.cells[two]
        own = {"id": 0, "cpus": (), "distances": {}}
        if a.model_copy(update=own) != b.model_copy(update=own) or len(a.cpus) != len(b.cpus):
            return False
        others = [cell for cell in guest.cells if cell.id not in (one, two)]
        near = all(
            a.distance(c.id) == b.distance(c.id) and c.distance(one) == c.distance(two)
            for c in others
        )
        if not near or a.distance(two) != b.distance(one) or guest.devices:
            return False
        if isinstance(guest.target, dict) and guest.target[one] != guest.target[two]:
            return False
        for policy in self._problem.policies:
            if not policy.concerns(guest):
                continue
            concerned = policy.concerned_cells(guest)
            shares = getattr(policy, "by", None)
            if not is_built_in(type(policy)) or (one in concerned) != (two in concerned):
                return False
            if isinstance(shares, tuple):
                return False
        return True

    # --- asking ---

    @property
    def total(self) -> int:
        """How many questions there are."""
        return sum(len(seat.others) for seat in self.seats)

    def find(self) -> Iterator[None]:
        """Ask about one seat and node after the other."""
        for seat in self.seats:
            for nodes in seat.others:
                if self._bests.exhausted:
                    return
                seat.found.append(self._elsewhere(seat, nodes))
                yield

    def known(self) -> tuple[Placing, ...]:
        """What is known so far."""
        return tuple(
            Placing(
                guest=seat.guest.name,
                cells=tuple(seat.cells),
                host_nodes=seat.nodes,
                bound=seat.bound,
                elsewhere=tuple(seat.found),
            )
            for seat in self.seats
            if seat.bound or seat.found or not seat.others
        )

    def _elsewhere(self, seat: Seat, nodes: list[int]) -> Elsewhere:
        here = tuple(nodes)
        if self._is_same(seat, nodes[0]):
            return Elsewhere(host_nodes=here, outcome="as-good", says=_as_good(seat, nodes))
        bound = with_cells(seat.guest.name, [self._first(seat)], host_nodes=(nodes[0],))
        problem = bound(self._problem)
        found = self._bests.compare(self._values, problem)
        if found is None:
            return self._impossible(seat, here, problem)
        return _compared(seat, here, found)

    def _is_same(self, seat: Seat, node: int) -> bool:
        """Whether the plan with two nodes or two cells exchanged has the cell on that node."""
        if len(seat.nodes) == 1 and self._alike.nodes(seat.nodes[0], node):
            return True
        (planned,) = (g for g in self._plan.guests if g.name == seat.guest.name)
        there = [cell.id for cell in planned.cells if cell.host_nodes == (node,)]
        return any(self._can_swap(seat.guest, seat.cells[0], cell) for cell in there)

    def _first(self, seat: Seat) -> int:
        """The first of the cells that are equal to those of a seat, wherever they lie: what holds
        for it holds for all."""
        ids = (cell.id for cell in seat.guest.cells)
        mine = seat.cells[0]
        return next(c for c in ids if c == mine or self._can_swap(seat.guest, c, mine))

    def _impossible(self, seat: Seat, nodes: tuple[int, ...], problem: Problem) -> Elsewhere:
        """No plan, and the rules that forbid it beside the cell's being there."""
        asked = f"cell {self._first(seat)} of guest {seat.guest.name} is bound to"
        rules = [
            rule
            for rule in rules_of(problem)
            if not (rule.name == "host-nodes" and rule.says.startswith(asked))
        ]
        conflict = irreducible(problem, rules, self._questions).rules
        return Elsewhere(
            host_nodes=nodes,
            outcome="impossible",
            says="no plan: " + _why(conflict, nodes),
            conflict=tuple(
                Conflict(rule=rule.name, says=rule.says, pool=rule.pool) for rule in conflict
            ),
        )


def _why(conflict: tuple[Rule, ...], nodes: tuple[int, ...]) -> str:
    """The pools of that node in full, the other rules by their names."""
    pools = [rule for rule in conflict if rule.pool is not None and rule.pool.node in nodes]
    told = [rule.says for rule in pools]
    others = dict.fromkeys(rule.name for rule in conflict if rule not in pools)
    if told and others:
        return f"{', '.join(told)}; against that: {', '.join(others)}"
    return ", ".join([*told, *others]) or "the sizes cannot be met"


def _as_good(seat: Seat, nodes: list[int]) -> str:
    lowest = len(seat.nodes) == 1 and seat.nodes[0] < min(nodes)
    return f"{AS_GOOD}; of equal nodes a low one is taken" if lowest else AS_GOOD


def _compared(seat: Seat, nodes: tuple[int, ...], found: Comparison) -> Elsewhere:
    if found.verdict == "same":
        return Elsewhere(host_nodes=nodes, outcome="as-good", says=_as_good(seat, list(nodes)))
    if found.verdict == "open" or not found.effects:
        says = "not known: the search for the best plan there was ended early"
        return Elsewhere(host_nodes=nodes, outcome="open", says=says, effects=found.effects)
    first = found.effects[0]
    says = f"{found.verdict}: {effect_text(first)}"
    return Elsewhere(host_nodes=nodes, outcome=found.verdict, says=says, effects=found.effects)

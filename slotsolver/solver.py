"""From a problem to an answer: build, solve the objectives in order, place, check."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import version

from ortools.sat.python import cp_model

from slotsolver.cell_model import Linear
from slotsolver.checker import check_plan
from slotsolver.conflict import find_conflict
from slotsolver.constraints.balance import Balance
from slotsolver.errors import DefectError
from slotsolver.facts import GuestFacts, gather
from slotsolver.layout import GuestLayout, read_layout
from slotsolver.model import HostModel
from slotsolver.order import floor_for, in_order
from slotsolver.place import device_window, free_gaps, settle_devices
from slotsolver.plan import Infeasible, ObjectiveValue, Plan, SolverFacts, Undecided
from slotsolver.policies import Objective
from slotsolver.problem import Problem
from slotsolver.reach import refute
from slotsolver.size import MiB
from slotsolver.windows import (
    Grid,
    Window,
    balance_is_exact,
    balanced_windows,
    least_imbalance,
    wide_windows,
)
from slotsolver.write_up import write_plan

DETERMINISTIC_LIMIT = 60.0
"""Without a time limit the search stops after this much of CP-SAT's deterministic time, which is
the same on every machine (about seconds on a fast one)."""


TIDY_LIMIT = 0.05
"""Deterministic time spent on choosing among equally good answers."""


@dataclass
class Clock:
    """How much time the search may still take, and has taken."""

    limit: float | None
    started: float = field(default_factory=time.monotonic)
    deterministic: float = 0.0

    @property
    def wall(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.started

    def solver(self, *, presolve: bool = True) -> cp_model.CpSolver:
        """A solver for the time that is left: one worker and a fixed seed make it reproducible."""
        solver = cp_model.CpSolver()
        parameters = solver.parameters
        parameters.num_workers = 1
        parameters.random_seed = 0
        parameters.cp_model_probing_level = 0
        parameters.symmetry_level = 0
        parameters.cp_model_presolve = presolve
        parameters.catch_sigint_signal = False  # an interrupt ends the program, not this search
        if self.limit is not None:
            parameters.max_time_in_seconds = max(0.001, self.limit - self.wall)
        else:
            parameters.max_deterministic_time = max(1e-3, DETERMINISTIC_LIMIT - self.deterministic)
        return solver


@dataclass(frozen=True)
class Solution:
    """Layouts with the values of the objectives; ``proven`` if every one is optimal."""

    layouts: tuple[GuestLayout, ...]
    values: tuple[ObjectiveValue, ...]
    proven: bool


def solve(problem: Problem, *, time_limit: float | None = None) -> Plan | Infeasible | Undecided:
    """Find the plan that is best by the problem's objectives in their order, or why there is none.

    ``time_limit`` is in seconds of wall time; a plan found within it but not proven has the status
    ``feasible`` and states its bound. Raises :class:`slotsolver.errors.InputError` for a problem
    that contradicts itself arithmetically, :class:`slotsolver.errors.DefectError` if the answer
    does not pass the independent checker.
    """
    clock = Clock(time_limit)
    facts = gather(problem)
    refute(facts)
    solution = _search(problem, facts, clock)
    if isinstance(solution, Solution):
        plan = write_plan(
            problem, solution.layouts, solution.values, solution.proven, _stamp(clock)
        )
        violations = check_plan(problem, plan)
        if violations:
            raise DefectError(
                f"the plan breaks {violations[0].rule}: {violations[0].says}",
                report=problem.model_dump_json(),
            )
        return plan
    if solution == cp_model.INFEASIBLE:
        return Infeasible(conflict=find_conflict(problem, lambda p: feasible(p, clock)))
    return Undecided(seconds=clock.wall, says="no plan and no proof within the limits")


def _stamp(clock: Clock) -> SolverFacts:
    return SolverFacts(
        wall_seconds=round(clock.wall, 6),
        deterministic_time=round(clock.deterministic, 9),
        version=f"slotsolver {version('slotsolver')}, ortools {version('ortools')}",
    )


def feasible(problem: Problem, clock: Clock) -> bool | None:
    """Whether any plan exists; ``None`` if that stayed open."""
    facts = gather(problem)
    status, _ = _run(_build(problem, facts, _windows(facts, attempt=False)), clock)
    if status == cp_model.INFEASIBLE:
        return False
    return True if status in (cp_model.OPTIMAL, cp_model.FEASIBLE) else None


def _search(
    problem: Problem, facts: Sequence[GuestFacts], clock: Clock
) -> Solution | cp_model.CpSolverStatus:
    """First within balanced windows where that is exact, else over everything."""
    objectives = in_order(problem, facts)
    grids = [Grid(f) for f in facts]
    first_is_balance = bool(objectives) and objectives[0].kind == "least-imbalance"
    if first_is_balance and all(map(balance_is_exact, facts, grids)):
        least = sum(map(least_imbalance, facts, grids))
        found = _optimise(problem, facts, objectives, _windows(facts, attempt=True), clock)
        if isinstance(found, Solution) and found.values[0].value == least * MiB:
            return found
    return _optimise(problem, facts, objectives, _windows(facts, attempt=False), clock)


def _windows(facts: Sequence[GuestFacts], *, attempt: bool) -> list[list[list[Window]]]:
    """The windows of every guest: balanced ones as an attempt, or where balance is hard."""
    return [
        balanced_windows(f, Grid(f)) if attempt or _must_balance(f) else wide_windows(f, Grid(f))
        for f in facts
    ]


def _must_balance(facts: GuestFacts) -> bool:
    """Whether a balance policy without tolerance holds every cell within one and the same unit."""
    every = {c.id for c in facts.cells}
    units = {
        c.unit_for(b.dimm_page, block)
        for c in facts.cells
        for b in c.backings()
        for block in c.blocks
    }
    return len(units) == 1 and any(
        isinstance(p, Balance)
        and p.tolerance is None
        and set(p.concerned_cells(facts.guest)) == every
        for p in facts.policies
    )


def _build(
    problem: Problem, facts: Sequence[GuestFacts], windows: list[list[list[Window]]]
) -> HostModel:
    floors = [floor_for(problem, f) for f in facts]
    return HostModel(problem, facts, windows, floors, [_gaps(f) for f in facts])


def _gaps(facts: GuestFacts) -> list[int] | None:
    """Lengths (MiB) of the gaps between existing devices, cut to the unit's grid.

    The last one is that of a window without planned slots and may be below 0: each planned slot
    adds its slack to it (see ``always.window_rows``).
    """
    if not facts.guest.devices or facts.boot is None:
        return None
    boot, unit = facts.boot * MiB, min(c.unit for c in facts.cells) * MiB
    most, least = facts.slot_limit, max(facts.slots_written, facts.existing_slots)
    window = device_window(facts, boot, facts.guest.maximum_size, max(most, least))
    short = device_window(facts, boot, facts.guest.maximum_size, least)
    gaps = free_gaps(window, settle_devices(facts, window, max(most, least)))
    lengths = [(gap.end // unit - -(-gap.start // unit)) * (unit // MiB) for gap in gaps]
    lengths = [max(0, length) for length in lengths]
    if window and short and lengths:
        lengths[-1] -= (window.end - short.end) // MiB
    return lengths


def _run(
    host: HostModel, clock: Clock, *, hint: Sequence[tuple[int, int]] = ()
) -> tuple[cp_model.CpSolverStatus, cp_model.CpSolver]:
    """One solve; an INFEASIBLE counts only when presolve's other setting agrees."""
    _set_hint(host, hint)
    for presolve in (True, False):
        solver = clock.solver(presolve=presolve)
        status = solver.solve(host.model)
        clock.deterministic += solver.response_proto.deterministic_time
        if status == cp_model.MODEL_INVALID:
            raise DefectError(f"the model is invalid: {host.model.validate()}")
        if status != cp_model.INFEASIBLE:
            break
    return status, solver


def _minimise(
    problem: Problem,
    host: HostModel,
    objective: Objective,
    goal: cp_model.LinearExpr,
    last: cp_model.CpSolver,
    clock: Clock,
) -> tuple[cp_model.CpSolver, int]:
    """Minimise one goal from the last solution on and hold it there; the solution and the bound.

    The last solution is completed first (the goal may have brought variables of its own). If it
    meets a bound that is known without search, it is optimal.
    """
    host.model.minimize(goal)
    bound = max(objective.least(host), lowest(host, goal))
    solver = _complete(host, list(enumerate(last.response_proto.solution)), clock)
    if objective.about_dimms and (solver is None or solver.value(goal) > bound):
        recut = _recut(problem, host, last, clock)
        if recut is not None and (solver is None or recut.value(goal) < solver.value(goal)):
            solver = recut
    if solver is None or solver.value(goal) > bound:
        hint = list(enumerate((solver or last).response_proto.solution))
        status, better = _run(host, clock, hint=hint)
        if status in (cp_model.OPTIMAL, cp_model.FEASIBLE):
            solver = better
            bound = max(bound, math.ceil(better.best_objective_bound - 1e-6))
    if solver is None:
        raise DefectError("a solution could not be completed with the values of an objective")
    host.model.clear_objective()  # type: ignore[no-untyped-call]  # ortools gives no type
    host.model.add(goal <= solver.value(goal))
    return solver, min(bound, solver.value(goal))


def _recut(
    problem: Problem, host: HostModel, last: cp_model.CpSolver, clock: Clock
) -> cp_model.CpSolver | None:
    """The last solution with its growth cut greedily into DIMMs, where that is legal."""
    hint = []
    for guest, floor in zip(host.guests, _hint_floors(problem, host), strict=True):
        stages = range(len(guest.facts.stages))
        totals = [[last.value(cell.totals[stage]) for cell in guest.cells] for stage in stages]
        hint += [(v.index, value) for v, value in guest.hint(floor, totals)]
        hint += [(v.index, last.value(v)) for v in guest.choices()]
    return _complete(host, hint, clock)


def _settle(
    host: HostModel,
    last: cp_model.CpSolver,
    decisions: int,
    goals: Sequence[Linear],
    clock: Clock,
) -> cp_model.CpSolver:
    """The same decisions with every objective's own variables at their least, so that the values
    are those of the plan even where an objective could not be proven."""
    total = sum(goal for goal in goals if not isinstance(goal, int))
    if isinstance(total, int):
        return last
    host.model.minimize(total)
    hint = list(enumerate(last.response_proto.solution))[:decisions]
    return _complete(host, hint, clock) or last


def _tidy(host: HostModel, last: cp_model.CpSolver, clock: Clock) -> cp_model.CpSolver:
    """Among equally good answers one on low host nodes, as far as that is quickly found."""
    order = {pool.node: rank for rank, pool in enumerate(host.pools)}
    goal = sum(
        order[backing.nodes[0]] * count
        for guest in host.guests
        for cls in guest.placement.classes
        for backing, count in cls.count.items()
        if backing.nodes
    )
    if isinstance(goal, int):
        return last
    host.model.minimize(goal)
    _set_hint(host, list(enumerate(last.response_proto.solution)))
    solver = clock.solver()
    solver.parameters.max_deterministic_time = TIDY_LIMIT
    status = solver.solve(host.model)
    clock.deterministic += solver.response_proto.deterministic_time
    return solver if status in (cp_model.OPTIMAL, cp_model.FEASIBLE) else last


def lowest(host: HostModel, goal: cp_model.LinearExpr) -> int:
    """The least value that the domains of a goal's variables allow."""
    flat = cp_model.FlatIntExpr(goal)
    total = int(flat.offset)
    for variable, factor in zip(flat.vars, flat.coeffs, strict=True):
        domain = host.model.proto.variables[variable.index].domain
        total += int(factor) * (domain[0] if factor > 0 else domain[-1])
    return total


def _complete(
    host: HostModel, hint: Sequence[tuple[int, int]], clock: Clock
) -> cp_model.CpSolver | None:
    """The solution that ``hint`` begins, if there is one and it is quickly found."""
    _set_hint(host, hint)
    solver = clock.solver()
    solver.parameters.fix_variables_to_their_hinted_value = True
    solver.parameters.max_deterministic_time = 0.1
    status = solver.solve(host.model)
    clock.deterministic += solver.response_proto.deterministic_time
    return solver if status in (cp_model.OPTIMAL, cp_model.FEASIBLE) else None


def _start(
    problem: Problem, host: HostModel, clock: Clock
) -> tuple[cp_model.CpSolverStatus, cp_model.CpSolver]:
    """Any solution: the greedy layout where it is legal, else whatever the search finds."""
    hint = _greedy_hint(problem, host)
    solver = _complete(host, hint, clock)
    if solver is not None:
        return cp_model.FEASIBLE, solver
    return _run(host, clock, hint=hint)


def _set_hint(host: HostModel, hint: Sequence[tuple[int, int]]) -> None:
    host.model.clear_hints()  # type: ignore[no-untyped-call]  # ortools gives no type
    start = host.model.proto.solution_hint
    start.vars.extend([index for index, _ in hint])
    start.values.extend([value for _, value in hint])


def _hint_floors(problem: Problem, host: HostModel) -> list[int]:
    """For each guest the largest DIMM (MiB) a greedy layout uses: the step where a fine one comes
    before few slots, else 0 for any."""
    kinds = [o.kind for o in in_order(problem, [g.facts for g in host.guests])]
    fine = "finest-step" in kinds and kinds.index("finest-step") < kinds.index("fewest-slots")
    return [floor_for(problem, guest.facts) if fine else 0 for guest in host.guests]


def _greedy_hint(problem: Problem, host: HostModel) -> list[tuple[int, int]]:
    return [
        (count.index, value)
        for guest, floor in zip(host.guests, _hint_floors(problem, host), strict=True)
        for count, value in guest.hint(floor)
    ]


def _optimise(
    problem: Problem,
    facts: Sequence[GuestFacts],
    objectives: Sequence[Objective],
    windows: list[list[list[Window]]],
    clock: Clock,
) -> Solution | cp_model.CpSolverStatus:
    """Minimise one objective after the other, each held at its proven value from then on."""
    host = _build(problem, facts, windows)
    status, solver = _start(problem, host, clock)
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return status
    decisions = len(host.model.proto.variables)
    goals: list[tuple[Linear, int]] = []
    for objective in objectives:
        goal = objective.expression(host)
        if isinstance(goal, int):
            goals.append((goal, goal))
        else:
            solver, bound = _minimise(problem, host, objective, goal, solver, clock)
            goals.append((goal, bound))
    solver = _settle(host, _tidy(host, solver, clock), decisions, [g for g, _ in goals], clock)
    values = tuple(
        ObjectiveValue(
            kind=objective.kind,
            value=solver.value(goal) * objective.scale,
            bound=bound * objective.scale,
            unit=objective.unit,
        )
        for objective, (goal, bound) in zip(objectives, goals, strict=True)
    )
    layouts = tuple(read_layout(guest, solver) for guest in host.guests)
    return Solution(layouts, values, all(v.value == v.bound for v in values))

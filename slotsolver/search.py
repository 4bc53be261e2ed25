"""Searching one model: the objectives in their order, each proven before the next."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ortools.sat.python import cp_model

from slotsolver.cell_model import CellModel, Linear
from slotsolver.clock import Clock
from slotsolver.decide import decide, run, set_hint
from slotsolver.errors import DefectError
from slotsolver.growth_hint import growth_hint
from slotsolver.layout import read_layout
from slotsolver.model import GuestModel, HostModel
from slotsolver.objectives.growth_imbalance import GrowthImbalance
from slotsolver.order import floor_for, in_order
from slotsolver.plan import ObjectiveValue
from slotsolver.policies import Objective
from slotsolver.problem import Problem
from slotsolver.solution import Solution

COMPLETION_SECONDS = 5.0
"""Wall time for filling in what follows from a solution, even past the time limit: without it the
solution would be lost."""

COMPLETION_LIMIT, SETTLING_LIMIT = 0.1, 1.0
"""Deterministic time for that, where there is no time limit: for one of many tries, and at the end,
where the values would not be those of the plan without it."""

TIDY_LIMIT = 0.05
"""Deterministic time spent on choosing among equally good answers."""

MISSING_STEP = 100
"""What a later DIMM that is larger than need be costs, in DIMMs."""

LEVEL_LIMIT = 0.1
"""Deterministic time spent on making later growth of running guests even."""


def _minimise(
    problem: Problem,
    host: HostModel,
    objective: Objective,
    goal: cp_model.LinearExpr,
    last: cp_model.CpSolver,
    clock: Clock,
    *,
    limit: float | None = None,
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
        status, better = run(host, clock, hint=hint, limit=limit)
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
    hint: list[tuple[int, int]] = []
    for guest, floor in zip(host.guests, _hint_floors(problem, host), strict=True):
        if guest.running:
            hint += growth_hint(guest, last)
            continue
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
) -> cp_model.CpSolver | None:
    """The same decisions with every objective's own variables at their least, so that the values
    are those of the plan even where an objective could not be proven; ``None`` if that is not
    certain in time."""
    open_goals = [goal for goal in goals if not isinstance(goal, int)]
    if not open_goals:
        return last
    hint = list(enumerate(last.response_proto.solution))[:decisions]
    host.model.minimize(sum(open_goals))
    settled = _complete(host, hint, clock, SETTLING_LIMIT)
    if settled is not None and _is_least(settled):
        return settled
    for goal in open_goals:  # of so many large numbers the sum can be hard where none of them is
        host.model.minimize(goal)
        settled = _complete(host, hint, clock, SETTLING_LIMIT)
        if settled is None or not _is_least(settled):
            return None
        host.model.add(goal <= settled.value(goal))
    return settled


def _is_least(solver: cp_model.CpSolver) -> bool:
    return solver.objective_value <= solver.best_objective_bound + 0.5


def _level(
    problem: Problem, host: HostModel, last: cp_model.CpSolver, clock: Clock
) -> cp_model.CpSolver:
    """Later growth of running guests as even as is quickly found. It is a preference and no
    objective, because it is far from what is asked for and hard to prove."""
    even = GrowthImbalance()
    goal = even.expression(host)
    if isinstance(goal, int):
        return last
    return _minimise(problem, host, even, goal, last, clock, limit=LEVEL_LIMIT)[0]


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
    goal = goal + _tidy_running(host)
    if isinstance(goal, int):
        return last
    host.model.minimize(goal)
    set_hint(host, list(enumerate(last.response_proto.solution)))
    solver = clock.solver()
    solver.parameters.max_deterministic_time = TIDY_LIMIT
    status = solver.solve(host.model)
    clock.deterministic += solver.response_proto.deterministic_time
    return solver if status in (cp_model.OPTIMAL, cp_model.FEASIBLE) else last


def _tidy_running(host: HostModel) -> Linear:
    """Of DIMMs that are alike those in high slots go, and of planned ones those for low slots come
    first; later growth comes in usual steps; other hosts are filled from low nodes on, with pages
    as here if they can be."""
    goal: Linear = 0
    for guest in host.guests:
        running = guest.running
        if running is not None:
            top = guest.facts.slot_limit
            goal = goal + sum(
                (top - dimm.slot) * running.gone[dimm.index] for dimm in running.facts.removable
            )
            goal = goal + sum(
                running.growth[number].slot * take
                for (number, stage), take in running.takes.items()
                if stage == 1
            )
            goal = goal + sum(_steps(guest, cell) for cell in guest.cells)
    for destination in host.destinations:
        order = {node.id: rank for rank, node in enumerate(destination.host.nodes)}
        sizes = destination.host.page_sizes()
        for (place, cell), chosen in destination.chosen.items():
            here = host.guests[place].facts.cells[cell].pages
            for backing, literal in chosen.items():
                other = 0 if backing.page in here else 1 + sizes.index(backing.page)
                goal = goal + (order[backing.nodes[0]] + other) * literal
    return goal


def _steps(guest: GuestModel, cell: CellModel) -> Linear:
    """Of later DIMMs whose sizes are open: how many there are, and above all how many are missing
    so that none is larger than the guest's usual step."""
    goal: Linear = 0
    step = guest.facts.default_step
    for stage, dimms in cell.open.items():
        if stage > 1:
            missing = guest.new_int(0, dimms.most // step + 1)
            guest.model.add(step * (dimms.number + missing) >= dimms.memory)
            goal = goal + dimms.number + MISSING_STEP * missing
    return goal


def lowest(host: HostModel, goal: cp_model.LinearExpr) -> int:
    """The least value that the domains of a goal's variables allow."""
    flat = cp_model.FlatIntExpr(goal)
    total = int(flat.offset)
    for variable, factor in zip(flat.vars, flat.coeffs, strict=True):
        domain = list(host.model.proto.variables[variable.index].domain)
        total += int(factor) * (domain[0] if factor > 0 else domain[-1])
    return total


def _complete(
    host: HostModel,
    hint: Sequence[tuple[int, int]],
    clock: Clock,
    limit: float = COMPLETION_LIMIT,
) -> cp_model.CpSolver | None:
    """The solution that ``hint`` begins, if there is one and it is quickly found."""
    set_hint(host, hint)
    solver = clock.solver()
    solver.parameters.fix_variables_to_their_hinted_value = True
    solver.parameters.max_deterministic_time = limit if clock.limit is None else 1.0
    solver.parameters.max_time_in_seconds = COMPLETION_SECONDS
    status = solver.solve(host.model)
    clock.deterministic += solver.response_proto.deterministic_time
    return solver if status in (cp_model.OPTIMAL, cp_model.FEASIBLE) else None


def start(
    problem: Problem, host: HostModel, clock: Clock
) -> tuple[cp_model.CpSolverStatus, cp_model.CpSolver]:
    """Any solution: the greedy layout where it is legal, else whatever the search finds."""
    hint = _greedy_hint(problem, host)
    solver = _complete(host, hint, clock)
    if solver is not None:
        return cp_model.FEASIBLE, solver
    return decide(host, clock, hint=hint)


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


def optimise(
    problem: Problem, host: HostModel, objectives: Sequence[Objective], clock: Clock
) -> Solution | cp_model.CpSolverStatus:
    """Minimise one objective after the other, each held at its proven value from then on."""
    status, solver = start(problem, host, clock)
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
    if not any(isinstance(objective, GrowthImbalance) for objective in objectives):
        solver = _level(problem, host, solver, clock)
    tidy = _tidy(host, solver, clock)
    settled = _settle(host, tidy, decisions, [g for g, _ in goals], clock)
    if settled is None:
        return cp_model.UNKNOWN
    solver = settled
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

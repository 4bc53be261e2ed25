"""Solving one model: with its objective, or for any solution at all.

Which parameters of CP-SAT settle a question is not known beforehand: too few pages are seen in
hundredths of a second with presolve and not in minutes without it, too few host nodes the other way
round. So a question without an objective is put to all of them in turn, for a short time first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from ortools.sat.python import cp_model

from slotsolver.clock import Clock
from slotsolver.errors import DefectError
from slotsolver.model import HostModel


@dataclass(frozen=True)
class Setting:
    """Parameters of CP-SAT: whether it presolves, how much of the model its LP sees, and whether
    rows are added to the LP only when they are found broken, fifty at a time."""

    presolve: bool
    level: int
    lazy: bool

    def apply(self, clock: Clock, limit: float) -> cp_model.CpSolver:
        """A solver with them for ``limit`` of deterministic time, if so much is left."""
        solver = clock.solver(presolve=self.presolve, limit=limit)
        solver.parameters.linearization_level = self.level
        solver.parameters.add_lp_constraints_lazily = self.lazy
        return solver


SETTINGS = (
    Setting(presolve=False, level=1, lazy=False),
    Setting(presolve=True, level=1, lazy=True),
    Setting(presolve=True, level=2, lazy=False),
    Setting(presolve=False, level=2, lazy=True),
)
"""What is tried in turn. Sums of many cells against many pools are seen to be too large by a whole
LP only, so that comes first; the second are CP-SAT's own, and often find solutions."""

FIRST_SLICE, LONGER = 0.2, 4
"""Deterministic time for each setting in the first round, and how much more in each later one."""

ROUNDS = 16
"""More rounds than any clock has time for."""

LONELY_SLICE = FIRST_SLICE * LONGER
"""From this slice on two proofs with presolve are not kept waiting for one without, nor two without
for one with."""

Answer = tuple[cp_model.CpSolverStatus, cp_model.CpSolver]


def set_hint(host: HostModel, hint: Sequence[tuple[int, int]]) -> None:
    """Start the next search from values of some variables, given by their indices."""
    host.model.clear_hints()  # type: ignore[no-untyped-call]  # ortools gives no type
    start = host.model.proto.solution_hint
    start.vars.extend([index for index, _ in hint])
    start.values.extend([value for _, value in hint])


def run(
    host: HostModel,
    clock: Clock,
    *,
    hint: Sequence[tuple[int, int]] = (),
    limit: float | None = None,
) -> Answer:
    """One solve, within ``limit`` of deterministic time if that is given; an INFEASIBLE counts only
    when presolve's other setting agrees."""
    set_hint(host, hint)
    for presolve in (True, False):
        solver = clock.solver(presolve=presolve)
        if limit is not None:
            solver.parameters.max_deterministic_time = limit
        status = _solve(host, solver, clock)
        if status != cp_model.INFEASIBLE:
            break
    return status, solver


def decide(host: HostModel, clock: Clock, *, hint: Sequence[tuple[int, int]] = ()) -> Answer:
    """Any solution of a model without objective, or that there is none.

    Every setting is tried, in rounds of growing deterministic time, until one finds a solution or
    two of them prove that there is none: one with presolve and one without, since each of the two
    has been seen to say so wrongly (ortools issues 5274, 5295). Where one of these stays open even
    after slices of :data:`LONELY_SLICE`, two settings of the other are enough.
    """
    set_hint(host, hint)
    proofs: set[Setting] = set()
    order = list(SETTINGS)
    solver = clock.solver()
    for number in range(ROUNDS):
        limit = FIRST_SLICE * LONGER**number
        left = [setting for setting in order if setting not in proofs]
        while left:
            setting = left.pop(0)
            if clock.spent:
                return _verdict(proofs, lonely=True), solver
            solver = setting.apply(clock, limit)
            status = _solve(host, solver, clock)
            if status in (cp_model.OPTIMAL, cp_model.FEASIBLE):
                return status, solver
            if status == cp_model.INFEASIBLE:
                proofs.add(setting)
                if _verdict(proofs, lonely=False) == cp_model.INFEASIBLE:
                    return cp_model.INFEASIBLE, solver
                for waiting in (left, order):
                    waiting.sort(key=partial(_confirms, setting))
        if _verdict(proofs, lonely=limit >= LONELY_SLICE) == cp_model.INFEASIBLE:
            return cp_model.INFEASIBLE, solver
    return cp_model.UNKNOWN, solver


def _confirms(proven: Setting, other: Setting) -> tuple[bool, bool]:
    """A key by which what will confirm a proof soonest comes first: presolve's other setting, with
    the whole LP."""
    return other.presolve == proven.presolve, other.lazy


def _verdict(proofs: set[Setting], *, lonely: bool) -> cp_model.CpSolverStatus:
    """What some settings' proofs are worth; ``lonely`` if presolve's other setting stayed open."""
    agreed = len({setting.presolve for setting in proofs}) == 2 or (lonely and len(proofs) >= 2)
    return cp_model.INFEASIBLE if agreed else cp_model.UNKNOWN


def _solve(host: HostModel, solver: cp_model.CpSolver, clock: Clock) -> cp_model.CpSolverStatus:
    status = solver.solve(host.model)
    clock.deterministic += solver.response_proto.deterministic_time
    if status == cp_model.MODEL_INVALID:
        raise DefectError(f"the model is invalid: {host.model.validate()}")
    return status

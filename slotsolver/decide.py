"""Solving one model: with its objective, or for any solution at all.

Which parameters of CP-SAT settle a question is not known beforehand: too few pages are seen in
hundredths of a second with presolve and not in minutes without it, too few host nodes the other way
round. So a question without an objective is put to all of them in turn, for a short time first.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

from ortools.sat.python import cp_model

from slotsolver.clock import Clock
from slotsolver.errors import DefectError
from slotsolver.model import HostModel

SETTINGS = tuple((presolve, level) for level, presolve in product((1, 2), (True, False)))
"""What is tried in turn: presolve or none, and how much of the model is seen by the LP."""

FIRST_SLICE, LONGER = 0.1, 4
"""Deterministic time for each setting in the first round, and how much more in each later one."""

ROUNDS = 16
"""More rounds than any clock has time for."""

LONELY_SLICE = 0.4
"""From this slice on a proof under both levels of one presolve setting is not kept waiting for the
other presolve setting."""

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
    has been seen to say so wrongly (ortools issues 5274, 5295). Where one of these stays open, as
    after slices of :data:`LONELY_SLICE`, both levels of the other are enough.
    """
    set_hint(host, hint)
    proofs: set[tuple[bool, int]] = set()
    solver = clock.solver()
    for number in range(ROUNDS):
        limit = FIRST_SLICE * LONGER**number
        for presolve, level in SETTINGS:
            if (presolve, level) in proofs:
                continue
            if clock.spent:
                return _verdict(proofs, lonely=True), solver
            solver = clock.solver(presolve=presolve, level=level, limit=limit)
            status = _solve(host, solver, clock)
            if status in (cp_model.OPTIMAL, cp_model.FEASIBLE):
                return status, solver
            if status == cp_model.INFEASIBLE:
                proofs.add((presolve, level))
                if _verdict(proofs, lonely=False) == cp_model.INFEASIBLE:
                    return cp_model.INFEASIBLE, solver
        if _verdict(proofs, lonely=limit >= LONELY_SLICE) == cp_model.INFEASIBLE:
            return cp_model.INFEASIBLE, solver
    return cp_model.UNKNOWN, solver


def _verdict(proofs: set[tuple[bool, int]], *, lonely: bool) -> cp_model.CpSolverStatus:
    """What some settings' proofs are worth; ``lonely`` if presolve's other setting stayed open."""
    agreed = len({presolve for presolve, _ in proofs}) == 2 or (lonely and len(proofs) >= 2)
    return cp_model.INFEASIBLE if agreed else cp_model.UNKNOWN


def _solve(host: HostModel, solver: cp_model.CpSolver, clock: Clock) -> cp_model.CpSolverStatus:
    status = solver.solve(host.model)
    clock.deterministic += solver.response_proto.deterministic_time
    if status == cp_model.MODEL_INVALID:
        raise DefectError(f"the model is invalid: {host.model.validate()}")
    return status

"""From a problem to an answer: closed forms or a search, then write-up and check."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

from slotsolver.checker import check_plan
from slotsolver.clock import DETERMINISTIC_LIMIT, Clock
from slotsolver.direct import answer, refuted
from slotsolver.errors import DefectError
from slotsolver.gather import gather
from slotsolver.order import in_order
from slotsolver.plan import Infeasible, Plan, SolverFacts, Undecided
from slotsolver.problem import Problem
from slotsolver.reach import refute, unreachable
from slotsolver.solution import NoSolution, Solution
from slotsolver.version import VERSION, ortools_version
from slotsolver.write_up import write_plan

if TYPE_CHECKING:
    from slotsolver.explain.why_not import Step

QUESTION_LIMIT = 1.0
"""Deterministic time for one question of an explanation."""

EXPLANATION_LIMIT = 60.0
"""Deterministic time for all of them, where no time limit is given."""

Reasons = Literal["none", "conflict", "remedies"]
"""How much is said of why there is no plan."""

Watch = Callable[["Step"], None]
"""Is told of an explanation as far as it is known."""


def solve(
    problem: Problem,
    *,
    time_limit: float | None = None,
    effort: float | None = None,
    reasons: Reasons = "remedies",
    watch: Watch | None = None,
) -> Plan | Infeasible | Undecided:
    """Find the plan that is best by the problem's objectives in their order, or why there is none
    and what would help.

    ``time_limit`` is in seconds of wall time; a plan found within it but not proven has the status
    ``feasible`` and states its bound. Without one ``effort`` may limit the search instead, and what
    is said of why there is no plan likewise: in CP-SAT's deterministic seconds, so that the answer
    is the same on every machine. ``reasons`` is how much is said where there is none: nothing,
    the conflicts, or the remedies too, which take longest. ``watch`` is called with every
    :class:`Step` of an explanation; what it raises ends the search. Raises
    :class:`slotsolver.errors.InputError` for a problem that contradicts itself in its input,
    :class:`slotsolver.errors.DefectError` if the answer does not pass the independent checker.
    """
    clock = Clock(time_limit, allowed=effort or DETERMINISTIC_LIMIT)
    solution = best(problem, clock)
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
    if solution == NoSolution.PROVEN:
        if reasons == "none":
            return Infeasible(conflict=(), complete=False)
        return _explanation(problem, clock, effort or EXPLANATION_LIMIT, reasons, watch)
    return Undecided(seconds=clock.wall, says="no plan and no proof within the limits")


def best(problem: Problem, clock: Clock) -> Solution | NoSolution:
    """The best layouts and their values, or how the search for them ended."""
    facts = gather(problem)
    refute(facts)
    if unreachable(facts):
        return NoSolution.PROVEN
    objectives = in_order(problem, facts)
    found = answer(problem, facts, objectives)
    if found is not None:
        return found
    if refuted(problem, facts):
        return NoSolution.PROVEN
    # Loaded where nothing else will do: ortools takes longer to load than most problems to solve.
    with clock.stopped():
        from slotsolver import cp_sat
    return cp_sat.search(problem, facts, objectives, clock)


def _explanation(
    problem: Problem, clock: Clock, most: float, reasons: Reasons, watch: Watch | None
) -> Infeasible:
    """Why there is no plan and what would help, as far as there is time for it: ``most`` is in
    deterministic seconds."""
    from slotsolver.explain.questions import Questions  # which most answers do without
    from slotsolver.explain.why_not import why_not

    started = clock.deterministic

    def spent() -> bool:
        if clock.limit is not None:
            return clock.spent
        return clock.deterministic - started >= most

    def ask(changed: Problem) -> bool | None:
        with _question(clock) as mine:
            return feasible(changed, mine)

    def sizes(changed: Problem) -> tuple[int, ...] | None:
        with _question(clock) as mine:
            return _nearest(changed, mine)

    for step in why_not(problem, Questions(ask, spent), sizes):
        if watch is not None:
            watch(step)
        if reasons == "conflict":
            break
    return step.answer


@contextmanager
def _question(clock: Clock) -> Iterator[Clock]:
    """A clock for one question; what it takes is taken of the whole."""
    left = None if clock.limit is None else max(0.0, clock.limit - clock.wall)
    mine = Clock(left, allowed=QUESTION_LIMIT)
    try:
        yield mine
    finally:
        clock.deterministic += mine.deterministic


def _stamp(clock: Clock) -> SolverFacts:
    return SolverFacts(
        wall_seconds=round(clock.wall, 6),
        deterministic_time=round(clock.deterministic, 9),
        version=f"slotsolver {VERSION}, ortools {ortools_version()}",
    )


def feasible(problem: Problem, clock: Clock) -> bool | None:
    """Whether any plan exists; ``None`` if that stayed open."""
    facts = gather(problem)
    if unreachable(facts):
        return False
    refute(facts)
    if answer(problem, facts, in_order(problem, facts)):
        return True
    if refuted(problem, facts):
        return False
    with clock.stopped():
        from slotsolver import cp_sat  # see `best`
    return cp_sat.feasible(problem, facts, clock)


def _nearest(problem: Problem, clock: Clock) -> tuple[int, ...] | None:
    """The guests' sizes (bytes) as near to their targets as they can be, if that is proven."""
    facts = gather(problem)
    refute(facts)
    with clock.stopped():
        from slotsolver import cp_sat  # see `best`
    return cp_sat.nearest(problem, facts, clock)

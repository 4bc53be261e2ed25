"""A plan and what makes it what it is: what holds it back, why its cells lie where they lie."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from slotsolver.clock import Clock
from slotsolver.explain.binding import Bindings
from slotsolver.explain.compare import Bests, Values
from slotsolver.explain.placing import Placings
from slotsolver.explain.questions import Questions
from slotsolver.explain.why_not import Step
from slotsolver.gather import gather
from slotsolver.order import in_order
from slotsolver.plan import Explanation, Infeasible, Plan, Undecided
from slotsolver.problem import Problem
from slotsolver.solution import NoSolution, Solution
from slotsolver.solver import best, feasible, solve

QUESTION_LIMIT = 2.0
"""Deterministic time for one question."""

EXPLANATION_LIMIT = 60.0
"""Deterministic time for all of them, where no time limit is given."""


@dataclass(frozen=True)
class Told:
    """An explanation as far as it is known, and how many of its questions have been asked."""

    answer: Explanation
    done: int
    total: int


Watch = Callable[[Step | Told], None]
"""Is told of an answer as far as it is known."""


def explain(
    problem: Problem, *, time_limit: float | None = None, watch: Watch | None = None
) -> Explanation | Infeasible | Undecided:
    """Find the best plan and what holds it back and why each cell lies where it lies; of a problem
    without a plan, the answer of :func:`slotsolver.solver.solve`.

    ``time_limit`` is in seconds of wall time, for the plan and its explanation together.
    ``watch`` is called with every step of the explanation; what it raises ends the search. Raises
    what ``solve`` raises.
    """
    clock = Clock(time_limit)
    plan = solve(problem, time_limit=time_limit, watch=watch)
    if not isinstance(plan, Plan):
        return plan
    for told in explanation(problem, plan, clock):
        if watch is not None:
            watch(told)
    return told.answer


def explanation(problem: Problem, plan: Plan, clock: Clock) -> Iterator[Told]:
    """The explanation of a plan: first what it uses up, then one question after the other; the last
    step is the whole answer."""
    named = in_order(problem, gather(problem))  # the same ones, whatever rule is taken back
    problem = problem.model_copy(update={"objectives": named})
    asking = _Asking(clock)
    bests = Bests(asking.best, asking.spent)
    rules = Bindings(problem, plan, bests)
    places = Placings(problem, plan, bests, Questions(asking.feasible, asking.spent))
    total, done = len(rules.groups) + places.total, 0

    def told(*, complete: bool) -> Told:
        answer = Explanation(
            plan=plan, rules=rules.known(), places=places.known(), complete=complete
        )
        return Told(answer, done, total)

    yield told(complete=False)
    for part in (rules.find(), places.find()):
        for _ in part:
            done += 1
            yield told(complete=False)
    yield told(complete=done == total and not bests.refused)


class _Asking:
    """Asks the model, each question within its own limit and all within the whole one."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._started = clock.deterministic

    def spent(self) -> bool:
        """Whether no time is left for further questions."""
        if self._clock.limit is not None:
            return self._clock.spent
        return self._clock.deterministic - self._started >= EXPLANATION_LIMIT

    def best(self, problem: Problem) -> Values | bool:
        """The best values; ``False`` for none, ``True`` where that stays open."""
        mine = self._mine()
        try:
            found = best(problem, mine)
        finally:
            self._clock.deterministic += mine.deterministic
        if isinstance(found, Solution):
            return found.values
        return found != NoSolution.PROVEN

    def feasible(self, problem: Problem) -> bool | None:
        """Whether there is any plan."""
        mine = self._mine()
        try:
            return feasible(problem, mine)
        finally:
            self._clock.deterministic += mine.deterministic

    def _mine(self) -> Clock:
        limit = self._clock.limit
        left = None if limit is None else max(0.0, limit - self._clock.wall)
        return Clock(left, allowed=QUESTION_LIMIT)

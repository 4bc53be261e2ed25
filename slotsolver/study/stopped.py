"""What stops one more unit on what is left of a host."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from slotsolver.clock import Clock
from slotsolver.explain.questions import Questions
from slotsolver.explain.why_not import why_not
from slotsolver.plan import Infeasible
from slotsolver.problem import Problem
from slotsolver.solver import QUESTION_LIMIT, Reasons, feasible


@dataclass(frozen=True)
class Stop:
    """Kinds of the rules in the conflict, what they say, and the first remedy."""

    rules: tuple[str, ...]
    says: str
    remedy: str


def stop(rest: Problem, clock: Clock, reasons: Reasons) -> Stop:
    """Why there is no plan for one more, as far as there is time for it."""
    left = Clock(None, allowed=min(QUESTION_LIMIT, max(1e-3, clock.allowed - clock.deterministic)))
    found = feasible(rest, left)
    clock.deterministic += left.deterministic
    if found is not False:
        return Stop((), "", "")
    answer = _explained(rest, clock, reasons)
    says = dict.fromkeys(member.says for member in answer.conflict)
    rules = dict.fromkeys(member.rule for member in answer.conflict)
    remedies = answer.remedies or answer.together
    remedy = answer.remedies[0].says if answer.remedies else "; ".join(r.says for r in remedies)
    return Stop(tuple(rules), "; ".join(says), remedy)


def _explained(rest: Problem, clock: Clock, reasons: Reasons) -> Infeasible:
    def ask(changed: Problem) -> bool | None:
        left = max(1e-3, clock.allowed - clock.deterministic)
        mine = Clock(None, allowed=min(QUESTION_LIMIT, left))
        try:
            return feasible(changed, mine)
        finally:
            clock.deterministic += mine.deterministic

    steps = why_not(rest, Questions(ask, lambda: clock.spent), lambda _: None)
    if reasons == "conflict":
        return next(steps).answer
    return deque(steps, maxlen=1).pop().answer  # the last one says all there is

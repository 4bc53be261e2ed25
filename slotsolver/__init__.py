"""slotsolver: memory slot layouts for virtual machines, proven optimal.

``solve`` takes a :class:`Problem` and answers with a :class:`Plan`, :class:`Infeasible` or
:class:`Undecided`; ``explain`` says what holds the plan back; ``check`` judges a plan or a domain
independently; :class:`Study` runs batch what-ifs. Importing this package loads next to nothing:
pydantic comes with the first name that needs it (:mod:`slotsolver.lazy`), ortools with the first
call that does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import slotsolver.explain  # noqa: F401 - else it would take the place of the function below
from slotsolver.errors import DefectError, InputError, SizeError, SlotsolverError
from slotsolver.lazy import lazily

if TYPE_CHECKING:
    from typing import Literal

    from slotsolver.checker import Violation
    from slotsolver.explain.explain import Watch
    from slotsolver.plan import Explanation, Infeasible, Plan, Undecided
    from slotsolver.problem import Cell, Device, Guest, Host, HostNode, Pool, Problem
    from slotsolver.size import format_size, parse_size
    from slotsolver.study.result import StudyResult
    from slotsolver.study.study import Study
else:
    __getattr__, __dir__ = lazily(
        __name__,
        {
            "slotsolver.plan": ("Explanation", "Infeasible", "Plan", "Undecided"),
            "slotsolver.problem": (
                "Cell",
                "Device",
                "Guest",
                "Host",
                "HostNode",
                "Pool",
                "Problem",
            ),
            "slotsolver.size": ("format_size", "parse_size"),
            "slotsolver.study.result": ("StudyResult",),
            "slotsolver.study.study": ("Study",),
        },
    )

__all__ = [
    "Cell",
    "DefectError",
    "Device",
    "Explanation",
    "Guest",
    "Host",
    "HostNode",
    "Infeasible",
    "InputError",
    "Plan",
    "Pool",
    "Problem",
    "SizeError",
    "SlotsolverError",
    "Study",
    "StudyResult",
    "Undecided",
    "check",
    "explain",
    "format_size",
    "parse_size",
    "solve",
]


def solve(
    problem: Problem,
    *,
    time_limit: float | None = None,
    reasons: Literal["none", "conflict", "remedies"] = "remedies",
) -> Plan | Infeasible | Undecided:
    """Find the best plan, or why there is none and what would help (``reasons`` says how much of
    that); see :func:`slotsolver.solver.solve`. Loads ortools at the first call."""
    from slotsolver.solver import solve as run

    return run(problem, time_limit=time_limit, reasons=reasons)


def explain(
    problem: Problem, *, time_limit: float | None = None, watch: Watch | None = None
) -> Explanation | Infeasible | Undecided:
    """Find the best plan and say what holds it back and why each cell lies where it lies; see
    :func:`slotsolver.explain.explain.explain`. Loads ortools at the first call."""
    from slotsolver.explain.explain import explain as run

    return run(problem, time_limit=time_limit, watch=watch)


def check(problem: Problem, plan: Plan) -> tuple[Violation, ...]:
    """Judge a plan by every rule, without the solver; see :func:`slotsolver.checker.check_plan`."""
    from slotsolver.checker import check_plan

    return check_plan(problem, plan)

"""slotsolver: memory slot layouts for virtual machines, proven optimal.

``solve`` takes a :class:`Problem` and answers with a :class:`Plan`, :class:`Infeasible` or
:class:`Undecided`; ``explain`` says what holds the plan back; ``check`` judges a plan or a domain
independently. Importing this package loads next to nothing: what stands in ``_HOMES`` is imported
when it is asked for, ortools at the first call that solves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import slotsolver.explain  # noqa: F401 - else it would take the place of the function below
from slotsolver.errors import DefectError, InputError, SizeError, SlotsolverError

if TYPE_CHECKING:
    from typing import Literal

    from slotsolver.checker import Violation
    from slotsolver.explain.explain import Watch
    from slotsolver.plan import Explanation, Infeasible, Plan, Undecided
    from slotsolver.problem import Cell, Device, Guest, Host, HostNode, Pool, Problem
    from slotsolver.size import format_size, parse_size

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
    "Undecided",
    "check",
    "explain",
    "format_size",
    "parse_size",
    "solve",
]

_HOMES = {
    "slotsolver.plan": ("Explanation", "Infeasible", "Plan", "Undecided"),
    "slotsolver.problem": ("Cell", "Device", "Guest", "Host", "HostNode", "Pool", "Problem"),
    "slotsolver.size": ("format_size", "parse_size"),
}
"""The modules of those public names that take time to import, because pydantic does. Whoever runs
`slotsolver --help` or wants one submodule imports this package too, and need not wait for them."""

if not TYPE_CHECKING:  # to type checkers only what is imported above is there

    def __getattr__(name: str) -> object:
        """Import a public name when it is asked for the first time (PEP 562)."""
        from importlib import import_module

        for module, names in _HOMES.items():
            if name in names:
                value = globals()[name] = getattr(import_module(module), name)
                return value
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__() -> list[str]:
        """What is there, imported or not."""
        return sorted({*globals(), *__all__})


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

"""One check per policy kind: the module named after the kind holds its function ``check``.

``check(policy, plan)`` yields a violation for everything in the plan that breaks the policy. It
reads the policy's fields and never calls its methods: those are what is being checked.
Kinds of other distributions have their checks by entry points of the group ``slotsolver.checks``
that are called as the kind is.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

from slotsolver.checker.subject import PlanSubject
from slotsolver.checker.violation import Violation
from slotsolver.entry_points import Origin, loaded, told
from slotsolver.errors import DefectError, SlotsolverError

PolicyCheck = Callable[[Any, PlanSubject], Iterator[Violation]]

GROUP = "slotsolver.checks"


@cache
def check_for(kind: str) -> PolicyCheck:
    """The check of one of slotsolver's policy kinds. A kind without one is a defect: its plans
    would go unchecked."""
    name = f"{__name__}.{kind.replace('-', '_')}"
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        raise DefectError(f"policy {kind} has no check in slotsolver.checker.policies") from error
    check: PolicyCheck = module.check
    return check


def check_policies(plan: PlanSubject) -> Iterator[Violation]:
    """Judge the plan by every policy of its problem, but for those that nobody vouches for."""
    for policy in plan.problem.policies:
        if is_own(policy):
            yield from check_for(policy.kind)(policy, plan)
        elif found := installed_check(policy.kind):
            yield from _judged(*found, policy, plan)


def is_own(policy: Any) -> bool:
    """Whether a policy is one of slotsolver's, which all have a check in this package."""
    return type(policy).__module__.startswith("slotsolver.constraints.")


@cache
def installed_check(kind: str) -> tuple[Origin, PolicyCheck] | None:
    """The check that a distribution has for a kind of its own, if there is one."""
    found = list(loaded(GROUP, kind))
    for origin, check in found:
        if not callable(check):
            raise origin.error("is no function check(policy, plan)")
    if len(found) > 1:
        others = ", ".join(origin.distribution for origin, _ in found[1:])
        raise found[0][0].error(f"there is another check of that kind, by {others}; keep one")
    return found[0] if found else None


def _judged(
    origin: Origin, check: PolicyCheck, policy: Any, plan: PlanSubject
) -> Iterator[Violation]:
    """What an installed check finds; what goes wrong in it is told as its fault."""
    try:
        for violation in check(policy, plan):
            if not isinstance(violation, Violation):
                raise TypeError(f"yields {violation!r}, which is no Violation")
            yield violation
    except SlotsolverError:
        raise
    except Exception as error:
        raise origin.error(f"fails: {told(error)}") from error

"""One check per policy kind: the module named after the kind holds its function ``check``.

``check(policy, plan)`` yields a violation for everything in the plan that breaks the policy. It
reads the policy's fields and never calls its methods: those are what is being checked.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from typing import Any

from slotsolver.checker.subject import PlanSubject
from slotsolver.checker.violation import Violation
from slotsolver.errors import DefectError

PolicyCheck = Callable[[Any, PlanSubject], Iterator[Violation]]


def check_for(kind: str) -> PolicyCheck:
    """The check of a policy kind. A kind without one is a defect: its plans would go unchecked."""
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
    """Judge the plan by every policy of its problem."""
    for policy in plan.problem.policies:
        yield from check_for(policy.kind)(policy, plan)

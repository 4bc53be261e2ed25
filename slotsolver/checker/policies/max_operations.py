"""`max-operations`: how much may be done to a running guest at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from slotsolver.checker.subject import PlanSubject
from slotsolver.checker.violation import Violation


def check(policy: Any, plan: PlanSubject) -> Iterator[Violation]:
    """Each guest has at most `count` operations."""
    for guest, _ in plan.concerned(policy):
        operations = len(guest.planned.operations)
        if operations > policy.count:
            says = f"there are {operations} operations, at most {policy.count} are wanted"
            yield Violation("max-operations", "policy", says, guest.place)

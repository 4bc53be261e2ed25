"""`no-swap`: a running guest loses nothing that it gets again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from slotsolver.checker.plan_running import swaps
from slotsolver.checker.subject import PlanSubject
from slotsolver.checker.violation import Violation


def check(policy: Any, plan: PlanSubject) -> Iterator[Violation]:
    """The guest, or with a target per cell each cell, either grows or shrinks."""
    for guest, _ in plan.concerned(policy):
        if guest.guest.running:
            yield from swaps(guest, "no-swap")

"""`accept`: on which side of its target a running guest may stay."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from slotsolver.checker.plan_running import misses
from slotsolver.checker.subject import PlanSubject
from slotsolver.checker.violation import Violation


def check(policy: Any, plan: PlanSubject) -> Iterator[Violation]:
    """What is reached is the target, not above it or not below it; with a target per cell each
    cell's is. Of several such policies for a guest the last one counts."""
    for guest, _ in plan.concerned(policy):
        last = [p for p in guest.policies if p.kind == "accept"][-1]
        if guest.guest.running and policy is last:
            yield from misses(guest, policy.distance, "accept")

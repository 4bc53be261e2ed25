"""`waypoints`: each size given is a stage of the guest, met exactly."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from slotsolver.checker.subject import PlanSubject, whole_mib
from slotsolver.checker.violation import Violation
from slotsolver.size import format_size


def check(policy: Any, plan: PlanSubject) -> Iterator[Violation]:
    """Every size is the total of some stage."""
    for guest, _ in plan.concerned(policy):
        reached = [sum(guest.totals(i)) + guest.beside for i in range(len(guest.planned.stages))]
        for size in policy.sizes:
            if whole_mib(size) not in reached:
                says = f"no stage has a total of {format_size(size)}"
                yield Violation("waypoints", "policy", says, guest.place)

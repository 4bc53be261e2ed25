"""`waypoints`: each size given is a stage of the guest, met exactly."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from slotsolver.checker.subject import PlanSubject, whole_mib
from slotsolver.checker.violation import Violation
from slotsolver.size import format_size


def check(policy: Any, plan: PlanSubject) -> Iterator[Violation]:
    """Every size is the total of some stage; a running guest passes only those above what is wanted
    of it now."""
    for guest, _ in plan.concerned(policy):
        reached = [guest.memory(stage) for stage in range(len(guest.planned.stages))]
        least = guest.guest.target_size if guest.guest.running else 0
        for size in policy.sizes:
            if size > least and whole_mib(size) not in reached:
                says = f"no stage has a total of {format_size(size)}"
                yield Violation("waypoints", "policy", says, guest.place)

"""`shrinkable-to`: boot memory cannot be unplugged, so it is at most that size."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from slotsolver.checker.subject import PlanSubject
from slotsolver.checker.violation import Violation
from slotsolver.size import format_size


def check(policy: Any, plan: PlanSubject) -> Iterator[Violation]:
    """The boot memory of all cells together is at most `size`."""
    for guest, _ in plan.concerned(policy):
        boot = sum(c.boot for c in guest.planned.cells)
        if boot > policy.size:
            says = (
                f"boot memory is {format_size(boot)}; the guest can never shrink to "
                f"{format_size(policy.size)}"
            )
            yield Violation("shrinkable-to", "policy", says, guest.place)

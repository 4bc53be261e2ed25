"""`guest-block`: the guest OS's memory block is `size`, whatever the layout would give."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from slotsolver.checker.subject import PlanSubject
from slotsolver.checker.violation import Violation
from slotsolver.size import format_size


def check(policy: Any, plan: PlanSubject) -> Iterator[Violation]:
    """The plan goes by that block. That every DIMM is a multiple of it is a rule of the guest."""
    for guest, _ in plan.concerned(policy):
        if guest.planned.block != policy.size:
            says = (
                f"the plan goes by blocks of {format_size(guest.planned.block)}, the guest's are "
                f"{format_size(policy.size)}"
            )
            yield Violation("guest-block", "policy", says, guest.place)

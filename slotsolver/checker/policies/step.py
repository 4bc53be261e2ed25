"""`step`: no new DIMM is larger than `size`, so plugging alone meets any size within that."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from slotsolver.checker.subject import PlanSubject
from slotsolver.checker.violation import Violation
from slotsolver.size import format_size


def check(policy: Any, plan: PlanSubject) -> Iterator[Violation]:
    """Every new DIMM of the cells meant is at most `size`."""
    for guest, cells in plan.concerned(policy):
        for dimm in guest.new_dimms:
            if dimm.cell in cells and dimm.size > policy.size:
                says = (
                    f"a DIMM of {format_size(dimm.size)} is a step of more than "
                    f"{format_size(policy.size)}"
                )
                yield Violation("step", "policy", says, f"{guest.place} slot {dimm.slot}")

"""`sizes`: which sizes new DIMMs may have."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from slotsolver.checker.subject import PlanSubject
from slotsolver.checker.violation import Violation
from slotsolver.size import format_size


def check(policy: Any, plan: PlanSubject) -> Iterator[Violation]:
    """Each new DIMM of the cells meant has a permitted size; with `uniform` all have the same."""
    for guest, cells in plan.concerned(policy):
        dimms = [d for d in guest.new_dimms if d.cell in cells]
        for dimm in dimms:
            for says in _faults(policy, dimm.size):
                place = f"{guest.place} slot {dimm.slot}"
                yield Violation("sizes", "policy", f"{format_size(dimm.size)} {says}", place)
        found = sorted({d.size for d in dimms})
        if policy.uniform and len(found) > 1:
            says = "DIMMs of one size are wanted, there are " + ", ".join(map(format_size, found))
            yield Violation("sizes", "policy", says, guest.place)


def _faults(policy: Any, size: int) -> Iterator[str]:
    if policy.allowed is not None and size not in policy.allowed:
        yield "is not one of " + ", ".join(map(format_size, policy.allowed))
    if policy.powers_of_two and size & (size - 1):
        yield "is not a power of two"
    if policy.minimum is not None and size < policy.minimum:
        yield f"is less than {format_size(policy.minimum)}"
    if policy.maximum is not None and size > policy.maximum:
        yield f"is more than {format_size(policy.maximum)}"

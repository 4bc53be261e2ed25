"""`per-step`: how much one operation on a running guest may move."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from slotsolver.checker.subject import PlanSubject
from slotsolver.checker.violation import Violation
from slotsolver.size import format_size


def check(policy: Any, plan: PlanSubject) -> Iterator[Violation]:
    """Every DIMM plugged, unplugged or reserved is at most `size`, and so is every move of a
    virtio-mem device."""
    for guest, cells in plan.concerned(policy):
        if not guest.guest.running:
            continue
        moved = [(d.cell, d.size, f"slot {d.slot}") for d in guest.new_dimms]
        moved += [(d.cell, d.size, f"slot {d.slot}") for d in guest.changes.unplugged]
        requested = {v.number: v.before or 0 for v in guest.planned.virtio_mem}
        for operation in guest.planned.operations:
            if operation.do == "resize":
                number = operation.number or 0
                change = abs(operation.size - requested.get(number, 0))
                moved.append((operation.cell, change, f"virtio-mem {number}"))
                requested[number] = operation.size
        for cell, size, name in moved:
            if cell in cells and size > policy.size:
                says = f"{format_size(size)} are more than {format_size(policy.size)} at once"
                yield Violation("per-step", "policy", says, f"{guest.place} {name}")

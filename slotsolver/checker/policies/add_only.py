"""`add-only`: a running guest loses nothing (Windows does not take DIMMs out)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from slotsolver.checker.subject import PlanSubject
from slotsolver.checker.violation import Violation


def check(policy: Any, plan: PlanSubject) -> Iterator[Violation]:
    """In the cells meant no DIMM is unplugged and no virtio-mem device lowered."""
    for guest, cells in plan.concerned(policy):
        changes = guest.changes
        gone = [(d.cell, f"slot {d.slot}") for d in changes.unplugged]
        gone += [(v.cell, f"virtio-mem {v.number}") for v in changes.lowered]
        for cell, name in gone:
            if cell in cells:
                says = "memory is taken away, it may only be added"
                yield Violation("add-only", "policy", says, f"{guest.place} {name}")

"""`keep`: devices of a running guest that stay."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from slotsolver.checker.subject import PlanSubject
from slotsolver.checker.violation import Violation


def check(policy: Any, plan: PlanSubject) -> Iterator[Violation]:
    """The DIMMs in `slots` are not unplugged; without `slots` no DIMM of the cells meant is, and
    no virtio-mem device there is lowered."""
    for guest, cells in plan.concerned(policy):
        for dimm in guest.changes.unplugged:
            meant = policy.slots is None or dimm.slot in policy.slots
            if meant and dimm.cell in cells:
                place = f"{guest.place} slot {dimm.slot}"
                yield Violation("keep", "policy", "it is unplugged", place)
        for virtio in guest.changes.lowered:
            if policy.slots is None and virtio.cell in cells:
                place = f"{guest.place} virtio-mem {virtio.number}"
                yield Violation("keep", "policy", "less is requested of it", place)

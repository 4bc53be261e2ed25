"""`device`: whether cells grow by DIMMs, by virtio-mem, or by either."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from slotsolver.checker.subject import PlanSubject
from slotsolver.checker.violation import Violation
from slotsolver.size import format_size


def check(policy: Any, plan: PlanSubject) -> Iterator[Violation]:
    """In the cells meant no virtio-mem device changes, or no DIMM is added; what virtio-mem devices
    are added have blocks of `block`."""
    for guest, cells in plan.concerned(policy):
        if policy.use == "virtio-mem":
            for dimm in guest.new_dimms:
                if dimm.cell in cells:
                    says = f"a DIMM is added to cell {dimm.cell}, which grows by virtio-mem"
                    yield Violation("device", "policy", says, f"{guest.place} slot {dimm.slot}")
        for virtio in guest.planned.virtio_mem:
            place = f"{guest.place} virtio-mem {virtio.number}"
            if virtio.cell not in cells:
                continue
            if policy.use == "dimm" and {virtio.before or 0} != {virtio.requested, *virtio.stages}:
                says = f"its size changes; cell {virtio.cell} grows by DIMMs"
                yield Violation("device", "policy", says, place)
            if virtio in guest.new_virtio and virtio.block != policy.block:
                says = f"its blocks are of {format_size(virtio.block)}, wanted are {policy.block}"
                yield Violation("device", "policy", says, place)

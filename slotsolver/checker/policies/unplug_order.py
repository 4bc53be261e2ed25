"""`unplug-order`: which DIMMs of a running guest go before others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from slotsolver.checker.subject import GuestSubject, PlanSubject
from slotsolver.checker.violation import Violation
from slotsolver.problem import Device


def check(policy: Any, plan: PlanSubject) -> Iterator[Violation]:
    """No DIMM is unplugged while one of an earlier rank stays; those that `keep`, `add-only` or
    `per-step` does not let go have no rank."""
    for guest, cells in plan.concerned(policy):
        gone = {d.slot for d in guest.changes.unplugged}
        ranked = [d for d in guest.guest.devices if _may_go(guest, d) and (d.cell or 0) in cells]
        for first in ranked:
            for later in ranked:
                before = _rank(policy.order, first) < _rank(policy.order, later)
                if before and later.slot in gone and first.slot not in gone:
                    says = (
                        f"slot {later.slot} is unplugged and slot {first.slot}, before it, is not"
                    )
                    yield Violation("unplug-order", "policy", says, guest.place)


def _may_go(guest: GuestSubject, device: Device) -> bool:
    meant = [p for p in guest.policies if p.cells is None or (device.cell or 0) in p.cells]
    kept = any(p.kind == "add-only" for p in meant)
    kept |= any(p.kind == "keep" and (p.slots is None or device.slot in p.slots) for p in meant)
    large = any(p.kind == "per-step" and device.size > p.size for p in meant)
    return guest.guest.running and device.model == "dimm" and not kept and not large


def _rank(order: Any, device: Device) -> int:
    """Lower ranks go first; DIMMs of one rank in any order."""
    slot = device.slot or 0
    if isinstance(order, str):
        ranks = {
            "highest-slot": -slot,
            "lowest-slot": slot,
            "largest": -device.size,
            "smallest": device.size,
        }
        return ranks[order]
    return order.index(slot) if slot in order else len(order)

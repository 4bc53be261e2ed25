"""`memslots`: a vhost backend knows at most `limit` memory regions of the guest."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from slotsolver.checker.plan_platform import layout
from slotsolver.checker.subject import PlanSubject
from slotsolver.checker.violation import Violation


def check(policy: Any, plan: PlanSubject) -> Iterator[Violation]:
    """RAM below 4 GiB counts 2, RAM above it 1, each memory device at the maximum 1
    (QEMU 7.2 hw/virtio/vhost.c:vhost_has_free_slot and the regions its listener sees)."""
    for guest, _ in plan.concerned(policy):
        boot = 3 if layout(guest, plan.problem.host).above else 2
        devices = len(guest.kept_devices) + len(guest.new_dimms) + len(guest.new_virtio)
        if boot + devices > policy.limit:
            says = (
                "a used vhost backend has no free memory slots left: boot memory takes "
                f"{boot} regions and {devices} devices one each, the limit is {policy.limit}"
            )
            yield Violation("memslots", "policy", says, guest.place)

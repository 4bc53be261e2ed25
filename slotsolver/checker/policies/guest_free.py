"""`guest-free`: what is done fits into the memory that is free inside a running guest.

Unplugging moves what a DIMM holds elsewhere; plugging takes 64 bytes for each 4 KiB page (struct
page) before the new memory can be used. A guest that has no room for it dies.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from slotsolver.checker.subject import PlanSubject
from slotsolver.checker.violation import Violation
from slotsolver.size import format_size

BYTES_PER_BYTE_OF_MEMMAP = 64
"""4096 bytes of memory for 64 bytes of struct page (Linux include/linux/mm_types.h)."""


def check(policy: Any, plan: PlanSubject) -> Iterator[Violation]:
    """What is taken away is less than `size`, and a 64th of what is added fits into the rest."""
    for guest, _ in plan.concerned(policy):
        if not guest.guest.running:
            continue
        lost, gained = guest.changes.lost(), guest.changes.gained()
        if lost and lost >= policy.size:
            says = f"{format_size(lost)} are taken away, {format_size(policy.size)} are free inside"
            yield Violation("guest-free", "policy", says, guest.place)
        if gained > (policy.size - lost) * BYTES_PER_BYTE_OF_MEMMAP:
            says = (
                f"{format_size(gained)} are added, for which the {policy.size - lost} bytes that "
                "are left inside are too few"
            )
            yield Violation("guest-free", "policy", says, guest.place)

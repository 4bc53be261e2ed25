"""`memmap`: what the guest needs to manage a DIMM fits into its free memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from slotsolver.checker.subject import PlanSubject
from slotsolver.checker.violation import Violation
from slotsolver.size import format_size

PAGES_PER_PAGE_OF_MEMMAP = 64
"""Linux keeps 64 bytes per 4 KiB page (struct page), taken before a DIMM is onlined."""


def check(policy: Any, plan: PlanSubject) -> Iterator[Violation]:
    """Each new DIMM's size divided by 64 is at most `free`."""
    for guest, cells in plan.concerned(policy):
        for dimm in guest.new_dimms:
            needed = -(-dimm.size // PAGES_PER_PAGE_OF_MEMMAP)
            if dimm.cell in cells and needed > policy.free:
                says = (
                    f"a DIMM of {format_size(dimm.size)} costs the guest {format_size(needed)}, it "
                    f"has {format_size(policy.free)} free"
                )
                yield Violation("memmap", "policy", says, f"{guest.place} slot {dimm.slot}")

"""`page-size`: the pages that the cells meant (or only their DIMMs) are made of."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from slotsolver.checker.subject import GuestSubject, PlanSubject
from slotsolver.checker.violation import Violation
from slotsolver.size import format_size


def check(policy: Any, plan: PlanSubject) -> Iterator[Violation]:
    """Unless it is only `preferred`, boot memory and new DIMMs have pages of `size`."""
    if policy.preferred:
        return
    for guest, cells in plan.concerned(policy):
        pieces = [(c.id, c.page_size, f"cell {c.id}") for c in guest.planned.cells]
        if policy.of == "dimms":
            pieces = []
        own = _with_own_dimm_pages(guest) if policy.of == "memory" else set()
        pieces += [
            (d.cell, d.page_size, f"slot {d.slot}") for d in guest.new_dimms if d.cell not in own
        ]
        for cell, page_size, place in pieces:
            if cell in cells and page_size != policy.size:
                says = (
                    f"pages of {format_size(policy.size)} are wanted, planned are pages of "
                    f"{format_size(page_size)}"
                )
                yield Violation("page-size", "policy", says, f"{guest.place} {place}")


def _with_own_dimm_pages(guest: GuestSubject) -> set[int]:
    """Cells whose DIMMs another policy gives pages of their own."""
    others = [p for p in guest.policies if p.kind == "page-size" and p.of == "dimms"]
    return {
        cell.id
        for cell in guest.guest.cells
        for policy in others
        if not policy.preferred and (policy.cells is None or cell.id in policy.cells)
    }

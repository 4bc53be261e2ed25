"""`exact`: every multiple of `size` of a cell's growth is the sum of some of its DIMMs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from slotsolver.checker.subject import PlanSubject
from slotsolver.checker.violation import Violation
from slotsolver.size import format_size


def check(policy: Any, plan: PlanSubject) -> Iterator[Violation]:
    """Each DIMM is a multiple of `size` and at most `size` more than all smaller ones together.

    By induction that is the same as every multiple being a subset sum.
    """
    for guest, cells in plan.concerned(policy):
        for cell in cells:
            reached = 0
            dimms = [d for d in guest.new_dimms if d.cell == cell]
            for dimm in sorted(dimms, key=lambda d: d.size):
                place = f"{guest.place} slot {dimm.slot}"
                if dimm.size % policy.size:
                    says = (
                        f"{format_size(dimm.size)} is not a multiple of {format_size(policy.size)}"
                    )
                    yield Violation("exact", "policy", says, place)
                if dimm.size > policy.size + reached:
                    says = (
                        f"cell {cell} can grow by {format_size(reached)} and then not by "
                        f"{format_size(reached + policy.size)}: the next DIMM is "
                        f"{format_size(dimm.size)}"
                    )
                    yield Violation("exact", "policy", says, place)
                reached += dimm.size

"""`relative-step`: each DIMM is at most `ratio` of what its cell had before, or `at_least`."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from slotsolver.checker.subject import GuestSubject, PlanSubject
from slotsolver.checker.violation import Violation
from slotsolver.plan import PlannedDimm
from slotsolver.size import format_size


def check(policy: Any, plan: PlanSubject) -> Iterator[Violation]:
    """In plug order (by stage, then size) no DIMM d has d > max(at_least, ratio * total before).
    What virtio-mem gives counts from the stage on at which it is all there."""
    for guest, cells in plan.concerned(policy):
        for cell in cells:
            yield from _cell(policy, guest, cell)


def _cell(policy: Any, guest: GuestSubject, cell: int) -> Iterator[Violation]:
    least = policy.at_least if policy.at_least is not None else guest.unit(cell)
    dimms = [d for d in guest.new_dimms if d.cell == cell]
    for dimm in sorted(dimms, key=lambda d: (d.stage, d.size)):
        before = guest.totals(max(0, dimm.stage - 1))[cell]
        before += sum(d.size for d in dimms if d.stage == dimm.stage and _earlier(d, dimm))
        if dimm.size > max(Fraction(least), Fraction(policy.ratio) * before):
            says = (
                f"a DIMM of {format_size(dimm.size)} is more than {policy.ratio} of the "
                f"{format_size(before)} that cell {cell} has before it, and more than "
                f"{format_size(least)}"
            )
            yield Violation("relative-step", "policy", says, f"{guest.place} slot {dimm.slot}")


def _earlier(one: PlannedDimm, other: PlannedDimm) -> bool:
    """Whether one DIMM of a stage is plugged before another."""
    return (one.size, one.slot) < (other.size, other.slot)

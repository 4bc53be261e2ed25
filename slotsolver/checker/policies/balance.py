"""`balance`: at every stage the cells' totals keep to their shares."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from slotsolver.checker.subject import GuestSubject, PlanSubject, shares_of
from slotsolver.checker.violation import Violation
from slotsolver.size import format_size


def check(policy: Any, plan: PlanSubject) -> Iterator[Violation]:
    """From the target on (and at boot, where boot memory is free) no cell is off its share by its
    unit or more, or by more than `tolerance` where that is given."""
    for guest, cells in plan.concerned(policy):
        for stage in guest.balanced_stages(guest.target_stage):
            yield from _stage(policy, guest, cells, stage)


def _stage(
    policy: Any, guest: GuestSubject, cells: tuple[int, ...], stage: int
) -> Iterator[Violation]:
    totals, shares = guest.totals(stage), shares_of(policy.by, guest.guest)
    for cell in cells:
        wanted = Fraction(sum(totals) * shares[cell], sum(shares))
        off = abs(totals[cell] - wanted)
        limit = guest.unit(cell) if policy.tolerance is None else policy.tolerance
        if off > limit or (policy.tolerance is None and off == limit):
            says = (
                f"at stage {guest.planned.stages[stage].name} cell {cell} has "
                f"{format_size(totals[cell])}, its share is {format_size(int(wanted))}; the "
                f"difference may be {'at most' if policy.tolerance is not None else 'less than'} "
                f"{format_size(limit)}"
            )
            yield Violation("balance", "policy", says, f"{guest.place} cell {cell}")

"""`reserve`: the host has free pages for the target, or for all growth up to the maximum.

Which stage counts is read in :meth:`GuestSubject.reserve_stage`, the pools are counted in
:mod:`slotsolver.checker.plan_host` for all guests together; here only the promise of one policy is
looked at: no pool has promised more than it has left.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from slotsolver.checker.plan_host import Needs, capacity, returned, shortages
from slotsolver.checker.subject import PlanSubject
from slotsolver.checker.violation import Violation
from slotsolver.fields import format_ids
from slotsolver.size import format_size


def check(policy: Any, plan: PlanSubject) -> Iterator[Violation]:
    """What the guests meant need until that stage fits into the pools, other guests left aside."""
    host = plan.problem.host
    if host is None:
        return
    wanted: Needs = {}
    for guest, cells in plan.concerned(policy):
        last = guest.last_stage if policy.until == "maximum" else guest.target_stage
        for piece in guest.pieces:
            if piece.cell in cells and piece.stage <= last and not piece.taken:
                entry = (frozenset(piece.nodes), piece.pages)
                wanted.setdefault(piece.page_size, []).append(entry)
    for nodes, size, pages, free in shortages(wanted, capacity(host, returned(plan))):
        says = (
            f"until the {policy.until} {pages} pages of {format_size(size)} are needed on host "
            f"node {format_ids(nodes)}, {free} are free"
        )
        yield Violation("reserve", "policy", says, f"host node {format_ids(nodes)}")

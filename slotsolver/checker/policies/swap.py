"""`swap`: a running guest may lose memory to get other memory for it.

It permits, so no plan can break it: what it permits is forbidden to all other guests in
:mod:`slotsolver.checker.plan_running`. But no guest can both be permitted and forbidden to swap.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from slotsolver.checker.subject import PlanSubject
from slotsolver.checker.violation import Violation


def check(policy: Any, plan: PlanSubject) -> Iterator[Violation]:
    """No guest meant has `no-swap` too."""
    for guest, _ in plan.concerned(policy):
        if guest.guest.running and guest.has("no-swap"):
            yield Violation("swap", "policy", "it is also told not to swap", guest.place)

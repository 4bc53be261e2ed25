"""`slots`: how many slots the layout takes, `at_most` or `exactly`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from slotsolver.checker.subject import PlanSubject
from slotsolver.checker.violation import Violation


def check(policy: Any, plan: PlanSubject) -> Iterator[Violation]:
    """Slots are counted as libvirt counts them; what is written may be more."""
    for guest, _ in plan.concerned(policy):
        used = guest.slots_used
        if policy.at_most is not None and used > policy.at_most:
            says = f"the guest uses {used} slots, at most {policy.at_most} are wanted"
            yield Violation("slots", "policy", says, guest.place)
        if policy.exactly is not None and used != policy.exactly:
            says = f"the guest uses {used} slots, exactly {policy.exactly} are wanted"
            yield Violation("slots", "policy", says, guest.place)

"""`headroom`: pages that stay free in the pools of every host node."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from math import ceil
from typing import Any

from slotsolver.checker.plan_host import capacity, needs, returned, shortages
from slotsolver.checker.subject import PlanSubject
from slotsolver.checker.violation import Violation
from slotsolver.fields import format_ids
from slotsolver.problem import Pool
from slotsolver.size import format_size


def check(policy: Any, plan: PlanSubject) -> Iterator[Violation]:
    """What is reserved leaves the headroom; from a pool that has less, even with what comes back to
    it, nothing is taken."""
    host = plan.problem.host
    if host is None:
        return
    meant = host.page_sizes() if policy.page_size is None else (policy.page_size,)
    there = capacity(host, returned(plan))
    free_for_use = {
        (node, size): max(0, pages - _kept(policy, host.pool(node, size)))
        for (node, size), pages in there.items()
    }
    wanted = {size: pieces for size, pieces in needs(plan).items() if size in meant}
    for nodes, size, pages, free in shortages(wanted, free_for_use):
        says = (
            f"{pages} pages of {format_size(size)} are taken on host node {format_ids(nodes)}; "
            f"with the headroom only {free} may be"
        )
        yield Violation("headroom", "policy", says, f"host node {format_ids(nodes)}")


def _kept(policy: Any, pool: Pool) -> int:
    """Pages of a pool that stay free."""
    if policy.pages is not None:
        return int(policy.pages)
    if policy.fraction is not None:
        return ceil(Fraction(policy.fraction) * pool.total)
    return int(-(-policy.size // pool.page_size))

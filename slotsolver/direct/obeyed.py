"""Rules that the closed forms do not count on, but that a guest's best sizes may keep all the same.

Such a rule only forbids sizes. If those that are best without it keep it, they are best with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from slotsolver.constraints.balance import Balance
from slotsolver.direct.sizing import GuestSizing
from slotsolver.policies import Policy
from slotsolver.size import MiB

if TYPE_CHECKING:  # known by their kinds: a plan without them does not load them
    from slotsolver.constraints.memslots import Memslots
    from slotsolver.constraints.shrinkable_to import ShrinkableTo

ONLY_FORBID = frozenset({"memslots", "shrinkable-to"})
"""Their kinds; ``balance`` with a tolerance is one too."""


def obeys(sized: GuestSizing) -> bool:
    """Whether a guest's sizes keep all such rules."""
    return all(_keeps(sized, policy) for policy in sized.facts.policies)


def _keeps(sized: GuestSizing, policy: Policy) -> bool:
    boot = sum(cell.totals[0] for cell in sized.cells)
    if policy.kind == "shrinkable-to":
        return boot <= cast("ShrinkableTo", policy).size // MiB
    if policy.kind == "memslots":
        regions = sized.slots + sized.facts.boot_regions(boot)
        return regions <= cast("Memslots", policy).limit
    if isinstance(policy, Balance) and policy.tolerance is not None:
        reach = len(sized.cells) * policy.tolerance // MiB
        return all(
            abs(len(totals) * total - sum(totals)) <= reach
            for totals in zip(*(cell.totals for cell in sized.cells), strict=True)
            for total in totals
        )
    return True

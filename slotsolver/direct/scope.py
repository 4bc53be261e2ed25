"""Which problems are answered without a search: those of which the closed forms know every rule."""

from __future__ import annotations

from collections.abc import Sequence

from slotsolver.constraints.balance import Balance
from slotsolver.constraints.host_nodes import HostNodes
from slotsolver.constraints.page_size import PageSize
from slotsolver.constraints.sizes import Sizes
from slotsolver.constraints.slots import Slots
from slotsolver.direct.obeyed import ONLY_FORBID
from slotsolver.facts import GuestFacts
from slotsolver.kinds import is_built_in
from slotsolver.policies import Objective, Policy
from slotsolver.problem import Problem

IN_THE_FACTS = frozenset(
    {
        "accept",
        "add-only",
        "exact",
        "guest-block",
        "guest-free",
        "keep",
        "max-operations",
        "memmap",
        "no-swap",
        "per-step",
        "relative-step",
        "reserve",
        "step",
        "swap",
        "unplug-order",
        "waypoints",
    }
)
"""Policies of which the facts say all there is to say about a guest that does not run: sizes,
stages, rules of growth; or nothing, because they are about running guests."""

KNOWN = IN_THE_FACTS | ONLY_FORBID | {"balance", "headroom"}
"""Policies that are known whatever their fields are."""

ORDER = (
    "least-imbalance",
    "finest-step",
    "fewest-slots",
    "shortest-distance",
    "largest-pages",
    "least-stranding",
    "lowest-maxmem",
)
"""The usual order of objectives. The closed forms' bounds hold for each one while those before it
are at their bounds, so another order is not for them."""


def understood(
    problem: Problem, facts: Sequence[GuestFacts], objectives: Sequence[Objective]
) -> bool:
    """Whether the closed forms know every rule of the problem."""
    kinds = tuple(objective.kind for objective in objectives)
    usual = kinds in (ORDER, tuple(kind for kind in ORDER if kind != "finest-step"))
    return (
        usual
        and all(is_built_in(type(objective)) for objective in objectives)
        and not problem.also_hosts
        and all(map(_policy_understood, problem.policies))
        and all(map(_guest_understood, facts))
    )


def _policy_understood(policy: Policy) -> bool:
    if not is_built_in(type(policy)):
        return False
    if isinstance(policy, HostNodes):
        return not policy.spread and (policy.cells is None or not policy.distinct)
    if isinstance(policy, PageSize):
        return not policy.preferred and policy.of == "memory"
    if isinstance(policy, Slots):
        return policy.exactly is None
    if isinstance(policy, Sizes):
        return not policy.uniform
    return policy.kind in KNOWN


def _guest_understood(facts: GuestFacts) -> bool:
    """It is plain, has equal shares, one grid to be exact about, and no wishes for pages."""
    balances = [policy for policy in facts.policies if isinstance(policy, Balance)]
    return (
        is_plain(facts)
        and all(len(set(p.shares(facts.guest))) == 1 for p in balances)
        and sum(policy.kind == "exact" for policy in facts.policies) <= 1
        and all(cell.preferred_pages is None for cell in facts.cells)
    )


def is_plain(facts: GuestFacts) -> bool:
    """Whether a guest does not run, has no devices, each cell of it lies on one node with pages of
    one size, and its sizes are all known but boot's."""
    return (
        facts.running is None
        and not facts.guest.devices
        and all(stage.exact for stage in facts.stages[1:])
        and (facts.stages[0].exact or facts.stages[0].memory is None)
        and not any(
            cell.virtio
            or cell.spread
            or cell.dimm_pages
            or any(len(n) > 1 or cell.no_prealloc.intersection(n) for n in cell.nodes)
            for cell in facts.cells
        )
    )

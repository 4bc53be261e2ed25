"""The objectives' values, computed again from the plan's pieces."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import combinations
from typing import Any

from slotsolver.checker import objectives_running
from slotsolver.checker.subject import GuestSubject, PlanSubject
from slotsolver.checker.violation import Violation
from slotsolver.size import MiB

DEFAULT_STEPS = 32
"""Without another wish a step is the smallest power of two times the block that takes at most this
many steps from nothing to the maximum."""


def check_objectives(plan: PlanSubject) -> Iterator[Violation]:
    """Each reported value is the plan's, no bound is above its value, and optimal means equal."""
    options = {o.kind: o for o in plan.problem.objectives}
    for objective in plan.plan.objectives:
        value = objective_value(plan, objective.kind, options.get(objective.kind))
        place = f"objective {objective.kind}"
        if value is not None and value != objective.value:
            says = f"the plan's value is {value} {objective.unit}, reported is {objective.value}"
            yield Violation("objective-value", "plan", says, place)
        if objective.bound > objective.value:
            says = f"the bound {objective.bound} is above the value {objective.value}"
            yield Violation("objective-bound", "plan", says, place)
        if plan.plan.status == "optimal" and objective.bound != objective.value:
            says = f"optimal, but {objective.value} is not proven: the bound is {objective.bound}"
            yield Violation("objective-bound", "plan", says, place)
    reported = [o.kind for o in plan.plan.objectives]
    for kind in options:
        if kind not in reported:
            yield Violation("objective-missing", "plan", "it is not reported", f"objective {kind}")


def objective_value(plan: PlanSubject, kind: str, option: Any) -> int | None:
    """The value of an objective; ``None`` for one that is not known here."""
    compute = VALUES.get(kind)
    return None if compute is None else compute(plan, option)


def _fewest_slots(plan: PlanSubject, _: Any) -> int:
    return sum(g.slots_used for g in plan.guests)


def _finest_step(plan: PlanSubject, option: Any) -> int:
    total = 0
    for guest in plan.guests:
        down_to = "default" if option is None else option.down_to
        floor = _default_step(guest) if down_to == "default" else int(down_to or 0)
        total += max(floor, guest.largest_dimm)
    return total


def _default_step(guest: GuestSubject) -> int:
    step = guest.planned.block
    while step * DEFAULT_STEPS < guest.guest.maximum_size:
        step *= 2
    return step


def _least_imbalance(plan: PlanSubject, _: Any) -> int:
    """Boot memory that is split freely and is no wanted size itself counts only with what exceeds
    one unit and the imbalance of the next stage. Of a running guest only the target counts here."""
    total = 0
    for guest in plan.guests:
        if guest.guest.running:
            per_cell = isinstance(guest.guest.target, dict)
            total += 0 if per_cell else guest.spread(guest.target_stage)
            continue
        stages = guest.balanced_stages(1)
        early = guest.boot_free and guest.planned.stages[0].name == "boot"
        total += sum(guest.spread(stage) for stage in stages if stage or not early)
        if early:
            following = guest.spread(1) if 1 in stages else 0
            total += max(0, guest.spread(0) - max(guest.smallest_unit(plan), following))
    return total


def _shortest_distance(plan: PlanSubject, _: Any) -> int:
    host = plan.problem.host
    if host is None:
        return 0
    there, total = {node.id for node in host.nodes}, 0
    far: dict[tuple[tuple[int, ...], tuple[int, ...]], int] = {}
    for guest in plan.guests:
        nodes = [cell.host_nodes for cell in guest.planned.cells]
        for one, other in combinations(guest.guest.cells, 2):
            key = nodes[one.id], nodes[other.id]
            if key not in far:
                # Nodes that the host does not have are told elsewhere.
                here, away = (there.intersection(side) for side in key)
                pairs = (max(host.distance(a, b), host.distance(b, a)) for a in here for b in away)
                far[key] = max(pairs, default=0)
            total += one.distance(other.id) * far[key]
    return total


def _largest_pages(plan: PlanSubject, _: Any) -> int:
    return sum(plan.pages[0].values())


def _least_stranding(plan: PlanSubject, _: Any) -> int:
    """A piece is the smallest target split evenly over its guest's cells; leftovers are counted in
    pages, small pages in whole MiB. Nodes of which the kernel may choose do not count."""
    piece = min(g.guest.target_size // len(g.guest.cells) for g in plan.guests)
    total = 0
    several = plan.shared_nodes
    for node in plan.plan.host.nodes if plan.plan.host else ():
        for pool in node.pools if node.id not in several else ():
            grain = max(pool.page_size, MiB)
            left = pool.free_after * pool.page_size // grain
            total += left * grain if left < -(-piece // grain) else 0
    return total


def _preferred_pages(plan: PlanSubject, _: Any) -> int:
    """Cells whose DIMMs would not have the page size that the last wish for them names."""
    total = 0
    for guest in plan.guests:
        for cell in guest.planned.cells:
            wishes, page = [], cell.page_size
            for policy in guest.policies:
                if policy.kind != "page-size" or (policy.cells and cell.id not in policy.cells):
                    continue
                if policy.preferred:
                    wishes.append(policy.size)
                elif policy.of == "dimms":
                    page = policy.size
            total += bool(wishes) and wishes[-1] != page
    return total


def _lowest_maxmem(plan: PlanSubject, _: Any) -> int:
    return sum(g.planned.maximum for g in plan.guests)


VALUES: dict[str, Callable[[PlanSubject, Any], int]] = {
    "fewest-slots": _fewest_slots,
    "finest-step": _finest_step,
    "least-imbalance": _least_imbalance,
    "shortest-distance": _shortest_distance,
    "largest-pages": _largest_pages,
    "least-stranding": _least_stranding,
    "lowest-maxmem": _lowest_maxmem,
    "preferred-pages": _preferred_pages,
    "target-distance": objectives_running.distance,
    "planned-growth": objectives_running.planned_growth,
    "needless-unplug": objectives_running.needless,
    "fewest-unplugs": objectives_running.unplugs,
    "fewest-plugs": objectives_running.plugs,
    "stranded-growth": objectives_running.stranded,
    "unpaid-growth": objectives_running.unpaid,
    "growth-imbalance": objectives_running.growth_imbalance,
}

"""The values of objectives about running guests."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from slotsolver.checker.plan_host import returned
from slotsolver.checker.plan_running import departures, needless_unplug, target_distance
from slotsolver.checker.subject import GuestSubject, PlanSubject
from slotsolver.size import MiB


def running(plan: PlanSubject) -> Iterator[GuestSubject]:
    """The guests that run."""
    return (g for g in plan.guests if g.guest.running)


def distance(plan: PlanSubject, _: Any) -> int:
    """Bytes between the sizes reached and those wanted."""
    return sum(target_distance(g) for g in running(plan))


def planned_growth(plan: PlanSubject, _: Any) -> int:
    """DIMMs in which the plan leaves the growth that was planned once."""
    return sum(departures(g) for g in running(plan))


def needless(plan: PlanSubject, _: Any) -> int:
    """Bytes that are unplugged only to be plugged again."""
    return sum(needless_unplug(g) for g in running(plan))


def unplugs(plan: PlanSubject, _: Any) -> int:
    """DIMMs unplugged and virtio-mem devices lowered."""
    return sum(len(g.changes.unplugged) + len(g.changes.lowered) for g in running(plan))


def plugs(plan: PlanSubject, _: Any) -> int:
    """DIMMs plugged and virtio-mem devices raised, now."""
    return sum(len(g.changes.plugged) + len(g.changes.raised) for g in running(plan))


def stranded(plan: PlanSubject, _: Any) -> int:
    """Bytes of growth that can no longer be reached."""
    return sum(g.guest.maximum_size - g.memory(g.last_stage) for g in running(plan))


def unpaid(plan: PlanSubject, _: Any) -> int:
    """Bytes of pages that running guests would need to grow to their maxima and that are not free
    after the plan, each pool in pages, small ones in whole MiB. Nodes of which the kernel may
    choose do not count."""
    host, back, several = plan.problem.host, returned(plan), plan.shared_nodes
    needed: dict[tuple[int, int], int] = defaultdict(int)
    for guest in plan.guests:
        for piece in guest.pieces:
            wanted = guest.guest.running or piece.stage <= guest.reserve_stage(piece.cell)
            if wanted and not piece.taken and len(piece.nodes) == 1:
                needed[piece.nodes[0], piece.page_size] += piece.pages * piece.page_size
    total = 0
    for (node, size), memory in needed.items() if host else ():
        grain = max(size, MiB)
        free = host.pool(node, size).free * size // grain * grain if host else 0
        if node not in several:
            total += max(0, memory - free - back.get((node, size), 0) * size)
    return total


def growth_imbalance(plan: PlanSubject, _: Any) -> int:
    """Spread of the cells over all stages after the target."""
    return sum(
        g.spread(stage)
        for g in running(plan)
        for stage in range(g.target_stage + 1, g.last_stage + 1)
    )

"""The smallest pools that suffice: how many free pages of one size every host node needs.

More pages never hurt: whatever a plan takes of a pool it takes of a larger one too, and a part of a
pool that has to stay free grows by less than the pool.
"""

from __future__ import annotations

from dataclasses import dataclass

from slotsolver.clock import Clock
from slotsolver.errors import InputError
from slotsolver.gather import gather
from slotsolver.host import Host, HostNode, Pool
from slotsolver.problem import Problem
from slotsolver.size import MiB, format_size, granule
from slotsolver.solver import feasible
from slotsolver.study.copies import host_of, room, taken_by
from slotsolver.study.filling import planned
from slotsolver.study.needs import ceiling


@dataclass(frozen=True, slots=True)
class SmallestPools:
    """With ``pages`` free pages of a size on every host node, or as many as a smaller node's memory
    can hold, there is a plan; ``None``: with no number that could be tried. ``least`` is a number
    below which there is certainly none, one more than all that can be where no number helps.
    ``taken`` is what a plan takes of each node's pool, by the node's id, empty where none is known.
    """

    pages: int | None
    least: int
    proven: bool
    taken: dict[int, int]


def smallest_pools(problem: Problem, page_size: int, *, effort: float) -> SmallestPools:
    """The fewest free pages of a size (bytes), the same on every node, with which there is a plan.

    Other memory is as it is, ordinary free memory too; pages that are used now stay so. ``effort``
    is in CP-SAT's deterministic seconds. Raises :class:`InputError` for a problem without a host,
    for a page size that is no power of two of at least the host's base page, and for a problem that
    contradicts itself in its input even where the pools are as large as can be.
    """
    if problem.host is None:
        raise InputError("the problem has no host; pools are asked of a host")
    _refuse_page(problem.host, page_size)
    clock = Clock(None, allowed=effort)
    each = granule(page_size) * MiB // page_size
    most = max(_holds(problem.host, node, page_size) for node in problem.host.nodes) // each * each
    largest = with_pools(problem, page_size, most)
    helps = feasible(largest, clock)
    if not helps:
        return SmallestPools(None, 0 if helps is None else most + 1, helps is False, {})
    low, high = _floor(problem, page_size, most, each), most
    known = low
    while low < high:
        middle = (low + high) // 2 // each * each
        found = _feasible(with_pools(problem, page_size, middle), clock)
        if found:
            high = middle
            continue
        low = middle + each
        if found is False:
            known = low
    taken = _taken(with_pools(problem, page_size, high), page_size, effort)
    return SmallestPools(high, known, known == high, taken)


def _floor(problem: Problem, page: int, most: int, each: int) -> int:
    """A number of pages below which there is too little memory in any case."""
    facts = gather(with_pools(problem, page, most))
    low, high = 0, most
    while low < high:
        middle = (low + high) // 2 // each * each
        if ceiling(facts, room(with_pools(problem, page, middle))):
            high = middle
        else:
            low = middle + each
    return low


def _taken(problem: Problem, page: int, effort: float) -> dict[int, int]:
    """What a plan takes of each node's pool, where one is found in time."""
    found = planned(problem, Clock(None, allowed=effort))
    pages = taken_by(found[1]) if isinstance(found, tuple) else {}
    return {node: count for (node, size), count in sorted(pages.items()) if size == page}


def _feasible(problem: Problem, clock: Clock) -> bool | None:
    """Whether there is a plan; a guest that wants pages of which there is none has none."""
    if clock.spent:
        return None
    try:
        return feasible(problem, clock)
    except InputError:
        return False


def _refuse_page(host: Host, page: int) -> None:
    if page < host.base_page or page & (page - 1):
        raise InputError(
            f"{format_size(page)} is no page size; it is a power of two, "
            f"{format_size(host.base_page)} or more"
        )


def _holds(host: Host, node: HostNode, page: int) -> int:
    """Free pages of a size that a node's memory can hold beside its other pools."""
    others = sum(
        p.total * p.page_size for p in node.pools if p.page_size not in (page, host.base_page)
    )
    return max(0, (node.memory - others) // page - _used(host, node, page))


def _used(host: Host, node: HostNode, page: int) -> int:
    if page == host.base_page:
        return 0  # what is not free of ordinary memory cannot be told from what the kernel has
    pool = host.pool(node.id, page)
    return pool.total - pool.free


def with_pools(problem: Problem, page: int, pages: int) -> Problem:
    """The problem with so many free pages of a size on every node, or what it can hold."""
    host = host_of(problem)
    nodes = tuple(_with_pool(host, n, page, min(pages, _holds(host, n, page))) for n in host.nodes)
    return problem.model_copy(update={"host": host.model_copy(update={"nodes": nodes})})


def _with_pool(host: Host, node: HostNode, page: int, pages: int) -> HostNode:
    if page == host.base_page:
        return node.model_copy(update={"free": pages * page})
    pool = Pool(page_size=page, total=_used(host, node, page) + pages, free=pages)
    pools = [*(other for other in node.pools if other.page_size != page), pool]
    return node.model_copy(update={"pools": tuple(sorted(pools, key=lambda p: p.page_size))})

"""Several copies of a problem's guests, and what plans leave of a host.

Guests meet nowhere but in the host's pools, as long as every rule is slotsolver's own and there is
no other host that they may migrate to: then plans that together take no more of each pool than it
gives are one plan.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from slotsolver.constraints.headroom import Headroom
from slotsolver.host import Host, HostNode
from slotsolver.kinds import is_built_in
from slotsolver.plan import Plan
from slotsolver.policies import Policy
from slotsolver.problem import Problem
from slotsolver.size import MiB, granule

Pages = Mapping[tuple[int, int], int]
"""Pages by (id of the host node, page size in bytes)."""


def several(problem: Problem, count: int) -> Problem:
    """A problem with so many copies of all its guests; a policy that names a guest names its
    copies. One copy is the problem itself."""
    if count == 1:
        return problem
    guests = tuple(
        guest.model_copy(update={"name": _copy(guest.name, number)})
        for number in range(1, count + 1)
        for guest in problem.guests
    )
    policies = tuple(_of_copies(policy, count) for policy in problem.policies)
    return problem.model_copy(update={"guests": guests, "policies": policies})


def _copy(name: str, number: int) -> str:
    return f"{name}#{number}"  # no two guests get one name: each gets one such ending more


def _of_copies(policy: Policy, count: int) -> Policy:
    if policy.guests is None:
        return policy
    names = tuple(_copy(name, n) for n in range(1, count + 1) for name in policy.guests)
    return policy.model_copy(update={"guests": names})


def alone(problem: Problem, place: int) -> Problem:
    """One of the guests without the others."""
    guest = problem.guests[place]
    policies = tuple(
        policy if policy.guests is None else policy.model_copy(update={"guests": (guest.name,)})
        for policy in problem.policies
        if policy.concerns(guest)
    )
    return problem.model_copy(update={"guests": (guest,), "policies": policies})


def meet_in_pools_only(problem: Problem) -> bool:
    """Whether guests share nothing but the pools of the host."""
    return not problem.also_hosts and all(is_built_in(type(p)) for p in problem.policies)


def host_of(problem: Problem) -> Host:
    """The host, of a problem that has one."""
    assert problem.host is not None  # noqa: S101 - nobody asks about problems without
    return problem.host


def room(problem: Problem) -> dict[tuple[int, int], int]:
    """Pages that guests may take of each pool, in whole granules."""
    host = host_of(problem)
    return {
        (node.id, size): _whole(host.pool(node.id, size).free - _kept(problem, node.id, size), size)
        for node in host.nodes
        for size in host.page_sizes()
    }


def _whole(pages: int, size: int) -> int:
    """Pages in whole granules (at least 1 MiB): the model counts no less."""
    each = granule(size) * MiB // size
    return max(0, pages // each * each)


def _kept(problem: Problem, node: int, size: int) -> int:
    pool = host_of(problem).pool(node, size)
    return max((p.kept(pool) for p in problem.policies if isinstance(p, Headroom)), default=0)


def taken_by(plan: Plan) -> dict[tuple[int, int], int]:
    """Pages that a plan takes of each pool, promised growth included as far as it is reserved."""
    nodes = plan.host.nodes if plan.host else ()
    used = (
        ((node.id, p.page_size), p.free_before - p.free_after) for node in nodes for p in node.pools
    )
    return {key: pages for key, pages in used if pages}


def times(taken: Pages, room: Pages) -> int:
    """How many times so many pages are in a room."""
    return min((room[key] // pages for key, pages in taken.items() if pages > 0), default=0)


def added(parts: Iterable[tuple[int, Pages]]) -> dict[tuple[int, int], int]:
    """Several takings, each so many times, together."""
    total: dict[tuple[int, int], int] = {}
    for count, pages in parts:
        for key, number in pages.items():
            total[key] = total.get(key, 0) + count * number
    return total


def without(problem: Problem, taken: Pages) -> Problem:
    """The problem on what is left of its host when so many pages of it are taken."""
    host = host_of(problem)
    free = {key: host.pool(*key).free - pages for key, pages in taken.items()}
    return _with_free(problem, free)


def on_share(problem: Problem, share: Pages) -> Problem:
    """The problem on a host that gives just these pages, with what has to stay free beside."""
    host = host_of(problem)
    free = {
        (node.id, size): min(
            host.pool(node.id, size).free,
            share.get((node.id, size), 0) + _kept(problem, node.id, size),
        )
        for node in host.nodes
        for size in host.page_sizes()
    }
    return _with_free(problem, free)


def _with_free(problem: Problem, free: Pages) -> Problem:
    """Other numbers of free pages; totals, of which headroom may be a part, stay."""
    host = host_of(problem)
    nodes = tuple(_node_with_free(host, node, free) for node in host.nodes)
    return problem.model_copy(update={"host": host.model_copy(update={"nodes": nodes})})


def _node_with_free(host: Host, node: HostNode, free: Pages) -> HostNode:
    pools = tuple(
        pool.model_copy(update={"free": free.get((node.id, pool.page_size), pool.free)})
        for pool in node.pools
        if pool.page_size != host.base_page
    )
    ordinary = host.pool(node.id, host.base_page)
    update: dict[str, object] = {"pools": pools}
    if (node.id, host.base_page) in free:
        huge = sum(pool.total * pool.page_size for pool in pools)
        update["free"] = free[node.id, host.base_page] * host.base_page
        update["memory"] = max(node.memory, huge + ordinary.total * host.base_page)
    return node.model_copy(update=update)

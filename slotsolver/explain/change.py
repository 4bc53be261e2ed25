"""Small changes of a problem, as functions from a problem to another one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from slotsolver.constraints.no_swap import NoSwap
from slotsolver.constraints.swap import Swap
from slotsolver.policies import Policy
from slotsolver.problem import Guest, Host, HostNode, Pool, Problem

Change = Callable[[Problem], Problem]

ENDLESS_PAGES = 1 << 30
"""More pages than any problem can take."""


def changed(problem: Problem, changes: Sequence[Change]) -> Problem:
    """The problem with every change made, one after the other."""
    for change in changes:
        problem = change(problem)
    return problem


def in_turn(*changes: Change) -> Change:
    """Several changes as one."""
    return lambda problem: changed(problem, changes)


def guest_named(problem: Problem, name: str) -> Guest:
    """The guest of that name, as it is in this problem."""
    return next(guest for guest in problem.guests if guest.name == name)


def with_guest(name: str, **update: object) -> Change:
    """Other fields of a guest."""

    def change(problem: Problem) -> Problem:
        guests = tuple(g.model_copy(update=update) if g.name == name else g for g in problem.guests)
        return problem.model_copy(update={"guests": guests})

    return change


def with_cells(name: str, cells: Sequence[int], **update: object) -> Change:
    """Other fields of some cells of a guest."""

    def change(problem: Problem) -> Problem:
        found = tuple(
            cell.model_copy(update=update) if cell.id in cells else cell
            for cell in guest_named(problem, name).cells
        )
        return with_guest(name, cells=found)(problem)

    return change


def with_cell_target(name: str, cell: int, size: int) -> Change:
    """Another target of one cell (bytes), where cells have targets."""

    def change(problem: Problem) -> Problem:
        targets = guest_named(problem, name).target
        assert isinstance(targets, dict)  # noqa: S101 - asked for these only
        return with_guest(name, target={**targets, cell: size})(problem)

    return change


def with_policy(policy: Policy) -> Change:
    """One more policy, the last one."""
    return lambda p: p.model_copy(update={"policies": (*p.policies, policy)})


def with_first_policy(policy: Policy) -> Change:
    """One more policy, before all others."""
    return lambda p: p.model_copy(update={"policies": (policy, *p.policies)})


def with_instead(policy: Policy, other: Policy | None) -> Change:
    """Another policy in the place of one, or none."""

    def change(problem: Problem) -> Problem:
        kept = (other if old is policy else old for old in problem.policies)
        policies = tuple(new for new in kept if new is not None)
        return problem.model_copy(update={"policies": policies})

    return change


def with_swaps(name: str) -> Change:
    """A guest that may exchange DIMMs, whatever forbids it."""

    def change(problem: Problem) -> Problem:
        names = [guest.name for guest in problem.guests]
        policies: list[Policy] = []
        for policy in problem.policies:
            if not isinstance(policy, NoSwap):
                policies.append(policy)
            elif others := tuple(n for n in policy.guests or names if n != name):
                policies.append(policy.model_copy(update={"guests": others}))
        policies.append(Swap(guests=(name,)))
        return problem.model_copy(update={"policies": tuple(policies)})

    return change


def without_destination(host: Host) -> Change:
    """One host less that the guests may be migrated to."""
    return lambda p: p.model_copy(
        update={"also_hosts": tuple(other for other in p.also_hosts if other is not host)}
    )


def without_host(problem: Problem) -> Problem:
    """The same guests on no host: nothing is placed, and no page is missing. What the host says of
    their CPU still holds."""
    host = problem.host
    if host is None:
        return problem
    guests = []
    for guest in problem.guests:
        bits = host.phys_bits if guest.host_passthrough else None
        known = {
            "phys_bits": guest.phys_bits or bits,
            "cpu_vendor": guest.cpu_vendor or host.cpu_vendor,
        }
        guests.append(guest.model_copy(update=known))
    return problem.model_copy(update={"host": None, "guests": tuple(guests)})


def _with_node(node_id: int, change: Callable[[Host, HostNode], HostNode]) -> Change:
    def apply(problem: Problem) -> Problem:
        host = problem.host
        assert host is not None  # noqa: S101 - rules about pools exist only with a host
        nodes = tuple(change(host, node) if node.id == node_id else node for node in host.nodes)
        return problem.model_copy(update={"host": host.model_copy(update={"nodes": nodes})})

    return apply


def _with_pool(node: HostNode, page: int, total: int, free: int) -> HostNode:
    others = [pool for pool in node.pools if pool.page_size != page]
    pools = sorted(
        [*others, Pool(page_size=page, total=total, free=free)], key=lambda pool: pool.page_size
    )
    return node.model_copy(update={"pools": tuple(pools)})


def with_endless_pool(node_id: int, page: int) -> Change:
    """As many free pages of one size on a host node as anybody could want."""

    def change(host: Host, node: HostNode) -> HostNode:
        if page == host.base_page:
            much = max(node.memory, ENDLESS_PAGES * page)
            return node.model_copy(update={"memory": much, "free": much})
        return _with_pool(node, page, ENDLESS_PAGES, ENDLESS_PAGES)

    return _with_node(node_id, change)


def with_more_free(node_id: int, more: int) -> Change:
    """More ordinary free memory on a host node (bytes)."""
    return _with_node(node_id, lambda _, node: node.model_copy(update={"free": node.free + more}))


def with_added_pages(node_id: int, page: int, more: int) -> Change:
    """More huge pages on a host node, made of nothing."""

    def change(host: Host, node: HostNode) -> HostNode:
        pool = host.pool(node_id, page)
        return _with_pool(node, page, pool.total + more, pool.free + more)

    return _with_node(node_id, change)


def with_more_pages(node_id: int, page: int, more: int) -> Change:
    """More huge pages on a host node, made of its ordinary free memory as far as that goes."""

    def change(host: Host, node: HostNode) -> HostNode:
        made, pool = min(more, node.free // page), host.pool(node_id, page)
        node = _with_pool(node, page, pool.total + made, pool.free + made)
        return node.model_copy(update={"free": node.free - made * page})

    return _with_node(node_id, change)

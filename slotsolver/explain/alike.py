"""Host nodes that nothing in a problem tells apart: what holds for one holds for the other."""

from __future__ import annotations

from functools import cached_property

from slotsolver.explain.rules import Rule
from slotsolver.problem import Host, HostNode, Problem


class Alike:
    """Which host nodes of a problem can change places without changing the problem."""

    def __init__(self, problem: Problem) -> None:
        self._problem = problem

    @cached_property
    def _named(self) -> set[int] | None:
        """Nodes that a guest or a policy names; ``None`` where that is not known."""
        named: set[int] = set()
        for guest in self._problem.guests:
            named |= set(guest.host_nodes or ())
            named.update(node for cell in guest.cells for node in cell.host_nodes or ())
            named.update(node for device in guest.devices for node in device.host_nodes or ())
        for policy in self._problem.policies:
            if policy.tells_apart:
                return None
            named |= set(getattr(policy, "nodes", None) or ())
        return named

    def nodes(self, one: int, two: int) -> bool:
        """Whether two host nodes can change places."""
        host, named = self._problem.host, self._named
        if host is None or named is None or {one, two} & named:
            return False
        return _without_place(host, one, two) == _without_place(host, two, one)

    def pools(self, one: Rule, two: Rule) -> bool:
        """Whether two rules are about pools of one page size on nodes that can change places."""
        if one.pool is None or two.pool is None or one.pool.page_size != two.pool.page_size:
            return False
        return self.nodes(one.pool.node, two.pool.node)


def _without_place(host: Host, one: int, two: int) -> tuple[object, ...]:
    """The host with ``one`` and ``two`` in that order, as everything sees them."""
    others = [node.id for node in host.nodes if node.id not in (one, two)]
    order = [one, two, *others]
    shape = tuple(tuple(host.distance(a, b) for b in order) for a in order)
    return (_capacity(host.node(one)), _capacity(host.node(two)), shape)


def _capacity(node: HostNode) -> tuple[object, ...]:
    return (node.memory, node.free, node.pools)

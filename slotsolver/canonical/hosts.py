"""What of a normal form hangs on the host alone.

Left out, because no answer depends on it: CPUs of nodes, ``default_hugepage`` (a domain XML means
it by pages without a size; a guest has its page sizes already), which of two nodes is asked for the
distance between them (only the larger of the two distances counts, see
:class:`~slotsolver.objectives.shortest_distance.ShortestDistance`), and what a node's pools hold
beyond their free pages, see :attr:`HostForm.rows`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b

from slotsolver.host import Host
from slotsolver.size import MiB

MOST_ORDERS = 256
"""Orders that are kept of one host; which of its nodes are equal varies with what is clamped."""

DIGEST = 16
"""Bytes of every digest: of a million keys no two are the same by chance (1 in 10^26)."""


def digest(data: bytes) -> bytes:
    """A short name for data."""
    return blake2b(data, digest_size=DIGEST).digest()


@dataclass(frozen=True)
class Order:
    """An order of a host's nodes: their places in it, and the distances in that order, row by
    row."""

    places: tuple[int, ...]
    distances: bytes


@dataclass(frozen=True)
class HostForm:
    """A host, with all that is computed of it once."""

    host: Host | None
    ids: tuple[int, ...] = ()
    page_sizes: tuple[int, ...] = ()
    rows: tuple[tuple[int, ...], ...] = ()
    """Of each node what can be taken of it: free ordinary memory, used memory that could be freed
    (bytes, whole MiB: remedies count these), and free pages of each further page size. That is all
    of its pools that matters where no rule asks for totals: which page sizes can be used at all
    (:attr:`Host.usable_pages`) is a fact of the host, and a pool that is not there is one with
    nothing free."""
    raw: tuple[tuple[object, ...], ...] = ()
    """Of each node memory, free memory (bytes) and pools, for rules that ask for totals."""
    plain: bool = False
    """Whether ``rows`` say all: not where ordinary memory is listed as a pool too."""
    facts: bytes = b""
    """A digest of what concerns the host as a whole."""
    distances: tuple[bytes, ...] = ()
    """Of each node the distance to every node, the larger one of both directions."""
    orders: dict[tuple[int, ...], Order] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def whole(self) -> bytes:
        """A digest of every field of the host."""
        return digest(self.host.model_dump_json().encode() if self.host else b"none")

    @cached_property
    def as_it_is(self) -> Order:
        """The nodes in the order that they have."""
        return Order(tuple(range(len(self.ids))), b"".join(self.distances))

    @cached_property
    def is_uniform(self) -> bool:
        """Whether all nodes are equally far from each other."""
        return all(
            far[place] == self.distances[0][0] and far[other] == self.distances[0][-1]
            for place, far in enumerate(self.distances)
            for other in range(len(self.ids))
            if other != place
        )

    def order(self, colours: tuple[int, ...], *, by_distance: bool) -> Order:
        """The nodes by their colours, equal ones by their distances, those left equal as they come.

        Any order gives a sound form; one that depends on how the host's nodes were numbered only
        misses that two hosts are the same.
        """
        if not by_distance or self.is_uniform:
            places = tuple(sorted(range(len(colours)), key=colours.__getitem__))
            return Order(places, self.as_it_is.distances if by_distance else b"")
        known = self.orders.get(colours)
        if known is None:
            if len(self.orders) >= MOST_ORDERS:
                self.orders.clear()
            known = self.orders[colours] = _ordered(colours, self.distances)
        return known


def of_host(host: Host | None) -> HostForm:
    """What the normal forms of all problems on this host have in common."""
    if host is None:
        return HostForm(None, facts=digest(b"none"))
    sizes, nodes = host.page_sizes(), host.nodes
    places = range(len(nodes))
    given = [
        node.distances or tuple([10 if place == other else 20 for other in places])
        for place, node in enumerate(nodes)
    ]
    whole = (
        len(nodes),
        sizes,
        host.usable_pages,
        host.phys_bits,
        host.cpu_vendor,
        host.free_known,
    )
    return HostForm(
        host=host,
        ids=tuple([node.id for node in nodes]),
        page_sizes=sizes,
        rows=tuple([_row(host, place) for place in places]),
        raw=tuple(
            [
                (node.memory, node.free, *[(p.page_size, p.total, p.free) for p in node.pools])
                for node in nodes
            ]
        ),
        plain=not any(pool.page_size == host.base_page for node in nodes for pool in node.pools),
        facts=digest(repr(whole).encode()),
        distances=tuple([bytes([max(given[a][b], given[b][a]) for b in places]) for a in places]),
    )


def _row(host: Host, place: int) -> tuple[int, ...]:
    node = host.nodes[place]
    free = {pool.page_size: pool.free for pool in node.pools}
    huge = sum([pool.total * pool.page_size for pool in node.pools])
    used = max(0, node.memory - huge - node.free)
    return (node.free, used // MiB * MiB, *[free.get(size, 0) for size in host.page_sizes()[1:]])


def _ordered(colours: Sequence[int], far: Sequence[bytes]) -> Order:
    """Colours refined by distances until they are stable; of equal nodes the first is told apart
    from the others, and so on."""
    found = _refined(colours, far)
    while len(set(found)) < len(found):
        tied = min(colour for colour in found if found.count(colour) > 1)
        apart = [2 * colour + 1 for colour in found]
        apart[found.index(tied)] -= 1
        found = _refined(apart, far)
    places = tuple(sorted(range(len(found)), key=found.__getitem__))
    return Order(places, bytes([far[a][b] for a in places for b in places]))


def _refined(colours: Sequence[int], far: Sequence[bytes]) -> list[int]:
    """Nodes of one colour stay of one colour if they see the same colours at the same distances."""
    places, found = range(len(colours)), list(colours)
    while True:
        seen = [
            (found[a], far[a][a], sorted((far[a][b], found[b]) for b in places if b != a))
            for a in places
        ]
        distinct = sorted(seen)
        ranks = [distinct.index(view) for view in seen]
        if len(set(ranks)) == len(set(found)):
            return ranks
        found = ranks

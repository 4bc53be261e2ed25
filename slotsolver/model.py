"""The CP-SAT model of a problem: its guests, and the host's pools that they share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from ortools.sat.python import cp_model

from slotsolver.cell_facts import Backing
from slotsolver.cell_model import Linear, Window
from slotsolver.destination_model import DestinationModel
from slotsolver.facts import GuestFacts
from slotsolver.guest_model import GuestModel
from slotsolver.kinds import answered_for
from slotsolver.menu import OpenSizes
from slotsolver.placement import CellClass
from slotsolver.policies import Policy
from slotsolver.problem import Pool, Problem
from slotsolver.running import pool_of
from slotsolver.running_model import Cut
from slotsolver.size import MiB, granule

__all__ = ["GuestModel", "HostModel", "Linear", "PoolModel"]


@dataclass
class PoolModel:
    """A pool of a host node, counted in granules (its page, at least 1 MiB)."""

    node: int
    pool: Pool
    capacity: int
    used: list[Linear] = field(default_factory=list)
    returned: list[tuple[int, Linear]] = field(default_factory=list)
    """What running guests give back: granules of a piece, and how many pieces."""
    returnable: int = 0
    """The most granules that can come back."""
    owed: int = 0
    """Granules that are less free than shall stay free: what comes back fills that up first."""

    @property
    def more(self) -> Linear:
        """Granules that come back."""
        return sum(grains * number for grains, number in self.returned)

    @property
    def free(self) -> int:
        """Free pages."""
        return self.pool.free

    @property
    def grain(self) -> int:
        """Bytes of a granule."""
        return granule(self.pool.page_size) * MiB

    def granules(self, pages: int) -> int:
        """Whole granules in a number of pages, never below 0."""
        return max(0, pages * self.pool.page_size // self.grain)


@dataclass(frozen=True)
class Booking:
    """Granules of one page size taken from a set of host nodes by ``count`` cells. Where the kernel
    takes them from the nodes in turn, ``in_turn`` is of how many pieces at most of a cell the pages
    need not be whole rounds."""

    guest: GuestModel
    nodes: tuple[int, ...]
    page: int
    taken: Linear
    count: Linear
    in_turn: int = 0


class HostModel:
    """Everything of a problem as one model.

    ``floor(facts)`` is the step (MiB) below which finer DIMMs gain nothing for that guest,
    ``open_sizes`` whether the sizes of running guests' DIMMs are left open.
    """

    def __init__(
        self,
        problem: Problem,
        facts: Sequence[GuestFacts],
        windows: Sequence[Sequence[Sequence[Window]]],
        floors: Sequence[int],
        gaps: Sequence[Sequence[int] | None],
        cuts: Sequence[tuple[str, Cut]] = (),
        *,
        open_sizes: OpenSizes = "never",
    ) -> None:
        self.problem = problem
        self.open_sizes = open_sizes
        self.model = cp_model.CpModel()
        self._facts = facts
        self.bookings: list[Booking] = []
        self._gaps = {id(f): g for f, g in zip(facts, gaps, strict=True)}
        self.pools = self._new_pools()
        self._host_policies()
        self.guests = [
            GuestModel(self, f, w, floor)
            for f, w, floor in zip(facts, windows, floors, strict=True)
        ]
        for guest in self.guests:
            self._return_pages(guest)
        for guest in self.guests:
            for policy in guest.facts.policies:
                if open_sizes == "always" and policy.about_sizes:
                    continue  # this model asks less of sizes than the policies do
                with answered_for(policy, "apply"):
                    policy.apply(guest)
            self.bookings += self._booked(guest)
        self._pool_rows()
        self._order_equal_nodes()
        self.destinations = [
            DestinationModel(self, host, number)
            for number, host in enumerate(self.problem.also_hosts)
        ]
        for guest in self.guests:
            for name, cut in cuts:
                if guest.running and guest.facts.guest.name == name:
                    guest.running.cut(cut)

    def _new_pools(self) -> list[PoolModel]:
        host = self.problem.host
        if host is None:
            return []
        pools = []
        for node in host.nodes:
            for size in host.page_sizes():
                pool = PoolModel(node.id, host.pool(node.id, size), 0)
                pool.capacity = pool.granules(pool.free)
                pools.append(pool)
        return pools

    def _host_policies(self) -> None:
        for policy in self.problem.policies:
            with answered_for(policy, "apply_host"):
                policy.apply_host(self)

    def limit_pool(self, _rule: Policy, pool: PoolModel, pages: int) -> None:
        """At most that many pages may be taken of a pool."""
        pool.capacity = min(pool.capacity, pool.granules(pages))
        pool.owed = max(pool.owed, -(pages * pool.pool.page_size // pool.grain))

    def gaps(self, facts: GuestFacts) -> Sequence[int] | None:
        """Lengths (MiB) of the gaps in a guest's device memory; ``None`` where it is all free."""
        return self._gaps[id(facts)]

    def capacity(self, guest: GuestModel, cls: CellClass, nodes: tuple[int, ...]) -> int:
        """How many cells of a class the free pages of a node set hold at most, by one page size."""
        total = cls.cells[0].totals[guest.facts.reserve_stage(cls.cells[0].facts)]
        if guest.running or not isinstance(total, int):
            return len(cls.cells)
        most = 0
        for page in {b.page for b in cls.count if b.nodes == nodes}:
            need = max(1, -(-total // granule(page)) - guest.paid(cls.cells[0].facts.id))
            most += (
                sum(
                    p.capacity + p.returnable
                    for p in self.pools
                    if p.node in nodes and p.pool.page_size == page
                )
                // need
            )
        return min(most, len(cls.cells))

    def _return_pages(self, guest: GuestModel) -> None:
        """What a running guest unplugs goes back to its pool, where it is certain which that is."""
        for page, node, size, number in guest.running.returned() if guest.running else ():
            for pool in self.pools:
                if (pool.node, pool.pool.page_size) == (node, page):
                    pool.returned.append((size // granule(page), number))
        facts = guest.facts.guest
        for device in facts.devices if guest.running else ():
            known = pool_of(facts, device, self.problem.host)
            for pool in self.pools:
                if known == (pool.pool.page_size, pool.node):
                    pool.returnable += device.memory // pool.grain

    def _booked(self, guest: GuestModel, *, ever: bool = False) -> Iterator[Booking]:
        """Each backing's pages on its node set: of the stage that is reserved for, or of the
        maximum (``ever``)."""
        place, last = guest.placement, len(guest.facts.stages) - 1
        for cls in place.classes:
            stage = last if ever else guest.facts.reserve_stage(cls.cells[0].facts)
            paid: Linear = 0
            for backing, count in cls.count.items():
                for page, taken in place.usage(cls, backing, stage).items():
                    if not ever:
                        self._only_if_there(taken, count, backing.nodes, page)
                    in_turn = _uneven_pieces(guest.facts, cls, backing, page)
                    yield Booking(guest, backing.nodes, page, taken, count, in_turn)
                    paid = paid + granule(page) * taken
                yield from self._own_pages(guest, cls, backing, stage)
                for device in cls.cells[0].facts.elsewhere:
                    nodes, page = device.nodes or backing.nodes, device.page or backing.page
                    taken = -(-device.size // granule(page)) * count
                    yield Booking(guest, nodes, page, taken, count)
            if not cls.cells[0].facts.spread:
                self._add(paid >= sum(place.least(cell, stage) for cell in cls.cells), [])
        for cell in guest.cells:
            stage = last if ever else guest.facts.reserve_stage(cell.facts)
            for pool in self.pools if cell.facts.spread else ():
                page = pool.pool.page_size
                taken = place.spread_usage(cell, page, pool.node, stage)
                yield Booking(guest, (pool.node,), page, taken, 1)

    def _only_if_there(
        self, taken: Linear, count: Linear, nodes: tuple[int, ...], page: int
    ) -> None:
        """A redundant row: a cell takes nothing of pools it does not lie on, and no more of the
        others than they hold (proofs need it, where few cells shall fill many pools)."""
        if not self.pools or isinstance(taken, int) or isinstance(count, int):
            return
        mine = [p for p in self.pools if p.node in nodes and p.pool.page_size == page]
        most = sum(p.capacity + p.returnable for p in mine)
        self.model.add(taken <= most * count)

    def _own_pages(
        self, guest: GuestModel, cls: CellClass, backing: Backing, stage: int
    ) -> Iterator[Booking]:
        """Growth of virtio-mem devices that are not backed as their cell is."""
        count = cls.count[backing]
        for cell in cls.cells:
            for index, raised in guest.placement.own_growth(cell, stage):
                device = guest.facts.guest.devices[index]
                page = device.page_size or backing.page
                nodes = device.host_nodes or backing.nodes
                taken = guest.placement.own_usage(page, raised, count)
                yield Booking(guest, nodes, page, taken, count)

    def _pool_rows(self) -> None:
        """No pool gives more than it has.

        For a set of nodes S the kernel takes pages from any of them, so all that may touch S has to
        fit beside each other into the pages of S; for single nodes this is the plain sum.
        """
        there = {id(pool): self._there(pool) for pool in self.pools}
        for page in sorted({b.page for b in self.bookings}):
            booked = [
                part
                for b in self.bookings
                if b.page == page and b.nodes
                for part in self._shares(b)
            ]
            if any(
                len(b.nodes) > 1 for b in booked
            ):  # redundant: those rows depend on what is used
                every = [there[id(p)] for p in self.pools if p.pool.page_size == page]
                self._add(sum(b.taken for b in booked) <= sum(every), [])
            for nodes in sorted({b.nodes for b in booked}):
                touching = [b for b in booked if set(b.nodes) & set(nodes)]
                pools = [p for p in self.pools if p.node in nodes and p.pool.page_size == page]
                row = sum(b.taken for b in touching) <= sum(there[id(p)] for p in pools)
                literals = []
                if any(b.nodes != nodes for b in touching):
                    present = self.model.new_bool_var("")
                    for booking in touching:
                        if booking.nodes == nodes and not isinstance(booking.count, int):
                            self.model.add(booking.count == 0).only_enforce_if(~present)
                        elif booking.nodes == nodes and booking.count:
                            self.model.add(present == 1)
                    literals = [present]
                self._add(row, literals)
                if len(nodes) == 1 and len({b.nodes for b in touching}) == 1:
                    pools[0].used = [b.taken for b in touching]
        for pool in self.pools:
            if pool.returned:
                pool.used = [*pool.used, -pool.more]

    def _shares(self, booking: Booking) -> Iterator[Booking]:
        """What of a booking each of its nodes has to have: all of it where the kernel chooses, else
        its share. Of p pages node k of n has ceil((p - k) / n); of several pieces that are no whole
        rounds it is asked for a few pages too many."""
        if not booking.in_turn:
            yield booking
            return
        number = len(booking.nodes)
        for place, node in enumerate(booking.nodes):
            share = self.model.new_int_var(0, 1 << 40, "")
            over = (number - 1 - place) * booking.in_turn if booking.in_turn > 1 else -place
            self.model.add(number * share >= booking.taken + over * booking.count)
            yield Booking(booking.guest, (node,), booking.page, share, booking.count)

    def _there(self, pool: PoolModel) -> Linear:
        """What may be taken of a pool, with what comes back to it."""
        if not pool.returned or not pool.owed:
            return pool.capacity + pool.more
        more, enough = self.model.new_int_var(0, pool.returnable, ""), self.model.new_bool_var("")
        self.model.add(more <= pool.more - pool.owed).only_enforce_if(enough)
        self.model.add(more == 0).only_enforce_if(~enough)
        return more

    def _add(self, row: object, literals: list[cp_model.IntVar]) -> None:
        if isinstance(row, bool):
            if not row:
                self.model.add_bool_or([~literal for literal in literals])
            return
        self.model.add(row).only_enforce_if(literals)  # type: ignore[arg-type]  # a comparison

    def _order_equal_nodes(self) -> None:
        """Of host nodes that can change places, the earlier one holds no fewer cells."""
        if any(policy.tells_apart for policy in self.problem.policies):
            return
        for guest in self.guests[:1]:
            for left, right in self._equal_nodes():
                cls = guest.placement.classes[0]
                bound = any(
                    c.elsewhere or any(v.own for v in c.virtio)
                    for g in self.guests
                    for c in g.facts.cells
                )
                if bound or any(len(b.nodes) > 1 for b in cls.count):
                    return
                self._add(cls.on((left,)) >= cls.on((right,)), [])

    def _equal_nodes(self) -> list[tuple[int, int]]:
        """Neighbouring pairs of host nodes that no part of the problem tells apart."""
        host = self.problem.host
        if host is None:
            return []
        ids = [n.id for n in host.nodes]
        allowed = [{b.nodes for b in cls.count} for g in self.guests for cls in g.placement.classes]
        pairs = []
        for place, left in enumerate(ids):
            for right in ids[place + 1 :]:
                same_pools = all(
                    a.pool == b.pool and a.capacity == b.capacity and not a.returned + b.returned
                    for a, b in zip(self._pools_of(left), self._pools_of(right), strict=True)
                )
                same_ways = all(((left,) in ways) == ((right,) in ways) for ways in allowed)
                others = [n for n in ids if n not in (left, right)]
                same_view = all(
                    host.distance(left, n) == host.distance(right, n)
                    and host.distance(n, left) == host.distance(n, right)
                    for n in others
                ) and host.distance(left, left) == host.distance(right, right)
                if same_pools and same_ways and same_view:
                    pairs.append((left, right))
                    break
        return pairs

    def _pools_of(self, node: int) -> list[PoolModel]:
        return [p for p in self.pools if p.node == node]

    def pages_of(self, guest: GuestModel) -> Linear:
        """Pages that a guest takes at its reserve stage."""
        return sum(
            b.taken * (granule(b.page) * MiB // b.page) for b in self.bookings if b.guest is guest
        )

    def unpaid(self) -> Linear:
        """What of the growth of running guests to their maxima (MiB) takes more pages than will be
        free once everything is done that is to be done now.

        Nodes of which the kernel may choose (a cell or device on several) do not count.
        """
        running = [guest for guest in self.guests if guest.running]
        ever = [b for guest in running for b in self._booked(guest, ever=True)]
        ever += [b for b in self.bookings if not b.guest.running]
        shared = {n for b in ever if len(b.nodes) > 1 for n in b.nodes}
        total: Linear = 0
        paid: Linear = 0
        for pool in self.pools:
            key = (pool.node,), pool.pool.page_size
            taken = [b.taken for b in ever if (b.nodes, b.page) == key]
            if not taken or pool.node in shared:
                continue
            grain = granule(pool.pool.page_size)
            most = sum(guest.most_memory for guest in self.guests) // grain + 1
            short = self.model.new_int_var(0, most, "")
            there = pool.granules(pool.free) + pool.more
            self.model.add(short >= sum(taken) - there)
            total = total + short * grain
            paid = paid + there * grain
        if self.pools and not shared:  # redundant, but the proof needs the sum
            growth = sum(guest.running.ahead for guest in running if guest.running)
            self.model.add(total >= growth - paid)
        return total

    @cached_property
    def shared_nodes(self) -> frozenset[int]:
        """Host nodes that belong to a set of several nodes."""
        return frozenset(n for b in self.bookings if len(b.nodes) > 1 for n in b.nodes)

    def stranded(self, pool: PoolModel) -> Linear:
        """Bytes left in a pool if these are too few for the smallest cell of the problem.

        Nodes of which the kernel may choose (a cell or device on several) do not count.
        """
        if pool.node in self.shared_nodes:
            return 0
        smallest = min(g.guest.target_size // len(g.guest.cells) for g in self._facts)
        piece = -(-smallest // pool.grain)
        left = pool.granules(pool.free) - sum(pool.used)
        if isinstance(left, int):
            return left * pool.grain if left < piece else 0
        few = self.model.new_bool_var("")
        stranded = self.model.new_int_var(0, max(0, piece - 1), "")
        self.model.add(left >= piece).only_enforce_if(~few)
        self.model.add(stranded == left).only_enforce_if(few)
        return stranded * pool.grain


def _uneven_pieces(guest: GuestFacts, cls: CellClass, backing: Backing, page: int) -> int:
    """How many pieces of the cells of a class may have pages that are no whole rounds over their
    nodes, at least 1 where huge pages are interleaved, else 0."""
    cell = cls.cells[0].facts
    interleaved = guest.guest.mode_of(cell.id) == "interleave" and len(backing.nodes) > 1
    if not interleaved or page == guest.platform.base_page or cell.virtio:
        return 0
    there = len(cls.cells) + sum((d.cell or 0) == cell.id for d in guest.guest.devices)
    unit = cell.unit_for(backing.dimm_page, min(cell.blocks))
    if unit * MiB // page % len(backing.nodes) == 0:
        return there
    return there + min(guest.slot_limit, guest.guest.maximum_size // MiB // unit)

"""The host's side of a plan: existing nodes, page sizes, and pages enough in every pool.

A piece of memory on one node takes its pages there. A piece on several nodes takes them anywhere
among these, so that only sums can be demanded: by Hall's theorem all pieces find their pages if and
only if, for every union of their node sets, the pieces that lie within it fit into its pools.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from operator import itemgetter

from slotsolver.checker.changes import delta
from slotsolver.checker.pieces import Piece
from slotsolver.checker.preallocation import refusal
from slotsolver.checker.subject import GuestSubject, PlanSubject
from slotsolver.checker.violation import Violation
from slotsolver.fields import format_ids
from slotsolver.plan import HostUse, PoolUse
from slotsolver.platforms import Version
from slotsolver.problem import Device, Guest, Host
from slotsolver.size import format_size

Needs = dict[int, list[tuple[frozenset[int], int]]]
"""Pages needed by page size (bytes): for each piece the nodes it may lie on and its pages."""

ALIKE = itemgetter(*map(Piece._fields.index, ("cell", "page_size", "nodes", "taken", "given")))
"""Pieces of which these are the same have the same faults."""

Pools = Mapping[tuple[int, int], int]
"""Pages by (node id, page size)."""


def check_host(plan: PlanSubject) -> Iterator[Violation]:
    """Every piece lies where pages of its size exist, and the host's table is true."""
    host = plan.problem.host
    for guest in plan.guests:
        yield from _backing(guest, host)
    if host is None or plan.plan.host is None:
        return
    back = returned(plan)
    taken, later = needs(plan), needs(plan, promised=True)
    yield from check_table(plan.plan.host, host, taken, later, back, "")
    for nodes, size, pages, free in shortages(taken, capacity(host, back)):
        says = (
            f"{pages} pages of {format_size(size)} are needed on host node {format_ids(nodes)}, "
            f"{free} are free"
        )
        yield Violation("host-pages", "host", says, f"host node {format_ids(nodes)}")


def needs(plan: PlanSubject, *, promised: bool = False) -> Needs:
    """Pages to be taken from the pools up to the stage that is reserved for, or (``promised``)
    those that growth beyond it to the maximum will take."""
    wanted: Needs = defaultdict(list)
    now, later = plan.pages
    for (size, nodes), pages in (later if promised else now).items():
        wanted[size].append((frozenset(nodes), pages))
    return wanted


def returned(plan: PlanSubject) -> Pools:
    """Pages that unplugged DIMMs and lowered virtio-mem devices give back, by node and page size:
    only where it is certain which pool they came from."""
    found: dict[tuple[int, int], int] = defaultdict(int)
    for guest in plan.guests:
        if not guest.guest.running:
            continue
        there = {d.slot: d for d in guest.guest.devices if d.model == "dimm"}
        gone = [(there.get(d.slot), d.size) for d in guest.changes.unplugged]
        gone += [(guest.existing_virtio.get(v.number), -delta(v)) for v in guest.changes.lowered]
        for device, size in gone:
            pool = _origin(guest.guest, device, plan.problem.host) if device else None
            if pool is not None:
                found[pool] += size // pool[1]
    return found


def _origin(guest: Guest, device: Device, host: Host | None) -> tuple[int, int] | None:
    """The node and page size of a device's pool: its page size must be known, and either the host
    has one node, or the device is bound to one, strictly."""
    cell = guest.cells[device.cell or 0]
    page = device.page_size or cell.page_size
    if host is None or page is None:
        return None
    if len(host.nodes) == 1:
        return host.nodes[0].id, page
    nodes, mode = device.host_nodes or cell.host_nodes, cell.mode
    if not nodes:
        nodes, mode = guest.host_nodes, guest.mode
    return (nodes[0], page) if nodes and len(nodes) == 1 and mode == "strict" else None


def capacity(host: Host, back: Pools) -> Pools:
    """Pages that may be taken from each pool: those that are free, and those given back."""
    return {
        (node.id, size): host.pool(node.id, size).free + back.get((node.id, size), 0)
        for node in host.nodes
        for size in host.page_sizes()
    }


def shortages(wanted: Needs, capacity: Pools) -> Iterator[tuple[frozenset[int], int, int, int]]:
    """(nodes, page size, pages needed within these nodes, pages there) where it is too little."""
    for size, pieces in wanted.items():
        sums: dict[frozenset[int], int] = {}
        for nodes, count in pieces:
            sums[nodes] = sums.get(nodes, 0) + count
        several = [nodes for nodes in sums if len(nodes) > 1]
        groups = set(sums)
        for nodes in several:
            groups.update([nodes | group for group in groups if len(group) > 1])
        anywhere = sums.get(frozenset(), 0)
        short = []
        for group in groups:
            if len(group) == 1:
                pages = sums[group] + anywhere
            else:
                pages = sum(count for nodes, count in sums.items() if nodes <= group)
            there = sum([capacity.get((node, size), 0) for node in group])
            if group and pages > there:
                short.append((group, size, pages, there))
        yield from sorted(short, key=lambda found: sorted(found[0]))


def _backing(guest: GuestSubject, host: Host | None) -> Iterator[Violation]:
    """Pages and nodes of each piece are the host's, and what the guest requires."""
    there = {node.id for node in host.nodes} if host else set()
    sound: set[tuple[object, ...]] = set()
    for piece in guest.pieces:
        alike = ALIKE(piece)
        if alike not in sound:
            faults = list(_piece(guest, piece, host, there))
            if not faults:
                sound.add(alike)
            yield from faults
    for cell, planned in zip(guest.guest.cells, guest.planned.cells, strict=True):
        if cell.page_size not in (None, planned.page_size):
            says = f"the guest requires pages of {format_size(cell.page_size or 0)}"
            yield Violation("required-page-size", "plan", says, f"{guest.place} cell {cell.id}")
    yield from _same_backing(guest)


def _piece(
    guest: GuestSubject, piece: Piece, host: Host | None, there: set[int]
) -> Iterator[Violation]:
    """What is wrong with the backing of one piece; ``there`` are the ids of the host's nodes."""
    if host is None:
        if piece.nodes and not piece.given:
            yield Violation("plan-nodes", "plan", "host nodes without a host", piece.place)
        return
    for node in sorted(set(piece.nodes) - there):
        says = f"unsupported configuration: NUMA node {node} is unavailable"
        yield Violation("libvirt-H10", "start", says, piece.place)
    if piece.page_size not in host.page_sizes():
        says = (
            "internal error: Unable to find any usable hugetlbfs mount for "
            f"{piece.page_size >> 10} KiB"
        )
        yield Violation("libvirt-H4", "start", says, piece.place)
    if host and not piece.taken and not guest.guest.running:
        yield from _preallocated(guest, piece, host)
    if not piece.taken and not piece.given:
        yield from _nodes(guest, piece)


def _preallocated(guest: GuestSubject, piece: Piece, host: Host) -> Iterator[Violation]:
    """QEMU can preallocate what it has to where the piece is bound."""
    if is_preallocated(guest, piece, host, piece.page_size) and piece.nodes:
        pinned, versions = guest.guest.emulator_cpus, (guest.qemu, guest.libvirt)
        if says := refusal(host, piece.nodes, pinned, *map(Version.parse, versions)):
            yield Violation("libvirt-H16", "start", says, piece.place)


def is_preallocated(guest: GuestSubject, piece: Piece, host: Host, page_size: int) -> bool:
    """Whether a piece on pages of this size is bound and allocated at the start."""
    bound = guest.guest.mode_of(piece.cell) != "restrictive"
    at_once = guest.guest.immediate or page_size != host.base_page
    return bound and at_once and piece.what != "virtio-mem"


def _nodes(guest: GuestSubject, piece: Piece) -> Iterator[Violation]:
    cell = guest.guest.cells[piece.cell]
    required = cell.host_nodes if cell.host_nodes is not None else guest.guest.host_nodes
    if required is not None and not set(piece.nodes) <= set(required):
        says = f"is on host nodes {format_ids(piece.nodes)}, required are {format_ids(required)}"
        yield Violation("required-nodes", "plan", says, piece.place)
    if len(piece.nodes) != 1 and piece.nodes != cell.host_nodes:
        says = f"lies on one host node, planned are {format_ids(piece.nodes) or 'none'}"
        yield Violation("one-node", "plan", says, piece.place)


def _same_backing(guest: GuestSubject) -> Iterator[Violation]:
    """A cell has one page size and one set of host nodes unless a policy asks for more."""
    mixed, spread = set(), set()
    for policy in guest.policies:
        named = {c.id for c in guest.guest.cells if policy.cells is None or c.id in policy.cells}
        if policy.kind == "page-size" and policy.of == "dimms":
            mixed |= named
        if policy.kind == "host-nodes" and policy.spread:
            spread |= named
    cells = [(cell.page_size, cell.host_nodes) for cell in guest.planned.cells]
    for dimm in guest.new_dimms:
        page_size, host_nodes = cells[dimm.cell]
        if dimm.page_size != page_size and dimm.cell not in mixed:
            says = f"its pages are of {format_size(dimm.page_size)}, its cell's are not"
            yield Violation("one-page-size", "plan", says, f"{guest.place} slot {dimm.slot}")
        if dimm.host_nodes != host_nodes and dimm.cell not in spread:
            says = f"it is on host nodes {format_ids(dimm.host_nodes)}, its cell is not"
            yield Violation("one-node", "plan", says, f"{guest.place} slot {dimm.slot}")


def check_table(
    use: HostUse, host: Host, reserved: Needs, promised: Needs, back: Pools, where: str
) -> Iterator[Violation]:
    """A table of a host's pools says what they hold before and after. ``back`` are the pages that
    are given back, ``where`` is put before the places of violations."""
    table = {(node.id, pool.page_size): pool for node in use.nodes for pool in node.pools}
    by_size: dict[int, dict[tuple[int, int], PoolUse]] = {size: {} for size in host.page_sizes()}
    for key, pool_use in table.items():
        by_size.setdefault(key[1], {})[key] = pool_use
    for size in host.page_sizes():
        pools = by_size[size]
        taken = {p: u.free_before + back.get(p, 0) - u.free_after for p, u in pools.items()}
        later = {place: use.promised for place, use in pools.items()}
        for name, said, wanted in (("taken", taken, reserved), ("promised", later, promised)):
            pieces = wanted.get(size, [])
            total = sum([pages for _, pages in pieces])
            wrong = sum(said.values()) != total or min(said.values(), default=0) < 0
            if wrong or (pieces and any(shortages({size: pieces}, said))):
                says = f"{total} pages are {name}, the plan says {sum(said.values())} or elsewhere"
                yield Violation("plan-host", "plan", says, f"{where}pools of {format_size(size)}")
    for node in host.nodes:
        for size in (host.base_page, *(p.page_size for p in node.pools)):
            pool, entry = host.pool(node.id, size), table.get((node.id, size))
            if entry is None or (entry.total, entry.free_before) != (pool.total, pool.free):
                says = f"the pool has {pool.free} of {pool.total} pages free, the plan says {entry}"
                place = f"{where}host node {node.id} pool of {format_size(size)}"
                yield Violation("plan-host", "plan", says, place)

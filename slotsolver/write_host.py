"""What layouts take of a host's pools, now and later, and what running guests give back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from slotsolver.fields import made
from slotsolver.layout import CellLayout, GuestLayout
from slotsolver.plan import (
    HostUse,
    NodeUse,
    PoolUse,
)
from slotsolver.problem import Device, Host, Pool
from slotsolver.running import pool_of
from slotsolver.size import MiB


class Use(NamedTuple):
    """Pages that a piece of a cell, or several together, take on some host nodes; ``in_turn``:
    one on each node after the other."""

    nodes: tuple[int, ...]
    page: int
    pages: int
    in_turn: bool = False


def pages_used(layout: GuestLayout, cell: CellLayout, number: int, stage: int) -> Iterator[Use]:
    """Pages that a cell takes up to a stage."""
    facts = layout.facts.cells[number]
    there = 0 if layout.facts.guest.running else cell.totals[0] - facts.not_pooled
    grown = cell.totals[stage] - cell.totals[0]
    backing = cell.backing
    for virtio in cell.virtio:
        raised = virtio.requested[stage] - virtio.requested[0]
        grown -= raised
        if virtio.facts.own and virtio.facts.index is not None:
            own = layout.facts.guest.devices[virtio.facts.index]
            page = own.page_size or backing.page
            yield Use(own.host_nodes or backing.nodes, page, _pages(raised, page))
        else:
            there += raised
    for device in facts.elsewhere:
        page = device.page or backing.page
        yield Use(device.nodes or backing.nodes, page, _pages(device.size, page))
    if facts.spread or interleaved(layout, number):
        yield from _pieces(layout, cell, number, stage, there)
    elif backing.page == backing.dimm_page:
        yield Use(backing.nodes, backing.page, _pages(there + grown, backing.page))
    else:
        yield Use(backing.nodes, backing.page, _pages(there, backing.page))
        yield Use(backing.nodes, backing.dimm_page, _pages(grown, backing.dimm_page))


def _pieces(
    layout: GuestLayout, cell: CellLayout, number: int, stage: int, there: int
) -> Iterator[Use]:
    """The same piece by piece, where it matters which node each lies on. ``there`` is boot memory
    and what devices give (MiB); what virtio-mem gives of it may lie anywhere in the device."""
    facts, backing, guest = layout.facts.cells[number], cell.backing, layout.facts.guest
    turns = interleaved(layout, number)
    fixed = []
    if turns and not guest.running:
        fixed = [cell.boot, *(d.size // MiB for d in guest.devices if _inherits(d, facts.id))]
    for size in fixed:
        yield Use(*_on(backing.nodes, backing.page, size), _in_turn(layout, backing.page))
    if rest := there - sum(fixed):
        yield Use(*_on(backing.nodes, backing.page, rest))
    page = backing.dimm_page
    turns = turns and _in_turn(layout, page)
    for dimm in cell.dimms:
        if dimm.stage <= stage:
            yield Use(*_on(dimm.nodes, page, dimm.size), turns)


def _on(nodes: tuple[int, ...], page: int, memory: int) -> tuple[tuple[int, ...], int, int]:
    return nodes, page, _pages(memory, page)


def _inherits(device: Device, cell: int) -> bool:
    """Whether a device that is there is a DIMM that is backed as its cell is."""
    own = device.page_size is not None or device.host_nodes is not None
    return device.model == "dimm" and (device.cell or 0) == cell and not own


def interleaved(layout: GuestLayout, number: int) -> bool:
    """Whether the pieces of a cell are interleaved as wholes: which parts of a virtio-mem device
    are there is the guest's choice."""
    facts = layout.facts.cells[number]
    return layout.facts.guest.mode_of(facts.id) == "interleave" and not facts.virtio


def _in_turn(layout: GuestLayout, page: int) -> bool:
    """Whether interleaved pages of this size go one to each node: ordinary ones do so in chunks,
    where the kernel has transparent huge pages (seen in Linux 6.1)."""
    return page != layout.facts.platform.base_page


def _pages(memory: int, page: int) -> int:
    return -(-memory * MiB // page)


def host_use(host: Host, layouts: Sequence[GuestLayout]) -> HostUse:
    """What the layouts take of the host where the guests are."""
    now: dict[tuple[int, int], int] = {}
    later: dict[tuple[int, int], int] = {}
    back, sizes = returned(layouts), host.page_sizes()
    pools = {(node.id, size): host.pool(node.id, size) for node in host.nodes for size in sizes}
    free = {key: pool.free + back.get(key, 0) for key, pool in pools.items()}
    for layout in layouts:
        facts = layout.facts
        target, last = facts.target_stage, len(facts.stages) - 1
        for number, cell in enumerate(layout.cells):
            booked: dict[tuple[tuple[int, ...], int], int] = {}
            until = target if facts.cells[number].reserve == "target" else last
            for use in pages_used(layout, cell, number, until):
                _take(now, free, use)
                booked[use.nodes, use.page] = booked.get((use.nodes, use.page), 0) + use.pages
            for use in pages_used(layout, cell, number, last):
                held = min(use.pages, booked.get((use.nodes, use.page), 0))
                booked[use.nodes, use.page] = booked.get((use.nodes, use.page), 0) - held
                _take(later, {}, use._replace(pages=use.pages - held))
    return HostUse(
        nodes=tuple(
            NodeUse(
                id=node.id,
                pools=tuple(
                    _pool_use((node.id, size), pools[node.id, size], back, now, later)
                    for size in sizes
                ),
            )
            for node in host.nodes
        )
    )


def _pool_use(
    key: tuple[int, int],
    pool: Pool,
    back: Mapping[tuple[int, int], int],
    now: Mapping[tuple[int, int], int],
    later: Mapping[tuple[int, int], int],
) -> PoolUse:
    """A pool, of which pages come back, are taken now, and are promised to later growth."""
    return made(
        PoolUse,
        {
            "page_size": pool.page_size,
            "total": pool.total,
            "free_before": pool.free,
            "free_after": pool.free + back.get(key, 0) - now.get(key, 0),
            "promised": later.get(key, 0),
        },
    )


def returned(layouts: Sequence[GuestLayout]) -> dict[tuple[int, int], int]:
    """Pages that running guests give back, by node and page size."""
    back: dict[tuple[int, int], int] = {}
    for layout in layouts:
        facts, sizes = layout.facts, dict[int, int]()
        if not facts.running and not layout.gone:
            continue
        for index in layout.gone:
            sizes[index] = facts.guest.devices[index].size
        for virtio in (v for cell in layout.cells for v in cell.virtio):
            if facts.running and virtio.facts.index is not None:
                sizes[virtio.facts.index] = (virtio.facts.before - virtio.requested[0]) * MiB
        for index, size in sizes.items():
            pool = pool_of(facts.guest, facts.guest.devices[index], facts.host)
            if pool is not None:
                page, node = pool
                back[node, page] = back.get((node, page), 0) + size // page
    return back


def _take(book: dict[tuple[int, int], int], free: dict[tuple[int, int], int], use: Use) -> None:
    """Book pages on the nodes in ascending order as far as these are free, the rest on the last; or
    one on each in turn, as Linux interleaves them (mm/mempolicy.c:offset_il_node, 6.1)."""
    left, last = use.pages, len(use.nodes) - 1
    for place, node in enumerate(use.nodes):
        key = node, use.page
        if use.in_turn:
            here = len(range(place, use.pages, len(use.nodes)))
        else:
            here = left if place == last else min(left, free.get(key, left))
        book[key] = book.get(key, 0) + here
        if key in free:
            free[key] -= here
        left -= here

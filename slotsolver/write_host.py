"""What layouts take of a host's pools, now and later, and what running guests give back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from slotsolver.fields import made
from slotsolver.layout import CellLayout, GuestLayout
from slotsolver.plan import (
    HostUse,
    NodeUse,
    PoolUse,
)
from slotsolver.problem import Host, Pool
from slotsolver.running import pool_of
from slotsolver.size import MiB


def pages_used(
    layout: GuestLayout, cell: CellLayout, number: int, stage: int
) -> Iterator[tuple[tuple[int, ...], int, int]]:
    """Pages that a cell takes up to a stage: host nodes, page size, pages."""
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
            yield own.host_nodes or backing.nodes, page, _pages(raised, page)
        else:
            there += raised
    for device in facts.elsewhere:
        page = device.page or backing.page
        yield device.nodes or backing.nodes, page, _pages(device.size, page)
    if facts.spread or in_turn(layout, number):
        if there:
            yield backing.nodes, backing.page, _pages(there, backing.page)
        for dimm in cell.dimms:
            if dimm.stage <= stage:
                yield dimm.nodes, backing.dimm_page, _pages(dimm.size, backing.dimm_page)
    elif backing.page == backing.dimm_page:
        yield backing.nodes, backing.page, _pages(there + grown, backing.page)
    else:
        yield backing.nodes, backing.page, _pages(there, backing.page)
        yield backing.nodes, backing.dimm_page, _pages(grown, backing.dimm_page)


def in_turn(layout: GuestLayout, number: int) -> bool:
    """Whether the kernel takes the pages of each piece of a cell from its host nodes in turn."""
    return layout.facts.guest.mode_of(layout.facts.cells[number].id) == "interleave"


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
            take = _take_in_turn if in_turn(layout, number) else _take
            booked: dict[tuple[tuple[int, ...], int], int] = {}
            until = target if facts.cells[number].reserve == "target" else last
            for nodes, page, pages in pages_used(layout, cell, number, until):
                take(now, free, nodes, page, pages)
                booked[nodes, page] = booked.get((nodes, page), 0) + pages
            for nodes, page, pages in pages_used(layout, cell, number, last):
                held = min(pages, booked.get((nodes, page), 0))
                booked[nodes, page] = booked.get((nodes, page), 0) - held
                take(later, {}, nodes, page, pages - held)
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


def _take(
    book: dict[tuple[int, int], int],
    free: dict[tuple[int, int], int],
    nodes: tuple[int, ...],
    page: int,
    pages: int,
) -> None:
    """Book pages on the nodes in ascending order as far as these are free, the rest on the last."""
    for node in nodes:
        here = pages if node == nodes[-1] else min(pages, free.get((node, page), pages))
        book[node, page] = book.get((node, page), 0) + here
        if (node, page) in free:
            free[node, page] -= here
        pages -= here


def _take_in_turn(
    book: dict[tuple[int, int], int],
    free: dict[tuple[int, int], int],
    nodes: tuple[int, ...],
    page: int,
    pages: int,
) -> None:
    """Book the pages of one backend as Linux interleaves them: one page on each node in turn, and
    elsewhere what a node does not have (mm/mempolicy.c:offset_il_node; seen in Linux 6.1)."""
    left = 0
    for place, node in enumerate(nodes):
        share = (pages - place + len(nodes) - 1) // len(nodes)
        here = max(0, min(share, free.get((node, page), share)))
        left += share - here
        _take(book, free, (node,), page, here)
    if left:
        _take(book, free, nodes, page, left)

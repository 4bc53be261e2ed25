"""How the guests lie on another host that they may be migrated to, and what they take of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from slotsolver.layout import GuestLayout
from slotsolver.plan import (
    BackedDevice,
    Destination,
    DestinationGuest,
    HostUse,
    NodeUse,
    PlannedCell,
    PlannedGuest,
    PoolUse,
)
from slotsolver.problem import Host
from slotsolver.size import MiB


def destination(
    host: Host, number: int, layouts: Sequence[GuestLayout], guests: Sequence[PlannedGuest]
) -> Destination:
    """The backing of every guest on ``also_hosts[number]``; ``guests`` is where they are now."""
    return Destination(
        host=number,
        guests=tuple(
            DestinationGuest(
                name=planned.name,
                cells=tuple(_cells(layout, number)),
                devices=tuple(_devices(layout, number, planned)),
            )
            for layout, planned in zip(layouts, guests, strict=True)
        ),
        use=_use(host, number, layouts),
    )


def _cells(layout: GuestLayout, number: int) -> Iterator[PlannedCell]:
    for place, (cell, backing) in enumerate(
        zip(layout.cells, layout.elsewhere[number], strict=True)
    ):
        yield PlannedCell(
            id=place, boot=cell.boot * MiB, page_size=backing.page, host_nodes=backing.nodes
        )


def _devices(layout: GuestLayout, number: int, planned: PlannedGuest) -> Iterator[BackedDevice]:
    """Every device that the guest has or will have, backed as its cell is."""
    backings = layout.elsewhere[number]
    for dimm in planned.dimms:
        if dimm.state != "unplug":
            own = backings[dimm.cell]
            yield BackedDevice(slot=dimm.slot, page_size=own.page, host_nodes=own.nodes)
    for device in planned.virtio_mem:
        own = backings[device.cell]
        yield BackedDevice(number=device.number, page_size=own.page, host_nodes=own.nodes)


def _use(host: Host, number: int, layouts: Sequence[GuestLayout]) -> HostUse:
    taken: dict[tuple[int, int], int] = {}
    promised: dict[tuple[int, int], int] = {}
    for layout in layouts:
        for place, cell in enumerate(layout.cells):
            own = layout.elsewhere[number][place]
            key = own.nodes[0], own.page
            stage = layout.facts.reserve_stage(layout.facts.cells[place])
            now, most = (-(-cell.totals[s] * MiB // own.page) for s in (stage, -1))
            taken[key] = taken.get(key, 0) + now
            promised[key] = promised.get(key, 0) + most - now
    return HostUse(
        nodes=tuple(
            NodeUse(
                id=node.id,
                pools=tuple(
                    PoolUse(
                        page_size=size,
                        total=host.pool(node.id, size).total,
                        free_before=host.pool(node.id, size).free,
                        free_after=host.pool(node.id, size).free - taken.get((node.id, size), 0),
                        promised=promised.get((node.id, size), 0),
                    )
                    for size in host.page_sizes()
                ),
            )
            for node in host.nodes
        )
    )

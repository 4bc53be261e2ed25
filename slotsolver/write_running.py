"""What a plan says of a running guest beyond its layout: what to do, in which order, and how far it
comes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, count

from slotsolver.layout import CellLayout, GuestLayout
from slotsolver.place_virtio import new_virtio
from slotsolver.plan import Operation, PlannedDimm, PlannedVirtioMem
from slotsolver.problem import Device, Guest, ReservedDimm
from slotsolver.running import virtio_number
from slotsolver.size import MiB, format_size


def operations(
    layout: GuestLayout, dimms: Sequence[PlannedDimm], virtio: Sequence[PlannedVirtioMem]
) -> tuple[Operation, ...]:
    """What is to be done: first everything that gives memory back, so that slots, addresses and
    pages are free, then what takes some, small before large, so that the guest has room to manage
    it."""
    if layout.facts.running is None:
        return ()
    memory = layout.facts.guest.size_now
    found = []
    for step in [*_going(layout, dimms, virtio), *_coming(layout, dimms, virtio)]:
        memory += step[0]
        found.append(step[1].model_copy(update={"memory": memory}))
    return tuple(found)


def _going(
    layout: GuestLayout, dimms: Sequence[PlannedDimm], virtio: Sequence[PlannedVirtioMem]
) -> Iterator[tuple[int, Operation]]:
    names = {d.slot: d.alias for d in layout.facts.guest.devices if d.model == "dimm"}
    for dimm in _unplug_order(layout, [d for d in dimms if d.state == "unplug"]):
        name = names.get(dimm.slot) or f"dimm{dimm.slot}"
        yield -dimm.size, _operation("unplug", dimm, name)
    for device in virtio:
        if device.before is not None and device.requested < device.before:
            yield from _resizes(layout, device)


def _coming(
    layout: GuestLayout, dimms: Sequence[PlannedDimm], virtio: Sequence[PlannedVirtioMem]
) -> Iterator[tuple[int, Operation]]:
    plugged = [dimm for dimm in dimms if dimm.state == "plug"]
    for dimm in sorted(plugged, key=lambda d: (d.size, d.slot)):
        yield dimm.size, _operation("plug", dimm, _new_name(layout.facts.guest, dimm.slot))
    for device in virtio:
        if device.before is not None and device.requested > device.before:
            yield from _resizes(layout, device)


def _new_name(guest: Guest, slot: int) -> str:
    """What a new DIMM is called: as libvirt calls it, or, where a device that somebody plugged by
    hand in another slot or its backend has that id, with a number behind."""
    others = [d for d in guest.devices if not d.takes_slot or d.slot != slot]
    names = {device.alias for device in others}
    backends = {device.backend or f"mem{device.alias}" for device in others}
    usual = f"dimm{slot}"
    tries = chain((usual,), (f"{usual}-{number}" for number in count(1)))
    return next(name for name in tries if name not in names and f"mem{name}" not in backends)


def _operation(do: str, dimm: PlannedDimm, name: str) -> Operation:
    return Operation(
        do="plug" if do == "plug" else "unplug",
        slot=dimm.slot,
        device=name,
        cell=dimm.cell,
        size=dimm.size,
        memory=0,
    )


def _unplug_order(layout: GuestLayout, going: list[PlannedDimm]) -> list[PlannedDimm]:
    """As the policies order them; else from the highest slot down."""
    running = layout.facts.running
    ranks: dict[int, int] = {}
    for order in running.orders if running else ():
        slots = {d.index: d.slot for d in running.dimms} if running else {}
        for rank, group in enumerate(order.groups):
            for index in group:
                ranks.setdefault(slots[index], rank)
    return sorted(going, key=lambda d: (ranks.get(d.slot, 0), -d.slot))


def _resizes(layout: GuestLayout, device: PlannedVirtioMem) -> Iterator[tuple[int, Operation]]:
    """The way from what is requested to what is to be, in steps that policy per-step permits."""
    running = layout.facts.running
    before, after = device.before or 0, device.requested
    most = abs(after - before)
    if running and device.cell in running.per_step:
        most = max(running.per_step[device.cell] * MiB // device.block, 1) * device.block
    while before != after:
        change = max(-most, min(most, after - before))
        before += change
        yield (
            change,
            Operation(
                do="resize",
                number=device.number,
                device=device.alias or f"virtiomem{device.number}",
                cell=device.cell,
                size=before,
                memory=0,
            ),
        )


def planned_virtio(
    layout: GuestLayout, addresses: Sequence[int], there_at: Mapping[int, int]
) -> tuple[PlannedVirtioMem, ...]:
    """Every virtio-mem device: those that the guest has, at ``there_at`` by their place in
    ``Guest.devices``, and planned ones at ``addresses``."""
    there = [(i, d) for i, d in enumerate(layout.facts.guest.devices) if d.model == "virtio-mem"]
    found = [
        _existing(layout, n, index, device, there_at[index])
        for n, (index, device) in enumerate(there)
    ]
    first = max((device.number for device in found), default=-1) + 1
    new = zip(new_virtio(layout), addresses, strict=True)
    for number, ((owner, cell, device), address) in enumerate(new, first):
        requested = tuple(value * MiB for value in device.requested)
        found.append(
            PlannedVirtioMem(
                number=number,
                cell=owner,
                size=device.size * MiB,
                block=device.facts.block * MiB,
                requested=requested[layout.facts.target_stage],
                stages=requested,
                page_size=cell.backing.page,
                host_nodes=cell.backing.nodes,
                address=address,
            )
        )
    return tuple(found)


def _existing(
    layout: GuestLayout, number: int, index: int, device: Device, address: int
) -> PlannedVirtioMem:
    """A device that is there, with what becomes of it."""
    cell: CellLayout = layout.cells[device.cell or 0]
    moved = next((v for v in cell.virtio if v.facts.index == index), None)
    stays = (device.memory,) * len(cell.totals)
    stages = stays if moved is None else tuple(value * MiB for value in moved.requested)
    return PlannedVirtioMem(
        number=virtio_number(device, number),
        cell=device.cell or 0,
        size=device.size,
        block=device.block or 2 * MiB,
        requested=stages[layout.facts.target_stage],
        before=device.memory,
        stages=stages,
        page_size=device.page_size or cell.backing.page,
        host_nodes=device.host_nodes if device.host_nodes is not None else cell.backing.nodes,
        address=address,
        alias=device.alias,
    )


def departures(layout: GuestLayout, dimms: Sequence[PlannedDimm]) -> tuple[str, ...]:
    """Where the plan leaves the growth that was planned once, a sentence for each DIMM."""
    running = layout.facts.running
    if running is None or not running.growth:
        return ()
    kept = {(d.slot, d.size, d.cell, d.address) for d in dimms if d.state in ("plug", "reserved")}
    planned = {_key(dimm) for dimm in running.growth}
    found = [
        f"slot {d.slot}: {format_size(d.size)} on cell {d.cell} is plugged, which was not planned"
        for d in dimms
        if d.state == "plug" and (d.slot, d.size, d.cell, d.address) not in planned
    ]
    found += [
        f"slot {d.slot}: the planned {format_size(d.size)} on cell {d.cell} is given up"
        for d in running.growth
        if _key(d) not in kept
    ]
    return tuple(found)


def _key(dimm: ReservedDimm) -> tuple[int, int, int, int]:
    return dimm.slot, dimm.size, dimm.cell, dimm.address

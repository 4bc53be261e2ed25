"""Slot numbers and addresses, derived from a layout by a fixed rule.

What was planned once and is plugged as it was planned keeps its slot and address. Other slots are
numbered in the order in which growth is meant to be plugged: stage by stage, in each round one DIMM
of every cell, small before large. So plugging slots in order keeps the guest balanced. Addresses
are given in that order too, largest alignment first, each in the first gap of the device memory
window where it fits; they never depend on QEMU's own choice. A running guest's DIMMs go where they
leave the largest gaps whole.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from slotsolver.errors import DefectError, InputError
from slotsolver.facts import GuestFacts, layout_options
from slotsolver.fields import made
from slotsolver.fit import Fit, Item, fit, gaps_between
from slotsolver.layout import GuestLayout, NewDimm
from slotsolver.packing import Gap
from slotsolver.place_virtio import new_virtio, virtio_addresses
from slotsolver.plan import DimmState, PlannedDimm
from slotsolver.platforms import Range
from slotsolver.problem import Device, ReservedDimm
from slotsolver.size import MiB


class Row(NamedTuple):
    """A new DIMM to be placed (bytes); ``address`` where it is settled already."""

    cell: int
    dimm: NewDimm
    slot: int
    align: int
    size: int
    address: int | None = None


def place(
    layout: GuestLayout, slots: int, block: int, *, joined: bool = False
) -> tuple[PlannedDimm, ...]:
    """Every DIMM of the layout with its slot and address, in slot order.

    ``slots`` is the slot count written, ``block`` the guest's memory block in bytes; ``joined``
    says that the plan has one stage in place of the layout's first two.
    """
    facts = layout.facts
    window = device_window(facts, layout.boot * MiB, layout.maximum * MiB, slots)
    existing = settle_devices(facts, window, slots)
    staying = [d for index, d in enumerate(existing) if index not in layout.gone]
    rows = numbered(layout, staying, slots, block)
    addresses = _in_first_gaps(layout, window, staying, rows)
    if new_virtio(layout):
        addresses = _around_virtio(layout, window, staying, rows, block)
    elif addresses is None:
        addresses = _gently(facts, window, staying, rows)
    if addresses is None:
        raise DefectError(f"guest {facts.guest.name}: the planned DIMMs do not fit the window")
    pages = [cell.backing.dimm_page for cell in layout.cells]
    states = _states(facts)
    planned = [
        made(
            PlannedDimm,
            {
                "slot": row.slot,
                "size": row.size,
                "cell": row.cell,
                "page_size": pages[row.cell],
                "host_nodes": row.dimm.nodes,
                "address": address,
                "state": states[row.dimm.stage],
                "stage": row.dimm.stage - 1 if joined and row.dimm.stage else row.dimm.stage,
            },
        )
        for row, address in zip(rows, addresses, strict=True)
    ]
    present = _present(layout, existing)
    if not present and not layout.taken:
        return tuple(planned)  # numbered in this order
    order = {"unplug": 0, "present": 1}
    return tuple(sorted([*planned, *present], key=lambda d: (d.slot, order.get(d.state, 2))))


def numbered(layout: GuestLayout, staying: Sequence[Device], slots: int, block: int) -> list[Row]:
    """The new DIMMs in plug order with their slots."""
    used = {d.slot for d in staying if d.takes_slot}
    used |= {dimm.slot for _, dimm in layout.taken}
    numbers = (n for n in range(slots) if n not in used)
    taken: dict[tuple[int, int, int], deque[ReservedDimm]] = {}
    for stage, kept in layout.taken:
        taken.setdefault((stage, kept.cell, kept.size), deque()).append(kept)
    aligned = [alignment(layout, cell, block) for cell in range(len(layout.cells))]
    rows = []
    for cell, dimm in plug_order(layout):
        size = dimm.size * MiB
        as_planned = taken.get((dimm.stage, cell, size)) if taken else None
        if as_planned:
            kept = as_planned.popleft()
            rows.append(Row(cell, dimm, kept.slot, aligned[cell], size, kept.address))
        else:
            rows.append(Row(cell, dimm, next(numbers), aligned[cell], size))
    return rows


def fit_rows(
    window: Range | None, staying: Sequence[Device], rows: Sequence[Row], *, best: bool = True
) -> Fit:
    """Addresses of the rows in the gaps between the devices that stay; in the order of the rows."""
    taken = [(d.address, d.address + d.size) for d in staying if d.address]
    taken += [(row.address, row.address + row.size) for row in rows if row.address is not None]
    if any(start < end for (_, end), (start, _) in pairwise(sorted(taken))):
        return Fit(None)
    open_rows = [row for row in rows if row.address is None]
    if window is None:
        return Fit(() if not rows else None)
    found = fit(
        gaps_between(window.base, window.end, taken),
        [Item(row.align, row.size) for row in open_rows],
        best=best,
    )
    if found.addresses is None:
        return found
    places = iter(found.addresses)
    return Fit(tuple(next(places) if row.address is None else row.address for row in rows))


def _gently(
    facts: GuestFacts, window: Range | None, staying: Sequence[Device], rows: Sequence[Row]
) -> tuple[int, ...] | None:
    """Addresses of a running guest's DIMMs that leave the largest gaps whole: what comes now goes
    into as few of the smallest gaps as hold it, what comes later into what is left; only where that
    finds no place, all are placed together."""
    target = facts.target_stage
    now = [row for row in rows if row.address is None and row.dimm.stage <= target]
    if window is None or not now:
        return fit_rows(window, staying, rows).addresses
    taken = [(d.address, d.address + d.size) for d in staying if d.address]
    taken += [(row.address, row.address + row.size) for row in rows if row.address is not None]
    gaps = sorted(
        gaps_between(window.base, window.end, taken), key=lambda g: (g.end - g.start, g.start)
    )
    for number in range(1, len(gaps) + 1):
        found = fit(gaps[:number], [Item(row.align, row.size) for row in now]).addresses
        if found is not None:
            placed = {row.slot: at for row, at in zip(now, found, strict=True)}
            settled = [row._replace(address=placed.get(row.slot, row.address)) for row in rows]
            whole = fit_rows(window, staying, settled).addresses
            return whole or fit_rows(window, staying, rows).addresses
    return fit_rows(window, staying, rows).addresses


def _in_first_gaps(
    layout: GuestLayout, window: Range | None, staying: Sequence[Device], rows: Sequence[Row]
) -> tuple[int, ...] | None:
    """Addresses of a guest that does not run, each DIMM in the first gap; ``None`` of one that does
    run, or has planned virtio-mem devices."""
    if layout.facts.running or new_virtio(layout):
        return None
    wanted = [(-row.align, row.slot, row.size) for row in rows]
    wanted.sort()
    found = _addresses(wanted, [free_gaps(window, staying)], {}) or _addresses(
        wanted, [[gap] for gap in free_gaps(window, staying)], layout.gap_counts
    )
    return None if found is None else tuple(found[row.slot] for row in rows)


def _around_virtio(
    layout: GuestLayout,
    window: Range | None,
    staying: Sequence[Device],
    rows: Sequence[Row],
    block: int,
) -> tuple[int, ...] | None:
    """Addresses where virtio-mem devices are planned: first what is plugged at boot, behind it the
    devices, then what comes later."""
    target = layout.facts.target_stage
    now = [row for row in rows if row.dimm.stage <= target]
    later = [row for row in rows if row.dimm.stage > target]
    found = fit_rows(window, staying, now, best=False).addresses
    if found is None:
        return None
    taken = [(d.address, d.address + d.size) for d in staying if d.address]
    taken += [(at, at + row.size) for row, at in zip(now, found, strict=True)]
    for (_, _, device), at in zip(
        new_virtio(layout), virtio_addresses(layout, window, taken, block), strict=True
    ):
        taken.append((at, at + device.size * MiB))
    settled = [row._replace(address=at) for row, at in zip(now, found, strict=True)]
    gaps = gaps_between(window.base, window.end, taken) if window else []
    behind = fit(gaps, [Item(row.align, row.size) for row in later], best=False).addresses
    if behind is None:
        return None
    by_slot = {row.slot: row.address or 0 for row in settled}
    by_slot |= {row.slot: at for row, at in zip(later, behind, strict=True)}
    return tuple(by_slot[row.slot] for row in rows)


def _states(facts: GuestFacts) -> list[DimmState]:
    """What new DIMMs of each stage are."""
    target = facts.target_stage
    now: DimmState = "plug" if facts.guest.running else "plugged"
    return [now if stage <= target else "reserved" for stage in range(len(facts.stages))]


def plug_order(layout: GuestLayout) -> list[tuple[int, NewDimm]]:
    """Planned DIMMs as ``(cell, dimm)`` in the order in which to plug them."""
    keyed = []
    for number, cell in enumerate(layout.cells):
        rounds: dict[int, int] = {}
        for dimm in cell.dimms:
            turn = rounds[dimm.stage] = rounds.get(dimm.stage, -1) + 1
            keyed.append((dimm.stage, turn, number, dimm))
    return [(number, dimm) for _, _, number, dimm in sorted(keyed)]


def alignment(layout: GuestLayout, cell: int, block: int) -> int:
    """What sizes and addresses of a cell's new DIMMs are multiples of (bytes), on each of the hosts
    that the guest may come to."""
    facts = layout.facts
    page = layout.cells[cell].backing.dimm_page
    pages = [page, *(backings[cell].page for backings in layout.elsewhere)]
    return facts.cells[cell].unit_for(max(pages), block // MiB) * MiB


def settle_devices(facts: GuestFacts, window: Range | None, slots: int) -> tuple[Device, ...]:
    """The guest's own devices, each with the slot and address it will get.

    libvirt gives free slots in XML order, explicit ones first (qemuDomainAssignMemorySlots); QEMU
    gives addresses by first fit in the order of realisation (memory_device_get_free_addr).
    """
    guest = facts.guest
    taken = {d.slot for d in guest.devices if d.takes_slot and d.slot is not None}
    settled: list[Device] = []
    for device in guest.devices:
        changes: dict[str, int] = {}
        if device.takes_slot and device.slot is None:
            changes["slot"] = next(n for n in range(slots + len(guest.devices)) if n not in taken)
            taken.add(changes["slot"])
        if not device.address and device.model != "sgx-epc":
            changes["address"] = _first_fit(facts, window, device, settled)
        settled.append(device.model_copy(update=changes))
    return tuple(settled)


def _first_fit(
    facts: GuestFacts, window: Range | None, device: Device, earlier: Sequence[Device]
) -> int:
    cell = facts.cells[device.cell or 0]
    page = device.page_size or min(cell.pages)
    align = max(facts.platform.backend_alignment(page), device.block or 0)
    taken = sorted(
        (d.address, d.address + d.size) for d in [*earlier, *facts.guest.devices] if d.address
    )
    if window is None:
        raise InputError(
            f"guest {facts.guest.name} has memory devices but no maxMemory above memory"
        )
    address = -(-window.base // align) * align
    for start, end in taken:
        if address < end and start < address + device.size:
            address = -(-end // align) * align
    return address


def device_window(facts: GuestFacts, boot: int, maximum: int, slots: int) -> Range | None:
    """Where QEMU places memory devices, ``None`` where there is nothing to plug (bytes)."""
    top = max(maximum, boot)
    return facts.platform.memory_map(boot, top, slots, **layout_options(facts)).window


def free_gaps(window: Range | None, devices: Sequence[Device]) -> list[Gap]:
    """The free parts of the device memory window, ascending."""
    if window is None:
        return []
    taken = [(d.address, d.address + d.size) for d in devices if d.address]
    return gaps_between(window.base, window.end, taken)


def _addresses(
    wanted: Sequence[tuple[int, int, int]],
    gaps: Sequence[list[Gap]],
    quota: Mapping[int, tuple[int, ...]],
) -> dict[int, int] | None:
    """An address for each ``(-alignment, slot, size)`` by slot, ``None`` if one finds no place.

    With a quota (DIMMs of each size in each gap, as the layout counts them) only those gaps are
    used, which always succeeds; without, each DIMM takes the first gap.
    """
    left = {size: list(counts) for size, counts in quota.items()}
    found: dict[int, int] = {}
    for align, slot, size in wanted:
        counts = left.get(size // MiB) if left else None
        number = next(n for n, count in enumerate(counts) if count) if counts else 0
        if counts:
            counts[number] -= 1
        address = _take(gaps[number], -align, size) if gaps else None
        if address is None:
            return None
        found[slot] = address
    return found


def _take(gaps: list[Gap], align: int, size: int) -> int | None:
    for gap in gaps:
        address = -(-gap.start // align) * align
        if address + size <= gap.end:
            if address > gap.start:
                gaps.insert(gaps.index(gap), Gap(gap.start, address))
            gap.start = address + size
            return address
    return None


def _present(layout: GuestLayout, devices: Sequence[Device]) -> list[PlannedDimm]:
    found = []
    for index, device in enumerate(devices):
        if device.model != "dimm":
            continue
        cell = device.cell or 0
        backing = layout.cells[cell].backing
        found.append(
            PlannedDimm(
                slot=device.slot or 0,
                size=device.size,
                cell=cell,
                page_size=device.page_size or backing.page,
                host_nodes=device.host_nodes if device.host_nodes is not None else backing.nodes,
                address=device.address or 0,
                state="unplug" if index in layout.gone else "present",
                stage=0,
            )
        )
    return found

"""Slot numbers and addresses, derived from a layout by a fixed rule.

Slots are numbered in the order in which growth is meant to be plugged: stage by stage, in each
round one DIMM of every cell, small before large. So plugging slots in order keeps the guest
balanced. Addresses are given in that order too, largest alignment first, each in the first gap of
the device memory window where it fits; they never depend on QEMU's own choice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from slotsolver.errors import DefectError, InputError
from slotsolver.facts import GuestFacts, layout_options
from slotsolver.layout import GuestLayout, NewDimm
from slotsolver.plan import DimmState, PlannedDimm
from slotsolver.platforms import Range
from slotsolver.problem import Device
from slotsolver.size import MiB


@dataclass
class Gap:
    """A free part of the device memory window, bytes."""

    start: int
    end: int


def place(layout: GuestLayout, slots: int, block: int) -> tuple[PlannedDimm, ...]:
    """Every DIMM of the layout with its slot and address, in slot order.

    ``slots`` is the slot count written, ``block`` the guest's memory block in bytes.
    """
    facts = layout.facts
    window = device_window(facts, layout.boot * MiB, layout.maximum * MiB, slots)
    existing = settle_devices(facts, window, slots)
    used = {d.slot for d in existing if d.takes_slot}
    numbers = (n for n in range(slots) if n not in used)
    rows = [(cell, dimm, next(numbers)) for cell, dimm in plug_order(layout)]
    wanted = sorted(
        ((-_alignment(layout, cell, block), dimm.size * MiB, slot) for cell, dimm, slot in rows),
        key=lambda row: (row[0], row[2]),
    )
    gaps = free_gaps(window, existing)
    addresses = _addresses(wanted, [gaps], {}) or _addresses(
        wanted, [[gap] for gap in free_gaps(window, existing)], layout.gap_counts
    )
    if addresses is None:
        raise DefectError(f"guest {facts.guest.name}: the planned DIMMs do not fit the window")
    planned = [
        PlannedDimm(
            slot=slot,
            size=dimm.size * MiB,
            cell=cell,
            page_size=layout.cells[cell].backing.dimm_page,
            host_nodes=dimm.nodes,
            address=addresses[slot],
            state=_state(facts, dimm.stage),
            stage=dimm.stage,
        )
        for cell, dimm, slot in rows
    ]
    return tuple(sorted([*planned, *_present(layout, existing)], key=lambda d: d.slot))


def _state(facts: GuestFacts, stage: int) -> DimmState:
    if stage > facts.target_stage:
        return "reserved"
    return "plug" if facts.guest.running else "plugged"


def plug_order(layout: GuestLayout) -> list[tuple[int, NewDimm]]:
    """Planned DIMMs as ``(cell, dimm)`` in the order in which to plug them."""
    keyed = []
    for number, cell in enumerate(layout.cells):
        rounds: dict[int, int] = {}
        for dimm in cell.dimms:
            turn = rounds[dimm.stage] = rounds.get(dimm.stage, -1) + 1
            keyed.append(((dimm.stage, turn, number), dimm))
    return [(key[2], dimm) for key, dimm in sorted(keyed, key=lambda k: k[0])]


def _alignment(layout: GuestLayout, cell: int, block: int) -> int:
    facts = layout.facts
    page = layout.cells[cell].backing.dimm_page
    return facts.cells[cell].unit_for(page, block // MiB) * MiB


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
    gaps, start = [], window.base
    for address, end in sorted((d.address, d.address + d.size) for d in devices if d.address):
        if address > start:
            gaps.append(Gap(start, address))
        start = max(start, end)
    if start < window.end:
        gaps.append(Gap(start, window.end))
    return gaps


def _addresses(
    wanted: Sequence[tuple[int, int, int]],
    gaps: Sequence[list[Gap]],
    quota: Mapping[int, tuple[int, ...]],
) -> dict[int, int] | None:
    """An address for each ``(-alignment, size, slot)`` by slot, ``None`` if one finds no place.

    With a quota (DIMMs of each size in each gap, as the layout counts them) only those gaps are
    used, which always succeeds; without, each DIMM takes the first gap.
    """
    left = {size: list(counts) for size, counts in quota.items()}
    found: dict[int, int] = {}
    for align, size, slot in wanted:
        counts = left.get(size // MiB)
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
    for device in devices:
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
                state="present",
                stage=0,
            )
        )
    return found

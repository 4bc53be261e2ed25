"""A plan's devices in QEMU's device memory when everything is plugged.

Every DIMM of a plan has an explicit slot and address, so QEMU's search plays no part and any subset
of a layout that is free of overlaps is free of them too: judging the maximum judges every stage.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from slotsolver.checker.plan_platform import layout
from slotsolver.checker.subject import GuestSubject, PlanSubject
from slotsolver.checker.violation import Violation
from slotsolver.platforms import MemoryMap, Range, Version
from slotsolver.platforms.device_memory import QemuRefusalError, free_address
from slotsolver.problem import Device
from slotsolver.size import MiB

NO_REGION = (
    "memory devices (e.g. for memory hotplug) are not enabled, please specify the maxmem option"
)
NO_REGION_NOW = (
    "the configuration is not prepared for memory devices (e.g., for memory hotplug), consider "
    "specifying the maxmem option"
)
"""QEMU's text before and from 8.2 on."""


@dataclass(frozen=True, order=True)
class Placed:
    """Guest-physical bytes that a device takes."""

    address: int
    size: int
    name: str
    place: str


def check_addresses(plan: PlanSubject) -> Iterator[Violation]:
    """Devices lie in the window, do not overlap, and together fit into maxmem less boot memory."""
    for guest in plan.guests:
        yield from _space(guest)
        memory = layout(guest, plan.problem.host)
        yield from _places(guest, memory)
        yield from _automatic(guest, memory)


def placed_devices(guest: GuestSubject) -> list[Placed]:
    """Every device with a known address, ascending; unplugged DIMMs make room for others."""
    found = [
        Placed(d.address, d.size, f"dimm{d.slot}", f"{guest.place} slot {d.slot}")
        for d in guest.planned.dimms
        if d.state != "unplug"
    ]
    found += [
        Placed(v.address, v.size, f"virtiomem{v.number}", f"{guest.place} virtio-mem {v.number}")
        for v in guest.planned.virtio_mem
        if v.address
    ]
    for number, device in enumerate(guest.guest.devices):
        if device.address and device.model != "sgx-epc" and not _shown(guest, device):
            place = f"{guest.place} device {number}"
            found.append(Placed(device.address, device.size, f"device{number}", place))
    return sorted(found)


def _space(guest: GuestSubject) -> Iterator[Violation]:
    """QEMU 7.2 hw/mem/memory-device.c:memory_device_check_addable, device by device."""
    space = guest.planned.maximum - guest.boot
    used = sum(d.size for d in guest.kept_devices if d.model != "sgx-epc")
    more = sum([d.size for d in guest.new_dimms]) + sum([v.size for v in guest.new_virtio])
    if space < 0 or used + more <= space:
        return
    new = [(d.size, "slot", d.slot) for d in guest.new_dimms]
    new += [(v.size, "virtio-mem", v.number) for v in guest.new_virtio]
    for size, name, number in new:
        if used + size > space:
            says = (
                f"not enough space, currently 0x{used:x} in use of total space for memory devices "
                f"0x{space:x}"
            )
            yield Violation("qemu-3.2-space", "start", says, f"{guest.place} {name} {number}")
            return
        used += size


def _places(guest: GuestSubject, memory: MemoryMap) -> Iterator[Violation]:
    """QEMU 7.2 hw/mem/memory-device.c:memory_device_get_free_addr, explicit addresses."""
    window = memory.window
    if _well_placed(guest, window):
        return
    devices = placed_devices(guest)
    for device in devices:
        if window is None:
            says = NO_REGION_NOW if Version.parse(guest.qemu) >= (8, 2) else NO_REGION
            yield Violation("qemu-3.2-region", "start", says, device.place)
        elif device.address < window.base or device.address + device.size > window.end:
            says = (
                f"can't add memory device [0x{device.address:x}:0x{device.size:x}], usable range "
                f"for memory devices [0x{window.base:x}:0x{window.size:x}]"
            )
            yield Violation("qemu-3.2-range", "start", says, device.place)
    for one, other in pairwise(devices):
        if one.address + one.size > other.address:
            says = f"address range conflicts with memory device id='{one.name}'"
            yield Violation("qemu-3.2-overlap", "start", says, other.place)


def _well_placed(guest: GuestSubject, window: Range | None) -> bool:
    """Whether all that has an address lies in the window, each behind the one before."""
    ranges = [(d.address, d.size) for d in guest.planned.dimms if d.state != "unplug"]
    ranges += [(v.address, v.size) for v in guest.planned.virtio_mem if v.address]
    for device in guest.guest.devices:
        if device.address and device.model != "sgx-epc" and not _shown(guest, device):
            ranges.append((device.address, device.size))
    if not ranges or window is None:
        return not ranges
    ranges.sort()
    free = window.base
    for address, size in ranges:
        if address < free:
            return False
        free = address + size
    return free <= window.end


def _automatic(guest: GuestSubject, memory: MemoryMap) -> Iterator[Violation]:
    """Devices of the guest whose address is not known find room beside all others."""
    if memory.window is None:
        return
    taken: list[tuple[Range, str]] = []
    for number, device in enumerate(guest.guest.devices):
        listed = guest.listed(device)
        placed = device.address or _shown(guest, device) if listed is None else listed.address
        if placed or device.model in ("dimm", "sgx-epc"):
            continue
        taken = taken or [(Range(d.address, d.size), d.name) for d in placed_devices(guest)]
        align = max(2 * MiB, device.block or 0, device.page_size or 0)
        try:
            address = free_address(memory.window, taken, align, device.size)
        except QemuRefusalError as refusal:
            place = f"{guest.place} device {number}"
            yield Violation("qemu-3.2-fragmented", "start", str(refusal), place)
        else:
            taken.append((Range(address, device.size), f"device{number}"))


def _shown(guest: GuestSubject, device: Device) -> bool:
    """Whether a device of the guest is among the plan's DIMMs or virtio-mem devices."""
    if guest.listed(device) is not None:
        return True
    return device.takes_slot and (device.model == "dimm" or device.slot in guest.shown_slots)

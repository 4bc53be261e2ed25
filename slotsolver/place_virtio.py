"""Where planned virtio-mem devices lie: where QEMU's first fit puts them at start.

libvirt before 9.4 can neither pin nor show their addresses. DIMMs with addresses stand before them
in the domain, so QEMU places them behind what is plugged at boot, lowest gap first
(hw/mem/memory-device.c: memory_device_get_free_addr); the same address is pinned where it can be.
"""

from __future__ import annotations

from collections.abc import Sequence

from slotsolver.errors import DefectError
from slotsolver.layout import CellLayout, GuestLayout, VirtioLayout
from slotsolver.platforms import Range
from slotsolver.size import MiB

Taken = tuple[int, int]
"""First address and the one behind the last."""


def new_virtio(layout: GuestLayout) -> list[tuple[int, CellLayout, VirtioLayout]]:
    """The planned devices with their cells, in the order in which they get their numbers and
    places: those with the largest blocks first, so that none leaves a gap before the next. Only
    DIMM slots lengthen the device memory; for gaps there might be no room."""
    found = [
        (number, cell, device)
        for number, cell in enumerate(layout.cells)
        for device in cell.virtio
        if device.facts.index is None
    ]
    return sorted(found, key=lambda entry: (-entry[2].facts.block, entry[0]))


def virtio_addresses(
    layout: GuestLayout, window: Range | None, taken: Sequence[Taken], block: int
) -> list[int]:
    """Addresses of the planned devices, in their order; ``taken`` is what is plugged at boot and
    ``block`` the guest's memory block (bytes)."""
    occupied, addresses = sorted(taken), []
    for _, cell, device in new_virtio(layout):
        if window is None:
            raise DefectError("a virtio-mem device without device memory")
        page = cell.backing.page
        align = max(device.facts.block * MiB, layout.facts.platform.backend_alignment(page), block)
        address = -(-window.base // align) * align
        for start, end in occupied:
            if address < end and start < address + device.size * MiB:
                address = -(-end // align) * align
        addresses.append(address)
        occupied = sorted([*occupied, (address, address + device.size * MiB)])
    return addresses

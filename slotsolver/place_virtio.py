"""Where planned virtio-mem devices lie: where QEMU's first fit puts them at start.

libvirt before 9.4 can neither pin nor show their addresses. DIMMs with addresses stand before them
in the domain, so QEMU places them behind what is plugged at boot, lowest gap first
(hw/mem/memory-device.c: memory_device_get_free_addr); the same address is pinned where it can be.
"""

from __future__ import annotations

from collections.abc import Sequence

from slotsolver.errors import DefectError, InputError
from slotsolver.layout import CellLayout, GuestLayout, VirtioLayout
from slotsolver.platforms import Range
from slotsolver.size import MiB, format_size

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
    for owner, cell, device in new_virtio(layout):
        if window is None:
            raise DefectError("a virtio-mem device without device memory")
        page = layout.facts.platform.backend_alignment(cell.backing.page)
        own, size = max(device.facts.block * MiB, page), device.size * MiB
        address = _first_fit(window, occupied, max(own, block), size)
        if not layout.facts.virtio_pinned and address != _first_fit(window, occupied, own, size):
            raise InputError(
                f"guest {layout.facts.guest.name}: QEMU would put the virtio-mem device of cell "
                f"{owner} where it is no multiple of the guest's memory block "
                f"{format_size(block)}, and only libvirt 9.4 can put it elsewhere; give it "
                f"`block: {format_size(block)}` (policy device)"
            )
        if address + size > window.end:
            raise InputError(
                f"guest {layout.facts.guest.name}: between its devices and their addresses there "
                f"is no room for a virtio-mem device of {format_size(size)} on cell {owner}; each "
                f"of its `slots` adds 1 GiB of room"
            )
        addresses.append(address)
        occupied = sorted([*occupied, (address, address + size)])
    return addresses


def _first_fit(window: Range, occupied: Sequence[Taken], align: int, size: int) -> int:
    """The lowest aligned address beside what is taken, which ascends."""
    address = -(-window.base // align) * align
    for start, end in occupied:
        if address < end and start < address + size:
            address = -(-end // align) * align
    return address

"""QEMU's device memory, replayed: every check of a plug in QEMU's order, with its text.

The order is that of QEMU 7.2 for all before 8.2 and that of 10.0 from 8.2 on. 8.2.2 itself takes
a DIMM whose size is not a multiple of its backend's alignment; here it is refused as by all others.
Sources: QEMU 7.2 and 10.0 hw/mem/pc-dimm.c, hw/mem/memory-device.c, hw/virtio/virtio-mem.c.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Unpack

from slotsolver.platforms.first_fit import QemuRefusalError, free_address, free_slot
from slotsolver.platforms.memory_device import Dimm, MemoryDevice, PlugResult, VirtioMem
from slotsolver.platforms.memory_map import MapOptions
from slotsolver.platforms.memslots import VhostBackend
from slotsolver.platforms.platform import Platform
from slotsolver.platforms.ranges import MiB, Range
from slotsolver.platforms.versions import (
    QEMU_NEW_CHECK_ORDER,
    QEMU_VIRTIO_MEM_UNPLUG,
    QemuVersion,
)

__all__ = [
    "DeviceMemory",
    "Dimm",
    "PlugResult",
    "QemuRefusalError",
    "VirtioMem",
    "device_memory_for",
    "free_address",
    "free_slot",
]


@dataclass
class DeviceMemory:
    """The device memory of one guest with what is plugged, as QEMU keeps it; bytes.

    ``window`` is where devices go, ``space`` how much of it they may fill (``maxmem - ram``, less
    than the window is long), ``nodes`` the number of guest NUMA nodes. ``blocked`` is the text
    with which the machine refuses every DIMM (no ACPI, say), ``vhost`` the tightest vhost device.
    """

    platform: Platform
    window: Range | None
    space: int
    slots: int
    nodes: int = 1
    qemu: QemuVersion = (7, 2)
    blocked: str | None = None
    vhost: VhostBackend | None = None
    sgx_epc: int = 0
    devices: list[MemoryDevice] = field(default_factory=list)

    @property
    def used(self) -> int:
        """Bytes of all devices, virtio-mem with its full size, up to QEMU 8.1 SGX EPC too."""
        epc = 0 if QEMU_NEW_CHECK_ORDER.in_version(self.qemu) else self.sgx_epc
        return epc + sum(device.size for device in self.devices)

    def plug(self, device: MemoryDevice) -> PlugResult:
        """Plug as ``device_add`` does. A refused device leaves no trace."""
        warnings: list[str] = []
        try:
            slot, address = self._placed(device, warnings)
        except QemuRefusalError as refusal:
            return PlugResult(None, None, str(refusal), tuple(warnings))
        if isinstance(device, Dimm):
            device = replace(device, slot=-1 if slot is None else slot)
        self.devices.append(replace(device, address=address))
        return PlugResult(slot, address, None, tuple(warnings))

    def unplug(self, device_id: str) -> str | None:
        """Take a device out, as if the guest agreed at once; QEMU's text if it refuses."""
        for device in self.devices:
            if device.id != device_id:
                continue
            if isinstance(device, VirtioMem) and not QEMU_VIRTIO_MEM_UNPLUG.in_version(self.qemu):
                return "virtio based memory devices cannot be unplugged."
            self.devices.remove(device)
            return None
        return f"Device '{device_id}' not found"

    def _placed(self, device: MemoryDevice, warnings: list[str]) -> tuple[int | None, int]:
        if any(other.id == device.id for other in self.devices):
            raise QemuRefusalError(f"Duplicate device ID '{device.id}'")
        slot = None
        if isinstance(device, Dimm):
            refused = self.blocked or self.platform.dimm_size_error(device.size)
            if refused:
                raise QemuRefusalError(refused)
            used = {other.slot for other in self.devices if isinstance(other, Dimm)}
            slot = free_slot(self.slots, used, device.slot)
        address = self._address(device, warnings)
        if isinstance(device, Dimm):
            self._realize_dimm(device)
        else:
            self._realize_virtio_mem(device, warnings)
        return slot, address

    def _address(self, device: MemoryDevice, warnings: list[str]) -> int:
        """QEMU hw/mem/memory-device.c:memory_device_pre_plug."""
        new_order = QEMU_NEW_CHECK_ORDER.in_version(self.qemu)
        window = self._window_in_use(new_order)
        align = self._alignment(device)
        if new_order:
            self._check_addable(device)
            _check_size(device, device.align)
        if window.base % align:
            warnings.append(
                f"the alignment (0x{align:x}) exceeds the expected maximum alignment, memory will "
                "get fragmented and not all 'maxmem' might be usable for memory devices."
            )
        if not new_order:
            self._check_addable(device)
        if device.address % align:
            raise QemuRefusalError(f"address must be aligned to 0x{align:x} bytes")
        if not new_order:
            _check_size(device, align)
        taken = [(Range(other.address, other.size), other.id) for other in self.devices]
        return free_address(window, taken, align, device.size, device.address)

    def _alignment(self, device: MemoryDevice) -> int:
        if isinstance(device, VirtioMem):
            return max(device.block, device.align)
        return self.platform.legacy_dimm_alignment or device.align

    def _window_in_use(self, new_order: bool) -> Range:
        if self.window is not None:
            return self.window
        if new_order:
            raise QemuRefusalError(
                "the configuration is not prepared for memory devices (e.g., for memory hotplug), "
                "consider specifying the maxmem option"
            )
        if self.platform.arch == "aarch64":  # allocates nothing without maxmem
            raise QemuRefusalError(
                "memory devices (e.g. for memory hotplug) are not supported by the machine"
            )
        raise QemuRefusalError(
            "memory devices (e.g. for memory hotplug) are not enabled, "
            "please specify the maxmem option"
        )

    def _check_addable(self, device: MemoryDevice) -> None:
        """QEMU hw/mem/memory-device.c:memory_device_check_addable."""
        if self.vhost is not None:
            seen = sum(other.has_fd or not self.vhost.fd_only for other in self.devices)
            full = self.vhost.full_error(seen, self.qemu)
            if full:
                raise QemuRefusalError(full)
        if self.used + device.size > self.space:
            raise QemuRefusalError(
                f"not enough space, currently 0x{self.used:x} in use of total space for memory "
                f"devices 0x{self.space:x}"
            )

    def _is_busy(self, memdev: str) -> bool:
        return bool(memdev) and any(other.memdev == memdev for other in self.devices)

    def _realize_dimm(self, device: Dimm) -> None:
        """QEMU 7.2 hw/mem/pc-dimm.c:pc_dimm_realize."""
        nodes = max(1, self.nodes)
        if device.node >= nodes:
            raise QemuRefusalError(
                f"'DIMM property node has value {device.node}' "
                f"which exceeds the number of numa nodes: {nodes}"
            )
        if self._is_busy(device.memdev):
            raise QemuRefusalError(f"can't use already busy memdev: {device.memdev}")

    def _realize_virtio_mem(self, device: VirtioMem, warnings: list[str]) -> None:
        """QEMU 7.2 hw/virtio/virtio-mem.c:virtio_mem_device_realize."""
        if self._is_busy(device.memdev):
            raise QemuRefusalError(f"'memdev' property specifies a busy memdev: {device.memdev}")
        nodes = max(1, self.nodes)
        if device.node >= nodes:
            raise QemuRefusalError(
                f"'node' property has value '{device.node}', "
                f"which exceedsthe number of numa nodes: {nodes}"
            )
        block = device.block
        if block < device.page_size:
            raise QemuRefusalError(
                f"'block-size' property has to be at least the page size (0x{device.page_size:x})"
            )
        if block < device.default_block_size:
            warnings.append(
                "'block-size' property is smaller than the default block size "
                f"({device.default_block_size // MiB} MiB)"
            )
        if device.requested % block:
            raise QemuRefusalError(
                f"'requested-size' property has to be multiples of 'block-size' (0x{block:x})"
            )
        if device.size % block:
            raise QemuRefusalError(
                f"'memdev' property memdev size has to be multiples of'block-size' (0x{block:x})"
            )


def _check_size(device: MemoryDevice, align: int) -> None:
    if device.size % align:
        raise QemuRefusalError(f"backend memory size must be multiple of 0x{align:x}")


def device_memory_for(
    platform: Platform,
    ram: int,
    maxmem: int,
    slots: int,
    *,
    nodes: int = 1,
    qemu: QemuVersion = (7, 2),
    **options: Unpack[MapOptions],
) -> DeviceMemory:
    """The empty device memory of ``-m size=ram,slots=slots,maxmem=maxmem``; bytes."""
    window = platform.memory_map(ram, maxmem, slots, **options).window
    epc = options.get("sgx_epc", 0)
    return DeviceMemory(platform, window, maxmem - ram, slots, nodes, qemu, sgx_epc=epc)

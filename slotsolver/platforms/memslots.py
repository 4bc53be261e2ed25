"""Memory slots of KVM and of vhost backends: how many memory regions a guest may have.

Not to be confused with ``maxMemory slots``: every piece of guest memory that the host must know of
takes one, boot memory too, and a vhost backend with few of them stops DIMM hotplug.
"""

from __future__ import annotations

from dataclasses import dataclass

from slotsolver.platforms.memory_map import MemoryMap
from slotsolver.platforms.versions import (
    QEMU_NEW_CHECK_ORDER,
    QEMU_VHOST_USER_512,
    QemuVersion,
)

KVM_LIMIT = 32764
"""KVM_CAP_NR_MEMSLOTS of current x86 kernels (SHRT_MAX - 3); never reached by 256 DIMMs."""

VHOST_KERNEL_LIMIT = 64
"""Default of /sys/module/vhost/parameters/max_mem_regions, read at every check (QEMU 7.2
hw/virtio/vhost-backend.c:vhost_kernel_memslots_limit); many distributions raise it to 509."""

VHOST_USER_BASELINE = 8
"""A vhost-user backend without VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS (QEMU 7.2
hw/virtio/vhost-user.c:vhost_user_backend_init, VHOST_MEMORY_BASELINE_NREGIONS)."""

VHOST_VDPA_LIMIT = (1 << 31) - 1
"""QEMU 7.2 hw/virtio/vhost-vdpa.c:vhost_vdpa_memslots_limit."""


def vhost_user_limit(offered: int | None, qemu: QemuVersion = (7, 2)) -> int:
    """Regions that a vhost-user backend may have, from what it ``offered`` (``None``: nothing).

    QEMU cuts it to 256 (7.2) or 512 (10.0 and 11.1), see
    hw/virtio/vhost-user.c:VHOST_USER_MAX_RAM_SLOTS.
    """
    if offered is None:
        return VHOST_USER_BASELINE
    return min(offered, 512 if QEMU_VHOST_USER_512.in_version(qemu) else 256)


def boot_regions(memory_map: MemoryMap, *, arch: str = "x86_64") -> int:
    """Regions that boot memory takes: on x86 two below 4 GiB (the VGA hole splits it) and one
    above; elsewhere one (QEMU 7.2 hw/virtio/vhost.c:vhost_region_add_section)."""
    if arch != "x86_64":
        return 1
    return 2 + (memory_map.above is not None)


@dataclass(frozen=True)
class VhostBackend:
    """The vhost device with the smallest limit.

    ``boot`` are the regions of boot memory that it sees. A vhost-user backend (``fd_only``) sees
    only memory that has a file descriptor: memfd and file backends, since QEMU 10 shared RAM too;
    kernel vhost sees everything.
    """

    limit: int
    boot: int
    fd_only: bool = True

    @property
    def free_at_boot(self) -> int:
        """How many memory devices that it sees can be plugged."""
        return max(0, self.limit - self.boot)

    def full_error(self, devices: int, qemu: QemuVersion = (7, 2)) -> str | None:
        """QEMU's text if one more device is refused while it sees ``devices`` already.

        QEMU 7.2 hw/virtio/vhost.c:vhost_has_free_slot, 8.2 vhost_get_free_memslots.
        """
        if self.limit > self.boot + devices:
            return None
        if QEMU_NEW_CHECK_ORDER.in_version(qemu):
            return "a used vhost backend has not enough free memory slots left"
        return "a used vhost backend has no free memory slots left"

    def late_error(self, devices: int, qemu: QemuVersion = (7, 2)) -> str | None:
        """QEMU's text if the vhost device comes last, after ``devices`` that it would see
        (QEMU hw/virtio/vhost.c:vhost_dev_init)."""
        used = self.boot + devices
        if self.limit >= used:
            return None
        if QEMU_NEW_CHECK_ORDER.in_version(qemu):
            return (
                f"vhost backend memory slots limit ({self.limit}) is less than current number of "
                f"used ({used}) and reserved (0) memory slots for memory devices."
            )
        return (
            "vhost backend memory slots limit is less than current number of present memory slots"
        )

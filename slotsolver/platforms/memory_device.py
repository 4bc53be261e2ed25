"""The memory devices that a guest may have beside its boot memory, as QEMU's options give them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from slotsolver.platforms.ranges import MiB


@dataclass(frozen=True)
class Dimm:
    """One ``pc-dimm``; bytes. ``slot`` -1 and ``address`` 0 leave the choice to QEMU.

    ``align`` is its backend's alignment (:func:`slotsolver.platforms.backends.backend_alignment`),
    ``memdev`` the backend's id, ``has_fd`` whether a vhost-user backend can see its memory.
    """

    id: str
    size: int
    align: int = 2 * MiB
    slot: int = -1
    address: int = 0
    node: int = 0
    memdev: str = ""
    has_fd: bool = False


@dataclass(frozen=True)
class VirtioMem:
    """One ``virtio-mem-pci``; bytes. ``block_size`` 0 takes QEMU's default; it needs no slot.

    ``page_size`` is that of its backend, ``base_page`` the host's ordinary page.
    """

    id: str
    size: int
    align: int = 2 * MiB
    address: int = 0
    node: int = 0
    block_size: int = 0
    requested: int = 0
    page_size: int = 4096
    base_page: int = 4096
    memdev: str = ""
    has_fd: bool = False

    @property
    def default_block_size(self) -> int:
        """QEMU 7.2 hw/virtio/virtio-mem.c:virtio_mem_default_block_size, for a transparent huge
        page of 2 MiB (x86_64, and arm64 with 4 KiB pages)."""
        if self.page_size > self.base_page:
            return max(self.page_size, 1 * MiB)
        return 2 * MiB

    @property
    def block(self) -> int:
        """The block size in force."""
        return self.block_size or self.default_block_size


MemoryDevice: TypeAlias = Dimm | VirtioMem


@dataclass(frozen=True)
class PlugResult:
    """The outcome of one plug: ``slot`` (``None`` for virtio-mem) and ``address``, or ``error``."""

    slot: int | None
    address: int | None
    error: str | None = None
    warnings: tuple[str, ...] = ()

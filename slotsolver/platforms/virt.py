"""arm virt: one run of boot memory from 1 GiB on, QEMU 7.2 hw/arm/virt.c:virt_set_memmap.

DIMMs need UEFI firmware and ACPI there, which the memory map does not show.
"""

# The signatures are those of Platform; not every machine reads every argument.
# ruff: noqa: ARG002

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Unpack

from slotsolver.platforms.linux_guest import arm64_memory_block
from slotsolver.platforms.memory_map import MapOptions, MemoryMap
from slotsolver.platforms.platform import Platform
from slotsolver.platforms.ranges import GiB, Range, align_up, wrap64

RAM_BASE = 1 * GiB
"""QEMU 7.2 hw/arm/virt.c:base_memmap[VIRT_MEM]."""


@dataclass(frozen=True)
class VirtPlatform(Platform):
    """arm virt, 64 bit."""

    name: ClassVar[str] = "virt"
    arch: ClassVar[str] = "aarch64"
    ram_id: ClassVar[str] = "mach-virt.ram"

    def memory_map(
        self, ram: int, maxmem: int, slots: int, **options: Unpack[MapOptions]
    ) -> MemoryMap:
        """``phys_bits`` are the CPU's PA bits (KVM: the host's IPA bits; ``highmem=off``: 32)."""
        bits = options.get("phys_bits") or self.default_phys_bits
        base = align_up(RAM_BASE + ram, GiB)
        size = wrap64(maxmem - ram + GiB * slots)
        top = wrap64(base + align_up(size, GiB))
        over = top - (1 << bits)
        # The text is QEMU's with its line feed taken off.
        error = (
            f"Addressing limited to {bits} bits, but memory exceeds it by {over} bytes"
            if over > 0
            else None
        )
        return MemoryMap(
            below=Range(RAM_BASE, ram),
            above=None,
            window=Range(base, size) if size else None,
            highest=top - 1,
            limit=(1 << bits) - 1,
            error=error,
        )

    def board_error(
        self,
        ram: int,
        maxmem: int,
        slots: int,
        node_memory: Sequence[int] = (),
        **options: Unpack[MapOptions],
    ) -> str | None:
        """Slots first, then the address space; no alignment of maxmem."""
        if slots > self.max_slots:
            return f"unsupported number of memory slots: {slots}"
        return self.memory_map(ram, maxmem, slots, **options).error

    def boot_end_offset(self, ram_is_large: bool) -> int:
        """1 GiB, always."""
        return RAM_BASE

    def memory_block(
        self,
        ram: int,
        maxmem: int = 0,
        slots: int = 0,
        *,
        guest_page: int = 4096,
        **options: Unpack[MapOptions],
    ) -> int:
        """128 MiB, with 64 KiB pages 512 MiB, whatever the boot memory."""
        return arm64_memory_block(guest_page)

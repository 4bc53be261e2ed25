"""pseries: everything in logical memory blocks (LMB) of 256 MiB, QEMU 7.2 hw/ppc/spapr.c.

There is no slack per slot, no check against physical address bits, and QEMU does not check that a
DIMM's address is LMB aligned (it then attaches the wrong blocks): a plan has to see to that.
"""

# The signatures are those of Platform; not every machine reads every argument.
# ruff: noqa: ARG002

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Unpack

from slotsolver.platforms.memory_map import MapOptions, MemoryMap
from slotsolver.platforms.platform import Platform
from slotsolver.platforms.ranges import GiB, MiB, Range, align_up

LMB = 256 * MiB
"""QEMU 7.2 include/hw/ppc/spapr.h:SPAPR_MEMORY_BLOCK_SIZE."""


@dataclass(frozen=True)
class PseriesPlatform(Platform):
    """pseries; slots are limited as under TCG (KVM allows half of its memory slots)."""

    name: ClassVar[str] = "pseries"
    arch: ClassVar[str] = "ppc64"
    ram_id: ClassVar[str] = "ppc_spapr.ram"
    max_slots: ClassVar[int] = 32
    memory_alignment: ClassVar[int] = LMB
    dimm_alignment: ClassVar[int] = LMB
    smallest_block: ClassVar[int] = LMB

    @property
    def slot_slack(self) -> bool:
        """There is none (QEMU 7.2 hw/ppc/spapr.c:spapr_machine_init)."""
        return False

    def memory_map(
        self, ram: int, maxmem: int, slots: int, **options: Unpack[MapOptions]
    ) -> MemoryMap:
        """QEMU 7.2 hw/ppc/spapr.c:spapr_machine_init; never an error, ``limit`` is 2^64-1."""
        window = Range(align_up(ram, GiB), maxmem - ram) if maxmem > ram else None
        return MemoryMap(
            below=Range(0, ram),
            above=None,
            window=window,
            highest=(window.end if window else ram) - 1,
            limit=(1 << 64) - 1,
            error=None,
        )

    def board_error(
        self,
        ram: int,
        maxmem: int,
        slots: int,
        node_memory: Sequence[int] = (),
        **options: Unpack[MapOptions],
    ) -> str | None:
        """QEMU 7.2 hw/ppc/spapr.c:spapr_validate_node_memory, then spapr_machine_init."""
        if ram % LMB:
            return f"Memory size 0x{ram:x} is not aligned to 256 MiB"
        if maxmem % LMB:
            # QEMU prints the boot memory here, not maxmem.
            return f"Maximum memory size 0x{ram:x} is not aligned to 256 MiB"
        for node, memory in enumerate(node_memory):
            if memory % LMB:
                return f"Node {node} memory size 0x{memory:x} is not aligned to 256 MiB"
        if maxmem > ram and slots > self.max_slots:
            return (
                f"Specified number of memory slots {slots} exceeds max supported {self.max_slots}"
            )
        return None

    def boot_end_offset(self, ram_is_large: bool) -> int:
        """0: boot memory starts at address 0 in one run."""
        return 0

    def memory_block(
        self,
        ram: int,
        maxmem: int = 0,
        slots: int = 0,
        *,
        guest_page: int = 4096,
        **options: Unpack[MapOptions],
    ) -> int:
        """256 MiB (device tree property ibm,lmb-size)."""
        return LMB

    def dimm_size_error(self, size: int) -> str | None:
        """QEMU 7.2 hw/ppc/spapr.c:spapr_memory_pre_plug."""
        return "Hotplugged memory size must be a multiple of 256 MB" if size % LMB else None

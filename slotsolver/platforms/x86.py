"""pc (i440fx) and q35: the x86 memory map, QEMU 7.2 hw/i386/pc.c, pc_piix.c, pc_q35.c.

Boot memory lies below 4 GiB up to a machine's split, the rest from 4 GiB on; device memory
starts at the next GiB, never below 4 GiB, and holds 1 GiB of slack per slot, so that a DIMM on
1 GiB pages can always be placed.
"""

# The signatures are those of Platform; not every machine reads every argument.
# ruff: noqa: ARG002

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, Unpack

from slotsolver.platforms.linux_guest import x86_memory_block
from slotsolver.platforms.memory_map import MapOptions, MemoryMap
from slotsolver.platforms.platform import Platform
from slotsolver.platforms.ranges import GiB, MiB, Range, TiB, align_up, wrap64

AMD_HT_START = 0xFD00000000
"""Start of the HyperTransport hole below 1 TiB (QEMU 7.2 hw/i386/pc.c:AMD_HT_START)."""

_PAGE = 4096


@dataclass(frozen=True)
class X86Platform(Platform):
    """What pc and q35 share."""

    arch: ClassVar[str] = "x86_64"
    ram_id: ClassVar[str] = "pc.ram"

    @abstractmethod
    def split(self, ram: int, max_ram_below_4g: int | None = None) -> int:
        """Bytes of boot memory that lie below 4 GiB."""

    @property
    def slot_slack(self) -> bool:
        """Whether device memory has 1 GiB more per slot: all but pc-i440fx-2.1
        (QEMU 7.2 PCMachineClass enforce_aligned_dimm)."""
        return self.since((2, 2))

    @property
    def relocates_amd(self) -> bool:
        """Whether memory moves above 1 TiB on AMD: types from 7.1 on
        (QEMU 7.2 PCMachineClass enforce_amd_1tb_hole)."""
        return self.since((7, 1))

    @property
    def counts_window(self) -> bool:
        """Whether device memory counts against phys-bits: types from 2.5 on
        (QEMU 7.2 PCMachineClass broken_reserved_end)."""
        return self.since((2, 5))

    @property
    def legacy_dimm_alignment(self) -> int | None:
        """4 KiB on pc-i440fx-2.1 (QEMU 7.2 hw/i386/pc.c:pc_memory_pre_plug)."""
        return None if self.slot_slack else _PAGE

    def memory_map(
        self, ram: int, maxmem: int, slots: int, **options: Unpack[MapOptions]
    ) -> MemoryMap:
        """QEMU 7.2 hw/i386/pc.c:pc_memory_init, pc_get_device_memory_range, pc_max_used_gpa."""
        return _memory_map(self, ram, maxmem, slots, *options.items())

    def mapped(self, ram: int, maxmem: int, slots: int, options: MapOptions) -> MemoryMap:
        """The map itself; :meth:`memory_map` keeps those that were asked for last."""
        bits = options.get("phys_bits") or self.default_phys_bits
        start = 4 * GiB
        placed = self._placed(ram, maxmem, slots, start, options)
        if options.get("amd") and self.relocates_amd and placed.highest >= AMD_HT_START:
            placed = self._placed(ram, maxmem, slots, 1 * TiB, options)
        limit = (1 << bits) - 1
        highest = placed.highest if bits > 32 else limit
        error = (
            f"Address space limit 0x{limit:x} < 0x{highest:x} phys-bits too low ({bits})"
            if highest > limit
            else None
        )
        return MemoryMap(placed.below, placed.above, placed.window, highest, limit, error)

    def _placed(
        self, ram: int, maxmem: int, slots: int, above_start: int, options: MapOptions
    ) -> MemoryMap:
        below = self.split(ram, options.get("max_ram_below_4g"))
        epc = options.get("sgx_epc") or 0
        # EPC takes its address before AMD relocation (hw/i386/sgx.c:pc_machine_init_sgx_epc).
        end = 4 * GiB + ram - below + epc if epc else above_start + ram - below
        base = align_up(end, GiB)
        size = wrap64(maxmem - ram + (GiB * slots if self.slot_slack else 0))
        hole = self._hole64_start(ram < maxmem, end, Range(base, size), options.get("cxl_windows"))
        pci = options.get("pci_hole64")
        return MemoryMap(
            below=Range(0, below),
            above=Range(above_start, ram - below) if ram > below else None,
            window=Range(base, size) if ram < maxmem else None,
            highest=wrap64(hole + (self.pci_hole64_default if pci is None else pci) - 1),
            limit=0,
            error=None,
        )

    def _hole64_start(
        self, hotplug: bool, end: int, window: Range, cxl_windows: tuple[int, ...] | None
    ) -> int:
        """QEMU 7.2 hw/i386/pc.c:pc_pci_hole64_start, pc_get_cxl_range_end."""
        start = end
        if cxl_windows is not None:
            start = window.end + MiB
            if cxl_windows:
                start = align_up(start, 256 * MiB) + sum(cxl_windows)
        elif hotplug:
            start = window.end if self.counts_window else window.base
        return align_up(wrap64(start), GiB)

    def board_error(
        self,
        ram: int,
        maxmem: int,
        slots: int,
        node_memory: Sequence[int] = (),
        **options: Unpack[MapOptions],
    ) -> str | None:
        """QEMU 7.2 hw/i386/pc.c:pc_memory_init: address space, then slots, then alignment."""
        error = self.memory_map(ram, maxmem, slots, **options).error
        if error or maxmem <= ram:
            return error
        if slots > self.max_slots:
            return f"unsupported amount of memory slots: {slots}"
        if maxmem % _PAGE:
            return f"maximum memory size must by aligned to multiple of {_PAGE} bytes"
        return None

    def memory_block(
        self,
        ram: int,
        maxmem: int = 0,
        slots: int = 0,
        *,
        guest_page: int = 4096,
        **options: Unpack[MapOptions],
    ) -> int:
        """128 MiB, and more where boot memory ends at 64 GiB or above, see
        :func:`slotsolver.platforms.linux_guest.x86_memory_block`."""
        return x86_memory_block(self.boot_end(ram, maxmem, slots, **options))


@lru_cache(maxsize=1024)
def _memory_map(
    platform: X86Platform, ram: int, maxmem: int, slots: int, *options: tuple[str, object]
) -> MemoryMap:
    """The solver and the checker ask for the same few maps of a guest again and again."""
    return platform.mapped(ram, maxmem, slots, MapOptions(**dict(options)))  # type: ignore[typeddict-item]  # their items


@dataclass(frozen=True)
class PcPlatform(X86Platform):
    """i440fx: splits at 3 GiB from 3.5 GiB of boot memory on (QEMU 7.2 pc_piix.c:pc_init1)."""

    name: ClassVar[str] = "pc"
    large_ram: ClassVar[int] = 0xE0000000

    @property
    def pci_hole64_default(self) -> int:
        """2 GiB (QEMU 7.2 hw/pci-host/i440fx.c:I440FX_PCI_HOST_HOLE64_SIZE_DEFAULT)."""
        return 2 * GiB

    def split(self, ram: int, max_ram_below_4g: int | None = None) -> int:
        """QEMU 7.2 hw/i386/pc_piix.c:pc_init1."""
        lowmem = limit = max_ram_below_4g or 0xE0000000
        if ram >= limit:
            lowmem = min(lowmem, 0xC0000000)
        return min(ram, lowmem)

    def boot_end_offset(self, ram_is_large: bool) -> int:
        """1 GiB from 3.5 GiB on, else 0."""
        return 1 * GiB if ram_is_large else 0


@dataclass(frozen=True)
class Q35Platform(X86Platform):
    """q35: splits at 2 GiB from 2.75 GiB of boot memory on (QEMU 7.2 pc_q35.c:pc_q35_init)."""

    name: ClassVar[str] = "q35"
    large_ram: ClassVar[int] = 0xB0000000

    @property
    def pci_hole64_default(self) -> int:
        """32 GiB (QEMU 7.2 include/hw/pci-host/q35.h:Q35_PCI_HOST_HOLE64_SIZE_DEFAULT)."""
        return 32 * GiB

    def split(self, ram: int, max_ram_below_4g: int | None = None) -> int:
        """QEMU 7.2 hw/i386/pc_q35.c:pc_q35_init."""
        lowmem = 0x80000000 if ram >= 0xB0000000 else 0xB0000000
        return min(ram, lowmem, max_ram_below_4g or 4 * GiB)

    def boot_end_offset(self, ram_is_large: bool) -> int:
        """2 GiB from 2.75 GiB on, else 0."""
        return 2 * GiB if ram_is_large else 0

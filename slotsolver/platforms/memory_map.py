"""The guest-physical memory map as a value, and the options that move it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypedDict

from slotsolver.platforms.ranges import Range


@dataclass(frozen=True)
class MemoryMap:
    """Where QEMU puts boot memory and device memory; bytes.

    ``below`` and ``above`` are the boot memory (on x86 below and above 4 GiB), ``window`` is the
    device memory region in which DIMMs get addresses (``None``: no hotplug). ``highest`` is the
    last address that must be addressable, ``limit`` the last one that is. ``error`` is QEMU's own
    text where ``highest`` lies above ``limit``, else ``None``.
    """

    below: Range
    above: Range | None
    window: Range | None
    highest: int
    limit: int
    error: str | None

    @property
    def boot_end(self) -> int:
        """The end address of the highest boot memory; it decides the guest's memory block."""
        return (self.above or self.below).end

    @property
    def boot_ranges(self) -> tuple[Range, ...]:
        """The boot memory in address order."""
        return (self.below, self.above) if self.above else (self.below,)


class MapOptions(TypedDict, total=False):
    """Options beside ``-m`` that move the map; each platform reads those that it knows.

    ``phys_bits``: guest physical address bits (arm: PA bits); ``amd``: the vCPU's vendor is
    AuthenticAMD; ``max_ram_below_4g``, ``pci_hole64``: properties of the machine and of its host
    bridge, bytes; ``sgx_epc``: total size of SGX EPC sections, bytes; ``cxl_windows``: sizes of the
    CXL fixed windows, bytes, ``()`` for ``cxl=on`` without any, ``None`` for no CXL.
    """

    phys_bits: int | None
    amd: bool
    max_ram_below_4g: int | None
    pci_hole64: int | None
    sgx_epc: int
    cxl_windows: tuple[int, ...] | None

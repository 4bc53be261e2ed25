"""What every machine type answers: its limits, its memory map, the guest's memory block.

libvirt rounds boot memory and maxMemory up to ``memory_alignment`` and DIMMs to ``dimm_alignment``
(libvirt 9.0 qemu/qemu_domain.c:qemuDomainGetMemorySizeAlignment,
qemuDomainGetMemoryModuleSizeAlignment).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Unpack

from slotsolver.platforms.backends import backend_alignment
from slotsolver.platforms.memory_map import MapOptions, MemoryMap
from slotsolver.platforms.ranges import MiB


@dataclass(frozen=True)
class Platform(ABC):
    """One machine type. All sizes and addresses are bytes.

    ``machine_argument`` is the machine type as it was given, ``version`` its version, or ``None``
    for an alias and for a distributor's own type, which are taken as the newest.

    ``name`` is the family, ``ram_id`` the reserved name of the default RAM object, ``max_slots``
    QEMU's limit (ACPI_MAX_RAM_SLOTS, SPAPR_MAX_RAM_SLOTS), ``smallest_block`` the smallest memory
    block of a Linux guest, ``default_phys_bits`` what QEMU's named CPU models have, ``large_ram``
    the boot memory from which :meth:`boot_end_offset` is that of large memory. ``base_page`` is the
    usual ordinary page; where a host says otherwise, the host is right.
    """

    machine_argument: str
    version: tuple[int, int] | None = None

    name: ClassVar[str]
    arch: ClassVar[str]
    ram_id: ClassVar[str]
    max_slots: ClassVar[int] = 256
    memory_alignment: ClassVar[int] = 1 * MiB
    dimm_alignment: ClassVar[int] = 2 * MiB
    base_page: ClassVar[int] = 4096
    smallest_block: ClassVar[int] = 128 * MiB
    default_phys_bits: ClassVar[int] = 40
    large_ram: ClassVar[int] = 0

    def since(self, version: tuple[int, int]) -> bool:
        """Whether the machine type has what type ``version`` brought."""
        return self.version is None or self.version >= version

    @property
    def pci_hole64_default(self) -> int:
        """Bytes kept free above all memory for 64-bit PCI; 0 where QEMU does not check it."""
        return 0

    @property
    def slot_slack(self) -> bool:
        """Whether every slot lengthens the device memory window by 1 GiB."""
        return True

    @property
    def legacy_dimm_alignment(self) -> int | None:
        """An alignment that replaces every DIMM backend's; ``None`` but for one old type."""
        return None

    @property
    def takes_numa_mem(self) -> bool:
        """Whether ``-numa node,mem=`` is allowed: types before 5.1 (QEMU MachineClass
        numa_mem_supported); newer ones need ``memdev=``."""
        return not self.since((5, 1))

    @abstractmethod
    def memory_map(
        self, ram: int, maxmem: int, slots: int, **options: Unpack[MapOptions]
    ) -> MemoryMap:
        """Where boot memory of ``ram`` bytes and the device memory go."""

    @abstractmethod
    def board_error(
        self,
        ram: int,
        maxmem: int,
        slots: int,
        node_memory: Sequence[int] = (),
        **options: Unpack[MapOptions],
    ) -> str | None:
        """QEMU's text if the board refuses these sizes, in QEMU's order of checks."""

    @abstractmethod
    def boot_end_offset(self, ram_is_large: bool) -> int:
        """``boot_end(ram) - ram``: a constant from ``large_ram`` bytes of boot memory on, another
        one below, so that a linear model can use it. AMD relocation is not in it."""

    @abstractmethod
    def memory_block(
        self,
        ram: int,
        maxmem: int = 0,
        slots: int = 0,
        *,
        guest_page: int = 4096,
        **options: Unpack[MapOptions],
    ) -> int:
        """Memory block of a Linux guest. ``maxmem`` and ``slots`` matter only with ``amd``."""

    def boot_end(
        self, ram: int, maxmem: int = 0, slots: int = 0, **options: Unpack[MapOptions]
    ) -> int:
        """The end address of the boot memory. ``maxmem`` and ``slots`` matter only with ``amd``."""
        return self.memory_map(ram, max(ram, maxmem), slots, **options).boot_end

    def ram_for_boot_end(self, end: int) -> int:
        """The boot memory that ends at address ``end``, by :meth:`boot_end_offset` for large
        memory: 62 GiB on q35 and 63 GiB on pc for 64 GiB."""
        return end - self.boot_end_offset(ram_is_large=True)

    def max_slots_that_fit(self, ram: int, maxmem: int, **options: Unpack[MapOptions]) -> int:
        """The most slots that still fit the address space, -1 if not even none does.

        A slot costs 1 GiB of it except on pseries. 0 where ``maxmem`` leaves nothing to plug.
        """
        if self.memory_map(ram, maxmem, 0, **options).error:
            return -1
        low, high = 0, self.max_slots if maxmem > ram else 0
        if not self.memory_map(ram, maxmem, high, **options).error:
            return high  # as nearly always
        while low < high:
            middle = (low + high + 1) // 2
            if self.memory_map(ram, maxmem, middle, **options).error:
                high = middle - 1
            else:
                low = middle
        return low

    def dimm_size_error(self, size: int) -> str | None:  # noqa: ARG002 - pseries reads it
        """QEMU's text if the machine itself refuses a DIMM of that size."""
        return None

    def backend_alignment(self, page_size: int, base_page: int = 4096) -> int:
        """Alignment of a DIMM on pages of that size, anonymous or on hugetlbfs, as libvirt
        makes them; see :func:`slotsolver.platforms.backends.backend_alignment`."""
        return backend_alignment(page_size, base_page)

"""What a Linux guest does with hotplugged memory: blocks, refusals, memmap cost.

A guest refuses a whole DIMM whose address or size is not a multiple of its memory block, while
QEMU (and the guest's own ACPI status) reports success; so a plan must obey the block by itself.
"""

from __future__ import annotations

from slotsolver.platforms.ranges import GiB, MiB, Range, align_down, align_up

X86_LARGE_BLOCK_FROM = 64 * GiB
"""Boot memory that ends here or above may get blocks over 128 MiB (kernel
arch/x86/mm/init_64.c:MEM_SIZE_FOR_LARGE_BLOCK)."""

STRUCT_PAGE = 64
"""Bytes of ``struct page`` that every base page costs."""


def x86_memory_block(boot_end: int, *, hypervisor: bool = True) -> int:
    """Memory block of a Linux x86 guest, in bytes, from the end address of its boot memory.

    ``hypervisor`` is the CPUID hypervisor bit, which QEMU sets. Source: kernel 6.1 and 6.12
    arch/x86/mm/init_64.c:probe_memory_block_size.
    """
    if boot_end < X86_LARGE_BLOCK_FROM:
        return 128 * MiB
    if not hypervisor:
        return 2 * GiB
    block = 2 * GiB
    while block > 128 * MiB and boot_end % block:
        block //= 2
    return block


def arm64_memory_block(base_page: int = 4096) -> int:
    """Memory block of a Linux arm64 guest: its section (arch/arm64/include/asm/sparsemem.h)."""
    return 512 * MiB if base_page == 64 * 1024 else 128 * MiB


def dimm_accepted(address: int, size: int, block: int) -> bool:
    """Whether the guest takes the DIMM (kernel mm/memory_hotplug.c:check_hotplug_memory_range)."""
    return size > 0 and address % block == 0 and size % block == 0


def refusal(address: int, size: int, block: int) -> str | None:
    """The kernel's message for a DIMM that it refuses, ``None`` for one that it takes."""
    if dimm_accepted(address, size, block):
        return None
    return f"Block size [0x{block:x}] unaligned hotplug range: start 0x{address:x}, size 0x{size:x}"


def memmap_cost(size: int, base_page: int = 4096) -> int:
    """Bytes of guest memory that adding ``size`` bytes takes before they can be used.

    64 bytes per page, from memory the guest already has (kernel
    mm/sparse-vmemmap.c:__populate_section_memmap); without it the guest dies.
    """
    return -(-size // base_page) * STRUCT_PAGE


def memmap_on_memory(size: int, block: int, kernel: tuple[int, int]) -> bool:
    """Whether ``memory_hotplug.memmap_on_memory=1`` takes the memmap from the DIMM itself.

    Before 6.8 only for a DIMM of exactly one block (kernel
    mm/memory_hotplug.c:mhp_supports_memmap_on_memory; 6.1 and 6.12 were run).
    """
    return kernel >= (6, 8) or size == block


def virtio_mem_guest_usable(address: int, size: int, block: int) -> int:
    """Bytes of a virtio-mem region that the guest can use: its whole memory blocks (kernel
    drivers/virtio/virtio_mem.c:virtio_mem_init)."""
    region = Range(address, size)
    return max(0, align_down(region.end, block) - align_up(region.base, block))


def movable_dimms(boot: int, dimms: tuple[int, ...], ratio: int = 301) -> tuple[bool, ...]:
    """For each DIMM in plug order: does policy ``auto-movable`` put it into ZONE_MOVABLE?

    ``ratio`` is memory_hotplug.auto_movable_ratio in percent; one node (kernel
    mm/memory_hotplug.c:auto_movable_can_online_movable). Only such a DIMM unplugs reliably.
    """
    movable, answers = 0, []
    for size in dimms:
        fits = movable + size <= boot * ratio // 100
        movable += size if fits else 0
        answers.append(fits)
    return tuple(answers)

"""What QEMU, libvirt and the guest's kernel demand of a plan's sizes, slots and addresses."""

from __future__ import annotations

from collections.abc import Iterator
from math import lcm

from slotsolver.checker.subject import GuestSubject, PlanSubject
from slotsolver.checker.violation import Violation
from slotsolver.plan import PlannedDimm
from slotsolver.platforms import MapOptions, MemoryMap, Platform, Version, platform_for
from slotsolver.problem import Guest, Host
from slotsolver.size import format_size


def check_platform(plan: PlanSubject) -> Iterator[Violation]:
    """Judge every guest by its machine type."""
    host = plan.problem.host
    for guest in plan.guests:
        platform = platform_for(guest.guest.machine)
        yield from _boot(guest, platform)
        yield from _memory_option(guest, platform, host)
        yield from _slot_count(guest)
        yield from _block(guest, platform, host)
        yield from _granularity(guest, platform)


def map_options(guest: Guest, host: Host | None) -> MapOptions:
    """What moves QEMU's memory map beside ``-m``."""
    phys_bits = guest.phys_bits
    if phys_bits is None and guest.host_passthrough and host is not None:
        phys_bits = host.phys_bits
    vendor = guest.cpu_vendor or (host.cpu_vendor if host is not None else None)
    return MapOptions(
        phys_bits=phys_bits,
        amd=vendor == "amd",
        pci_hole64=guest.pci_hole64,
        sgx_epc=sum(d.size for d in guest.devices if d.model == "sgx-epc"),
    )


def options_of(guest: GuestSubject, host: Host | None) -> MapOptions:
    """The same for a guest that is judged, made once for each host."""
    options = guest.map_options.get(id(host))
    if options is None:
        options = guest.map_options[id(host)] = map_options(guest.guest, host)
    return options


def layout(guest: GuestSubject, host: Host | None) -> MemoryMap:
    """Where QEMU puts the guest's boot memory and its window for devices."""
    options = options_of(guest, host)
    platform = platform_for(guest.guest.machine)
    planned = guest.planned
    return platform.memory_map(guest.boot, planned.maximum, planned.slots, **options)


def _boot(guest: GuestSubject, platform: Platform) -> Iterator[Violation]:
    """Each cell has memory, whole alignment units of it, and at least a page."""
    for cell in guest.planned.cells:
        place = f"{guest.place} cell {cell.id}"
        if cell.boot <= 0:
            says = "property 'size' of memory-backend-ram doesn't take value '0'"
            yield Violation("libvirt-M9", "start", says, place)
        elif cell.boot % platform.memory_alignment:
            says = (
                f"libvirt rounds {format_size(cell.boot)} up to a multiple of "
                f"{format_size(platform.memory_alignment)}"
            )
            yield Violation("libvirt-A1", "start", says, place)
        elif cell.boot < cell.page_size:
            says = (
                f"memory size 0x{cell.boot:x} must be equal to or larger than page size "
                f"0x{cell.page_size:x}"
            )
            yield Violation("libvirt-A7", "start", says, place)
        elif cell.boot % cell.page_size and not guest.rounds_boot_up:
            says = (
                f"backend 'memory-backend-file' memory size must be multiple of "
                f"{format_size(cell.page_size)}"
            )
            yield Violation("qemu-5-pages", "start", says, place)


def _memory_option(
    guest: GuestSubject, platform: Platform, host: Host | None
) -> Iterator[Violation]:
    """``-m size=,slots=,maxmem=`` is accepted and the address space is large enough."""
    planned, place, ram = guest.planned, guest.place, guest.boot
    if planned.maximum < ram:
        says = (
            f"invalid value of maxmem: maximum memory size (0x{planned.maximum:x}) must be at "
            f"least the initial memory size (0x{ram:x})"
        )
        yield Violation("qemu-1.3", "start", says, place)
        return
    if planned.slots and planned.maximum == ram:
        says = (
            "invalid value of maxmem: memory slots were specified but maximum memory size "
            f"(0x{ram:x}) is equal to the initial memory size (0x{ram:x})"
        )
        yield Violation("qemu-1.4", "start", says, place)
    if planned.maximum % platform.memory_alignment:
        says = f"libvirt rounds maxMemory up to {format_size(platform.memory_alignment)}"
        yield Violation("libvirt-A1", "start", says, place)
    nodes = tuple(c.boot for c in planned.cells)
    options = options_of(guest, host)
    error = platform.board_error(ram, planned.maximum, planned.slots, nodes, **options)
    if error is not None:
        yield Violation("qemu-board", "start", error, place)


def _slot_count(guest: GuestSubject) -> Iterator[Violation]:
    """libvirt counts every memory device against the slots, from 9.5 on only those in slots."""
    count = guest.slots_used
    if count > guest.planned.slots:
        every = Version.parse(guest.libvirt) < (9, 5)
        what = "memory device count" if every else "count of memory devices requiring memory slots"
        limit = f"exceeds slots count '{guest.planned.slots}'"
        says = f"unsupported configuration: {what} '{count}' {limit}"
        yield Violation("libvirt-S4", "define", says, guest.place)


def _block(guest: GuestSubject, platform: Platform, host: Host | None) -> Iterator[Violation]:
    """The block that the plan goes by is the guest kernel's, unless a policy gives it."""
    if any(p.kind == "guest-block" for p in guest.policies):
        return
    options = options_of(guest, host)
    block = platform.memory_block(guest.boot, guest.planned.maximum, guest.planned.slots, **options)
    # On AMD it may hang on the slot count whether memory moves up; a larger block suits both.
    suits = bool(options["amd"]) and guest.planned.block % block == 0
    if guest.planned.block != block and not suits:
        says = (
            f"a Linux guest with this layout has blocks of {format_size(block)}, the plan says "
            f"{format_size(guest.planned.block)}"
        )
        yield Violation("plan-block", "plan", says, guest.place)


def _granularity(guest: GuestSubject, platform: Platform) -> Iterator[Violation]:
    """Sizes and addresses of new DIMMs are multiples of page, alignment and block."""
    block, least = guest.planned.block, platform.dimm_alignment
    known = [node_known(guest, cell.id) for cell in guest.guest.cells]
    grains = {page: lcm(max(least, page), block) for page in {d.page_size for d in guest.new_dimms}}
    for dimm in guest.new_dimms:
        grain = grains[dimm.page_size]
        if dimm.size % grain or dimm.address % grain or not known[dimm.cell]:
            align = max(least, dimm.page_size)
            yield from _odd(guest, dimm, align, known=known[dimm.cell])


def _odd(guest: GuestSubject, dimm: PlannedDimm, align: int, *, known: bool) -> Iterator[Violation]:
    """What is wrong with a DIMM's size, address or cell."""
    place, block = f"{guest.place} slot {dimm.slot}", guest.planned.block
    if dimm.size % align:
        says = f"backend memory size must be multiple of 0x{align:x}"
        yield Violation("qemu-3.2-size", "start", says, place)
    if dimm.address % align:
        says = f"address must be aligned to 0x{align:x} bytes"
        yield Violation("qemu-3.2-address", "start", says, place)
    if dimm.size % block or dimm.address % block:
        says = (
            f"Block size [0x{block:x}] unaligned hotplug range: start 0x{dimm.address:x}, "
            f"size 0x{dimm.size:x}"
        )
        yield Violation("guest-block", "guest", says, place)
    if not known:
        says = f"the guest kernel does not know node {dimm.cell}: it has no CPU and no memory"
        yield Violation("guest-node", "guest", says, place)


def node_known(guest: GuestSubject, cell: int) -> bool:
    """Whether the guest kernel knows a cell's node: the SRAT names nodes with CPUs or boot memory,
    and the last one (hw/i386/acpi-build.c)."""
    last = cell == len(guest.guest.cells) - 1
    return last or bool(guest.guest.cells[cell].cpus) or guest.planned.cells[cell].boot > 0

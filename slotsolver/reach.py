"""What plain arithmetic refutes before any search: contradictions in the input itself."""

from __future__ import annotations

from collections.abc import Sequence

from slotsolver.cell_facts import CellFacts
from slotsolver.errors import InputError
from slotsolver.facts import GuestFacts, StageFacts, layout_options
from slotsolver.fields import format_ids
from slotsolver.place import device_window
from slotsolver.problem import AtLeast
from slotsolver.reach_running import on_the_grid, refute_running
from slotsolver.size import MiB, format_size


def refute(facts: Sequence[GuestFacts]) -> None:
    """Raise :class:`InputError` for sizes, pages or nodes that cannot be, whatever is chosen."""
    for guest in facts:
        if guest.running:
            refute_running(guest)
        for cell in guest.cells:
            _nodes_exist(guest, cell)
            _pages_exist(guest, cell)
        _slots_exist(guest)
        _addresses_suffice(guest)
        _boot_is_aligned(guest)
        _devices_have_room(guest)
        _devices_fit(guest)
        if not guest.running:
            _sizes_are_whole(guest)


def unreachable(facts: Sequence[GuestFacts]) -> bool:
    """Whether a size that is asked for is no sum of whole units, whatever is chosen, or not what
    the cells have at boot: then there is no plan, and nothing needs to be searched for."""
    return any(
        not on_the_grid(guest)
        if guest.running
        else _first_off_grid(guest, _unit(guest)) is not None or not _boot_is_wanted(guest)
        for guest in facts
    )


def _nodes_exist(guest: GuestFacts, cell: CellFacts) -> None:
    if guest.host is None:
        return
    known = {node.id for node in guest.host.nodes}
    named = [*cell.nodes, *(device.nodes or () for device in cell.elsewhere)]
    absent = {n for nodes in named for n in nodes} - known
    if absent:
        raise InputError(
            f"guest {guest.guest.name}, cell {cell.id}: NUMA node {min(absent)} is unavailable; "
            f"the host has nodes {format_ids(known)}"
        )


def _slots_exist(guest: GuestFacts) -> None:
    """The machine type has as many slots as the guest states."""
    slots, most = guest.guest.slots or 0, guest.platform.max_slots
    if slots > most:
        raise InputError(
            f"guest {guest.guest.name}: unsupported amount of memory slots: {slots}; machine type "
            f"{guest.platform.name} has at most {most}"
        )


def _addresses_suffice(guest: GuestFacts) -> None:
    """The machine fits the guest's address space even without any slot."""
    boot = guest.boot
    if boot is None:
        first = guest.stages[0].memory
        boot = first - guest.existing if first is not None else guest.stages[1].memory or 0
    top = max(boot * MiB, guest.guest.maximum_size)
    error = guest.platform.memory_map(boot * MiB, top, 0, **layout_options(guest)).error
    if error:
        raise InputError(f"guest {guest.guest.name}: {error}; give it more phys_bits")


def _boot_is_aligned(guest: GuestFacts) -> None:
    """Boot memory is a multiple of what the machine type takes (pseries: 256 MiB)."""
    grain = guest.platform.memory_alignment // MiB
    sizes = [(f"cell {cell.id}", cell.boot) for cell in guest.cells if cell.boot is not None]
    if not sizes:
        first = next(stage for stage in guest.stages if stage.memory is not None)
        sizes = [(first.name, (first.memory or 0) - guest.existing)]
    for where, size in sizes:
        if size % grain:
            up = -(-size // grain) * grain
            raise InputError(
                f"guest {guest.guest.name}, {where}: boot memory {format_size(size * MiB)} is not "
                f"a multiple of {format_size(grain * MiB)}, as machine type "
                f"{guest.platform.name} demands; the next is {format_size(up * MiB)}"
            )


def _devices_have_room(guest: GuestFacts) -> None:
    """Addresses that existing devices name lie in the device memory window, apart."""
    boot = guest.boot
    named = sorted((d.address, d.size, d.slot) for d in guest.guest.devices if d.address)
    if not named:
        return
    if boot is None:
        raise InputError(
            f"guest {guest.guest.name}: a memory device names an address, so boot memory must be "
            f"known; give each cell's `memory`"
        )
    slots = guest.slots_written or guest.slot_limit
    window = device_window(guest, boot * MiB, guest.guest.maximum_size, slots)
    end = 0
    for address, size, slot in named:
        whose = f"guest {guest.guest.name}: the memory device in slot {slot} at 0x{address:x}"
        if window is None or not window.base <= address <= address + size <= window.end:
            room = f"0x{window.base:x} to 0x{window.end:x}" if window else "empty"
            raise InputError(f"{whose} lies outside the device memory, which is {room}")
        if address < end:
            raise InputError(f"{whose} overlaps another one that ends at 0x{end:x}")
        end = address + size


def _devices_fit(guest: GuestFacts) -> None:
    """Existing devices count in full against maxMemory, whatever a virtio-mem device gives (QEMU
    hw/mem/memory-device.c: "not enough space")."""
    if isinstance(guest.guest.maximum, AtLeast) or not guest.idle_but(()):
        return
    full = (guest.boot or 0) + sum(device.size for device in guest.guest.devices) // MiB
    if full * MiB > guest.guest.maximum_size:
        raise InputError(
            f"guest {guest.guest.name}: boot memory and devices take {format_size(full * MiB)}, "
            f"its virtio-mem counted with all of its size, which is more than the maximum "
            f"{format_size(guest.guest.maximum_size)}; give it a larger maximum"
        )


def _pages_exist(guest: GuestFacts, cell: CellFacts) -> None:
    host = guest.host
    if host is None:
        return
    sizes = {*cell.pages, *cell.dimm_pages}
    for size in sorted(sizes | {d.page for d in cell.elsewhere if d.page is not None}):
        if not host.has_pool(size):
            pools = ", ".join(format_size(s) for s in host.page_sizes() if host.has_pool(s))
            raise InputError(
                f"guest {guest.guest.name}, cell {cell.id}: the host has no pool of "
                f"{format_size(size)} pages; it has {pools}"
            )


def _sizes_are_whole(guest: GuestFacts) -> None:
    """Growth between two stages is made of whole blocks. That it is made of whole pages too is no
    matter of the input: other pages may do."""
    if (off := _first_off_grid(guest, _unit(guest, pages=False))) is None:
        return
    stage, known = off
    unit, memory = _unit(guest), stage.memory or 0
    below = memory - (memory - known) % unit
    raise InputError(
        f"guest {guest.guest.name}: {stage.name} "
        f"{format_size((memory + guest.outside) * MiB)} cannot be met: growth from "
        f"{format_size((known + guest.outside) * MiB)} comes in multiples of "
        f"{format_size(unit * MiB)} ({_why_unit(guest, unit)}); the nearest are "
        f"{format_size((below + guest.outside) * MiB)} and "
        f"{format_size((below + unit + guest.outside) * MiB)}"
    )


def _boot_is_wanted(guest: GuestFacts) -> bool:
    """Whether boot memory that is all of the target is what the target of each cell says."""
    wanted, known = guest.stages[0].cells, [cell.boot for cell in guest.cells]
    existing = [cell.existing for cell in guest.cells]
    if wanted is None or guest.boot is None:
        return True
    return all(w == (b or 0) + e for w, b, e in zip(wanted, known, existing, strict=True))


def _unit(guest: GuestFacts, *, pages: bool = True) -> int:
    """What growth is a multiple of (MiB); without ``pages`` whatever pages it is made of."""
    return min(cell.grain if pages else cell.grain_of_any_page for cell in guest.cells)


def _first_off_grid(guest: GuestFacts, unit: int) -> tuple[StageFacts, int] | None:
    """The first stage that is not whole units away from the known size before it (MiB)."""
    start = guest.stages[0].memory
    later = guest.stages[1:] if start is not None else guest.stages[2:]
    known = start if start is not None or not later else guest.stages[1].memory or 0
    for stage in later:
        if stage.memory is not None and stage.exact and (stage.memory - (known or 0)) % unit:
            return stage, known or 0
    return None


def _why_unit(guest: GuestFacts, unit: int) -> str:
    pages = max(min(b.dimm_page for b in c.backings()) for c in guest.cells)
    if unit * MiB == pages:
        return "the page size"
    blocks = [device.block for cell in guest.cells for device in cell.virtio]
    if unit in blocks:
        return "the virtio-mem block"
    return "the guest's memory block" if unit == min(guest.blocks) else "the DIMM alignment"

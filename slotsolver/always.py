"""What QEMU, libvirt and the guest kernel always demand, as rows of the model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slotsolver.facts import block_cliff, layout_options
from slotsolver.size import GiB, MiB

SLOT_SLACK = 1024
"""MiB by which each slot lengthens the window (QEMU 7.2 hw/i386/pc.c, hw/arm/virt.c); the slots
counted here are those of the plan."""

if TYPE_CHECKING:
    from slotsolver.cell_model import Linear
    from slotsolver.facts import GuestFacts
    from slotsolver.guest_model import GuestModel


def slot_rows(guest: GuestModel, facts: GuestFacts) -> None:
    """No more slots than the machine type has, the domain says, and the address space holds: that
    of ``facts``, the guest's own ones or those it has on another host.

    Each slot costs 1 GiB of guest-physical address space (QEMU 7.2
    hw/i386/pc.c:pc_get_device_memory_range), which has to end below 2^phys-bits.
    """
    edge = facts.platform.large_ram // MiB
    if facts.running:  # it runs with its slots, so they fit
        guest.model.add(guest.slots <= min(facts.slot_limit, facts.slots_written))
        return
    limit = most_slots(facts)
    if facts.slots_written > limit:  # no matter where boot memory is all there ever is
        if states_too_many(facts, limit, facts.boot_at_most):
            guest.model.add_bool_or([])
        if not isinstance(guest.boot, int):
            guest.model.add(guest.boot >= facts.boot_at_most)
    if isinstance(guest.slots, int):
        return
    guest.model.add(guest.slots <= limit)
    small, large = slot_limit(facts, 0), slot_limit(facts, edge)
    if facts.boot is None and small != large:
        low = guest.new_bool()
        guest.model.add(guest.boot < edge).only_enforce_if(low)
        guest.model.add(guest.boot >= edge).only_enforce_if(~low)
        for literal, most in ((low, small), (~low, large)):
            row = guest.model.add(guest.slots <= most)
            row.only_enforce_if(literal)


def slot_limit(facts: GuestFacts, boot: int) -> int:
    """How many slots the guest may have with that much boot memory (MiB)."""
    edge = facts.platform.large_ram // MiB
    least, most = (0, edge) if boot < edge else (edge, 1 << 43)
    return min(facts.slot_limit, slots_that_fit(facts, least, most))


def most_slots(facts: GuestFacts) -> int:
    """How many slots the guest may have with any boot memory."""
    return max(slot_limit(facts, 0), slot_limit(facts, facts.platform.large_ram // MiB))


def states_too_many(facts: GuestFacts, limit: int, boot: int) -> bool:
    """Whether the guest states more slots than there may be, and has growth for any with that much
    boot memory (MiB)."""
    return facts.slots_written > limit and facts.guest.maximum_size > boot * MiB


def slots_that_fit(facts: GuestFacts, least: int, most: int) -> int:
    """The slot count that the address space holds for every boot memory from ``least`` up to below
    ``most`` (MiB) that may be chosen; on x86 the map differs below and above ``large_ram``."""
    maximum = facts.guest.maximum_size
    target = (facts.stages[facts.target_stage].memory or 0) * MiB
    known = facts.boot_sum
    if known is not None:
        candidates = [known * MiB]
    elif least == 0:
        candidates = [sum(max(c.unit, c.boot or 0) for c in facts.cells) * MiB]
    else:
        candidates = [target, max(least * MiB, target - target % GiB + MiB)]
    fits = [
        facts.platform.max_slots_that_fit(ram, maximum, **layout_options(facts))
        for ram in candidates
        if ram < maximum and (known is not None or least * MiB <= ram < most * MiB)
    ]
    return min(fits, default=facts.slot_limit)


def block_rows(guest: GuestModel) -> None:
    """Which memory block the guest OS comes to use, where boot memory is the solver's.

    x86: below 64 GiB of boot end address 128 MiB, above it the largest power of two up to 2 GiB
    that divides the end (Linux arch/x86/mm/init_64.c:probe_memory_block_size).
    """
    blocks = guest.facts.blocks
    if len(blocks) == 1:
        return
    model = guest.model
    cliff = block_cliff(guest.facts)
    offset = guest.facts.platform.boot_end_offset(ram_is_large=True) // MiB
    low = guest.new_bool()
    model.add(guest.boot < cliff).only_enforce_if(low)
    model.add(guest.boot >= cliff).only_enforce_if(~low)
    chosen = {block: guest.new_bool() for block in blocks}
    model.add_exactly_one(chosen.values())
    smallest, largest = blocks[0], blocks[-1]
    model.add_implication(low, chosen[smallest])
    for block in blocks:
        times = guest.new_int(0, guest.most_memory * len(guest.cells) // block + 64)
        if block == largest:
            row = model.add(guest.boot + offset == block * times)
        else:
            row = model.add(guest.boot + offset == 2 * block * times + block)
        row.only_enforce_if(chosen[block], ~low)
    guest.block_chosen = dict(chosen)


def window_rows(guest: GuestModel) -> None:
    """Planned DIMMs fit into the gaps that existing devices leave in the device memory window.

    Without devices there is one gap with 1 GiB to spare for each slot, and nothing to decide.
    """
    gaps = guest.host_model.gaps(guest.facts)
    if gaps is None:
        return
    counts: dict[int, list[Linear]] = {}
    for cell in guest.cells:
        for size, _, count in cell.counts():
            counts.setdefault(size, []).append(count)
    most = max([0, *gaps]) + SLOT_SLACK * guest.facts.slot_limit
    for size, numbers in sorted(counts.items()):
        parts: list[Linear] = [guest.new_int(0, most // size) for _ in gaps]
        guest.model.add(sum(parts) == sum(numbers))
        guest.gap_parts[size] = parts
    for place, gap in enumerate(gaps):
        room: Linear = gap
        last = place == len(gaps) - 1
        if last and guest.facts.platform.slot_slack and not guest.facts.slots_written:
            room = gap + SLOT_SLACK * guest.planned
        held = sum(size * parts[place] for size, parts in guest.gap_parts.items())
        if not isinstance(held, int) or not isinstance(room, int):
            guest.model.add(held <= room)
        elif held > room:
            guest.model.add_bool_or([])

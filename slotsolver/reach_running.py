"""What plain arithmetic refutes of a running guest's target before any search."""

from __future__ import annotations

import math

from slotsolver.errors import InputError
from slotsolver.facts import GuestFacts
from slotsolver.size import MiB, format_size


def refute_running(facts: GuestFacts) -> None:
    """Raise :class:`InputError` where a running guest cannot be resized at all, or where what is
    wanted is no size that it could have."""
    guest, running = facts.guest, facts.running
    assert running is not None  # noqa: S101 - asked for running guests only
    if guest.maximum_size % MiB:  # qemu/qemu_domain.c:qemuDomainAlignMemorySizes
        raise InputError(
            f"guest {guest.name} is running: its maximum {format_size(guest.maximum_size)} is not "
            f"whole MiB, to which libvirt rounds it up at the start; give what it runs with"
        )
    if guest.maximum is None and not guest.is_as_wanted:
        raise InputError(
            f"guest {guest.name}: unsupported configuration: cannot use/hotplug a memory device "
            f"when domain 'maxMemory' is not defined; set it (virsh edit) and start the guest anew"
        )
    if guest.slots and guest.maximum_size == guest.boot_size:
        raise InputError(
            f"guest {guest.name} cannot run with {guest.slots} memory slots and no more maxMemory "
            f"than boot memory, {format_size(guest.maximum_size)} (QEMU: invalid value of maxmem)"
        )
    if running.wanted_cells is not None:
        for cell, wanted in zip(facts.cells, running.wanted_cells, strict=True):
            if wanted < (cell.boot or 0):
                raise InputError(
                    f"guest {guest.name}: target {format_size(wanted * MiB)} of cell {cell.id} is "
                    f"below its boot memory {format_size((cell.boot or 0) * MiB)}, which cannot be "
                    f"unplugged"
                )
    if not running.accept_given:
        _refute_off_block(facts)


def _refute_off_block(facts: GuestFacts) -> None:
    """What is wanted differs from what is there by whole blocks. That it differs by whole pages too
    is no matter of the input: other pages may do."""
    fine = _rows(facts, pages=False)
    for (what, wanted, now, grain), (*_, block) in zip(_rows(facts), fine, strict=True):
        if (wanted - now) % block:
            below = wanted - (wanted - now) % grain
            near = f"is {format_size(below * MiB)}; --accept below takes it"
            if (below + grain) * MiB <= facts.guest.maximum_size:
                near = (
                    f"are {format_size(below * MiB)} and {format_size((below + grain) * MiB)}; "
                    f"--accept nearest (or below, above) takes one"
                )
            raise InputError(
                f"{what} {format_size(wanted * MiB)} cannot be met: it changes by multiples of "
                f"{format_size(grain * MiB)}; the nearest {near}"
            )


def on_the_grid(facts: GuestFacts) -> bool:
    """Whether what is wanted differs from what is there by whole units, where it has to be met."""
    running = facts.running
    assert running is not None  # noqa: S101 - asked for running guests only
    return running.accept != "exact" or not any(
        (wanted - now) % grain for _, wanted, now, grain in _rows(facts)
    )


def _rows(facts: GuestFacts, *, pages: bool = True) -> list[tuple[str, int, int, int]]:
    """What is wanted (of each cell, where cells have targets): its name, the size, what is there,
    and what it changes by multiples of: DIMMs that are there, new ones and blocks of virtio-mem.
    MiB; without ``pages`` whatever pages new DIMMs are made of."""
    running, name = facts.running, facts.guest.name
    assert running is not None  # noqa: S101 - asked for running guests only
    grains = [
        math.gcd(
            cell.grain if pages else cell.grain_of_any_page,
            *(dimm.size for dimm in running.dimms if dimm.cell == cell.id),
        )
        for cell in facts.cells
    ]
    if running.wanted_cells is None:
        now = (facts.boot or 0) + facts.existing + facts.outside
        return [(f"target of guest {name}", running.wanted, now, math.gcd(*grains))]
    return [
        (f"target of guest {name}, cell {c.id},", wanted, (c.boot or 0) + c.existing, grain)
        for c, wanted, grain in zip(facts.cells, running.wanted_cells, grains, strict=True)
    ]

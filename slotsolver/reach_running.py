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
        _on_the_grid(facts)


def _on_the_grid(facts: GuestFacts) -> None:
    """What is wanted differs from what is there by whole units: DIMMs that are there, new ones and
    blocks of virtio-mem are multiples of them."""
    running, name = facts.running, facts.guest.name
    assert running is not None  # noqa: S101 - asked for running guests only
    cells = [(c, [d.size for d in running.dimms if d.cell == c.id]) for c in facts.cells]
    grains = [math.gcd(c.grain, *sizes) for c, sizes in cells]
    if running.wanted_cells is None:
        now = (facts.boot or 0) + facts.existing + facts.outside
        rows = [(f"target of guest {name}", running.wanted, now, math.gcd(*grains))]
    else:
        rows = [
            (f"target of guest {name}, cell {c.id},", wanted, (c.boot or 0) + c.existing, grain)
            for (c, _), wanted, grain in zip(cells, running.wanted_cells, grains, strict=True)
        ]
    for what, wanted, now, grain in rows:
        if (wanted - now) % grain:
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

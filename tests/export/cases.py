"""Named problems with their plans, one for every kind of output; used for golden files and for the
real programs."""

from __future__ import annotations

from slotsolver.plan import Plan
from slotsolver.problem import Guest, Problem
from slotsolver.size import GiB, KiB, MiB
from tests.export.plans import (
    Dimm,
    guest_of,
    host_of,
    plan_of,
    planned_guest,
    thread_guest,
    use_of,
)

Case = tuple[Problem, Plan]

WRITTEN_BY_HAND = """<?xml version="1.0"?>
<!-- the database's guest -->
<domain type="kvm" xmlns:qemu="http://libvirt.org/schemas/domain/qemu/1.0">
    <name>db1</name>
    <description>R&amp;D database, <![CDATA[ask <ops> first]]></description>
    <metadata>
        <app:info xmlns:app="http://example.org/app"><app:owner>ops</app:owner></app:info>
    </metadata>
    <memory unit="GiB">2</memory> <!-- see the capacity sheet -->
    <currentMemory unit="GiB">1</currentMemory>
    <vcpu>4</vcpu>
    <os><type arch='x86_64' machine="pc-q35-7.2">hvm</type></os>
    <cpu mode='host-passthrough'/>
    <devices>
        <emulator>/usr/bin/qemu-system-x86_64</emulator>
        <disk type='file' device='disk'>
            <driver name='qemu' type='qcow2'/>
            <source file='/var/lib/images/db1.qcow2'/>
            <target dev='vda' bus='virtio'/>
        </disk>
    </devices>
    <qemu:commandline>
        <qemu:arg value='-no-shutdown'/>
    </qemu:commandline>
</domain>
"""


def grown_by_hand() -> Case:
    """A handwritten document without growth gets cells, DIMMs now and later, and huge pages."""
    guest = guest_of(1, cpus=4, maximum=6 * GiB, xml=WRITTEN_BY_HAND)
    dimms = [Dimm(0, GiB), Dimm(0, GiB), Dimm(0, 2 * GiB, "reserved")]
    planned = planned_guest(guest, [2 * GiB], dimms, page_sizes=[2 * MiB])
    return Problem(guests=(guest,)), plan_of(planned)


def new_guest(machine: str, **fields: object) -> Case:
    """Two cells on ordinary pages, a DIMM on each, one more for growth; no host."""
    guest = guest_of(2, machine=machine, maximum=6 * GiB, **fields)
    dimms = [Dimm(0, 512 * MiB), Dimm(1, 512 * MiB), Dimm(0, GiB, "reserved")]
    planned = planned_guest(guest, [GiB, GiB], dimms)
    return Problem(guests=(guest,)), plan_of(planned)


def spread() -> Case:
    """Cells with different pages, far apart, and DIMMs on pages and nodes of their own."""
    host = host_of(3)
    cells = [
        {"cpus": "0-1,4", "distances": {0: 10, 1: 31}},
        {"cpus": "2-3", "distances": {0: 31, 1: 10}},
    ]
    guest = Guest.model_validate(
        {"name": "spread", "machine": "pc", "target": 4 * GiB, "cells": cells, "mode": "preferred"}
    )
    dimms = [
        Dimm(0, 512 * MiB),
        Dimm(0, 512 * MiB, host_nodes=(2,)),
        Dimm(1, 512 * MiB, page_size=4 * KiB),
        Dimm(1, 512 * MiB, "reserved", page_size=4 * KiB, host_nodes=(0,)),
    ]
    planned = planned_guest(
        guest, [GiB, GiB], dimms, page_sizes=[4 * KiB, 2 * MiB], host_nodes=[(0,), (1,)]
    )
    use = use_of(host, {(0, 4 * KiB): 393216, (1, 2 * MiB): 512, (2, 4 * KiB): 131072}, promised=9)
    return Problem(host=host, guests=(guest,)), plan_of(planned, host=use)


def fixed() -> Case:
    """A guest that neither grows nor has DIMMs, on a host of one node."""
    host = host_of(1)
    guest = guest_of(1, cpus=1, target=GiB)
    planned = planned_guest(guest, [GiB], host_nodes=[(0,)])
    use = use_of(host, {(0, 4 * KiB): 262144})
    return Problem(host=host, guests=(guest,)), plan_of(planned, host=use)


def waypoints() -> Case:
    """Many stages, so that the table is turned over; no proof."""
    guest = guest_of(3, cpus=1, maximum=16 * GiB)
    sizes = [512 * MiB, GiB, 1536 * MiB]
    dimms = [
        Dimm(i % 2, sizes[i % 3], "reserved" if i > 3 else "plugged", stage=max(1, i - 2))
        for i in range(9)
    ]
    planned = planned_guest(guest, [GiB] * 3, dimms, base=5 * GiB)
    return Problem(guests=(guest,)), plan_of(planned, status="feasible")


def many() -> Case:
    """Sixteen equal cells, 64 slots: equal cells share a row."""
    guest = guest_of(16, maximum=64 * GiB)
    dimms = [Dimm(i // 4, 512 * MiB, "reserved", stage=1) for i in range(64)]
    planned = planned_guest(guest, [2 * GiB] * 16, dimms, base=34 * GiB)
    return Problem(guests=(guest,)), plan_of(planned, objectives=())


CASES = {
    "thread": thread_guest,
    "grown-by-hand": grown_by_hand,
    "q35": lambda: new_guest("q35"),
    "pc": lambda: new_guest("pc-i440fx-7.2", phys_bits=42, pci_hole64=4 * GiB),
    "virt": lambda: new_guest("virt"),
    "pseries": lambda: new_guest("pseries"),
    "passthrough": lambda: new_guest("q35", host_passthrough=True),
    "spread": spread,
    "fixed": fixed,
    "waypoints": waypoints,
    "many": many,
}

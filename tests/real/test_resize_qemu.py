"""Running guests in a real QEMU are resized as planned, and their Linux has the memory."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from slotsolver import Plan
from slotsolver.export.qemu import qemu_arguments
from slotsolver.problem import Guest, Problem
from slotsolver.size import GiB, MiB
from slotsolver.solver import solve
from tests.real.linux import VIRTIO_MEM
from tests.real.resizing import Resized
from tests.real.shell import booted
from tests.real.walk import walk

STARTED = {
    "name": "guest",
    "machine": "q35",
    "cells": [{"cpus": "0", "memory": 512 * MiB}, {"cpus": "1", "memory": 384 * MiB}],
    "slots": 16,
    "target": 2432 * MiB,
    "maximum": 7 * GiB,
}
"""Some DIMMs are there from the start."""

HOST = {"nodes": [{"id": 0, "memory": 64 * GiB}]}


def started(fields: dict[str, Any], **more: Any) -> tuple[Guest, list[str]]:
    """A guest that was planned from scratch: what is known of it, and QEMU's arguments."""
    problem = Problem.model_validate({"guests": [fields], **more})
    plan = solve(problem)
    assert isinstance(plan, Plan)
    (guest,), (planned,) = problem.guests, plan.guests
    known = guest.model_copy(update={"slots": planned.slots, "maximum": planned.maximum})
    return known, qemu_arguments(problem, plan, guest.name)


def test_a_random_walk(qemu: ModuleType, tmp_path: Path) -> None:
    """Thirty sizes, one after the other, with swaps, holes and the DIMMs that were there at boot."""
    known, arguments = started(STARTED, policies=[{"kind": "sizes", "maximum": 512 * MiB}])
    with booted(qemu, arguments, tmp_path) as (running, shell):
        guest = Resized(running, shell, known, tmp_path, remembers=True)
        met = walk(guest, 30, seed=1)
    print(met)


BY_HAND = [
    *("-machine", "q35", "-smp", "2", "-m", "size=1G,slots=8,maxmem=8G"),
    *("-object", "memory-backend-ram,id=ram0,size=512M", "-numa", "node,cpus=0,memdev=ram0"),
    *("-object", "memory-backend-ram,id=ram1,size=512M", "-numa", "node,cpus=1,memdev=ram1"),
    *("-object", "memory-backend-ram,id=back0,size=512M"),
    *("-device", "pc-dimm,id=first,memdev=back0,slot=5,node=0,addr=0x120000000"),
    *("-object", "memory-backend-ram,id=back1,size=256M"),
    *("-device", "pc-dimm,id=second,memdev=back1,node=1"),
    *("-object", "memory-backend-ram,id=back2,size=2G,reserve=off"),
    *("-device", "virtio-mem-pci,id=vm,memdev=back2,node=1,memaddr=0x200000000"),
    *("-set", "device.vm.requested-size=256M"),
]
"""A guest that somebody started by hand: names, slots and addresses are not libvirt's."""


def test_a_random_walk_with_virtio_mem(qemu: ModuleType, tmp_path: Path) -> None:
    """The same for a guest with a virtio-mem device, to sizes of its blocks."""
    cells = [{"cpus": str(number), "memory": 512 * MiB} for number in (0, 1)]
    fields = {"name": "guest", "cells": cells, "slots": 8, "maximum": 8 * GiB, "target": GiB}
    known = Guest.model_validate(fields)
    with booted(qemu, BY_HAND, tmp_path, modules=VIRTIO_MEM) as (running, shell):
        guest = Resized(running, shell, known, tmp_path)
        uses = [{"kind": "device", "use": use} for use in ("dimm", "virtio-mem", "either")]
        met = walk(guest, 12, seed=2, unit=2 * MiB, extra=uses)
    print(met)

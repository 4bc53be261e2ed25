"""Kata Containers (QEMU): DIMMs of at most 48 times what the sandbox has, no NUMA.

Source: kata-containers/kata-containers, commit 7c6ba40c, src/runtime/virtcontainers/sandbox.go
(updateMemory: the factor), qemu.go (hotplugAddMemory: rounding, slots), src/runtime/Makefile
(DEFMEMSLOTS). Nothing is ever unplugged.
"""

from __future__ import annotations

from benchmarks.peers import Module, RefusedError

SLOTS = 10
FACTOR = 48
"""How many times the present memory a DIMM may have: its page structures must fit."""


def plan(boot: int, total: int, block: int = 128, taken: int = 0) -> list[Module]:
    """The DIMMs of one request; each is rounded up to the guest's memory block (MiB)."""
    now, found = boot, list[Module]()
    while now < total:
        if taken + len(found) >= SLOTS:
            raise RefusedError("no free slots available")
        size = -(-min(total - now, FACTOR * now) // block) * block
        found.append(Module(0, size))
        now += size
    return found

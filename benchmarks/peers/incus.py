"""Incus: the request in equal parts, one DIMM for each guest node.

Source: lxc/incus, commit be7afc5d, internal/server/instance/drivers/driver_qemu.go (hotplugMemory),
driver_qemu_templates.go (slots), driver_qemu_machine.go (maximum memory). Shrinking is the
balloon's business, no DIMM ever goes.
"""

from __future__ import annotations

from benchmarks.peers import Module, RefusedError

SLOTS = 8
MAXIMUM = 1024 * 1024
"""The largest maximum memory that it writes (MiB)."""


def plan(boot: int, total: int, cells: int, taken: int = 0) -> list[Module]:
    """The DIMMs of one request of a guest that has as many slots ``taken``."""
    if total > MAXIMUM:
        raise RefusedError("above the largest maximum memory")
    if taken + cells > SLOTS:
        raise RefusedError("no free slot")
    return [Module(cell, (total - boot) // cells) for cell in range(cells)]

"""Device: whether a cell grows by DIMMs, by a virtio-mem device, or by either.

A DIMM takes a slot and comes and goes as a whole. A virtio-mem device takes no DIMM slot (libvirt
before 9.5 counts one all the same) and gives and takes memory in small blocks (QEMU
hw/virtio/virtio-mem.c); its whole region counts against maxMemory.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from slotsolver.cell_facts import CellFacts, VirtioFacts
from slotsolver.errors import InputError
from slotsolver.policies import Policy
from slotsolver.size import MiB, Size, format_size

if TYPE_CHECKING:
    from slotsolver.facts import GuestFacts

SMALLEST_BLOCK = 2 * MiB
"""What libvirt takes at least: the host's transparent hugepage size, 2 MiB on x86
(domain_validate.c:virDomainMemoryDefValidate)."""


class Device(Policy):
    """A cell grows by new DIMMs (`dimm`), by a virtio-mem device (`virtio-mem`), or by `either`.
    Without this policy a cell that has a virtio-mem device grows by either, others by DIMMs.

    A guest that does not run yet gets a virtio-mem device where its cell has none, with blocks of
    `block`; a running one uses those that it has.
    """

    kind: Literal["device"] = "device"
    use: Literal["dimm", "virtio-mem", "either"]
    block: Size = SMALLEST_BLOCK

    def describe(self) -> str:
        """State the rule."""
        if self.use == "dimm":
            return "memory grows by DIMMs"
        how = "a virtio-mem device" if self.use == "virtio-mem" else "DIMMs or a virtio-mem device"
        return f"memory grows by {how} with blocks of {format_size(self.block)}"

    def restrict(self, facts: GuestFacts) -> None:
        """Plan devices, or forbid them; forbid DIMMs where only devices may be used."""
        if self.block & (self.block - 1) or self.block < SMALLEST_BLOCK:
            raise InputError(
                f"policy device: block {format_size(self.block)} must be a power of two and at "
                f"least {format_size(SMALLEST_BLOCK)}"
            )
        for cell in facts.cells_of(self):
            if self.use == "dimm":
                cell.virtio = tuple(replace(device, fixed=True) for device in cell.virtio)
                continue
            if not cell.virtio and not facts.running:
                self._plan(facts, cell)
            if self.use == "virtio-mem":
                cell.allowed = frozenset()

    def _plan(self, facts: GuestFacts, cell: CellFacts) -> None:
        """A device for a cell that has none; its pages may not be larger than its block (QEMU:
        'block-size' property has to be at least the page size)."""
        pages = tuple(page for page in cell.pages if page <= self.block)
        if not pages:
            raise InputError(
                f"policy device: cell {cell.id} of guest {facts.guest.name} has pages of "
                f"{format_size(min(cell.pages))}; a virtio-mem block of "
                f"{format_size(self.block)} cannot be smaller, give `block`"
            )
        cell.pages = pages
        numbers = [device.number for other in facts.cells for device in other.virtio]
        cell.virtio = (
            VirtioFacts(
                number=max(numbers, default=-1) + 1,
                index=None,
                size=None,
                block=self.block // MiB,
                before=0,
            ),
        )

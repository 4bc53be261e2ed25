"""Device: whether a cell grows by DIMMs, by a virtio-mem device, or by either.

A DIMM takes a slot and comes and goes as a whole. A virtio-mem device takes no DIMM slot (libvirt
before 9.5 counts one all the same) and gives and takes memory in small blocks (QEMU
hw/virtio/virtio-mem.c); its whole region counts against maxMemory.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal, Self

from pydantic import field_validator

from slotsolver.cell_facts import CellFacts, VirtioFacts
from slotsolver.errors import InputError
from slotsolver.policies import Number, Policy, Scope
from slotsolver.size import GiB, MiB, Size, format_size

if TYPE_CHECKING:
    from slotsolver.facts import GuestFacts

SMALLEST_BLOCK = 2 * MiB
"""What libvirt takes at least: the host's transparent hugepage size, 2 MiB on x86
(domain_validate.c:virDomainMemoryDefValidate)."""

LARGEST_BLOCK = GiB
"""Device memory begins at a multiple of 1 GiB and has nothing to spare for a larger alignment (QEMU
hw/i386/pc.c:pc_get_device_memory_range)."""

ARCHITECTURES = ("x86_64", "aarch64")
"""What QEMU has virtio-mem for (hw/virtio/virtio-mem.c)."""


class Device(Policy):
    """A cell grows by new DIMMs (`dimm`), by a virtio-mem device (`virtio-mem`), or by `either`.
    Without this policy a cell that has a virtio-mem device grows by either, others by DIMMs.

    A guest that does not run yet gets a virtio-mem device where its cell has none, with blocks of
    `block`; a running one uses those that it has.
    """

    kind: Literal["device"] = "device"
    use: Literal["dimm", "virtio-mem", "either"]
    block: Size = SMALLEST_BLOCK

    @field_validator("block")
    @classmethod
    def _power_of_two(cls, block: int) -> int:
        if block & (block - 1) or not SMALLEST_BLOCK <= block <= LARGEST_BLOCK:
            raise ValueError(
                f"a virtio-mem block is a power of two from {format_size(SMALLEST_BLOCK)} to "
                f"{format_size(LARGEST_BLOCK)}, not {format_size(block)}"
            )
        return block

    def numbers(self, scope: Scope) -> tuple[Number, ...]:  # noqa: ARG002 - a choice
        """DIMMs as well as virtio-mem, or the other one."""
        others = tuple(use for use in ("either", "dimm", "virtio-mem") if use != self.use)
        return (Number("use", others, nested=False),)

    def describe(self) -> str:
        """State the rule."""
        if self.use == "dimm":
            return "memory grows by DIMMs"
        how = "a virtio-mem device" if self.use == "virtio-mem" else "DIMMs or a virtio-mem device"
        new = f"only a guest that does not run gets a new one, of {format_size(self.block)} blocks"
        return f"memory grows by {how}; {new}"

    def relaxed(self) -> Self:
        """Either will do."""
        return self.model_copy(update={"use": "either"})

    def restrict(self, facts: GuestFacts) -> None:
        """Plan devices, or forbid them; forbid DIMMs where only devices may be used."""
        for cell in facts.cells_of(self):
            if self.use == "dimm":
                cell.virtio = tuple(replace(device, fixed=True) for device in cell.virtio)
                continue
            if not facts.running and not self._forbidden(facts, cell):
                self._plan(facts, cell)
            if self.use == "virtio-mem":
                cell.allowed = frozenset()

    def _forbidden(self, facts: GuestFacts, cell: CellFacts) -> bool:
        """Whether another policy wants nothing but DIMMs in the cell."""
        return any(
            isinstance(other, Device)
            and other.use == "dimm"
            and cell.id in other.concerned_cells(facts.guest)
            for other in facts.policies
        )

    def _plan(self, facts: GuestFacts, cell: CellFacts) -> None:
        """A device for a cell that has none."""
        if facts.platform.arch not in ARCHITECTURES:
            raise InputError(
                f"policy device: QEMU has no virtio-mem for {facts.platform.arch}, the machine "
                f"type of guest {facts.guest.name}"
            )
        block = self.block // MiB
        other = next((v.block for v in cell.virtio if v.index is None and v.block != block), None)
        if other is not None:
            raise InputError(
                f"policies device ask for virtio-mem blocks of {format_size(other * MiB)} and "
                f"{format_size(self.block)} on cell {cell.id}; keep one of them"
            )
        if not cell.virtio:
            cell.virtio = (VirtioFacts(number=0, index=None, size=None, block=block, before=0),)

"""What a plan does to a running guest now (bytes), by its devices and not by its operations."""

from __future__ import annotations

from dataclasses import dataclass

from slotsolver.plan import PlannedDimm, PlannedGuest, PlannedVirtioMem


@dataclass(frozen=True)
class Changes:
    """The devices that change: DIMMs that go and come, virtio-mem devices by less and by more."""

    unplugged: tuple[PlannedDimm, ...]
    plugged: tuple[PlannedDimm, ...]
    lowered: tuple[PlannedVirtioMem, ...]
    raised: tuple[PlannedVirtioMem, ...]

    def lost(self, cell: int | None = None) -> int:
        """Bytes that are unplugged or lowered, of one cell or of all."""
        dimms = sum(d.size for d in self.unplugged if cell in (None, d.cell))
        return dimms + sum(-delta(v) for v in self.lowered if cell in (None, v.cell))

    def gained(self, cell: int | None = None) -> int:
        """Bytes that are plugged or raised, of one cell or of all."""
        dimms = sum(d.size for d in self.plugged if cell in (None, d.cell))
        return dimms + sum(delta(v) for v in self.raised if cell in (None, v.cell))


def changes_of(planned: PlannedGuest) -> Changes:
    """Everything that a planned guest changes now."""
    return Changes(
        unplugged=tuple(d for d in planned.dimms if d.state == "unplug"),
        plugged=tuple(d for d in planned.dimms if d.state == "plug"),
        lowered=tuple(v for v in planned.virtio_mem if delta(v) < 0),
        raised=tuple(v for v in planned.virtio_mem if delta(v) > 0),
    )


def delta(device: PlannedVirtioMem) -> int:
    """By how much what is requested of a virtio-mem device changes (bytes)."""
    return device.requested - (device.before or 0)

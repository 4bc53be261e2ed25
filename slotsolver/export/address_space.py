"""A guest's physical address space as pieces that lie side by side, and as rows of one scale.

Boot memory, holes and the window for memory devices are where QEMU puts them; cells' boot memory
lies there in the order of the cells (QEMU 7.2 hw/core/numa.c:numa_init_memdev_container). A plan
without its problem says nothing of the machine: then there are its devices only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from slotsolver.export import wording
from slotsolver.export.layout import Layout
from slotsolver.fields import format_ids
from slotsolver.plan import PlannedCell, PlannedDimm, PlannedGuest, PlannedVirtioMem
from slotsolver.platforms import MemoryMap
from slotsolver.size import format_size

Kind = Literal["hole", "window", "boot", "dimm", "virtio-mem", "device"]


@dataclass(frozen=True)
class Piece:
    """Guest-physical bytes from ``start`` that are one thing.

    ``name`` says what it is, ``says`` all that is known of it, ``mark`` is the shortest label.
    ``state`` is a DIMM's; ``given`` is what a virtio-mem device gives of its ``size`` (bytes).
    """

    start: int
    size: int
    kind: Kind
    name: str
    says: str = ""
    mark: str = ""
    slot: int | None = None
    cell: int | None = None
    page_size: int = 0
    host_nodes: tuple[int, ...] = ()
    state: str = ""
    given: int = 0

    @property
    def end(self) -> int:
        """The first byte behind it."""
        return self.start + self.size


@dataclass(frozen=True)
class AddressSpace:
    """``pieces`` ascend and do not overlap; ``leaving`` are DIMMs that are unplugged now, whose
    places others may take; ``unplaced`` are devices of which no address is known."""

    pieces: tuple[Piece, ...]
    leaving: tuple[Piece, ...] = ()
    unplaced: tuple[str, ...] = ()

    @property
    def start(self) -> int:
        """The first address."""
        return min((p.start for p in (*self.pieces, *self.leaving)), default=0)

    @property
    def end(self) -> int:
        """The first address behind all."""
        return max((p.end for p in (*self.pieces, *self.leaving)), default=0)


def address_space(planned: PlannedGuest, layout: Layout | None = None) -> AddressSpace:
    """The pieces of a planned guest; without its layout those of its devices only."""
    devices = [_dimm(planned, d) for d in planned.dimms if d.state != "unplug"]
    devices += [_virtio(v) for v in planned.virtio_mem if v.address]
    leaving = [_dimm(planned, d) for d in planned.dimms if d.state == "unplug"]
    unplaced = [_virtio(v).name for v in planned.virtio_mem if not v.address]
    ground: list[Piece] = []
    if layout is not None:
        others, unknown = _other_devices(layout, [*devices, *leaving])
        devices += others
        unplaced += unknown
        ground = list(_ground(planned, layout.memory_map))
    devices.sort(key=lambda piece: piece.start)
    boot = [piece for piece in ground if piece.kind == "boot"]
    free = [gap for piece in ground if piece.kind != "boot" for gap in _beside(piece, devices)]
    pieces = sorted([*boot, *devices, *free], key=lambda piece: piece.start)
    leaving.sort(key=lambda piece: piece.start)
    return AddressSpace(tuple(pieces), tuple(leaving), tuple(unplaced))


def span(start: int, size: int) -> str:
    """``0x280000000 - 0x29fffffff (512 MiB)``."""
    return f"{start:#x} - {start + size - 1:#x} ({format_size(size)})"


def _backing(piece: PlannedCell | PlannedDimm | PlannedVirtioMem) -> str:
    nodes = f" of host node {format_ids(piece.host_nodes)}" if piece.host_nodes else ""
    return f"pages of {format_size(piece.page_size)}{nodes}"


def _dimm(planned: PlannedGuest, dimm: PlannedDimm) -> Piece:
    name = f"DIMM in slot {dimm.slot}"
    says = f"{name}: {span(dimm.address, dimm.size)}, cell {dimm.cell}, {_backing(dimm)}, "
    return Piece(
        dimm.address,
        dimm.size,
        "dimm",
        name,
        says + wording.state(planned, dimm),
        str(dimm.slot),
        dimm.slot,
        dimm.cell,
        dimm.page_size,
        dimm.host_nodes,
        dimm.state,
    )


def _virtio(device: PlannedVirtioMem) -> Piece:
    name = f"virtio-mem {device.alias or f'virtiomem{device.number}'}"
    requested = f"{format_size(device.requested)} of {format_size(device.size)} requested"
    says = f"{name}: {span(device.address, device.size)}, {requested}, cell {device.cell}, "
    return Piece(
        device.address,
        device.size,
        "virtio-mem",
        name,
        says + _backing(device),
        f"v{device.number}",
        cell=device.cell,
        page_size=device.page_size,
        host_nodes=device.host_nodes,
        given=device.requested,
    )


def _other_devices(layout: Layout, known: Sequence[Piece]) -> tuple[list[Piece], list[str]]:
    """Memory devices that a plan says nothing of (nvdimm, say), and those without an address."""
    placed, unknown = [], []
    taken = {piece.start for piece in known}
    for device in layout.guest.devices:
        if device.is_ram or device.model == "sgx-epc":
            continue
        if not device.address:
            unknown.append(f"{device.model} of {format_size(device.size)}")
        elif device.address not in taken:
            says = f"{device.model}: {span(device.address, device.size)}"
            mark = device.model[:2]
            placed.append(Piece(device.address, device.size, "device", device.model, says, mark))
    return placed, unknown


def _ground(planned: PlannedGuest, memory: MemoryMap) -> Iterator[Piece]:
    """Boot memory of the cells, the window, and holes between them, in address order."""
    cells = iter(planned.cells)
    cell, left, at = next(cells), 0, 0
    left = cell.boot
    for boot in memory.boot_ranges:
        if boot.base > at:
            yield _hole(at, boot.base)
        at = boot.base
        while at < boot.end:
            size = min(left, boot.end - at)
            if size:
                yield _boot(cell, at, size)
            at, left = at + size, left - size
            if not left:
                following = next(cells, None)
                if following is None:
                    break
                cell, left = following, following.boot
        at = boot.end
    if memory.window is not None:
        if memory.window.base > at:
            yield _hole(at, memory.window.base)
        yield Piece(memory.window.base, memory.window.size, "window", "free room for devices")


def _hole(start: int, end: int) -> Piece:
    return Piece(start, end - start, "hole", "hole without memory")


def _boot(cell: PlannedCell, start: int, size: int) -> Piece:
    name = f"boot memory of cell {cell.id}"
    says = f"{name}: {span(start, size)}, {_backing(cell)}"
    return Piece(
        start,
        size,
        "boot",
        name,
        says,
        f"c{cell.id}",
        cell=cell.id,
        page_size=cell.page_size,
        host_nodes=cell.host_nodes,
    )


def _beside(ground: Piece, devices: Sequence[Piece]) -> Iterator[Piece]:
    """What devices, which ascend, leave of a hole or of the window."""
    at = ground.start
    for device in devices:
        if device.end <= at or device.start >= ground.end:
            continue
        if device.start > at:
            yield _part(ground, at, device.start)
        at = device.end
    if at < ground.end:
        yield _part(ground, at, ground.end)


def _part(ground: Piece, start: int, end: int) -> Piece:
    says = f"{ground.name}: {span(start, end - start)}"
    return replace(ground, start=start, size=end - start, says=says)

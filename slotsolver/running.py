"""What is known of a running guest besides its cells: devices that may go, and what was planned.

Memory is MiB, addresses are bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from slotsolver.platforms import Range
from slotsolver.problem import Device, Guest, Host, ReservedDimm
from slotsolver.size import MiB

if TYPE_CHECKING:
    from slotsolver.constraints.unplug_order import UnplugOrder
    from slotsolver.facts import GuestFacts


@dataclass(frozen=True)
class Plugged:
    """A DIMM that the guest has. ``index`` is its place in ``Guest.devices``; ``pool`` the page
    size (bytes) and host node that get its pages back when it goes, ``None`` where that is not
    known."""

    index: int
    slot: int
    cell: int
    size: int
    address: int
    pool: tuple[int, int] | None

    @property
    def end(self) -> int:
        """The first address behind it."""
        return self.address + self.size * MiB


@dataclass(frozen=True)
class Order:
    """DIMMs in groups: one may go only if all of the earlier groups (places in
    ``Guest.devices``) go too."""

    groups: tuple[tuple[int, ...], ...]


@dataclass
class RunningFacts:
    """The DIMMs of a running guest, and what its policies permit to do with them."""

    dimms: tuple[Plugged, ...]
    growth: tuple[ReservedDimm, ...]
    wanted: int
    wanted_cells: tuple[int, ...] | None
    accept: str = "exact"
    accept_given: bool = False
    swap: bool = False
    no_swap: bool = False
    stay: set[int] = field(default_factory=set)
    """Places in ``Guest.devices`` of devices that are not to be unplugged or lowered."""
    per_step: dict[int, int] = field(default_factory=dict)
    """The most that an operation moves, by cell."""
    order_policies: list[UnplugOrder] = field(default_factory=list)
    orders: list[Order] = field(default_factory=list)
    needs_places: bool = True
    """Whether its DIMMs need places in its address space: always, but where it is asked why not."""

    @property
    def removable(self) -> tuple[Plugged, ...]:
        """The DIMMs that may go."""
        return tuple(d for d in self.dimms if d.index not in self.stay)

    def removable_in(self, cells: Iterable[int]) -> list[Plugged]:
        """The DIMMs of some cells that may go, by slot."""
        wanted = set(cells)
        return sorted((d for d in self.removable if d.cell in wanted), key=lambda d: d.slot)


def running_facts(guest: Guest, host: Host | None) -> RunningFacts | None:
    """The facts of a running guest; ``None`` of one that does not run."""
    if not guest.running:
        return None
    cells = None
    if isinstance(guest.target, dict):
        cells = tuple(guest.target[c.id] // MiB for c in guest.cells)
    return RunningFacts(
        dimms=tuple(
            Plugged(
                index=index,
                slot=device.slot or 0,
                cell=device.cell or 0,
                size=device.size // MiB,
                address=device.address or 0,
                pool=pool_of(guest, device, host),
            )
            for index, device in enumerate(guest.devices)
            if device.model == "dimm"
        ),
        growth=tuple(dict.fromkeys(guest.growth)),
        wanted=guest.target_size // MiB,
        wanted_cells=cells,
        stay={index for index, device in enumerate(guest.devices) if device.nameless},
    )


def pool_of(guest: Guest, device: Device, host: Host | None) -> tuple[int, int] | None:
    """Page size (bytes) and host node that a device's memory came from, where that is certain: its
    page size is known and it is bound strictly to one node, or the host has one only."""
    if host is None:
        return None
    cell = guest.cells[device.cell or 0]
    page = device.page_size or cell.page_size
    bound = device.host_nodes or cell.host_nodes
    nodes, mode = (bound, cell.mode) if bound else (guest.host_nodes, guest.mode)
    if len(host.nodes) == 1:
        nodes, mode = (host.nodes[0].id,), "strict"
    if page is None or nodes is None or len(nodes) != 1 or mode != "strict":
        return None
    return page, nodes[0]


def virtio_number(device: Device, place: int) -> int:
    """The number in the alias of a virtio-mem device: its own, else its ``place`` among those of
    the guest (libvirt 9.0 qemu/qemu_alias.c:qemuAssignDeviceMemoryAlias)."""
    named = (device.alias or "").removeprefix("virtiomem")
    return int(named) if named.isascii() and named.isdigit() else place


def planned_growth(facts: GuestFacts, window: Range | None) -> Iterator[ReservedDimm]:
    """DIMMs planned once that a plan can still plug: of a cell and size that it may have, in a slot
    and place that the guest has. Slots and places that are in use may become free."""
    if facts.running is None or window is None:
        return
    for dimm in facts.running.growth:
        inside = window.base <= dimm.address and dimm.address + dimm.size <= window.end
        inside = inside and dimm.size % MiB == 0
        known = dimm.cell < len(facts.cells) and dimm.slot < facts.slots_written
        if inside and known and facts.cells[dimm.cell].permits(dimm.size // MiB):
            yield dimm


def in_the_way(facts: GuestFacts, dimm: ReservedDimm) -> tuple[list[int], bool]:
    """DIMMs (places in ``Guest.devices``) that must go before a planned one can come, and whether
    something else is in its way that cannot go."""
    moving, blocked = [], False
    for index, device in enumerate(facts.guest.devices):
        start = device.address or 0
        overlaps = bool(start) and start < dimm.address + dimm.size
        overlaps = overlaps and dimm.address < start + device.size
        same_slot = device.takes_slot and device.slot == dimm.slot
        if (overlaps or same_slot) and device.model == "dimm":
            moving.append(index)
        elif overlaps or same_slot:
            blocked = True
    return moving, blocked

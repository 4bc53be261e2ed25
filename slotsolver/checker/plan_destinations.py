"""Whether the plan can be started on each host that its guests may be migrated to.

There the guests have the same boot memory, slots, sizes and addresses; only pages and host nodes
are chosen anew (libvirt 9.0 conf/domain_conf.c:virDomainDefCheckABIStability compares neither).
Nothing of them is there yet, so all pages that they have and reserve must be free.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator

from slotsolver.checker.plan_host import (
    Needs,
    capacity,
    check_table,
    is_preallocated,
    shortages,
)
from slotsolver.checker.plan_platform import layout, map_options
from slotsolver.checker.preallocation import refusal
from slotsolver.checker.subject import GuestSubject, PlanSubject
from slotsolver.checker.violation import Violation
from slotsolver.fields import format_ids
from slotsolver.plan import BackedDevice, Destination, DestinationGuest, PlannedCell
from slotsolver.platforms import Version, platform_for
from slotsolver.problem import Host
from slotsolver.size import format_size

Key = tuple[str, int | None]
"""``slot`` or ``number``, and which: how a destination names a device."""


def check_destinations(plan: PlanSubject) -> Iterator[Violation]:
    """Every one of ``also_hosts`` has its destination, and each of them is right."""
    hosts, found = plan.problem.also_hosts, [d.host for d in plan.plan.destinations]
    if found != list(range(len(hosts))):
        says = f"there are {len(hosts)} hosts to migrate to, the plan has destinations {found}"
        yield Violation("plan-destinations", "plan", says, "destinations")
        return
    names = [g.guest.name for g in plan.guests]
    for host, destination in zip(hosts, plan.plan.destinations, strict=True):
        where = f"destination {destination.host}"
        if [g.name for g in destination.guests] != names:
            says = f"its guests are not {', '.join(names)}"
            yield Violation("plan-destinations", "plan", says, where)
            continue
        sound = True
        for guest, there in zip(plan.guests, destination.guests, strict=True):
            for violation in _guest(guest, there, host, f"{where} {guest.place}"):
                sound = sound and violation.rule != "destination-cells"
                yield violation
            yield from _address_space(guest, plan.problem.host, host, f"{where} {guest.place}")
        if sound:
            yield from _pools(plan, destination, host, where)


def _guest(
    guest: GuestSubject, there: DestinationGuest, host: Host, where: str
) -> Iterator[Violation]:
    boots = [(c.id, c.boot) for c in guest.planned.cells]
    if [(c.id, c.boot) for c in there.cells] != boots:
        says = f"boot memory of the cells is {boots}, as it is on the present host"
        yield Violation("destination-cells", "plan", says, where)
        return
    for cell in there.cells:
        place = f"{where} cell {cell.id}"
        known = {n.id for n in host.nodes}
        if len(cell.host_nodes) != 1 or not set(cell.host_nodes) <= known:
            says = f"lies on one node of that host, planned are {format_ids(cell.host_nodes)}"
            yield Violation("destination-node", "plan", says, place)
        if cell.page_size not in host.page_sizes():
            says = f"that host has no pages of {format_size(cell.page_size)}"
            yield Violation("destination-cells", "plan", says, place)
            continue
        for name, size in _sizes(guest, cell.id):
            if size % cell.page_size:
                says = f"{name} 0x{size:x} is not whole pages of {format_size(cell.page_size)}"
                yield Violation("destination-pages", "plan", says, place)
    yield from _devices(guest, there, where)


def _sizes(guest: GuestSubject, cell: int) -> Iterator[tuple[str, int]]:
    """Every size and address that the pages of a cell must divide."""
    yield "boot memory", guest.planned.cells[cell].boot
    for dimm in guest.planned.dimms:
        if dimm.cell == cell and dimm.state != "unplug":
            yield f"size of slot {dimm.slot}", dimm.size
            yield f"address of slot {dimm.slot}", dimm.address
    for virtio in guest.planned.virtio_mem:
        if virtio.cell == cell:
            yield f"block of virtio-mem {virtio.number}", virtio.block
            yield f"address of virtio-mem {virtio.number}", virtio.address


def _devices(guest: GuestSubject, there: DestinationGuest, where: str) -> Iterator[Violation]:
    """Every device that comes with the guest is there once, backed as its cell is there."""
    cells, needed = _owners(guest)
    keys = [_key(d) for d in there.devices]
    for key, times in Counter(keys).items():
        if times > 1 or key not in cells:
            says = (
                f"{key[0]} {key[1]} is named {times} times, the plan has it {key in cells:d} times"
            )
            yield Violation("destination-devices", "plan", says, where)
    for key in sorted(needed - set(keys), key=str):
        says = f"{key[0]} {key[1]} comes with the guest and is not named"
        yield Violation("destination-devices", "plan", says, where)
    for device in there.devices:
        cell = there.cells[cells.get(_key(device), 0)]
        if _key(device) in cells and not _same_backing(device, cell):
            says = f"{_key(device)[0]} {_key(device)[1]} is not backed as cell {cell.id} is"
            yield Violation("destination-devices", "plan", says, where)


def _same_backing(device: BackedDevice, cell: PlannedCell) -> bool:
    return (device.page_size, device.host_nodes) == (cell.page_size, cell.host_nodes)


def _owners(guest: GuestSubject) -> tuple[dict[Key, int], set[Key]]:
    """The cell of each device of the plan, and the devices that are there at the reserve stage."""
    cells: dict[Key, int] = {}
    needed: set[Key] = set()
    for dimm in guest.planned.dimms:
        if dimm.state == "unplug":
            continue
        cells["slot", dimm.slot] = dimm.cell
        if dimm.stage <= guest.reserve_stage(dimm.cell):
            needed.add(("slot", dimm.slot))
    for virtio in guest.planned.virtio_mem:
        cells["number", virtio.number] = virtio.cell
        needed.add(("number", virtio.number))
    return cells, needed


def _key(device: BackedDevice) -> Key:
    return ("slot", device.slot) if device.number is None else ("number", device.number)


def _address_space(
    guest: GuestSubject, here: Host | None, host: Host, where: str
) -> Iterator[Violation]:
    """A host's CPU may have fewer address bits, or AMD's hole below 1 TiB: then QEMU refuses, or
    moves the window away from under the devices' addresses."""
    planned, platform = guest.planned, platform_for(guest.guest.machine)
    boots = tuple(c.boot for c in planned.cells)
    if planned.maximum < sum(boots):
        return  # judged on the present host
    options = map_options(guest.guest, host)
    error = platform.board_error(sum(boots), planned.maximum, planned.slots, boots, **options)
    if error is not None:
        yield Violation("destination-board", "plan", error, where)
    elif layout(guest, here).window != layout(guest, host).window:
        says = "device memory lies elsewhere there, for the CPUs differ"
        yield Violation("destination-board", "plan", says, where)


def _pools(
    plan: PlanSubject, destination: Destination, host: Host, where: str
) -> Iterator[Violation]:
    """All that is there at the reserve stage finds its pages, and the table says so."""
    taken: Needs = defaultdict(list)
    promised: Needs = defaultdict(list)
    for guest, there in zip(plan.guests, destination.guests, strict=True):
        for piece in guest.pieces:
            cell = there.cells[piece.cell]
            pages = -(-piece.size // cell.page_size)
            if is_preallocated(guest, piece, host, cell.page_size):
                # its CPUs have other numbers, so that pinning to those here says nothing there
                versions = map(Version.parse, (guest.qemu, guest.libvirt))
                if says := refusal(host, cell.host_nodes, None, *versions):
                    yield Violation("libvirt-H16", "start", says, f"{where} {piece.place}")
            wanted = promised if piece.stage > guest.reserve_stage(piece.cell) else taken
            wanted[cell.page_size].append((frozenset(cell.host_nodes), pages))
    yield from check_table(destination.use, host, taken, promised, {}, f"{where} ")
    for nodes, size, pages, free in shortages(taken, capacity(host, {})):
        says = (
            f"{pages} pages of {format_size(size)} are needed on host node {format_ids(nodes)}, "
            f"{free} are free"
        )
        yield Violation("destination-pages-free", "host", says, where)

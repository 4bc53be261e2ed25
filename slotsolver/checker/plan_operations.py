"""The operations on a running guest: they do exactly what the plan changes, and each is legal then.

QEMU's device memory is replayed from what is plugged now, operation by operation, so a slot or a
range of addresses is found in use until the unplug that frees it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise

from slotsolver.checker.changes import delta
from slotsolver.checker.plan_platform import layout
from slotsolver.checker.subject import GuestSubject, PlanSubject, whole_mib
from slotsolver.checker.violation import Violation
from slotsolver.plan import Operation, PlannedVirtioMem
from slotsolver.platforms import (
    DeviceMemory,
    Dimm,
    MemoryDevice,
    Version,
    VirtioMem,
    platform_for,
)
from slotsolver.problem import Device, Guest, Host
from slotsolver.size import format_size


def check_operations(plan: PlanSubject) -> Iterator[Violation]:
    """Judge the operations of every running guest."""
    for guest in plan.guests:
        if guest.guest.running:
            yield from _dimms(guest)
            yield from _resizes(guest)
            yield from _order(guest)
            yield from _sizes_after(guest)
            yield from _replay(guest, plan.problem.host)


def alias_of(device: Device | None, name: str) -> str:
    """How libvirt calls a device: as it does now, else as it will."""
    return name if device is None or device.alias is None else device.alias


def _dimms(guest: GuestSubject) -> Iterator[Violation]:
    """Each DIMM that goes or comes has one operation, which tells the truth about it."""
    changes = guest.changes
    there = {d.slot: d for d in guest.guest.devices if d.model == "dimm"}
    expected: list[tuple[str, int | None, int | None, str, int, int]] = [
        ("unplug", d.slot, None, alias_of(there.get(d.slot), f"dimm{d.slot}"), d.cell, d.size)
        for d in changes.unplugged
    ]
    expected += [
        ("plug", d.slot, None, free_name(guest.guest, d.slot), d.cell, d.size)
        for d in changes.plugged
    ]
    found: list[tuple[str, int | None, int | None, str, int, int]] = [
        (o.do, o.slot, o.number, o.device, o.cell, o.size)
        for o in guest.planned.operations
        if o.do != "resize"
    ]
    for missing in Counter(expected) - Counter(found):
        says = f"{missing[0]} of {missing[3]} ({format_size(missing[5])}) is not among them"
        yield Violation("plan-operation", "plan", says, guest.place)
    for more in Counter(found) - Counter(expected):
        says = f"nothing in the plan is {more[0]} of {more[3]} ({more[5]} bytes, cell {more[4]})"
        yield Violation("plan-operation", "plan", says, guest.place)


def free_name(guest: Guest, slot: int) -> str:
    """The id of a DIMM to be plugged: libvirt's, with the first number that makes it and that of
    its backend differ from what other slots' devices have (QEMU: "Duplicate device ID",
    "attempt to add duplicate property")."""
    names, backends = set(), set()
    for device in guest.devices:
        if device.slot != slot or not device.takes_slot:
            names.add(device.alias)
            backends.add(device.backend or f"mem{device.alias}")
    name, number = f"dimm{slot}", 0
    while name in names or f"mem{name}" in backends:
        number += 1
        name = f"dimm{slot}-{number}"
    return name


def _resizes(guest: GuestSubject) -> Iterator[Violation]:
    """Each virtio-mem device goes straight from what it has to what it shall have, in one operation
    or, under a per-step policy, in as few as that permits."""
    planned = {v.number: v for v in guest.planned.virtio_mem}
    by_number: dict[int | None, list[Operation]] = {}
    for operation in guest.planned.operations:
        if operation.do == "resize":
            by_number.setdefault(operation.number, []).append(operation)
    for number in by_number.keys() - planned.keys():
        says = f"there is no virtio-mem device {number} to resize"
        yield Violation("plan-operation", "plan", says, guest.place)
    for number, virtio in planned.items():
        place = f"{guest.place} virtio-mem {number}"
        for says in _resize(guest, virtio, by_number.get(number, [])):
            yield Violation("plan-operation", "plan", says, place)


def _resize(
    guest: GuestSubject, virtio: PlannedVirtioMem, operations: Sequence[Operation]
) -> Iterator[str]:
    sizes = [virtio.before or 0, *(o.size for o in operations)]
    if sizes[-1] != virtio.requested:
        yield f"{sizes[-1]} bytes are requested in the end, planned are {virtio.requested}"
    change, most = delta(virtio), _largest_step(guest, virtio)
    fewest = -(-abs(change) // most)
    if len(operations) > fewest:
        yield f"{len(operations)} operations where {fewest} would do"
    name = alias_of(guest.existing_virtio.get(virtio.number), f"virtiomem{virtio.number}")
    for (before, after), operation in zip(pairwise(sizes), operations, strict=True):
        if (operation.slot, operation.cell, operation.device) != (None, virtio.cell, name):
            yield f"the operation on {operation.device} in cell {operation.cell} is not on {name}"
        if (after > before) != (change > 0) or abs(after - before) > most:
            yield f"from {before} to {after} bytes is no step of at most {most} on its way"
        if after % virtio.block or not 0 <= after <= virtio.size:
            yield f"{after} bytes cannot be requested of {virtio.size} in blocks of {virtio.block}"


def _largest_step(guest: GuestSubject, virtio: PlannedVirtioMem) -> int:
    """The most (bytes) by which one operation may resize the device, in whole blocks."""
    steps = [
        p.size
        for p in guest.policies
        if p.kind == "per-step" and (p.cells is None or virtio.cell in p.cells)
    ]
    most = min(steps, default=virtio.size)
    return max(virtio.block, most // virtio.block * virtio.block)


def _order(guest: GuestSubject) -> Iterator[Violation]:
    """What takes memory away comes first; DIMMs are plugged small before large."""
    requested = {n: d.memory for n, d in guest.existing_virtio.items()}
    grown, plugged = False, 0
    for operation in guest.planned.operations:
        adds = operation.do == "plug"
        if operation.do == "resize" and operation.number in requested:
            adds = operation.size > requested[operation.number]
            requested[operation.number] = operation.size
        if grown and not adds:
            says = f"{operation.do} of {operation.device} comes after memory was added"
            yield Violation("plan-operation-order", "plan", says, guest.place)
        if operation.do == "plug":
            if operation.size < plugged:
                says = f"{operation.device} is plugged after a larger one"
                yield Violation("plan-operation-order", "plan", says, guest.place)
            plugged = operation.size
        grown = grown or adds


def _sizes_after(guest: GuestSubject) -> Iterator[Violation]:
    """Each operation tells the guest's size after it."""
    requested = {n: d.memory for n, d in guest.existing_virtio.items()}
    memory = sum(c.boot for c in guest.planned.cells)
    memory += sum(whole_mib(d.memory) for d in guest.guest.devices)
    for number, operation in enumerate(guest.planned.operations):
        if operation.do == "resize":
            memory += operation.size - requested.get(operation.number or 0, 0)
            requested[operation.number or 0] = operation.size
        else:
            memory += operation.size if operation.do == "plug" else -operation.size
        if operation.memory != memory:
            says = f"after operation {number} the guest has {memory} bytes, not {operation.memory}"
            yield Violation("plan-operation-memory", "plan", says, guest.place)


def _replay(guest: GuestSubject, host: Host | None) -> Iterator[Violation]:
    """Every prefix is legal: QEMU takes each operation in the state that those before it made."""
    memory = _plugged_now(guest, host)
    new = {d.slot: d for d in guest.changes.plugged}
    for operation in guest.planned.operations:
        refusal, place = None, f"{guest.place} {operation.do} {operation.device}"
        if operation.do == "unplug":
            refusal = memory.unplug(operation.device)
        elif operation.do == "plug" and operation.slot in new:
            dimm = new[operation.slot]
            align = _alignment(guest, host, dimm.page_size)
            refusal = memory.plug(
                Dimm(operation.device, dimm.size, align, dimm.slot, dimm.address, dimm.cell)
            ).error
            yield from _slots_count(guest, memory, place)
        if refusal is not None:
            yield Violation("plan-operation-refused", "plan", refusal, place)


def _slots_count(guest: GuestSubject, memory: DeviceMemory, place: str) -> Iterator[Violation]:
    """libvirt before 9.5 counts every device at each attach (conf/domain_validate.c)."""
    count = len(memory.devices) + sum(d.model == "sgx-epc" for d in guest.guest.devices)
    if Version.parse(guest.libvirt) < (9, 5) and count > guest.planned.slots:
        says = f"memory device count '{count}' exceeds slots count '{guest.planned.slots}'"
        yield Violation("plan-operation-refused", "plan", says, place)


def _plugged_now(guest: GuestSubject, host: Host | None) -> DeviceMemory:
    """QEMU's device memory before the first operation."""
    planned, ram = guest.planned, sum(c.boot for c in guest.planned.cells)
    memory = DeviceMemory(
        platform_for(guest.guest.machine),
        layout(guest, host).window,
        planned.maximum - ram,
        planned.slots,
        len(planned.cells),
        Version.parse(guest.qemu),
    )
    for device in guest.guest.devices:
        if device.model != "sgx-epc":
            memory.devices.append(_as_plugged(guest, device))
    return memory


def _as_plugged(guest: GuestSubject, device: Device) -> MemoryDevice:
    """A device that is there; its alignment plays no part any more."""
    if device.takes_slot:
        name = alias_of(device, f"{device.model}{device.slot}")
        slot = -1 if device.slot is None else device.slot
        return Dimm(name, device.size, slot=slot, address=device.address or 0)
    planned = guest.listed(device)
    if planned is None:
        return VirtioMem(alias_of(device, device.model), device.size, address=device.address or 0)
    name = alias_of(device, f"virtiomem{planned.number}")
    return VirtioMem(name, device.size, address=planned.address)


def _alignment(guest: GuestSubject, host: Host | None, page_size: int) -> int:
    platform = platform_for(guest.guest.machine)
    base = host.base_page if host is not None else platform.base_page
    return platform.backend_alignment(page_size, base)

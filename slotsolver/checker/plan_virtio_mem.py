"""virtio-mem devices in a plan: those that are there, and those that a new guest gets.

Sources: QEMU 7.2 hw/virtio/virtio-mem.c:virtio_mem_device_realize, libvirt 9.0
conf/domain_validate.c:virDomainMemoryDefValidate, Linux drivers/virtio/virtio_mem.c:
virtio_mem_init.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

from slotsolver.checker.plan_platform import layout, node_known
from slotsolver.checker.subject import GuestSubject, PlanSubject
from slotsolver.checker.violation import Violation
from slotsolver.plan import PlannedVirtioMem
from slotsolver.platforms import Range, Version, platform_for, virtio_mem_guest_usable
from slotsolver.platforms.device_memory import QemuRefusalError, free_address
from slotsolver.platforms.versions import LIBVIRT_VIRTIO_MEM_ADDRESS
from slotsolver.problem import Device
from slotsolver.size import MiB, format_size

LEAST_BLOCK = 2 * MiB
"""libvirt refuses smaller blocks than the host's transparent huge page (domain_validate.c)."""

RULE = "plan-virtio-mem"


def check_virtio_mem(plan: PlanSubject) -> Iterator[Violation]:
    """Judge every guest's virtio-mem devices."""
    for guest in plan.guests:
        if not guest.planned.virtio_mem and not guest.existing_virtio:
            continue
        yield from _all_there(guest)
        for virtio in guest.planned.virtio_mem:
            place = f"{guest.place} virtio-mem {virtio.number}"
            device = guest.existing_virtio.get(virtio.number)
            faults = list(_stages(guest, virtio))
            if device is None:
                faults += _new(guest, virtio)
            else:
                faults += _existing(guest, virtio, device)
            for says in faults:
                yield Violation(RULE, "plan", says, place)
            for says in _unusable(guest, virtio):
                yield Violation("guest-virtio-mem", "guest", says, place)
        yield from _first_fit(guest, plan)


def _all_there(guest: GuestSubject) -> Iterator[Violation]:
    """Every device once; a running guest's are all there, and it gets no other."""
    numbers = [v.number for v in guest.planned.virtio_mem]
    for number, times in Counter(numbers).items():
        if times > 1:
            yield Violation(RULE, "plan", f"number {number} is there {times} times", guest.place)
    missing = guest.existing_virtio.keys() - set(numbers)
    if guest.guest.running and missing:
        yield Violation(RULE, "plan", f"devices {sorted(missing)} are missing", guest.place)
    first = max(guest.existing_virtio, default=-1) + 1
    new = sorted(v.number for v in guest.new_virtio)
    if new and (guest.guest.running or new != list(range(first, first + len(new)))):
        says = (
            "a running guest gets no new virtio-mem device"
            if guest.guest.running
            else f"new devices are numbered from {first} on, not {new}"
        )
        yield Violation(RULE, "plan", says, guest.place)


def _stages(guest: GuestSubject, virtio: PlannedVirtioMem) -> Iterator[str]:
    """What it gives at each stage: whole blocks, no more than it has, never less than before."""
    stages, running = virtio.stages, guest.guest.running
    before = virtio.before or 0
    first = min(before, virtio.requested) if running else before
    if stages[0] != first:
        yield f"at the first stage it gives {first} bytes, the plan says {stages[0]}"
    if stages[guest.target_stage] != virtio.requested:
        yield f"{virtio.requested} bytes are requested, but {stages[guest.target_stage]} at target"
    if any(one > other for one, other in pairwise(stages)):
        yield f"it shrinks from stage to stage: {stages}"
    # A part of a block that is requested already is left as it is.
    for size in {*stages, virtio.requested} - {virtio.before}:
        if size % virtio.block or not 0 <= size <= virtio.size:
            yield f"{size} bytes cannot be requested of {virtio.size} in blocks of {virtio.block}"


def _existing(guest: GuestSubject, virtio: PlannedVirtioMem, device: Device) -> Iterator[str]:
    """Everything but what is requested is as it was."""
    cell = guest.planned.cells[device.cell or 0]
    facts = (
        ("cell", virtio.cell, device.cell or 0),
        ("size", virtio.size, device.size),
        ("before", virtio.before, device.memory),
        ("block", virtio.block, device.block or virtio.block),
        ("address", virtio.address, device.address or virtio.address),
        ("page_size", virtio.page_size, device.page_size or cell.page_size),
        ("host_nodes", virtio.host_nodes, device.host_nodes or cell.host_nodes),
        ("alias", virtio.alias, device.alias),
    )
    for name, said, true in facts:
        if said != true:
            yield f"its {name} is {true}, the plan says {said}"


def _new(guest: GuestSubject, virtio: PlannedVirtioMem) -> Iterator[str]:
    """A new device is one that QEMU, libvirt and the guest take; its cell shall have one."""
    platform, cell = platform_for(guest.guest.machine), guest.planned.cells[virtio.cell]
    if virtio.before is not None or virtio.alias is not None:
        yield "it is new: nothing was requested of it before, and it has no alias"
    if platform.arch not in ("x86_64", "aarch64"):
        yield f"QEMU has no virtio-mem for {platform.arch}"
    if virtio.block & (virtio.block - 1) or virtio.block < LEAST_BLOCK:
        yield f"block size must be a power of two of at least {LEAST_BLOCK}, not {virtio.block}"
    if virtio.block < virtio.page_size:
        yield f"'block-size' property has to be at least the page size (0x{virtio.page_size:x})"
    grain = max(virtio.block, guest.planned.block)
    whole = -(-virtio.stages[-1] // grain) * grain
    if virtio.size != whole or not whole:
        yield f"at most {virtio.stages[-1]} bytes are requested, so its size is {whole}"
    align = max(virtio.block, virtio.page_size, platform.dimm_alignment)
    if virtio.address % align:
        yield f"address must be aligned to 0x{align:x} bytes"
    if (virtio.page_size, virtio.host_nodes) != (cell.page_size, cell.host_nodes):
        yield "its pages and host nodes are not those of its cell"
    if not node_known(guest, virtio.cell):
        yield f"the guest kernel does not know node {virtio.cell}: it has no CPU and no memory"


def _unusable(guest: GuestSubject, virtio: PlannedVirtioMem) -> Iterator[str]:
    """A guest uses only the whole memory blocks of the region; growth beyond them never comes."""
    usable = virtio_mem_guest_usable(virtio.address, virtio.size, guest.planned.block)
    most = max(virtio.stages)
    if virtio.address and most > max(usable, virtio.before or 0):
        yield (
            f"{format_size(most)} are requested of it, of which the guest can use only "
            f"{format_size(usable)}: the region is not in whole blocks"
        )


def _first_fit(guest: GuestSubject, plan: PlanSubject) -> Iterator[Violation]:
    """libvirt before 9.4 cannot say where a virtio-mem device goes: QEMU puts it into the first gap
    after the devices that are listed before it: DIMMs first, then virtio-mem in order."""
    pinned = LIBVIRT_VIRTIO_MEM_ADDRESS.in_version(Version.parse(plan.problem.libvirt))
    window = layout(guest, plan.problem.host).window
    if pinned or window is None:
        return
    new = {v.number for v in guest.new_virtio}
    taken = [
        (Range(d.address, d.size), f"dimm{d.slot}")
        for d in guest.planned.dimms
        if d.state in ("present", "plugged")
    ]
    taken += [
        (Range(d.address, d.size), d.model)
        for d in guest.guest.devices
        if d.address and d.model not in ("dimm", "virtio-mem")
    ]
    for virtio in sorted(guest.planned.virtio_mem, key=lambda v: v.number):
        place = f"{guest.place} virtio-mem {virtio.number}"
        align = max(virtio.block, virtio.page_size, LEAST_BLOCK)
        try:
            address = free_address(window, taken, align, virtio.size)
        except QemuRefusalError as refusal:
            yield Violation("qemu-3.2-fragmented", "start", str(refusal), place)
            continue
        if virtio.number in new and virtio.address != address:
            says = f"QEMU will put it at 0x{address:x}, the plan says 0x{virtio.address:x}"
            yield Violation("plan-virtio-mem-address", "plan", says, place)
        taken.append((Range(virtio.address, virtio.size), f"virtiomem{virtio.number}"))

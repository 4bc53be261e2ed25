"""The plan in itself: every cell and DIMM is there once, and every sum is the sum of its parts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from slotsolver.checker.subject import GuestSubject, whole_mib
from slotsolver.checker.violation import Violation
from slotsolver.plan import Plan, PlannedDimm, PlannedGuest
from slotsolver.problem import Device, Guest, Problem
from slotsolver.size import format_size


def check_names(problem: Problem, plan: Plan) -> Iterator[Violation]:
    """The plan has each guest of the problem once and no other."""
    wanted, found = [g.name for g in problem.guests], [g.name for g in plan.guests]
    if wanted != found:
        says = f"the problem's guests are {', '.join(wanted)}; the plan's {', '.join(found)}"
        yield Violation("plan-guests", "plan", says, "plan")
    if (problem.host is None) != (plan.host is None):
        says = "the plan tells the use of a host exactly where the problem has one"
        yield Violation("plan-host", "plan", says, "plan")


def check_shape(guest: Guest, planned: PlannedGuest) -> Iterator[Violation]:
    """What must hold before sums can be made: cells, references to them, stages."""
    place = f"guest {guest.name}"
    ids = [c.id for c in planned.cells]
    if ids != [c.id for c in guest.cells]:
        says = f"the guest has cells 0 to {len(guest.cells) - 1}, the plan {ids}"
        yield Violation("plan-cells", "plan", says, place)
    if not planned.stages:
        yield Violation("plan-stages", "plan", "the plan has no stages", place)
    cells, stages = len(guest.cells), max(1, len(planned.stages))
    for dimm in planned.dimms:
        there = 0 <= dimm.cell < cells and 0 <= dimm.stage < stages
        if there and dimm.size > 0 and dimm.page_size > 0:
            continue
        where = f"{place} slot {dimm.slot}"
        if not 0 <= dimm.cell < cells:
            yield Violation("plan-dimm", "plan", f"there is no cell {dimm.cell}", where)
        if not 0 <= dimm.stage < stages:
            yield Violation("plan-dimm", "plan", f"there is no stage {dimm.stage}", where)
        if dimm.size <= 0 or dimm.page_size <= 0:
            yield Violation("plan-dimm", "plan", "size and page size are more than 0", where)
    yield from _virtio_shape(guest, planned)
    if any(c.page_size <= 0 for c in planned.cells) or planned.block <= 0:
        yield Violation("plan-cells", "plan", "page sizes and the block are more than 0", place)


def _virtio_shape(guest: Guest, planned: PlannedGuest) -> Iterator[Violation]:
    for virtio in planned.virtio_mem:
        where = f"guest {guest.name} virtio-mem {virtio.number}"
        if not 0 <= virtio.cell < len(guest.cells):
            yield Violation("plan-virtio-mem", "plan", f"there is no cell {virtio.cell}", where)
        if len(virtio.stages) != len(planned.stages):
            says = f"it has {len(virtio.stages)} stages, the guest {len(planned.stages)}"
            yield Violation("plan-virtio-mem", "plan", says, where)
        if min(virtio.size, virtio.block, virtio.page_size) <= 0:
            says = "size, block and page size are more than 0"
            yield Violation("plan-virtio-mem", "plan", says, where)


def check_structure(guest: GuestSubject) -> Iterator[Violation]:
    """Everything that a guest's plan says about itself."""
    yield from _boot(guest)
    yield from _slots(guest)
    yield from _existing(guest)
    yield from _totals(guest)
    yield from _summary(guest)
    if not guest.guest.running:
        yield from _stages(guest)
        yield from _states(guest)


def _boot(subject: GuestSubject) -> Iterator[Violation]:
    guest = subject.guest
    for cell, planned in zip(guest.cells, subject.planned.cells, strict=True):
        if cell.memory is not None and planned.boot != whole_mib(cell.memory):
            says = (
                f"boot memory is {format_size(planned.boot)}, given is {format_size(cell.memory)}"
            )
            yield Violation("plan-boot", "plan", says, f"{subject.place} cell {cell.id}")
    boot = subject.boot
    if guest.boot is not None and subject.boot_free and boot != whole_mib(guest.boot):
        says = f"boot memory is {format_size(boot)}, given is {format_size(guest.boot)}"
        yield Violation("plan-boot", "plan", says, subject.place)


def _slots(subject: GuestSubject) -> Iterator[Violation]:
    planned = subject.planned
    others = [d.slot for d in subject.kept_devices if d.model == "nvdimm" and d.slot is not None]
    shown = {d.slot for d in subject.shown_dimms if d.state == "present"}
    slots = [d.slot for d in planned.dimms if d.state != "unplug"]
    slots += [s for s in others if s not in shown]
    for slot, times in _wrong_slots(slots, planned.slots).items():
        place = f"{subject.place} slot {slot}"
        if times > 1:
            says = f"memory device slot '{slot}' is already being used by another memory device"
            yield Violation("libvirt-S3", "define", f"unsupported configuration: {says}", place)
        if not 0 <= slot < planned.slots:
            says = f"memory device slot '{slot}' exceeds slots count '{planned.slots}'"
            yield Violation("libvirt-S2", "define", f"unsupported configuration: {says}", place)
    given = subject.guest.slots
    if given is not None and subject.slots_used > given:
        says = f"the guest has {given} slots, the plan uses {subject.slots_used}"
        yield Violation("plan-slots", "plan", says, subject.place)


def _wrong_slots(slots: list[int], written: int) -> dict[int, int]:
    """How often each slot is taken; nothing where all of them differ and are there."""
    if not slots or (len(set(slots)) == len(slots) and min(slots) >= 0 and max(slots) < written):
        return {}
    return Counter(slots)


def _existing(subject: GuestSubject) -> Iterator[Violation]:
    """Every DIMM that the guest has is in the plan, with its slot and address if they are known."""
    shown = subject.shown_dimms
    by_slot: dict[int | None, list[int]] = {None: list(range(len(shown)))}
    for place, dimm in enumerate(shown):
        by_slot.setdefault(dimm.slot, []).append(place)
    found: set[int] = set()
    for number, device in enumerate(subject.guest.devices):
        if not device.takes_slot:
            continue
        places = (p for p in by_slot.get(device.slot, ()) if p not in found)
        match = next((p for p in places if _is_shown(subject, device, shown[p])), None)
        if match is not None:
            found.add(match)
        elif device.model == "dimm":
            says = f"the DIMM of {format_size(device.size)} that is there is not in the plan"
            yield Violation("plan-existing", "plan", says, f"{subject.place} device {number}")
    for dimm in (dimm for place, dimm in enumerate(shown) if place not in found):
        says = f"the guest has no such DIMM of {format_size(dimm.size)}; it cannot be {dimm.state}"
        yield Violation("plan-existing", "plan", says, f"{subject.place} slot {dimm.slot}")


def _is_shown(subject: GuestSubject, device: Device, dimm: PlannedDimm) -> bool:
    """Whether a planned DIMM is a device that the guest has; only DIMMs proper are unplugged."""
    cell = subject.planned.cells[dimm.cell]
    return (
        (dimm.size, dimm.cell, dimm.stage) == (whole_mib(device.size), device.cell or 0, 0)
        and device.slot in (None, dimm.slot)
        and device.address in (None, dimm.address)
        and (device.page_size or cell.page_size) == dimm.page_size
        and (device.host_nodes or cell.host_nodes) == dimm.host_nodes
        and (dimm.state == "present" or device.model == "dimm")
    )


def _totals(subject: GuestSubject) -> Iterator[Violation]:
    for index, stage in enumerate(subject.planned.stages):
        place, totals = f"{subject.place} stage {stage.name}", subject.totals(index)
        if stage.cells != totals:
            says = f"the cells' totals are {totals} bytes, the plan says {stage.cells}"
            yield Violation("plan-totals", "plan", says, place)
        if stage.memory != subject.memory(index):
            says = f"the total is {subject.memory(index)} bytes, the plan says {stage.memory}"
            yield Violation("plan-totals", "plan", says, place)


def _stages(subject: GuestSubject) -> Iterator[Violation]:
    """A guest that does not run has the sizes that are wanted, each once, from boot on."""
    stages = subject.planned.stages
    sizes = [s.memory for s in stages]
    expected = sorted({sizes[0], *subject.wanted_sizes})
    if subject.maximum_may_exceed:
        expected = sorted({*expected, max(sizes[-1], whole_mib(subject.guest.maximum_size))})
    if sizes != expected:
        says = f"the guest's sizes are {expected} bytes, the plan's stages {sizes}"
        yield Violation("plan-stages", "plan", says, subject.place)
    if "boot" not in stages[0].name:
        yield Violation("plan-stages", "plan", "the first stage is boot", subject.place)
    target = subject.guest.target
    if isinstance(target, dict):
        wanted = tuple(whole_mib(target[c.id]) for c in subject.guest.cells)
        if subject.totals(subject.target_stage) != wanted:
            planned = subject.totals(subject.target_stage)
            says = f"the cells' targets are {wanted} bytes, planned {planned}"
            yield Violation("plan-target", "plan", says, subject.place)


def _states(subject: GuestSubject) -> Iterator[Violation]:
    """A guest that does not run boots with its target; nothing is done to it."""
    planned, target = subject.planned, subject.target_stage
    for dimm in subject.new_dimms:
        expected = "plugged" if dimm.stage <= target else "reserved"
        if dimm.state != expected or dimm.stage == 0:
            says = f"a new DIMM of stage {dimm.stage} is {expected} and not at boot: {dimm.state}"
            yield Violation("plan-state", "plan", says, f"{subject.place} slot {dimm.slot}")
    if any(d.state == "unplug" for d in subject.shown_dimms):
        says = "nothing is unplugged from a guest that does not run"
        yield Violation("plan-state", "plan", says, subject.place)
    if planned.operations:
        says = f"it does not run, and {len(planned.operations)} operations are planned"
        yield Violation("plan-operation", "plan", says, subject.place)
    if planned.wanted is not None or planned.stranded or planned.departures:
        says = "wanted, stranded and departures are told of running guests only"
        yield Violation("plan-not-running", "plan", says, subject.place)


def _summary(subject: GuestSubject) -> Iterator[Violation]:
    planned = subject.planned
    facts = [
        ("memory", planned.memory, subject.memory(subject.target_stage)),
        ("maximum", planned.maximum, _maximum(subject)),
        ("step", planned.step, subject.largest_dimm),
    ]
    for name, said, true in facts:
        if said != true:
            says = f"{name} is {true} bytes, the plan says {said}"
            yield Violation(f"plan-{name}", "plan", says, subject.place)


def _maximum(subject: GuestSubject) -> int:
    """A running guest keeps its maxMemory; a new one's holds everything that is there at the
    maximum, virtio-mem with its whole size (QEMU hw/mem/memory-device.c)."""
    if subject.guest.running:
        return subject.guest.maximum_size
    listed = sum(v.size - v.stages[-1] for v in subject.planned.virtio_mem)
    unlisted = sum(
        d.size - d.memory
        for d in subject.kept_devices
        if d.model == "virtio-mem" and subject.listed(d) is None
    )
    return subject.memory(subject.last_stage) + listed + unlisted

"""The plan in itself: every cell and DIMM is there once, and every sum is the sum of its parts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from slotsolver.checker.subject import GuestSubject, whole_mib
from slotsolver.checker.violation import Violation
from slotsolver.plan import Plan, PlannedGuest
from slotsolver.problem import Guest, Problem
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
    for dimm in planned.dimms:
        where = f"{place} slot {dimm.slot}"
        if not 0 <= dimm.cell < len(guest.cells):
            yield Violation("plan-dimm", "plan", f"there is no cell {dimm.cell}", where)
        if not 0 <= dimm.stage < max(1, len(planned.stages)):
            yield Violation("plan-dimm", "plan", f"there is no stage {dimm.stage}", where)
        if dimm.size <= 0 or dimm.page_size <= 0:
            yield Violation("plan-dimm", "plan", "size and page size are more than 0", where)
    if any(c.page_size <= 0 for c in planned.cells) or planned.block <= 0:
        yield Violation("plan-cells", "plan", "page sizes and the block are more than 0", place)


def check_structure(guest: GuestSubject) -> Iterator[Violation]:
    """Everything that a guest's plan says about itself."""
    yield from _boot(guest)
    yield from _slots(guest)
    yield from _existing(guest)
    yield from _stages(guest)
    yield from _states(guest)
    yield from _summary(guest)


def _boot(subject: GuestSubject) -> Iterator[Violation]:
    guest = subject.guest
    for cell, planned in zip(guest.cells, subject.planned.cells, strict=True):
        if cell.memory is not None and planned.boot != whole_mib(cell.memory):
            says = (
                f"boot memory is {format_size(planned.boot)}, given is {format_size(cell.memory)}"
            )
            yield Violation("plan-boot", "plan", says, f"{subject.place} cell {cell.id}")
    boot = sum(c.boot for c in subject.planned.cells)
    if guest.boot is not None and subject.boot_free and boot != whole_mib(guest.boot):
        says = f"boot memory is {format_size(boot)}, given is {format_size(guest.boot)}"
        yield Violation("plan-boot", "plan", says, subject.place)


def _slots(subject: GuestSubject) -> Iterator[Violation]:
    planned = subject.planned
    others = [d.slot for d in subject.kept_devices if d.model == "nvdimm" and d.slot is not None]
    shown = {d.slot for d in planned.dimms if d.state == "present"}
    slots = [d.slot for d in planned.dimms if d.state != "unplug"]
    slots += [s for s in others if s not in shown]
    for slot, times in Counter(slots).items():
        place = f"{subject.place} slot {slot}"
        if times > 1:
            says = f"memory device slot '{slot}' is already being used by another memory device"
            yield Violation("libvirt-S3", "define", f"unsupported configuration: {says}", place)
        if not 0 <= slot < planned.slots:
            says = f"memory device slot '{slot}' exceeds slots count '{planned.slots}'"
            yield Violation("libvirt-S2", "define", f"unsupported configuration: {says}", place)
    given = subject.guest.slots
    if given is not None and subject.guest.running and planned.slots != given:
        says = f"a running guest keeps its {given} slots, planned are {planned.slots}"
        yield Violation("plan-slots", "plan", says, subject.place)
    if given is not None and subject.slots_used > given:
        says = f"the guest has {given} slots, the plan uses {subject.slots_used}"
        yield Violation("plan-slots", "plan", says, subject.place)


def _existing(subject: GuestSubject) -> Iterator[Violation]:
    """Every DIMM that the guest has is in the plan, with its slot and address if they are known."""
    shown = [d for d in subject.planned.dimms if d.state in ("present", "unplug")]
    for number, device in enumerate(subject.guest.devices):
        if not device.takes_slot:
            continue
        match = next(
            (
                d
                for d in shown
                if (d.size, d.cell) == (whole_mib(device.size), device.cell or 0)
                and device.slot in (None, d.slot)
                and device.address in (None, d.address)
            ),
            None,
        )
        if match is not None:
            shown.remove(match)
        elif device.model == "dimm":
            says = f"the DIMM of {format_size(device.size)} that is there is not in the plan"
            yield Violation("plan-existing", "plan", says, f"{subject.place} device {number}")
    for dimm in shown:
        says = f"the guest has no such DIMM of {format_size(dimm.size)}; it cannot be {dimm.state}"
        yield Violation("plan-existing", "plan", says, f"{subject.place} slot {dimm.slot}")


def _stages(subject: GuestSubject) -> Iterator[Violation]:
    stages = subject.planned.stages
    for index, stage in enumerate(stages):
        place = f"{subject.place} stage {stage.name}"
        totals = subject.totals(index)
        if stage.cells != totals:
            says = f"the cells' totals are {totals} bytes, the plan says {stage.cells}"
            yield Violation("plan-totals", "plan", says, place)
        if stage.memory != sum(totals) + subject.beside:
            says = (
                f"the total is {sum(totals) + subject.beside} bytes, the plan says {stage.memory}"
            )
            yield Violation("plan-totals", "plan", says, place)
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
            says = f"the cells' targets are {wanted} bytes, planned {stages[-1].cells}"
            yield Violation("plan-target", "plan", says, subject.place)


def _states(subject: GuestSubject) -> Iterator[Violation]:
    now = "plug" if subject.guest.running else "plugged"
    for dimm in subject.new_dimms:
        expected = now if dimm.stage <= subject.target_stage else "reserved"
        if dimm.state != expected or dimm.stage == 0:
            says = f"a new DIMM of stage {dimm.stage} is {expected} and not at boot: {dimm.state}"
            yield Violation("plan-state", "plan", says, f"{subject.place} slot {dimm.slot}")
    slots = {d.slot for d in subject.planned.dimms}
    for operation in subject.planned.operations:
        if operation.slot not in slots:
            says = f"nothing to {operation.do} in slot {operation.slot}"
            yield Violation("plan-operation", "plan", says, subject.place)


def _summary(subject: GuestSubject) -> Iterator[Violation]:
    planned, beside = subject.planned, subject.beside
    facts = (
        ("memory", planned.memory, sum(subject.totals(subject.target_stage)) + beside),
        ("maximum", planned.maximum, sum(subject.totals(subject.last_stage)) + beside),
        ("step", planned.step, max((d.size for d in subject.new_dimms), default=0)),
    )
    for name, said, true in facts:
        if said != true:
            says = f"{name} is {true} bytes, the plan says {said}"
            yield Violation(f"plan-{name}", "plan", says, subject.place)

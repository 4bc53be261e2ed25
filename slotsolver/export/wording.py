"""What the pages for people say of a plan, as plain text: in a terminal and in a browser."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from slotsolver.export.layout import Layout
from slotsolver.fields import format_ids
from slotsolver.plan import Conflict, ObjectiveValue, Plan, PlannedCell, PlannedDimm, PlannedGuest
from slotsolver.platforms.versions import LIBVIRT_SLOTS_COUNT_DIMMS_ONLY
from slotsolver.size import format_size


def size_line(layout: Layout) -> str:
    """``8 GiB now, up to 16 GiB``; of a running guest ``12 GiB -> 20 GiB, up to 32 GiB``."""
    planned = layout.planned
    if not layout.guest.running:
        return planned_line(planned)
    now, then = format_size(layout.guest.size_now), format_size(planned.memory)
    line = then if then == now else f"{now} -> {then}"
    grows = planned.maximum > planned.memory
    return f"{line}, up to {format_size(planned.maximum)}" if grows else line


def planned_line(planned: PlannedGuest) -> str:
    """``8 GiB now, up to 16 GiB``."""
    line = format_size(planned.memory)
    grows = planned.maximum > planned.memory
    return f"{line} now, up to {format_size(planned.maximum)}" if grows else line


def slot_use(layout: Layout) -> str:
    """``16 slots: 4 plugged, 12 reserved``; a device that is no DIMM may take a slot as well, and
    libvirt before 9.5 counts every one of them (conf/domain_validate.c)."""
    planned, devices = layout.planned, layout.guest.devices
    plugged = len(layout.plugged) + sum(d.takes_slot for d in devices if d.model != "dimm")
    reserved, others = len(layout.reserved), 0
    if not LIBVIRT_SLOTS_COUNT_DIMMS_ONLY.in_version(layout.libvirt):
        others = sum(not d.takes_slot for d in devices) + len(layout.new_virtio)
    counts = [(plugged, "plugged"), (reserved, "reserved"), (others, "for other devices")]
    counts.append((planned.slots - sum(count for count, _ in counts), "free"))
    used = ", ".join(f"{count} {word}" for count, word in counts if count > 0)
    return f"{planned.slots} slots: {used}" if used else f"{planned.slots} slots"


def sizes(layout: Layout) -> str:
    """``largest DIMM 2 GiB; guest block 128 MiB``; the largest one is that of planned ones."""
    planned = layout.planned
    block = f"guest block {format_size(planned.block)}"
    new = "new " if layout.guest.running else ""
    return f"largest {new}DIMM {format_size(planned.step)}; {block}" if planned.step else block


def target_missed(plan: Plan, layout: Layout) -> str:
    """By how much a running guest's target is missed and in which direction; '' where it is met."""
    missed = list(_missed(layout))
    return f"target missed: {'; '.join(missed)}{_how_near(plan)}" if missed else ""


def target_met(layout: Layout) -> str:
    """That a running guest's target is met."""
    met = f"target met: {format_size(layout.planned.memory)}"
    return met if layout.planned.operations else f"{met}; nothing to do"


def _missed(layout: Layout) -> Iterator[str]:
    """Where there are targets for the cells, every cell that misses its own; else the guest."""
    guest, planned = layout.guest, layout.planned
    if not isinstance(guest.target, dict):
        yield from _miss("", planned.memory, guest.target)
        return
    stage = next(s for s in planned.stages if "target" in s.name.split("+"))
    for cell, wanted in sorted(guest.target.items()):
        yield from _miss(f"cell {cell} has ", stage.cells[cell], wanted)


def _miss(what: str, size: int, wanted: int) -> Iterator[str]:
    if size != wanted:
        side = "above" if size > wanted else "below"
        far = format_size(abs(size - wanted))
        yield f"{what}{format_size(size)}, {far} {side} the wanted {format_size(wanted)}"


def _how_near(plan: Plan) -> str:
    """That no plan comes nearer, where that is proven: of all guests together, and before what
    other objectives want."""
    first = next(iter(plan.objectives), None)
    if first is None or first.kind != "target-distance":
        return ""
    if first.value != first.bound:
        return " (perhaps not the nearest)"
    together = sum(guest.wanted is not None for guest in plan.guests) > 1
    return f" (no plan comes nearer{', all guests together' if together else ''})"


def cell_groups(planned: PlannedGuest) -> list[list[PlannedCell]]:
    """Cells that are alike in everything that is shown: backing, and sizes at every stage."""
    groups: dict[tuple[object, ...], list[PlannedCell]] = {}
    for cell in planned.cells:
        totals = tuple(stage.cells[cell.id] for stage in planned.stages)
        groups.setdefault((cell.page_size, cell.host_nodes, totals), []).append(cell)
    return list(groups.values())


def dimm_groups(planned: PlannedGuest) -> list[list[PlannedDimm]]:
    """DIMMs that differ in slot and address only, the first stage first."""
    groups: dict[tuple[object, ...], list[PlannedDimm]] = {}
    for dimm in sorted(planned.dimms, key=lambda d: (d.stage, d.slot)):
        key = (dimm.state, dimm.stage, dimm.cell, dimm.size, dimm.page_size, dimm.host_nodes)
        groups.setdefault(key, []).append(dimm)
    return list(groups.values())


def addresses(dimms: Sequence[PlannedDimm]) -> str:
    """The range that DIMMs fill; marked where others lie in between."""
    start, end = min(d.address for d in dimms), max(d.address + d.size for d in dimms)
    gaps = end - start != sum(d.size for d in dimms)
    return f"{start:#x} {'…' if gaps else '-'} {end - 1:#x}"


def state(planned: PlannedGuest, dimm: PlannedDimm) -> str:
    """A DIMM's state, of a reserved one the stage that it is for."""
    if dimm.state == "reserved" and dimm.stage < len(planned.stages):
        return f"reserved for {planned.stages[dimm.stage].name}"
    return dimm.state


def value(objective: ObjectiveValue, number: int) -> str:
    """A value of an objective with its unit."""
    if objective.unit == "bytes":
        return format_size(number)
    unit = objective.unit.removesuffix("s") if number == 1 else objective.unit
    return f"{number} {unit}".strip()


def proof(objective: ObjectiveValue) -> str:
    """Whether an objective's value is proven to be the least, else the bound."""
    if objective.value == objective.bound:
        return "proven"
    return f"not proven; at least {value(objective, objective.bound)}"


def verdict(plan: Plan) -> str:
    """Whether the whole plan is proven."""
    proven = plan.status == "optimal"
    return "optimal, proven" if proven else "feasible, not proven to be the best"


def growth_left(planned: PlannedGuest) -> str:
    """What of the growth cannot be reached any more; '' where all can."""
    if not planned.stranded:
        return ""
    most = format_size(planned.maximum - planned.stranded)
    return f"{most} can still be reached, {format_size(planned.stranded)} less than the maximum"


def conflict_members(conflict: Sequence[Conflict]) -> Iterator[tuple[str, str]]:
    """Rules of a conflict and what they say; pools with equally many free pages of one size once
    for all of them."""
    told: set[tuple[int, int]] = set()
    for member in conflict:
        pool = member.pool
        if pool is None:
            yield member.rule, member.says
            continue
        key = pool.page_size, pool.free
        alike = [m.pool for m in conflict if m.pool and (m.pool.page_size, m.pool.free) == key]
        if len(alike) == 1:
            yield member.rule, member.says
        elif key not in told:
            told.add(key)
            nodes = format_ids(p.node for p in alike)
            page, free = format_size(pool.page_size), format_size(pool.free * pool.page_size)
            yield "pools", f"host nodes {nodes} have {pool.free} free pages of {page} ({free}) each"


def rough(size: int) -> str:
    """Bytes to a tenth of the largest unit that fits: ``15.6 GiB``."""
    amount, unit = float(size), "B"
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if amount < 1024 or unit == "TiB":
            break
        amount /= 1024
    return f"{amount:.1f}".removesuffix(".0") + f" {unit}"

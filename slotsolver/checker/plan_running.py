"""A running guest in a plan: what it keeps, its stages, and how near it comes to its target."""

from __future__ import annotations

from collections.abc import Iterator

from slotsolver.checker.subject import GuestSubject, whole_mib
from slotsolver.checker.violation import Violation
from slotsolver.size import format_size

FIRST_RESERVED = 2
"""Index of the first stage after the target: ``kept`` and ``target`` come before it."""


def check_running(guest: GuestSubject) -> Iterator[Violation]:
    """Everything that is demanded of a running guest's plan but its operations."""
    if not guest.guest.running:
        return
    yield from _kept(guest)
    yield from _stages(guest)
    yield from _states(guest)
    yield from _summary(guest)
    if not guest.has("accept"):
        yield from misses(guest, "exact", "plan-target")
    if not guest.has("swap"):
        yield from swaps(guest, "plan-swap")


def misses(guest: GuestSubject, distance: str, rule: str) -> Iterator[Violation]:
    """Where the size reached does not lie to the target as it may: ``exact``, ``below`` (or
    equal), ``above`` (or equal) or ``nearest`` (anywhere)."""
    for reached, wanted, place in _reached(guest):
        legal = {
            "exact": reached == wanted,
            "below": reached <= wanted,
            "above": reached >= wanted,
            "nearest": True,
        }
        if not legal[distance]:
            says = (
                f"{format_size(reached)} are reached, wanted are {format_size(wanted)}; accepted "
                f"is {distance}"
            )
            yield Violation(rule, "policy", says, place)


def swaps(guest: GuestSubject, rule: str) -> Iterator[Violation]:
    """Memory that is unplugged in one place to be plugged in another."""
    if needless := needless_unplug(guest):
        says = f"{format_size(needless)} are unplugged and plugged again: that is a swap"
        yield Violation(rule, "policy", says, guest.place)


def target_distance(guest: GuestSubject) -> int:
    """How far the guest is from its target (bytes), with a target per cell cell by cell."""
    return sum(abs(reached - wanted) for reached, wanted, _ in _reached(guest))


def needless_unplug(guest: GuestSubject) -> int:
    """Bytes that are unplugged though as many are plugged: of the guest, or with a target per
    cell of each cell."""
    changes = guest.changes
    if isinstance(guest.guest.target, dict):
        cells = (c.id for c in guest.guest.cells)
        return sum(min(changes.lost(cell), changes.gained(cell)) for cell in cells)
    return min(changes.lost(), changes.gained())


def _reached(guest: GuestSubject) -> Iterator[tuple[int, int, str]]:
    """What is reached, what was wanted (bytes), and of whom."""
    target, stage = guest.guest.target, guest.target_stage
    if isinstance(target, dict):
        for cell, reached in enumerate(guest.totals(stage)):
            yield reached, target[cell], f"{guest.place} cell {cell}"
    else:
        yield guest.memory(stage), target, guest.place


def _kept(guest: GuestSubject) -> Iterator[Violation]:
    """Slots and backing of boot memory cannot change while it runs; maxMemory is judged with the
    other sums."""
    slots, planned = guest.guest.slots or 0, guest.planned
    if planned.slots != slots:
        says = f"a running guest keeps its {slots} slots, planned are {planned.slots}"
        yield Violation("plan-slots", "plan", says, guest.place)
    for cell, found in zip(guest.guest.cells, planned.cells, strict=True):
        if cell.host_nodes is not None and not set(found.host_nodes) <= set(cell.host_nodes):
            says = f"its memory is bound to host nodes {cell.host_nodes}: {found.host_nodes}"
            yield Violation("plan-kept", "plan", says, f"{guest.place} cell {cell.id}")


def _stages(guest: GuestSubject) -> Iterator[Violation]:
    """``kept``, ``target``, the waypoints above what was wanted, ``maximum``: never merged, never
    descending; a waypoint has its size, the maximum at most the guest's."""
    stages, wanted = guest.planned.stages, guest.guest.target_size
    given = {*guest.guest.waypoints}
    given.update(s for p in guest.policies if p.kind == "waypoints" for s in p.sizes)
    waypoints = sorted({whole_mib(size) for size in given if size > wanted})
    names = ["kept", "target", *("waypoint" for _ in waypoints), "maximum"]
    if [s.name for s in stages] != names:
        says = f"the stages are {', '.join(names)}, the plan's {[s.name for s in stages]}"
        yield Violation("plan-stages", "plan", says, guest.place)
        return
    sizes = [guest.memory(i) for i in range(len(stages))]
    if sizes[FIRST_RESERVED:-1] != waypoints:
        says = f"the waypoints are {waypoints} bytes, the plan's {sizes[FIRST_RESERVED:-1]}"
        yield Violation("plan-stages", "plan", says, guest.place)
    if sizes != sorted(sizes):
        says = f"the stages' sizes descend: {sizes}"
        yield Violation("plan-stages", "plan", says, guest.place)
    if sizes[-1] > guest.guest.maximum_size:
        says = f"the last stage has {sizes[-1]} bytes, maxMemory is {guest.guest.maximum_size}"
        yield Violation("plan-stages", "plan", says, guest.place)


def _states(guest: GuestSubject) -> Iterator[Violation]:
    """New DIMMs are plugged now, at the target, or reserved for a later stage."""
    for dimm in guest.new_dimms:
        stage = 1 if dimm.stage == 1 else max(FIRST_RESERVED, dimm.stage)
        expected = "plug" if stage == 1 else "reserved"
        if (dimm.state, dimm.stage) != (expected, stage):
            says = f"a {dimm.state} DIMM cannot be of stage {dimm.stage}"
            yield Violation("plan-state", "plan", says, f"{guest.place} slot {dimm.slot}")


def _summary(guest: GuestSubject) -> Iterator[Violation]:
    planned, wanted = guest.planned, guest.guest.target_size
    if planned.wanted != wanted:
        says = f"{wanted} bytes are wanted, the plan says {planned.wanted}"
        yield Violation("plan-wanted", "plan", says, guest.place)
    stranded = guest.guest.maximum_size - guest.memory(guest.last_stage)
    if planned.stranded != stranded:
        says = f"{stranded} bytes cannot be reached, the plan says {planned.stranded}"
        yield Violation("plan-stranded", "plan", says, guest.place)
    departs = bool(guest.guest.growth and departures(guest))
    if bool(planned.departures) != departs:
        says = f"growth planned once is {'not ' if departs else ''}followed, the plan says else"
        yield Violation("plan-departures", "plan", says, guest.place)


def departures(guest: GuestSubject) -> int:
    """DIMMs that are plugged now and were not planned once, and ones planned once that the plan
    has no more."""
    once = {(d.slot, d.size, d.cell, d.address) for d in guest.guest.growth}
    have = {(d.slot, d.size, d.cell, d.address): d.state for d in guest.new_dimms}
    strange = sum(state == "plug" and key not in once for key, state in have.items())
    return strange + len(once - have.keys())

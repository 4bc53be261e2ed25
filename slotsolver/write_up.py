"""From layouts to the plan that is handed out: bytes, slots, addresses."""

from __future__ import annotations

from collections.abc import Sequence

from slotsolver.facts import layout_options
from slotsolver.fields import made
from slotsolver.layout import GuestLayout
from slotsolver.place import device_window, place, settle_devices
from slotsolver.place_virtio import new_virtio, virtio_addresses
from slotsolver.plan import (
    ObjectiveValue,
    Plan,
    PlannedCell,
    PlannedDimm,
    PlannedGuest,
    PlannedVirtioMem,
    SolverFacts,
    Stage,
)
from slotsolver.problem import Problem
from slotsolver.size import MiB
from slotsolver.write_destination import destination
from slotsolver.write_host import host_use
from slotsolver.write_notes import notes
from slotsolver.write_running import departures, operations, planned_virtio


def write_plan(
    problem: Problem,
    layouts: Sequence[GuestLayout],
    values: Sequence[ObjectiveValue],
    proven: bool,
    stamp: SolverFacts,
) -> Plan:
    """The plan of a solution."""
    guests = tuple(_guest(layout) for layout in layouts)
    use = None if problem.host is None else host_use(problem.host, layouts)
    return Plan(
        status="optimal" if proven else "feasible",
        guests=guests,
        host=use,
        destinations=tuple(
            destination(host, number, layouts, guests)
            for number, host in enumerate(problem.also_hosts)
        ),
        objectives=tuple(values),
        notes=tuple(notes(problem, layouts, use)),
        solver=stamp,
    )


def _guest(layout: GuestLayout) -> PlannedGuest:
    facts = layout.facts
    slots = _slots(layout)
    block = layout_block(layout, slots)
    joined = _boots_with_first(layout)
    dimms = place(layout, slots, block, joined=joined)
    virtio = _virtio(layout, slots, block, dimms)
    stages = _stages(layout)
    if joined:
        first = stages[1].model_copy(update={"name": f"{stages[0].name}+{stages[1].name}"})
        stages = (first, *stages[2:])
        virtio = tuple(v.model_copy(update={"stages": v.stages[1:]}) for v in virtio)
    return PlannedGuest(
        name=facts.guest.name,
        memory=next(s.memory for s in stages if "target" in s.name.split("+")),
        maximum=layout.maximum * MiB,
        slots=slots,
        block=block,
        step=max((d.size for d in dimms if d.state not in ("present", "unplug")), default=0),
        stages=stages,
        cells=tuple(
            made(
                PlannedCell,
                {
                    "id": number,
                    "boot": cell.boot * MiB,
                    "page_size": cell.backing.page,
                    "host_nodes": cell.backing.nodes,
                },
            )
            for number, cell in enumerate(layout.cells)
        ),
        dimms=dimms,
        virtio_mem=virtio,
        operations=operations(layout, dimms, virtio),
        wanted=facts.guest.target_size if facts.running else None,
        stranded=facts.guest.maximum_size - stages[-1].memory if facts.running else 0,
        departures=departures(layout, dimms),
    )


def _slots(layout: GuestLayout) -> int:
    """The slot count to be written: a running guest's is as it is."""
    facts = layout.facts
    if facts.running:
        return facts.slots_written
    planned = sum(len(cell.dimms) for cell in layout.cells)
    if facts.virtio_slots:
        planned += len(new_virtio(layout))
    if not planned and not facts.guest.devices and layout.maximum == layout.boot:
        return 0
    return max(facts.slots_written, planned + facts.existing_slots)


def _virtio(
    layout: GuestLayout, slots: int, block: int, dimms: Sequence[PlannedDimm]
) -> tuple[PlannedVirtioMem, ...]:
    """Every virtio-mem device; planned ones lie where QEMU puts them behind what is plugged."""
    facts = layout.facts
    if not new_virtio(layout) and all(d.model != "virtio-mem" for d in facts.guest.devices):
        return ()
    window = device_window(facts, layout.boot * MiB, layout.maximum * MiB, slots)
    there = settle_devices(facts, window, slots)
    taken = [(d.address, d.address + d.size) for d in there if d.address and d.model != "dimm"]
    taken += [
        (d.address, d.address + d.size) for d in dimms if d.state in ("present", "plugged", "plug")
    ]
    addresses = virtio_addresses(layout, window, taken, block)
    by_index = {index: device.address or 0 for index, device in enumerate(there)}
    return planned_virtio(layout, addresses, by_index)


def _boots_with_first(layout: GuestLayout) -> bool:
    """Whether freely chosen boot memory is all of the first size: one stage instead of two."""
    if layout.facts.running or len(layout.facts.stages) < 2:
        return False
    return all(cell.totals[0] == cell.totals[1] for cell in layout.cells)


def _stages(layout: GuestLayout) -> tuple[Stage, ...]:
    """The stages of the layout in bytes."""
    facts, found = layout.facts, []
    for number, stage in enumerate(facts.stages):
        cells = tuple(cell.totals[number] * MiB for cell in layout.cells)
        memory = sum(cells) + facts.outside * MiB
        found.append(made(Stage, {"name": stage.name, "memory": memory, "cells": cells}))
    return tuple(found)


def layout_block(layout: GuestLayout, slots: int) -> int:
    """The guest's memory block (bytes) under this layout."""
    facts = layout.facts
    if len(facts.blocks) == 1:
        return facts.blocks[0] * MiB
    options = layout_options(facts)
    return facts.platform.memory_block(layout.boot * MiB, layout.maximum * MiB, slots, **options)

"""Running guests and their plans, made by hand, for tests to change one thing in.

The guest has two cells with 1 GiB of boot memory each, cell 0 on host node 0 and cell 1 on host
node 1, pages of 2 MiB, 8 slots and 8 GiB of maxMemory; devices start at 4 GiB. Most have 4 GiB now:

======  ========  ====  =================
slot    size      cell  address
======  ========  ====  =================
0       1 GiB     0     BASE
1       512 MiB   1     BASE + 1 GiB
3       512 MiB   1     BASE + 2 GiB
======  ========  ====  =================
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from slotsolver.checker import check_plan
from slotsolver.plan import (
    BackedDevice,
    Destination,
    DestinationGuest,
    HostUse,
    NodeUse,
    Operation,
    Plan,
    PlannedCell,
    PlannedDimm,
    PlannedGuest,
    PlannedVirtioMem,
    PoolUse,
    SolverFacts,
    Stage,
)
from slotsolver.problem import Problem
from slotsolver.size import GiB, MiB

PAGE = 2 * MiB
BASE = 4 * GiB
HALF = 512 * MiB
ORDINARY = 40 * GiB // 4096


@dataclass(frozen=True)
class Case:
    """A problem as a document, and its plan."""

    name: str
    document: dict[str, Any] = field(repr=False)
    plan: Plan = field(repr=False)

    def __str__(self) -> str:
        return self.name

    def rules(self, *policies: dict[str, Any]) -> set[str]:
        """The codes of the rules that the plan breaks, under further policies too."""
        document = {**self.document, "policies": [*self.document["policies"], *policies]}
        return {v.rule for v in check_plan(Problem.model_validate(document), self.plan)}

    def asked(self, **changes: Any) -> Case:
        """The case with fields of the problem's guest replaced."""
        guest = {**self.document["guests"][0], **changes}
        return replace(self, document={**self.document, "guests": [guest]})

    def posed(self, **changes: Any) -> Case:
        """The case with fields of the problem replaced."""
        return replace(self, document={**self.document, **changes})

    def planned(self, **changes: Any) -> Case:
        """The case with fields of the planned guest replaced."""
        guest = self.plan.guests[0].model_copy(update=changes)
        return replace(self, plan=self.plan.model_copy(update={"guests": (guest,)}))

    def part(self, name: str, place: int, /, **changes: Any) -> Case:
        """The case with fields of one of the planned guest's dimms, operations, … replaced."""
        parts = list(getattr(self.plan.guests[0], name))
        parts[place] = parts[place].model_copy(update=changes)
        return self.planned(**{name: tuple(parts)})

    def without(self, name: str, place: int) -> Case:
        """The case without one of the planned guest's dimms, operations, …"""
        parts = list(getattr(self.plan.guests[0], name))
        del parts[place]
        return self.planned(**{name: tuple(parts)})

    def ordered(self, *places: int) -> Case:
        """The case with its operations in another order."""
        operations = self.plan.guests[0].operations
        return self.planned(operations=tuple(operations[p] for p in places))

    def answered(self, **changes: Any) -> Case:
        """The case with fields of the plan replaced."""
        return replace(self, plan=self.plan.model_copy(update=changes))


def document(
    devices: Sequence[dict[str, Any]], *policies: dict[str, Any], **guest: Any
) -> dict[str, Any]:
    """The problem; ``guest`` are fields of its only guest."""
    node = {"memory": 48 * GiB, "free": 40 * GiB, "pages": {"2 MiB": {"total": 4096}}}
    cells = [
        {"id": c, "cpus": [c], "memory": GiB, "page_size": PAGE, "host_nodes": [c]} for c in (0, 1)
    ]
    return {
        "host": {"nodes": [{"id": n, **node} for n in (0, 1)]},
        "guests": [
            {
                "name": "vm",
                "cells": cells,
                "slots": 8,
                "maximum": 8 * GiB,
                "devices": list(devices),
                "running": True,
                **guest,
            }
        ],
        "policies": list(policies),
    }


def dimm(slot: int, size: int, cell: int, offset: int, state: str, stage: int = 0) -> PlannedDimm:
    """A DIMM; ``offset`` is from the start of device memory."""
    return PlannedDimm(
        slot=slot,
        size=size,
        cell=cell,
        page_size=PAGE,
        host_nodes=(cell,),
        address=BASE + offset,
        state=state,
        stage=stage,
    )


def dimm_operation(do: str, slot: int, size: int, cell: int, memory: int) -> Operation:
    """A plug or an unplug."""
    return Operation(do=do, slot=slot, device=f"dimm{slot}", cell=cell, size=size, memory=memory)


def resize(size: int, memory: int) -> Operation:
    """A change of virtio-mem device 0, in cell 1."""
    return Operation(do="resize", number=0, device="virtiomem0", cell=1, size=size, memory=memory)


def plan(guest: dict[str, Any], pages: Sequence[tuple[int, int]]) -> Plan:
    """A plan; ``pages`` are taken net and promised of each node's 2 MiB pool."""
    usual = {"name": "vm", "maximum": 8 * GiB, "slots": 8, "block": 128 * MiB}
    cells = tuple(PlannedCell(id=c, boot=GiB, page_size=PAGE, host_nodes=(c,)) for c in (0, 1))
    return Plan(
        status="optimal",
        guests=(PlannedGuest(**{**usual, "cells": cells, **guest}),),
        host=use(pages),
        objectives=(),
        solver=SolverFacts(wall_seconds=0.0, deterministic_time=0.0, version="0"),
    )


def use(pages: Sequence[tuple[int, int]]) -> HostUse:
    """What is taken net and promised of each node's 4096 pages."""
    base = PoolUse(page_size=4096, total=ORDINARY, free_before=ORDINARY, free_after=ORDINARY)
    return HostUse(
        nodes=tuple(
            NodeUse(
                id=node,
                pools=(
                    base,
                    PoolUse(
                        page_size=PAGE,
                        total=4096,
                        free_before=4096,
                        free_after=4096 - taken,
                        promised=promised,
                    ),
                ),
            )
            for node, (taken, promised) in enumerate(pages)
        )
    )


def stages(*cells: tuple[int, int], waypoints: int = 0) -> tuple[Stage, ...]:
    """Stages by the cells' totals."""
    names = ["kept", "target", *["waypoint"] * waypoints, "maximum"]
    return tuple(Stage(name=n, memory=sum(c), cells=c) for n, c in zip(names, cells, strict=True))


DEVICES = (
    {"size": GiB, "cell": 0, "slot": 0, "address": BASE, "alias": "dimm0"},
    {"size": HALF, "cell": 1, "slot": 1, "address": BASE + GiB, "alias": "dimm1"},
    {"size": HALF, "cell": 1, "slot": 3, "address": BASE + 2 * GiB},
)
"""What most guests have now."""

PRESENT = (
    dimm(0, GiB, 0, 0, "present"),
    dimm(1, HALF, 1, GiB, "present"),
    dimm(3, HALF, 1, 2 * GiB, "present"),
)
"""The same, as they stay in a plan."""


def grow() -> Case:
    """From 4 to 5 GiB, one DIMM in a hole; then 6 GiB, and 7 of the 8 GiB of maxMemory. Of what was
    planned once slot 2 comes, slot 4 comes without having been planned, slot 5 comes smaller."""
    growth = [
        {"slot": 2, "size": HALF, "cell": 0, "address": BASE + 3 * HALF},
        {"slot": 5, "size": GiB, "cell": 0, "address": BASE + 3 * GiB},
    ]
    guest = {
        "memory": 5 * GiB,
        "step": GiB,
        "stages": stages(
            (2 * GiB, 2 * GiB),
            (5 * HALF, 5 * HALF),
            (3 * GiB, 3 * GiB),
            (4 * GiB, 3 * GiB),
            waypoints=1,
        ),
        "dimms": (
            *PRESENT,
            dimm(2, HALF, 0, 3 * HALF, "plug", 1),
            dimm(4, HALF, 1, 5 * HALF, "plug", 1),
            dimm(5, HALF, 0, 3 * GiB, "reserved", 2),
            dimm(6, HALF, 1, 7 * HALF, "reserved", 2),
            dimm(7, GiB, 0, 4 * GiB, "reserved", 3),
        ),
        "operations": (
            dimm_operation("plug", 2, HALF, 0, 9 * HALF),
            dimm_operation("plug", 4, HALF, 1, 5 * GiB),
        ),
        "wanted": 5 * GiB,
        "stranded": GiB,
        "departures": ("slot 4 is new", "slot 5 is smaller"),
    }
    asked = document(DEVICES, target=5 * GiB, waypoints=[6 * GiB], growth=growth)
    return Case("grow", asked, plan(guest, [(256, 768), (256, 256)]))


def shrink() -> Case:
    """From 4 to 3 GiB: slot 0 goes, and is to come back at its slot and address."""
    guest = {
        "memory": 3 * GiB,
        "step": 4 * GiB,
        "stages": stages((GiB, 2 * GiB), (GiB, 2 * GiB), (6 * GiB, 2 * GiB)),
        "dimms": (
            PRESENT[0].model_copy(update={"state": "unplug"}),
            *PRESENT[1:],
            dimm(0, GiB, 0, 0, "reserved", 2),
            dimm(2, 4 * GiB, 0, 4 * GiB, "reserved", 2),
        ),
        "operations": (dimm_operation("unplug", 0, GiB, 0, 3 * GiB),),
        "wanted": 3 * GiB,
    }
    return Case("shrink", document(DEVICES, target=3 * GiB), plan(guest, [(-512, 2560), (0, 0)]))


def swap() -> Case:
    """Each cell keeps its 2 GiB, but cell 1 has one DIMM instead of two, where these were."""
    guest = {
        "memory": 4 * GiB,
        "step": GiB,
        "stages": stages((2 * GiB, GiB), (2 * GiB, 2 * GiB), (2 * GiB, 2 * GiB)),
        "dimms": (
            PRESENT[0],
            *(d.model_copy(update={"state": "unplug"}) for d in PRESENT[1:]),
            dimm(1, GiB, 1, GiB, "plug", 1),
        ),
        "operations": (
            dimm_operation("unplug", 1, HALF, 1, 7 * HALF),
            dimm_operation("unplug", 3, HALF, 1, 3 * GiB),
            dimm_operation("plug", 1, GiB, 1, 4 * GiB),
        ),
        "wanted": 4 * GiB,
        "stranded": 4 * GiB,
    }
    asked = document(DEVICES, {"kind": "swap"}, target={0: 2 * GiB, 1: 2 * GiB})
    return Case("swap", asked, plan(guest, [(0, 0), (0, 0)]))


VIRTIO = {
    "model": "virtio-mem",
    "size": 4 * GiB,
    "cell": 1,
    "block": PAGE,
    "requested": GiB,
    "address": BASE + GiB,
    "alias": "virtiomem0",
}
"""A virtio-mem device of cell 1 that gives 1 of its 4 GiB."""


def virtio(requested: int, *given: int) -> PlannedVirtioMem:
    """The same in a plan; ``given`` is what it gives at each stage."""
    return PlannedVirtioMem(
        number=0,
        cell=1,
        size=4 * GiB,
        block=PAGE,
        requested=requested,
        before=GiB,
        stages=given,
        page_size=PAGE,
        host_nodes=(1,),
        address=BASE + GiB,
        alias="virtiomem0",
    )


def raised() -> Case:
    """From 4 to 5 GiB by a DIMM in cell 0 and virtio-mem in cell 1; then to all of maxMemory."""
    guest = {
        "memory": 5 * GiB,
        "step": HALF,
        "stages": stages((2 * GiB, 2 * GiB), (5 * HALF, 5 * HALF), (3 * GiB, 5 * GiB)),
        "dimms": (
            PRESENT[0],
            dimm(1, HALF, 0, 5 * GiB, "plug", 1),
            dimm(2, HALF, 0, 11 * HALF, "reserved", 2),
        ),
        "virtio_mem": (virtio(3 * HALF, GiB, 3 * HALF, 4 * GiB),),
        "operations": (
            dimm_operation("plug", 1, HALF, 0, 9 * HALF),
            resize(3 * HALF, 5 * GiB),
        ),
        "wanted": 5 * GiB,
    }
    asked = document((DEVICES[0], VIRTIO), target=5 * GiB)
    return Case("raised", asked, plan(guest, [(256, 256), (256, 1280)]))


def lowered() -> Case:
    """From 4 to 3.5 GiB by virtio-mem, in two steps."""
    guest = {
        "memory": 7 * HALF,
        "step": GiB,
        "stages": stages((2 * GiB, 3 * HALF), (2 * GiB, 3 * HALF), (3 * GiB, 5 * GiB)),
        "dimms": (PRESENT[0], dimm(1, GiB, 0, 5 * GiB, "reserved", 2)),
        "virtio_mem": (virtio(HALF, HALF, HALF, 4 * GiB),),
        "operations": (resize(768 * MiB, 15 * HALF // 2), resize(HALF, 7 * HALF)),
        "wanted": 7 * HALF,
    }
    step = {"kind": "per-step", "size": 300 * MiB, "cells": [1]}
    asked = document((DEVICES[0], VIRTIO), step, target=7 * HALF)
    return Case("lowered", asked, plan(guest, [(0, 512), (-256, 1792)]))


def planned_virtio() -> Case:
    """A guest that does not run and gets a virtio-mem device in each cell, behind a DIMM."""
    devices = tuple(
        PlannedVirtioMem(
            number=cell,
            cell=cell,
            size=2 * GiB,
            block=PAGE,
            requested=GiB,
            stages=(0, GiB, 2 * GiB - 64 * MiB),
            page_size=PAGE,
            host_nodes=(cell,),
            address=BASE + GiB + cell * 2 * GiB,
        )
        for cell in (0, 1)
    )
    totals = (GiB, GiB), (3 * GiB, 2 * GiB), (4 * GiB - 64 * MiB, 3 * GiB - 64 * MiB)
    names = ("boot", "target", "maximum")
    guest = {
        "memory": 5 * GiB,
        "maximum": 7 * GiB,
        "slots": 3,
        "step": GiB,
        "stages": tuple(
            Stage(name=n, memory=sum(c), cells=c) for n, c in zip(names, totals, strict=True)
        ),
        "dimms": (dimm(0, GiB, 0, 0, "plugged", 1),),
        "virtio_mem": devices,
    }
    asked = document(
        (),
        {"kind": "device", "use": "either"},
        target=5 * GiB,
        maximum=7 * GiB - 128 * MiB,
        running=False,
        slots=None,
    )
    return Case("planned-virtio", asked, plan(guest, [(1536, 480), (1024, 480)]))


def migrating() -> Case:
    """The growing guest, which may move to a host with one node."""
    case = grow()
    host = {
        "nodes": [{"id": 3, "memory": 24 * GiB, "pages": {"2 MiB": {"total": 4096, "free": 3000}}}]
    }
    ordinary = 16 * GiB // 4096
    table = HostUse(
        nodes=(
            NodeUse(
                id=3,
                pools=(
                    PoolUse(
                        page_size=4096, total=ordinary, free_before=ordinary, free_after=ordinary
                    ),
                    PoolUse(
                        page_size=PAGE, total=4096, free_before=3000, free_after=440, promised=1024
                    ),
                ),
            ),
        )
    )
    there = Destination(
        host=0,
        guests=(
            DestinationGuest(
                name="vm",
                cells=tuple(
                    PlannedCell(id=c, boot=GiB, page_size=PAGE, host_nodes=(3,)) for c in (0, 1)
                ),
                devices=tuple(
                    BackedDevice(slot=slot, page_size=PAGE, host_nodes=(3,))
                    for slot in (0, 1, 3, 2, 4)
                ),
            ),
        ),
        use=table,
    )
    return replace(case, name="migrating").posed(also_hosts=[host]).answered(destinations=(there,))

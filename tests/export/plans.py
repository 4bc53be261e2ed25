"""Plans made by hand: what a solver would answer, without a solver."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from slotsolver.plan import (
    HostUse,
    NodeUse,
    ObjectiveValue,
    Plan,
    PlannedCell,
    PlannedDimm,
    PlannedGuest,
    PoolUse,
    SolverFacts,
    Stage,
)
from slotsolver.problem import Guest, Host, Problem
from slotsolver.size import GiB, KiB, MiB

BLOCK = 128 * MiB


@dataclass(frozen=True)
class Dimm:
    """A DIMM to be planned; slot and address are handed out in order where they are not given."""

    cell: int
    size: int
    state: str = "plugged"
    stage: int | None = None
    page_size: int | None = None
    host_nodes: tuple[int, ...] | None = None
    slot: int | None = None
    address: int | None = None


def planned_guest(
    guest: Guest,
    boots: Sequence[int],
    dimms: Sequence[Dimm] = (),
    *,
    page_sizes: Sequence[int] | None = None,
    host_nodes: Sequence[tuple[int, ...]] | None = None,
    base: int = 4 * GiB,
    slots: int | None = None,
    maximum: int | None = None,
) -> PlannedGuest:
    """The plan of a guest with these boot sizes (bytes) and DIMMs, packed from ``base`` up."""
    pages = page_sizes or [4 * KiB] * len(boots)
    nodes = host_nodes or [()] * len(boots)
    cells = tuple(
        PlannedCell(id=i, boot=boot, page_size=pages[i], host_nodes=nodes[i])
        for i, boot in enumerate(boots)
    )
    placed, address = [], base
    for place, dimm in enumerate(dimms):
        start = address if dimm.address is None else dimm.address
        late = 0 if dimm.state in ("present", "unplug") else 1 + (dimm.state == "reserved")
        placed.append(
            PlannedDimm.model_validate(
                {
                    "slot": place if dimm.slot is None else dimm.slot,
                    "size": dimm.size,
                    "cell": dimm.cell,
                    "page_size": dimm.page_size or pages[dimm.cell],
                    "host_nodes": nodes[dimm.cell] if dimm.host_nodes is None else dimm.host_nodes,
                    "address": start,
                    "state": dimm.state,
                    "stage": late if dimm.stage is None else dimm.stage,
                }
            )
        )
        address = max(address, start + dimm.size)
    others = sum(d.size for d in guest.devices if d.model != "dimm")
    now = sum(d.size for d in placed if d.state in ("present", "plug", "plugged"))
    memory = sum(boots) + now + others
    top = memory + sum(d.size for d in placed if d.state == "reserved")
    return PlannedGuest(
        name=guest.name,
        memory=memory,
        maximum=top if maximum is None else maximum,
        slots=len(placed) + len([d for d in guest.devices if d.model != "dimm"])
        if slots is None
        else slots,
        block=BLOCK,
        step=max((d.size for d in placed), default=0),
        stages=_stages(guest, boots, placed),
        cells=cells,
        dimms=tuple(placed),
    )


def _stages(guest: Guest, boots: Sequence[int], dimms: Sequence[PlannedDimm]) -> tuple[Stage, ...]:
    others = sum(d.size for d in guest.devices if not d.is_ram)
    stages = []
    last = max((d.stage for d in dimms), default=0)
    names = {0: "boot", 1: "target", last: "maximum" if last else "boot"}
    for index in range(last + 1):
        cells = list(boots)
        for dimm in dimms:
            if dimm.stage <= index and dimm.state != "unplug":
                cells[dimm.cell] += dimm.size
        for device in guest.devices:
            if device.model == "virtio-mem" and device.cell is not None:
                cells[device.cell] += device.size
        name = names.get(index, f"waypoint {index}")
        stages.append(Stage(name=name, memory=sum(cells) + others, cells=tuple(cells)))
    return tuple(stages)


def plan_of(*guests: PlannedGuest, host: HostUse | None = None, **fields: Any) -> Plan:
    """A proven plan of these guests."""
    values: dict[str, Any] = {
        "status": "optimal",
        "objectives": (
            ObjectiveValue(kind="fewest-slots", value=16, bound=16, unit="slots"),
            ObjectiveValue(kind="finest-step", value=512 * MiB, bound=512 * MiB, unit="bytes"),
            ObjectiveValue(kind="shortest-distance", value=320, bound=300),
        ),
        "solver": SolverFacts(wall_seconds=0.012, deterministic_time=0.001, version="0.1.0"),
    }
    return Plan(guests=guests, host=host, **(values | fields))


def use_of(host: Host, taken: dict[tuple[int, int], int], promised: int = 0) -> HostUse:
    """The host's pools after ``taken`` pages of (node, page size)."""
    nodes = []
    for node in host.nodes:
        pools = []
        for page_size in host.page_sizes():
            pool = host.pool(node.id, page_size)
            pages = taken.get((node.id, page_size), 0)
            pools.append(
                PoolUse(
                    page_size=page_size,
                    total=pool.total,
                    free_before=pool.free,
                    free_after=pool.free - pages,
                    promised=promised if pages else 0,
                )
            )
        nodes.append(NodeUse(id=node.id, pools=tuple(pools)))
    return HostUse(nodes=tuple(nodes))


def host_of(nodes: int, *, pages: int = 4096) -> Host:
    """A host with this many nodes of 16 GiB, each with so many 2 MiB pages, half of them free."""
    return Host.model_validate(
        {
            "nodes": [
                {
                    "id": i,
                    "cpus": f"{4 * i}-{4 * i + 3}",
                    "memory": 16 * GiB,
                    "pools": [{"page_size": 2 * MiB, "total": pages, "free": pages // 2}],
                    "distances": [10 if i == j else 21 for j in range(nodes)],
                }
                for i in range(nodes)
            ]
        }
    )


def guest_of(cells: int = 1, *, cpus: int = 2, **fields: Any) -> Guest:
    """A guest with this many cells of ``cpus`` CPUs each."""
    numbered = [
        {"cpus": f"{i * cpus}-{i * cpus + cpus - 1}" if cpus > 1 else str(i)} for i in range(cells)
    ]
    values = {"name": "db1", "target": 4 * GiB, "cells": numbered}
    return Guest.model_validate(values | fields)


def thread_guest() -> tuple[Problem, Plan]:
    """The guest of the 2014 thread: 8 GiB, at most 16 GiB, 4 cells, steps of 512 MiB; the host has
    4 nodes with 2 MiB pages."""
    host = host_of(4)
    guest = guest_of(4, target=8 * GiB, maximum=16 * GiB)
    dimms = [Dimm(i % 4, 512 * MiB, "reserved", stage=1) for i in range(16)]
    planned = planned_guest(
        guest,
        [2 * GiB] * 4,
        dimms,
        page_sizes=[2 * MiB] * 4,
        host_nodes=[(0,), (1,), (2,), (3,)],
        base=10 * GiB,
    )
    use = use_of(host, {(i, 2 * MiB): 1024 for i in range(4)}, promised=1024)
    notes = ("every page of the pools was taken as free: the host's free pages are not known",)
    plan = plan_of(planned, host=use, notes=notes)
    return Problem(host=host, guests=(guest,)), plan

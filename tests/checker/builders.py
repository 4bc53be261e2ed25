"""A good problem and its good plan, made by hand, for tests to change one thing in.

Two cells on q35: 1 GiB of boot memory each, four DIMMs of 1 GiB. Boot 2 GiB, target 4 GiB, maximum
6 GiB; 2 MiB pages, each cell on the host node of its number.
"""

from __future__ import annotations

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
from slotsolver.problem import Problem
from slotsolver.size import GiB, MiB

PAGE = 2 * MiB
BASE = 4 * GiB


def good_problem(*policies: dict[str, Any], **changes: Any) -> Problem:
    """The problem; ``changes`` replace fields of its only guest."""
    node = {"memory": 64 * GiB, "free": 40 * GiB, "distances": [10, 21]}
    pools = {PAGE: {"total": 4096, "free": 4096}}
    guest = {
        "name": "vm",
        "cells": [
            {"id": 0, "cpus": "0-1", "memory": GiB, "page_size": PAGE},
            {"id": 1, "cpus": "2-3", "memory": GiB, "page_size": PAGE},
        ],
        "target": 4 * GiB,
        "maximum": 6 * GiB,
    }
    host = {
        "nodes": [
            {"id": 0, "pages": {"2 MiB": pools[PAGE]}, **node},
            {"id": 1, "pages": {"2 MiB": pools[PAGE]}, **node, "distances": [21, 10]},
        ]
    }
    return Problem.model_validate(
        {"host": host, "guests": [guest | changes], "policies": list(policies)}
    )


def good_plan() -> Plan:
    """The plan for :func:`good_problem`."""
    return Plan(
        status="optimal",
        guests=(good_guest(),),
        host=HostUse(nodes=tuple(NodeUse(id=n, pools=_pools()) for n in (0, 1))),
        objectives=(ObjectiveValue(kind="fewest-slots", value=4, bound=4, unit="slots"),),
        solver=SolverFacts(wall_seconds=0.0, deterministic_time=0.0, version="0"),
    )


def good_guest() -> PlannedGuest:
    """The planned guest."""
    states = [("plugged", 1), ("plugged", 1), ("reserved", 2), ("reserved", 2)]
    return PlannedGuest(
        name="vm",
        memory=4 * GiB,
        maximum=6 * GiB,
        slots=4,
        block=128 * MiB,
        step=GiB,
        stages=(
            Stage(name="boot", memory=2 * GiB, cells=(GiB, GiB)),
            Stage(name="target", memory=4 * GiB, cells=(2 * GiB, 2 * GiB)),
            Stage(name="maximum", memory=6 * GiB, cells=(3 * GiB, 3 * GiB)),
        ),
        cells=tuple(PlannedCell(id=c, boot=GiB, page_size=PAGE, host_nodes=(c,)) for c in (0, 1)),
        dimms=tuple(
            PlannedDimm(
                slot=i,
                size=GiB,
                cell=i % 2,
                page_size=PAGE,
                host_nodes=(i % 2,),
                address=BASE + i * GiB,
                state=state,
                stage=stage,
            )
            for i, (state, stage) in enumerate(states)
        ),
    )


def _pools() -> tuple[PoolUse, ...]:
    ordinary = 40 * GiB // 4096
    return (
        PoolUse(page_size=4096, total=56 * GiB // 4096, free_before=ordinary, free_after=ordinary),
        PoolUse(page_size=PAGE, total=4096, free_before=4096, free_after=3072, promised=512),
    )


def with_guest(plan: Plan, **changes: Any) -> Plan:
    """The plan with fields of its guest replaced."""
    guest = plan.guests[0].model_copy(update=changes)
    return plan.model_copy(update={"guests": (guest,)})


def with_dimm(plan: Plan, place: int, **changes: Any) -> Plan:
    """The plan with fields of one DIMM replaced."""
    dimms = list(plan.guests[0].dimms)
    dimms[place] = dimms[place].model_copy(update=changes)
    return with_guest(plan, dimms=tuple(dimms))


def with_cell(plan: Plan, place: int, **changes: Any) -> Plan:
    """The plan with fields of one cell replaced."""
    cells = list(plan.guests[0].cells)
    cells[place] = cells[place].model_copy(update=changes)
    return with_guest(plan, cells=tuple(cells))

"""Running guests as data, for tests to resize: written down, planned, and changed as planned."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from slotsolver.errors import InputError
from slotsolver.plan import Infeasible, Plan
from slotsolver.platforms import platform_for
from slotsolver.problem import Device, Guest, Problem, ReservedDimm
from slotsolver.size import GiB, MiB
from slotsolver.solver import solve

BASE = 4 * GiB
"""Where device memory begins on q35 while boot memory is below 2.75 GiB."""
Dimm = tuple[int, int, int, int]
"""Slot, size, cell, and how far behind the start of device memory (bytes)."""


def document(
    cells: Sequence[int | dict[str, Any]],
    dimms: Sequence[Dimm],
    target: int | dict[int, int],
    **guest: Any,
) -> dict[str, Any]:
    """A running q35 guest; cells are their boot memory (bytes) or documents."""
    return {
        "name": "vm",
        "running": True,
        "cells": [{"memory": c} if isinstance(c, int) else c for c in cells],
        "devices": [
            {"slot": slot, "size": size, "cell": cell, "address": BASE + at}
            for slot, size, cell, at in dimms
        ],
        "target": target,
        **guest,
    }


def problem(
    guest: dict[str, Any], *policies: dict[str, Any] | str, host: dict[str, Any] | None = None
) -> Problem:
    """The problem of resizing it."""
    return Problem.model_validate({"host": host, "guests": [guest], "policies": policies})


def planned(given: Problem) -> Plan:
    """Its proven plan."""
    answer = solve(given)
    assert isinstance(answer, Plan)
    assert answer.status == "optimal"
    return answer


def refused(given: Problem) -> bool:
    """Whether it is proven that there is no plan."""
    try:
        answer = solve(given)
    except InputError:
        return True
    assert isinstance(answer, Plan | Infeasible)
    return isinstance(answer, Infeasible)


def value(plan: Plan, kind: str) -> int:
    """The value of one objective."""
    return next(o.value for o in plan.objectives if o.kind == kind)


def plugs(plan: Plan) -> list[int]:
    """Sizes of the DIMMs that come, in the order of the operations (MiB)."""
    return [o.size // MiB for o in plan.guests[0].operations if o.do == "plug"]


def unplugs(plan: Plan) -> list[int]:
    """Slots of the DIMMs that go, in the order of the operations."""
    return [o.slot or 0 for o in plan.guests[0].operations if o.do == "unplug"]


def window(guest: Guest) -> tuple[int, int]:
    """First address of device memory and the one behind the last."""
    memory = platform_for(guest.machine).memory_map(
        guest.boot_size or 0, guest.maximum_size, guest.slots or 0
    )
    return (memory.window.base, memory.window.end) if memory.window else (0, 0)


def steps(given: Problem, plan: Plan) -> list[Guest]:
    """The guest after each of the operations, one after the other; where it has what is asked for
    and keeps the growth that is reserved."""
    (guest,), (result,) = given.guests, plan.guests
    plugged = {d.slot: d for d in result.dimms if d.state == "plug"}
    found = []
    for operation in result.operations:
        devices = list(guest.devices)
        if operation.do == "unplug":
            devices = [d for d in devices if d.model != "dimm" or d.slot != operation.slot]
        elif operation.do == "plug":
            dimm = plugged[operation.slot or 0]
            where = {"cell": dimm.cell, "slot": dimm.slot, "address": dimm.address}
            devices.append(Device(size=dimm.size, alias=operation.device, **where))
        else:
            place = next(i for i, d in enumerate(devices) if d.alias == operation.device)
            devices[place] = devices[place].model_copy(update={"requested": operation.size})
        guest = guest.model_copy(update={"devices": tuple(devices)})
        found.append(guest)
    return found


def applied(given: Problem, plan: Plan) -> Guest:
    """The guest when all operations are done: what is reserved is the growth that is planned."""
    (guest,) = given.guests
    reserved = [d for d in plan.guests[0].dimms if d.state == "reserved"]
    growth = tuple(
        ReservedDimm(slot=d.slot, size=d.size, cell=d.cell, address=d.address) for d in reserved
    )
    return [guest, *steps(given, plan)][-1].model_copy(update={"growth": growth})

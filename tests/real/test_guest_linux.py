"""A Linux guest takes every DIMM of a plan, from boot up to the maximum."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from slotsolver import Plan
from slotsolver.export.layout import Layout
from slotsolver.export.qemu import qemu_arguments
from slotsolver.platforms.linux_guest import refusal
from slotsolver.problem import Problem
from slotsolver.size import GiB, MiB
from slotsolver.solver import solve
from tests.real.conftest import absent
from tests.real.debian import NoLinuxError
from tests.real.linux import Linux, Report, linux
from tests.real.plans import hot_plug

GUESTS: dict[str, tuple[dict[str, Any], int]] = {
    "small": (
        {
            "machine": "q35",
            "cells": [{"cpus": "0", "memory": 512 * MiB}, {"cpus": "1", "memory": 512 * MiB}],
            "target": 1536 * MiB,
            "waypoints": [2 * GiB],
            "maximum": 4 * GiB,
        },
        128 * MiB,
    ),
    "boot memory ends at 64 GiB": (
        {
            "machine": "q35",
            "cells": [{"cpus": "0", "memory": 32 * GiB}, {"cpus": "1", "memory": 30 * GiB}],
            "target": 64 * GiB,
            "maximum": 72 * GiB,
        },
        2 * GiB,
    ),
    "boot memory ends at 66.5 GiB": (
        {
            "machine": "pc",
            "cells": [{"cpus": "0", "memory": 65 * GiB + 512 * MiB}],
            "target": 65 * GiB + 512 * MiB,
            "maximum": 68 * GiB,
        },
        512 * MiB,
    ),
}
"""Guests, and the memory block that Linux has in them."""


@pytest.fixture
def guest(tmp_path: Path) -> Linux:
    """A Linux to boot."""
    try:
        return linux(tmp_path)
    except NoLinuxError as error:
        absent("Linux kernel", str(error))
        raise


@pytest.mark.parametrize("name", GUESTS)
def test_linux_takes_every_dimm(name: str, guest: Linux, qemu: ModuleType) -> None:
    """The guest has the plan's memory block, and after each plug what the plan says, on the cell
    that it says."""
    fields, block = GUESTS[name]
    problem = Problem.model_validate({"guests": [{"name": "guest", **fields}]})
    plan = solve(problem)
    assert isinstance(plan, Plan)
    layout = Layout.of(problem, plan, "guest")
    assert layout.planned.block == block
    assert layout.reserved
    arguments = qemu.lightened(qemu_arguments(problem, plan, "guest"))
    with qemu.running([*arguments, *guest.arguments]) as running:
        running.execute("cont")
        now = guest.until(layout.planned.memory)
        assert (now.block, now.memory) == (block, layout.planned.memory)
        grow(running, layout, guest, now)
    assert guest.refusals() == []


def test_linux_refuses_what_is_no_whole_block(guest: Linux, qemu: ModuleType) -> None:
    """A DIMM of half a block, which QEMU takes, is refused with the text that the checker has."""
    fields, block = GUESTS["small"]
    problem = Problem.model_validate({"guests": [{"name": "guest", **fields}]})
    plan = solve(problem)
    assert isinstance(plan, Plan)
    layout = Layout.of(problem, plan, "guest")
    half = layout.reserved[0].model_copy(update={"size": block // 2})
    says = refusal(half.address, half.size, block)
    assert says is not None
    with qemu.running([*qemu_arguments(problem, plan, "guest"), *guest.arguments]) as running:
        running.execute("cont")
        before = guest.until(layout.planned.memory)
        hot_plug(running, layout, half)
        guest.until(layout.planned.memory + half.size, seconds=5)
        assert guest.report() == before
    assert any(line.endswith(says) for line in guest.refusals())


def grow(running: Any, layout: Layout, guest: Linux, now: Report) -> None:
    """Plug each reserved DIMM and compare the guest's report."""
    nodes = dict(now.nodes)
    memory = layout.planned.memory
    for dimm in layout.reserved:
        hot_plug(running, layout, dimm)
        memory += dimm.size
        nodes[dimm.cell] += dimm.size
        assert guest.until(memory) == Report(layout.planned.block, memory, nodes)
    assert memory == layout.planned.maximum

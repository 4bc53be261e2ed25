"""Plans that the solver makes, in a real QEMU: taken as they are, now and up to the maximum.

Backends are neither preallocated nor reserved (:func:`tests.real.qemu.lightened`), so that guests
larger than this machine, and huge pages that it does not have, can be tried: that changes no slot,
address or size.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings

from slotsolver.export.layout import Layout
from slotsolver.export.qemu import qemu_arguments
from slotsolver.plan import PlannedGuest
from slotsolver.platforms import Dimm, device_memory_for
from slotsolver.problem import Guest, Problem
from tests.real.plans import (
    VENDORS,
    any_problems,
    backend,
    devices_of_qemu,
    hot_plug,
    planned,
    plugged_devices,
)
from tests.real.qemu import QemuError

SETTINGS = settings(deadline=None, suppress_health_check=list(HealthCheck))
EVERY_RUN = settings(SETTINGS, derandomize=True, database=None)
"""The same draws in every run: what was tried once is what is tried again."""


def options(guest: Guest) -> dict[str, Any]:
    """How to start QEMU for a guest: its CPU's address bits and vendor."""
    vendor = VENDORS["intel" if guest.cpu_vendor is None else guest.cpu_vendor]
    return {"phys_bits": guest.phys_bits, "vendor": vendor}


def check_sizes(running: Any, boot: int, total: int) -> None:
    """QEMU's own sums are boot memory and what is plugged."""
    assert running.memory_size() == (boot, total - boot)


def taken_as_planned(qemu: ModuleType, problem: Problem) -> None:
    """QEMU starts with the exporter's arguments and has the plan's DIMMs; then it grows."""
    plan = planned(problem)
    layout = Layout.of(problem, plan, "guest")
    arguments = qemu.lightened(qemu_arguments(problem, plan, "guest"))
    with qemu.running(arguments, **options(layout.guest)) as running:
        assert devices_of_qemu(running) == plugged_devices(layout.planned)
        check_sizes(running, layout.boot, layout.planned.memory)
        grown_as_planned(running, layout)


def grown_as_planned(running: Any, layout: Layout) -> None:
    """Each reserved DIMM is plugged in slot order, up to the maximum."""
    guest = layout.planned
    event(f"hot-plugged DIMMs: {min(len(layout.reserved), 1)}")
    for dimm in layout.reserved:
        hot_plug(running, layout, dimm)
    assert devices_of_qemu(running) == plugged_devices(guest, until=guest.slots)
    check_sizes(running, layout.boot, guest.maximum)


@settings(EVERY_RUN, max_examples=200)
@given(problem=any_problems())
def test_qemu_takes_every_plan(qemu: ModuleType, problem: Problem) -> None:
    """200 plans: QEMU reports exactly their slots, addresses, cells and sizes, and takes every
    reserved DIMM as planned."""
    taken_as_planned(qemu, problem)


@pytest.mark.exhaustive
@settings(SETTINGS, max_examples=2000)
@given(problem=any_problems())
def test_qemu_takes_every_plan_exhaustively(qemu: ModuleType, problem: Problem) -> None:
    """The same with many more plans, other ones in every run."""
    taken_as_planned(qemu, problem)


@settings(EVERY_RUN, max_examples=25)
@given(problem=any_problems())
def test_first_fit_is_qemus(qemu: ModuleType, problem: Problem) -> None:
    """Plugged without slots and addresses, largest slot first, a plan's DIMMs come to lie where our
    replay of QEMU puts them, and what no longer fits is refused with the same text."""
    plan = planned(problem)
    layout = Layout.of(problem, plan, "guest")
    guest = layout.planned.model_copy(update={"dimms": ()})
    bare = plan.model_copy(update={"guests": (guest,)})
    arguments = qemu.lightened(qemu_arguments(problem, bare, "guest"))
    with qemu.running(arguments, **options(layout.guest)) as running:
        assert answers(running, layout) == replayed(layout, layout.planned)


def answers(running: Any, layout: Layout) -> list[Any]:
    """QEMU's texts of refusal, in the order of plugging, and then slots and addresses."""
    found: list[Any] = []
    for dimm in reversed(layout.planned.dimms):
        name = f"dimm{dimm.slot}"
        running.execute("object-add", **backend(layout, dimm, f"mem{name}"))
        try:
            running.execute("device_add", driver="pc-dimm", id=name, memdev=f"mem{name}")
        except QemuError as refusal:
            found.append(str(refusal))
    return found + [(d["id"], d["slot"], d["addr"]) for d in running.memory_devices()]


def replayed(layout: Layout, guest: PlannedGuest) -> list[Any]:
    """What :mod:`slotsolver.platforms.device_memory` says of the same."""
    vendor = layout.guest.cpu_vendor
    memory = device_memory_for(
        layout.platform,
        layout.boot,
        guest.maximum,
        guest.slots,
        nodes=len(guest.cells),
        amd=vendor == "amd",
        phys_bits=layout.guest.phys_bits,
    )
    found: list[Any] = []
    for dimm in reversed(guest.dimms):
        align = layout.platform.backend_alignment(dimm.page_size)
        result = memory.plug(Dimm(f"dimm{dimm.slot}", dimm.size, align))
        if result.error:
            found.append(result.error)
    devices = sorted(memory.devices, key=lambda d: d.address)
    return found + [(d.id, getattr(d, "slot", None), d.address) for d in devices]

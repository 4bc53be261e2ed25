"""Plans of new guests with virtio-mem devices, in the real libvirt and the real QEMU."""

from __future__ import annotations

import json
from types import ModuleType
from typing import Any

from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

from slotsolver.checker import check_domain
from slotsolver.export.libvirt import domain_xml
from slotsolver.export.qemu import qemu_arguments
from slotsolver.plan import Plan, PlannedGuest
from slotsolver.problem import Problem
from slotsolver.size import GiB, KiB, MiB
from slotsolver.solver import solve
from tests.real.conftest import POOLS
from tests.real.domains import MEMORY_DEVICES, devices, domain_of, lacking, planned_devices
from tests.real.libvirtd import Libvirtd, virt_xml_validate
from tests.real.plans import planned
from tests.real.qemu import backend_limit

EVERY_RUN = settings(
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=True,
    database=None,
    phases=(Phase.generate,),  # to shrink what fails would take many minutes
)
BLOCK = 128 * MiB
LARGEST = min(backend_limit() or 12 * GiB, 12 * GiB)
"""libvirt 9.0 has QEMU reserve the regions as a whole."""


@st.composite
def growing(draw: Any) -> Problem:
    """Guests of up to three cells that grow by virtio-mem, by DIMMs too, or by both now."""
    count = draw(st.integers(1, 3))
    boot = draw(st.integers(count, 8))
    now = draw(st.integers(boot, boot + 8))
    most = draw(st.integers(now + 1, LARGEST // BLOCK))
    size = draw(st.sampled_from([2 * MiB, 2 * MiB, 64 * MiB, 512 * MiB]))
    use = draw(st.sampled_from(["virtio-mem", "either"]))
    policies: list[dict[str, Any]] = [{"kind": "device", "use": use, "block": size}]
    if draw(st.booleans()):
        policies.append({"kind": "slots", "at_most": draw(st.integers(3, 6))})
    if count > 1 and draw(st.booleans()):
        policies[0]["cells"] = [0]
    guest = {
        "name": "guest",
        "machine": draw(st.sampled_from(["q35", "pc", "pc-q35-7.0"])),
        "cells": [{"cpus": [i]} for i in range(count)],
        "boot": boot * BLOCK,
        "target": now * BLOCK + draw(st.sampled_from([0, 0, 2 * MiB, 66 * MiB])),
        "maximum": most * BLOCK,
    }
    node = {"id": 0, "memory": 66 * GiB, "free": 60 * GiB}
    return Problem.model_validate(
        {"host": {"nodes": [node]}, "guests": [guest], "policies": policies}
    )


def with_devices(problem: Problem) -> Plan:
    """A plan with virtio-mem devices; another problem is drawn where there are none."""
    plan = planned(problem)
    assume(plan.guests[0].virtio_mem)
    return plan


def told(guest: PlannedGuest) -> list[dict[str, Any]]:
    """What QEMU should say of the devices that are there at the start, by address."""
    dimms = [
        {"id": f"dimm{d.slot}", "at": d.address, "size": d.size, "node": d.cell}
        for d in guest.dimms
        if d.state == "plugged"
    ]
    virtio = [
        {"id": f"virtiomem{v.number}", "at": v.address, "size": v.size, "node": v.cell}
        for v in guest.virtio_mem
    ]
    return sorted([*dimms, *virtio], key=lambda d: int(d["at"]))


def as_told(answer: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same of an answer to ``query-memory-devices``."""
    found = [device["data"] for device in answer]
    return [
        {
            "id": d["id"],
            "at": d.get("addr", d.get("memaddr")),
            "size": d.get("max-size", d["size"]),
            "node": d["node"],
        }
        for d in found
    ]


@settings(EVERY_RUN, max_examples=6)
@given(problem=growing())
def test_libvirt_starts_it_as_planned(
    libvirtd: Libvirtd, domain_type: str, problem: Problem
) -> None:
    """Defined and started, all lies where it was planned, though libvirt 9.0 pins no virtio-mem;
    and each device takes all that the plan will ever request of it."""
    plan = with_devices(problem)
    (guest,) = plan.guests
    xml = domain_xml(problem, plan, "guest", domain_type=domain_type)
    virt_xml_validate(xml)
    libvirtd.define(xml)
    try:
        libvirtd.start_paused("guest")
        command = libvirtd.virsh("qemu-monitor-command", "guest", MEMORY_DEVICES)
        assert as_told(json.loads(command)["return"]) == told(guest)
        for live in (True, False):
            check_dump(libvirtd.dumpxml("guest", live=live), xml, problem, guest)
        for device in guest.virtio_mem:
            for size in (device.stages[-1], device.size, 0):
                sized = ["--alias", f"virtiomem{device.number}", "--requested-size", f"{size}b"]
                libvirtd.virsh("update-memory-device", "guest", *sized, "--live")
    finally:
        libvirtd.forget("guest")


def check_dump(text: str, xml: str, problem: Problem, guest: PlannedGuest) -> None:
    """A dump has the sums and devices of what was written, and breaks no rule."""
    ours, theirs = domain_of(xml), domain_of(text)
    assert check_domain(theirs, host=problem.host) == ()
    assert (theirs.memory_kib, theirs.max_memory_kib) == (ours.memory_kib, ours.max_memory_kib)
    assert devices(theirs) == planned_devices(guest)
    if theirs.running:  # what is requested is not given before the guest has run
        assert (theirs.current_kib or 0) + lacking(theirs) == guest.memory // KiB
    else:
        assert theirs.current_kib == ours.current_kib


@settings(EVERY_RUN, max_examples=6)
@given(problem=growing())
def test_qemu_starts_it_as_planned(qemu: ModuleType, problem: Problem) -> None:
    """So do QEMU's arguments, with the address said; and its monitor takes the maximum."""
    plan = with_devices(problem)
    (guest,) = plan.guests
    arguments = qemu_arguments(problem, plan, "guest")
    with qemu.running(qemu.lightened(arguments)) as running:
        assert as_told(running.execute("query-memory-devices")) == told(guest)
        plugged = sum(d.size for d in guest.dimms if d.state == "plugged")
        assert running.memory_size() == (sum(cell.boot for cell in guest.cells), plugged)
        for device in guest.virtio_mem:
            name = f"/machine/peripheral/virtiomem{device.number}"
            size = {"property": "requested-size", "value": device.stages[-1]}
            running.execute("qom-set", path=name, **size)


def test_a_region_larger_than_the_pool(
    hugepages: ModuleType, libvirtd: Libvirtd, qemu: ModuleType, domain_type: str
) -> None:
    """Of a region on huge pages only what is given takes pages: before the guest runs, nothing."""
    pools = [{"page_size": size, "total": n, "free": n} for size, n in POOLS.items()]
    node = {"id": 0, "memory": 66 * GiB, "free": 60 * GiB, "pools": pools}
    guest = {
        "name": "guest",
        "cells": [{"cpus": [0], "page_size": 2 * MiB, "memory": 256 * MiB}],
        "target": 512 * MiB,
        "maximum": 4 * GiB,
    }
    policies = [{"kind": "device", "use": "virtio-mem"}]
    problem = Problem.model_validate(
        {"host": {"nodes": [node]}, "guests": [guest], "policies": policies}
    )
    plan = solve(problem)
    assert isinstance(plan, Plan)
    before = hugepages.free(2 * MiB)
    libvirtd.define(domain_xml(problem, plan, "guest", domain_type=domain_type))
    libvirtd.start_paused("guest")
    assert before - hugepages.free(2 * MiB) == 128
    libvirtd.forget("guest")
    with qemu.running(qemu_arguments(problem, plan, "guest")) as running:
        assert as_told(running.execute("query-memory-devices")) == told(plan.guests[0])
        assert before - hugepages.free(2 * MiB) == 128

"""What is exported, held against the real libvirt and the real QEMU."""

from __future__ import annotations

import dataclasses
from types import ModuleType
from typing import Any

import pytest
from lxml import etree

from slotsolver.export.libvirt import domain_xml
from slotsolver.export.qemu import qemu_arguments, quote
from slotsolver.ingest.domain import read_domain
from slotsolver.ingest.guest import guest_from_domain
from slotsolver.plan import Plan, PlannedGuest
from slotsolver.problem import Guest, Problem
from slotsolver.size import GiB, KiB, MiB
from tests.export.cases import CASES, Case
from tests.export.plans import Dimm, guest_of, plan_of, planned_guest
from tests.real.libvirtd import Libvirtd, virt_xml_validate

X86 = [name for name in CASES if name not in ("virt", "pseries")]
STARTABLE = ["q35", "pc", "fixed", "waypoints", "many"]
"""Cases that need neither other host nodes, disks nor a host's own CPU."""


def huge_case(page_size: int, boot: int, dimm: int) -> Case:
    """One cell and one DIMM on huge pages, and one more DIMM on ordinary ones."""
    guest = guest_of(1, cpus=1, target=boot + dimm, maximum=boot + dimm + 128 * MiB)
    dimms = [Dimm(0, dimm), Dimm(0, 128 * MiB, page_size=4 * KiB)]
    planned = planned_guest(guest, [boot], dimms, page_sizes=[page_size])
    return Problem(guests=(guest,)), plan_of(planned)


def planned_devices(planned: PlannedGuest) -> list[dict[str, Any]]:
    """What QEMU should say of the plugged DIMMs, by address."""
    return [
        {"slot": d.slot, "node": d.cell, "addr": d.address, "size": d.size, "id": f"dimm{d.slot}"}
        for d in sorted(planned.dimms, key=lambda d: d.address)
        if d.state in ("present", "plug", "plugged")
    ]


def devices_of_qemu(running: Any) -> list[dict[str, Any]]:
    """What QEMU says of them."""
    keys = ("slot", "node", "addr", "size", "id")
    return [{key: device[key] for key in keys} for device in running.memory_devices()]


@pytest.mark.parametrize("name", CASES)
def test_schema(name: str, libvirtd: Libvirtd) -> None:  # noqa: ARG001 - tells if it is there
    """libvirt's own schema accepts every exported document."""
    problem, plan = CASES[name]()
    virt_xml_validate(domain_xml(problem, plan, plan.guests[0].name))


@pytest.mark.parametrize("name", X86)
def test_define(name: str, libvirtd: Libvirtd) -> None:
    """libvirt defines every x86 document, and keeps sums, DIMMs and planned growth as written."""
    problem, plan = CASES[name]()
    xml = domain_xml(problem, plan, plan.guests[0].name)
    kept = libvirtd.dumpxml(libvirtd.define(xml), live=False)
    ours, theirs = (read_domain(text.encode(), source=name) for text in (xml, kept))
    for field in ("max_memory_kib", "slots", "memory_kib", "current_kib", "numatune", "backing"):
        assert without_lines(getattr(theirs, field)) == without_lines(getattr(ours, field)), field
    assert [c.memory_kib for c in theirs.cells] == [c.memory_kib for c in ours.cells]
    assert [c.distances for c in theirs.cells] == [c.distances for c in ours.cells]
    places = [[(d.node, d.size_kib, d.slot, d.base) for d in x.devices] for x in (ours, theirs)]
    assert places[0] == places[1]
    growth = [[(d.slot, d.size, d.cell, d.address) for d in x.planned] for x in (ours, theirs)]
    assert growth[0] == growth[1]


def without_lines(value: Any) -> Any:
    """A part of a domain without the lines where it stands."""
    if dataclasses.is_dataclass(value):
        names = (f.name for f in dataclasses.fields(value) if f.name != "line")
        return {name: without_lines(getattr(value, name)) for name in names}
    return [without_lines(item) for item in value] if isinstance(value, tuple) else value


@pytest.mark.parametrize("name", STARTABLE)
def test_start(name: str, libvirtd: Libvirtd, domain_type: str) -> None:
    """The guest starts, and the live document says exactly what the plan says."""
    problem, plan = CASES[name]()
    xml = domain_xml(problem, plan, "db1", domain_type=domain_type)
    libvirtd.start_paused(libvirtd.define(xml))
    check_live(libvirtd.dumpxml("db1"), plan.guests[0])


def check_live(xml: str, planned: PlannedGuest) -> None:
    """Sums, slots, addresses, cells and sizes of a running domain are those of the plan."""
    domain = read_domain(xml.encode(), source="live")
    assert domain.memory_kib == planned.memory // KiB
    assert domain.current_kib == planned.memory // KiB
    assert [c.memory_kib for c in domain.cells or ()] in (
        [],
        [c.boot // KiB for c in planned.cells],
    )
    found = [
        {"slot": d.slot, "node": d.node, "addr": d.base, "size": d.size_kib * KiB, "id": d.alias}
        for d in sorted(domain.devices, key=lambda d: d.base or 0)
        if d.size_kib is not None
    ]
    assert found == planned_devices(planned)


@pytest.fixture(params=[(2 * MiB, 512 * MiB, 256 * MiB), (GiB, GiB, GiB)], ids=["2M", "1G"])
def huge(request: pytest.FixtureRequest, hugepages: ModuleType) -> tuple[Case, int, int]:
    """A guest on huge pages, the page size, and the pages that it takes."""
    page_size, boot, dimm = request.param
    before = hugepages.free(page_size)
    return huge_case(page_size, boot, dimm), page_size, before - (boot + dimm) // page_size


def test_start_on_hugepages(
    huge: tuple[Case, int, int], hugepages: ModuleType, libvirtd: Libvirtd, domain_type: str
) -> None:
    """libvirt takes exactly the planned pages from the pool: the DIMM on ordinary pages none."""
    (problem, plan), page_size, left = huge
    libvirtd.start_paused(
        libvirtd.define(domain_xml(problem, plan, "db1", domain_type=domain_type))
    )
    check_live(libvirtd.dumpxml("db1"), plan.guests[0])
    assert hugepages.free(page_size) == left


def test_qemu_on_hugepages(
    huge: tuple[Case, int, int], hugepages: ModuleType, qemu: ModuleType
) -> None:
    """The arguments alone, without any mount, take exactly the planned pages."""
    (problem, plan), page_size, left = huge
    with qemu.running(qemu_arguments(problem, plan, "db1")) as running:
        assert devices_of_qemu(running) == planned_devices(plan.guests[0])
        assert hugepages.free(page_size) == left


@pytest.mark.parametrize("version", ["7.2", "6.2", "5.2"])
@pytest.mark.parametrize("name", X86)
def test_qemu(name: str, version: str, qemu: ModuleType) -> None:
    """QEMU takes the arguments, JSON or not, and reports the plan's boot memory and DIMMs."""
    problem, plan = CASES[name]()
    planned = plan.guests[0]
    arguments = qemu_arguments(problem, plan, planned.name, version=version)
    with qemu.running(qemu.lightened(arguments, bound=False)) as running:
        assert devices_of_qemu(running) == planned_devices(planned)
        plugged = planned.memory - sum(c.boot for c in planned.cells)
        assert running.memory_size() == (planned.memory - plugged, plugged)


def test_qemu_bound(qemu: ModuleType) -> None:
    """Binding as written is accepted: node 0 is there."""
    cells = [{"cpus": "0", "host_nodes": [0]}]
    guest = Guest.model_validate({"name": "a", "target": 512 * MiB, "cells": cells})
    plan = plan_of(planned_guest(guest, [512 * MiB], host_nodes=[(0,)]))
    arguments = qemu_arguments(Problem(guests=(guest,)), plan, "a")
    assert any('"host-nodes":[0],"policy":"bind"' in argument for argument in arguments)
    assert qemu.accepts(arguments) == (True, "")


def test_libvirt_says_the_same_as_we(libvirtd: Libvirtd) -> None:
    """The options that both write are those of libvirt's own command line, for ordinary pages."""
    problem, plan = CASES["q35"]()
    xml = domain_xml(problem, plan, "db1", domain_type="qemu")
    native = libvirtd.domxml_to_native(xml)
    lines = quote(qemu_arguments(problem, plan, "db1")).replace(" \\\n", "\n").splitlines()
    ours = [line for line in lines if line.split()[0] in ("-m", "-object", "-numa", "-device")]
    assert [line for line in ours if line not in native] == []


def test_edited_document_still_starts(libvirtd: Libvirtd, domain_type: str) -> None:
    """A running guest's own dump, edited for one more DIMM, defines and starts again."""
    problem, plan = CASES["q35"]()
    name = libvirtd.define(domain_xml(problem, plan, "db1", domain_type=domain_type))
    dump = libvirtd.dumpxml(name, live=False)
    guest = problem.guests[0].model_copy(update={"xml": dump})
    bigger = grown(plan)
    xml = domain_xml(Problem(guests=(guest,)), bigger, "db1")
    assert etree.fromstring(xml.encode()).findtext("uuid") in dump
    libvirtd.start_paused(libvirtd.define(xml))
    check_live(libvirtd.dumpxml("db1"), bigger.guests[0])


@pytest.mark.parametrize("live", [True, False])
def test_dump_is_kept(live: bool, libvirtd: Libvirtd, domain_type: str) -> None:
    """libvirt's own dump, read and written by a plan that says the same, is the same text."""
    problem, plan = CASES["q35"]()
    name = libvirtd.define(domain_xml(problem, plan, "db1", domain_type=domain_type))
    libvirtd.start_paused(name)
    dump = libvirtd.dumpxml(name, live=live)
    domain = read_domain(dump.encode(), source="dump")
    guest = guest_from_domain(domain, xml=dump, host=None, source="dump")
    assert domain_xml(Problem(guests=(guest,)), plan_there(plan), "db1") == dump


def plan_there(plan: Plan) -> Plan:
    """The plan once its plugged DIMMs are there."""
    planned = plan.guests[0]
    dimms = tuple(
        d.model_copy(update={"state": "present"}) if d.state == "plugged" else d
        for d in planned.dimms
    )
    later = planned.model_copy(update={"dimms": dimms})
    return plan.model_copy(update={"guests": (later,)})


def grown(plan: Plan) -> Plan:
    """The plan a step later: its DIMMs are there, the reserved one is plugged."""
    planned = plan.guests[0]
    next_state = {"plugged": "present", "reserved": "plug"}
    dimms = tuple(d.model_copy(update={"state": next_state[d.state]}) for d in planned.dimms)
    later = planned.model_copy(update={"dimms": dimms, "memory": planned.maximum})
    return plan.model_copy(update={"guests": (later,)})

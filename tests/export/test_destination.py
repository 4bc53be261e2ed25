"""The domain XML for another host: the same guest on other pages and nodes.

Hosts of several nodes are judged here by the checker alone: libvirt refuses nodes that the machine
on which it runs has not got, for ``define`` and ``domxml-to-native`` alike. What a real libvirt
restores on one node is in ``tests/real/test_migrate_libvirt.py``.
"""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slotsolver.checker import check_domain, check_migration
from slotsolver.errors import InputError
from slotsolver.export.destination import destination_xml, not_taken
from slotsolver.export.libvirt import domain_xml
from slotsolver.ingest.domain import Domain, read_domain
from slotsolver.ingest.guest import guest_from_domain
from slotsolver.plan import BackedDevice, Destination, DestinationGuest, Plan, PlannedCell
from slotsolver.problem import Guest, Host, Problem
from slotsolver.size import GiB, KiB, MiB
from slotsolver.solver import solve
from tests.checker.running import BASE, Case, migrating, raised, virtio
from tests.export.domains import Meaning, meanings, plan_for, write
from tests.export.plans import Dimm, host_of, plan_of, planned_guest
from tests.export.test_libvirt_round_trip import HOST, foreign, read

RANDOMS = st.randoms(use_true_random=False)


def domain(xml: str) -> Domain:
    """A document as it stands."""
    return read_domain(xml.encode(), source="test.xml")


def elsewhere(*nodes: int, pages: int = 4096, free: int = 40 * GiB) -> Host:
    """A host with these nodes, each with so many 2 MiB pages and two of 1 GiB."""
    pools = [
        {"page_size": 2 * MiB, "total": pages, "free": pages},
        {"page_size": GiB, "total": 64, "free": 64},
    ]
    found = [
        {
            "id": n,
            "memory": 150 * GiB,
            "free": free,
            "pools": pools,
            "distances": [10 if n == other else 20 for other in nodes],
        }
        for n in nodes
    ]
    return Host.model_validate({"nodes": found, "default_hugepage": 2 * MiB})


def moved_to(plan: Plan, host: Host, backings: list[tuple[int, int]]) -> Plan:
    """The plan with one other host, where each cell has a page size and a node."""
    (guest,) = plan.guests
    cells = tuple(
        PlannedCell(id=c.id, boot=c.boot, page_size=page, host_nodes=(node,))
        for c, (page, node) in zip(guest.cells, backings, strict=True)
    )
    devices = tuple(
        BackedDevice(
            slot=d.slot, page_size=cells[d.cell].page_size, host_nodes=cells[d.cell].host_nodes
        )
        for d in guest.dimms
        if d.state != "unplug"
    )
    there = DestinationGuest(name=guest.name, cells=cells, devices=devices)
    use = plan_of(guest).host or migrating().plan.destinations[0].use
    assert host.nodes
    return plan.model_copy(
        update={"destinations": (Destination(host=0, guests=(there,), use=use),)}
    )


def read_there(xml: str, host: Host) -> Guest:
    """The guest as that host's libvirt would start it."""
    return guest_from_domain(domain(xml), xml=xml, host=host, source="test.xml")


@settings(derandomize=True, deadline=None, max_examples=60)
@given(meanings(), RANDOMS, st.booleans(), st.data())
def test_any_document_on_any_host(
    meaning: Meaning, source: random.Random, bound: bool, data: st.DataObject
) -> None:
    """It means the pages and nodes that are planned there, nothing else has changed, and libvirt
    would take it for the guest that runs here."""
    xml = write(meaning, source, bound=bound)
    guest = read(xml)
    host = data.draw(st.sampled_from([elsewhere(0), elsewhere(5), elsewhere(1, 2, 7)]))
    pages = [p for p in (4 * KiB, 2 * MiB, GiB) if all(b % p == 0 for b in meaning.boots)]
    nodes = [node.id for node in host.nodes]
    choice = st.tuples(st.sampled_from(pages), st.sampled_from(nodes))
    backings = [data.draw(choice) for _ in meaning.boots]
    plan = moved_to(plan_for(guest, meaning, host=HOST), host, backings)
    problem = Problem(host=HOST, also_hosts=(host,), guests=(guest,))
    written = destination_xml(problem, plan, "db1", 0)
    there = read_there(written, host)
    assert [c.page_size for c in there.cells] == [page for page, _ in backings]
    if bound or len(nodes) > 1:
        asked = [c.host_nodes or there.host_nodes for c in there.cells]
        assert asked == [(node,) for _, node in backings]
    assert foreign(written) == foreign(xml)
    here = domain(domain_xml(problem, plan, "db1"))
    found = check_migration(here, domain(written), host=host)
    # Addresses and pools are drawn without a thought of where they end.
    assert [v for v in found if v.stage not in ("start", "host")] == []


LIVE = """\
<domain type='kvm' id='4'>
  <name>db1</name>
  <maxMemory slots='8' unit='GiB'>16</maxMemory>
  <memory unit='GiB'>5</memory>
  <currentMemory unit='GiB'>5</currentMemory>
  <memoryBacking>
    <hugepages>
      <page size='2' unit='MiB' nodeset='1'/>
    </hugepages>
  </memoryBacking>
  <vcpu placement='static'>4</vcpu>
  <numatune>
    <memory mode='strict' nodeset='0-1'/>
    <memnode cellid='0' mode='strict' nodeset='0'/>
    <memnode cellid='1' mode='preferred' nodeset='1'/>
  </numatune>
  <os>
    <type arch='x86_64' machine='pc-q35-7.2'>hvm</type>
  </os>
  <features>
    <acpi/>
  </features>
  <cpu mode='host-passthrough' check='none' migratable='on'>
    <numa>
      <cell id='0' cpus='0-1' memory='1048576' unit='KiB'/>
      <cell id='1' cpus='2-3' memory='1048576' unit='KiB'/>
    </numa>
  </cpu>
  <devices>
    <memory model='dimm'>
      <target>
        <size unit='KiB'>1048576</size>
        <node>0</node>
      </target>
      <alias name='dimm4'/>
      <address type='dimm' slot='4' base='0x100000000'/>
    </memory>
    <memory model='nvdimm'>
      <source>
        <path>/x</path>
        <nodemask>1</nodemask>
      </source>
      <target>
        <size unit='KiB'>1048576</size>
        <node>0</node>
      </target>
      <alias name='nvdimm1'/>
      <address type='dimm' slot='1' base='0x180000000'/>
    </memory>
    <memory model='dimm'>
      <source>
        <pagesize unit='KiB'>4</pagesize>
        <nodemask>0</nodemask>
      </source>
      <target>
        <size unit='KiB'>1048576</size>
        <node>1</node>
      </target>
      <alias name='dimm0'/>
      <address type='dimm' slot='0' base='0x140000000'/>
    </memory>
    <memballoon model='none'/>
  </devices>
</domain>
"""
"""A guest that runs on two nodes, with a DIMM on pages and a node of its own."""


def solved(xml: str, host: Host, *also: Host, **fields: Any) -> tuple[Problem, Plan]:
    """A running guest's plan to have another size."""
    guest = guest_from_domain(domain(xml), xml=xml, host=host, source="live.xml")
    guest = guest.model_copy(update={"target": 6 * GiB, **fields})
    problem = Problem(host=host, also_hosts=also, guests=(guest,))
    plan = solve(problem)
    assert isinstance(plan, Plan)
    return problem, plan


HERE = host_of(2).model_copy(update={"default_hugepage": 2 * MiB})


def test_a_running_guest_on_four_nodes() -> None:
    """Planned by the solver, on hosts with more and with fewer nodes, with and without pages."""
    hosts = (elsewhere(0, 1, 2, 3), elsewhere(6), elsewhere(2, pages=0))
    problem, plan = solved(LIVE, HERE, *hosts)
    here = domain_xml(problem, plan, "db1")
    for number, host in enumerate(hosts):
        written = destination_xml(problem, plan, "db1", number)
        assert not_taken(problem, plan, "db1", number) is None
        assert check_domain(domain(written), host=host) == ()
        assert check_migration(domain(here), domain(written), host=host) == ()
        there = read_there(written, host)
        cells = plan.destinations[number].guests[0].cells
        assert [c.page_size for c in there.cells] == [c.page_size for c in cells]
        asked = [c.host_nodes or there.host_nodes for c in there.cells]
        assert asked == [c.host_nodes for c in cells]
        dimms = [d for d in there.devices if d.model == "dimm"]
        assert {(d.page_size, d.host_nodes) for d in dimms} == {(None, None)}


def test_what_is_written() -> None:
    """Pages, nodes and the devices' own sources change; modes, order and all else stay."""
    problem, plan = solved(LIVE, HERE, elsewhere(6, free=0))
    here = domain_xml(problem, plan, "db1")
    there = destination_xml(problem, plan, "db1", 0)
    old, new = here.splitlines(), there.splitlines()
    assert [line.strip() for line in new if line not in old] == [
        "<page size='2048' unit='KiB'/>",
        "<memory mode='strict' nodeset='6'/>",
        "<memnode cellid='0' mode='strict' nodeset='6'/>",
        "<memnode cellid='1' mode='preferred' nodeset='6'/>",
    ]
    assert [line.strip() for line in old if line not in new] == [
        "<page size='2' unit='MiB' nodeset='1'/>",
        "<memory mode='strict' nodeset='0-1'/>",
        "<memnode cellid='0' mode='strict' nodeset='0'/>",
        "<memnode cellid='1' mode='preferred' nodeset='1'/>",
        "<nodemask>1</nodemask>",
        "<pagesize unit='KiB'>4</pagesize>",
        "<nodemask>0</nodemask>",
    ]
    assert there.count("<source>") == 1


def test_a_guest_without_a_document() -> None:
    """A guest from YAML gets a whole document, on the nodes and pages there."""
    case = migrating()
    problem = Problem.model_validate(case.document)
    written = destination_xml(problem, case.plan, "vm", 0, domain_type="qemu")
    assert "<domain type='qemu'>" in written
    assert "<memory mode='strict' nodeset='3'/>" in written
    assert written.count("nodeset='3'") == 3
    assert not_taken(problem, case.plan, "vm", 0) is None


def test_a_live_cpu() -> None:
    """A CPU that QEMU has had its say on is not what other hosts compare."""
    live = LIVE.replace("check='none'", "check='full'")
    problem, plan = solved(live, HERE, elsewhere(0))
    assert "--migratable" in (not_taken(problem, plan, "db1", 0) or "")
    stored = live.replace(" id='4'", "")
    problem, plan = solved(stored, HERE, elsewhere(0), running=True)
    assert not_taken(problem, plan, "db1", 0) is None


def test_what_libvirt_would_refuse_there() -> None:
    """Memory that must be anonymous cannot be on huge pages, and its source cannot change."""
    hugepages = LIVE[LIVE.index("<hugepages>") : LIVE.index("</hugepages>")] + "</hugepages>"
    live = LIVE.replace(hugepages, "<source type='anonymous'/>")
    problem, plan = solved(live, HERE, elsewhere(0, free=0))
    why = not_taken(problem, plan, "db1", 0) or ""
    assert why == (
        "it would be refused there: unsupported configuration: hugepages are not allowed with "
        "anonymous memory source"
    )


def lying(case: Case, *, libvirt: str = "9.0", **virtio_mem: Any) -> str | None:
    """Whether a guest with a virtio-mem device would be taken by a host like its own."""
    host = case.document["host"]
    case = case.posed(also_hosts=[host], libvirt=libvirt)
    case = case.part("virtio_mem", 0, **virtio_mem)
    problem = Problem.model_validate(case.document)
    (guest,) = case.plan.guests
    devices = [
        BackedDevice(slot=d.slot, page_size=d.page_size, host_nodes=d.host_nodes)
        for d in guest.dimms
        if d.state != "unplug"
    ]
    devices.append(BackedDevice(number=0, page_size=2 * MiB, host_nodes=(1,)))
    there = DestinationGuest(name="vm", cells=guest.cells, devices=tuple(devices))
    use = case.plan.host
    assert use is not None
    plan = case.answered(destinations=(Destination(host=0, guests=(there,), use=use),)).plan
    return not_taken(problem, plan, "vm", 0)


def test_virtio_mem_where_it_would_be_put() -> None:
    """Behind the DIMM before it in the XML, QEMU finds the same place there."""
    assert lying(raised()) is None


def test_virtio_mem_that_would_move() -> None:
    """In front of it a DIMM goes, or has gone: QEMU would take the gap and give up."""
    case = raised()
    first, *others = case.plan.guests[0].dimms
    gone = case.planned(dimms=(first.model_copy(update={"state": "unplug"}), *others))
    why = (
        "its virtio-mem on cell 1 lies at 0x140000000, which libvirt before 9.4 cannot tell "
        "another host; QEMU would have 0x100000000 for it there"
    )
    assert lying(gone) == why
    assert lying(gone, libvirt="9.4") is None
    moved = virtio(0, 0, 0, 0).model_copy(update={"address": BASE + 2 * GiB}).address
    assert "lies at 0x180000000" in (lying(raised(), address=moved) or "")


def test_unknown_host() -> None:
    """A plan has as many destinations as it was asked for."""
    case = migrating()
    with pytest.raises(InputError, match="the plan has 1 hosts to migrate to"):
        destination_xml(Problem.model_validate(case.document), case.plan, "vm", 1)


def test_device_order_is_that_of_the_operations() -> None:
    """DIMMs that are plugged stand in the order in which libvirt gets them, not by slot."""
    case = migrating()
    stays = [d for d in case.plan.guests[0].dimms if d.state == "present"]
    problem = Problem.model_validate(case.document)
    xml = domain_xml(problem, case.planned(dimms=tuple(stays), operations=()).plan, "vm")
    guest = problem.guests[0].model_copy(update={"xml": xml})
    problem = problem.model_copy(update={"guests": (guest,)})
    for order, slots in (((0, 1), [0, 1, 3, 2, 4]), ((1, 0), [0, 1, 3, 4, 2])):
        plan = case.ordered(*order).plan
        for written in (domain_xml(problem, plan, "vm"), destination_xml(problem, plan, "vm", 0)):
            assert [d.slot for d in domain(written).devices] == slots


def test_plans_of_new_guests() -> None:
    """A guest that is yet to be started has destinations as well."""
    guest = Guest.model_validate(
        {"name": "new", "target": 2 * GiB, "maximum": 4 * GiB, "cells": [{"cpus": "0"}]}
    )
    planned = planned_guest(guest, [GiB], [Dimm(0, GiB), Dimm(0, 2 * GiB, "reserved")])
    problem = Problem(host=host_of(1), also_hosts=(elsewhere(0, 3),), guests=(guest,))
    plan = moved_to(plan_of(planned), problem.also_hosts[0], [(2 * MiB, 3)])
    assert not_taken(problem, plan, "new", 0) is None
    assert "<memnode cellid='0' mode='strict' nodeset='3'/>" in destination_xml(
        problem, plan, "new", 0
    )

"""Domain XML: complete ones against golden files, edited ones by what changed."""

from __future__ import annotations

import re

import pytest

from slotsolver.errors import InputError
from slotsolver.export.libvirt import domain_xml
from slotsolver.plan import Operation, Plan
from slotsolver.problem import Guest, Problem
from slotsolver.size import GiB, MiB
from tests.conftest import Golden
from tests.export.cases import CASES, WRITTEN_BY_HAND
from tests.export.plans import Dimm, guest_of, host_of, plan_of, planned_guest


def edited(xml: str, guest: Guest, plan_guest: object = None, **fields: object) -> str:
    """The document after an edit; without a plan the guest's own first cell of 2 GiB."""
    guest = guest.model_copy(update={"xml": xml})
    planned = plan_guest or planned_guest(guest, [2 * GiB])
    problem = Problem(guests=(guest,), **fields)  # type: ignore[arg-type]
    return domain_xml(problem, plan_of(planned), guest.name)  # type: ignore[arg-type]


def changes(before: str, after: str) -> tuple[list[str], list[str]]:
    """The lines that are gone and the lines that are new, stripped."""
    old, new = before.splitlines(), after.splitlines()
    return (
        [line.strip() for line in old if line not in new],
        [line.strip() for line in new if line not in old],
    )


@pytest.mark.parametrize("name", CASES)
def test_golden(name: str, golden: Golden) -> None:
    """Each case's domain XML is the one that was read and approved."""
    problem, plan = CASES[name]()
    golden(domain_xml(problem, plan, plan.guests[0].name), f"export/{name}.xml")


def test_inferred_is_not_written() -> None:
    """One host node, ordinary pages, no growth: nothing of it is in the document."""
    problem, plan = CASES["fixed"]()
    xml = domain_xml(problem, plan, "db1")
    for word in ("numatune", "memoryBacking", "maxMemory", "source", "metadata", "model='dimm'"):
        assert word not in xml


def test_guest_asks_for_its_only_node() -> None:
    """A guest that asks for a node is bound to it, on a host of one node and without a host."""
    cells = [{"cpus": "0", "host_nodes": [0]}]
    guest = Guest.model_validate({"name": "a", "target": GiB, "cells": cells})
    for host, nodes in ((host_of(1), (0,)), (None, ())):
        plan = plan_of(planned_guest(guest, [GiB], host_nodes=[nodes]))
        xml = domain_xml(Problem(host=host, guests=(guest,)), plan, "a")
        assert "<memnode cellid='0' mode='strict' nodeset='0'/>" in xml


def test_balloon_keeps_its_size_when_memory_grows() -> None:
    """currentMemory below the total grows by what the total grows by, as when libvirt plugs."""
    guest = guest_of(1, cpus=4)
    planned = planned_guest(guest, [2 * GiB], [Dimm(0, GiB)])
    xml = edited(WRITTEN_BY_HAND, guest, planned)
    assert '<currentMemory unit="GiB">2</currentMemory>' in xml
    assert '<memory unit="GiB">3</memory>' in xml


def test_full_current_memory_follows_the_total() -> None:
    """currentMemory that was the total is the new total, in a unit that holds it."""
    guest = guest_of(1, cpus=4)
    planned = planned_guest(guest, [2 * GiB + 512 * MiB])
    before = WRITTEN_BY_HAND.replace(">1</currentMemory>", ">2</currentMemory>")
    gone, new = changes(before, edited(before, guest, planned))
    assert gone == [
        '<memory unit="GiB">2</memory> <!-- see the capacity sheet -->',
        '<currentMemory unit="GiB">2</currentMemory>',
    ]
    assert new == [
        '<memory unit="KiB">2621440</memory> <!-- see the capacity sheet -->',
        '<currentMemory unit="KiB">2621440</currentMemory>',
    ]


def test_size_that_libvirt_rounds_to_the_plan_stays() -> None:
    """511.5 MiB of boot memory is 512 MiB once the guest runs: nothing to write."""
    xml = "<domain><name>db1</name><memory>523776</memory></domain>"
    guest = guest_of(1, cpus=1)
    assert edited(xml, guest, planned_guest(guest, [512 * MiB])) == xml


def test_wrong_total_is_put_right() -> None:
    """<memory> that is not the sum of cells and devices becomes it; libvirt ignores it anyway."""
    xml = (
        "<domain><name>db1</name><memory>777</memory>"
        "<cpu><numa><cell id='0' memory='2' unit='GiB'/></numa></cpu></domain>"
    )
    assert "<memory>2097152</memory>" in edited(xml, guest_of(1, cpus=1))


DIMM = "<memory model='dimm'><target><size>{}</size><node>{}</node></target>{}</memory>"


def with_dimms(*dimms: str) -> str:
    """A document of two cells of 1 GiB with these DIMMs, 6 slots, 8 GiB at most."""
    lines = "\n".join(f"    {dimm}" for dimm in dimms)
    return f"""<domain type='kvm'>
  <name>db1</name>
  <maxMemory slots='6'>8388608</maxMemory>
  <features><acpi/></features>
  <cpu><numa><cell id='0' memory='1048576'/><cell id='1' memory='1048576'/></numa></cpu>
  <devices>
{lines}
  </devices>
</domain>
"""


def test_known_dimms_get_their_slot_and_base() -> None:
    """A DIMM without address is found by size and cell; one without base by its slot."""
    bare = DIMM.format(524288, 1, "")
    slotted = DIMM.format(524000, 0, '<address type="dimm" slot="4"/>')
    full = DIMM.format(524288, 0, "<address type='dimm' slot='1' base='120000000'/>")
    xml = with_dimms(bare, slotted, full)
    guest = guest_of(2)
    dimms = [
        Dimm(1, 512 * MiB, "present", slot=0, address=4 * GiB),
        Dimm(0, 512 * MiB, "present", slot=4, address=5 * GiB),
        Dimm(0, 512 * MiB, "present", slot=1, address=0x120000000),
    ]
    planned = planned_guest(guest, [GiB, GiB], dimms, slots=6, maximum=8 * GiB)
    gone, new = changes(xml, edited(xml, guest, planned))
    address = "<address type='dimm' slot='0' base='0x100000000'/>"
    bare_inside = bare.replace("</target>", "</target>" + address)
    assert gone == [bare, slotted]
    assert new == [bare_inside, slotted.replace('slot="4"', 'slot="4" base="0x140000000"')]


def test_removed_dimm_takes_its_line_along() -> None:
    """A DIMM that is unplugged leaves the document, and the totals shrink."""
    first = DIMM.format(524288, 0, "<address type='dimm' slot='0' base='0x100000000'/>")
    second = DIMM.format(524288, 1, "<address type='dimm' slot='1' base='0x120000000'/>")
    xml = with_dimms(first, second)
    guest = guest_of(2)
    dimms = [
        Dimm(0, 512 * MiB, "unplug", slot=0, address=4 * GiB),
        Dimm(1, 512 * MiB, "present", slot=1, address=0x120000000),
    ]
    planned = planned_guest(guest, [GiB, GiB], dimms, slots=6, maximum=8 * GiB)
    assert changes(xml, edited(xml, guest, planned)) == ([first], [])


def test_dimms_stand_in_the_order_in_which_they_are_plugged() -> None:
    """libvirt appends what it plugs, and migration compares by place: small before large here."""
    xml = with_dimms(DIMM.format(524288, 0, "<address type='dimm' slot='1' base='100000000'/>"))
    guest = guest_of(2)
    dimms = [
        Dimm(0, 512 * MiB, "present", slot=1, address=4 * GiB),
        Dimm(0, GiB, "plug", slot=0),
        Dimm(1, 512 * MiB, "plug", slot=5),
    ]
    planned = planned_guest(guest, [GiB, GiB], dimms, slots=6, maximum=8 * GiB)
    operations = [
        Operation(do="plug", slot=slot, device=f"dimm{slot}", cell=0, size=GiB, memory=GiB)
        for slot in (5, 0)
    ]
    after = edited(xml, guest, planned.model_copy(update={"operations": tuple(operations)}))
    found = re.findall(r"slot='(\d)'", after[after.index("<devices>") :])
    assert found == ["1", "5", "0"]
    assert re.findall(r"slot='(\d)'", edited(xml, guest, planned).partition("<devices>")[2]) == [
        *("1", "0", "5")
    ]


def test_foreign_devices_stay_and_count() -> None:
    """An nvdimm is not touched, and the total counts it."""
    nvdimm = (
        "<memory model='nvdimm'><source><path>/x</path></source><target><size unit='GiB'>1</size>"
        "<node>0</node></target><address type='dimm' slot='0'/></memory>"
    )
    xml = with_dimms(nvdimm).replace("  <features>", "  <memory>3145728</memory>\n  <features>")
    devices = [{"model": "nvdimm", "size": GiB, "cell": 0, "slot": 0}]
    guest = guest_of(2, devices=devices)
    planned = planned_guest(
        guest, [GiB, GiB], [Dimm(1, GiB, "plug", slot=1)], slots=6, maximum=8 * GiB
    )
    after = edited(xml, guest, planned)
    assert nvdimm in after
    assert "<memory>4194304</memory>" in after


def test_growth_is_replaced_and_removed() -> None:
    """slotsolver's metadata follows the plan; a <metadata> that held nothing else goes with it."""
    problem, plan = CASES["grown-by-hand"]()
    guest = problem.guests[0]
    first = domain_xml(problem, plan, "db1")
    dimms = [Dimm(0, GiB, "present", slot=i, address=4 * GiB + i * GiB) for i in range(2)]
    later = planned_guest(guest, [2 * GiB], dimms, page_sizes=[2 * MiB], slots=3, maximum=6 * GiB)
    without = edited(first, guest, later)
    assert "slotsolver" not in without
    assert "<app:owner>ops</app:owner>" in without
    own = "".join(first.split('<app:info xmlns:app="http://example.org/app">')[0::2])
    alone = own + first.split("</app:info>")[1]
    assert "<metadata>" in alone
    assert "<metadata>" not in edited(alone, guest, later)


def test_document_on_one_line_gets_no_line_breaks() -> None:
    """Where the document has no indentation, what is added has none."""
    xml = "<domain><name>db1</name><memory unit='GiB'>2</memory><devices/></domain>"
    guest = guest_of(1, cpus=1)
    after = edited(xml, guest, planned_guest(guest, [2 * GiB], [Dimm(0, GiB)]))
    assert "\n" not in after
    assert "<devices><memory model='dimm'>" in after


def test_automatic_placement_becomes_static() -> None:
    """placement='auto' would leave the nodes to numad; the plan names them."""
    xml = (
        "<domain><name>db1</name><memory unit='GiB'>2</memory>"
        "<numatune><memory mode='strict' placement='auto'/></numatune></domain>"
    )
    guest = guest_of(1, cpus=1)
    planned = planned_guest(guest, [2 * GiB], host_nodes=[(1,)])
    after = edited(xml, guest, planned, host=host_of(2))
    assert "<numatune><memory mode='strict' nodeset='1'/></numatune>" in after


def test_restrictive_memnodes_stay() -> None:
    """They bind no memory: where it may lie is in <memory>."""
    tune = (
        "<numatune><memory mode='restrictive' nodeset='0-1'/>"
        "<memnode cellid='0' mode='restrictive' nodeset='0'/></numatune>\n"
    )
    xml = with_dimms().replace("<features>", tune + "  <features>")
    guest = guest_of(2, mode="restrictive")
    planned = planned_guest(guest, [GiB, GiB], host_nodes=[(0, 1)] * 2)
    assert tune in edited(xml, guest, planned, host=host_of(2))


def test_memory_nodeset_takes_in_a_spread_dimm() -> None:
    """<memory nodeset> holds the nodes of every DIMM, else libvirt 9.0 forbids QEMU the node."""
    problem, plan = CASES["spread"]()
    assert "<memory mode='preferred' nodeset='0-2'/>" in domain_xml(problem, plan, "spread")


def test_nodemask_outside_of_the_nodeset_is_taken_in() -> None:
    """A device's own nodes belong to <memory nodeset> too, even if nothing else changes."""
    nvdimm = (
        "<memory model='virtio-mem'><source><nodemask>1</nodemask></source>"
        "<target><size unit='GiB'>1</size><node>0</node></target></memory>"
    )
    tune = "<numatune><memory mode='strict' nodeset='0'/></numatune>\n"
    xml = with_dimms(nvdimm).replace("<features>", tune + "  <features>")
    devices = [{"model": "virtio-mem", "size": GiB, "cell": 0}]
    guest = guest_of(2, devices=devices)
    nodes = [(0,), (0,)]
    planned = planned_guest(guest, [GiB, GiB], host_nodes=nodes, slots=6, maximum=8 * GiB)
    gone, new = changes(xml, edited(xml, guest, planned, host=host_of(2)))
    assert gone == [tune.strip()]
    assert new == ["<numatune><memory mode='strict' nodeset='0-1'/></numatune>"]


def test_growth_that_says_the_same_stays() -> None:
    """The same planned growth under another prefix is not written anew."""
    problem, plan = CASES["grown-by-hand"]()
    xml = domain_xml(problem, plan, "db1").replace("slotsolver:", "s:").replace(":s:", ":")
    xml = xml.replace("xmlns:slotsolver=", "xmlns:s=")
    dimms = [Dimm(0, GiB, "present"), Dimm(0, GiB, "present"), Dimm(0, 2 * GiB, "reserved")]
    guest = problem.guests[0]
    planned = planned_guest(guest, [2 * GiB], dimms, page_sizes=[2 * MiB])
    stages = plan.guests[0].stages
    assert edited(xml, guest, planned.model_copy(update={"stages": stages})) == xml
    assert "<s:growth" in xml


def test_all_cells_back_to_ordinary_pages() -> None:
    """Where no cell has huge pages any more, <hugepages> goes and its neighbours stay."""
    xml = (
        "<domain><name>db1</name><memory unit='GiB'>2</memory><memoryBacking>"
        "<hugepages/><nosharepages/></memoryBacking></domain>"
    )
    assert "<memoryBacking><nosharepages/></memoryBacking>" in edited(xml, guest_of(1, cpus=1))


def test_nvdimm_cannot_be_made_up() -> None:
    """A complete document cannot hold an nvdimm: nobody knows its file."""
    guest = guest_of(1, devices=[{"model": "nvdimm", "size": GiB, "cell": 0}])
    plan = plan_of(planned_guest(guest, [GiB]))
    with pytest.raises(InputError, match="guest db1: a nvdimm cannot be written"):
        domain_xml(Problem(guests=(guest,)), plan, "db1")


def test_unknown_guest() -> None:
    """A guest that the plan does not have is an input error that names those it has."""
    problem, plan = CASES["fixed"]()
    with pytest.raises(InputError, match="no guest 'web'; it has 'db1'"):
        domain_xml(problem, plan, "web")


def test_plan_is_not_changed() -> None:
    """Writing twice gives the same text: nothing is kept between calls."""
    problem, plan = CASES["thread"]()
    copy = Plan.model_validate_json(plan.model_dump_json())
    assert domain_xml(problem, plan, "db1") == domain_xml(problem, copy, "db1")

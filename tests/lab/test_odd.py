"""The host with a node without memory (1) and one without processors (3)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from slotsolver.cli import main
from slotsolver.size import MiB
from tests.lab.compare import free_now, free_then, guest_is_there
from tests.lab.desk import Desk
from tests.lab.host import Lab
from tests.lab.numa_maps import Lies, anonymous, backends
from tests.real.libvirtd import LibvirtError

pytestmark = pytest.mark.lab

PAGE = 2 * MiB
HUGE = {"kind": "page-size", "size": "2 MiB"}
NO_CPUS = "The nodes select no CPUs"
NO_MEMORY = "cannot bind memory to host NUMA nodes: Invalid argument"
DOMAIN = """\
<domain type='qemu'>
  <name>odd</name>
  <maxMemory slots='4' unit='MiB'>1024</maxMemory>
  <memory unit='MiB'>1</memory>
  <memoryBacking><hugepages><page size='2' unit='MiB'/></hugepages></memoryBacking>
  <vcpu>1</vcpu>
  <numatune>
    <memory mode='strict' nodeset='0-3'/><memnode cellid='0' mode='strict' nodeset='{nodes}'/>
  </numatune>
  <os><type arch='x86_64' machine='q35'>hvm</type></os>
  <features><acpi/></features>
  <cpu><numa><cell id='0' cpus='0' memory='64' unit='MiB'/></numa></cpu>
  <devices><memballoon model='none'/></devices>
</domain>
"""
DEVICE = """\
<memory model='dimm'>
  <source><nodemask>3</nodemask></source>
  <target><size unit='MiB'>128</size><node>0</node></target>
</memory>
"""


@pytest.fixture
def oddly(odd: Lab, tmp_path: Path) -> Desk:
    """A person who plans for that host."""
    return Desk(odd, tmp_path)


def guest(cells: int, size: int) -> dict[str, Any]:
    """A guest of cells with so many MiB each, started with its maximum."""
    sizes = dict.fromkeys(("target", "maximum"), f"{cells * size} MiB")
    numbered = [{"cpus": str(i)} for i in range(cells)]
    return {
        "name": "odd",
        "machine": "q35",
        "cells": numbered,
        "boot": f"{cells * 128} MiB",
        **sizes,
    }


def test_a_plan_leaves_both_out(oddly: Desk) -> None:
    """Cells lie on the nodes that have memory and processors, as planned; the plan names the node
    that it leaves out."""
    before = oddly.lab.pools()
    problem = {"guests": [guest(2, 256)], "policies": [HUGE, {"kind": "balance"}]}
    plan = oddly.planned(problem)
    (planned,) = plan.guests
    assert {node for cell in planned.cells for node in cell.host_nodes} <= {0, 2}
    assert any(note.startswith("host node 3 has no CPUs and was left out") for note in plan.notes)
    assert plan.host is not None
    free_then(plan.host, before)
    oddly.start()
    guest_is_there(oddly.lab, planned)
    free_now(oddly.lab, plan.host)
    problem["policies"].append({"kind": "host-nodes", "distinct": True})
    assert oddly.planned(problem).guests[0].cells[1].host_nodes != planned.cells[0].host_nodes
    says = [c.says for c in oddly.refused({**problem, "guests": [guest(3, 256)]}).conflict]
    assert any("the host has 4 nodes, 3 without CPUs" in text for text in says)


def test_ordinary_memory_of_a_node_without_processors(oddly: Desk) -> None:
    """Asked for, it is used, and bound there."""
    problem = {
        "guests": [guest(1, 256)],
        "policies": [{"kind": "host-nodes", "nodes": "3"}, {"kind": "page-size", "size": "4 KiB"}],
    }
    plan = oddly.planned(problem)
    assert plan.guests[0].cells[0].host_nodes == (3,)
    oddly.start()
    found = anonymous(oddly.lab.numa_maps("odd"), oddly.lab.maps("odd"))
    assert [lies.policy for lies in found[128 * MiB]] == ["bind:3"] * 2


def test_huge_pages_of_a_node_without_processors(
    oddly: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    """QEMU 7.2 does not preallocate there as libvirt has it do it: no such plan is made, ``check``
    knows it, and it is so."""
    problem = {
        "guests": [guest(1, 256)],
        "policies": [HUGE, {"kind": "host-nodes", "nodes": "3"}],
    }
    file = oddly.file("problem.json", json.dumps(problem))
    assert main(["plan", file, *oddly.host()]) == 2
    assert NO_CPUS in capsys.readouterr().err
    assert NO_CPUS in _does_not_start(oddly, DOMAIN.format(nodes="3"))


def test_a_node_without_memory(oddly: Desk) -> None:
    """Nothing can be bound to it alone, and ``check`` says so in QEMU's words."""
    assert NO_MEMORY in _does_not_start(oddly, DOMAIN.format(nodes="1"))


@pytest.mark.parametrize(("nodes", "lies"), [("0-1", {0: 32}), ("1,3", {3: 32})])
def test_beside_a_node_that_has_it(oddly: Desk, nodes: str, lies: dict[int, int]) -> None:
    """One of the nodes has processors, one has memory: that will do."""
    xml = DOMAIN.format(nodes=nodes)
    assert _said(oddly, xml) == []
    oddly.lab.define(xml)
    oddly.lab.virsh("start", "odd", "--paused")
    policy = "bind:0" if nodes == "0-1" else "bind:3"
    assert backends(oddly.lab.numa_maps("odd")) == {"ram-node0": Lies(policy, PAGE, lies)}


def test_a_device_that_comes_later(oddly: Desk) -> None:
    """It is preallocated without such threads, so it can have huge pages of that node."""
    oddly.lab.define(DOMAIN.format(nodes="0"))
    oddly.lab.virsh("start", "odd", "--paused")
    oddly.lab.virsh("attach-device", "odd", oddly.file("device.xml", DEVICE), "--live")
    assert backends(oddly.lab.numa_maps("odd"))["memdimm0"] == Lies("bind:3", PAGE, {3: 64})


def _does_not_start(desk: Desk, xml: str) -> str:
    """What libvirt says of a domain, of which ``check`` must have said the same."""
    desk.lab.define(xml)
    with pytest.raises(LibvirtError) as refused:
        desk.lab.virsh("start", "odd", "--paused")
    assert _said(desk, xml)[0] in str(refused.value)
    return str(refused.value)


def _said(desk: Desk, xml: str) -> list[str]:
    """What ``slotsolver check`` says of a domain on this host."""
    code, violations = desk.checked(xml)
    assert bool(violations) == bool(code)
    return violations

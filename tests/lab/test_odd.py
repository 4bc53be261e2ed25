"""The host with a node without memory (1) and one without processors (3)."""

from __future__ import annotations

import json
import re
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
VIRTIO_MEM = """\
<memory model='virtio-mem'>
  <source><nodemask>3</nodemask></source>
  <target>
    <size unit='MiB'>128</size><node>0</node>
    <block unit='KiB'>2048</block><requested unit='KiB'>0</requested>
  </target>
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


def test_huge_pages_come_from_nodes_that_have_both(oddly: Desk) -> None:
    """Two cells that may not share a node lie on the two that have memory and processors; for three
    there is no plan, which is told by that."""
    before = oddly.lab.pools()
    policies = [HUGE, {"kind": "balance"}, {"kind": "host-nodes", "distinct": True}]
    plan = oddly.planned({"guests": [guest(2, 256)], "policies": policies})
    (planned,) = plan.guests
    assert sorted(cell.host_nodes for cell in planned.cells) == [(0,), (2,)]
    assert plan.host is not None
    free_then(plan.host, before)
    oddly.start()
    guest_is_there(oddly.lab, planned)
    free_now(oddly.lab, plan.host)
    answer = oddly.refused({"guests": [guest(3, 256)], "policies": policies})
    says = " ".join(member.says for member in answer.conflict)
    assert "the host has 4 nodes, 3 without CPUs and so without huge pages" in says


def test_ordinary_memory_of_a_node_without_processors(oddly: Desk) -> None:
    """It can be had there as long as it is not allocated at once."""
    policies = [{"kind": "host-nodes", "nodes": "3"}, {"kind": "page-size", "size": "4 KiB"}]
    plan = oddly.planned({"guests": [guest(1, 256)], "policies": policies})
    assert plan.guests[0].cells[0].host_nodes == (3,)
    oddly.start()
    found = anonymous(oddly.lab.numa_maps("odd"), oddly.lab.maps("odd"))
    assert [lies.policy for lies in found[128 * MiB]] == ["bind:3"] * 2


def test_ordinary_memory_that_is_allocated_at_once(
    oddly: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    """Is as little to be had as huge pages."""
    backing = "<allocation mode='immediate'/>"
    xml = re.sub("<hugepages>.*</hugepages>", backing, DOMAIN.format(nodes="3"))
    file = oddly.file("given.xml", xml)
    assert main(["plan", "--guest", file, "--target", "192MiB", *oddly.host()]) == 2
    assert NO_CPUS in capsys.readouterr().err
    assert NO_CPUS in _does_not_start(oddly, xml)


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


def test_a_virtio_mem_device(oddly: Desk) -> None:
    """It is not preallocated as a backend, so it can be there from the start."""
    xml = DOMAIN.format(nodes="0").replace("</devices>", f"{VIRTIO_MEM}</devices>")
    assert _said(oddly, xml) == []
    oddly.lab.define(xml)
    oddly.lab.virsh("start", "odd", "--paused")
    assert "bind:3" in oddly.lab.numa_maps("odd")


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

"""Domains that find too few pages: what ``slotsolver check`` says of them, libvirt says too."""

from __future__ import annotations

from collections import Counter

import pytest

from slotsolver.size import MiB
from tests.lab.compare import guest_is_there
from tests.lab.desk import Desk
from tests.lab.numa_maps import backends
from tests.real.libvirtd import LibvirtError

pytestmark = pytest.mark.lab

PAGE = 2 * MiB
DOMAIN = """\
<domain type='qemu'>
  <name>short</name>
  <maxMemory slots='4' unit='MiB'>1024</maxMemory>
  <memory unit='MiB'>1</memory>
  <memoryBacking><hugepages><page size='2' unit='MiB'/></hugepages></memoryBacking>
  <vcpu>1</vcpu>
  {tune}
  <os><type arch='x86_64' machine='q35'>hvm</type></os>
  <features><acpi/></features>
  <cpu><numa><cell id='0' cpus='0' memory='64' unit='MiB'/></numa></cpu>
  <devices>
    <memballoon model='none'/>
    <memory model='dimm'>
      {source}<target><size unit='MiB'>128</size><node>0</node></target>
    </memory>
  </devices>
</domain>
"""
MMAP = "unable to map backing store for guest RAM: Cannot allocate memory"
PREALLOCATION = "qemu_prealloc_mem: preallocating memory failed: Bad address"
AFFINITY = "Setting CPU affinity failed: Invalid argument"
BIND = "cannot bind memory to host NUMA nodes: Invalid argument"

CASES = {
    "one node": ("<memory mode='strict' nodeset='3'/>", "", MMAP),
    "one node of several": (
        "<memory mode='strict' nodeset='0-3'/><memnode cellid='0' mode='strict' nodeset='3'/>",
        "",
        PREALLOCATION,
    ),
    "one node without <memory>": (
        "<memnode cellid='0' mode='strict' nodeset='3'/>",
        "",
        PREALLOCATION,
    ),
    "the DIMM's own node": (
        "<memory mode='strict' nodeset='0,3'/><memnode cellid='0' mode='strict' nodeset='0'/>",
        "<source><nodemask>3</nodemask></source>",
        PREALLOCATION,
    ),
    "two nodes": ("<memory mode='strict' nodeset='2-3'/>", "", MMAP),
    "two nodes in turn, no others permitted": (
        "<memory mode='strict' nodeset='2-3'/>"
        "<memnode cellid='0' mode='interleave' nodeset='2-3'/>",
        "",
        MMAP,
    ),
    "two nodes in turn, others permitted": ("<memory mode='interleave' nodeset='2-3'/>", "", ""),
    "a node preferred": ("<memory mode='preferred' nodeset='3'/>", "", ""),
    "restricted to two nodes": (
        "<memory mode='restrictive' nodeset='2-3'/>"
        "<memnode cellid='0' mode='restrictive' nodeset='0'/>",
        "",
        MMAP,
    ),
    "restricted to many": (
        "<memory mode='restrictive' nodeset='0-3'/>"
        "<memnode cellid='0' mode='restrictive' nodeset='3'/>",
        "",
        "",
    ),
    "outside of <memory>": (
        "<memory mode='strict' nodeset='0'/><memnode cellid='0' mode='strict' nodeset='1'/>",
        "",
        BIND,
    ),
    "anywhere": ("", "", ""),
}
"""Numatune, the DIMM's source, and what QEMU prints, on a host that has 40 pages free on node 2 and
on node 3, and plenty elsewhere."""


ALL_OF = {"two nodes in turn, others permitted": {2: 40, 3: 40}, "a node preferred": {3: 40}}
"""Where the named nodes give all that they have, and others the rest."""


@pytest.mark.parametrize("name", CASES)
def test_what_is_said_of_short_pools(desk: Desk, name: str) -> None:
    """The guest takes 96 pages. Either nothing is wrong with it and it starts, or it does not start
    and QEMU prints what was said."""
    tune, source, expected = CASES[name]
    for node in (2, 3):
        desk.lab.reserve(node, PAGE, 40)
    tune = f"<numatune>{tune}</numatune>" if tune else ""
    xml = DOMAIN.format(tune=tune, source=source)
    _, said = desk.checked(xml)
    assert [text for text in said if text.endswith(expected)] == said
    assert bool(said) == bool(expected)
    desk.lab.define(xml)
    if expected:
        with pytest.raises(LibvirtError) as refused:
            desk.lab.virsh("start", "short", "--paused")
        assert expected in str(refused.value)
    else:
        desk.lab.virsh("start", "short", "--paused")
        found = backends(desk.lab.numa_maps("short"))
        assert sum(sum(lies.pages.values()) for lies in found.values()) == 96
        lying: Counter[int] = Counter()
        for lies in found.values():
            lying.update(lies.pages)
        assert ALL_OF.get(name, {}).items() <= lying.items()


@pytest.mark.parametrize("where", ["<vcpu cpuset='{}'>", "<cputune><emulatorpin cpuset='{}'/>"])
def test_where_qemus_threads_may_not_run(desk: Desk, where: str) -> None:
    """Pinned to the CPU of node 0, QEMU cannot preallocate on node 1 as libvirt has it; so such a
    guest is planned on node 0, and started, and is not let go elsewhere."""
    pinned = where.format(0) + ("1</vcpu>" if "<vcpu" in where else "</cputune>")
    vcpu = pinned if "<vcpu" in where else f"<vcpu>1</vcpu>{pinned}"
    xml = DOMAIN.format(tune="", source="").replace("<vcpu>1</vcpu>", vcpu)
    bound = "<numatune><memnode cellid='0' mode='strict' nodeset='1'/></numatune>"
    elsewhere = xml.replace("<os>", f"{bound}<os>")
    _, said = desk.checked(elsewhere)
    assert set(said) == {AFFINITY}
    desk.lab.define(elsewhere)
    with pytest.raises(LibvirtError, match=AFFINITY):
        desk.lab.virsh("start", "short", "--paused")
    desk.lab.forget("short")
    given = desk.file("given.xml", xml)
    plan = desk.planned(None, "--guest", given, "--target", "192MiB", "--maximum", "192MiB")
    assert plan.guests[0].cells[0].host_nodes == (0,)
    desk.start()
    guest_is_there(desk.lab, plan.guests[0])

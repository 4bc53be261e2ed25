"""libvirt's modes of binding, as the kernel carries them out."""

from __future__ import annotations

from collections import Counter

import pytest

from slotsolver.plan import Plan
from slotsolver.size import KiB, MiB
from tests.lab.compare import free_now
from tests.lab.desk import INFEASIBLE, Desk
from tests.lab.host import Lab
from tests.lab.numa_maps import Lies, anonymous, backends
from tests.real.domains import devices, domain_of, planned_devices

pytestmark = pytest.mark.lab

PAGE = 2 * MiB
BACKING = "<hugepages><page size='2' unit='MiB'{nodeset}/></hugepages>"
DOMAIN = """\
<domain type='qemu'>
  <name>modes</name>
  <maxMemory slots='8' unit='MiB'>2048</maxMemory>
  <memory unit='MiB'>1</memory>
  <memoryBacking>{backing}</memoryBacking>
  <vcpu>1</vcpu>
  <numatune>{tune}</numatune>
  <os><type arch='x86_64' machine='q35'>hvm</type></os>
  <features><acpi/></features>
  <cpu><numa>{cells}</numa></cpu>
  <devices><memballoon model='none'/></devices>
</domain>
"""


def started(desk: Desk, tune: str, sizes: list[int], *, backing: str, target: str) -> Plan:
    """A domain with cells of these sizes (MiB) is planned, started, and has the planned DIMMs."""
    xml = desk.file("modes.xml", _domain(tune, sizes, backing))
    plan = desk.planned(None, "--guest", xml, "--target", target, "--maximum", target)
    desk.start()
    live = domain_of(desk.lab.dumpxml("modes"))
    assert devices(live) == planned_devices(plan.guests[0])
    return plan


def _domain(tune: str, sizes: list[int], backing: str) -> str:
    """The domain's XML; the first cell has the only vCPU."""
    cpus = ["cpus='0'", *[""] * len(sizes)]
    cells = "".join(
        f"<cell id='{i}' {cpus[i]} memory='{size}' unit='MiB'/>" for i, size in enumerate(sizes)
    )
    return DOMAIN.format(backing=backing, tune=tune, cells=cells)


def lying(lab: Lab) -> dict[str, Lies]:
    """Where the backends on huge pages lie."""
    return backends(lab.numa_maps("modes"))


def both(cell: int, policy: str, pages: dict[int, int]) -> dict[str, Lies]:
    """The same for a cell of 128 MiB and its one DIMM of 128 MiB, which has the cell's number."""
    lies = Lies(policy, PAGE, pages)
    return {f"ram-node{cell}": lies, f"memdimm{cell}": lies}


def test_strict_preferred_interleave(desk: Desk) -> None:
    """One node strictly, one preferred, two and three in turn: pages and pools as planned."""
    tune = (
        "<memory mode='strict' nodeset='0-3'/>"
        "<memnode cellid='0' mode='strict' nodeset='3'/>"
        "<memnode cellid='1' mode='preferred' nodeset='1'/>"
        "<memnode cellid='2' mode='interleave' nodeset='0,2'/>"
        "<memnode cellid='3' mode='interleave' nodeset='1-3'/>"
    )
    backing = BACKING.format(nodeset="")
    plan = started(desk, tune, [128] * 4, backing=backing, target="1GiB")
    assert lying(desk.lab) == {
        **both(0, "bind:3", {3: 64}),
        **both(1, "prefer:1", {1: 64}),
        **both(2, "interleave:0,2", {0: 32, 2: 32}),
        **both(3, "interleave:1-3", {1: 22, 2: 21, 3: 21}),
    }
    assert plan.host is not None
    assert plan.notes == ()
    free_now(desk.lab, plan.host)


def test_each_node_gives_its_share_or_there_is_no_plan(desk: Desk) -> None:
    """Where a node has fewer pages than its turn, the kernel takes others than those planned; so
    that is not planned, though there are enough on both nodes together."""
    desk.lab.reserve(0, PAGE, 40)
    tune = "<memnode cellid='0' mode='interleave' nodeset='0,2'/>"
    xml = _domain(tune, [128], BACKING.format(nodeset=""))
    options = ["--guest", desk.file("modes.xml", xml), "--target", "256MiB", "--maximum", "256MiB"]
    code, _ = desk.answer(*options)
    assert code == INFEASIBLE
    desk.lab.define(xml)
    desk.lab.virsh("start", "modes", "--paused")
    assert lying(desk.lab)["ram-node0"].pages == {0: 32, 2: 32}
    device = desk.file(
        "device.xml",
        "<memory model='dimm'><target><size unit='MiB'>128</size><node>0</node></target></memory>",
    )
    desk.lab.virsh("attach-device", "modes", device, "--live")
    pages = lying(desk.lab)["memdimm0"].pages
    assert pages[0] == 8
    assert set(pages) > {0, 2}


def test_strictly_on_several_nodes(desk: Desk) -> None:
    """Pages come from those nodes and no other; from which, the kernel chooses, and the plan says
    so."""
    tune = "<memnode cellid='0' mode='strict' nodeset='1,3'/>"
    backing = BACKING.format(nodeset="")
    before = desk.lab.pools()
    plan = started(desk, tune, [256], backing=backing, target="384MiB")
    found = lying(desk.lab)
    assert {name: (lies.policy, sum(lies.pages.values())) for name, lies in found.items()} == {
        "ram-node0": ("bind:1,3", 128),
        "memdimm0": ("bind:1,3", 64),
    }
    (note,) = plan.notes
    assert "which of host nodes 1,3 pays for cell 0 is the kernel's choice" in note
    after = desk.lab.pools()
    taken = {place: before[place][1] - free for place, (_, free) in after.items()}
    assert set(+Counter(taken)) <= {(1, PAGE), (3, PAGE)}
    assert sum(taken.values()) == 192


def test_restrictive(desk: Desk) -> None:
    """No memory is bound, memnodes or not; it comes from where <memory> lets QEMU's threads take
    it, and the plan says no more than that."""
    tune = (
        "<memory mode='restrictive' nodeset='1-2'/>"
        "<memnode cellid='0' mode='restrictive' nodeset='1'/>"
        "<memnode cellid='1' mode='restrictive' nodeset='2'/>"
    )
    backing = BACKING.format(nodeset="")
    plan = started(desk, tune, [128] * 2, backing=backing, target="512MiB")
    assert [cell.host_nodes for cell in plan.guests[0].cells] == [(1, 2)] * 2
    (note,) = plan.notes
    assert "which of host nodes 1-2 pays for cell 0, 1 is the kernel's choice, since mode" in note
    found = lying(desk.lab)
    assert {lies.policy for lies in found.values()} == {"default"}
    assert {node for lies in found.values() for node in lies.pages} <= {1, 2}
    assert sum(sum(lies.pages.values()) for lies in found.values()) == 256


def test_ordinary_pages(desk: Desk) -> None:
    """4 KiB pages lie on the planned nodes too, here all of them touched at the start; each cell
    has a size of its own, by which its mapping is found. Interleaved they come in chunks of 2 MiB,
    so of 65 chunks one node gives 33."""
    tune = (
        "<memnode cellid='0' mode='strict' nodeset='2'/>"
        "<memnode cellid='1' mode='preferred' nodeset='3'/>"
        "<memnode cellid='2' mode='interleave' nodeset='0,2'/>"
    )
    sizes = [128, 132, 130]
    backing = "<allocation mode='immediate'/>"
    total = sum(sizes) + 256
    plan = started(desk, tune, sizes, backing=backing, target=f"{total}MiB")
    found = anonymous(desk.lab.numa_maps("modes"), desk.lab.maps("modes"))
    chunk = 2 * MiB // (4 * KiB)
    assert found[132 * MiB] == [Lies("prefer:3", 4 * KiB, {3: 66 * chunk})]
    assert found[130 * MiB] == [Lies("interleave:0,2", 4 * KiB, {0: 33 * chunk, 2: 32 * chunk})]
    policies = {2: "bind:2", 3: "prefer:3"}
    strict = Lies("bind:2", 4 * KiB, {2: 64 * chunk})
    dimms = [d for d in plan.guests[0].dimms if d.state == "plugged"]
    assert sorted(d.size for d in dimms) == [128 * MiB] * 2
    expected = [strict]
    for dimm in dimms:
        (node, *others) = dimm.host_nodes
        if others:
            expected.append(Lies("interleave:0,2", 4 * KiB, {0: 32 * chunk, 2: 32 * chunk}))
        else:
            expected.append(Lies(policies[node], 4 * KiB, {node: 64 * chunk}))
    assert Counter(map(str, found[128 * MiB])) == Counter(map(str, expected))
    (note,) = plan.notes
    assert "which of host nodes 0,2 pays for cell 2 is the kernel's choice" in note

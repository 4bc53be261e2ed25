"""A guest that runs on the host of four nodes: its kernel has the memory where it was planned."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from slotsolver.plan import Plan, PlannedGuest
from slotsolver.size import MiB
from tests.lab.compare import free_now, guest_is_there
from tests.lab.desk import Desk
from tests.lab.guest import SECONDS, LabLinux, linux_in
from tests.lab.host import Lab
from tests.real.domains import THERE, Running

pytestmark = pytest.mark.lab

DOMAIN = """\
<domain type='qemu'>
  <name>runs</name>
  <maxMemory slots='8' unit='MiB'>1536</maxMemory>
  <memory unit='MiB'>1</memory>
  <memoryBacking><hugepages><page size='2' unit='MiB'/></hugepages></memoryBacking>
  <vcpu>1</vcpu>
  <os><type arch='x86_64' machine='pc'>hvm</type>{boot}</os>
  <features><acpi/></features>
  <cpu><numa>
    <cell id='0' cpus='0' memory='256' unit='MiB'/>
    <cell id='1' memory='128' unit='MiB'/>
    <cell id='2' memory='128' unit='MiB'/>
  </numa></cpu>
  <devices>{serial}<memballoon model='none'/></devices>
</domain>
"""
BLOCK = 128 * MiB


@dataclass
class Booted(Running):
    """The guest, which runs."""

    linux: LabLinux | None = None

    def is_as_planned(self, plan: Plan) -> None:
        """Its kernel, libvirt, the kernel of the host and its pools say what the plan says."""
        (planned,) = plan.guests
        assert self.linux is not None
        assert self.linux.has(memory(planned), block=BLOCK)
        assert isinstance(self.daemon, Lab)
        guest_is_there(self.daemon, planned)
        assert plan.host is not None
        free_now(self.daemon, plan.host)

    def resized(self, *options: str) -> Plan:
        """Another size."""
        plan = self.resize(*options)
        self.done(plan, timeout=int(SECONDS))
        self.is_as_planned(plan)
        return plan


def memory(planned: PlannedGuest) -> dict[int, int]:
    """Bytes that each cell has when everything is done."""
    found = {cell.id: cell.boot for cell in planned.cells}
    for dimm in planned.dimms:
        if dimm.state in THERE:
            found[dimm.cell] += dimm.size
    return found


@pytest.fixture
def booted(desk: Desk, tmp_path: Path) -> Booted:
    """The guest, planned on three host nodes, its Linux up."""
    linux = linux_in(desk.lab, tmp_path)
    xml = desk.file("given.xml", DOMAIN.format(boot=linux.boot, serial=linux.serial))
    wishes = ["--target", "768MiB", "--maximum", "1536MiB"]
    wishes += ["--policy", "host-nodes=1-3,distinct:true", "--policy", "balance=equal"]
    plan = desk.planned(None, "--guest", xml, *wishes)
    desk.start(paused=False)
    running = Booted(desk.lab, "runs", tmp_path, linux=linux)
    running.is_as_planned(plan)
    return running


def test_a_running_guest(booted: Booted) -> None:
    """It boots with what was planned for each cell, gets more on one, gives some of another back,
    and by the device's file alone."""
    plan = booted.resized("--cell", "0=256MiB", "--cell", "1=256MiB", "--cell", "2=512MiB")
    assert {o.do for o in plan.guests[0].operations} == {"plug"}
    plan = booted.resize("--to", "896MiB")
    assert [o.do for o in plan.guests[0].operations] == ["unplug"]
    device = str(booted.out / "device-1.xml")
    booted.daemon.virsh("detach-device", booted.name, device, "--live")
    booted.is_as_planned(plan)

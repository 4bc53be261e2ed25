"""Domains whose guest runs: a Linux that gives memory back, through a real libvirt."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from slotsolver.plan import Plan
from slotsolver.size import MiB
from tests.real.conftest import absent
from tests.real.debian import NoLinuxError
from tests.real.domains import Facts, Running, devices, domain_of, lacking, planned_devices
from tests.real.libvirtd import TIMEOUT_SECONDS, Libvirtd, LibvirtError
from tests.real.linux import COMMAND_LINE, VIRTIO_MEM, Linux, linux

DOMAIN = """\
<domain type='qemu'>
  <name>db 1</name>
  <maxMemory slots='8' unit='KiB'>4194304</maxMemory>
  <memory unit='KiB'>1</memory>
  <vcpu>2</vcpu>
  <os>
    <type arch='x86_64' machine='q35'>hvm</type>
    <kernel>{linux.kernel}</kernel>
    <initrd>{linux.initramfs}</initrd>
    <cmdline>{command_line}{linux.online}</cmdline>
  </os>
  <features><acpi/></features>
  <cpu mode='maximum'>
    <numa>
      <cell id='0' cpus='0' memory='524288'/>
      <cell id='1' cpus='1' memory='262144'/>
    </numa>
  </cpu>
  <devices>
    <serial type='file'><source path='{linux.console}'/></serial>
    <memballoon model='virtio'/>
    <memory model='dimm'>
      <target><size unit='KiB'>261120</size><node>0</node></target>
    </memory>
    <memory model='virtio-mem'>
      <target>
        <size unit='KiB'>1048576</size>
        <node>1</node>
        <block unit='KiB'>2048</block>
        <requested unit='KiB'>131072</requested>
      </target>
    </memory>
    <memory model='dimm'>
      <target><size unit='KiB'>262144</size><node>1</node></target>
      <address type='dimm' slot='3'/>
    </memory>
  </devices>
</domain>
"""
"""Emulated, for KVM may be nested; its DIMMs have no bases and one an odd size."""


@dataclass
class Booted(Running):
    """A domain whose guest runs."""

    guest: Linux | None = None

    def has(self, size: int) -> bool:
        """Whether the guest's kernel comes to have so much memory online, and has refused none."""
        assert self.guest is not None
        return self.guest.until(size).memory == size and self.guest.refusals() == []

    def heard(self) -> bool:
        """Whether libvirt comes to know all that its virtio-mem gives: it hears of it by an event
        of QEMU, later than the guest's kernel."""
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while lacking(domain_of(self.daemon.dumpxml(self.name))):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.1)
        return True

    def live(self) -> list[Facts]:
        """The devices that libvirt says it has."""
        return devices(domain_of(self.daemon.dumpxml(self.name)))

    def resized(self, *options: str) -> Plan:
        """Another size, in libvirt and in the guest."""
        plan = self.resize(*options, qmp=True)
        self.done(plan)
        assert self.has(plan.guests[0].memory)
        return plan


@pytest.fixture
def booted(libvirtd: Libvirtd, tmp_path: Path) -> Iterator[Booted]:
    """The domain, its Linux up."""
    try:
        guest = linux(tmp_path, online="online_movable", modules=VIRTIO_MEM)
    except NoLinuxError as error:
        absent("Linux", str(error))
        raise
    libvirtd.define(DOMAIN.format(linux=guest, command_line=COMMAND_LINE))
    libvirtd.virsh("start", "db 1")
    running = Booted(libvirtd, "db 1", tmp_path, guest=guest)
    assert running.has((768 + 255 + 1 + 256 + 128) * MiB)
    yield running
    libvirtd.forget("db 1")


def kinds(plan: Plan) -> list[str]:
    """What is done, in order."""
    return [operation.do for operation in plan.guests[0].operations]


def test_resizes(booted: Booted) -> None:
    """Up and down, by DIMMs and by virtio-mem, with a swap and holes; then started anew.

    What stays has no base in the stored XML, and the virtio-mem device never has one: at the start
    they would take the place of DIMMs that came later, if nothing were done about it.
    """
    plan = booted.resized("--to", "1GiB")
    assert kinds(plan) == ["unplug", "resize"]
    cells = ["--cell", "0=768MiB", "--cell", "1=256MiB"]
    plan = booted.resized(*cells, "--policy", "device=dimm")
    assert kinds(plan) == ["unplug", "plug"]
    plan = booted.resized("--to", "1280MiB", "--policy", "device=dimm")
    assert kinds(plan) == ["plug"]
    assert {"base": 4 << 30}.items() <= planned_devices(plan.guests[0])[0].items()
    dimms = [d for d in planned_devices(plan.guests[0]) if "slot" in d]
    assert [d for d in devices(booted.start_anew()) if "slot" in d] == dimms


def test_a_resize_by_hand_and_a_move(booted: Booted) -> None:
    """The device files alone do as well, and the guest goes on elsewhere as it was planned; but not
    when its virtio-mem device has lost the DIMM in front of it."""
    booted.migratable = True
    same = booted.file("same.xml", booted.daemon.capabilities())
    plan = booted.resize("--to", "1536MiB", "--policy", "device=virtio-mem", "--also-host", same)
    assert kinds(plan) == ["resize"]
    device = str(booted.out / "device-1.xml")
    booted.daemon.virsh("update-device", booted.name, device, "--live")
    assert booted.has(plan.guests[0].memory)
    assert booted.heard()
    assert booted.live() == planned_devices(plan.guests[0])
    booted.move(state="--running")
    assert booted.live() == planned_devices(plan.guests[0])
    assert booted.daemon.virsh("domstate", booted.name).strip() == "running"
    wishes = ["--policy", "keep=3", "--policy", "device=dimm", "--also-host", same]
    plan = booted.resize("--to", "1280MiB", *wishes)
    assert [o.slot for o in plan.guests[0].operations] == [0]
    booted.carry_out()
    assert booted.live() == planned_devices(plan.guests[0])
    assert not (booted.out / "destination-1.xml").exists()
    image = str(booted.folder / "image")
    booted.daemon.virsh("save", booted.name, image)
    with pytest.raises(LibvirtError, match="Property 'memaddr' changed from 0x110000000 to 0x100"):
        booted.daemon.virsh("restore", image)

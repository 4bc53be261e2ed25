"""Running domains are resized through a real libvirt by the script that is written for them."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from slotsolver.plan import Plan
from slotsolver.size import KiB, MiB
from tests.real.domains import Running, devices, domain_of, planned_devices
from tests.real.libvirtd import Libvirtd

EVERY_RUN = settings(
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=True,
    database=None,
    phases=(Phase.generate,),  # to shrink what fails would take many minutes
)
NAMES = ("guest", "web 17's", "7", 'a\\b"c', "ü ✓", "$(x)", "a;b")

DOMAIN = """\
<domain type='{type}'>
  <name>{name}</name>
  <maxMemory slots='{slots}' unit='KiB'>{maximum}</maxMemory>
  <memory unit='KiB'>1</memory>
  <vcpu>{vcpus}</vcpu>
  {os}
  <features><acpi/></features>
  <cpu{cpu}><numa>{cells}</numa></cpu>
  <devices>
    <memballoon model='{balloon}'/>
    {devices}
  </devices>
</domain>
"""
OS = "<os><type arch='x86_64' machine='q35'>hvm</type></os>"


def dimm(kib: int, node: int, slot: int | None = None, base: int | None = None) -> str:
    """A DIMM as a person writes it, with or without a slot and a base."""
    place = f" base='{base:#x}'" if base else ""
    address = "" if slot is None else f"<address type='dimm' slot='{slot}'{place}/>"
    return (
        f"<memory model='dimm'><target><size unit='KiB'>{kib}</size><node>{node}</node></target>"
        f"{address}</memory>"
    )


def virtio(kib: int, node: int, requested: int) -> str:
    """A virtio-mem device."""
    return (
        f"<memory model='virtio-mem'><target><size unit='KiB'>{kib}</size><node>{node}</node>"
        f"<block unit='KiB'>2048</block><requested unit='KiB'>{requested}</requested></target>"
        f"</memory>"
    )


def shape(cells: list[int], *devices: str, **fields: Any) -> dict[str, Any]:
    """The fields of a domain with cells of so many KiB."""
    numa = "".join(f"<cell id='{i}' cpus='{i}' memory='{kib}'/>" for i, kib in enumerate(cells))
    usual = {"name": "guest", "slots": 8, "maximum": 5 * 1024 * 1024, "os": OS, "cpu": ""}
    usual |= {"balloon": "virtio"}
    made = {"vcpus": len(cells), "cells": numa, "devices": "".join(devices)}
    return {**usual, **made, **fields}


@st.composite
def shapes(draw: Any) -> dict[str, Any]:
    """Domains of up to three cells and some devices, sizes odd or even, addresses given or not."""
    count = draw(st.integers(1, 3))
    cells = [draw(st.sampled_from([131072, 262144, 261121])) for _ in range(count)]
    node = st.integers(0, count - 1)
    size = st.sampled_from([131072, 262144, 129025])
    slots = draw(st.permutations(range(6)))
    found = [dimm(draw(size), draw(node)) for _ in range(draw(st.integers(0, 2)))]
    found += [
        dimm(draw(size), draw(node), slots[i], draw(st.sampled_from([None, (8 + i) << 30])))
        for i in range(draw(st.integers(0, 2)))
    ]
    if draw(st.booleans()):
        found.insert(0, virtio(524288, draw(node), draw(st.sampled_from([0, 65536]))))
    return shape(
        cells,
        *sorted(found, key=lambda device: "base=" not in device),
        name=draw(st.sampled_from(NAMES)),
        slots=draw(st.integers(7, 12)),
        balloon=draw(st.sampled_from(["virtio", "none"])),
    )


def started(libvirtd: Libvirtd, kind: str, folder: Path, fields: dict[str, Any]) -> Running:
    """The domain, defined and started, paused."""
    name = fields["name"]
    escaped = name.replace("&", "&amp;")
    libvirtd.define(DOMAIN.format(**{**fields, "type": kind, "name": escaped}))
    libvirtd.virsh("start", "--paused", f"--domain={name}")
    return Running(libvirtd, name, folder)


@settings(EVERY_RUN, max_examples=6)
@given(fields=shapes(), qmp=st.booleans(), migratable=st.booleans(), growth=st.integers(1, 8))
def test_a_paused_domain_grows_as_planned(
    libvirtd: Libvirtd,
    domain_type: str,
    tmp_path_factory: pytest.TempPathFactory,
    fields: dict[str, Any],
    qmp: bool,
    migratable: bool,
    growth: int,
) -> None:
    """Twice, from its live or migratable XML, with or without QEMU's answers; then it is started
    anew from its stored XML, and all DIMMs are where they were."""
    guest = started(libvirtd, domain_type, tmp_path_factory.mktemp("grows"), fields)
    guest.migratable = migratable
    try:
        for step in (growth, growth + 1):
            # Where a virtio-mem device lies only QEMU can tell.
            plan = grown(guest, step * 128 * MiB, qmp=qmp or "virtio" in fields["devices"])
            guest.done(plan)
        dimms = [d for d in planned_devices(plan.guests[0]) if "slot" in d]
        assert [d for d in devices(guest.start_anew()) if "slot" in d] == dimms
    finally:
        libvirtd.forget(guest.name)


def grown(guest: Running, by: int, *, qmp: bool = False) -> Plan:
    """The plan to have so much more, by DIMMs."""
    live = domain_of(guest.daemon.virsh("dumpxml", f"--domain={guest.name}"))
    now = sum(c.memory_kib or 0 for c in live.cells)
    now += sum(d.requested_kib or (d.size_kib or 0) * (d.model == "dimm") for d in live.devices)
    plan = guest.resize(
        *("--to", f"{now * KiB + by}B", "--accept", "nearest", "--policy", "device=dimm"), qmp=qmp
    )
    assert {operation.do for operation in plan.guests[0].operations} == {"plug"}
    return plan


def test_a_plug_that_fails_midway(libvirtd: Libvirtd, domain_type: str, tmp_path: Path) -> None:
    """Somebody else was faster: what was done before stays, the rest is not tried, and told."""
    guest = started(libvirtd, domain_type, tmp_path, shape([262144, 262144]))
    (planned,) = guest.resize("--cell", "0=512MiB", "--cell", "1=512MiB").guests
    assert [operation.do for operation in planned.operations] == ["plug", "plug"]
    second = planned.operations[1]
    other = dimm(131072, 0, second.slot, 8 << 30)
    libvirtd.virsh("attach-device", "guest", "/dev/stdin", "--live", stdin=other)
    finished = guest.carry_out()
    assert finished.returncode == 1
    assert finished.stdout.count("\n") == 1
    assert "is already being used by another memory device" in finished.stderr
    assert finished.stderr.splitlines()[-2:] == [
        f"guest: plug 256 MiB in slot {second.slot}, cell {second.cell}: failed",
        "guest: stopped; 1 of 2 operations are done",
    ]
    first = [d for d in planned_devices(planned) if d["slot"] != second.slot]
    assert [
        d for d in devices(domain_of(libvirtd.dumpxml("guest"))) if d["size"] > 128 * MiB
    ] == first
    assert devices(domain_of(libvirtd.dumpxml("guest", live=False))) == first


def test_a_guest_that_never_answers(libvirtd: Libvirtd, domain_type: str, tmp_path: Path) -> None:
    """A paused guest gives nothing back: it is waited for, then told, and nothing else is done."""
    fields = shape([262144], dimm(262144, 0), dimm(131072, 0))
    guest = started(libvirtd, domain_type, tmp_path, fields)
    before = [libvirtd.dumpxml("guest", live=live) for live in (True, False)]
    (planned,) = guest.resize("--to", "256MiB").guests
    assert [operation.do for operation in planned.operations] == ["unplug", "unplug"]
    finished = guest.carry_out(timeout=1)
    assert (finished.returncode, finished.stdout) == (1, "")
    slot, size = planned.operations[0].slot, planned.operations[0].size // MiB
    assert finished.stderr.splitlines() == [
        f"guest: unplug {size} MiB in slot {slot}, cell 0: the guest has not done so in 1 s",
        "guest: stopped; 0 of 2 operations are done",
    ]
    live, stored = (domain_of(libvirtd.dumpxml("guest", live=live)) for live in (True, False))
    assert devices(live) == devices(domain_of(before[0]))
    assert [d["slot"] for d in devices(stored) if "slot" in d] == [0, 1]
    libvirtd.virsh(
        "update-device", "guest", str(guest.out / "../virtio.xml"), "--live"
    ) if 0 else None


def test_a_transient_domain(libvirtd: Libvirtd, domain_type: str, tmp_path: Path) -> None:
    """What is not stored is resized as it runs."""
    xml = DOMAIN.format(**shape([262144], dimm(131072, 0), name="gone"), type=domain_type)
    libvirtd.virsh("create", "--paused", guest_file(tmp_path, xml))
    guest = Running(libvirtd, "gone", tmp_path)
    plan = grown(guest, 256 * MiB)
    finished = guest.carry_out()
    assert (finished.returncode, finished.stderr) == (0, "")
    assert devices(domain_of(libvirtd.dumpxml("gone"))) == planned_devices(plan.guests[0])


def guest_file(folder: Path, xml: str) -> str:
    """The XML as a file."""
    path = folder / "domain.xml"
    path.write_text(xml)
    return str(path)


@pytest.mark.parametrize(
    ("old", "new"), [("slots='8'", "slots='6'"), ("memory='262144'", "memory='524288'")]
)
def test_a_stored_domain_that_is_another(
    libvirtd: Libvirtd, domain_type: str, tmp_path: Path, old: str, new: str
) -> None:
    """Where the next start has another frame, what is done now is not stored, and that is said."""
    guest = started(libvirtd, domain_type, tmp_path, shape([262144], dimm(131072, 0)))
    stored = libvirtd.dumpxml("guest", live=False)
    assert stored.count(old) == 1
    libvirtd.define(stored.replace(old, new))
    stored = libvirtd.dumpxml("guest", live=False)
    plan = grown(guest, 256 * MiB)
    finished = guest.carry_out()
    assert finished.returncode == 0
    assert finished.stderr == (
        "guest: the stored XML is for another machine, slots, maximum or cells; it stays as it is\n"
    )
    assert devices(domain_of(libvirtd.dumpxml("guest"))) == planned_devices(plan.guests[0])
    assert libvirtd.dumpxml("guest", live=False) == stored


def test_pages_that_a_resize_takes(
    hugepages: ModuleType, libvirtd: Libvirtd, domain_type: str, tmp_path: Path
) -> None:
    """Exactly those that were planned, from the pool of the cell's page size."""
    pages = "<memoryBacking><hugepages><page size='2048' nodeset='1'/></hugepages></memoryBacking>"
    fields = shape([262144, 131072], dimm(131072, 1), os=pages + OS)
    guest = started(libvirtd, domain_type, tmp_path, fields)
    for sizes in (("384MiB", "512MiB"), ("512MiB", "768MiB")):
        plan = guest.resize("--cell", f"0={sizes[0]}", "--cell", f"1={sizes[1]}", qmp=True)
        guest.done(plan)
        use = plan.host
        assert use is not None
        (pool,) = (pool for pool in use.nodes[0].pools if pool.page_size == 2 * MiB)
        taken = sum(op.size for op in plan.guests[0].operations if op.cell == 1)
        assert pool.free_before - pool.free_after == taken // (2 * MiB) > 0
        assert hugepages.free(2 * MiB) == pool.free_after

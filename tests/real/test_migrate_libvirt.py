"""Destinations, as a real libvirt takes them or not.

A guest that is saved and restored goes the way of a migration: libvirt compares the XML that it is
restored as with the one that it was saved as by the same rules, and QEMU loads the same stream.
Hosts of several nodes, and a migration over a network, are in :mod:`tests.lab`.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from types import ModuleType

import pytest

from slotsolver import InputError
from slotsolver.checker import check_migration
from slotsolver.cli import main
from slotsolver.size import MiB
from tests.checker.migration_faults import SEVERAL
from tests.checker.migrations import FREE, INVALID, NVDIMM_FILE, REFUSED, RUNNING, moved
from tests.real.conftest import absent
from tests.real.domains import Running, domain_of
from tests.real.libvirtd import Libvirtd, LibvirtError

LIBVIRT_SAYS = re.compile(r"Failed to restore domain from .*\nerror: (.*)", re.DOTALL)

FAULTS = {
    **{name: replacements for name, (replacements, _) in REFUSED.items()},
    **{name: replacements for name, (replacements, _) in INVALID.items()},
}
"""Every change that a destination must not have."""

PAGES = [name for name in FREE if "pages" in name]
"""What may differ, but needs huge pages to be had."""


@dataclass
class Saved:
    """The running guest of ``tests/checker/migrations.py``, saved by a real libvirt.

    ``source`` is its migratable XML, in which the nvdimm's file has its usual name.
    """

    daemon: Libvirtd
    folder: Path
    source: str = ""

    def save(self) -> None:
        """Start the guest and save it."""
        nvdimm = self.folder / "nvdimm"
        nvdimm.touch()
        os.truncate(nvdimm, 128 * MiB)
        self.daemon.start_paused(self.daemon.define(self.real(RUNNING)))
        source = self.daemon.virsh("dumpxml", "--migratable", "moving")
        self.source = source.replace(str(nvdimm), NVDIMM_FILE)
        self.daemon.virsh("save", "moving", str(self.folder / "image"))

    def real(self, xml: str) -> str:
        """The XML with the file of the nvdimm that is here."""
        return xml.replace(NVDIMM_FILE, str(self.folder / "nvdimm"))

    def restored_as(self, target: str) -> str:
        """What libvirt says when the guest is to be restored as ``target``; '' if it was."""
        (self.folder / "target.xml").write_text(self.real(target))
        line = [str(self.folder / "image"), "--xml", str(self.folder / "target.xml"), "--paused"]
        try:
            self.daemon.virsh("restore", *line)
        except LibvirtError as error:
            return LIBVIRT_SAYS.sub(r"\1", str(error))
        self.daemon.virsh("destroy", "moving")
        return ""


@pytest.fixture(scope="module")
def saved(
    session_libvirtd: Libvirtd | str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Saved]:
    """The guest, saved once for all; a saved guest can be restored any number of times."""
    if isinstance(session_libvirtd, str):
        absent("libvirtd", session_libvirtd)
    assert isinstance(session_libvirtd, Libvirtd)
    guest = Saved(session_libvirtd, tmp_path_factory.mktemp("saved"))
    guest.save()
    yield guest
    session_libvirtd.forget("moving")


def first_text(source: str, target: str) -> str:
    """What the checker says first."""
    found = check_migration(domain_of(source), domain_of(target))
    return found[0].says if found else ""


@pytest.mark.parametrize("name", [*FAULTS, *SEVERAL])
def test_refused_with_our_text(saved: Saved, name: str) -> None:
    """``virsh restore --xml`` prints the checker's first text, word for word."""
    replacements = FAULTS[name] if name in FAULTS else SEVERAL[name][0]
    target = moved(replacements, saved.source)
    said = first_text(saved.source, target)
    assert said
    assert saved.restored_as(target) == said


def test_two_changes_at_once(saved: Saved) -> None:
    """Of any two changes the one that libvirt notices first is told first; every twelfth pair."""
    tried = 0
    for one, other in list(combinations(FAULTS, 2))[::12]:
        try:
            target = moved(FAULTS[other], moved(FAULTS[one], saved.source))
            said = first_text(saved.source, target)
        except (AssertionError, InputError):  # both change the same, or leave no XML
            continue
        assert saved.restored_as(target) == said, (one, other)
        tried += 1
    assert tried > 30


@pytest.mark.parametrize("name", [name for name in FREE if name not in PAGES])
def test_taken(saved: Saved, name: str) -> None:
    """What may differ is restored, and the checker has nothing to say."""
    target = moved(FREE[name], saved.source)
    assert first_text(saved.source, target) == ""
    assert saved.restored_as(target) == ""


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.usefixtures("hugepages")
def test_taken_on_other_pages(saved: Saved, name: str) -> None:
    """The same for huge pages of the destination."""
    target = moved(FREE[name], saved.source)
    assert first_text(saved.source, target) == ""
    assert saved.restored_as(target) == ""


MOVING = """\
<domain type='{type}'>
  <name>two hosts</name>
  <maxMemory slots='8' unit='MiB'>2048</maxMemory>
  <memory unit='MiB'>1</memory>
  <vcpu>2</vcpu>
  <os><type arch='x86_64' machine='q35'>hvm</type></os>
  <features><acpi/></features>
  <cpu{cpu}>
    <numa>
      <cell id='0' cpus='0' memory='256' unit='MiB'/>
      <cell id='1' cpus='1' memory='128' unit='MiB'/>
    </numa>
  </cpu>
  <devices>
    <memory model='dimm'>
      <target><size unit='MiB'>128</size><node>1</node></target>
    </memory>
    <memory model='dimm'>
      <target><size unit='KiB'>130049</size><node>0</node></target>
      <address type='dimm' slot='5'/>
    </memory>
  </devices>
</domain>
"""
"""A guest that is moved from host to host; one of its DIMMs is of an odd size."""


def capabilities(daemon: Libvirtd, size: int) -> str:
    """This machine as libvirt sees it, but with pages of this size (KiB) alone."""
    text = daemon.capabilities()
    counts = {int(kib): int(n) for kib, n in PAGES_OF_NODE.findall(text)}
    text = PAGES_OF_NODE.sub(
        lambda found: (
            f"<pages unit='KiB' size='{found[1]}'>{counts[size] * (found[1] == str(size))}<"
        ),
        text,
    )
    return re.sub(r"(<memory unit='KiB'>)\d+<", rf"\g<1>{counts[size] * size}<", text)


PAGES_OF_NODE = re.compile(r"<pages unit='KiB' size='(\d+)'>(\d+)<")


CPUS = {"kvm": "", "qemu": " mode='maximum'"}
"""CPUs by the type of the domain: in a live XML one is as QEMU made it, one as it was asked for."""


@pytest.mark.parametrize("kind", CPUS)
def test_from_pages_to_pages(
    hugepages: ModuleType, libvirtd: Libvirtd, domain_type: str, tmp_path: Path, kind: str
) -> None:
    """A guest grows, goes to a host with 2 MiB pages only, grows, and comes back to 4 KiB ones. The
    migratable XML always will do, the live one where it has the CPU that was asked for."""
    kind = kind if domain_type == "kvm" else "qemu"
    libvirtd.start_paused(libvirtd.define(MOVING.format(type=kind, cpu=CPUS[kind])))
    guest = Running(libvirtd, "two hosts", tmp_path, migratable=not CPUS[kind])
    for size, page in (("768MiB", 2048), ("896MiB", 4)):
        other = guest.file("other.xml", capabilities(libvirtd, page))
        plan = guest.resize("--to", size, "--also-host", other)
        guest.done(plan)
        assert check_cli(guest) == []
        guest.move()
        guest.compare(plan.guests[0])
        (destination,) = plan.destinations
        assert {cell.page_size >> 10 for cell in destination.guests[0].cells} == {page}
        (pool,) = (p for p in destination.use.nodes[0].pools if p.page_size == 2 * MiB)
        left = hugepages.free(2 * MiB)
        assert hugepages.total(2 * MiB) - left == pool.free_before - pool.free_after


def check_cli(guest: Running) -> list[str]:
    """What ``slotsolver check --migration-from`` says of the plan's destination, texts only."""
    source = guest.daemon.virsh("dumpxml", f"--domain={guest.name}", "--migratable")
    target, found = guest.out / "destination-1.xml", guest.folder / "found.json"
    line = ["--migration-from", guest.file("source.xml", source), "--format", "json"]
    with found.open("w") as output, pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stdout", output)
        code = main(["check", str(target), *line])
    texts = [violation["says"] for violation in json.loads(found.read_text())["violations"]]
    assert code == (3 if texts else 0)
    return texts


def test_a_live_cpu_is_not_given_to_another_host(
    libvirtd: Libvirtd, domain_type: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The XML of a running guest has a CPU that libvirt does not take back: nothing is written."""
    libvirtd.start_paused(libvirtd.define(MOVING.format(type=domain_type, cpu="")))
    guest = Running(libvirtd, "two hosts", tmp_path)
    assert "check='full'" in libvirtd.dumpxml(guest.name)
    guest.resize("--to", "768MiB", "--also-host", guest.file("same.xml", libvirtd.capabilities()))
    told = capsys.readouterr().err
    assert "guest two hosts: destination-1.xml is not written: its live XML has the CPU" in told
    assert not (guest.out / "destination-1.xml").exists()
    live = guest.file("live.xml", libvirtd.dumpxml(guest.name))
    libvirtd.virsh("save", guest.name, str(tmp_path / "image"))
    with pytest.raises(LibvirtError, match="Target CPU check full does not match source none"):
        libvirtd.virsh("restore", str(tmp_path / "image"), "--xml", live)

"""Domains that run in the private libvirtd and are resized: asked, planned, done, compared.

All goes the way that a person goes: what virsh prints is given to ``slotsolver resize``, and the
``operations.sh`` that it writes is run by ``sh`` with the real virsh.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slotsolver.cli import main
from slotsolver.ingest.domain import Domain, read_domain
from slotsolver.ingest.qmp_session import QUERIES
from slotsolver.plan import Plan, PlannedGuest
from slotsolver.size import KiB
from tests.real.libvirtd import ENVIRONMENT, TIMEOUT_SECONDS, Libvirt

THERE = ("present", "plug", "plugged")
"""States of the DIMMs that a guest has when everything is done."""

MEMORY_DEVICES = '{"execute": "query-memory-devices"}'

Facts = dict[str, Any]


class Files:
    """A folder of files, those of the last plan in a folder of their own."""

    folder: Path

    @property
    def out(self) -> Path:
        """Where the last plan's files are."""
        return self.folder / "out"

    def file(self, name: str, text: str) -> str:
        """A text as a file; its path."""
        path = self.folder / name
        path.write_text(text)
        return str(path)


@dataclass
class Running(Files):
    """A domain that runs, and the folder for all files about it."""

    daemon: Libvirt
    name: str
    folder: Path
    migratable: bool = False

    def sources(self, *, qmp: bool) -> list[str]:
        """Options of ``slotsolver`` for the guest and its host as virsh shows them now."""
        form = ["--migratable"] if self.migratable else []
        xml = self.daemon.virsh("dumpxml", f"--domain={self.name}", *form)
        options = ["--guest", self.file("guest.xml", xml)]
        options += ["--host", self.file("capabilities.xml", self.daemon.capabilities())]
        options += ["--free", self.file("free.txt", self.daemon.virsh("freepages", "--all"))]
        if qmp or self.migratable:
            for query in QUERIES:
                command = f'{{"execute": "{query}"}}'
                answer = self.daemon.virsh("qemu-monitor-command", self.name, command)
                options += ["--qmp", self.file(f"{query}.json", answer)]
        return options

    def resize(self, *options: str, qmp: bool = False) -> Plan:
        """What ``slotsolver resize`` answers; the files of its plan are in :attr:`out`."""
        line = ["resize", *self.sources(qmp=qmp), *options]
        plan = self.folder / "plan.json"
        code = main([*line, "--format", "json", "-o", str(plan), "--out-dir", str(self.out)])
        assert code == 0, options
        return Plan.model_validate_json(plan.read_text())

    def carry_out(self, *, timeout: int = 30) -> subprocess.CompletedProcess[str]:
        """Run ``operations.sh`` from another folder, with the virsh of the private libvirtd."""
        return subprocess.run(
            ["sh", os.path.relpath(self.out / "operations.sh", self.folder)],
            cwd=self.folder,
            env={**ENVIRONMENT, "LIBVIRT_DEFAULT_URI": self.daemon.uri, "TIMEOUT": str(timeout)},
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS + timeout,
            check=False,
        )

    def done(self, plan: Plan, **how: int) -> None:
        """Carry the plan out; live and stored XML, and its own domain.xml, then say the same."""
        (planned,) = plan.guests
        finished = self.carry_out(**how)
        total = len(planned.operations)
        assert finished.stderr == ""
        assert finished.returncode == 0
        counts = [
            line.partition(": ")[2].partition(":")[0] for line in finished.stdout.splitlines()
        ]
        assert counts == [f"{n} of {total}" for n in range(1, total + 1)]
        self.compare(planned)

    def compare(self, planned: PlannedGuest) -> None:
        """What libvirt and QEMU have is what is planned, here and after the next start."""
        live = domain_of(self.daemon.dumpxml(self.name))
        ours = domain_of((self.out / "domain.xml").read_text())
        assert devices(live) == planned_devices(planned)
        assert in_order(ours) == in_order(live)
        assert (ours.max_memory_kib, ours.slots) == (live.max_memory_kib, live.slots)
        assert ours.memory_kib == live.memory_kib
        assert ours.current_kib == (live.current_kib or 0) + lacking(live)
        stored = domain_of(self.daemon.dumpxml(self.name, live=False))
        if planned.operations:
            assert devices(stored) == planned_devices(planned)

    def move(self, *, state: str = "--paused") -> None:
        """Save the guest and restore it as the destination of the last plan."""
        image = str(self.folder / "image")
        self.daemon.virsh("save", self.name, image, state)
        target = str(self.out / "destination-1.xml")
        self.daemon.virsh("restore", image, "--xml", target, state)

    def start_anew(self) -> Domain:
        """The live XML after the domain was ended and started from its stored XML."""
        self.daemon.virsh("destroy", self.name)
        self.daemon.start_paused(self.name)
        return domain_of(self.daemon.dumpxml(self.name))


def domain_of(text: str) -> Domain:
    """An XML as it stands."""
    return read_domain(text.encode(), source="domain")


def planned_devices(planned: PlannedGuest) -> list[Facts]:
    """What a domain should say of its memory devices, virtio-mem last."""
    dimms = [
        {"slot": d.slot, "size": d.size, "node": d.cell, "base": d.address}
        for d in sorted(planned.dimms, key=lambda d: d.slot)
        if d.state in THERE
    ]
    return dimms + [
        {"size": v.size, "node": v.cell, "block": v.block, "requested": v.requested}
        for v in planned.virtio_mem
    ]


def devices(domain: Domain) -> list[Facts]:
    """What it says of them; sizes as a start rounds them (2 MiB)."""
    found = [d for d in domain.devices if d.model == "dimm"]
    dimms = [
        {"slot": d.slot, "size": rounded(d.size_kib), "node": d.node, "base": d.base}
        for d in sorted(found, key=lambda d: d.slot or 0)
    ]
    return dimms + [
        {
            "size": rounded(d.size_kib),
            "node": d.node,
            "block": (d.block_kib or 0) * KiB,
            "requested": (d.requested_kib or 0) * KiB,
        }
        for d in domain.devices
        if d.model == "virtio-mem"
    ]


def lacking(domain: Domain) -> int:
    """KiB of what is requested that <currentMemory> does not count, because a guest that does not
    run has not given it yet; without a balloon it counts all there is."""
    if domain.memballoon == "none":
        return 0
    return sum((d.requested_kib or 0) - (d.current_kib or 0) for d in domain.devices)


def rounded(kib: int | None) -> int:
    """Bytes of a size in KiB, as libvirt rounds it at a start (2 MiB)."""
    return -(-(kib or 0) // 2048) * 2048 * KiB


def in_order(domain: Domain) -> list[Sequence[Any]]:
    """All memory devices as they stand one after the other."""
    return [
        (d.model, d.slot, d.base, d.size_kib, d.node, d.block_kib, d.requested_kib)
        for d in domain.devices
    ]

"""Resizes of a guest that runs in a real QEMU: ask, plan, do exactly what the plan says, compare.

What the guest is comes from QEMU's own answers, through the project's own readers. What is done are
the lines of :func:`slotsolver.export.qmp.qmp_lines`, each sent as it stands, and for each the event
is awaited that it names. What the guest has afterwards is what its kernel says.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from slotsolver import Plan
from slotsolver.export.qmp import qmp_lines
from slotsolver.ingest.live import as_qemu_says
from slotsolver.ingest.qmp import read_qmp
from slotsolver.ingest.qmp_session import QUERIES
from slotsolver.plan import PlannedGuest
from slotsolver.problem import Device, Guest, Problem, ReservedDimm
from slotsolver.size import MiB
from tests.real.shell import Shell

THERE = ("present", "plug")
"""States of the DIMMs that a running guest has when everything is done."""

USED = 16 * MiB
"""What a guest uses of its memory: what has to be moved when it goes, and may not be lost."""

Told = dict[str, Any]


class RefusedError(AssertionError):
    """The guest does not give a DIMM back."""


@dataclass
class Resized:
    """A guest that runs in QEMU.

    ``known`` is what is known of it without asking QEMU: its cells, slots and maximum. ``kernel``
    is what the guest's kernel has on each node without any memory device, bytes. ``growth`` is
    what the last plan has reserved, where a guest is to remember that.
    """

    qemu: Any
    shell: Shell
    known: Guest
    remembers: bool = False
    growth: tuple[ReservedDimm, ...] = ()
    kernel: dict[int, int] = field(init=False)
    digest: str = field(init=False)

    def __post_init__(self) -> None:
        """Wait until the guest has what QEMU had plugged when it started; have some of it used."""
        self.shell.fill("used", USED, source="urandom")
        self.digest = self.shell.digest("used")
        guest = self.now()
        report = self.shell.until(lambda report: report.memory == guest.size_now)
        assert report.memory == guest.size_now
        self.kernel = dict(report.nodes)
        for device in guest.devices:
            self.kernel[device.cell or 0] -= device.memory

    def answers(self) -> Told:
        """QEMU's answers, by the name of the query."""
        return {query: self.qemu.execute(query) for query in QUERIES}

    def now(self, target: Any = None) -> Guest:
        """The guest as QEMU tells it, wanted to be ``target``."""
        file = self.shell.guest.console.with_name("answers.json")
        file.write_text(json.dumps(self.answers()))
        guest = self.known.model_copy(update={"growth": self.growth})
        return as_qemu_says(guest, read_qmp([str(file)]), source="the guest", target=target)

    def problem(self, target: Any, policies: Sequence[Told | str]) -> Problem:
        """How to resize it."""
        fields = {"guests": [self.now(target)], "policies": list(policies)}
        return Problem.model_validate(fields)

    def carry_out(self, problem: Problem, plan: Plan) -> None:
        """Do what the plan says, compare QEMU and the guest with it, and remember its growth."""
        (planned,) = plan.guests
        lines = qmp_lines(problem, plan, planned.name).splitlines()
        of_each = [list(of_one) for _, of_one in groupby(lines, key=operation_of)]
        assert len(of_each) == len(planned.operations)
        for operation, of_one in zip(planned.operations, of_each, strict=True):
            for line in of_one:
                self.do(line)
            assert sum(self.qemu.memory_size()) == operation.memory
        self.compare(problem.guests[0], planned)
        if self.remembers:
            self.growth = tuple(
                ReservedDimm(slot=d.slot, size=d.size, cell=d.cell, address=d.address)
                for d in planned.dimms
                if d.state == "reserved"
            )

    def do(self, line: str) -> None:
        """Send a line and wait for what it says."""
        answer = self.qemu.send_line(line)
        identity = json.loads(line)["id"]
        assert answer["id"] == identity
        if identity["wait"] is not None:
            ends = [identity["wait"], *([identity["refused"]] if "refused" in identity else [])]
            event = self.qemu.await_event(*ends)
            if event["event"] != identity["wait"]["event"]:
                raise RefusedError(f"{line}: {event}")

    def compare(self, before: Guest, planned: PlannedGuest) -> None:
        """QEMU has the devices and sizes of the plan, and the guest's kernel has their memory."""
        names = {device.slot: device for device in before.devices if device.takes_slot}
        assert by_address(self.qemu.memory_devices()) == by_address(planned_devices(planned, names))
        boot = sum(cell.boot for cell in planned.cells)
        assert self.qemu.memory_size() == (boot, planned.memory - boot)
        assert self.backends() == {n.backend or f"mem{n.alias}" for n in self.now().devices}
        target = next(stage for stage in planned.stages if "target" in stage.name)
        assert sum(target.cells) == planned.memory
        wanted = {
            cell.id: self.kernel[cell.id] + target.cells[cell.id] - cell.boot
            for cell in planned.cells
        }
        assert self.shell.until(lambda report: report.nodes == wanted).nodes == wanted
        assert self.shell.guest.refusals() == []
        assert self.shell.digest("used") == self.digest

    def backends(self) -> set[str]:
        """The memory backends that QEMU has beside those of boot memory: none is left over."""
        return {b["id"] for b in self.qemu.execute("query-memdev") if b["id"][:3] != "ram"}


def operation_of(line: str) -> int:
    """The number of the operation that a line is part of."""
    return int(json.loads(line)["id"]["operation"])


def planned_devices(planned: PlannedGuest, names: Mapping[int | None, Device]) -> list[Told]:
    """What QEMU should say of the devices of the plan."""
    new = {o.slot: o.device for o in planned.operations if o.do == "plug"}
    dimms = [
        {
            "id": names[d.slot].alias if d.state == "present" else new[d.slot],
            "slot": d.slot,
            "size": d.size,
            "node": d.cell,
            "addr": d.address,
        }
        for d in planned.dimms
        if d.state in THERE
    ]
    return dimms + [
        {"id": v.alias, "size": v.requested, "node": v.cell, "addr": v.address}
        for v in planned.virtio_mem
    ]


def by_address(devices: Sequence[Told]) -> list[Told]:
    """Devices in the order of addresses, with what a plan knows of them."""
    keys = ("id", "slot", "size", "node", "addr")
    named = [{**d, "addr": d.get("addr", d.get("memaddr"))} for d in devices]
    found = [{key: d[key] for key in keys if key in d} for d in named]
    return sorted(found, key=lambda device: int(device["addr"]))

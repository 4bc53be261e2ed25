"""Running guests in a real QEMU are resized as planned, and their Linux has the memory."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from slotsolver import InputError, Plan
from slotsolver.export.qemu import qemu_arguments
from slotsolver.export.qmp import qmp_lines
from slotsolver.ingest.live import as_qemu_says
from slotsolver.ingest.qmp import read_qmp
from slotsolver.ingest.qmp_session import QUERIES
from slotsolver.plan import Operation
from slotsolver.problem import Guest, Problem
from slotsolver.size import GiB, MiB
from slotsolver.solver import solve
from tests.real.conftest import absent
from tests.real.debian import NoLinuxError
from tests.real.resizing import Resized
from tests.real.shell import booted, listening
from tests.real.walk import walk

KEPT = 32 * MiB
"""What Linux keeps free for itself of a node's memory (its watermarks), and a little more."""

Started = tuple[Guest, list[str]]
"""What is known of a guest, and QEMU's arguments to start it."""

Run = Callable[[Started], contextlib.AbstractContextManager[Resized]]

BOTH = [{"cpus": "0", "memory": 512 * MiB}, {"cpus": "1", "memory": 384 * MiB}]

BY_HAND = [
    *("-machine", "q35", "-smp", "2", "-m", "size=896M,slots=8,maxmem=8G"),
    *("-object", "memory-backend-ram,id=ram0,size=512M", "-numa", "node,cpus=0,memdev=ram0"),
    *("-object", "memory-backend-ram,id=ram1,size=384M", "-numa", "node,cpus=1,memdev=ram1"),
    *("-object", "memory-backend-ram,id=mem1,size=512M"),
    *("-device", "pc-dimm,id=dimm1,memdev=mem1,slot=5,node=0,addr=0x120000000"),
    *("-object", "memory-backend-ram,id=memdimm2,size=256M"),
    *("-device", "pc-dimm,id=second,memdev=memdimm2,node=1"),
    *("-object", "memory-backend-ram,id=mem3,size=2G,reserve=off"),
    *("-device", "virtio-mem-pci,id=vm,memdev=mem3,node=1,memaddr=0x200000000"),
    *("-set", "device.vm.requested-size=256M"),
]
"""A guest with virtio-mem that somebody started: names, slots and addresses are not libvirt's, and
those names are taken that new DIMMs in slots 1 and 2 usually have."""

WALKED = {"plug", "unplug", "cold unplug", "swap", "hole filled", "slot reused at once", "nearest"}
WALKED |= {"a target", "a target per cell"}
"""What a walk has to come upon; else it shows less than it seems to."""


@pytest.fixture
def run(qemu: ModuleType, tmp_path: Path) -> Run:
    """Start a guest with a Linux in it."""
    try:
        linux = listening(tmp_path)
    except NoLinuxError as error:
        absent("Linux kernel", str(error))
        raise

    @contextlib.contextmanager
    def running(started: Started) -> Iterator[Resized]:
        known, arguments = started
        with booted(qemu, qemu.lightened(arguments), linux) as (running, shell):
            yield Resized(running, shell, known)

    return running


def planned(policies: list[dict[str, Any]] | None = None, **fields: Any) -> Started:
    """A guest that is planned from scratch."""
    fields = {"name": "guest", "machine": "q35", "cells": BOTH, **fields}
    problem = Problem.model_validate({"guests": [fields], "policies": policies or []})
    plan = solve(problem)
    assert isinstance(plan, Plan)
    known = problem.guests[0].model_copy(update={"slots": plan.guests[0].slots})
    return known, qemu_arguments(problem, plan, "guest")


def by_hand() -> Started:
    """The guest of :data:`BY_HAND`."""
    fields = {"name": "guest", "cells": BOTH, "slots": 8, "maximum": 8 * GiB}
    return Guest.model_validate({**fields, "target": 896 * MiB}), BY_HAND


def with_growth() -> Started:
    """A guest that has some DIMMs at boot and was planned to have more."""
    smaller = [{"kind": "sizes", "maximum": 512 * MiB}]
    return planned(smaller, target=2432 * MiB, maximum=7 * GiB, slots=16)


USES = [{"kind": "device", "use": use} for use in ("dimm", "virtio-mem", "either")]


def test_a_random_walk(run: Run) -> None:
    """Thirty sizes one after the other: swaps, holes, DIMMs that were there at boot; what was
    planned as growth is followed."""
    with run(with_growth()) as guest:
        guest.remembers = True
        met = walk(guest, 30, seed=1)
    assert met.keys() >= WALKED, met


def test_a_random_walk_with_virtio_mem(run: Run) -> None:
    """The same with a virtio-mem device, to sizes of its blocks."""
    with run(by_hand()) as guest:
        met = walk(guest, 12, seed=2, unit=2 * MiB, extra=USES)
    assert met.keys() >= {"plug", "unplug", "cold unplug", "virtio-mem up", "virtio-mem down"}, met


@pytest.mark.exhaustive
@pytest.mark.parametrize("seed", [11, 12, 13])
@pytest.mark.parametrize("start", [with_growth, by_hand])
def test_a_long_random_walk(start: Callable[[], Started], seed: int, run: Run) -> None:
    """Sixty sizes, with other numbers."""
    extra = {"unit": 2 * MiB, "extra": USES} if start is by_hand else {}
    with run(start()) as guest:
        met = walk(guest, 60, seed=seed, **extra)
    assert met.keys() >= WALKED - {"slot reused at once"}, met


def test_blocks_of_2_gib(run: Run) -> None:
    """A guest whose boot memory ends at 64 GiB takes and gives DIMMs of 2 GiB and no smaller ones:
    with 1 GiB more there is no plan, or the next size."""
    cells = [{"cpus": "0", "memory": 32 * GiB}, {"cpus": "1", "memory": 30 * GiB}]
    with run(planned(cells=cells, target=64 * GiB, maximum=72 * GiB, slots=6)) as guest:
        for size in (70, 66, 72, 62, 68):
            problem = guest.problem(size * GiB, ["swap"])
            guest.carry_out(problem, done(problem))
        with pytest.raises(InputError, match="cannot be met"):
            solve(guest.problem(69 * GiB, []))
        problem = guest.problem(69 * GiB, [{"kind": "accept", "distance": "above"}])
        guest.carry_out(problem, done(problem))
        assert guest.shell.report().memory == 70 * GiB
        assert guest.shell.report().block == 2 * GiB


def test_a_full_guest_grows(run: Run) -> None:
    """A guest with little free memory gets as much as it can manage with that, and stands it.

    Without the policy it would get more than it has room for, which is its end.
    """
    below = {"kind": "accept", "distance": "below"}
    with run(planned(target=896 * MiB, maximum=16 * GiB, slots=8)) as guest:
        guest.shell.fill_node(0, 64 * MiB)
        guest.shell.fill_node(1, 64 * MiB)
        free = guest.shell.available() - 8 * MiB
        (one,) = operations(guest.problem(12 * GiB, [below]))
        assert one.size // 64 > 2 * free
        problem = guest.problem(12 * GiB, [below, {"kind": "guest-free", "size": free}])
        (other,) = operations(problem)
        assert free - 2 * MiB < other.size // 64 <= free
        guest.carry_out(problem, done(problem))


def test_a_full_guest_shrinks(run: Run) -> None:
    """A guest gives no more than it has free elsewhere: of two full DIMMs the smaller, whose
    contents go to the other cell."""
    cells = [{"cpus": number, "memory": 384 * MiB} for number in ("0", "1")]
    with run(planned(cells=cells, target=768 * MiB, maximum=4 * GiB, slots=4)) as guest:
        sizes = {"kind": "sizes", "allowed": [128 * MiB, 256 * MiB]}
        grown = guest.problem({0: 768 * MiB, 1: 384 * MiB}, [sizes])
        assert [o.size for o in operations(grown)] == [128 * MiB, 256 * MiB]
        guest.carry_out(grown, done(grown))
        guest.shell.fill_node(0, 96 * MiB)
        free = guest.shell.fill_node(1, 220 * MiB) - KEPT
        smaller, above = {0: 512 * MiB, 1: 384 * MiB}, {"kind": "accept", "distance": "above"}
        (one,) = operations(guest.problem(smaller, [above]))
        assert (one.do, one.size) == ("unplug", 256 * MiB)
        problem = guest.problem(smaller, [above, {"kind": "guest-free", "size": free}])
        (other,) = operations(problem)
        assert (other.do, other.size) == ("unplug", 128 * MiB)
        guest.carry_out(problem, done(problem))


def test_huge_pages_are_taken_at_once(
    qemu: ModuleType, hugepages: ModuleType, tmp_path: Path
) -> None:
    """What comes to a guest on huge pages takes them from the pool before it is plugged."""
    page = {"page_size": 2 * MiB, "total": 512, "free": 384}
    host = {"nodes": [{"id": 0, "memory": 4 * GiB, "pools": [page]}]}
    cells = [{"cpus": "0", "memory": 256 * MiB, "page_size": 2 * MiB}]
    known, arguments = planned(cells=cells, target=256 * MiB, maximum=GiB, slots=4)
    with qemu.running(arguments) as running:
        answers = {query: running.execute(query) for query in QUERIES}
        (tmp_path / "answers.json").write_text(json.dumps(answers))
        said = read_qmp([str(tmp_path / "answers.json")])
        guest = as_qemu_says(known, said, source="the guest", target=512 * MiB)
        problem = Problem.model_validate({"host": host, "guests": [guest]})
        before = hugepages.free(2 * MiB)
        for line in qmp_lines(problem, done(problem), "guest").splitlines():
            running.send_line(line)
            assert hugepages.free(2 * MiB) == before - 128
        (added,) = (b for b in running.execute("query-memdev") if b["id"] == "memdimm0")
    assert (added["size"], added["prealloc"]) == (256 * MiB, True)


def done(problem: Problem) -> Plan:
    """The plan of a problem that has one."""
    plan = solve(problem)
    assert isinstance(plan, Plan), plan
    return plan


def operations(problem: Problem) -> tuple[Operation, ...]:
    """What the plan of a problem does."""
    return done(problem).guests[0].operations

"""QEMU arguments, in both forms, against golden files and a real shell."""

from __future__ import annotations

import json
import subprocess

import pytest

from slotsolver.errors import InputError
from slotsolver.export.qemu import left_out, qemu_arguments, quote
from slotsolver.problem import Guest, Problem
from slotsolver.size import GiB, MiB
from tests.checker.running import lowered, planned_virtio
from tests.conftest import Golden
from tests.export.cases import CASES
from tests.export.plans import Dimm, guest_of, host_of, plan_of, planned_guest


def arguments(name: str, version: str = "7.2") -> list[str]:
    """The arguments of a case."""
    problem, plan = CASES[name]()
    return qemu_arguments(problem, plan, plan.guests[0].name, version=version)


@pytest.mark.parametrize("name", CASES)
def test_golden(name: str, golden: Golden) -> None:
    """Each case's arguments are those that were read and approved."""
    golden(quote(arguments(name)), f"export/{name}.args")


@pytest.mark.parametrize("name", ["thread", "spread"])
def test_golden_for_old_qemu(name: str, golden: Golden) -> None:
    """The same without JSON."""
    golden(quote(arguments(name, "5.2")), f"export/{name}-5.2.args")


@pytest.mark.parametrize(
    ("version", "objects", "devices"),
    [("5.2", False, False), ("6.0", True, False), ("6.2", True, False), ("7.0.0", True, True)],
)
def test_json_where_the_version_takes_it(version: str, objects: bool, devices: bool) -> None:
    """Objects are JSON from 6.0, devices from 7.0."""
    given = arguments("q35", version)
    pairs = list(zip(given[::2], given[1::2], strict=True))
    assert {value.startswith("{") for key, value in pairs if key == "-object"} == {objects}
    assert {value.startswith("{") for key, value in pairs if key == "-device"} == {devices}


def test_both_forms_say_the_same() -> None:
    """Every key and value of the JSON form stands in the other form too."""
    for new, old in zip(arguments("spread"), arguments("spread", "5.2"), strict=True):
        if not new.startswith("{"):
            assert new == old
            continue
        kind, *pairs = old.split(",")
        expected = [
            f"{key}={'on' if item is True else item}"
            for key, value in json.loads(new).items()
            for item in (value if isinstance(value, list) else [value])
        ]
        assert expected[0].partition("=")[2] == kind
        assert expected[1:] == pairs


@pytest.mark.parametrize("name", ["spread", "waypoints"])
def test_shell_reads_the_same_arguments(name: str) -> None:
    """A POSIX shell splits the quoted text into exactly the arguments."""
    script = 'printf "%s\\0" ' + quote(arguments(name))
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split("\0")[:-1] == arguments(name)


def test_reserved_dimms_are_not_there() -> None:
    """What is only reserved is neither an object nor a device, but -m leaves room for it."""
    text = quote(arguments("q35"))
    assert "dimm2" not in text
    assert "slots=3,maxmem=4194304k" in text


def test_no_growth_no_slots() -> None:
    """QEMU refuses maxmem that equals the size while there are slots: neither is written."""
    assert arguments("fixed")[:6] == ["-machine", "q35", "-smp", "1", "-m", "size=1048576k"]


def test_one_host_node_is_not_bound_to() -> None:
    """On a host of one node there is nothing to bind, unless the guest asks for it."""
    assert "host-nodes" not in quote(arguments("fixed"))
    cells = [{"cpus": "0", "host_nodes": [0], "mode": "interleave"}]
    guest = Guest.model_validate({"name": "a", "target": GiB, "cells": cells})
    plan = plan_of(planned_guest(guest, [GiB], host_nodes=[(0,)]))
    text = quote(qemu_arguments(Problem(host=host_of(1), guests=(guest,)), plan, "a"))
    assert '"host-nodes":[0],"policy":"interleave"' in text


def test_restrictive_binds_nothing() -> None:
    """'restrictive' is the cgroup's business: QEMU is told neither nodes nor policy."""
    guest = guest_of(1, mode="restrictive")
    plan = plan_of(planned_guest(guest, [GiB], host_nodes=[(1,)]))
    text = quote(qemu_arguments(Problem(host=host_of(2), guests=(guest,)), plan, "db1"))
    assert "host-nodes" not in text
    assert "policy" not in text


def test_cell_without_boot_memory() -> None:
    """A cell that has only DIMMs is a node without a backend: QEMU refuses one of size 0."""
    guest = guest_of(2)
    plan = plan_of(planned_guest(guest, [GiB, 0], [Dimm(1, GiB)]))
    given = qemu_arguments(Problem(guests=(guest,)), plan, "db1")
    assert "node,nodeid=1,cpus=2-3" in given


def test_other_devices_are_left_out_and_told() -> None:
    """An nvdimm cannot be rebuilt; who writes the arguments learns of it."""
    devices = [
        {"model": "nvdimm", "size": GiB, "cell": 1, "slot": 0},
        {"model": "virtio-pmem", "size": GiB},
        {"model": "dimm", "size": 512 * MiB, "cell": 0, "slot": 1},
    ]
    guest = guest_of(2, devices=devices)
    dimms = [Dimm(0, 512 * MiB, "present", slot=1)]
    plan = plan_of(planned_guest(guest, [GiB, GiB], dimms))
    problem = Problem(guests=(guest,))
    assert [text.partition(" is left out")[0] for text in left_out(problem, plan, "db1")] == [
        "guest db1: its nvdimm on cell 1",
        "guest db1: its virtio-pmem",
    ]
    assert quote(qemu_arguments(problem, plan, "db1")).count("pc-dimm") == 1


def test_bad_version() -> None:
    """A version that is none is an input error."""
    problem, plan = CASES["fixed"]()
    with pytest.raises(InputError, match="'seven' is not a version"):
        qemu_arguments(problem, plan, "db1", version="seven")


def virtio_options(version: str) -> tuple[str, str]:
    """Backend and device of the first planned virtio-mem device, for a version of QEMU."""
    case = planned_virtio()
    problem = Problem.model_validate(case.document)
    given = qemu_arguments(problem, case.plan, "vm", version=version)
    (backend,) = (a for a in given if "memvirtiomem0" in a and "virtio-mem-pci" not in a)
    (device,) = (a for a in given if "virtio-mem-pci" in a and "virtiomem0" in a)
    assert given.index(backend) < given.index(device)
    assert given.index(device) > next(i for i, a in enumerate(given) if "pc-dimm" in a)
    return backend, device


def test_planned_virtio_mem() -> None:
    """Its region is there as a whole, but takes only the pages that are requested."""
    backend, device = map(json.loads, virtio_options("7.2"))
    assert backend == {
        "qom-type": "memory-backend-memfd",
        "id": "memvirtiomem0",
        "hugetlb": True,
        "hugetlbsize": 2 * MiB,
        "size": 2 * GiB,
        "host-nodes": [0],
        "policy": "bind",
        "reserve": False,
    }
    assert device == {
        "driver": "virtio-mem-pci",
        "node": 0,
        "block-size": 2 * MiB,
        "requested-size": GiB,
        "memdev": "memvirtiomem0",
        "prealloc": True,
        "id": "virtiomem0",
        "memaddr": 5 * GiB,
    }


@pytest.mark.parametrize(
    ("version", "reserve", "prealloc"), [("6.0", False, False), ("6.1", True, False)]
)
def test_virtio_mem_for_old_qemu(version: str, reserve: bool, prealloc: bool) -> None:
    """``reserve`` came with 6.1, ``prealloc`` of the device with 7.0."""
    backend, device = virtio_options(version)
    assert ("reserve" in backend, "prealloc" in device) == (reserve, prealloc)


def test_planned_virtio_mem_is_not_left_out() -> None:
    """What can be made from the plan is not told to be missing; what was there is."""
    case = planned_virtio()
    assert left_out(Problem.model_validate(case.document), case.plan, "vm") == ()
    case = lowered()
    (text,) = left_out(Problem.model_validate(case.document), case.plan, "vm")
    assert text.startswith("guest vm: its virtio-mem on cell 1 is left out")

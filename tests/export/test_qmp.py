"""Operations as QMP: each line as QEMU takes it, and what to wait for."""

from __future__ import annotations

import json
from typing import Any

import pytest

from slotsolver.errors import InputError
from slotsolver.export.qmp import qmp_commands, qmp_lines
from slotsolver.problem import Problem
from slotsolver.size import GiB, MiB
from tests.checker.running import (
    BASE,
    DEVICES,
    Case,
    grow,
    lowered,
    migrating,
    raised,
    shrink,
    swap,
)

ACCEPTED = {
    "object-add": {"qom-type", "id", "size", "hugetlb", "hugetlbsize", "prealloc", "host-nodes"}
    | {"policy"},
    "device_add": {"driver", "node", "memdev", "id", "slot", "addr"},
    "device_del": {"id"},
    "object-del": {"id"},
    "qom-set": {"path", "property", "value"},
}
"""The commands, and what may stand in their arguments (QEMU 7.2 qapi/qom.json, qdev.json)."""


def commands(case: Case) -> list[dict[str, Any]]:
    """The commands of a case's only guest."""
    return qmp_commands(Problem.model_validate(case.document), case.plan, "vm")


@pytest.mark.parametrize(
    "case", [grow(), shrink(), swap(), raised(), lowered(), migrating()], ids=str
)
def test_lines_are_the_commands(case: Case) -> None:
    """One JSON document a line, in the order of the operations, whose numbers they carry."""
    problem = Problem.model_validate(case.document)
    text = qmp_lines(problem, case.plan, "vm")
    assert [json.loads(line) for line in text.splitlines()] == commands(case)
    numbers = [command["id"]["operation"] for command in commands(case)]
    assert numbers == sorted(numbers)
    assert set(numbers) == set(range(1, len(case.plan.guests[0].operations) + 1))
    for command in commands(case):
        assert set(command) == {"execute", "arguments", "id"}
        assert set(command["arguments"]) <= ACCEPTED[command["execute"]]


def test_plug() -> None:
    """First the memory, then the DIMM in it; neither needs an event."""
    backend, device = commands(grow())[:2]
    assert backend == {
        "execute": "object-add",
        "arguments": {
            "qom-type": "memory-backend-memfd",
            "id": "memdimm2",
            "hugetlb": True,
            "hugetlbsize": 2 * MiB,
            "prealloc": True,
            "size": 512 * MiB,
            "host-nodes": [0],
            "policy": "bind",
        },
        "id": {"operation": 1, "wait": None},
    }
    assert device == {
        "execute": "device_add",
        "arguments": {
            "driver": "pc-dimm",
            "node": 0,
            "memdev": "memdimm2",
            "id": "dimm2",
            "slot": 2,
            "addr": BASE + 1536 * MiB,
        },
        "id": {"operation": 1, "wait": None},
    }


def test_unplug() -> None:
    """The DIMM goes when QEMU says so, not before; then its memory goes."""
    device, backend = commands(shrink())
    assert (device["execute"], device["arguments"]) == ("device_del", {"id": "dimm0"})
    assert device["id"] == {
        "operation": 1,
        "wait": {"event": "DEVICE_DELETED", "data": {"device": "dimm0"}},
        "refused": {
            "event": "ACPI_DEVICE_OST",
            "data": {"info": {"device": "dimm0", "source": 3, "status": 130}},
        },
    }
    assert (backend["execute"], backend["arguments"]) == ("object-del", {"id": "memdimm0"})
    assert backend["id"] == {"operation": 1, "wait": None}


def test_swap_frees_before_it_takes() -> None:
    """A DIMM comes into a slot only after the one that was there, and its memory, have gone."""
    found = [(c["execute"], c["arguments"]["id"]) for c in commands(swap())]
    assert found == [
        ("device_del", "dimm1"),
        ("object-del", "memdimm1"),
        ("device_del", "dimm3"),
        ("object-del", "memdimm3"),
        ("object-add", "memdimm1"),
        ("device_add", "dimm1"),
    ]


def test_backend_of_another_name() -> None:
    """A guest that was not started by libvirt has backends of any name, as QEMU tells."""
    devices = [{**DEVICES[0], "alias": "first", "backend": "back0"}, *DEVICES[1:]]
    case = shrink().asked(devices=devices).part("operations", 0, device="first")
    found = [(c["execute"], c["arguments"]["id"]) for c in commands(case)]
    assert found == [("device_del", "first"), ("object-del", "back0")]


def test_virtio_mem() -> None:
    """Each step asks for a size and waits until the guest has it."""
    found = [(c["execute"], c["arguments"], c["id"]) for c in commands(lowered())]
    assert found == [
        (
            "qom-set",
            {
                "path": "/machine/peripheral/virtiomem0",
                "property": "requested-size",
                "value": size,
            },
            {
                "operation": number,
                "wait": {
                    "event": "MEMORY_DEVICE_SIZE_CHANGE",
                    "data": {"id": "virtiomem0", "size": size},
                },
            },
        )
        for number, size in ((1, 768 * MiB), (2, 512 * MiB))
    ]


def test_nothing_to_do() -> None:
    """No operations, no lines."""
    case = grow().planned(operations=())
    assert qmp_lines(Problem.model_validate(case.document), case.plan, "vm") == ""


def test_unknown_guest() -> None:
    """A guest that the plan does not have is an input error."""
    case = grow()
    with pytest.raises(InputError, match="no guest 'web'; it has 'vm'"):
        qmp_lines(Problem.model_validate(case.document), case.plan, "web")


def test_ordinary_pages() -> None:
    """Without huge pages the memory is ordinary, and not taken before it is used."""
    case = grow()
    dimms = [d.model_copy(update={"page_size": 4096}) for d in case.plan.guests[0].dimms]
    cells = [c.model_copy(update={"page_size": 4096}) for c in case.plan.guests[0].cells]
    backend, _, *_ = commands(case.planned(dimms=tuple(dimms), cells=tuple(cells)))
    assert backend["arguments"] == {
        "qom-type": "memory-backend-ram",
        "id": "memdimm2",
        "size": GiB // 2,
        "host-nodes": [0],
        "policy": "bind",
    }

"""Problems as data: what they refuse, what they fill in, what they say of themselves."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from pydantic import ValidationError

from slotsolver.constraints.step import Step
from slotsolver.problem import AtLeast, Cell, Device, Guest, Host, HostNode, Pool, Problem
from slotsolver.size import GiB, KiB, MiB
from tests.strategies import problems, small_problems


def guest(**fields: Any) -> Guest:
    """A guest of two cells with 1 GiB each."""
    base: dict[str, Any] = {"name": "a", "cells": [{"memory": GiB}, {"memory": GiB}]}
    return Guest.model_validate(base | {"target": 2 * GiB} | fields)


def node(number: int = 0, **fields: Any) -> dict[str, Any]:
    """The document of a host node with 8 GiB."""
    return {"id": number, "memory": 8 * GiB, **fields}


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"cells": [{"id": 0}, {"id": 2}]}, "cell ids must be 0 to 1, each once and in order"),
        ({"cells": [{"id": 1}, {"id": 0}]}, "cell ids must be 0 to 1"),
        ({"cells": [{"cpus": "0-3"}, {"cpus": "3-5"}]}, r"overlapping vCPU ids \(CPU 3\)"),
        ({"cells": [{"memory": GiB}, {}]}, "give `memory` for every cell or for none"),
        ({"boot": 3 * GiB, "target": 4 * GiB}, "boot 3 GiB is not the sum of its cells' memory"),
        ({"target": GiB}, "boot memory and devices are 2 GiB, more than the target 1 GiB"),
        ({"target": 4 * GiB, "maximum": 3 * GiB}, "target 4 GiB is above the maximum 3 GiB"),
        ({"maximum": {"at_least": GiB}}, "target 2 GiB is above the maximum 1 GiB"),
        (
            {"maximum": 4 * GiB, "waypoints": [5 * GiB]},
            "waypoint 5 GiB is above the maximum 4 GiB",
        ),
        ({"target": {0: 2 * GiB}}, "a target per cell names each of the cells 0 to 1 once"),
        ({"target": {0: GiB, 1: GiB, 2: GiB}}, "names each of the cells 0 to 1 once"),
        (
            {"target": 3 * GiB, "devices": [{"size": GiB, "cell": 5}]},
            "can't add memory backend for guest node '5' as the guest has only '2' NUMA nodes",
        ),
        (
            {
                "target": 4 * GiB,
                "devices": [{"size": GiB, "slot": 3}, {"size": GiB, "slot": 3}],
            },
            "memory device slot '3' is already being used by another memory device",
        ),
        (
            {"devices": [{"model": "nvdimm", "size": GiB}]},
            "boot memory and devices are 3 GiB, more than the target 2 GiB",
        ),
        ({"name": ""}, "at least 1 character"),
        ({"slots": 1 << 17}, "less than or equal to 65536"),
        ({"phys_bits": 20}, "greater than or equal to 32"),
        ({"mode": "loose"}, "'strict', 'preferred'"),
        ({"cells": [{}] * 129}, "at most 128 items"),
    ],
)
def test_guests_that_cannot_be(fields: dict[str, Any], says: str) -> None:
    """What libvirt and QEMU refuse, in their words where they have some."""
    with pytest.raises(ValidationError, match=says):
        guest(**fields)


@pytest.mark.parametrize(
    ("nodes", "says"),
    [
        ([node(), node()], "two host nodes with id 0"),
        ([node(distances=[10])] * 0, "at least 1 item"),
        ([node(distances=[10, 20])], "node 0 has 2 distances, the host has 1 nodes"),
        ([node(distances=[9])], "distances go from 10"),
        ([node(distances=[256])], "to 255"),
        ([node(free=9 * GiB)], "node 0 has 9 GiB free of 8 GiB"),
        ([node(pages={"2 MiB": {"total": 4, "free": 5}})], "free 5 is more than total 4 pages"),
        ([node(pages=[1])], "pages maps a page size"),
        (
            [node(pools=[{"page_size": MiB, "total": 1, "free": 1}] * 2)],
            "two pools of 1 MiB pages on one node",
        ),
    ],
)
def test_hosts_that_cannot_be(nodes: list[dict[str, Any]], says: str) -> None:
    """Told with the node and the numbers."""
    with pytest.raises(ValidationError, match=says):
        Host.model_validate({"nodes": nodes})


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"guests": []}, "at least 1 item"),
        ({"guests": [guest(), guest()]}, "two guests are called 'a'; names tell them apart"),
        ({"policies": [{"kind": "step", "size": MiB, "guests": ["b"]}]}, "names guest 'b'"),
        ({"policies": [{"kind": "step", "size": MiB, "guests": []}]}, "step names no guest; leave"),
        ({"policies": [{"kind": "step", "size": MiB, "cells": [2]}]}, "names cell 2"),
        ({"policies": ["steps"]}, "unknown policy 'steps'; did you mean 'step'?"),
        ({"policies": [{"size": MiB}]}, "policy needs `kind`, for example"),
        ({"policies": [17]}, "policy needs `kind`"),
        ({"objectives": ["fast"]}, "unknown objective 'fast'; "),
        ({"qemu": "eight"}, "should match pattern"),
        ({"libvirt": "9"}, "should match pattern"),
    ],
)
def test_problems_that_cannot_be(changes: dict[str, Any], says: str) -> None:
    """References have to exist, kinds too."""
    with pytest.raises(ValidationError, match=says):
        Problem.model_validate({"guests": [guest()], **changes})


def test_what_is_filled_in() -> None:
    """Cells are numbered, the target is the boot memory, the maximum the largest size named."""
    bare = Guest.model_validate({"name": "a", "cells": [{}, {}], "boot": GiB})
    assert [cell.id for cell in bare.cells] == [0, 1]
    assert (bare.target_size, bare.maximum_size, bare.boot_size) == (GiB, GiB, GiB)
    assert guest(waypoints=[3 * GiB]).maximum_size == 3 * GiB
    assert guest(maximum={"at_least": 5 * GiB}).maximum_size == 5 * GiB
    assert guest(maximum={"at_least": 5 * GiB}).maximum == AtLeast(at_least=5 * GiB)
    assert guest(target={0: 2 * GiB, 1: GiB}).target_size == 3 * GiB


def test_sizes_of_devices() -> None:
    """All count in the guest's total, virtio-mem with what is requested; only some are RAM or take
    a slot."""
    devices = [{"model": model, "size": MiB} for model in ("dimm", "nvdimm", "virtio-mem")]
    assert guest(target=3 * GiB, devices=devices).devices_size == 2 * MiB
    devices[2]["requested"] = MiB
    assert guest(target=3 * GiB, devices=devices).devices_size == 3 * MiB
    dimm, nvdimm, region = (Device.model_validate(device) for device in devices)
    assert [d.is_ram for d in (dimm, nvdimm, region)] == [True, False, True]
    assert [d.takes_slot for d in (dimm, nvdimm, region)] == [True, True, False]


def test_host_defaults() -> None:
    """What is outside of the pools is free, pools may be written as a mapping or a number."""
    host = Host.model_validate(
        {"nodes": [node(1, pages={"2 MiB": 512, "1 GiB": {"total": 2, "free": 1}}), node(0)]}
    )
    assert [n.id for n in host.nodes] == [0, 1]
    assert [n.free for n in host.nodes] == [8 * GiB, 5 * GiB]
    assert host.nodes[1].pools == (
        Pool(page_size=2 * MiB, total=512, free=512),
        Pool(page_size=GiB, total=2, free=1),
    )
    assert host.page_sizes() == (4 * KiB, 2 * MiB, GiB)


def test_host_pools() -> None:
    """Ordinary memory is a pool too, of what is outside of the others; absent ones are empty."""
    host = Host(
        nodes=(
            HostNode(id=0, memory=8 * GiB, free=GiB, pools=(Pool(page_size=GiB, total=3, free=2),)),
            HostNode(id=4, memory=0, free=0),
        )
    )
    ordinary = host.pool(0, 4 * KiB)
    assert (ordinary.total, ordinary.free) == (5 * GiB // (4 * KiB), GiB // (4 * KiB))
    assert host.pool(4, GiB) == Pool(page_size=GiB, total=0, free=0)
    assert host.has_pool(GiB)
    assert host.has_pool(4 * KiB)
    assert not host.has_pool(2 * MiB)
    with pytest.raises(KeyError):
        host.node(1)


def test_distances() -> None:
    """As given, by the nodes' ids; else 10 at home and 20 elsewhere, for cells too."""
    host = Host.model_validate(
        {"nodes": [node(0, distances=[10, 31]), node(5, distances=[32, 10])]}
    )
    assert [host.distance(a, b) for a in (0, 5) for b in (0, 5)] == [10, 31, 32, 10]
    plain = Host.model_validate({"nodes": [node(0), node(5)]})
    assert [plain.distance(0, b) for b in (0, 5)] == [10, 20]
    cell = Cell(id=1, distances={0: 15})
    assert [cell.distance(other) for other in (0, 1, 2)] == [15, 10, 20]


def test_versions() -> None:
    """As numbers, so that 9.10 is later than 9.5."""
    problem = Problem(guests=(guest(),), qemu="10.0.2", libvirt="9.10")
    assert problem.qemu_version == (10, 0, 2)
    assert problem.libvirt_version > (9, 5)


def test_policies_as_objects() -> None:
    """Python callers give policies as they are; they are written with all their fields."""
    problem = Problem(guests=(guest(),), policies=(Step(size=GiB, guests=("a",)),))
    dumped = problem.model_dump()["policies"][0]
    assert dumped == {"kind": "step", "size": GiB, "guests": ("a",), "cells": None}


@given(small_problems())
def test_small_problems_round_trip(problem: Problem) -> None:
    """A problem's JSON is the problem."""
    assert Problem.model_validate_json(problem.model_dump_json()) == problem


@given(problems())
def test_plausible_problems_round_trip(problem: Problem) -> None:
    """Also as text that people would write."""
    text = problem.model_dump(mode="json", context={"sizes": "text"})
    assert Problem.model_validate(text, context={"units": "required"}) == problem


def test_a_copy_derives_anew() -> None:
    """What was once derived from a problem's fields is no part of it and no part of its copies."""
    host = Host.model_validate({"nodes": [node()]})
    asked = guest(maximum=4 * GiB)
    problem = Problem(host=host, guests=(asked,), qemu="7.2", libvirt="9.0")
    before = problem.model_dump_json()
    assert (asked.maximum_size, asked.boot_size, problem.libvirt_version) == (
        4 * GiB,
        2 * GiB,
        (9, 0),
    )
    assert (host.page_sizes(), host.pool(0, 4 * KiB).total) == ((4 * KiB,), 2 * 1024 * 1024)
    assert problem.model_dump_json() == before
    assert problem == Problem.model_validate_json(before)
    assert dict(problem).keys() == Problem.model_fields.keys()
    assert Host(**dict(host)) == host
    larger = asked.model_copy(update={"maximum": AtLeast(at_least=8 * GiB)})
    newer = problem.model_copy(update={"libvirt": "9.5", "guests": (larger,)})
    assert (newer.libvirt_version, newer.guests[0].maximum_size) == ((9, 5), 8 * GiB)
    pool = Pool(page_size=2 * MiB, total=512, free=512)
    with_pool = host.nodes[0].model_copy(update={"pools": (pool,)})
    other = host.model_copy(update={"nodes": (with_pool,)})
    assert (other.page_sizes(), other.pool(0, 2 * MiB)) == ((4 * KiB, 2 * MiB), pool)
    assert other.usable_pages == (4 * KiB, 2 * MiB)
    assert host.pool(0, 2 * MiB).total == 0


@pytest.mark.parametrize("mode", ["strict", "preferred"])
def test_restrictive_is_for_every_cell(mode: str) -> None:
    """libvirt refuses a mixture (conf/numa_conf.c:virDomainNumatuneNodeParseXML)."""
    cells = [{"host_nodes": [0]}, {"host_nodes": [0], "mode": mode}]
    fields = {"name": "g", "cells": cells, "target": GiB}
    with pytest.raises(ValidationError, match="'restrictive' mode is required in memnode element"):
        Guest.model_validate({**fields, "mode": "restrictive"})
    del cells[1]["mode"]
    Guest.model_validate({**fields, "mode": "restrictive"})

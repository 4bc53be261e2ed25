"""Memory backends: QEMU's refusals and alignments, against recorded runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from slotsolver.platforms import (
    Backend,
    Dimm,
    Version,
    backend_alignment,
    check_backend,
    device_memory_for,
    platform_for,
)
from slotsolver.platforms.ranges import GiB, MiB

VECTORS = json.loads((Path(__file__).parents[1] / "data" / "qemu_vectors.json").read_text())
CASES = [
    (v, q) for v in VECTORS["backend_vectors"] for q in (*v["verified_on"], *v["other_results"])
]
HOST_STATE = (
    "Cannot allocate memory",  # free huge pages, or overcommit
    "No such file or directory",  # the file system
)
"""Refusals that depend on the state of the host and so are no function of the options."""
PAGES = {"/dev/hugepages": 2 * MiB, "/dev/hugepages1G": GiB}


def _backend(properties: dict[str, Any]) -> Backend:
    return Backend(
        properties["qom-type"],
        properties.get("size"),
        id="x",
        mem_path=properties.get("mem-path"),
        page_size=PAGES.get(properties.get("mem-path", ""), 4096),
        hugetlb=properties.get("hugetlb", False),
        hugetlb_size=properties.get("hugetlbsize", 0),
        align=properties.get("align", 0),
        prealloc=properties.get("prealloc", False),
        reserve=properties.get("reserve", True),
        host_nodes=tuple(properties.get("host-nodes", ())),
        policy=properties.get("policy", "default"),
    )


@pytest.mark.parametrize(
    ("vector", "version"), CASES, ids=lambda c: c if isinstance(c, str) else c["name"]
)
def test_backend_is_judged_as_by_qemu(vector: dict[str, Any], version: str) -> None:
    """The text of ``object-add``, and that of the DIMM on it, come out the same."""
    backend, qemu = _backend(vector["object"]), Version.parse(version)
    result = vector["other_results"].get(version, vector["result"])
    error = check_backend(backend, qemu=qemu, huge_pages=(2 * MiB, GiB))
    if any(text in result["object_add"] for text in HOST_STATE):
        assert error is None
        return
    assert (error or "ok") == result["object_add"]
    if error is None:
        memory = device_memory_for(platform_for("q35"), GiB, 1024 * GiB, 1, qemu=qemu, phys_bits=48)
        dimm = Dimm("d", backend.size or 0, backend.alignment())
        assert (memory.plug(dimm).error or "ok") == result["pc_dimm"]


@pytest.mark.parametrize("kind", VECTORS["backend_kinds"].values(), ids=VECTORS["backend_kinds"])
def test_alignment_of_each_kind(kind: dict[str, Any]) -> None:
    """Each recorded kind of backend aligns as QEMU reported."""
    align = backend_alignment(kind["page"], kind=kind["qom"], align=kind.get("prop_align", 0))
    assert align == kind["align"]


def test_alignment_on_platforms() -> None:
    """Ordinary pages are anonymous RAM and align to 2 MiB, huge pages to themselves."""
    q35 = platform_for("q35")
    assert [q35.backend_alignment(page) for page in (4096, 2 * MiB, GiB)] == [
        2 * MiB,
        2 * MiB,
        GiB,
    ]
    assert platform_for("pseries").backend_alignment(65536, base_page=65536) == 2 * MiB

"""Limits of vhost backends, against recorded runs."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from slotsolver.platforms import (
    Dimm,
    Version,
    VhostBackend,
    boot_regions,
    device_memory_for,
    platform_for,
    vhost_user_limit,
)
from slotsolver.platforms.memslots import KVM_LIMIT, VHOST_KERNEL_LIMIT
from slotsolver.platforms.ranges import GiB, MiB
from slotsolver.platforms.versions import QEMU_SHARED_RAM_HAS_FD

VECTORS = json.loads((Path(__file__).parents[1] / "data" / "qemu_vectors.json").read_text())[
    "vhost_vectors"
]
FILLED = [vector for vector in VECTORS if "added" in vector]
LATE = [vector for vector in VECTORS if "case" in vector]
Q35 = platform_for("q35")


def _boot_regions(vector: dict[str, Any], qemu: Version) -> int:
    shared_ram = "share=on" in vector["boot_ram"]
    if shared_ram and not QEMU_SHARED_RAM_HAS_FD.in_version(qemu):
        return 0
    return boot_regions(Q35.memory_map(GiB, GiB, 0))


@pytest.mark.parametrize("vector", FILLED)
def test_dimms_until_the_backend_is_full(vector: dict[str, Any]) -> None:
    """So many DIMMs as were recorded are taken, then the recorded text comes."""
    qemu = Version.parse(vector["qemu"])
    limit = vhost_user_limit(vector["backend_limit"], qemu)
    memory = device_memory_for(Q35, GiB, 257 * GiB, 256, qemu=qemu)
    memory.vhost = VhostBackend(limit, _boot_regions(vector, qemu))
    has_fd = vector["dimm"] == "memfd"
    errors = [memory.plug(Dimm(f"d{n}", 2 * MiB, has_fd=has_fd)).error for n in range(257)]
    added = 256 if vector["added"] == "no limit" else vector["added"]
    assert errors[:added] == [None] * added
    assert errors[added] == vector.get("then", "no free slots available")


@pytest.mark.parametrize("vector", LATE)
def test_a_backend_that_comes_too_late(vector: dict[str, Any]) -> None:
    """A backend of 8 regions cannot join a guest that has 12."""
    assert re.search("limit 8 while 12", LATE[0]["case"])
    backend = VhostBackend(limit=8, boot=2)
    assert backend.late_error(10, Version.parse(vector["qemu"])) == vector["then"]
    assert backend.late_error(6, Version.parse(vector["qemu"])) is None


def test_limits_offered() -> None:
    """Nothing offered is 8; 7.2 cuts at 256 and 10 at 512."""
    assert vhost_user_limit(None) == 8
    assert (vhost_user_limit(600), vhost_user_limit(600, (10, 0))) == (256, 512)
    assert vhost_user_limit(32) == 32
    assert VHOST_KERNEL_LIMIT < KVM_LIMIT


def test_boot_memory_takes_two_or_three_regions_on_x86_and_one_elsewhere() -> None:
    """Memory above 4 GiB costs a region more."""
    assert boot_regions(Q35.memory_map(GiB, GiB, 0)) == 2
    assert boot_regions(Q35.memory_map(4 * GiB, 4 * GiB, 0)) == 3
    virt = platform_for("virt")
    assert boot_regions(virt.memory_map(GiB, GiB, 0), arch=virt.arch) == 1


def test_kernel_vhost_sees_memory_without_a_descriptor() -> None:
    """Anonymous DIMMs count for kernel vhost."""
    memory = device_memory_for(Q35, GiB, 4 * GiB, 8)
    memory.vhost = VhostBackend(limit=4, boot=2, fd_only=False)
    assert memory.vhost.free_at_boot == 2
    errors = [memory.plug(Dimm(f"d{n}", 2 * MiB)).error for n in range(3)]
    assert errors == [None, None, "a used vhost backend has no free memory slots left"]

"""Memory blocks, refusals and costs in a Linux guest, against recorded guests.

The recorded unplug cases are not here: what a guest answers depends on what it has put into the
memory, which no function of sizes and addresses knows.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from slotsolver.platforms import (
    dimm_accepted,
    memmap_cost,
    platform_for,
    virtio_mem_guest_usable,
    x86_memory_block,
)
from slotsolver.platforms.linux_guest import (
    arm64_memory_block,
    memmap_on_memory,
    movable_dimms,
    refusal,
)
from slotsolver.platforms.ranges import GiB, KiB, MiB

VECTORS = json.loads((Path(__file__).parents[1] / "data" / "qemu_vectors.json").read_text())[
    "guest_linux_vectors"
]


@pytest.mark.parametrize("vector", VECTORS["block_size"])
def test_block_is_that_of_the_guest(vector: dict[str, Any]) -> None:
    """End of boot memory, block size and base of device memory of each recorded guest."""
    platform, ram = platform_for(vector["machine"]), vector["ram_size"]
    assert platform.boot_end(ram) == vector["boot_mem_end"]
    assert platform.memory_block(ram) == vector["block_size"]
    window = platform.memory_map(ram, ram + 8 * GiB, 2, phys_bits=48).window
    assert window is not None
    assert window.base == vector["device_memory_base"]
    assert window.base % vector["block_size"] == 0


@pytest.mark.parametrize("vector", VECTORS["dimm"])
def test_dimm_is_taken_as_by_the_guest(vector: dict[str, Any]) -> None:
    """Acceptance of each recorded DIMM."""
    place = (vector["addr"], vector["size"], vector["block_size"])
    assert dimm_accepted(*place) is vector["accepted"]
    assert (refusal(*place) is None) is vector["accepted"]


def test_refusal_is_the_kernels_message() -> None:
    """The text that a recorded guest printed."""
    assert refusal(0x108000000, 64 * MiB, 128 * MiB) == (
        "Block size [0x8000000] unaligned hotplug range: start 0x108000000, size 0x4000000"
    )


@pytest.mark.parametrize("vector", VECTORS["virtio_mem_usable"])
def test_virtio_mem_is_usable_in_whole_blocks(vector: dict[str, Any]) -> None:
    """The recorded region was plugged up to its whole blocks and no further."""
    usable = virtio_mem_guest_usable(vector["addr"], vector["size"], vector["block_size"])
    assert min(usable, vector["requested"]) == vector["plugged"]


def test_virtio_mem_smaller_than_a_block_is_useless() -> None:
    """A region that holds no whole block gives nothing."""
    assert virtio_mem_guest_usable(64 * MiB, 128 * MiB, 128 * MiB) == 0


@pytest.mark.parametrize("vector", VECTORS["memmap"])
def test_memmap_cost(vector: dict[str, Any]) -> None:
    """What each recorded guest lost of its free memory, and what of the DIMM's."""
    kernel = tuple(int(part) for part in vector["kernel"].split("."))
    size, cost = vector["dimm"], memmap_cost(vector["dimm"])
    on_dimm = vector["memmap_on_memory"] and memmap_on_memory(
        size, 128 * MiB, (kernel[0], kernel[1])
    )
    assert vector["memfree_delta_kib"] == (0 if on_dimm else -cost // KiB)
    if "memtotal_delta_kib" in vector:
        assert vector["memtotal_delta_kib"] == (size - cost) // KiB


def test_auto_movable_takes_three_of_six() -> None:
    """The recorded guest of 1 GiB put three of six 1 GiB DIMMs into ZONE_MOVABLE."""
    (vector,) = VECTORS["auto_movable"]
    answers = movable_dimms(GiB, (GiB,) * 6, vector["ratio"])
    assert (sum(answers), len(answers) - sum(answers)) == (
        vector["movable_dimms"],
        vector["normal_dimms"],
    )


def test_blocks_of_other_architectures_and_of_bare_metal() -> None:
    """arm64 blocks follow the page, pseries has LMBs, bare metal takes 2 GiB from 64 GiB on."""
    assert platform_for("virt").memory_block(128 * GiB) == 128 * MiB
    assert platform_for("virt").memory_block(GiB, guest_page=64 * KiB) == 512 * MiB
    assert arm64_memory_block(16 * KiB) == 128 * MiB
    assert platform_for("pseries").memory_block(62 * GiB) == 256 * MiB
    assert x86_memory_block(64 * GiB + 128 * MiB, hypervisor=False) == 2 * GiB
    assert x86_memory_block(63 * GiB, hypervisor=False) == 128 * MiB

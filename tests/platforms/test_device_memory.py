"""Slots, addresses and refusals of plug sequences, against what real QEMU answered."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from slotsolver.platforms import (
    Backend,
    DeviceMemory,
    Dimm,
    PlugResult,
    Range,
    Version,
    VhostBackend,
    VirtioMem,
    check_backend,
    device_memory_for,
    platform_for,
)
from slotsolver.platforms.memory_device import MemoryDevice
from slotsolver.platforms.ranges import GiB, MiB

VECTORS = json.loads((Path(__file__).parents[1] / "data" / "qemu_vectors.json").read_text())
CASES = [(v, q) for v in VECTORS["plug_vectors"] for q in (*v["verified_on"], *v["other_results"])]
B = 4 * GiB


def _backend(step: dict[str, Any]) -> Backend:
    kind = VECTORS["backend_kinds"][step["kind"]]
    return Backend(
        kind["qom"],
        step["size"],
        mem_path=kind.get("path"),
        page_size=kind["page"],
        hugetlb=kind.get("hugetlb", False),
        hugetlb_size=kind.get("hugetlbsize", 0),
        align=kind.get("prop_align", 0),
    )


def _device(step: dict[str, Any]) -> MemoryDevice:
    backend = _backend(step)
    align = backend.alignment()
    assert align == VECTORS["backend_kinds"][step["kind"]]["align"]
    address, node = step.get("addr", 0), step.get("node", 0)
    if step.get("op") == "vmem":
        return VirtioMem(
            step["id"],
            step["size"],
            align,
            address,
            node,
            block_size=step.get("block_size", 0),
            requested=step.get("requested", 0),
            page_size=backend.pages(2 * MiB, 4096),
        )
    return Dimm(step["id"], step["size"], align, step.get("slot", -1), address, node)


class Replay:
    """One recorded sequence, played to :class:`DeviceMemory`."""

    def __init__(self, vector: dict[str, Any], qemu: Version) -> None:
        self.qemu = qemu
        self.warnings: list[str] = []
        self.memory = device_memory_for(
            platform_for(vector["machine"]),
            vector["ram_size"],
            vector["maxmem"],
            vector["slots"],
            nodes=vector["numa_nodes"],
            qemu=qemu,
        )

    def play(self, step: dict[str, Any]) -> dict[str, Any]:
        """The answer in the form in which the recorded one stands."""
        if step.get("op") == "unplug":
            assert self.memory.unplug(step["id"]) is None
            return {"ok": True}
        refused = check_backend(_backend(step), qemu=self.qemu, huge_pages=(2 * MiB, GiB))
        if refused:
            return {"ok": False, "stage": "object-add", "error": refused}
        result = self.memory.plug(_device(step))
        self.warnings.extend(result.warnings)
        if result.error:
            return {"ok": False, "stage": "device_add", "error": result.error}
        return {"ok": True, "addr": result.address, "slot": result.slot}


@pytest.mark.parametrize(
    ("vector", "version"), CASES, ids=lambda c: c if isinstance(c, str) else c["name"]
)
def test_plug_sequence_is_that_of_qemu(vector: dict[str, Any], version: str) -> None:
    """Every slot, address, error text and warning of the sequence, on every version run."""
    expected = vector["other_results"].get(version, vector["result"])
    replay = Replay(vector, Version.parse(version))
    cold = [replay.play(step) for step in vector["cold"]]
    if not expected["started"]:
        assert expected["error"].endswith(": " + cold[-1]["error"])
        return
    assert all(step["ok"] for step in cold)
    window = expected["layout"].get("device-memory")
    assert replay.memory.window == (Range(*window) if window else None)
    assert [replay.play(step) for step in vector["steps"]] == expected["steps"]
    assert replay.warnings == expected["warnings"]


def _memory(machine: str = "q35", slots: int = 4, **changes: Any) -> DeviceMemory:
    memory = device_memory_for(platform_for(machine), 1 * GiB, 4 * GiB, slots)
    for name, value in changes.items():
        setattr(memory, name, value)
    return memory


def _errors(memory: DeviceMemory, *devices: MemoryDevice) -> list[str | None]:
    return [memory.plug(device).error for device in devices]


def test_node_is_checked_before_the_backend_of_a_dimm() -> None:
    """A DIMM wrong in both gets the node's text (run on QEMU 7.2.22)."""
    first = Dimm("x", 128 * MiB, memdev="b")
    assert _errors(_memory(), first, Dimm("y", 128 * MiB, node=3, memdev="b")) == [
        None,
        "'DIMM property node has value 3' which exceeds the number of numa nodes: 1",
    ]
    assert _errors(_memory(), first, Dimm("y", 128 * MiB, memdev="b")) == [
        None,
        "can't use already busy memdev: b",
    ]


def test_backend_is_checked_before_the_node_of_virtio_mem() -> None:
    """virtio-mem looks in the other order (run on QEMU 7.2.22)."""
    devices = [VirtioMem("x", GiB, memdev="b"), VirtioMem("y", GiB, memdev="b", node=2)]
    assert _errors(_memory(), *devices) == [None, "'memdev' property specifies a busy memdev: b"]
    assert _errors(_memory(), VirtioMem("y", GiB, node=2)) == [
        "'node' property has value '2', which exceedsthe number of numa nodes: 1"
    ]


def test_busy_address_comes_before_the_busy_backend() -> None:
    """Placement is checked before a device is realized (run on QEMU 7.2.22)."""
    devices = [Dimm("x", 128 * MiB, memdev="b"), Dimm("y", 128 * MiB, address=B, memdev="b")]
    assert _errors(_memory(), *devices)[1] == ("address range conflicts with memory device id='x'")


@pytest.mark.parametrize(
    ("qemu", "text"),
    [
        ((7, 2), "backend memory size must be multiple of 0x10000000"),
        (
            (10, 0),
            "'memdev' property memdev size has to be multiples of'block-size' (0x10000000)",
        ),
    ],
)
def test_virtio_mem_size_and_block(qemu: tuple[int, int], text: str) -> None:
    """Before 8.2 the size is checked when placing, then when realizing, with another text."""
    device = VirtioMem("v", 384 * MiB, block_size=256 * MiB)
    assert _errors(_memory(qemu=qemu), device) == [text]


def test_virtio_mem_requested_size_is_whole_blocks() -> None:
    """A requested size that is not a multiple of the block is refused."""
    assert _errors(_memory(), VirtioMem("v", 128 * MiB, requested=MiB)) == [
        "'requested-size' property has to be multiples of 'block-size' (0x200000)"
    ]


def test_size_comes_before_address_from_8_2_on() -> None:
    """A DIMM wrong in both gets the address text before 8.2 and the size text after."""
    wrong = Dimm("d", 3 * MiB, address=B + MiB)
    assert _errors(_memory(qemu=(8, 1)), wrong) == ["address must be aligned to 0x200000 bytes"]
    assert _errors(_memory(qemu=(8, 2)), wrong) == [
        "backend memory size must be multiple of 0x200000"
    ]


def test_a_refused_device_leaves_no_trace() -> None:
    """Slot, address and space of a refused DIMM stay free."""
    memory = _memory()
    assert memory.plug(Dimm("a", 128 * MiB, node=7)).error is not None
    assert memory.used == 0
    assert memory.plug(Dimm("a", 128 * MiB)) == PlugResult(0, B)


def test_ids_are_unique_and_unplug_needs_a_known_one() -> None:
    """An id in use is refused before everything else; an unknown one cannot be unplugged."""
    memory = _memory()
    assert _errors(memory, Dimm("d", MiB * 128), Dimm("d", 1, slot=99)) == [
        None,
        "Duplicate device ID 'd'",
    ]
    assert memory.unplug("zz") == "Device 'zz' not found"


def test_virtio_mem_unplug_by_version() -> None:
    """7.2 never unplugs virtio-mem, 8.2 does."""
    for qemu, text in (
        ((7, 2), "virtio based memory devices cannot be unplugged."),
        ((8, 2), None),
    ):
        memory = _memory(qemu=qemu)
        memory.plug(VirtioMem("v", GiB))
        assert memory.unplug("v") == text


def test_the_machine_may_refuse_every_dimm() -> None:
    """Without ACPI no DIMM is taken, before its slot is looked at."""
    text = "memory hotplug is not enabled: missing acpi device or acpi disabled"
    assert _errors(_memory(blocked=text), Dimm("d", 128 * MiB, slot=9)) == [text]


def test_pseries_refuses_sizes_but_not_addresses() -> None:
    """QEMU takes an address that is not LMB aligned (run): callers must not choose one."""
    memory = _memory("pseries")
    assert memory.window == Range(1 * GiB, 3 * GiB)
    assert _errors(memory, Dimm("a", 128 * MiB)) == [
        "Hotplugged memory size must be a multiple of 256 MB"
    ]
    assert memory.plug(Dimm("b", 256 * MiB, address=2 * GiB + 2 * MiB)).error is None


def test_virt_without_maxmem() -> None:
    """arm virt has no device memory at all then, and says so in other words than x86 on 7.2."""
    for machine, words in (("virt", "supported by the machine"), ("q35", "maxmem option")):
        memory = device_memory_for(platform_for(machine), GiB, GiB, 0)
        error = memory.plug(VirtioMem("v", GiB)).error
        assert error is not None
        assert error.endswith(words)


def test_sgx_epc_counts_against_the_space_before_8_2() -> None:
    """EPC takes from maxmem on 7.2 and no longer on 8.2."""
    for qemu, refused in (((7, 2), True), ((8, 2), False)):
        memory = device_memory_for(
            platform_for("q35"), GiB, 2 * GiB, 1, qemu=qemu, sgx_epc=64 * MiB
        )
        assert (memory.plug(Dimm("d", GiB)).error is not None) is refused


def test_a_full_vhost_backend_stops_any_dimm() -> None:
    """A backend with room for one device is full after it, even for memory that it cannot see."""
    memory = _memory(vhost=VhostBackend(limit=3, boot=2))
    assert _errors(
        memory,
        Dimm("r", 128 * MiB),
        Dimm("a", 128 * MiB, has_fd=True),
        Dimm("b", 128 * MiB),
    ) == [None, None, "a used vhost backend has no free memory slots left"]

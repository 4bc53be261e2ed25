"""Memory maps of all platforms, against layouts that real QEMU reported."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slotsolver.platforms import MapOptions, Range, platform_for
from slotsolver.platforms.ranges import GiB, MiB, TiB

VECTORS = json.loads((Path(__file__).parents[1] / "data" / "qemu_vectors.json").read_text())
MACHINES = ("q35", "pc", "virt", "pseries", "pc-q35-2.4", "pc-i440fx-2.1")


def _options(vector: dict[str, Any]) -> MapOptions:
    return {
        "phys_bits": vector.get("phys_bits") or vector.get("pa_bits"),
        "amd": vector.get("amd", False),
        "max_ram_below_4g": vector.get("max_ram_below_4g"),
        "pci_hole64": vector.get("pci_hole64_size"),
    }


def _range(values: list[int] | None) -> Range | None:
    return Range(*values) if values else None


@pytest.mark.parametrize("vector", VECTORS["layout_vectors"])
def test_layout_is_that_of_qemu(vector: dict[str, Any]) -> None:
    """Boot memory, device memory and the refusal of each recorded layout come out the same."""
    platform = platform_for(vector["machine"])
    ram, slots = vector["ram_size"], vector["slots"] or 0
    maxmem = ram if vector["maxmem"] is None else vector["maxmem"]
    options, result = _options(vector), vector["result"]
    error = platform.board_error(ram, maxmem, slots, vector.get("node_mem", ()), **options)
    assert ([error] if error else []) == result["error"]
    if not result["ok"]:
        return
    layout = platform.memory_map(ram, maxmem, slots, **options)
    if vector["arch"] == "x86":
        recorded = result["layout"]
        assert layout.below == _range(recorded["ram-below-4g"])
        assert layout.above == _range(recorded.get("ram-above-4g"))
        assert layout.window == _range(recorded.get("device-memory"))
    else:
        assert (layout.below, layout.above) == (_range(result["ram"]), None)
        assert layout.window == _range(result["device_memory"])


@pytest.mark.parametrize(
    ("machine", "hole64", "error"),
    [
        ("pc-q35-2.4", 1020, None),
        ("pc-q35-2.4", 1021, "Address space limit 0xffffffffff < 0x1003fffffff"),
        ("pc-q35-2.5", 32, "Address space limit 0xffffffffff < 0x109bfffffff"),
    ],
)
def test_types_before_2_5_do_not_count_device_memory(
    machine: str, hole64: int, error: str | None
) -> None:
    """Up to 2.4 only the base of device memory must fit (run on QEMU 7.2.22)."""
    options: MapOptions = {"pci_hole64": hole64 * GiB}
    text = platform_for(machine).memory_map(1 * GiB, 1 * TiB, 4, **options).error
    assert text == (f"{error} phys-bits too low (40)" if error else None)


def test_cxl_follows_device_memory_and_moves_only_the_limit() -> None:
    """CXL registers and windows lie above device memory, so they cost address space only."""
    q35 = platform_for("q35")
    plain = q35.memory_map(4 * GiB, 8 * GiB, 2)
    cxl = q35.memory_map(4 * GiB, 8 * GiB, 2, cxl_windows=(4 * GiB,))
    assert plain.window is not None
    assert plain.window.end == 0x300000000
    assert cxl.window == plain.window
    # The window starts at 0x310000000, so the 64-bit hole starts at the next GiB after its end.
    assert cxl.highest - plain.highest == 5 * GiB


def test_sgx_epc_pushes_device_memory_up() -> None:
    """EPC sections sit between boot memory and device memory."""
    q35 = platform_for("q35")
    layout = q35.memory_map(4 * GiB, 8 * GiB, 2, sgx_epc=64 * MiB)
    assert layout.window == Range(7 * GiB, 6 * GiB)


def test_32_bit_address_space_is_not_checked() -> None:
    """With phys-bits of 32 QEMU 7.2 has no 64-bit hole and reports no error."""
    layout = platform_for("pc").memory_map(1 * GiB, 2 * GiB, 1, phys_bits=32)
    assert (layout.error, layout.highest) == (None, (1 << 32) - 1)


def test_virt_reports_by_how_much_it_does_not_fit() -> None:
    """arm virt names the bits and the bytes in excess."""
    text = platform_for("virt").memory_map(1 * GiB, 1 * TiB, 0, phys_bits=40).error
    assert text == "Addressing limited to 40 bits, but memory exceeds it by 1073741824 bytes"


@given(
    machine=st.sampled_from(MACHINES),
    ram=st.integers(1, 4096).map(lambda blocks: blocks * 256 * MiB),
    growth=st.integers(0, 4096).map(lambda blocks: blocks * 256 * MiB),
    phys_bits=st.sampled_from([36, 39, 40, 42, 48]),
    amd=st.booleans(),
)
def test_max_slots_is_the_largest_that_fits(
    machine: str, ram: int, growth: int, phys_bits: int, amd: bool
) -> None:
    """The answer fits, one more does not (or is beyond the machine's limit)."""
    platform = platform_for(machine)
    options: MapOptions = {"phys_bits": phys_bits, "amd": amd}
    most = platform.max_slots_that_fit(ram, ram + growth, **options)
    assert -1 <= most <= platform.max_slots
    if most >= 0:
        assert platform.memory_map(ram, ram + growth, most, **options).error is None
    if most < platform.max_slots and (growth or most < 0):
        assert platform.memory_map(ram, ram + growth, most + 1, **options).error is not None
    if not growth:
        assert most <= 0


@given(
    machine=st.sampled_from(MACHINES),
    ram=st.integers(1, 1 << 19).map(lambda count: count * MiB),
)
def test_boot_end_is_linear_on_both_sides_of_large_ram(machine: str, ram: int) -> None:
    """``boot_end`` is boot memory plus the published offset, and is its own inverse."""
    platform = platform_for(machine)
    large = ram >= platform.large_ram
    assert platform.boot_end(ram) == ram + platform.boot_end_offset(large)
    if large:
        assert platform.ram_for_boot_end(platform.boot_end(ram)) == ram


@pytest.mark.parametrize(("machine", "ram"), [("q35", 62), ("pc", 63), ("virt", 63)])
def test_boot_memory_that_ends_at_64_gib(machine: str, ram: int) -> None:
    """62 GiB on q35 and 63 GiB on pc reach the address where blocks may grow."""
    assert platform_for(machine).ram_for_boot_end(64 * GiB) == ram * GiB
    assert platform_for(machine).boot_end(ram * GiB) == 64 * GiB

"""``-m``: reading it and QEMU's refusals, against recorded runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from slotsolver.errors import InputError
from slotsolver.platforms import MemoryOption, check_memory_option, platform_for
from slotsolver.platforms.memory_option import option_error, parse_qemu_size
from slotsolver.platforms.ranges import GiB, MiB

VECTORS = json.loads((Path(__file__).parents[1] / "data" / "qemu_vectors.json").read_text())
HOST_DEPENDENT = "Cannot allocate memory"
"""QEMU allocates boot memory before the board looks at it; whether the host has it is no rule."""


def _arguments(vector: dict[str, Any]) -> tuple[str, MemoryOption]:
    pairs = dict(zip(vector["args"][::2], vector["args"][1::2], strict=True))
    return pairs.get("-M", "q35"), MemoryOption.parse(pairs["-m"])


@pytest.mark.parametrize("vector", VECTORS["m_option_vectors"], ids=lambda v: " ".join(v["args"]))
def test_memory_option_is_judged_as_by_qemu(vector: dict[str, Any]) -> None:
    """Boot memory in force and the text of each recorded ``-m`` come out the same."""
    machine, option = _arguments(vector)
    assert vector["other_results"] == {}
    expected = vector["result"]
    if any(HOST_DEPENDENT in line for line in expected["stderr"]):
        assert option_error(option.size, option.slots, option.maxmem) is None
        return
    platform = platform_for(machine)
    error = check_memory_option(platform, option.size, option.slots, option.maxmem)
    assert ([error] if error else []) == expected["stderr"]
    if expected["ok"]:
        assert option.ram == expected["base_memory"]


@pytest.mark.parametrize(
    ("size", "slots", "maxmem", "text"),
    [
        (1 * GiB, 4, 4096, "maximum memory size (0x1000) must be at least the initial memory"),
        (1 * GiB, 0, 1 * GiB, None),
        (1 * GiB, 0, None, "slots specified but no max-size"),
        (1 * GiB, None, None, None),
        (None, 2, 1 * GiB, None),
    ],
)
def test_option_rules(size: int | None, slots: int | None, maxmem: int | None, text: str) -> None:
    """The rules between size, slots and maxmem, before any board is asked."""
    error = option_error(size, slots, maxmem)
    assert (error is None) if text is None else (error is not None and text in error)


def test_address_space_is_checked_before_slots_and_alignment() -> None:
    """QEMU reports too small an address space first, then slots, then a bad maxmem."""
    q35 = platform_for("q35")
    limit = check_memory_option(q35, GiB, 257, 2 * GiB + 1, phys_bits=38)
    slots = check_memory_option(q35, GiB, 257, 2 * GiB + 1, phys_bits=48)
    aligned = check_memory_option(q35, GiB, 256, 2 * GiB + 1, phys_bits=48)
    assert limit is not None
    assert limit.startswith("Address space limit 0x3fffffffff")
    assert slots == "unsupported amount of memory slots: 257"
    assert aligned == "maximum memory size must by aligned to multiple of 4096 bytes"


@pytest.mark.parametrize(
    ("size", "slots", "maxmem", "nodes", "text"),
    [
        (1300 * MiB, 2, 4 * GiB, (), "Memory size 0x51400000 is not aligned to 256 MiB"),
        (GiB, 2, 4 * GiB + MiB, (), "Maximum memory size 0x40000000 is not aligned to 256 MiB"),
        (GiB, 2, 4 * GiB, (128 * MiB,), "Node 0 memory size 0x8000000 is not aligned to 256 MiB"),
        (GiB, 33, 4 * GiB, (), "Specified number of memory slots 33 exceeds max supported 32"),
        (GiB, 32, 4 * GiB, (512 * MiB, 512 * MiB), None),
    ],
)
def test_pseries_rules(
    size: int, slots: int, maxmem: int, nodes: tuple[int, ...], text: str | None
) -> None:
    """pseries wants 256 MiB everywhere and at most 32 slots; maxmem's text names boot memory."""
    assert check_memory_option(platform_for("pseries"), size, slots, maxmem, nodes) == text


@pytest.mark.parametrize(
    ("text", "option"),
    [
        ("1G", MemoryOption(GiB)),
        ("1024", MemoryOption(GiB)),
        ("1.5M", MemoryOption(3 * MiB // 2)),
        ("size=1048576k,slots=4,maxmem=2G", MemoryOption(GiB, 4, 2 * GiB)),
        ("1024,slots=0x4,maxmem=4096", MemoryOption(GiB, 4, 4096)),
        ("slots=2,maxmem=0x200000000", MemoryOption(None, 2, 8 * GiB)),
    ],
)
def test_parse(text: str, option: MemoryOption) -> None:
    """A bare size is MiB, a bare maxmem bytes; fractions and hexadecimal are read."""
    assert MemoryOption.parse(text) == option


@pytest.mark.parametrize("text", ["", "1X", "0.5", "-1G", "1G,slot=1", "slots=1,1G", "1G,slots=x"])
def test_parse_refuses(text: str) -> None:
    """What QEMU 7.2.22 refuses to read is bad input."""
    with pytest.raises(InputError):
        MemoryOption.parse(text)


def test_sizes_stop_below_2_to_64() -> None:
    """A size that no 64-bit number holds is refused."""
    with pytest.raises(InputError, match="too large"):
        parse_qemu_size("16E")
    assert parse_qemu_size("15E") == 15 << 60


def test_no_size_and_size_0_are_128_mib() -> None:
    """QEMU's default boot memory stands for ``-m 0`` and for no ``-m``."""
    assert (MemoryOption().ram, MemoryOption(0).ram) == (128 * MiB, 128 * MiB)

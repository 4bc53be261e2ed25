"""What plain arithmetic refutes is told in one line, with numbers."""

from __future__ import annotations

from typing import Any

import pytest

from slotsolver.errors import InputError
from slotsolver.gather import gather
from slotsolver.problem import Problem
from slotsolver.reach import refute, unreachable
from slotsolver.size import GiB, KiB, MiB
from tests.constraints.builders import B, host, problem

G = GiB // B


def refusal(given: Problem) -> str:
    """The message; one line."""
    with pytest.raises(InputError) as caught:
        refute(gather(given))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_what_can_be_is_not_refuted() -> None:
    """A plan may exist, or only a search can say that none does."""
    refute(gather(problem([2, 2], 4, 8)))
    refute(gather(problem([2, 2], 4, 8, host=host((1, 0)))))


@pytest.mark.parametrize("field", ["host_nodes", "cell"])
def test_absent_nodes(field: str) -> None:
    """libvirt's own words for a node that the host does not have, and which it has."""
    cells: list[Any] = [{"memory": 2 * B}]
    guest: dict[str, Any] = {}
    if field == "cell":
        cells[0]["host_nodes"] = [3]
    else:
        guest["host_nodes"] = [1, 3]
    said = refusal(problem(cells, 2, host=host((9, 0), (9, 0)), **guest))
    assert said == ("guest guest, cell 0: NUMA node 3 is unavailable; the host has nodes 0-1")


def test_absent_pools() -> None:
    """A page size of which no node has a pool."""
    cells: list[Any] = [{"memory": 8 * B, "page_size": GiB}]
    said = refusal(problem(cells, 8, host=host((9, 9))))
    assert said == ("guest guest, cell 0: the host has no pool of 1 GiB pages; it has 4 KiB, 2 MiB")


def test_an_empty_pool_is_no_pool() -> None:
    """A pool that was never filled cannot be asked for, one that is used up can."""
    cells: list[Any] = [{"memory": 2 * B, "page_size": 2 * MiB}]
    assert "it has 4 KiB" in refusal(problem(cells, 2, host=host((9, 0))))
    full = host((9, 9))
    full["nodes"][0]["pools"][0]["free"] = 0
    refute(gather(problem(cells, 2, host=full)))


@pytest.mark.parametrize(
    ("field", "blocks", "says"),
    [
        ("target", 4.5, "target 576 MiB cannot be met"),
        ("maximum", 8.25, "maximum 1056 MiB cannot be met"),
        ("waypoints", 6.5, "waypoint 832 MiB cannot be met"),
    ],
)
def test_growth_comes_in_units(field: str, blocks: float, says: str) -> None:
    """Which size, from where, in multiples of what and why, and the nearest ones that can be."""
    size = int(blocks * B)
    given = problem([2], 4, 9)
    value: Any = (size,) if field == "waypoints" else size
    guest = given.guests[0].model_copy(update={field: value})
    said = refusal(given.model_copy(update={"guests": (guest,)}))
    assert says in said
    assert "growth from 256 MiB comes in multiples of 128 MiB (the guest's memory block)" in said
    below, above = (int(blocks) + n for n in (0, 1))
    assert (
        f"the nearest are {below * 128 // 1024 or below * 128}" in said or str(below * 128) in said
    )
    assert above > below


def test_why_the_unit_is_what_it_is() -> None:
    """The guest's memory block, by its name."""
    block = {"kind": "guest-block", "size": GiB}
    said = refusal(problem([8], 8, 12, block, host=host((99, 0, 9))))
    assert (
        "in multiples of 1 GiB (the guest's memory block); the nearest are 1 GiB and 2 GiB" in said
    )


def test_pages_are_no_matter_of_the_input() -> None:
    """Growth off whole pages is not refused, for other pages would do; but that there is no plan
    with these is known without a search."""
    policy = {"kind": "page-size", "size": GiB}
    given = gather(problem([8], 8, 12, policy, host=host((99, 0, 9))))
    refute(given)
    assert unreachable(given)
    given = gather(problem([8], 8, 16, policy, host=host((99, 0, 9))))
    refute(given)
    assert not unreachable(given)


def test_a_small_block_leaves_the_alignment() -> None:
    """A guest OS with blocks of 1 MiB still gets DIMMs of whole 2 MiB."""
    given = problem([2], 2, 4, {"kind": "guest-block", "size": MiB})
    guest = given.guests[0].model_copy(update={"maximum": 3 * B + MiB})
    said = refusal(given.model_copy(update={"guests": (guest,)}))
    assert "in multiples of 2 MiB (the DIMM alignment)" in said


def test_devices_beside_the_cells_are_in_the_numbers() -> None:
    """Sizes are told as libvirt counts them, with the NVDIMM."""
    nvdimm = {"model": "nvdimm", "size": 2 * B, "slot": 0}
    given = problem([2], 4, 8, devices=[nvdimm])
    guest = given.guests[0].model_copy(update={"maximum": 8 * B + 64 * MiB})
    said = refusal(given.model_copy(update={"guests": (guest,)}))
    assert "maximum 1088 MiB cannot be met: growth from 512 MiB" in said
    assert "the nearest are 1 GiB and 1152 MiB" in said or "1.12" in said


def test_at_least_may_be_any_size() -> None:
    """A maximum that may be exceeded needs no whole units."""
    given = problem([2], 4, {"at_least": 8})
    guest = given.guests[0]
    maximum = guest.maximum.model_copy(update={"at_least": 8 * B + 5 * KiB})  # type: ignore[union-attr]
    odd = guest.model_copy(update={"maximum": maximum})
    refute(gather(given.model_copy(update={"guests": (odd,)})))


@pytest.mark.parametrize(
    ("devices", "says"),
    [
        ([(0, 4), (2, 4)], "overlaps another one that ends at 0x120000000"),
        ([(-16, 4)], "lies outside the device memory"),
        ([(10_000, 4)], "lies outside the device memory"),
    ],
)
def test_devices_lie_apart_in_the_device_memory(devices: list[tuple[int, int]], says: str) -> None:
    """Addresses that the domain names are checked before anything is built on them."""
    found = [
        {"model": "dimm", "size": size * B, "cell": 0, "slot": slot, "address": 4 * GiB + at * B}
        for slot, (at, size) in enumerate(devices)
    ]
    blocks = 2 + sum(size for _, size in devices)
    assert says in refusal(problem([2], blocks, blocks + 4, devices=found))


def test_more_slots_than_the_machine_has() -> None:
    """The slot count is refused in QEMU's words, with the machine's own limit."""
    guest = {"name": "many", "cells": [{"memory": 2 * B}], "target": 2 * B, "maximum": 4 * B}
    given = Problem.model_validate({"guests": [{**guest, "slots": 257}]})
    says = refusal(given)
    assert "unsupported amount of memory slots: 257" in says
    assert "at most 256" in says

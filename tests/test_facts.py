"""What is known before anything is decided. Sizes are in blocks of 128 MiB where not said."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from slotsolver.errors import InputError
from slotsolver.facts import GuestFacts, StageFacts, insert_stage, to_mib
from slotsolver.gather import gather
from slotsolver.size import GiB, MiB
from tests.constraints.builders import GIANT, HUGE, SMALL, B, host, problem

U = 128
"""A block in MiB."""
G = GiB // B


def facts_of(*args: Any, **kwargs: Any) -> GuestFacts:
    """The facts of the first guest."""
    return gather(problem(*args, **kwargs))[0]


def stages(facts: GuestFacts) -> list[tuple[str, int | None]]:
    """Names and sizes, in blocks."""
    return [(s.name, None if s.memory is None else s.memory // U) for s in facts.stages]


@pytest.mark.parametrize(
    ("size", "mib"), [(0, 0), (1, 1), (MiB, 1), (MiB + 1, 2), (GiB - 1, 1024), (GiB, 1024)]
)
def test_to_mib(size: int, mib: int) -> None:
    """Rounded up, as libvirt does at start."""
    assert to_mib(size) == mib


@pytest.mark.parametrize(
    ("arguments", "fields", "expected"),
    [
        (([2], 2), {}, [("boot+target+maximum", 2)]),
        (([2], 2, 8), {}, [("boot+target", 2), ("maximum", 8)]),
        (([2], 4, 8), {}, [("boot", 2), ("target", 4), ("maximum", 8)]),
        (([2], 4), {}, [("boot", 2), ("target+maximum", 4)]),
        (
            ([2], 4, 8),
            {"waypoints": [6 * B, 4 * B, 8 * B]},
            [("boot", 2), ("target+waypoint", 4), ("waypoint", 6), ("maximum", 8)],
        ),
        (([None], 4, 8), {}, [("boot", None), ("target", 4), ("maximum", 8)]),
        (([None, None], 4, 8), {"boot": 2 * B}, [("boot", 2), ("target", 4), ("maximum", 8)]),
        (([2], 4, {"at_least": 8}), {}, [("boot", 2), ("target", 4), ("maximum", 8)]),
    ],
)
def test_stages(
    arguments: tuple[Any, ...], fields: dict[str, Any], expected: list[tuple[str, int | None]]
) -> None:
    """Ascending, each size once, with joined names."""
    found = stages(facts_of(*arguments, **fields))
    assert [size for _, size in found] == [size for _, size in expected]
    for (name, _), (other, _) in zip(found, expected, strict=True):
        assert set(other.split("+")) <= set(name.split("+"))


def test_the_target_stage() -> None:
    """Where the target is, even below a waypoint or at boot."""
    assert facts_of([2], 4, 8, waypoints=[3 * B]).target_stage == 2
    assert facts_of([2], 2, 8, waypoints=[3 * B]).target_stage == 0


def test_stages_below_what_is_there() -> None:
    """Nothing that is there at boot can be taken away."""
    found = [StageFacts("boot", 4 * U)]
    insert_stage(found, StageFacts("target", 4 * U))
    assert [stage.name for stage in found] == ["boot+target"]
    with pytest.raises(InputError, match="waypoint 384 MiB is below the memory that cannot be"):
        insert_stage(found, StageFacts("waypoint", 3 * U))


def test_devices() -> None:
    """RAM counts for its cell, other devices beside the cells, both before anything is added."""
    devices = [
        {"model": "dimm", "size": 2 * B, "cell": 1, "slot": 0},
        {"model": "virtio-mem", "size": B, "cell": 0, "requested": B, "block": 2 * MiB},
        {"model": "nvdimm", "size": 3 * B, "cell": 0, "slot": 1},
    ]
    facts = facts_of([2, 2], 10, 12, devices=devices, libvirt="9.0")
    assert [cell.existing // U for cell in facts.cells] == [1, 2]
    assert (facts.outside // U, facts.existing // U) == (3, 3)
    assert stages(facts) == [("boot+target", 7), ("maximum", 9)]
    later = facts_of([2, 2], 10, 12, devices=devices, libvirt="9.5")
    assert later.existing_slots == 2


@pytest.mark.parametrize(
    ("maximum", "step"), [(8, 1), (32, 1), (33, 2), (64, 2), (65, 4), (1024, 32), (1025, 64)]
)
def test_default_step(maximum: int, step: int) -> None:
    """The smallest power of two blocks with at most 32 steps to the maximum."""
    assert facts_of([2], 2, maximum).default_step == step * U


def test_the_thread_guests_step() -> None:
    """8 GiB, maximum 16 GiB, four cells: 512 MiB."""
    assert facts_of([16] * 4, 64, 128).default_step == 512


@pytest.mark.parametrize(
    ("machine", "boot", "blocks"),
    [
        ("q35", 61 * G, (128,)),
        ("q35", 62 * G, (2048,)),
        ("q35", 63 * G, (1024,)),
        ("q35", 62 * G + 1, (128,)),
        ("q35", 62 * G + 2, (256,)),
        ("pc", 62 * G, (128,)),
        ("pc", 63 * G, (2048,)),
        ("virt", 128 * G, (128,)),
    ],
)
def test_memory_blocks(machine: str, boot: int, blocks: tuple[int, ...]) -> None:
    """Boot memory that ends at 64 GiB or above makes the largest block that divides its end."""
    assert facts_of([boot], boot, 2 * boot, machine=machine).blocks == blocks


def test_free_boot_memory_leaves_the_block_open() -> None:
    """Only where the target reaches the cliff; below it there is one block."""
    assert facts_of([None], 61 * G, 99 * G).blocks == (128,)
    found = facts_of([None], 62 * G, 99 * G)
    assert found.blocks == (128, 256, 512, 1024, 2048)
    assert found.block_at(61 * 1024) == 128
    assert found.block_at(62 * 1024) == 2048


def test_units() -> None:
    """The largest of alignment, page and block, for the finest way to back the cell."""
    assert facts_of([8], 8, 16).cells[0].unit == 128
    where = host((99, 99, 9))
    (cell,) = facts_of([8], 8, 16, host=where).cells
    assert (cell.unit, cell.largest_unit) == (128, 1024)
    small = {"kind": "guest-block", "size": MiB}
    assert facts_of([8], 8, 16, small).cells[0].unit == 2
    pages = {"kind": "page-size", "size": GIANT}
    assert facts_of([8], 8, 16, pages, host=where).cells[0].unit == 1024


def backings(*args: Any, **kwargs: Any) -> list[tuple[int, int, tuple[int, ...]]]:
    """Every way to back cell 0."""
    cell = facts_of(*args, **kwargs).cells[0]
    return [(b.page, b.dimm_page, b.nodes) for b in cell.backings()]


def test_backings() -> None:
    """Every page size of the host on every node, narrowed by domain and policies."""
    where = host((9, 9), (9, 0))
    every = [(page, page, (n,)) for page in (SMALL, HUGE) for n in (0, 1)]
    assert backings([2], 2, host=where) == every
    bound: Sequence[Any] = [{"memory": 2 * B, "page_size": HUGE, "host_nodes": [0, 1]}]
    assert backings(bound, 2, host=where) == [(HUGE, HUGE, (0, 1))]
    assert backings([2], 2, host=where, host_nodes=[1]) == [
        (SMALL, SMALL, (1,)),
        (HUGE, HUGE, (1,)),
    ]
    dimms = {"kind": "page-size", "size": HUGE, "of": "dimms"}
    small = {"kind": "host-nodes", "nodes": [0]}
    assert backings([2], 2, None, dimms, small, host=where) == [
        (SMALL, HUGE, (0,)),
        (HUGE, HUGE, (0,)),
    ]
    assert backings([2], 2) == [(SMALL, SMALL, ())]


@pytest.mark.parametrize(
    ("policies", "limit", "unit", "largest"),
    [
        ([], 7, 1, 7),
        ([], 7, 2, 6),
        ([{"kind": "step", "size": 5 * B}], 7, 1, 5),
        ([{"kind": "sizes", "powers_of_two": True}], 7, 1, 4),
        ([{"kind": "sizes", "allowed": [3 * B, 6 * B, 9 * B]}], 7, 1, 6),
        ([{"kind": "sizes", "allowed": [3 * B, 6 * B]}], 7, 4, 0),
        ([{"kind": "sizes", "minimum": 8 * B}], 7, 1, 0),
        ([{"kind": "exact", "size": 3 * B}], 7, 1, 6),
        ([{"kind": "exact", "size": 3 * B}], 7, 2, 6),
        ([{"kind": "exact", "size": 3 * B}], 5, 2, 0),
    ],
)
def test_largest_up_to(policies: list[dict[str, Any]], limit: int, unit: int, largest: int) -> None:
    """The largest size that the policies permit, in whole units."""
    (cell,) = facts_of([2], 2, 20, *policies).cells
    assert cell.largest_up_to(limit * U, unit * U) == largest * U


def test_permits() -> None:
    """A size that no rule allows is not permitted; several rules meet."""
    policies = [
        {"kind": "sizes", "powers_of_two": True, "minimum": 2 * B},
        {"kind": "sizes", "allowed": [B, 2 * B, 3 * B, 4 * B, 8 * B]},
        {"kind": "step", "size": 4 * B},
    ]
    (cell,) = facts_of([2], 2, 20, *policies).cells
    assert [size for size in range(1, 20) if cell.permits(size * U)] == [2, 4]
    assert not cell.permits(2 * U + 1)


def test_reserve_stage() -> None:
    """The target's, or the last one for the cells that keep their growth."""
    facts = facts_of([2, 2], 6, 9, {"kind": "reserve", "until": "maximum", "cells": [1]})
    assert [facts.reserve_stage(cell) for cell in facts.cells] == [1, 2]


def test_policies_of_other_guests_are_not_there() -> None:
    """Facts carry only what concerns the guest."""
    given = problem([2], 2, 4, {"kind": "step", "size": B})
    other = given.guests[0].model_copy(update={"name": "other"})
    narrowed = given.policies[0].model_copy(update={"guests": ("other",)})
    both = given.model_copy(update={"guests": (given.guests[0], other), "policies": (narrowed,)})
    assert [len(facts.policies) for facts in gather(both)] == [0, 1]
    assert [facts.cells[0].largest // U for facts in gather(both)] != [1, 1]

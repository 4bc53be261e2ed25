"""`memmap`: 1/64 of each DIMM fits into free guest memory."""

from __future__ import annotations

import pytest

from slotsolver.constraints.memmap import Memmap
from slotsolver.size import MiB
from tests.constraints.builders import (
    B,
    make_guest,
    new_sizes,
    policy_line,
    problem,
    refusal,
    slots,
    two_guests,
)

ONE = B // 64
"""Free memory for the page structures of one block."""


def test_line() -> None:
    """The line of YAML is the class, and says its rule."""
    policy = policy_line("{kind: memmap, free: 6 MiB}")
    assert policy == Memmap(free=6 * MiB)
    assert policy.describe() == "1/64 of each DIMM fits into 6 MiB of free guest memory"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("{kind: memmap}", "free: this field is needed here"),
        ("{kind: memmap, free: 6}", "size 6 has no unit"),
        ("{kind: memmap, free: 0 B}", "greater than 0"),
        ("{kind: memmap, size: 6 MiB}", "policy memmap has no field 'size'"),
    ],
)
def test_refused_lines(line: str, says: str) -> None:
    """A bad line is refused with its place and what would help."""
    assert says in refusal(line)


@pytest.mark.parametrize(
    ("free", "expected"),
    [(7 * ONE, [7]), (7 * ONE - 1, [1, 6]), (3 * ONE, [1, 3, 3]), (ONE, [1] * 7)],
)
def test_seven_blocks(free: int, expected: list[int]) -> None:
    """The largest DIMM is 64 times the free memory, to the byte; finest steps break ties."""
    given = problem([2], 2, 9, {"kind": "memmap", "free": free}, objectives=["fewest-slots"])
    (sizes,) = new_sizes(given)
    assert len(sizes) == len(expected)
    assert max(sizes) <= free * 64 // B


def test_too_little_for_one_block() -> None:
    """A byte less than one block's page structures leaves no growth."""
    assert slots(problem([2], 2, 3, {"kind": "memmap", "free": ONE})) == 1
    assert slots(problem([2], 2, 3, {"kind": "memmap", "free": ONE - 1})) is None


def test_cells_and_guests() -> None:
    """Only the cells and guests named."""
    policy = {"kind": "memmap", "free": ONE}
    given = problem([2, 2], 4, 8, {"kind": "balance"}, policy | {"cells": [0]})
    assert new_sizes(given) == [[1, 1], [2]]
    guest = make_guest([2], 2, 4)
    pair = two_guests(guest, guest, policy | {"guests": ["two"]})
    assert (new_sizes(pair, 0), new_sizes(pair, 1)) == ([[2]], [[1, 1]])

"""`exact`: every multiple of a size is the sum of some of a cell's DIMMs."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations

import pytest

from slotsolver.constraints.exact import Exact
from slotsolver.errors import InputError
from slotsolver.size import MiB
from slotsolver.solver import solve
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

EXACT = {"kind": "exact", "size": B}


def subset_sums(sizes: Iterable[int]) -> set[int]:
    """Every sum of some of the sizes, by trying all."""
    sizes = list(sizes)
    return {sum(some) for n in range(len(sizes) + 1) for some in combinations(sizes, n)}


def test_line() -> None:
    """The line of YAML is the class, and says its rule."""
    policy = policy_line("{kind: exact, size: 256 MiB}")
    assert policy == Exact(size=256 * MiB)
    assert policy.describe() == "every multiple of 256 MiB is the sum of some DIMMs of each cell"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("{kind: exact}", "size: this field is needed here"),
        ("{kind: exact, size: 0 B}", "greater than 0"),
        ("{kind: exact, size: 256}", "size 256 has no unit"),
        ("{kind: exact, sizes: [1 GiB]}", "did you mean 'size'?"),
    ],
)
def test_refused_lines(line: str, says: str) -> None:
    """A bad line is refused with its place and what would help."""
    assert says in refusal(line)


def test_sizes_are_whole_mib() -> None:
    """libvirt's and QEMU's DIMMs are whole MiB, so are their common divisors."""
    with pytest.raises(InputError, match="policy exact: sizes are whole MiB, not 1536 B"):
        solve(problem([2], 2, 4, {"kind": "exact", "size": 1536}))


@pytest.mark.parametrize("growth", [*range(1, 18), 31, 32, 63])
def test_logarithmically_many_dimms_reach_everything(growth: int) -> None:
    """n DIMMs have 2^n subset sums, and that many are enough: all of them are enumerated."""
    (sizes,) = new_sizes(problem([2], 2, 2 + growth, EXACT))
    assert subset_sums(sizes) == set(range(growth + 1))
    assert len(sizes) == growth.bit_length()


@pytest.mark.parametrize("growth", [2, 6, 10, 14])
def test_multiples_of_a_larger_size(growth: int) -> None:
    """Every even number of blocks, and no odd one: half as much is to be reached."""
    (sizes,) = new_sizes(problem([2], 2, 2 + growth, EXACT | {"size": 2 * B}))
    assert subset_sums(sizes) == set(range(0, growth + 1, 2))
    assert len(sizes) == (growth // 2).bit_length()


def test_growth_that_is_no_multiple() -> None:
    """Five blocks are no multiple of two; one block or five are a divisor."""
    assert slots(problem([2], 2, 7, EXACT | {"size": 2 * B})) is None
    assert slots(problem([2], 2, 7, EXACT | {"size": 5 * B})) == 1
    assert slots(problem([2], 2, 7, EXACT | {"size": B // 2})) is None


def test_boundary() -> None:
    """Fifteen blocks just need four DIMMs; three are too few."""
    limit = {"kind": "slots", "at_most": 4}
    assert slots(problem([2], 2, 17, EXACT, limit)) == 4
    assert slots(problem([2], 2, 17, EXACT, limit | {"at_most": 3})) is None


def test_stages_cut_and_still_everything_is_reached() -> None:
    """With a waypoint the DIMMs of all stages together reach every size."""
    (sizes,) = new_sizes(problem([2], 2, 12, EXACT, waypoints=[8 * B]))
    assert subset_sums(sizes) == set(range(11))
    assert 6 in subset_sums(sizes[:-1])


def test_each_cell_reaches_everything() -> None:
    """Each of two cells has its own DIMMs for its own five blocks."""
    for sizes in new_sizes(problem([2, 2], 4, 14, EXACT, {"kind": "balance"})):
        assert subset_sums(sizes) == set(range(6))
        assert len(sizes) == 3


def test_cells() -> None:
    """Only the cells named."""
    one, other = new_sizes(problem([2, 2], 4, 14, EXACT | {"cells": [1]}, {"kind": "balance"}))
    assert one == [5]
    assert subset_sums(other) == set(range(6))


def test_guests() -> None:
    """Only the guests named."""
    guest = make_guest([2], 2, 5)
    given = two_guests(guest, guest, EXACT | {"guests": ["two"]})
    assert (new_sizes(given, 0), new_sizes(given, 1)) == ([[3]], [[1, 2]])

"""Addresses in the gaps between others, against every placement that there is on small windows."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slotsolver.fit import Fit, Gap, Item, fit, gaps_between

WINDOW = 16
"""Units of address space."""


def item(align: int, times: int = 1) -> Item:
    """Something that is so many times its alignment long."""
    return Item(align, align * times)


items = st.lists(
    st.builds(item, st.sampled_from([1, 2, 4]), st.integers(1, 3)), min_size=1, max_size=4
)
ranges = st.lists(
    st.tuples(st.integers(0, WINDOW - 1), st.integers(1, 4)).map(lambda r: (r[0], r[0] + r[1])),
    max_size=3,
)


def free_units(gaps: Sequence[Gap]) -> frozenset[int]:
    """The units that the gaps hold."""
    return frozenset(unit for gap in gaps for unit in range(gap.start, gap.end))


def can_be_placed(free: frozenset[int], wanted: Sequence[Item]) -> bool:
    """Whether there is any way, found by trying all."""
    if not wanted:
        return True
    first, rest = wanted[0], wanted[1:]
    for address in range(0, WINDOW + 4, first.align):
        units = frozenset(range(address, address + first.size))
        if units <= free and can_be_placed(free - units, rest):
            return True
    return False


def is_sound(gaps: Sequence[Gap], wanted: Sequence[Item], found: Fit) -> None:
    """Aligned, inside the gaps, apart from each other, equal ones ascending."""
    assert found.addresses is not None
    taken: set[int] = set()
    for one, address in zip(wanted, found.addresses, strict=True):
        units = set(range(address, address + one.size))
        assert address % one.align == 0
        assert units <= free_units(gaps)
        assert not units & taken
        taken |= units


@settings(max_examples=400, deadline=None, derandomize=True, database=None)
@given(taken=ranges, wanted=items, base=st.integers(0, 3), best=st.booleans())
def test_a_way_is_found_exactly_where_there_is_one(
    taken: list[tuple[int, int]], wanted: list[Item], base: int, best: bool
) -> None:
    """Whatever lies in the window already, in either order of trying."""
    gaps = gaps_between(base, WINDOW, taken)
    found = fit(gaps, wanted, best=best)
    assert found.proven
    if found.addresses is None:
        assert not can_be_placed(free_units(gaps), wanted)
    else:
        is_sound(gaps, wanted, found)


@settings(max_examples=100, deadline=None, derandomize=True, database=None)
@given(taken=ranges, base=st.integers(0, 3))
def test_gaps_are_what_is_not_taken(taken: list[tuple[int, int]], base: int) -> None:
    """Each unit of the window is in a gap or in a range; gaps ascend and are never empty."""
    gaps = gaps_between(base, WINDOW, taken)
    covered = {unit for start, end in taken for unit in range(start, end)}
    assert free_units(gaps) == set(range(base, WINDOW)) - covered
    assert all(gap.start < gap.end for gap in gaps)
    assert all(one.end < other.start for one, other in pairwise(gaps))


def test_nothing_to_place() -> None:
    """It fits, even where nothing is free."""
    assert fit([], []) == Fit(())
    assert fit([], [item(1)]) == Fit(None)


GAPS = [Gap(0, 8), Gap(10, 14), Gap(16, 18)]


@pytest.mark.parametrize(
    ("wanted", "best", "first"),
    [
        ([item(1, 2)], (16,), (0,)),
        ([item(1, 3)], (10,), (0,)),
        ([item(2, 1), item(2, 2)], (16, 10), (4, 0)),
        ([item(4, 1)], (0,), (0,)),
        ([item(1, 1), item(4, 1)], (16, 0), (4, 0)),
    ],
)
def test_large_gaps_stay_whole(
    wanted: list[Item], best: tuple[int, ...], first: tuple[int, ...]
) -> None:
    """Each lies in the smallest gap that holds it, the most aligned and largest placed first; first
    fit takes the first gap instead."""
    assert fit(GAPS, wanted).addresses == best
    assert fit(GAPS, wanted, best=False).addresses == first


def test_where_taking_turns_does_not_do() -> None:
    """Best fit and first fit both put three into the first gap, which wastes a unit of it; the way
    is two and two there, three and two in the other. Equal ones ascend in the order given."""
    gaps, wanted = [Gap(0, 4), Gap(5, 10)], [item(1, 2), item(1, 3), item(1, 2), item(1, 2)]
    found = fit(gaps, wanted)
    is_sound(gaps, wanted, found)
    assert found.addresses is not None
    twos = [found.addresses[place] for place in (0, 2, 3)]
    assert twos == sorted(twos)


def test_gaps_are_left_as_they_are() -> None:
    """What is given is not used up."""
    gaps = [Gap(0, 8)]
    fit(gaps, [item(4)])
    assert gaps == [Gap(0, 8)]

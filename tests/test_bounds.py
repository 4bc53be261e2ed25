"""Closed forms for the fewest DIMMs, against trying everything. Sizes are in blocks of 128 MiB."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import combinations, combinations_with_replacement
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slotsolver.bounds import ENDLESS, fewest_dimms, fewest_exact
from slotsolver.gather import gather
from tests.constraints.builders import B, problem

U = 128
"""A block in MiB, which the closed forms count in."""
STEP, RATIO = "step", "relative-step"
ratios = st.sampled_from(["1/8", "1/4", "1/3", "1/2", "1", "2"])


def bound(boot: int, growth: int, largest: int, *policies: dict[str, Any]) -> int:
    """The bound for a cell with these policies."""
    (facts,) = gather(problem([boot], boot, boot + growth, *policies))
    return fewest_dimms(facts.cells[0], growth * U, boot * U, largest * U)


def partitions(growth: int, menu: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """Every ascending sequence of sizes of the menu with that sum."""
    for count in range(growth + 1):
        for sizes in combinations_with_replacement(menu, count):
            if sum(sizes) == growth:
                yield sizes


def climbs(sizes: Sequence[int], boot: int, ratio: Fraction, least: int) -> bool:
    """Whether each DIMM in turn is at most the ratio of what is there, or the least step."""
    return all(
        size <= max(Fraction(least), ratio * (boot + sum(sizes[:place])))
        for place, size in enumerate(sizes)
    )


@given(st.integers(1, 20), st.integers(0, 40), st.integers(1, 40))
def test_without_rules_it_is_a_division(boot: int, growth: int, largest: int) -> None:
    """As many of the largest as fit, and one for the rest."""
    assert bound(boot, growth, largest) == -(-growth // min(largest, max(growth, 1)))


@given(st.integers(1, 6), st.integers(1, 9), ratios, st.integers(1, 3) | st.none())
def test_with_a_relative_step_it_is_exact(
    boot: int, growth: int, ratio: str, least: int | None
) -> None:
    """No multiset of DIMMs that obeys the rule is smaller, and one is as small."""
    policy: dict[str, Any] = {"kind": RATIO, "ratio": ratio}
    if least:
        policy["at_least"] = least * B
    found = bound(boot, growth, growth, policy)
    every = partitions(growth, range(1, growth + 1))
    fitting = [s for s in every if climbs(s, boot, Fraction(ratio), least or 1)]
    assert found == min(map(len, fitting))


@given(
    st.integers(1, 6),
    st.integers(1, 9),
    st.integers(1, 9),
    ratios | st.none(),
    st.sets(st.integers(1, 9), min_size=1) | st.none(),
    st.booleans(),
    st.integers(1, 3),
)
def test_it_is_never_too_high(
    boot: int,
    growth: int,
    largest: int,
    ratio: str | None,
    allowed: set[int] | None,
    powers: bool,
    least: int,
) -> None:
    """Under any sizes and steps no legal layout has fewer DIMMs."""
    sizes: dict[str, Any] = {"kind": "sizes", "powers_of_two": powers, "minimum": least * B}
    if allowed:
        sizes["allowed"] = [size * B for size in sorted(allowed)]
    policies = [sizes] + ([{"kind": RATIO, "ratio": ratio}] if ratio else [])
    found = bound(boot, growth, largest, *policies)
    menu = [
        size
        for size in range(least, min(growth, largest) + 1)
        if (not allowed or size in allowed) and (not powers or size.bit_count() == 1)
    ]
    step = Fraction(ratio) if ratio else Fraction(growth)
    for fitting in partitions(growth, menu):
        assert found <= len(fitting) or not climbs(fitting, boot, step, 1)


def test_no_growth_takes_nothing() -> None:
    """Nothing to add, nothing added; also where a stage lies below what is there."""
    (facts,) = gather(problem([2], 2, 4))
    assert fewest_dimms(facts.cells[0], 0, 2 * U, 2 * U) == 0
    assert fewest_dimms(facts.cells[0], -U, 2 * U, 2 * U) == 0


def test_more_growth_may_take_fewer() -> None:
    """Of powers of two three blocks take two, but from three to five blocks one of four will do."""
    (facts,) = gather(problem([2], 2, 7, {"kind": "sizes", "powers_of_two": True}))
    assert fewest_dimms(facts.cells[0], 3 * U, 2 * U, 8 * U) == 2
    assert fewest_dimms(facts.cells[0], 3 * U, 2 * U, 8 * U, most=5 * U) == 1


def test_growth_out_of_reach_is_endless() -> None:
    """No size is allowed, or the step stays below a unit for ever."""
    assert bound(2, 4, 4, {"kind": STEP, "size": B - 1}) == ENDLESS
    assert bound(2, 4, 4, {"kind": "sizes", "minimum": 5 * B}) == ENDLESS
    assert bound(2, 4, 4, {"kind": RATIO, "ratio": "1/4", "at_least": 1}) == ENDLESS


@pytest.mark.parametrize(("step", "growth"), [(s, g * s) for s in (1, 2, 3) for g in range(9)])
def test_fewest_exact(step: int, growth: int) -> None:
    """The smallest multiset whose subset sums are all multiples of the step, by trying all."""
    wanted = set(range(0, growth + 1, step))

    def reaches(sizes: Sequence[int]) -> bool:
        return {sum(s) for n in range(len(sizes) + 1) for s in combinations(sizes, n)} == wanted

    multiples = range(step, growth + 1, step)
    counts = (
        n for n in range(9) for s in combinations_with_replacement(multiples, n) if reaches(s)
    )
    assert fewest_exact(step, growth) == next(counts)

"""The first layout: its sum is right, and it obeys every rule it knows."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slotsolver.bounds import fewest_dimms
from slotsolver.gather import gather
from slotsolver.greedy import pieces
from tests.constraints.builders import B, problem

U = 128
"""A block in MiB."""


def layout(
    boot: int, growth: int, largest: int, *policies: dict[str, Any], unit: int = 1
) -> Counter[int] | None:
    """The pieces in blocks."""
    (facts,) = gather(problem([boot], boot, boot + growth, *policies))
    found = pieces(facts.cells[0], growth * U, boot * U, largest * U, unit * U)
    if found is None:
        return None
    assert all(size % U == 0 for size in found)
    return Counter({size // U: count for size, count in found.items()})


def test_without_rules() -> None:
    """The largest again and again, and the rest."""
    assert layout(2, 11, 4) == {4: 2, 3: 1}
    assert layout(2, 11, 20) == {11: 1}
    assert layout(2, 0, 4) == {}


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ({"kind": "step", "size": 3 * B}, {3: 3, 2: 1}),
        ({"kind": "sizes", "powers_of_two": True}, {8: 1, 2: 1, 1: 1}),
        ({"kind": "sizes", "allowed": [5 * B, B]}, {5: 2, 1: 1}),
        ({"kind": "sizes", "allowed": [4 * B]}, None),
        ({"kind": "sizes", "minimum": 4 * B, "maximum": 5 * B}, None),
        ({"kind": "relative-step", "ratio": "1"}, {2: 1, 4: 1, 5: 1}),
        ({"kind": "exact", "size": B}, {1: 1, 2: 1, 4: 2}),
    ],
)
def test_with_a_rule(policy: dict[str, Any], expected: dict[int, int] | None) -> None:
    """Eleven blocks from two, worked out by hand; ``None`` where it finds nothing."""
    assert layout(2, 11, 11, policy) == expected


@given(
    st.integers(1, 20),
    st.integers(0, 60),
    st.integers(1, 60),
    st.sampled_from(["1/8", "1/3", "1/2", "1"]) | st.none(),
    st.integers(1, 12) | st.none(),
    st.sampled_from([1, 2, 4]),
)
def test_sum_and_rules(
    boot: int, growth: int, largest: int, ratio: str | None, step: int | None, unit: int
) -> None:
    """What it finds adds up, in whole units, none too large, each within the step in plug order."""
    policies: list[dict[str, Any]] = []
    if ratio:
        policies.append({"kind": "relative-step", "ratio": ratio})
    if step:
        policies.append({"kind": "step", "size": step * B})
    found = layout(boot, growth, largest, *policies, unit=unit)
    if found is None:
        assert growth % unit or min(largest, step or largest) < unit
        return
    assert sum(size * count for size, count in found.items()) == growth
    had = boot
    for size in sorted(found.elements()):
        assert size % unit == 0
        assert size <= min(largest, step or largest)
        assert not ratio or size <= max(Fraction(unit), Fraction(ratio) * had)
        had += size


@given(st.integers(1, 12), st.integers(1, 60), st.sampled_from(["1/8", "1/4", "1/2", "1"]))
def test_relative_steps_in_the_fewest_dimms(boot: int, growth: int, ratio: str) -> None:
    """It is as short as the bound says: no search can do better."""
    policy = {"kind": "relative-step", "ratio": ratio}
    found = layout(boot, growth, growth, policy)
    (facts,) = gather(problem([boot], boot, boot + growth, policy))
    assert found is not None
    assert found.total() == fewest_dimms(facts.cells[0], growth * U, boot * U, growth * U)


@given(st.integers(1, 40), st.integers(1, 3))
def test_doubling_reaches_every_multiple(parts: int, step: int) -> None:
    """All subset sums are enumerated."""
    found = layout(2, parts * step, parts * step, {"kind": "exact", "size": step * B})
    assert found is not None
    sizes = list(found.elements())
    sums = {sum(some) for n in range(len(sizes) + 1) for some in combinations(sizes, n)}
    assert sums == set(range(0, parts * step + 1, step))
    assert len(sizes) == parts.bit_length()

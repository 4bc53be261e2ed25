"""Arrangements are cut into units: every cell once in each, none lost, those apart on own nodes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from slotsolver.clock import Clock
from slotsolver.study.arrange import Kind, arrange
from slotsolver.study.patterns import patterns

Draw = Callable[[st.SearchStrategy[Any]], Any]


@st.composite
def rooms(draw: Draw) -> dict[tuple[int, int], int]:
    """Up to five nodes with two pools each."""
    nodes = draw(st.integers(1, 5))
    return {(node, page): draw(st.integers(0, 30)) for node in range(nodes) for page in (1, 2)}


@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(
    rooms(),
    st.lists(
        st.tuples(st.integers(1, 4), st.integers(1, 3), st.booleans()), min_size=1, max_size=3
    ),
)
def test_units_make_up_the_arrangement(
    room: dict[tuple[int, int], int], drawn: list[tuple[int, int, bool]]
) -> None:
    """Kinds of cells with a need and a number of cells each, some of them apart."""
    kinds, first = [], 0
    for need, cells, apart in drawn:
        ids = tuple(range(first, first + cells))
        kinds.append(Kind(0, ids, dict.fromkeys(room, need), apart))
        first += cells
    found = arrange(kinds, room, Clock(None, allowed=5))
    assert found.units == found.most
    apart_ids = [cell for kind in kinds if kind.apart for cell in kind.cells]
    taken: Counter[tuple[int, int]] = Counter()
    lies: Counter[tuple[int, tuple[int, int]]] = Counter()
    units = 0
    for count, pattern in patterns(kinds, found, 0) if found.units else ():
        assert sorted(pattern) == list(range(first))
        nodes = [pattern[cell][0] for cell in apart_ids]
        assert len(set(nodes)) == len(nodes)
        assert count > 0
        units += count
        for number, kind in enumerate(kinds):
            for cell in kind.cells:
                taken[pattern[cell]] += count * kind.needs[pattern[cell]]
                lies[number, pattern[cell]] += count
    assert units == found.units
    assert all(pages <= room[place] for place, pages in taken.items())
    if units:
        expected = {(n, p): c for n, cells in enumerate(found.cells) for p, c in cells.items()}
        assert dict(lies) == expected

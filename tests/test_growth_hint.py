"""The greedy way of a running guest to its maximum."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slotsolver.clock import Clock
from slotsolver.cp_sat import _build
from slotsolver.decide import run
from slotsolver.gather import gather
from slotsolver.growth_hint import even_totals, growth_hint
from slotsolver.problem import Problem
from slotsolver.search import _complete
from slotsolver.size import MiB
from tests.constraints.builders import BASE, B, packed, problem, running

BLOCK = B // MiB


def spread(totals: tuple[int, ...] | list[int]) -> int:
    """The largest less the smallest."""
    return max(totals) - min(totals)


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(now=st.lists(st.integers(0, 6), min_size=1, max_size=3), more=st.integers(0, 8))
def test_totals_are_as_even_as_they_can_be(now: list[int], more: int) -> None:
    """Of all ways to give so many grains to cells of one grain none is evener; everything is
    given."""
    found = even_totals(now, sum(now) + more, [1] * len(now))
    ways = product(*(range(more + 1) for _ in now))
    evenest = min(
        spread([n + m for n, m in zip(now, way, strict=True)]) for way in ways if sum(way) == more
    )
    assert sum(found) == sum(now) + more
    assert all(after >= before for after, before in zip(found, now, strict=True))
    assert spread(found) == evenest


@pytest.mark.parametrize(
    ("now", "room", "grains", "expected"),
    [
        ([2, 2], 10, [2, 2], [6, 4]),
        ([2, 2], 11, [2, 2], [6, 4]),  # one is left over
        ([0, 0], 10, [4, 1], [4, 6]),
        ([1, 1], 3, [4, 4], [1, 1]),
        ([7, 1], 8, [1, 1], [7, 1]),
    ],
)
def test_totals_grow_by_whole_grains(
    now: list[int], room: int, grains: list[int], expected: list[int]
) -> None:
    """Each cell by its own; what is less than a grain is given to none."""
    assert even_totals(now, room, grains) == expected


def hinted(given: Problem) -> tuple[list[list[int]], list[int]] | None:
    """DIMMs that come later, by cell, and the totals in the end (blocks), of the solution that the
    hint begins; ``None`` where it says nothing."""
    clock = Clock(None)
    host = _build(given, gather(given), attempt=False)
    (guest,) = host.guests
    _, last = run(host, clock)
    hint = list(growth_hint(guest, last))
    if not hint:
        return None
    solver = _complete(host, hint, clock)
    assert solver is not None
    for cell in guest.cells:  # what is done now stays
        assert solver.value(cell.totals[1]) == last.value(cell.totals[1])
    later: list[list[int]] = []
    for cell in guest.cells:
        counted = ((size, solver.value(n)) for size, stage, n in cell.counts() if stage > 1)
        later.append([size // BLOCK for size, number in counted for _ in range(number)])
    return later, [solver.value(cell.totals[-1]) // BLOCK for cell in guest.cells]


def test_growth_is_fine_and_even() -> None:
    """In DIMMs of a block, all of maxMemory, the cells alike."""
    assert hinted(running([2, 2], 4, 10)) == ([[1, 1, 1], [1, 1, 1]], [5, 5])


@pytest.mark.parametrize(
    ("slots", "sizes"), [(8, [1] * 8), (7, [2, 2, 2, 2]), (4, [2, 2, 2, 2]), (2, [4, 4]), (1, [8])]
)
def test_few_slots_make_larger_dimms(slots: int, sizes: list[int]) -> None:
    """Twice as large until there are slots enough."""
    found = hinted(running([2], 2, 10, slots=slots))
    assert found == ([sizes], [10])


def test_slots_that_are_taken() -> None:
    """Two of six; and what comes now takes its own."""
    found = hinted(running([2], 4, 12, devices=packed(1, 1), slots=6))
    assert found == ([[2, 2, 2, 2]], [12])


def test_planned_growth_stays() -> None:
    """A DIMM that was planned once and comes later is one of those that come."""
    growth = [{"slot": 5, "size": 3 * B, "cell": 0, "address": BASE + 8 * B}]
    found = hinted(running([2], 2, 7, growth=growth))
    assert found is not None
    assert sum(found[0][0]) == 5


@pytest.mark.parametrize(
    "given_problem",
    [
        running([2], 2, 10, slots=0),
        running([2], 2, 10, {"kind": "step", "size": B}, slots=4),
    ],
    ids=["none", "too few"],
)
def test_too_few_slots(given_problem: Problem) -> None:
    """Nothing is said of later growth where it does not fit the slots; the rest may stand."""
    found = hinted(given_problem)
    assert found is None or found[1][0] < 10


@pytest.mark.parametrize(
    "given_problem",
    [problem([2], 4, 8), running([2], 2, 10, waypoints=[4 * B])],
    ids=["new guest", "waypoints"],
)
def test_guests_that_it_is_not_for(given_problem: Problem) -> None:
    """Others have hints of their own; waypoints are not thought of."""
    assert hinted(given_problem) is None


def test_a_hint_is_no_promise() -> None:
    """Cells that differ grow to the same size as far as what they have permits."""
    given: dict[str, Any] = {"devices": packed((0, 6))}
    assert hinted(running([2, 2], 10, 14, **given)) == ([[], [1, 1, 1, 1]], [8, 6])

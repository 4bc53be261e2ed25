"""Windows of totals, against trying every split of a guest's memory over its cells."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slotsolver.facts import GuestFacts
from slotsolver.gather import gather
from slotsolver.windows import (
    Grid,
    Window,
    balance_is_exact,
    balanced_windows,
    least_imbalance,
    wide_windows,
)
from tests.constraints.builders import B, problem

U = 128
"""A block in MiB."""
cells = st.lists(st.integers(1, 5), min_size=1, max_size=4)


def splits(total: int, least: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """Every way to give the cells at least that much, in blocks."""
    if len(least) == 1:
        if total >= least[0]:
            yield (total,)
        return
    for first in range(least[0], total - sum(least[1:]) + 1):
        for rest in splits(total - first, least[1:]):
            yield (first, *rest)


def inside(windows: Sequence[Window], totals: Sequence[int]) -> bool:
    """Whether each total (blocks) is a value of its window."""
    return all(
        low <= total * U <= high and (total * U - low) % grain == 0
        for (low, high, grain), total in zip(windows, totals, strict=True)
    )


def facts_of(boots: Sequence[int | None], target: Any, maximum: int) -> GuestFacts:
    """The facts of a guest, sizes in blocks."""
    return gather(problem(boots, target, maximum))[0]


def at(windows: list[list[Window]], stage: int) -> list[Window]:
    """The windows of every cell at one stage."""
    return [own[stage] for own in windows]


@given(cells, st.integers(0, 7), st.integers(1, 7))
def test_wide_windows_hold_every_split(boots: list[int], grown: int, more: int) -> None:
    """Nothing that totals allow is cut off; boot memory that is given is a point."""
    target, maximum = sum(boots) + grown, sum(boots) + grown + more
    facts = facts_of(boots, target, maximum)
    windows = wide_windows(facts, Grid(facts))
    assert [(low, high) for low, high, _ in at(windows, 0)] == [(b * U, b * U) for b in boots]
    for totals in splits(maximum, boots):
        assert inside(at(windows, -1), totals)
    highs = [high for _, high, _ in at(windows, -1)]
    assert highs == [(boot + grown + more) * U for boot in boots]


@given(cells, st.integers(1, 9))
def test_balanced_windows_hold_the_best_splits(boots: list[int], growth: int) -> None:
    """Where equal cells can be had within one unit, exactly these splits are inside."""
    total = sum(boots) + growth
    facts = facts_of(boots, sum(boots), total)
    grid = Grid(facts)
    assert balance_is_exact(facts, grid)
    every = {totals: max(totals) - min(totals) for totals in splits(total, boots)}
    least = int(total % len(boots) > 0)
    assert least_imbalance(facts, grid) == least * U
    best = {totals for totals, spread in every.items() if spread == least}
    if best:
        windows = at(balanced_windows(facts, grid), -1)
        assert {totals for totals in every if inside(windows, totals)} == best


@given(cells, st.integers(1, 9), st.data())
def test_balanced_windows_by_shares(boots: list[int], growth: int, data: st.DataObject) -> None:
    """Exactly the splits with each cell less than a unit off its share are inside."""
    shares = [data.draw(st.integers(1, 4)) for _ in boots]
    total = sum(boots) + growth
    given_problem = problem(boots, sum(boots), total, {"kind": "balance", "by": shares})
    (facts,) = gather(given_problem)
    whole = sum(shares)
    near = {
        totals
        for totals in splits(total, boots)
        if all(abs(t * whole - total * s) < whole for t, s in zip(totals, shares, strict=True))
    }
    windows = at(balanced_windows(facts, Grid(facts)), -1)
    if near:
        assert {totals for totals in splits(total, boots) if inside(windows, totals)} == near


@given(st.integers(1, 4), st.integers(0, 9))
def test_free_boot_memory(count: int, more: int) -> None:
    """Each cell boots with one unit at least and with no more than the others leave it."""
    target = count + more
    facts = facts_of([None] * count, target, target)
    windows = wide_windows(facts, Grid(facts))
    for totals in splits(target, [1] * count):
        assert inside(at(windows, 0), totals)
    assert all(low == U and high == (more + 1) * U for low, high, _ in at(windows, 0))


def test_memory_that_is_no_multiple_lies_on_cell_0() -> None:
    """65 MiB beyond whole blocks: cell 0 has them, the others stay on whole blocks."""
    given_problem = problem([None, None], 4)
    odd = given_problem.guests[0].model_copy(update={"target": 4 * B + (65 << 20)})
    (facts,) = gather(given_problem.model_copy(update={"guests": (odd,)}))
    first, second = (own[-1] for own in wide_windows(facts, Grid(facts)))
    assert first[0] % U == 65
    assert second[0] % U == 0
    assert first[2] == second[2] == U


def test_targets_per_cell_are_points() -> None:
    """Where the problem says each cell's total there is nothing to choose, nor to balance."""
    facts = facts_of([2, 2], {0: 2, 1: 6}, 11)
    grid = Grid(facts)
    windows = wide_windows(facts, grid)
    assert [own[1][:2] for own in windows] == [(2 * U, 2 * U), (6 * U, 6 * U)]
    assert not balance_is_exact(facts, grid)


@pytest.mark.parametrize(
    ("policies", "boots", "exact"),
    [
        ([], [2, 2], True),
        ([{"kind": "balance", "by": [1, 1]}], [2, 2], True),
        ([{"kind": "balance", "by": [1, 2]}], [2, 2], False),
        ([], [2, 3], True),
    ],
)
def test_where_balance_is_exact(
    policies: list[dict[str, Any]], boots: list[int | None], *, exact: bool
) -> None:
    """Equal shares on one grid."""
    (facts,) = gather(problem(boots, 5, 9, *policies))
    assert balance_is_exact(facts, Grid(facts)) is exact

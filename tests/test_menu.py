"""The menu: all legal sizes where these are few, else the ones that matter."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slotsolver.gather import gather
from slotsolver.greedy import pieces
from slotsolver.menu import FULL_MENU, Menu, menu_for
from slotsolver.size import GiB
from tests.constraints.builders import B, best, problem

U = 128
"""A block in MiB."""


def menu(growth: int, *policies: dict[str, Any], boot: int = 2, floor: int = 0) -> Menu:
    """The menu of a cell with so many blocks of growth, in blocks."""
    (facts,) = gather(problem([boot], boot, boot + growth, *policies))
    found = menu_for(facts, facts.cells[0], growth * U, floor * U)
    assert all(size % U == 0 for size in found.sizes)
    return Menu(tuple(size // U for size in found.sizes), found.full)


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ({"kind": "step", "size": 9 * B}, range(1, 10)),
        ({"kind": "sizes", "minimum": 3 * B}, range(3, 13)),
        ({"kind": "sizes", "powers_of_two": True}, (1, 2, 4, 8)),
        ({"kind": "sizes", "allowed": [20 * B, 5 * B, 5 * B // 2]}, (5,)),
        ({"kind": "exact", "size": 5 * B}, (5, 10)),
        ({"kind": "guest-block", "size": 4 * B}, (4, 8, 12)),
        ({"kind": "memmap", "free": 2 * B // 64}, (1, 2)),
        ({"kind": "sizes", "minimum": 13 * B}, ()),
    ],
)
def test_twelve_blocks(policy: dict[str, Any], expected: Any) -> None:
    """Every multiple of the unit that the policies permit, ascending."""
    assert menu(12, policy) == Menu(tuple(expected), full=True)


def test_up_to_the_limit_every_size_is_there() -> None:
    """As many sizes as are considered in full, and one more."""
    assert menu(FULL_MENU) == Menu(tuple(range(1, FULL_MENU + 1)), full=True)
    thinned = menu(FULL_MENU + 1)
    assert not thinned.full
    assert len(thinned.sizes) <= FULL_MENU + 1


def test_named_sizes_are_never_thinned() -> None:
    """A list and powers of two are few, and complete."""
    sizes = [size * B for size in (3, 500, 70)]
    assert menu(1000, {"kind": "sizes", "allowed": sizes}) == Menu((3, 70, 500), full=True)
    powers = menu(1000, {"kind": "sizes", "powers_of_two": True})
    assert powers == Menu(tuple(1 << n for n in range(10)), full=True)


policies = st.sampled_from(
    [
        {"kind": "step", "size": 100 * B},
        {"kind": "relative-step", "ratio": "1/8"},
        {"kind": "relative-step", "ratio": "1/3", "at_least": 5 * B},
        {"kind": "exact", "size": 2 * B},
        {"kind": "sizes", "minimum": 3 * B},
        {"kind": "guest-block", "size": 2 * B},
    ]
)


@given(st.integers(70, 3000), policies, st.integers(1, 40), st.integers(1, 64))
def test_a_thinned_menu_is_legal(
    growth: int, policy: dict[str, Any], boot: int, floor: int
) -> None:
    """Ascending, permitted, no larger than the growth; with the powers of two and the largest."""
    (facts,) = gather(problem([boot * 2], boot * 2, boot * 2 + growth // 2 * 2, policy))
    cell, growth = facts.cells[0], growth // 2 * 2 * U
    sizes = menu_for(facts, cell, growth, floor * U).sizes
    assert list(sizes) == sorted(set(sizes))
    assert all(cell.permits(size) and size <= growth for size in sizes)
    power = cell.unit
    while power <= growth:
        assert power in sizes or not cell.permits(power)
        power *= 2
    assert cell.largest_up_to(growth, cell.unit) in sizes


@given(st.integers(70, 2000), st.sampled_from(["1/8", "1/4", "1/2", "1"]), st.integers(1, 40))
def test_a_thinned_menu_has_the_greedy_layout(growth: int, ratio: str, boot: int) -> None:
    """The pieces in which growth takes the fewest DIMMs are on it, so the search can find them."""
    policy = {"kind": "relative-step", "ratio": ratio}
    (facts,) = gather(problem([boot], boot, boot + growth, policy))
    greedy = pieces(facts.cells[0], growth * U, boot * U, growth * U, U)
    assert greedy is not None
    assert set(greedy) <= set(menu_for(facts, facts.cells[0], growth * U, 0).sizes)


@given(st.integers(70, 1500), st.integers(1, 24))
def test_a_thinned_menu_has_the_finest_layout(growth: int, slots: int) -> None:
    """The growth in so many equal parts is on it: a step of a slots-th, rounded up to blocks."""
    assert -(-growth // slots) in menu(growth).sizes


@pytest.mark.parametrize(("slots", "growth"), [(5, 999), (31, 1000), (7, 1023), (12, 4097)])
def test_plans_over_a_thinned_menu_are_the_finest(slots: int, growth: int) -> None:
    """With so many slots the step is the growth divided by them, whatever was thinned out."""
    limit = {"kind": "slots", "at_most": slots}
    order = ["finest-step", "fewest-slots"]
    guest = best(problem([8], 8, 8 + growth, limit, objectives=order)).guests[0]
    assert guest.step == -(-growth // slots) * B


def test_a_large_guest_is_thinned_with_its_cells() -> None:
    """Each cell of 2 TiB has a menu that a search gets through."""
    (facts,) = gather(problem([64] * 4, 256, 4 * 2048 * GiB // B))
    for cell in facts.cells:
        found = menu_for(facts, cell, 2048 * 1024 - 64 * U, 0)
        assert not found.full
        assert len(found.sizes) <= 1024

"""How near a running guest can come by sums alone, against every set of DIMMs."""

from __future__ import annotations

from itertools import chain, combinations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slotsolver import reachable
from slotsolver.gather import gather
from slotsolver.reachable import least_distance
from slotsolver.size import MiB
from tests.constraints.builders import B, dimm, packed, problem, region, running

SIDES = ("nearest", "below", "above")
BLOCK = B // MiB


def distance(*args: Any, **given: Any) -> int:
    """The bound in blocks of a guest of :func:`running`."""
    (facts,) = gather(running(*args, **given))
    found = least_distance(facts)
    assert found % BLOCK == 0
    return found // BLOCK


def accept(side: str) -> dict[str, Any]:
    """The policy."""
    return {"kind": "accept", "distance": side}


def nearest(sums: set[int], wanted: int, side: str) -> int:
    """The least distance of any of the sums on that side."""
    legal = {
        "nearest": sums,
        "below": {s for s in sums if s <= wanted},
        "above": {s for s in sums if s >= wanted},
    }
    return min(abs(s - wanted) for s in legal[side])


@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(
    sizes=st.lists(st.integers(1, 9), min_size=1, max_size=5),
    side=st.sampled_from(SIDES),
    less=st.integers(1, 20),
)
def test_what_can_go(sizes: list[int], side: str, less: int) -> None:
    """Of a smaller target every set of DIMMs that could go is counted."""
    less = min(less, sum(sizes))
    sets = chain.from_iterable(combinations(sizes, n) for n in range(len(sizes) + 1))
    sums = {2 + sum(sizes) - sum(gone) for gone in sets}
    wanted = 2 + sum(sizes) - less
    policy = accept(side)
    found = distance([2], wanted, 99, policy, devices=packed(*sizes))
    assert found == nearest(sums, wanted, side)


def test_growth_meets_every_block() -> None:
    """New DIMMs come in any number of blocks."""
    for side in SIDES:
        assert distance([2], 9, 16, accept(side), devices=packed(1, 4)) == 0


@pytest.mark.parametrize(("side", "expected"), [("nearest", 48), ("below", 48), ("above", 80)])
def test_growth_between_blocks(side: str, expected: int) -> None:
    """48 MiB above a block, and 80 below the next."""
    given = running([2], 5, 16, accept(side))
    guest = given.guests[0].model_copy(update={"target": 5 * B + 48 * MiB})
    (facts,) = gather(given.model_copy(update={"guests": (guest,)}))
    assert least_distance(facts) == expected


def test_with_exchanges_or_virtio_mem_less_is_certain() -> None:
    """What goes may come back in part: the bound is then what whole blocks leave."""
    given: dict[str, Any] = {"devices": packed(1, 4)}
    assert distance([2], 5, 16, accept("nearest"), **given) == 1
    assert distance([2], 5, 16, accept("nearest"), {"kind": "swap"}, **given) == 0
    both = {"devices": [*packed(4), region(8, 1, 8)]}
    assert distance([2], 5, 16, accept("nearest"), **both) == 0


def test_an_exchange_grows_by_less_than_a_block() -> None:
    """96 MiB go and 128 come, where that is permitted."""
    device = dimm(0, 1, 0) | {"size": 96 * MiB}
    for policies, expected in (((), 32), (({"kind": "swap"},), 0)):
        given = running([2], 4, 16, accept("nearest"), *policies, devices=[device])
        guest = given.guests[0].model_copy(update={"target": 2 * B + 128 * MiB})
        (facts,) = gather(given.model_copy(update={"guests": (guest,)}))
        assert least_distance(facts) == expected


def test_dimms_that_stay_do_not_count() -> None:
    """Only the DIMM of four blocks may go."""
    keep = {"kind": "keep", "slots": [0]}
    assert distance([2], 5, 16, accept("nearest"), keep, devices=packed(2, 4)) == 1
    assert distance([2], 6, 16, accept("nearest"), keep, devices=packed(2, 4)) == 2
    assert distance([2], 6, 16, accept("nearest"), devices=packed(2, 4)) == 0


def test_cells_add_up() -> None:
    """With targets per cell each cell's own DIMMs count: 1 and 2 blocks off."""
    devices = packed((0, 4), (1, 5))
    policy = accept("nearest")
    assert distance([2, 2], {0: 3, 1: 5}, 16, policy, devices=devices) == 1 + 2
    assert distance([2, 2], 8, 16, policy, devices=devices) == 0


def test_sets_that_are_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then only what all sizes are multiples of counts: here of two blocks."""
    given = ([2], 5, 40, accept("nearest"))
    assert distance(*given, devices=packed(6, 8)) == 3
    monkeypatch.setattr(reachable, "LARGEST_SET", 1)
    assert distance(*given, devices=packed(6, 8)) == 0
    (facts,) = gather(running([2], 5, 40, accept("nearest"), devices=packed(6, 8)))
    assert least_distance(facts) < 3 * BLOCK


def test_other_guests_have_none() -> None:
    """A guest that does not run meets its target."""
    (facts,) = gather(problem([2], 4, 8))
    assert least_distance(facts) == 0

"""What pools hold and the best pages on one node, against every way to give pages."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import product

import pytest

from slotsolver.direct import rooms as module
from slotsolver.direct.rooms import Demand, Mix, Rooms, Undecided
from slotsolver.problem import Problem
from slotsolver.size import GiB, MiB

SIZES = {"4 KiB": 4096, "2 MiB": 2 * MiB, "1 GiB": GiB}


def rooms_of(
    pools: dict[str, int], *policies: dict[str, object], target: str = "1 GiB", total: int = 0
) -> Rooms:
    """One node with so many free pages of each size."""
    pages = {size: {"total": max(total, free), "free": free} for size, free in pools.items()}
    problem = Problem.model_validate(
        {
            "host": {"nodes": [{"id": 0, "memory": "64 GiB", "pages": pages}]},
            "guests": [{"name": "a", "cells": [{}], "target": target}],
            "policies": policies,
        }
    )
    assert problem.host is not None
    return Rooms(problem, problem.host)


def place(rooms: Rooms, size: str) -> int:
    """Where a page size stands among those of the host."""
    return rooms.page_sizes.index(SIZES[size])


def _splits(count: int, parts: int) -> Iterator[tuple[int, ...]]:
    return (s for s in product(range(count + 1), repeat=parts) if sum(s) == count)


def by_all_mixes(rooms: Rooms, demands: list[Demand], counts: list[int]) -> tuple[int, int] | None:
    """The fewest pages, then the fewest bytes in pools that hold no further piece."""
    best: tuple[int, int] | None = None
    parts = len(rooms.page_sizes)
    for given in product(*(_splits(count, parts) for count in counts)):
        cost = cost_of(rooms, demands, given)
        if cost is not None and (best is None or cost < best):
            best = cost
    return best


def cost_of(
    rooms: Rooms, demands: list[Demand], given: tuple[tuple[int, ...], ...]
) -> tuple[int, int] | None:
    """Pages and stranded bytes of such a mix, ``None`` if it does not fit."""
    left, pages = list(rooms.rooms[0]), 0
    for demand, split in zip(demands, given, strict=True):
        for size, count in enumerate(split):
            need = demand.granules[size]
            if count and need is None:
                return None
            left[size] -= count * (need or 0)
            pages += count * demand.pages[size]
    if min(left) < 0:
        return None
    whole = [(f + h) * g for f, h, g in zip(left, rooms.held[0], rooms.grains, strict=True)]
    return pages, sum(free for free in whole if free < rooms.piece)


def drawn_case(seed: int) -> tuple[Rooms, list[Demand], list[int]]:
    """A node with pools of two or three sizes, and up to three kinds of cells."""
    drawn = random.Random(seed)  # noqa: S311 - a problem to be solved, no secret
    pools = {"2 MiB": 256 * drawn.randint(0, 12), "1 GiB": drawn.randint(0, 4)}
    headroom = {"kind": "headroom", **drawn.choice(({"pages": 1}, {"fraction": "1/5"}))}
    policies = [headroom] if drawn.random() < 0.3 else []
    target = drawn.choice(("512 MiB", "1 GiB", "3 GiB"))
    rooms = rooms_of(pools, *policies, target=target)
    some = [size for size in rooms.page_sizes if size > 4096]
    kinds = drawn.randint(1, 3)
    demands = [
        rooms.demand(
            drawn.choice((512, 1024, 2048, 3072)), drawn.sample(some, drawn.randint(1, len(some)))
        )
        for _ in range(kinds)
    ]
    return rooms, demands, [drawn.randint(0, 3) for _ in range(kinds)]


def mixes_agree(seed: int) -> Mix | None:
    """The best mix is what trying all of them finds."""
    rooms, demands, counts = drawn_case(seed)
    mix = rooms.best_mix(0, rooms.rooms[0], demands, counts)
    expected = by_all_mixes(rooms, demands, counts)
    assert (None if mix is None else (mix.pages, mix.stranded)) == expected, seed
    if mix is not None:
        assert [sum(split) for split in mix.given] == counts
        assert cost_of(rooms, demands, mix.given) == expected
        taken = [
            sum(s[size] * (d.granules[size] or 0) for s, d in zip(mix.given, demands, strict=True))
            for size in range(len(rooms.page_sizes))
        ]
        assert mix.left == tuple(f - t for f, t in zip(rooms.rooms[0], taken, strict=True))
    return mix


def test_no_mix_is_better() -> None:
    """On drawn nodes, and none fits exactly where none is found."""
    found = [mixes_agree(seed) is not None for seed in range(400)]
    assert 100 < sum(found) < 390


@pytest.mark.exhaustive
def test_no_mix_is_better_exhaustively() -> None:
    """The same for more of them."""
    assert sum(mixes_agree(seed) is not None for seed in range(1000, 10_000)) > 1000


def test_too_many_mixes_are_left_undecided(monkeypatch: pytest.MonkeyPatch) -> None:
    """It never says that nothing fits because it did not look."""
    monkeypatch.setattr(module, "MOST_MIXES", 2)
    rooms = rooms_of({"2 MiB": 2048, "1 GiB": 1})
    demands = [rooms.demand(512, rooms.page_sizes), rooms.demand(1024, rooms.page_sizes)]
    with pytest.raises(Undecided):
        rooms.best_mix(0, rooms.rooms[0], demands, [2, 2])


@pytest.mark.parametrize("seed", range(60))
def test_what_is_untouchable_is_stranded_in_every_mix(seed: int) -> None:
    """No mix of any numbers of cells strands less."""
    rooms, demands, _ = drawn_case(seed)
    least = rooms.untouchable(0, rooms.rooms[0], demands)
    found = [
        cost[1]
        for counts in product(range(3), repeat=len(demands))
        if (cost := by_all_mixes(rooms, demands, list(counts))) is not None
    ]
    assert least <= min(found)


def test_untouchable_is_what_no_demand_may_take() -> None:
    """Half a GiB where a piece is one: stranded, unless a cell may take it."""
    rooms = rooms_of({"2 MiB": 256, "1 GiB": 0}, target="1 GiB")
    small, huge = rooms.demand(512, (2 * MiB,)), rooms.demand(1024, (GiB,))
    assert rooms.untouchable(0, rooms.rooms[0], [huge]) == GiB // 2
    assert rooms.untouchable(0, rooms.rooms[0], [huge, small]) == 0
    assert rooms.stranded(0, rooms.rooms[0]) == GiB // 2


@pytest.mark.parametrize(
    ("headroom", "free"),
    [
        ({"pages": 3, "page_size": "1 GiB"}, (1000, 7)),
        ({"pages": 3}, (997, 7)),
        ({"fraction": "1/3", "page_size": "2 MiB"}, (1000 - 400, 10)),
        ({"fraction": "1/7", "page_size": "2 MiB"}, (1000 - 172, 10)),
        ({"size": "1025 MiB", "page_size": "1 GiB"}, (1000, 8)),
        ({"size": "3 MiB", "page_size": "2 MiB"}, (998, 10)),
        ({"pages": 5000}, (0, 0)),
    ],
)
def test_headroom_is_taken_off_and_still_counts_as_free(
    headroom: dict[str, object], free: tuple[int, int]
) -> None:
    """Fractions are of the pool's total, all are rounded up to whole pages."""
    rooms = rooms_of({"2 MiB": 1000, "1 GiB": 10}, {"kind": "headroom", **headroom}, total=1200)
    two, one = place(rooms, "2 MiB"), place(rooms, "1 GiB")
    assert (rooms.rooms[0][two], rooms.rooms[0][one]) == free
    assert (rooms.held[0][two], rooms.held[0][one]) == (1000 - free[0], 10 - free[1])


def test_of_several_headrooms_the_largest_counts() -> None:
    """They are not added."""
    rules = ({"kind": "headroom", "pages": 2}, {"kind": "headroom", "fraction": "1/2"})
    rooms = rooms_of({"1 GiB": 10}, *rules)
    assert rooms.rooms[0][place(rooms, "1 GiB")] == 5

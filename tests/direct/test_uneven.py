"""Sizes of guests that the host has no room for where they are even, against the search."""

from __future__ import annotations

import random
from functools import partial
from itertools import product

import pytest

from slotsolver import cp_sat
from slotsolver.checker import check_plan
from slotsolver.clock import Clock
from slotsolver.direct import answer
from slotsolver.direct.answer import _evenly
from slotsolver.direct.spreads import Group, every_way, narrowest
from slotsolver.facts import GuestFacts
from slotsolver.gather import gather
from slotsolver.objectives.finest_step import FinestStep
from slotsolver.order import in_order
from slotsolver.problem import Problem
from slotsolver.size import GiB, MiB
from slotsolver.solution import NoSolution, Solution
from slotsolver.write_up import write_plan
from tests.direct import crowded
from tests.direct.test_against_search import STAMP, sound

LIMIT = 20.0
"""Deterministic time for one search; one that takes longer does not count."""


def agrees(problem: Problem, facts: tuple[GuestFacts, ...]) -> bool:
    """Whether it is answered, and not evenly, and the search ends; if so the plan is right, and the
    search finds none that is better, and the same where it considers every legal size."""
    objectives = in_order(problem, facts)
    fine = next((o for o in objectives if isinstance(o, FinestStep)), None)
    floors = [fine.floor(guest.default_step) if fine else None for guest in facts]
    direct = answer(problem, facts, objectives)
    if direct is None or _evenly(problem, facts, floors) is not None:
        return False
    said = problem.model_dump_json(exclude_defaults=True)
    plan = write_plan(problem, direct.layouts, direct.values, True, STAMP)
    assert check_plan(problem, plan) == (), said
    searched = cp_sat.search(problem, gather(problem), objectives, Clock(None, allowed=LIMIT))
    assert searched is not NoSolution.PROVEN, said
    if not isinstance(searched, Solution):
        return False
    mine = [value.value for value in direct.values]
    theirs = [value.value for value in searched.values]
    assert mine <= theirs, said
    every = all(layout.considered is None for layout in searched.layouts)
    assert not (searched.proven and every) or mine == theirs, said
    return searched.proven


def test_the_search_finds_nothing_else() -> None:
    """On drawn problems of crowded hosts."""
    assert sum(agrees(*given) for given in sound(crowded.problem, range(160))) >= 10


@pytest.mark.exhaustive
def test_the_search_finds_nothing_else_for_more_cells() -> None:
    """The same with five and six cells on up to seven nodes."""
    large = partial(crowded.problem, counts=(5, 5, 6), most_nodes=7)
    assert sum(agrees(*given) for given in sound(large, range(2000, 2060))) >= 3


@pytest.mark.exhaustive
def test_the_search_finds_nothing_else_exhaustively() -> None:
    """Thousands of them."""
    assert sum(agrees(*given) for given in sound(crowded.problem, range(10_000, 14_000))) > 200


def _every_size(groups: list[Group], total: int, least: int) -> list[tuple[int, ...]]:
    """All sizes of the cells of groups that come to ``total``, by trying every one."""
    steps = [group.step for group in groups for _ in range(group.cells)]
    found = []
    for sizes in product(*(range(-(-least // s) * s, total + 1, s) for s in steps)):
        left, fits = list(sizes), sum(sizes) == total
        for group in groups:
            own, left = left[: group.cells], left[group.cells :]
            fits = fits and sum(own) <= group.most
        if fits:
            found.append(sizes)
    return found


@pytest.mark.parametrize("seed", range(300))
def test_nothing_is_narrower_of_all_sizes(seed: int) -> None:
    """The least spread is that of all sizes, and all that have it are found, each once but for the
    order of cells that share a pool."""
    drawn = random.Random(seed)  # noqa: S311 - a problem to be solved, no secret
    large, least = drawn.choice((1, 2, 3, 4)), drawn.choice((0, 1))
    groups: list[Group] = []
    for step in sorted(drawn.choice((1, large)) for _ in range(drawn.choice((1, 2, 2, 3)))):
        if sum(group.cells for group in groups) < 4:
            groups.append(Group(drawn.choice((1, 1, 2)), step, drawn.randint(0, 14)))
    if all(group.step > 1 for group in groups):
        groups[0] = Group(groups[0].cells, 1, groups[0].most)
    total = drawn.randint(1, 14)
    every = _every_size(groups, total, least)
    spread = narrowest(groups, total, least)
    if spread is None:
        assert not every
        return
    width = min(max(sizes) - min(sizes) for sizes in every)
    assert spread.width == width
    best = {sizes for sizes in every if max(sizes) - min(sizes) == width}
    found = [
        way for low in spread.lows for way in every_way(groups, total, low, low + spread.width)
    ]
    assert len(found) == len(set(found))
    assert set(found) == {_by_group(groups, sizes) for sizes in best}


def _by_group(groups: list[Group], sizes: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
    found, left = [], sizes
    for group in groups:
        found.append(tuple(sorted(left[: group.cells], reverse=True)))
        left = left[group.cells :]
    return tuple(found)


def of(
    cells: int, target: str, maximum: str, nodes: list[dict[str, int]], step: str = "1 GiB"
) -> Problem:
    """A guest on nodes with so many 2 MiB and 1 GiB pages."""
    host = [
        {
            "id": n,
            "memory": "999 GiB",
            "free": 0,
            "pages": {s: {"total": t} for s, t in own.items()},
        }
        for n, own in enumerate(nodes)
    ]
    guest = {"name": "a", "cells": [{}] * cells, "target": target, "maximum": maximum}
    rules = [{"kind": "host-nodes", "distinct": True}, {"kind": "step", "size": step}]
    return Problem.model_validate({"guests": [guest], "host": {"nodes": host}, "policies": rules})


def _totals(problem: Problem) -> tuple[list[int], int]:
    """What the cells have at the target (GiB), and the imbalance (bytes)."""
    facts = gather(problem)
    found = answer(problem, facts, in_order(problem, facts))
    assert found is not None
    cells = found.layouts[0].cells
    return sorted(cell.totals[1] * MiB // GiB for cell in cells), found.values[0].value


def test_a_small_node_has_what_it_holds() -> None:
    """3 GiB there, the rest evenly on the others."""
    nodes = [{"2 MiB": 512 * 3}, {"2 MiB": 512 * 20}, {"2 MiB": 512 * 20}]
    assert _totals(of(3, "15 GiB", "15 GiB", nodes)) == ([3, 6, 6], 3 * GiB)


def test_large_pages_are_worth_a_coarse_size() -> None:
    """9 GiB are 4.5 each on small pages only; on large ones of one node 5 and 4."""
    nodes = [{"2 MiB": 512 * 2}, {"1 GiB": 20}, {"2 MiB": 512 * 4}]
    assert _totals(of(2, "9 GiB", "9 GiB", nodes)) == ([4, 5], GiB)


@pytest.mark.parametrize(
    ("pages", "boot", "slots"),
    [
        (512 * 30, 70 * GiB, 1),  # the smaller cell grows by 10 GiB, whole blocks of 2 GiB
        (512 * 30 + 64, 70 * GiB - 128 * MiB, 3),  # cells grow by 128 MiB and 9.875 GiB
    ],
)
def test_boot_memory_is_a_unit_less_where_blocks_would_be_too_large(
    pages: int, boot: int, slots: int
) -> None:
    """70 GiB of boot memory have Linux take blocks of 2 GiB, a DIMM more for its last 128 MiB keeps
    them small."""
    problem = of(2, "70 GiB", "80 GiB", [{"2 MiB": pages}, {"2 MiB": 512 * 50}], step="16 GiB")
    facts = gather(problem)
    found = answer(problem, facts, in_order(problem, facts))
    assert found is not None
    values = {value.kind: value.value for value in found.values}
    assert (found.layouts[0].boot * MiB, values["fewest-slots"]) == (boot, slots)
    assert values["least-imbalance"] == 70 * GiB - 2 * pages * 2 * MiB
    plan = write_plan(problem, found.layouts, found.values, True, STAMP)
    assert check_plan(problem, plan) == ()


@pytest.mark.parametrize("nodes", [[{"2 MiB": 512 * 3}] * 2, [{"2 MiB": 512 * 20}]])
def test_no_room_is_no_answer(nodes: list[dict[str, int]]) -> None:
    """Neither where pools are too small, nor where there are too few nodes."""
    problem = of(2, "9 GiB", "9 GiB", nodes)
    facts = gather(problem)
    assert answer(problem, facts, in_order(problem, facts)) is None

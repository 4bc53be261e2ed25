"""How many such guests fit, against the closed form and against every way to place small ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slotsolver import Infeasible, Plan, solve
from slotsolver.errors import InputError
from slotsolver.problem import Problem
from slotsolver.study.copies import several
from slotsolver.study.fits import Fits, how_many

Draw = Callable[[st.SearchStrategy[Any]], Any]
Fields = dict[str, Any]
Vector = tuple[int, ...]
GIB = 1 << 30
APART = {"kind": "host-nodes", "distinct": True}
BLOCK = {"kind": "guest-block", "size": GIB}
"""Growth in whole GiB, so that there are few ways to split it."""


# --- problems ----------------------------------------------------------------------------------


def host(nodes: Sequence[Vector]) -> Fields:
    """For each node its free GiB in ordinary memory and in pools of 2 MiB and 1 GiB."""
    found = []
    for number, (ordinary, small, large) in enumerate(nodes):
        pages = {"2 MiB": {"total": small * 512}, "1 GiB": {"total": large}}
        free = f"{ordinary} GiB" if ordinary else "0 B"
        found.append({"id": number, "memory": "4 TiB", "free": free, "pages": pages})
    return {"nodes": found}


def guest(boots: Sequence[int], name: str = "g", **more: Any) -> Fields:
    """A guest with that boot memory in its cells (GiB)."""
    cells = [{"memory": f"{boot} GiB"} for boot in boots]
    return {"name": name, "cells": cells, "boot": f"{sum(boots)} GiB", **more}


def problem(nodes: Sequence[Vector], *guests: Fields, policies: Sequence[Any] = ()) -> Problem:
    """Guests on a host."""
    fields = {"host": host(nodes), "guests": list(guests), "policies": [BLOCK, *policies]}
    return Problem.model_validate(fields)


def fits(problem: Problem) -> Fits:
    """How many fit, without the reasons."""
    return how_many(problem, effort=5, reasons="none")


# --- every way to place units ------------------------------------------------------------------


def ways(
    splits: Sequence[Vector], places: int, pages: int, *, apart: bool
) -> Iterator[tuple[Vector, ...]]:
    """What a guest takes of each place (GiB), for every split and every place of each cell. Places
    are numbered node by node, ``pages`` to a node."""
    for split in splits:
        for where in product(range(places), repeat=len(split)):
            nodes = [place // pages for place in where]
            if apart and len(set(nodes)) < len(nodes):
                continue
            taken = [0] * places
            for place, memory in zip(where, split, strict=True):
                taken[place] += memory
            yield tuple(taken)


def most_units(room: Vector, guests: Sequence[set[Vector]]) -> int:
    """How many units of such guests fit, by trying all that each can take."""
    units = {tuple(map(sum, zip(*each, strict=True))) for each in product(*guests)}

    @cache
    def most(left: Vector) -> int:
        after = (tuple(map(int.__sub__, left, unit)) for unit in units)
        return max((1 + most(rest) for rest in after if min(rest) >= 0), default=0)

    return most(room)


def all_splits(memory: int, least: Sequence[int]) -> list[Vector]:
    """Every way to give cells so much memory (GiB), each at least its least."""
    each = [range(low, memory + 1) for low in least]
    return [split for split in product(*each) if sum(split) == memory]


# --- closed forms ------------------------------------------------------------------------------


def vmcap(units: Sequence[int], cells: int) -> int:
    """arXiv 2604.15033: guests of so many cells on distinct nodes that hold so many units."""
    ordered = sorted(units)
    sums = (sum(ordered[: len(ordered) - r]) // (cells - r) for r in range(cells))
    return min(sums)


@st.composite
def equal_cells(draw: Draw) -> tuple[list[Vector], int, int]:
    """Nodes, the number of cells, and what each takes (GiB)."""
    cells = draw(st.integers(1, 4))
    part = st.integers(0, 400)
    nodes = draw(st.lists(st.tuples(part, part, part), min_size=2, max_size=8))
    return nodes, cells, draw(st.integers(1, 9))


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(equal_cells(), st.booleans())
def test_equal_cells_are_counted_by_closed_forms(
    drawn: tuple[list[Vector], int, int], apart: bool
) -> None:
    """Cells with equal targets: VMCAP where they lie on distinct nodes, else a quotient."""
    nodes, cells, each = drawn
    target = dict.fromkeys(range(cells), each * GIB)
    rules = [APART] if apart else []
    found = fits(problem(nodes, guest([1] * cells, target=target), policies=rules))
    units = [sum(part // each for part in node) for node in nodes]
    expected = vmcap(units, cells) if apart else sum(units) // cells
    assert (found.count, found.most) == (expected, expected)


@settings(max_examples=30, deadline=None, derandomize=True, database=None)
@given(equal_cells())
def test_balance_makes_cells_equal(drawn: tuple[list[Vector], int, int]) -> None:
    """The same where a balance says that the cells are equal."""
    nodes, cells, each = drawn
    rules = [APART, "balance"]
    wanted = guest([1] * cells, target=f"{each * cells} GiB")
    found = fits(problem(nodes, wanted, policies=rules))
    expected = vmcap([sum(part // each for part in node) for node in nodes], cells)
    assert (found.count, found.most) == (expected, expected)


def test_hundreds_of_copies_are_no_more_work_than_few() -> None:
    """Counts far above what could be searched for."""
    wanted = guest([1, 1], target={0: 2 * GIB, 1: 2 * GIB})
    found = fits(problem([(0, 0, 100_000), (3_000, 1, 0)], wanted, policies=[APART]))
    assert (found.count, found.most) == (1_500, 1_500)


# --- against every way -------------------------------------------------------------------------


@st.composite
def small_hosts(draw: Draw) -> list[Vector]:
    """One to three nodes with up to 5 GiB of ordinary memory and up to 4 in 1 GiB pages."""
    node = st.tuples(st.integers(0, 5), st.just(0), st.integers(0, 4))
    return draw(st.lists(node, min_size=1, max_size=3))


def room_of(nodes: Sequence[Vector], kept: int = 0) -> Vector:
    """What is free by places, node by node: ordinary memory, then 1 GiB pages."""
    return tuple(max(0, part - kept) for node in nodes for part in (node[0], node[2]))


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(small_hosts(), st.lists(st.integers(1, 3), min_size=1, max_size=3), st.booleans(), st.data())
def test_uneven_cells_as_many_as_any_way_has(
    nodes: list[Vector], needs: list[int], apart: bool, data: st.DataObject
) -> None:
    """Cells that need different amounts, two page sizes, headroom."""
    kept = data.draw(st.sampled_from([0, 0, 1]))
    rules: list[Any] = [APART] if apart else []
    rules += [{"kind": "headroom", "size": GIB}] if kept else []
    target = {cell: need * GIB for cell, need in enumerate(needs)}
    found = fits(problem(nodes, guest([1] * len(needs), target=target), policies=rules))
    room = room_of(nodes, kept)
    expected = most_units(room, [set(ways([tuple(needs)], len(room), 2, apart=apart))])
    assert (found.count, found.most) == (expected, expected)


@settings(max_examples=40, deadline=None, derandomize=True, database=None)
@given(small_hosts(), st.integers(1, 4), st.integers(1, 3), st.booleans())
def test_free_splits_as_many_as_any_way_has(
    nodes: list[Vector], memory: int, cells: int, apart: bool
) -> None:
    """Memory that may be split over the cells at will: as many as there are by some splits."""
    memory = max(memory, cells)
    rules = [APART] if apart else []
    wanted = guest([1] * cells, target=f"{memory} GiB")
    found = fits(problem(nodes, wanted, policies=rules))
    room = room_of(nodes)
    splits = all_splits(memory, [1] * cells)
    expected = most_units(room, [set(ways(splits, len(room), 2, apart=apart))])
    assert (found.count, found.most) == (expected, expected)


@settings(max_examples=40, deadline=None, derandomize=True, database=None)
@given(small_hosts(), st.data())
def test_several_guests_are_one_unit(nodes: list[Vector], data: st.DataObject) -> None:
    """Two guests together; a rule that names one of them concerns its copies only."""
    needs = [data.draw(st.lists(st.integers(1, 2), min_size=1, max_size=2)) for _ in "ab"]
    rules = [{**APART, "guests": ["a"]}]
    guests = [
        guest([1] * len(need), name, target={c: n * GIB for c, n in enumerate(need)})
        for name, need in zip("ab", needs, strict=True)
    ]
    found = fits(problem(nodes, *guests, policies=rules))
    room = room_of(nodes)
    each = [
        set(ways([tuple(need)], len(room), 2, apart=name == "a"))
        for name, need in zip("ab", needs, strict=True)
    ]
    expected = most_units(room, each)
    assert (found.count, found.most) == (expected, expected)


@settings(max_examples=25, deadline=None, derandomize=True, database=None)
@given(small_hosts(), st.integers(1, 3), st.integers(0, 2), st.sampled_from(["target", "maximum"]))
def test_promised_growth_counts_as_it_is_reserved(
    nodes: list[Vector], target: int, growth: int, until: str
) -> None:
    """One cell: its target or its maximum is what each guest takes; without a policy the target."""
    wanted = guest([1], target=f"{target} GiB", maximum=f"{target + growth} GiB")
    memory = target + (growth if until == "maximum" else 0)
    rules = [{"kind": "reserve", "until": until}] if until == "maximum" or growth == 1 else []
    found = fits(problem(nodes, wanted, policies=rules))
    expected = sum(part // memory for part in room_of(nodes))
    assert (found.count, found.most) == (expected, expected)


def test_splits_that_no_plan_of_one_has_let_more_in() -> None:
    """2 + 2 GiB are the best split of one, but 3 + 1 leaves more where one node is the largest:
    180 GiB hold 45 at most, of which 40 lie evenly."""
    wanted = guest([1, 1], target="4 GiB")
    found = fits(problem([(100, 0, 0), (40, 0, 0), (40, 0, 0)], wanted, policies=[APART]))
    assert found.most == 45
    assert 40 < found.count <= 45


# --- against plans -----------------------------------------------------------------------------


@settings(max_examples=15, deadline=None, derandomize=True, database=None)
@given(small_hosts(), st.lists(st.integers(1, 2), min_size=1, max_size=2), st.booleans())
def test_so_many_have_a_plan_and_one_more_has_none(
    nodes: list[Vector], needs: list[int], apart: bool
) -> None:
    """The copies themselves, solved together."""
    rules = [APART] if apart else []
    target = {cell: need * GIB for cell, need in enumerate(needs)}
    one = problem(nodes, guest([1] * len(needs), target=target), policies=rules)
    count = fits(one).count
    if count:
        assert isinstance(solve(several(one, count)), Plan)
    assert isinstance(solve(several(one, count + 1), reasons="none"), Infeasible)


# --- what stops the next one -------------------------------------------------------------------


def test_what_stops_the_next_one_is_what_is_left() -> None:
    """After three guests of 3 GiB 1 GiB is left; 2 more let a fourth in."""
    found = how_many(problem([(10, 0, 0)], guest([1], target="3 GiB")), effort=5)
    assert (found.count, found.most) == (3, 3)
    assert "pool" in found.rules
    assert "262144 free pages" in found.says
    assert found.remedy == "free 2 GiB more of host node 0's memory"


def test_a_guest_that_fits_nowhere_is_told_of_the_host_itself() -> None:
    """With count 0 the conflict is that of the problem."""
    found = how_many(problem([(2, 0, 0)], guest([1], target="3 GiB")), effort=5)
    assert (found.count, found.most) == (0, 0)
    assert "524288 free pages" in found.says
    assert found.remedy == "free 1 GiB more of host node 0's memory"


def test_a_guest_that_is_impossible_has_other_reasons_than_pools() -> None:
    """Too few slots: no host would help."""
    rules = [{"kind": "slots", "at_most": 1}, {"kind": "step", "size": GIB}]
    one = problem([(50, 0, 0)], guest([1], target="3 GiB"), policies=rules)
    found = how_many(one, effort=5)
    assert (found.count, found.most) == (0, 0)
    assert "policy slots" in found.rules
    assert "pool" not in found.rules


def test_reasons_are_told_as_far_as_asked_for() -> None:
    """None at all, or the conflict without a remedy."""
    one = problem([(10, 0, 0)], guest([1], target="3 GiB"))
    assert how_many(one, effort=5, reasons="none") == Fits(3, 3, (), "", "")
    conflict = how_many(one, effort=5, reasons="conflict")
    assert conflict.rules
    assert not conflict.remedy


# --- what cannot be asked ----------------------------------------------------------------------


def test_without_a_host_nothing_is_counted() -> None:
    """There is no limit."""
    one = Problem.model_validate({"guests": [guest([1], target="2 GiB")]})
    with pytest.raises(InputError, match="no host"):
        how_many(one, effort=1)


def test_a_running_guest_cannot_be_copied() -> None:
    """Its memory is there already."""
    running = guest([1], target="1 GiB", running=True)
    with pytest.raises(InputError, match="guest g is running"):
        how_many(problem([(4, 0, 0)], running), effort=1)


# --- problems about which less is known --------------------------------------------------------


def test_cells_over_several_host_nodes_are_filled_too() -> None:
    """A cell whose memory may come from both nodes: 5 + 5 GiB hold three of 3 GiB."""
    wanted = guest([1], target="3 GiB")
    wanted["cells"][0]["host_nodes"] = [0, 1]
    found = fits(problem([(5, 0, 0), (5, 0, 0)], wanted))
    assert (found.count, found.most) == (3, 3)


def test_other_hosts_are_filled_as_well() -> None:
    """A host that the guests may migrate to holds two of them only."""
    one = problem([(10, 0, 0)], guest([1], target="3 GiB"))
    other = Problem.model_validate({"host": host([(6, 0, 0)]), "guests": [guest([1])]}).host
    found = fits(one.model_copy(update={"also_hosts": (other,)}))
    assert (found.count, found.most) == (2, 2)

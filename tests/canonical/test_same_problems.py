"""Problems that are the same have one key, and problems with one key have the same answer.

Each is solved directly, and not by its normal form.
"""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, note, settings
from hypothesis import strategies as st

from benchmarks.draw import scenario
from slotsolver.canonical import canonical, of_wishes
from slotsolver.canonical.plenty import RAISED_STEPS, _raised
from slotsolver.errors import InputError
from slotsolver.explain.levers import MORE_GRAINS
from slotsolver.gather import gather
from slotsolver.problem import Problem
from slotsolver.size import GiB, MiB
from tests.canonical.variants import answer, at_limit, mixed_host, proven, shuffled, values
from tests.direct import drawn
from tests.strategies import small_problems

several = settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))


def drawn_problem(number: int) -> Problem:
    """A problem on a host: usual, tight and odd ones, and scenarios of a study."""
    if number % 2:
        return scenario(number)
    for seed in range(number, number + 10_000, 1000):
        found = drawn.problem(seed, most_cells=3, most_nodes=4, most_guests=2)
        if found.host is not None:
            return found
    raise AssertionError("no problem with a host")


def same_answer(one: Problem, other: Problem) -> None:
    """Both have the same values, where both are proven."""
    first, second = answer(one), answer(other)
    if proven(first) and proven(second):
        assert values(first) == values(second)


def check_shuffled(problem: Problem, random: Random) -> None:
    """Nodes that nobody names may be called anything."""
    other = shuffled(problem, random)
    assert canonical(problem)[1].key == canonical(other)[1].key
    same_answer(problem, other)


def check_plenty(problem: Problem, random: Random) -> None:
    """Pools that hold just as much as can matter are as good as pools that hold ten times that."""
    share, state = random.choice((0.3, 0.7, 1)), random.getstate()
    enough = at_limit(problem, random, share, 1)
    random.setstate(state)
    plenty = at_limit(problem, random, share, 10)
    assert enough.host != plenty.host
    assert canonical(enough)[1].key == canonical(plenty)[1].key
    same_answer(enough, plenty)


@pytest.mark.parametrize("number", range(30))
def test_drawn_problems_that_are_the_same(number: int) -> None:
    """Drawn problems, changed in every way that changes nothing."""
    problem = drawn_problem(number)
    random = Random(number)  # noqa: S311 - problems to be solved, no secret
    wishes = of_wishes(problem)
    if wishes.relabels:
        check_shuffled(problem, random)
    if wishes.demand is not None and wishes.demand.memory < 1 << 60:
        check_plenty(problem, random)


@several
@given(small_problems(hosted=True), st.randoms())
def test_small_problems_that_are_the_same(problem: Problem, random: Any) -> None:
    """The same of small problems with all kinds of policies."""
    note(problem.model_dump_json())
    wishes = of_wishes(problem)
    bounded = wishes.demand is not None and wishes.demand.memory < 1 << 60
    assume(wishes.relabels or bounded)
    if wishes.relabels:
        check_shuffled(problem, random)
    if bounded:
        check_plenty(problem, random)


@several
@given(small_problems(hosted=True), st.data())
def test_one_page_less_is_another_problem_where_it_changes_the_answer(
    problem: Problem, data: st.DataObject
) -> None:
    """Pairs that differ in one pool: with other answers they have other keys."""
    document = problem.model_dump()
    node = data.draw(st.sampled_from(document["host"]["nodes"]))
    pool = node["pools"][0]
    pool["free"] = data.draw(st.integers(0, pool["total"]))
    if data.draw(st.booleans()):
        node["free"] = data.draw(st.integers(0, node["free"] // MiB)) * MiB
    other = Problem.model_validate(document)
    first, second = answer(problem), answer(other)
    assume(proven(first) and proven(second) and values(first) != values(second))
    note(problem.model_dump_json())
    assert canonical(problem)[1].key != canonical(other)[1].key


@pytest.mark.parametrize("number", range(20))
def test_sockets_in_any_order(number: int) -> None:
    """Equal nodes that only distances tell apart are found again, however they are numbered."""
    near = [[10 if a == b else 12 if a // 4 == b // 4 else 21 for b in range(8)] for a in range(8)]
    free = [16, 16, 16, 64, 16, 16, 8, 8]
    guest = {"name": "vm", "cells": [{}, {}], "target": 8 * GiB}
    document = {"host": mixed_host(*free, distances=near), "guests": [guest]}
    problem = Problem.model_validate(document)
    random = Random(number)  # noqa: S311 - an order of nodes, no secret
    found = canonical(shuffled(problem, random))
    assert found[1].key == canonical(problem)[1].key
    assert found[0] == canonical(problem)[0]


def test_distances_count_for_several_cells_only() -> None:
    """A guest with one cell lies as well anywhere; one with two does not."""
    hosts = [mixed_host(16, 16, distances=[[10, far], [far, 10]]) for far in (12, 21)]
    for cells, same in (([{}], True), ([{}, {}], False)):
        guest = {"name": "vm", "cells": cells, "target": 8 * GiB}
        problems = [Problem.model_validate({"host": host, "guests": [guest]}) for host in hosts]
        keys = {canonical(problem)[1].key for problem in problems}
        assert (len(keys) == 1) is same


def test_where_whole_pools_count_plenty_does_too() -> None:
    """How many more guests fit depends on all there is."""
    guest = {"name": "vm", "cells": [{}], "target": GiB, "maximum": GiB}
    problems = [
        Problem.model_validate({"host": mixed_host(free), "guests": [guest]}) for free in (64, 128)
    ]
    assert len({canonical(problem)[1].key for problem in problems}) == 1
    assert len({canonical(problem, whole_pools=True)[1].key for problem in problems}) == 2


@pytest.mark.parametrize("number", range(60))
def test_steps_of_remedies_are_known(number: int) -> None:
    """What remedies raise a target or a maximum by is no more than was counted with."""
    problem = drawn_problem(number)
    assert RAISED_STEPS == MORE_GRAINS
    try:
        facts = gather(problem)
    except InputError:
        return
    for guest in facts:
        step = min(cell.grain for cell in guest.cells) * MiB
        assert _raised(problem, guest.guest) >= MORE_GRAINS * step

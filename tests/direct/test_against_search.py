"""What is answered without a search against the search, which knows nothing of closed forms."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial

import pytest
from pydantic import ValidationError

from slotsolver import cp_sat
from slotsolver.checker import check_plan
from slotsolver.clock import Clock
from slotsolver.direct import answer
from slotsolver.errors import InputError
from slotsolver.facts import GuestFacts
from slotsolver.gather import gather
from slotsolver.order import in_order
from slotsolver.plan import SolverFacts
from slotsolver.problem import Problem
from slotsolver.reach import refute, unreachable
from slotsolver.solution import NoSolution, Solution
from slotsolver.write_up import write_plan
from tests.direct import drawn

STAMP = SolverFacts(wall_seconds=0, deterministic_time=0, version="")


def sound(
    make: Callable[[int], Problem], seeds: Iterable[int]
) -> Iterator[tuple[Problem, tuple[GuestFacts, ...]]]:
    """Problems of some seeds that do not contradict themselves in their input."""
    for seed in seeds:
        try:
            problem = make(seed)
            facts = gather(problem)
            refute(facts)
        except (InputError, ValidationError):
            continue
        if not unreachable(facts):
            yield problem, facts


def agree(problem: Problem, facts: tuple[GuestFacts, ...]) -> bool:
    """Whether closed forms answer and the search ends; if so the plan is right, and the search
    finds none that is better, and proves that where it can."""
    objectives = in_order(problem, facts)
    direct = answer(problem, facts, objectives)
    if direct is None:
        return False
    said = problem.model_dump_json(exclude_defaults=True)
    plan = write_plan(problem, direct.layouts, direct.values, True, STAMP)
    assert check_plan(problem, plan) == (), said
    searched = cp_sat.search(problem, gather(problem), objectives, Clock(None))
    assert searched is not NoSolution.PROVEN, said
    if not isinstance(searched, Solution):
        return False
    mine = [value.value for value in direct.values]
    theirs = [value.value for value in searched.values]
    assert (mine == theirs) if searched.proven else (mine <= theirs), said
    return True


def test_the_search_finds_nothing_else() -> None:
    """On drawn problems of small guests."""
    answered = [agree(*given) for given in sound(drawn.problem, range(150))]
    assert sum(answered) >= 30


def test_the_search_finds_nothing_else_for_more_cells() -> None:
    """The same with up to eight cells on as many nodes, one guest."""
    large = partial(drawn.problem, most_cells=8, most_nodes=8, most_guests=1)
    answered = [agree(*given) for given in sound(large, range(1000, 1060))]
    assert sum(answered) >= 8


@pytest.mark.exhaustive
def test_the_search_finds_nothing_else_exhaustively() -> None:
    """Thousands of them."""
    assert sum(agree(*given) for given in sound(drawn.problem, range(10_000, 14_000))) > 800

"""The solver against an exhaustive search of running guests that shares nothing with it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, note, reject, settings

from slotsolver import Infeasible, InputError, Plan
from slotsolver.problem import Problem
from slotsolver.solver import solve
from tests.oracle_running import LAYERS, best
from tests.oracle_running_problems import running_problems, two_running_problems
from tests.oracle_running_rules import Unsupported
from tests.oracle_running_several import best_of_several


def agree(problem: Problem, search: Callable[[Problem], tuple[int, ...] | None]) -> None:
    """The plan's objective values are the best ones there are, or neither finds a plan. Problems
    that the search does not cover are passed over."""
    note(problem.model_dump_json(exclude={"guests": {"__all__": {"xml"}}}))
    try:
        expected = search(problem)
    except Unsupported:
        reject()
    try:
        answer = solve(problem, reasons="none")
    except InputError as error:
        note(str(error))
        assert expected is None
        return
    if expected is None:
        assert isinstance(answer, Infeasible)
        return
    assert isinstance(answer, Plan)
    assert answer.status == "optimal"
    best_values = dict(zip(LAYERS, expected, strict=False))
    for objective in answer.objectives:
        assert best_values.get(objective.kind, objective.value) == objective.value


few = settings(
    max_examples=200,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
many = settings(max_examples=5000, deadline=None, suppress_health_check=list(HealthCheck))


@few
@given(problem=running_problems())
def test_no_plan_is_better_than_the_one_found(problem: Problem) -> None:
    """On small running guests with every kind of policy the search finds nothing better."""
    agree(problem, best)


@settings(few, max_examples=60)
@given(problem=two_running_problems())
def test_no_plan_of_two_guests_is_better(problem: Problem) -> None:
    """Nor for two of them, one of which may give pages back that the other one needs."""
    agree(problem, best_of_several)


@pytest.mark.exhaustive
@many
@given(problem=running_problems())
def test_no_plan_is_better_than_the_one_found_exhaustively(problem: Problem) -> None:
    """The same over many more problems."""
    agree(problem, best)


@pytest.mark.exhaustive
@many
@given(problem=two_running_problems())
def test_no_plan_of_two_guests_is_better_exhaustively(problem: Problem) -> None:
    """The same over many more problems."""
    agree(problem, best_of_several)

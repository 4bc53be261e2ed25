"""The solver against an exhaustive search of running guests that shares nothing with it."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, note, reject, settings

from slotsolver import Infeasible, InputError, Plan
from slotsolver.problem import Problem
from slotsolver.solver import solve
from tests import oracle_running
from tests.oracle_running_problems import running_problems


def best(problem: Problem) -> tuple[int, ...] | None:
    """What the exhaustive search finds; problems that it does not cover are passed over."""
    try:
        return oracle_running.best(problem)
    except oracle_running.Unsupported:
        reject()


def agree(problem: Problem) -> None:
    """The plan's objective values are the best ones there are, or neither finds a plan."""
    note(problem.model_dump_json(exclude={"guests": {"__all__": {"xml"}}}))
    expected = best(problem)
    try:
        answer = solve(problem)
    except InputError as error:
        note(str(error))
        assert expected is None
        return
    if expected is None:
        assert isinstance(answer, Infeasible)
        return
    assert isinstance(answer, Plan)
    assert answer.status == "optimal"
    best_values = dict(zip(oracle_running.LAYERS, expected, strict=True))
    for objective in answer.objectives:
        assert best_values.get(objective.kind, objective.value) == objective.value


@settings(
    max_examples=200,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(problem=running_problems())
def test_no_plan_is_better_than_the_one_found(problem: Problem) -> None:
    """On small running guests with every kind of policy the search finds nothing better."""
    agree(problem)


@pytest.mark.exhaustive
@settings(max_examples=5000, deadline=None, suppress_health_check=list(HealthCheck))
@given(problem=running_problems())
def test_no_plan_is_better_than_the_one_found_exhaustively(problem: Problem) -> None:
    """The same over many more problems."""
    agree(problem)

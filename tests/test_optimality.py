"""The solver against an exhaustive search that shares nothing with it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, given, note, reject, settings

from slotsolver import Infeasible, InputError, Plan
from slotsolver.gather import gather
from slotsolver.order import in_order
from slotsolver.problem import Problem
from slotsolver.solver import solve
from tests import oracle
from tests.oracle_rules import Unsupported
from tests.strategies import small_problems


def best(problem: Problem, layers: Sequence[str] | None = None) -> tuple[int, ...] | None:
    """What the exhaustive search finds; problems that it does not cover are passed over."""
    try:
        return oracle.best(problem, layers=layers)
    except Unsupported:
        reject()


def agree(problem: Problem) -> None:
    """The plan's objective values are the best ones there are, or neither finds a plan."""
    note(problem.model_dump_json(exclude_defaults=True))
    try:
        facts = gather(problem)
        answer = solve(problem, reasons="none")
    except InputError as error:
        note(str(error))
        assert best(problem) is None
        return
    kinds = [o.kind for o in in_order(problem, facts) if o.kind != "preferred-pages"]
    expected = best(problem, kinds)
    if expected is None:
        assert isinstance(answer, Infeasible)
        return
    assert isinstance(answer, Plan)
    assert answer.status == "optimal"
    assert tuple(o.value for o in answer.objectives) == expected


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(problem=small_problems())
def test_no_plan_is_better_than_the_one_found(problem: Problem) -> None:
    """On small problems of every kind of policy the exhaustive search finds nothing better."""
    agree(problem)


@pytest.mark.exhaustive
@settings(max_examples=5000, deadline=None, suppress_health_check=list(HealthCheck))
@given(problem=small_problems())
def test_no_plan_is_better_than_the_one_found_exhaustively(problem: Problem) -> None:
    """The same over many more problems."""
    agree(problem)

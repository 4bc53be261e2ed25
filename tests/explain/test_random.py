"""Random problems without a plan: every claim of the answer is solved again, by its words alone."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from hypothesis import HealthCheck, Phase, assume, given, note, settings

from slotsolver.errors import InputError
from slotsolver.plan import Infeasible, Plan, Undecided
from slotsolver.problem import Problem
from slotsolver.solver import solve
from tests.constraints.builders import B, host, make_guest, packed, problem, running, two_guests
from tests.explain.attacks import check, every_rule
from tests.explain.taking_back import has_plan, without
from tests.oracle import best
from tests.oracle_rules import Unsupported
from tests.oracle_running_problems import running_problems, two_running_problems
from tests.strategies import small_problems

few = settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
many = settings(max_examples=3000, deadline=None, suppress_health_check=list(HealthCheck))


def solved(problem: Problem) -> Plan | Infeasible | Undecided | None:
    """The answer; ``None`` where the problem contradicts itself in its input."""
    try:
        return solve(problem)
    except InputError:
        return None


def explained(problem: Problem) -> Infeasible:
    """Why there is no plan; problems that have one, or contradict themselves, are passed over."""
    note(problem.model_dump_json(exclude={"guests": {"__all__": {"xml"}}}))
    assume(not has_plan(problem))
    answer = solved(problem)
    assume(isinstance(answer, Infeasible))
    assert isinstance(answer, Infeasible)
    note(answer.model_dump_json())
    return answer


@settings(few, max_examples=25)
@given(given_problem=small_problems(most_policies=4))
def test_new_guests(given_problem: Problem) -> None:
    """Conflicts cannot be spared a member, remedies help and less of them does not."""
    check(given_problem, explained(given_problem))


@few
@given(given_problem=running_problems())
def test_running_guests(given_problem: Problem) -> None:
    """The same of a running guest."""
    check(given_problem, explained(given_problem))


@settings(few, max_examples=12)
@given(given_problem=two_running_problems())
def test_two_running_guests(given_problem: Problem) -> None:
    """The same of two."""
    check(given_problem, explained(given_problem))


@settings(few, max_examples=15)
@given(given_problem=small_problems(most_guests=1, most_policies=3, large_pages=False))
def test_an_exhaustive_search_finds_no_plan_within_a_conflict(given_problem: Problem) -> None:
    """Without the rules that are not in the conflict there is still none, says a search that shares
    nothing with the solver."""
    answer = explained(given_problem)
    others = [rule for rule in every_rule(given_problem) if rule not in answer.conflict]
    for rest in without(given_problem, others):
        try:
            assert best(rest, layers=("fewest-slots",)) is None
        except Unsupported:
            continue


@settings(few, max_examples=8)
@given(given_problem=small_problems(most_policies=4))
def test_twice_the_same(given_problem: Problem) -> None:
    """The same problem has the same answer."""
    assert explained(given_problem) == solved(given_problem)


ASK = """
import sys
from slotsolver.problem import Problem
from slotsolver.solver import solve
for line in sys.stdin:
    print(solve(Problem.model_validate_json(line)).model_dump_json())
"""


def test_the_same_in_another_process(given_problems: list[Problem]) -> None:
    """Whatever order sets have there."""
    text = "".join(problem.model_dump_json() + "\n" for problem in given_problems)
    answers = [
        subprocess.run(
            [sys.executable, "-c", ASK],
            input=text,
            text=True,
            capture_output=True,
            check=True,
            env=os.environ | {"PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    ]
    assert answers[0] == answers[1]
    assert answers[0].count('"infeasible"') == len(given_problems)


@pytest.fixture
def given_problems() -> list[Problem]:
    """Some with several policies, nodes and guests, all without a plan."""
    huge = {"kind": "page-size", "size": 2 << 20}
    step = {"kind": "step", "size": 2 * B}
    limit = {"kind": "slots", "at_most": 1}
    guest = make_guest([2, 2], 4, 8)
    where = host((9, 3), (9, 2), (1, 1))
    return [
        problem([2, 2], 8, None, huge, host=where),
        two_guests(guest, guest, step, limit, {"kind": "balance"}, huge, host=where),
        running([2], 5, 16, {"kind": "keep"}, devices=packed(1, 4)),
        problem([4], 4, 8, huge, {"kind": "headroom", "pages": 200}, limit, host=where),
    ]


@pytest.mark.exhaustive
@many
@given(given_problem=small_problems(most_policies=4))
def test_many_new_guests(given_problem: Problem) -> None:
    """The same over many more problems."""
    check(given_problem, explained(given_problem))


@pytest.mark.exhaustive
@many
@given(given_problem=running_problems())
def test_many_running_guests(given_problem: Problem) -> None:
    """The same over many more problems."""
    check(given_problem, explained(given_problem))


@pytest.mark.exhaustive
@many
@given(given_problem=two_running_problems())
def test_many_pairs_of_running_guests(given_problem: Problem) -> None:
    """The same over many more problems."""
    check(given_problem, explained(given_problem))

"""The same problem gives the same plan: in any process, any number of times, in any company."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from slotsolver.plan import Plan
from slotsolver.problem import Problem
from slotsolver.size import GiB, MiB
from slotsolver.solver import solve
from tests.constraints.builders import B, host, make_guest, problem, two_guests

PROJECT = Path(__file__).parents[1]


def batch() -> list[Problem]:
    """Problems with many equally good layouts, so that chance would show."""
    where = host((40, 40), (40, 40), (40, 40), (40, 40))
    wide: dict[str, Any] = {"host": where, "objectives": []}
    return [
        problem([2] * 4, 20, 57, **wide),
        problem([None] * 2, 10, 21, {"kind": "exact", "size": B}, **wide),
        problem([2, 3, 4], 13, 40, {"kind": "relative-step", "ratio": "1/3"}, **wide),
        problem(
            [2] * 4,
            8,
            200,
            {"kind": "host-nodes", "distinct": True},
            {"kind": "slots", "at_most": 17},
            **wide,
        ),
        problem([2, 2], 9, 30, {"kind": "host-nodes", "spread": True}, **wide),
        two_guests(
            make_guest([2, 2], 8, 20),
            make_guest([None, None, None], 12, 31),
            {"kind": "reserve", "until": "maximum"},
            host=where,
            objectives=[],
        ),
        problem([2], 2, 10, {"kind": "step", "size": B}, {"kind": "slots", "at_most": 3}),
        problem([None] * 2, 64 * GiB // B, 128 * GiB // B, phys_bits=46),
    ]


def told(given: Problem) -> dict[str, Any]:
    """The answer as data, apart from the times that it took."""
    answer = solve(given).model_dump(mode="json")
    answer.pop("solver", None)
    return answer


@pytest.fixture(scope="module")
def alone() -> list[dict[str, Any]]:
    """The answers to the batch, one after the other in this process."""
    return [told(given) for given in batch()]


def script() -> str:
    """What a fresh process runs: problems from standard input, answers to standard output."""
    return (
        "import json, sys\n"
        "from slotsolver.problem import Problem\n"
        "from slotsolver.solver import solve\n"
        "for line in sys.stdin:\n"
        "    answer = solve(Problem.model_validate_json(line)).model_dump(mode='json')\n"
        "    answer.pop('solver', None)\n"
        "    print(json.dumps(answer))\n"
    )


@pytest.mark.parametrize("seed", ["0", "1", "4242", "random"])
def test_hash_seeds_do_not_matter(seed: str, alone: list[dict[str, Any]]) -> None:
    """A process with another order of sets and dictionaries of strings answers the same."""
    done = subprocess.run(
        [sys.executable, "-c", script()],
        input="\n".join(given.model_dump_json() for given in batch()),
        env={**os.environ, "PYTHONHASHSEED": seed},
        check=True,
        capture_output=True,
        text=True,
        cwd=PROJECT,
    )
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert answers == alone


def test_repeated_runs_are_equal(alone: list[dict[str, Any]]) -> None:
    """Nothing is carried over from one run to the next."""
    assert [told(given) for given in batch()] == alone


@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_a_batch_does_not_matter(seed: int, alone: list[dict[str, Any]]) -> None:
    """What was solved before leaves no trace."""
    order = list(range(len(alone)))
    random.Random(seed).shuffle(order)  # noqa: S311 - no secret
    problems = batch()
    shuffled = {number: told(problems[number]) for number in order}
    assert [shuffled[number] for number in sorted(shuffled)] == alone


def test_the_order_of_guests_does_not_change_what_is_reached() -> None:
    """Guests named the other way round get as good a plan."""
    given = next(p for p in batch() if len(p.guests) == 2)
    turned = given.model_copy(update={"guests": given.guests[::-1]})
    assert told(given)["objectives"] == told(turned)["objectives"]


def test_times_are_all_that_differs() -> None:
    """The plan's deterministic time is reproducible too, only the wall time is not."""
    for given in batch():
        first, second = solve(given), solve(given)
        if isinstance(first, Plan):
            assert isinstance(second, Plan)
            assert first.solver.deterministic_time == second.solver.deterministic_time
            assert first.solver.version == second.solver.version


def test_equal_problems_written_otherwise() -> None:
    """Sizes as text, fields in another order: the same problem, the same plan."""
    given = batch()[0]
    text = given.model_dump(mode="json", context={"sizes": "text"})
    turned = {key: text[key] for key in sorted(text, reverse=True)}
    assert told(Problem.model_validate(turned)) == told(given)
    assert given.guests[0].maximum_size == 57 * 128 * MiB

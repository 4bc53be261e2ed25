"""The answer as it is found out: conflicts first, then one number after the other."""

from __future__ import annotations

from itertools import pairwise

import pytest

from slotsolver.explain.questions import Questions
from slotsolver.explain.why_not import why_not
from slotsolver.plan import Infeasible
from slotsolver.solver import solve
from tests.constraints.builders import B, host, problem

STEP = {"kind": "step", "size": 2 * B}
HUGE = {"kind": "page-size", "size": 2 << 20}
FEW_SLOTS = problem([2], 2, 10, STEP, slots=3)


def answered(**how: object) -> Infeasible:
    """The answer for a guest with too few slots."""
    answer = solve(FEW_SLOTS, **how)  # type: ignore[arg-type]  # what it takes
    assert isinstance(answer, Infeasible)
    return answer


def test_how_much_is_said() -> None:
    """Nothing, the conflict, or all of it; what was left out is told as not complete."""
    nothing, conflict, everything = (
        answered(reasons=reasons) for reasons in ("none", "conflict", "remedies")
    )
    assert (nothing.conflict, nothing.complete) == ((), False)
    assert {member.rule for member in conflict.conflict} == {"slots", "maximum", "policy step"}
    assert (conflict.remedies, conflict.complete) == ((), False)
    assert everything.conflict == conflict.conflict
    assert everything.remedies
    assert everything.complete


def test_steps_come_one_after_the_other() -> None:
    """Each knows at least what the one before knew; the last is the answer."""
    steps = []
    answer = answered(watch=steps.append)
    assert steps[0].done == 0
    assert not steps[0].answer.remedies
    assert [step.done for step in steps] == sorted(step.done for step in steps)
    assert (steps[-1].done, steps[-1].answer) == (steps[-1].total, answer)
    for before, after in pairwise(steps):
        assert set(before.answer.remedies) <= set(after.answer.remedies)


def test_what_the_watcher_raises_ends_the_search() -> None:
    """So that an interrupt need not wait for the rest."""

    def enough(_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        answered(watch=enough)


def test_without_time_nothing_is_made_up() -> None:
    """A conflict of which nothing could be asked is not called irreducible, and no remedy known."""
    questions = Questions(lambda _: False, out_of_time=lambda: True)
    *_, last = why_not(FEW_SLOTS, questions, lambda _: None)
    answer = last.answer
    assert (answer.irreducible, answer.complete) == (False, False)
    assert answer.remedies == ()
    assert answer.unhelpful == ()


def test_two_guests_two_reasons() -> None:
    """Conflicts without a common rule are all told; only together their remedies help."""
    guests = [
        {
            "name": name,
            "cells": [{"memory": 2 * B}],
            "target": 2 * B,
            "maximum": 10 * B,
            "slots": 3,
        }
        for name in ("one", "two")
    ]
    steps = [{**STEP, "guests": [guest["name"]]} for guest in guests]
    given = FEW_SLOTS.model_validate({"guests": guests, "policies": steps})
    answer = solve(given)
    assert isinstance(answer, Infeasible)
    assert len(answer.further) == 1
    assert not {m.says for m in answer.conflict} & {m.says for m in answer.further[0]}
    assert answer.remedies == ()
    assert [(r.change, r.to) for r in answer.together] == [
        ("slots of guest one", "4"),
        ("slots of guest two", "4"),
    ]


def test_pools_that_are_alike_are_told_once() -> None:
    """Of nodes that can change places one stands for all, and says so."""
    given = problem([4], 4, None, HUGE, host=host((9, 3), (9, 3), (9, 3)))
    answer = solve(given)
    assert isinstance(answer, Infeasible)
    pools = [remedy for remedy in answer.remedies if remedy.command]
    assert [remedy.command for remedy in pools] == ["virsh allocpages 2M 64 --cellno 0 --add"]
    assert pools[0].says.endswith("; the same on host nodes 1-2 instead")
    members = [member.pool.node for member in answer.conflict if member.pool]
    assert members == [0, 1, 2]

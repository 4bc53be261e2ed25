"""Questions: each is asked once, within limits; a contradiction in the input is no answer."""

from __future__ import annotations

from slotsolver.errors import InputError
from slotsolver.explain.change import with_guest
from slotsolver.explain.questions import Questions
from slotsolver.problem import Problem
from tests.constraints.builders import B, problem

MORE, BACK = with_guest("guest", target=3 * B), with_guest("guest", target=2 * B)


def small(given: Problem) -> bool | None:
    """Two blocks can be had, three cannot, four are never decided, five make no sense."""
    blocks = given.guests[0].target_size // B
    if blocks == 5:
        raise InputError("this cannot be")
    return {2: True, 3: False}.get(blocks)


def test_each_once() -> None:
    """The same problem by another way is no new question."""
    asked: list[Problem] = []

    def feasible(given: Problem) -> bool | None:
        asked.append(given)
        return small(given)

    questions = Questions(feasible, lambda: False)
    given = problem([2], 2, 8)
    assert questions.ask(given) is True
    assert questions.ask(given, [MORE]) is False
    assert questions.ask(given, [MORE, BACK]) is True
    assert questions.ask(MORE(given)) is False
    assert len(asked) == questions.asked == 2


def test_what_stays_open() -> None:
    """It is not asked again either, and is no contradiction in the input."""
    questions = Questions(small, lambda: False)
    given = problem([2], 4, 8)
    assert questions.ask(given) is None
    assert questions.ask(given) is None
    assert questions.asked == 1
    assert not questions.is_senseless(given)


def test_what_makes_no_sense() -> None:
    """It is neither possible nor impossible."""
    questions = Questions(small, lambda: False)
    given = problem([2], 5, 8)
    assert not questions.is_senseless(given)
    assert questions.ask(given) is None
    assert questions.is_senseless(given)
    assert not questions.is_senseless(problem([2], 2, 8))


def test_no_time_is_left() -> None:
    """What is known is still known, everything else stays open and counts as not asked."""
    spent = False
    questions = Questions(small, lambda: spent)
    assert questions.ask(problem([2], 2, 8)) is True
    spent = True
    assert questions.exhausted
    assert questions.ask(problem([2], 2, 8)) is True
    assert questions.ask(problem([2], 3, 8)) is None
    assert questions.asked == 1
    spent = False
    assert questions.ask(problem([2], 3, 8)) is False

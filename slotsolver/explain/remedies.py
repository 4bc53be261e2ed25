"""What would help: the smallest change of each number that alone gives a plan.

Only rules of a conflict can help: without any other rule its members still contradict each other.
And where two conflicts share no rule, no single change helps. Everything else is solved for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from slotsolver.explain.change import Change
from slotsolver.explain.lever import Lever
from slotsolver.explain.questions import Questions
from slotsolver.plan import Remedy
from slotsolver.problem import Problem

MOST_TRIED = 32
"""Values of a number that are tried one after the other, where they are not nested."""


@dataclass(frozen=True)
class Found:
    """A value that gives a plan; ``smallest`` if none that changes less does."""

    lever: Lever
    value: Any
    smallest: bool

    def change(self, problem: Problem) -> Problem:
        """The problem with that value."""
        return self.lever.apply(problem, self.value)

    def remedy(self, also: str = "") -> Remedy:
        """What is told of it."""
        lever, value = self.lever, self.value
        return Remedy(
            change=lever.change,
            from_=lever.from_,
            to=lever.to(value),
            says=lever.says(value) + also,
            command=lever.command(value),
            smallest=self.smallest,
        )


def smallest(
    problem: Problem, lever: Lever, questions: Questions, others: Sequence[Change] = ()
) -> Found | None:
    """The value of a number that changes least and gives a plan, with ``others`` changed too;
    ``None`` where no value does, or none is known to."""
    search = _Search(problem, lever, questions, others)
    return search.nested() if lever.nested else search.one_by_one()


class _Search:
    """The search for one number's value."""

    def __init__(
        self, problem: Problem, lever: Lever, questions: Questions, others: Sequence[Change]
    ) -> None:
        self.problem, self.lever, self.questions = problem, lever, questions
        self.others = others

    def helps(self, place: int) -> bool | None:
        """Whether the value at a place gives a plan."""
        value = self.lever.values[place]
        return self.questions.ask(
            self.problem, [*self.others, lambda p: self.lever.apply(p, value)]
        )

    def nested(self) -> Found | None:
        """By doubling, then halving. Where the last value does not help, none does."""
        last = len(self.lever.values) - 1
        if last < 0 or not self.helps(last):
            return None
        low, high, step = -1, last, 1
        while step - 1 < last:
            if self.helps(step - 1):
                high = step - 1
                break
            low, step = step - 1, 2 * step
        return self._between(low, high)

    def _between(self, low: int, high: int) -> Found:
        """The first value after ``low`` that helps, at most that at ``high``, which does."""
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if self.helps(middle) else (middle, high)
        sure = low < 0 or self.helps(low) is False
        return Found(self.lever, self.lever.values[high], sure)

    def one_by_one(self) -> Found | None:
        """One after the other; after many by doubling, then halving, which may miss a smaller
        one."""
        asked, sure = self.questions.asked, True
        for place in range(len(self.lever.values)):
            answer = self.helps(place)
            if answer:
                return Found(self.lever, self.lever.values[place], sure)
            sure = sure and answer is False
            if self.questions.asked - asked >= MOST_TRIED:
                return self._further(place)
        return None

    def _further(self, low: int) -> Found | None:
        step, last = 1, len(self.lever.values) - 1
        while low < last:
            high = min(low + step, last)
            if self.helps(high):
                found = self._between(low, high)
                return Found(found.lever, found.value, smallest=False)
            low, step = high, 2 * step
        return None

"""What would help: the smallest change of each number that alone gives a plan.

Only rules of a conflict can help: without any other rule its members still contradict each other.
And where two conflicts share no rule, no single change helps. Everything else is solved for.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from slotsolver.explain.change import Change, changed
from slotsolver.explain.lever import Lever
from slotsolver.explain.levers import NEAREST
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

    @property
    def amount(self) -> int:
        """How much it is (bytes), of those that are told so; else 0."""
        return self.lever.amount(self.value)

    def change(self, problem: Problem) -> Problem:
        """The problem with that value."""
        return self.lever.apply(problem, self.value)

    def remedy(self, also: str = "") -> Remedy:
        """What is told of it."""
        lever, value = self.lever, self.value
        says = lever.says(value)
        return Remedy(
            change=lever.change,
            from_=lever.from_,
            to=lever.to(value),
            says=(says if self.smallest else says.replace(NEAREST, "one")) + also,
            command=lever.command(value),
            smallest=self.smallest,
        )


@dataclass(frozen=True)
class Tried:
    """What came of trying a number: ``hopeless`` says that no value of it is known to help because
    none does."""

    found: Found | None
    hopeless: bool


def smallest(
    problem: Problem,
    lever: Lever,
    questions: Questions,
    others: Sequence[Change] = (),
    near: int = 0,
) -> Tried:
    """The value of a number that changes least and gives a plan, with ``others`` changed too.
    ``near`` is how much (bytes) it may be, where that can be guessed; it only makes the search
    short."""
    search = _Search(problem, lever, questions, others)
    found = search.nested(near) if lever.nested else search.one_by_one()
    if found is None or lever.loose is None:
        return Tried(found, search.hopeless)
    real = _Search(problem, replace(lever, loose=None), questions, others)
    return Tried(real.from_on(found), hopeless=False)


class _Search:
    """The search for one number's value."""

    def __init__(
        self, problem: Problem, lever: Lever, questions: Questions, others: Sequence[Change]
    ) -> None:
        self.problem, self.lever, self.questions = problem, lever, questions
        self.others = others
        self.hopeless = not lever.values

    def helps(self, place: int) -> bool | None:
        """Whether the value at a place gives a plan; one that makes no sense does not."""
        value, apply = self.lever.values[place], self.lever.loose or self.lever.apply
        problem = changed(self.problem, [*self.others, lambda p: apply(p, value)])
        answer = self.questions.ask(problem)
        self.sense = not self.questions.is_senseless(problem)
        return answer if self.sense else False

    def from_on(self, loosely: Found) -> Found | None:
        """What helps, where no value before one that was found can."""
        place = self.lever.values.index(loosely.value)
        if self.helps(place):
            return Found(self.lever, loosely.value, loosely.smallest)
        return self._further(place)

    def nested(self, near: int) -> Found | None:
        """From a guess on by doubling, then halving. Where the last value does not help, none does,
        unless it makes no sense."""
        last = len(self.lever.values) - 1
        if last < 0:
            return None
        start = min(last, bisect_left(self.lever.values, near, key=self.lever.amount))
        if self.helps(start):
            return self._between(*self._below(start))
        end = self.helps(last)
        if end:
            return self._between(*self._above(start, last))
        if not self.sense:
            return self._further(-1)
        self.hopeless = end is False
        return None

    def _below(self, high: int) -> tuple[int, int]:
        """Two places at most twice as far apart as need be: the lower one does not help."""
        step = 1
        while high > 0:
            place = max(0, high - step)
            if not self.helps(place):
                return place, high
            high, step = place, 2 * step
        return -1, high

    def _above(self, low: int, last: int) -> tuple[int, int]:
        """The same from a place on that does not help; the last does."""
        step = 1
        while low + step < last:
            if self.helps(low + step):
                return low, low + step
            low, step = low + step, 2 * step
        return low, last

    def _between(self, low: int, high: int) -> Found:
        """The first value after ``low`` that helps, at most that at ``high``, which does."""
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if self.helps(middle) else (middle, high)
        sure = low < 0 or self.helps(low) is False
        return Found(self.lever, self.lever.values[high], sure)

    def one_by_one(self) -> Found | None:
        """One after the other, from the first on that is not known to help not; after many by
        doubling, then halving, which may miss a smaller one."""
        first = self._first_possible()
        asked, sure = self.questions.asked, True
        for place in range(first, len(self.lever.values)):
            answer = self.helps(place)
            if answer:
                return Found(self.lever, self.lever.values[place], sure)
            sure = sure and answer is False
            if self.questions.asked - asked >= MOST_TRIED:
                return self._further(place)
        self.hopeless = sure
        return None

    def _first_possible(self) -> int:
        """The first place up to which some value may help: up to those before it none does, which
        is found by halving."""
        any_of, values = self.lever.any_of, self.lever.values
        if any_of is None or not values:
            return 0

        def none_up_to(place: int) -> bool:
            opened = any_of(values[0], values[place])
            return self.questions.ask(self.problem, [*self.others, opened]) is False

        low, high = -1, len(values)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if none_up_to(middle) else (low, middle)
        return high

    def _further(self, low: int) -> Found | None:
        step, last = 1, len(self.lever.values) - 1
        while low < last:
            high = min(low + step, last)
            if self.helps(high):
                found = self._between(low, high)
                return Found(found.lever, found.value, smallest=False)
            low, step = high, 2 * step
        return None

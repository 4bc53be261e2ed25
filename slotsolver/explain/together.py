"""The cheapest changes that help together, where none does alone.

What a set of changes costs is the sum of their weights. The cheapest set is found by what every set
must do: change something of each conflict. The cheapest one that does so for all conflicts known is
tried with its numbers as loose as they can be; where it does not help, what is left holds another
conflict, and so on. The first set that helps is the cheapest.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from slotsolver.explain.change import Change
from slotsolver.explain.conflicts import irreducible
from slotsolver.explain.lever import Lever
from slotsolver.explain.questions import Questions
from slotsolver.explain.remedies import Found, smallest
from slotsolver.explain.rules import Rule
from slotsolver.problem import Problem

MOST_ROUNDS = 24
"""Sets that are tried before the search is given up."""


@dataclass(frozen=True)
class Option:
    """A lever of a rule, by its place among all; ``loosest`` is the most that it can do."""

    place: int
    rule: Rule
    lever: Lever

    @property
    def loosest(self) -> Change:
        """The problem with the value that asks least; where values are not nested, without the
        rule, which no value outdoes."""
        if not self.lever.nested:
            return self.rule.relax
        value, apply = self.lever.values[-1], self.lever.loose or self.lever.apply
        return lambda problem: apply(problem, value)


def cheapest_together(
    problem: Problem,
    rules: Sequence[Rule],
    conflicts: Sequence[Sequence[Rule]],
    questions: Questions,
) -> tuple[Found, ...]:
    """Changes that give a plan together: the cheapest ones, each number, in this order, changed as
    little as will do beside the others. Empty where there are none, or none were found in time."""
    levers = ((rule, lever) for rule in rules for lever in rule.levers if lever.values)
    options = [Option(place, rule, lever) for place, (rule, lever) in enumerate(levers)]
    unmet = [_of(options, conflict) for conflict in conflicts]
    for _ in range(MOST_ROUNDS):
        chosen = _cheapest(unmet)
        if not chosen or questions.exhausted:
            return ()
        loosest = [option.loosest for option in chosen]
        if questions.ask(problem, loosest):
            found = tuple(_smallest(problem, chosen, questions))
            if len(found) == len(chosen):
                return _needed(problem, found, questions)
            unmet.append([option for option in options if option not in chosen])
            continue
        rest = problem
        for change in loosest:
            rest = change(rest)
        if questions.ask(rest) is not False:
            return ()
        conflict = irreducible(rest, rules, questions)
        unmet.append([o for o in _of(options, conflict.rules) if o not in chosen])
    return ()


def _of(options: Sequence[Option], rules: Sequence[Rule]) -> list[Option]:
    """The options that change something of some rules."""
    return [option for option in options if option.rule in rules]


def _cheapest(unmet: Sequence[Sequence[Option]]) -> list[Option]:
    """The options of least total weight (and first in order) with one of every set."""
    best: list[list[Option]] = []

    def cost(options: Sequence[Option]) -> tuple[int, list[int]]:
        return sum(o.lever.weight for o in options), sorted(o.place for o in options)

    def extend(chosen: list[Option]) -> None:
        if best and cost(chosen) >= cost(best[0]):
            return
        left = [options for options in unmet if not any(o in chosen for o in options)]
        if not left:
            best[:] = [chosen]
            return
        for option in min(left, key=len):
            extend([*chosen, option])

    extend([])
    return sorted(best[0], key=lambda o: (o.lever.weight, o.place)) if best else []


def _smallest(problem: Problem, chosen: Sequence[Option], questions: Questions) -> Iterator[Found]:
    """Each number as little changed as will do, those before it as found, those after it loose."""
    done: list[Change] = []
    for place, option in enumerate(chosen):
        later = [other.loosest for other in chosen[place + 1 :]]
        found = smallest(problem, option.lever, questions, [*done, *later]).found
        if found is None:
            return
        done.append(found.change)
        yield found


def _needed(problem: Problem, found: tuple[Found, ...], questions: Questions) -> tuple[Found, ...]:
    """Those that cannot be left out: a number's value can do more than the loosest of it, as where
    a smaller maximum is one without growth."""
    for spared in reversed(found):
        rest = tuple(other for other in found if other is not spared)
        if questions.ask(problem, [other.change for other in rest]):
            found = rest
    return found

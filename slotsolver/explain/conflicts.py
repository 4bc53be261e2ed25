"""Why there is no plan: rules that contradict each other, none of which can be spared.

Every rule is taken back in turn; if the rest still admits no plan it was not needed. What stays is
irreducible, and that is known from solving, not assumed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from slotsolver.explain.alike import Alike
from slotsolver.explain.change import changed
from slotsolver.explain.questions import Questions
from slotsolver.explain.rules import Rule
from slotsolver.problem import Problem

MOST_CONFLICTS = 5
"""Disjoint conflicts that are looked for."""


@dataclass(frozen=True)
class Contradiction:
    """Rules that together admit no plan. ``proven`` says that each of them is known to be needed:
    without any one of them, the others admit one."""

    rules: tuple[Rule, ...]
    proven: bool


def disjoint_conflicts(
    problem: Problem, rules: Sequence[Rule], questions: Questions
) -> list[Contradiction]:
    """Irreducible conflicts that share no rule, until what is left has a plan (or is not known to
    have none)."""
    found: list[Contradiction] = []
    left = list(rules)
    while len(found) < MOST_CONFLICTS and not (found and questions.exhausted):
        if found:
            gone = [rule.relax for rule in found[-1].rules]
            problem = changed(problem, gone)
            left = [rule for rule in left if rule not in found[-1].rules]
            if questions.ask(problem) is not False:
                break
        conflict = irreducible(problem, left, questions)
        found.append(conflict)
        if not conflict.rules:
            break
    return [conflict for conflict in found if conflict.rules]


def irreducible(problem: Problem, rules: Sequence[Rule], questions: Questions) -> Contradiction:
    """A conflict of a problem that has no plan, among ``rules``."""
    kept: list[Rule] = []
    later: list[Rule] = []
    rules = sorted(rules, key=lambda rule: rule.heavy)
    for group in dict.fromkeys(rule.group for rule in rules):
        members = [rule for rule in rules if rule.group == group]
        without = changed(problem, [rule.relax for rule in members])
        if questions.ask(without) is False:
            problem = without
            continue
        alike = Alike(problem)
        for rule in members:
            if any(alike.pools(rule, other) for other in kept):
                kept.append(rule)
                continue
            without = rule.relax(problem)
            if questions.ask(without) is False:
                problem, alike = without, Alike(without)
            elif questions.is_senseless(without):
                later.append(rule)
            else:
                kept.append(rule)
    for rule in later:  # what makes no sense beside one rule may do so without it
        without = rule.relax(problem)
        if questions.ask(without) is False:
            problem = without
        elif not questions.is_senseless(without):
            kept.append(rule)
    return _confirmed(problem, kept, questions)


def _confirmed(problem: Problem, kept: list[Rule], questions: Questions) -> Contradiction:
    """The rules that are needed in the end. Taking a rule back can also forbid (with no maximum to
    grow to, no slot is ever taken), so each one is asked about again."""
    while True:
        alike = Alike(problem)
        needed: list[Rule] = []
        proven = True
        for rule in kept:
            if any(alike.pools(rule, other) for other in needed):
                continue
            answer = questions.ask(rule.relax(problem))
            if answer is False:
                problem = rule.relax(problem)
                kept = [other for other in kept if other is not rule]
                break
            needed.append(rule)
            proven = proven and answer is True
        else:
            return Contradiction(tuple(kept), proven)

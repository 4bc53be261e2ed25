"""Why there is no plan: rules that contradict each other, none of which can be spared.

Every rule is taken back in turn; if the rest still admits no plan it was not needed. What stays is
irreducible, and that is known from solving, not assumed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from slotsolver.constraints.guest_block import GuestBlock
from slotsolver.explain.alike import Alike
from slotsolver.explain.change import Change, changed, without_host
from slotsolver.explain.questions import Questions
from slotsolver.explain.rules import Rule
from slotsolver.platforms import platform_for
from slotsolver.problem import Host, Problem

WITHIN_ONE_UNIT = ("balance", "relative-step")
"""Policies that demand something within one unit of DIMMs."""

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
    problem, rules = _without_host(problem, rules, questions)
    search = _Search(problem, questions)
    for heavy in sorted({rule.heavy for rule in rules}):
        search.take_back([rule for rule in rules if rule.heavy == heavy])
    for rule in search.later:  # what makes no sense beside one rule may do so without it
        search.try_one(rule)
    return _confirmed(search.problem, search.kept, questions)


def _without_host(
    problem: Problem, rules: Sequence[Rule], questions: Questions
) -> tuple[Problem, list[Rule]]:
    """The problem on no host at all, with the rules that are left of it, if that has no plan
    either: then nothing about the host takes part."""
    host = problem.host
    if host is not None and not problem.also_hosts and not _needs_pages(problem, host):
        bare = without_host(problem)
        if questions.ask(bare) is False:
            return bare, [rule for rule in rules if not rule.about_host]
    return problem, list(rules)


def _needs_pages(problem: Problem, host: Host) -> bool:
    """Whether something holds within one unit of DIMMs that large pages may make larger."""
    if not any(policy.kind in WITHIN_ONE_UNIT for policy in problem.policies):
        return False
    given = [policy.size for policy in problem.policies if isinstance(policy, GuestBlock)]
    smallest = min([platform_for(g.machine).smallest_block for g in problem.guests] + given)
    return any(page > smallest for page in host.page_sizes() if host.has_pool(page))


class _Search:
    """A problem that has no plan, while its rules are taken back; ``kept`` are needed for that."""

    def __init__(self, problem: Problem, questions: Questions) -> None:
        self.problem = problem
        self.kept: list[Rule] = []
        self.later: list[Rule] = []
        """Rules without which the rest made no sense when it was tried."""
        self._questions = questions

    def take_back(self, rules: Sequence[Rule]) -> None:
        """Take back whatever is not needed: all at once if that will do, else in halves."""
        if not rules:
            return
        if self._spare([rule.relax for rule in rules]):
            return
        groups = list(dict.fromkeys(rule.group for rule in rules))
        if len(groups) == 1:
            for rule in rules:
                self._try_like_others(rule)
            return
        half = groups[: len(groups) // 2]
        self.take_back([rule for rule in rules if rule.group in half])
        self.take_back([rule for rule in rules if rule.group not in half])

    def _spare(self, changes: Sequence[Change]) -> bool:
        """Whether the rest has no plan either; then it is the problem from now on."""
        without = changed(self.problem, changes)
        if self._questions.ask(without) is not False:
            return False
        self.problem = without
        return True

    def _try_like_others(self, rule: Rule) -> None:
        """Where a pool was needed, so is one on a host node that could change places with it."""
        alike = Alike(self.problem)
        if any(alike.pools(rule, other) for other in self.kept):
            self.kept.append(rule)
        elif not self.try_one(rule):
            self.later.append(rule)

    def try_one(self, rule: Rule) -> bool:
        """Keep a rule if it is needed; whether that made sense."""
        if self._spare([rule.relax]):
            return True
        if self._questions.is_senseless(rule.relax(self.problem)):
            return False
        self.kept.append(rule)
        return True


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

"""Why there is no plan and what would help, told as it is found out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from slotsolver.explain.alike import Alike
from slotsolver.explain.change import guest_named
from slotsolver.explain.conflicts import WITHIN_ONE_UNIT, Contradiction, disjoint_conflicts
from slotsolver.explain.lever import Lever
from slotsolver.explain.nearest import Sizes, nearest_sizes
from slotsolver.explain.questions import Questions
from slotsolver.explain.remedies import Found, Tried, smallest
from slotsolver.explain.rules import Rule, rules_of
from slotsolver.explain.together import cheapest_together
from slotsolver.fields import format_ids
from slotsolver.plan import Conflict, Infeasible, Remedy, Unhelpful
from slotsolver.problem import Problem
from slotsolver.size import format_size


@dataclass(frozen=True)
class Step:
    """An answer as far as it is known, and how many of the numbers have been tried."""

    answer: Infeasible
    done: int
    total: int


@dataclass
class _Known:
    """What is known so far."""

    conflicts: Sequence[Contradiction]
    remedies: list[tuple[tuple[int, int], Remedy]] = field(default_factory=list)
    unhelpful: list[Unhelpful] = field(default_factory=list)
    together: tuple[Found, ...] = ()

    def answer(self, *, complete: bool) -> Infeasible:
        """The answer with all of that."""
        members = [tuple(_member(rule) for rule in c.rules) for c in self.conflicts]
        ranked = sorted(self.remedies, key=lambda found: found[0])
        helpful = {remedy.change for _, remedy in ranked}
        unhelpful = {u.change: u for u in self.unhelpful if u.change not in helpful}
        return Infeasible(
            conflict=members[0] if members else (_SIZES,),
            further=tuple(members[1:]),
            irreducible=all(c.proven for c in self.conflicts),
            remedies=tuple(remedy for _, remedy in ranked),
            together=tuple(found.remedy() for found in self.together),
            unhelpful=tuple(unhelpful.values()),
            complete=complete,
        )


_SIZES = Conflict(rule="sizes", says="the sizes of the guest cannot be met by any DIMMs")


def _member(rule: Rule) -> Conflict:
    return Conflict(rule=rule.name, says=rule.says, pool=rule.pool)


def why_not(problem: Problem, questions: Questions, sizes: Sizes) -> Iterator[Step]:
    """Why a problem has no plan and what would help: first the conflicts, then one number after the
    other; the last step is the whole answer. ``complete`` is false where time ran out."""
    rules = rules_of(problem)
    known = _Known(disjoint_conflicts(problem, rules, questions))
    in_conflict = [rule for conflict in known.conflicts for rule in conflict.rules]
    alone = list(known.conflicts[0].rules) if len(known.conflicts) == 1 else []
    others = [rule for rule in rules if rule not in alone]
    trials = [(rule, lever) for rule in [*alone, *others] for lever in rule.levers]
    yield Step(known.answer(complete=False), 0, len(trials))
    permits = () if _tighten(problem, others) else _ONLY_PERMIT
    alike, near = _Alike(problem, alone), 0
    for done, (rule, lever) in enumerate(trials, 1):
        if rule in alone and not alike.was_first(rule):
            continue
        if rule in alone or _may_help(problem, rule, lever, questions, permits):
            tried = smallest(problem, lever, questions, near=near)
        else:  # without the rule the others still contradict each other, whatever its numbers are
            tried = Tried(None, hopeless=rule.name not in _SIZE_RULES)
        found = tried.found
        if found is not None:
            rank, near = (lever.weight, found.amount), found.amount or near
            known.remedies.append((rank, found.remedy(alike.places(rule))))
        elif tried.hopeless:
            known.unhelpful.append(_unhelpful(lever, alike.places(rule)))
        yield Step(known.answer(complete=False), done, len(trials))
    for rule in alone:
        if rule.nearest:
            found_sizes = nearest_sizes(problem, guest_named(problem, rule.nearest), sizes)
            known.remedies += [(_NEAREST, remedy) for remedy in found_sizes]
    now = {format_size(guest.size_now) for guest in problem.guests if guest.running}
    stay = [remedy for rank, remedy in known.remedies if rank == _NEAREST and remedy.to in now]
    if in_conflict and len(stay) == len(known.remedies):
        conflicts = [conflict.rules for conflict in known.conflicts]
        known.together = cheapest_together(problem, rules, conflicts, questions)
    yield Step(known.answer(complete=not questions.exhausted), len(trials), len(trials))


FEW = 4
"""Values that are tried for once, though they are not likely to help."""

_SIZE_RULES = ("target", "maximum", "waypoints", "boot")
"""Rules that another number may do more for than taking them back: a guest that cannot grow takes
no slots, which a policy may demand."""

_ONLY_PERMIT = ("slots", "phys-bits", "page-size", "host-nodes", "one-page-size", "no-swap")
"""Rules without which at least as much is permitted, whatever else is demanded."""

_NEAREST = 0, 0
"""A size that a running guest can have comes before every other change."""


def _tighten(problem: Problem, rules: Sequence[Rule]) -> bool:
    """Whether taking back one of these may forbid something: what holds within one unit of DIMMs
    does so within less where the guest's memory block becomes smaller."""
    within = any(policy.kind in WITHIN_ONE_UNIT for policy in problem.policies)
    return within and any(rule.name in ("guest-block", "policy guest-block") for rule in rules)


def _may_help(
    problem: Problem, rule: Rule, lever: Lever, questions: Questions, permits: Sequence[str]
) -> bool:
    """Whether a number of a rule that is not in the conflict is worth trying. One of a rule that
    only ever permits more (these are ``permits``, and those about the host) is not: without it all
    others contradict each other still."""
    if permits and (rule.about_host or rule.name in permits):
        return False
    if questions.ask(rule.relax(problem)) is not False:
        return True
    quick = lever.any_of is not None or len(lever.values) <= FEW
    return quick and rule.name in _SIZE_RULES


def _unhelpful(lever: Lever, also: str = "") -> Unhelpful:
    return Unhelpful(
        change=lever.change, from_=lever.from_, says=f"no change of it alone helps{also}"
    )


class _Alike:
    """Rules about pools that are told together, because their host nodes are alike."""

    def __init__(self, problem: Problem, rules: Sequence[Rule]) -> None:
        alike = Alike(problem)
        self._first: list[Rule] = []
        self._others: dict[int, list[int]] = {}
        for rule in rules:
            first = next((r for r in self._first if alike.pools(r, rule)), None)
            if first is None:
                self._first.append(rule)
            elif rule.pool is not None:
                self._others.setdefault(id(first), []).append(rule.pool.node)

    def was_first(self, rule: Rule) -> bool:
        """Whether a rule is told for itself."""
        return any(rule is first for first in self._first)

    def places(self, rule: Rule) -> str:
        """On which other host nodes the same holds."""
        others = self._others.get(id(rule))
        if not others:
            return ""
        node = "nodes" if len(others) > 1 else "node"
        return f"; the same on host {node} {format_ids(others)} instead"

"""Which rules hold a plan back: what the objectives would gain without each of them.

A rule binds if without it some objective is better, the first that differs. That is solved for: the
problem without the rule, the same objectives in the same order. What is asked for (a guest's
target, maximum and boot memory) is no rule in this sense: with another one it is another guest.
Of pools `least-stranding` does not count: pages without end are never left over. What a running
guest gives back is no longer known without its bindings; where that makes the best plan worse,
nothing is gained either.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from slotsolver.explain.alike import Alike
from slotsolver.explain.change import changed
from slotsolver.explain.compare import Bests, Comparison, Values
from slotsolver.explain.rules import Rule, rules_of
from slotsolver.explain.tight import Tightness
from slotsolver.plan import Binding, Plan
from slotsolver.problem import Problem

STRANDED = "least-stranding"
"""What does not count of pools: without end, they strand nothing."""

LAST = "lowest-maxmem"
"""What pools have no part in: what comes behind what is stranded in the usual order."""

ASKED_FOR = ("target", "maximum", "boot")
"""Rules that say what guest it is; without them it is another one."""


@dataclass
class Group:
    """Rules that are asked about together: one rule, or pools on host nodes that are alike."""

    rules: list[Rule]
    found: Comparison | None = None


@dataclass
class Bindings:
    """What is known of the rules of a problem; ``plan`` has the best values, ``problem`` names
    every objective in its order."""

    problem: Problem
    plan: Plan
    bests: Bests
    groups: list[Group] = field(init=False)

    def __post_init__(self) -> None:
        self.groups = _groups(self.problem)
        self._tightness = Tightness(self.problem, self.plan)
        self._tight = {
            id(rule): self._tightness.of(rule) for group in self.groups for rule in group.rules
        }

    @property
    def values(self) -> Values:
        """The plan's own values."""
        return self.plan.objectives

    def find(self) -> Iterator[None]:
        """Ask about one group after the other, those that take long last. A group that gains
        nothing together with all of its kind gains nothing alone: more is permitted then."""
        kinds = dict.fromkeys(group.rules[0].group for group in self.groups)
        for kind in sorted(kinds, key=self._heavy):
            groups = [group for group in self.groups if group.rules[0].group == kind]
            every = [rule.relax for group in groups for rule in group.rules]
            if self.bests.exhausted:
                return
            together = self.bests.compare(self.values, changed(self.problem, every))
            for group in groups:
                if together is not None and together.verdict == "same":
                    group.found = together
                else:
                    group.found = self._compare(group, group.rules[0].relax(self.problem))
                yield

    def _compare(self, group: Group, problem: Problem) -> Comparison | None:
        """The best plan without a rule against the one that there is."""
        found = self.bests.compare(self.values, problem)
        if found is None or found.verdict != "better" or group.rules[0].pool is None:
            return found
        if found.effects[0].kind == STRANDED:
            kinds = [value.kind for value in self.values]
            later = set(kinds[kinds.index(STRANDED) + 1 :])
            return Comparison("open" if later - {LAST} else "same")
        return found

    def _heavy(self, kind: str) -> bool:
        return any(group.rules[0].heavy for group in self.groups if group.rules[0].group == kind)

    def known(self) -> tuple[Binding, ...]:
        """What is known so far, in the order of the rules."""
        return tuple(
            self._binding(rule, group, number)
            for number, group in enumerate(self.groups)
            for rule in group.rules
        )

    def _binding(self, rule: Rule, group: Group, number: int) -> Binding:
        use, found = self._tight[id(rule)], group.found
        verdict = found.verdict if found is not None else "open"
        effects = found.effects if found is not None else ()
        gains = bool(effects) and effects[0].then < effects[0].value
        return Binding(
            rule=rule.name,
            says=rule.says,
            pool=rule.pool,
            binds={"better": True, "same": False, "worse": False}.get(verdict),
            effects=effects if gains else (),
            tight=None if use is None else use[0],
            uses="" if use is None else use[1],
            group=number,
        )


def _groups(problem: Problem) -> list[Group]:
    alike, groups = Alike(problem), list[Group]()
    for rule in rules_of(problem):
        if rule.name in ASKED_FOR:
            continue
        same = next((g for g in groups if alike.pools(g.rules[0], rule)), None)
        if same is None:
            groups.append(Group([rule]))
        else:
            same.rules.append(rule)
    return groups

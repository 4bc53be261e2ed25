"""Numbers that a plan uses up: with one unit less of it, this very plan would break the rule.

That is judged by the independent checker, which re-derives what the plan takes; nothing is solved.
A rule can be tight and hold nothing back (all slots are taken, and more would be no use), or hold
something back without being tight.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

from slotsolver.checker import check_plan
from slotsolver.checker.plan_host import check_host
from slotsolver.checker.policies import check_policies
from slotsolver.checker.subject import subject_of
from slotsolver.explain.change import changed, with_guest, with_instead
from slotsolver.explain.lever import Lever
from slotsolver.explain.rules import Rule
from slotsolver.explain.words import value_text
from slotsolver.plan import Plan, PoolFacts, PoolUse
from slotsolver.policies import Policy
from slotsolver.problem import Problem
from slotsolver.size import MiB, format_size

Use = tuple[bool, str]
"""Whether something is used up, and what with its numbers."""


class Tightness:
    """What a plan uses up of its problem's rules."""

    def __init__(self, problem: Problem, plan: Plan) -> None:
        self._problem, self._plan = problem, plan
        self._subject = subject_of(problem, plan)

    def of(self, rule: Rule) -> Use | None:
        """Whether the rule's number is used up; ``None`` for a rule without one."""
        if rule.pool is not None:
            return self._pool(rule.pool)
        kind, _, name = rule.group.partition(" ")
        if kind == "slots":
            return self._slots(name)
        if kind == "phys-bits":
            return self._bits(name, rule)
        if kind == "policy":
            return self._policy(self._problem.policies[int(name)], rule)
        return None

    def _slots(self, name: str) -> Use:
        (guest,) = (g for g in self._subject.guests if g.guest.name == name)
        used, there = guest.slots_used, guest.guest.slots
        if there is None:
            from slotsolver.platforms import platform_for

            there = platform_for(guest.guest.machine).max_slots
        return used >= there, f"{used} of {there} slots are used"

    def _bits(self, name: str, rule: Rule) -> Use:
        bits = int(rule.levers[0].from_)
        fewer = with_guest(name, phys_bits=bits - 1)(self._problem) if bits > 32 else None
        found = check_plan(fewer, self._plan) if fewer else ()
        breaks = any(violation.stage == "start" for violation in found)
        return breaks, f"with {bits - 1} bits this plan would find no room" if breaks else ""

    def _pool(self, pool: PoolFacts) -> Use:
        """A page less, of the base page a MiB less, and the plan would not have its pages."""
        use = self._use(pool)
        page, free = format_size(pool.page_size), use.free_after
        if use.free_before == free or self._problem.host is None:
            return False, ""
        fewer = min(max(1, MiB // pool.page_size), pool.free)
        less = changed(self._problem, [_fewer_free(pool, fewer)])
        subject = subject_of(less, self._plan)
        found = [*check_host(subject), *check_policies(subject)]
        breaks = any(violation.rule in ("host-pages", "headroom") for violation in found)
        if free == 0:
            return breaks, f"all its free pages of {page} are taken"
        taken = f"{use.free_before - free} pages of {page} are taken, {free} stay free"
        return breaks, f"{taken}, as many as must" if breaks else taken

    def _use(self, pool: PoolFacts) -> PoolUse:
        nodes = self._plan.host.nodes if self._plan.host else ()
        pools = (use for node in nodes if node.id == pool.node for use in node.pools)
        return next(use for use in pools if use.page_size == pool.page_size)

    def _policy(self, policy: Policy, rule: Rule) -> Use | None:
        """The first number of the policy that is used up; whether any is."""
        found: Use | None = None
        for lever in rule.levers:
            field = lever.change.rpartition(" ")[2]
            less = _one_less(policy, field, lever)
            if less is None:
                continue
            now = getattr(policy, field)
            tighter = policy.model_copy(update={field: less})
            problem = with_instead(policy, tighter)(self._problem)
            if any(check_policies(subject_of(problem, self._plan))):
                return True, self._says(policy, field, now, less)
            found = (False, "")
        return found

    def _says(self, policy: Policy, field: str, now: Any, less: Any) -> str:
        made = _SAYS.get((policy.kind, field))
        if made is not None:
            return made(now)
        return (
            f"with `{field}` {value_text(policy, field, less)} instead of "
            f"{value_text(policy, field, now)} this plan would break it"
        )


_SAYS: dict[tuple[str, str], Callable[[Any], str]] = {
    ("step", "size"): lambda size: f"the largest DIMM is {format_size(size)}, as much as it may be",
    ("per-step", "size"): lambda size: f"an operation moves {format_size(size)}, all that it may",
    ("slots", "at_most"): lambda count: f"all {count} slots are used",
    ("max-operations", "count"): lambda count: f"all {count} operations are used",
    ("shrinkable-to", "size"): lambda size: f"boot memory is {format_size(size)}, all that it may",
    ("memslots", "limit"): lambda count: f"all {count} memory regions are used",
}


def _one_less(policy: Policy, field: str, lever: Lever) -> Any:
    """The neighbour of a number on its tighter side: as far as its looser values are apart, of a
    share ``1/n`` that is ``1/(n+1)``. ``None`` where it has none."""
    now, values = getattr(policy, field, None), lever.values
    if not lever.nested or isinstance(now, bool) or not isinstance(now, int | Fraction):
        return None
    if policy.kind == "relative-step" and isinstance(now, Fraction):
        return Fraction(1, int(1 / now) + 1)
    if isinstance(values, range):
        return now - values.step
    return now - (values[1] - values[0]) if len(values) > 1 else None


def _fewer_free(pool: PoolFacts, fewer: int) -> Callable[[Problem], Problem]:
    """Fewer free pages in a pool, whose size stays as it is."""

    def change(problem: Problem) -> Problem:
        host = problem.host
        assert host is not None  # noqa: S101 - rules about pools exist only with a host
        nodes = []
        for node in host.nodes:
            if node.id != pool.node:
                nodes.append(node)
            elif pool.page_size == host.base_page:
                less = max(0, node.free - fewer * pool.page_size)
                nodes.append(node.model_copy(update={"free": less}))
            else:
                kept = tuple(
                    p.model_copy(update={"free": p.free - fewer})
                    if p.page_size == pool.page_size
                    else p
                    for p in node.pools
                )
                nodes.append(node.model_copy(update={"pools": kept}))
        return problem.model_copy(update={"host": host.model_copy(update={"nodes": tuple(nodes)})})

    return change

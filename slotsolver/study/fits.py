"""How many such guests fit on a host, each with its promised growth, and what stops the next one.

All guests of a problem together are one unit. How many units fit is answered from two sides: units
that certainly have a place together, because plans for them take no more of any pool than it gives,
and a number that cannot be exceeded, because memory does not suffice or it is proven that there is
no plan. Fewer units than have a place always have one: a plan without some of its guests is a plan.
"""

from __future__ import annotations

from dataclasses import dataclass

from slotsolver.clock import Clock
from slotsolver.errors import InputError
from slotsolver.facts import GuestFacts
from slotsolver.gather import gather
from slotsolver.problem import Problem
from slotsolver.reach import refute
from slotsolver.solver import Reasons, feasible
from slotsolver.study.copies import meet_in_pools_only, room, several, taken_by, without
from slotsolver.study.filling import Filled, fill, planned, refill
from slotsolver.study.needs import ceiling
from slotsolver.study.stopped import Stop, stop

MOST_CELLS = 48
"""Copies with more cells than that in all are not searched for together."""


@dataclass(frozen=True, slots=True)
class Fits:
    """``count`` units certainly have a place together, more than ``most`` do not: that is proven
    where they are equal. ``rules`` are the kinds of the rules that stop the next one, and ``says``
    what they say; ``remedy`` is what would let one more in, empty where nothing is known."""

    count: int
    most: int
    rules: tuple[str, ...]
    says: str
    remedy: str


def how_many(problem: Problem, *, effort: float, reasons: Reasons = "remedies") -> Fits:
    """How many units fit on the problem's host, and what stops the next one.

    ``effort`` is in CP-SAT's deterministic seconds, so that the answer is the same everywhere;
    ``reasons`` as :func:`slotsolver.solve` takes it. Raises :class:`InputError` for a problem
    without a host or with a running guest, and for one that contradicts itself in its input.
    """
    _refuse(problem)
    clock = Clock(None, allowed=effort)
    facts = gather(problem)
    refute(facts)
    filled = _filled(problem, facts, clock)
    if filled.units < filled.most:
        filled = _searched(problem, filled, clock)
    why = Stop((), "", "")
    if reasons != "none":
        why = stop(filled.rest, clock, reasons)
    return Fits(filled.units, filled.most, why.rules, why.says, why.remedy)


def _refuse(problem: Problem) -> None:
    if problem.host is None:
        raise InputError("the problem has no host; how many guests fit is asked of a host")
    for guest in problem.guests:
        if guest.running:
            raise InputError(
                f"guest {guest.name} is running: it cannot be copied; ask with a guest that does "
                f"not run"
            )


def _filled(problem: Problem, facts: tuple[GuestFacts, ...], clock: Clock) -> Filled:
    most = ceiling(facts, room(problem))
    if meet_in_pools_only(problem):
        filled = fill(problem, facts, most, clock)
        return refill(problem, facts, filled, clock) if filled.units < filled.most else filled
    return Filled(0, most, problem)


def _searched(problem: Problem, filled: Filled, clock: Clock) -> Filled:
    """More units, or the proof that there are no more, from plans for several together."""
    cells = sum(len(guest.cells) for guest in problem.guests)
    low, high, step, open_from = filled.units, filled.most, 1, filled.most + 1
    while low < high:
        units = min(low + step, (low + high + 1) // 2, open_from - 1)
        if units <= low or units * cells > MOST_CELLS or clock.spent:
            break
        found = feasible(several(problem, units), clock)
        if found:
            low, step = units, 2 * step
        elif found is None:
            open_from, step = units, 1
        else:
            high, step = units - 1, 1
    if low == filled.units:
        return Filled(low, high, filled.rest)
    plan = planned(several(problem, low), clock)
    rest = without(problem, taken_by(plan[1])) if isinstance(plan, tuple) else filled.rest
    return Filled(low, high, rest)

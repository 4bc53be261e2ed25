"""Filling a host with equal units: one is planned, as many like it as fit are arranged, and so on
on what they leave, until none fits any more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from slotsolver.checker import check_plan
from slotsolver.clock import Clock
from slotsolver.direct.scope import is_plain
from slotsolver.errors import DefectError
from slotsolver.facts import GuestFacts
from slotsolver.plan import Plan, SolverFacts
from slotsolver.problem import Problem
from slotsolver.solution import NoSolution, Solution
from slotsolver.solver import best
from slotsolver.study.arrange import Arrangement, Kind, arrange
from slotsolver.study.copies import Pages, added, alone, on_share, room, taken_by, times, without
from slotsolver.study.needs import are_known, cells_apart, kinds_of
from slotsolver.study.patterns import Pattern, patterns
from slotsolver.version import VERSION
from slotsolver.write_up import write_plan

MOST_ROUNDS = 64
"""How often another way to split a unit over its cells is tried."""


@dataclass(frozen=True)
class Filled:
    """So many units have a place, ``rest`` is the problem on what they leave of the host, and more
    than ``most`` have none."""

    units: int
    most: int
    rest: Problem


def planned(problem: Problem, clock: Clock) -> tuple[Solution, Plan] | NoSolution:
    """A plan that the checker has judged, or how the search for one ended."""
    solution = best(problem, clock)
    if isinstance(solution, NoSolution):
        return solution
    facts = SolverFacts(wall_seconds=0, deterministic_time=0, version=VERSION)
    plan = write_plan(problem, solution.layouts, solution.values, solution.proven, facts)
    # Values of objectives are not asked about here, and a search that ends early may miss them.
    violations = [v for v in check_plan(problem, plan) if v.rule != "objective-value"]
    if violations:
        raise DefectError(
            f"the plan breaks {violations[0].rule}: {violations[0].says}",
            report=problem.model_dump_json(),
        )
    return solution, plan


def fill(problem: Problem, facts: Sequence[GuestFacts], most: int, clock: Clock) -> Filled:
    """Units on a host, as many as are found; ``most`` is known to be no less than fit."""
    units, rest = 0, problem
    known = are_known(facts)
    for turn in range(MOST_ROUNDS):
        if units == most:
            break
        found = planned(rest, clock)
        if not isinstance(found, tuple):
            most = 0 if found == NoSolution.PROVEN and not units else most
            break
        batch = _batch(rest, *found, clock)
        if known and not turn:
            most = min(most, batch.most)
        units += batch.units
        rest = without(rest, batch.taken)
    return Filled(units, most, rest)


def refill(problem: Problem, facts: Sequence[GuestFacts], filled: Filled, clock: Clock) -> Filled:
    """More units than were found, by splits of their memory that no plan of one would have."""
    if not all(is_plain(guest) and cells_apart(guest) is not None for guest in facts):
        return filled
    from slotsolver.study.splits import Splits  # loads ortools, which most do without

    pages, one = room(problem), planned(problem, clock)
    kinds = kinds_of(one[0].layouts, pages) if isinstance(one, tuple) else None
    if not kinds or clock.spent:
        return filled
    start = arrange(kinds, pages, clock)
    shares = Splits(facts, kinds, pages, filled.most).shares(start, clock)
    shown = [s for s in shares if _has_plan(problem, s.guest, s.pages, clock)]
    each = [[(s.count, s.pages) for s in shown if s.guest == n] for n in range(len(facts))]
    units = min(sum(count for count, _ in parts) for parts in each)
    if units <= filled.units:
        return filled
    rest = without(problem, added(part for parts in each for part in _first(parts, units)))
    more = fill(rest, facts, filled.most - units, clock)
    return Filled(units + more.units, filled.most, more.rest)


def _has_plan(problem: Problem, guest: int, share: Pages, clock: Clock) -> bool:
    """Whether one of the guests has a plan on its share of the host."""
    return isinstance(planned(on_share(alone(problem, guest), share), clock), tuple)


@dataclass(frozen=True)
class _Batch:
    """Units that have a place together, what they take, and how many like these there are at most
    (meaningless where ``taken`` is by a plan alone)."""

    units: int
    taken: Pages
    most: int


def _batch(problem: Problem, solution: Solution, plan: Plan, clock: Clock) -> _Batch:
    """As many units as fit with totals of the cells as in a plan of one."""
    pages = room(problem)
    taken = taken_by(plan)
    repeated = times(taken, pages)
    repeat = _Batch(repeated, added([(repeated, taken)]), 1 << 60)
    kinds = kinds_of(solution.layouts, pages)
    if kinds is None or any(not kind.needs for kind in kinds):
        return repeat
    found = arrange(kinds, pages, clock)
    if not found.units:
        return repeat
    batch = _proven(problem, solution, kinds, found, clock)
    return batch if batch.units >= repeated else repeat


def _proven(
    problem: Problem,
    solution: Solution,
    kinds: Sequence[Kind],
    found: Arrangement,
    clock: Clock,
) -> _Batch:
    """What of an arrangement plans show to be possible."""
    needs = {cell: kind.needs for kind in kinds for cell in ((kind.guest, c) for c in kind.cells)}
    kept: list[list[tuple[int, Pages]]] = []
    for guest, layout in enumerate(solution.layouts):
        shown = {tuple(cell.backing.page for cell in layout.cells)}
        mine: list[tuple[int, Pages]] = []
        for count, pattern in patterns(kinds, found, guest):
            share = added((1, {place: needs[guest, c][place]}) for c, place in pattern.items())
            if _is_possible(problem, guest, pattern, share, shown, clock):
                mine.append((count, share))
        kept.append(mine)
    units = min(sum(count for count, _ in mine) for mine in kept)
    return _Batch(units, added(part for mine in kept for part in _first(mine, units)), found.most)


def _is_possible(
    problem: Problem,
    guest: int,
    pattern: Pattern,
    share: Pages,
    shown: set[tuple[int, ...]],
    clock: Clock,
) -> bool:
    """Whether a guest has a plan on its share of the host. Host nodes that it may lie on are as
    good as each other for that, so that one plan for each choice of pages shows it."""
    pages = tuple(pattern[cell][1] for cell in sorted(pattern))
    if pages not in shown and _has_plan(problem, guest, share, clock):
        shown.add(pages)
    return pages in shown


def _first(parts: Sequence[tuple[int, Pages]], units: int) -> list[tuple[int, Pages]]:
    """The first so many of some takings."""
    found = []
    for count, pages in parts:
        found.append((min(count, units), pages))
        units -= min(count, units)
    return found

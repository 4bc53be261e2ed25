"""The order of objectives: what the problem names, then the defaults that it leaves out.

Objectives of running guests that it does not name come before those that it names.
"""

from __future__ import annotations

from collections.abc import Sequence

from slotsolver.facts import GuestFacts
from slotsolver.objectives.fewest_slots import FewestSlots
from slotsolver.objectives.finest_step import FinestStep
from slotsolver.objectives.largest_pages import LargestPages
from slotsolver.objectives.least_imbalance import LeastImbalance
from slotsolver.objectives.least_stranding import LeastStranding
from slotsolver.objectives.lowest_maxmem import LowestMaxmem
from slotsolver.objectives.preferred_pages import PreferredPages
from slotsolver.objectives.shortest_distance import ShortestDistance
from slotsolver.policies import Objective
from slotsolver.problem import Guest, Problem

GROWTH_KINDS = frozenset({"step", "relative-step", "exact", "waypoints"})
"""Policies that say how growth is to be cut; with one of these the default step has no say."""


BEFORE_NAMED = frozenset(
    {
        "target-distance",
        "planned-growth",
        "needless-unplug",
        "fewest-unplugs",
        "fewest-plugs",
        "stranded-growth",
        "unpaid-growth",
    }
)
"""What comes before the objectives that a problem names, unless it names these too: a running guest
that stays as it is would otherwise be the best by most of them."""


USUAL_FIRST, USUAL_STEP = (LeastImbalance(),), (FinestStep(down_to="default"),)
USUAL_LAST = (
    FewestSlots(),
    ShortestDistance(),
    LargestPages(),
    LeastStranding(),
    LowestMaxmem(),
)
"""The objectives of guests that do not run: made once, for they never change."""


def defaults(problem: Problem) -> tuple[Objective, ...]:
    """The order where the problem names none: balanced, fine enough, then few slots, near, large
    pages, nothing stranded, no more maxMemory than needed. Running guests come first: as near to
    their targets as can be, as planned, with little unplugged and little done; and before the
    fineness of later growth that it reaches the maximum at all, with free pages."""
    cut = any(p.kind in GROWTH_KINDS for p in problem.policies) or any(
        guest.waypoints for guest in problem.guests
    )
    step = () if cut else USUAL_STEP
    running = [guest for guest in problem.guests if guest.running]
    before = _while_running(running) if running else USUAL_FIRST
    if len(running) == len(problem.guests):
        return (*before, ShortestDistance(), LargestPages())
    return (*before, *step, *USUAL_LAST)


def _while_running(guests: Sequence[Guest]) -> tuple[Objective, ...]:
    """What comes first where these guests are running; imported here, because most plans are of
    guests that are not."""
    from slotsolver.objectives.fewest_plugs import FewestPlugs
    from slotsolver.objectives.fewest_unplugs import FewestUnplugs
    from slotsolver.objectives.needless_unplug import NeedlessUnplug
    from slotsolver.objectives.planned_growth import PlannedGrowth
    from slotsolver.objectives.stranded_growth import StrandedGrowth
    from slotsolver.objectives.target_distance import TargetDistance
    from slotsolver.objectives.unpaid_growth import UnpaidGrowth

    planned = (PlannedGrowth(),) if any(guest.growth for guest in guests) else ()
    first = (TargetDistance(), *planned, NeedlessUnplug(), FewestUnplugs(), FewestPlugs())
    return (*first, LeastImbalance(), StrandedGrowth(), UnpaidGrowth())


def in_order(problem: Problem, facts: Sequence[GuestFacts]) -> tuple[Objective, ...]:
    """Every objective to be minimised, the wish for page sizes first."""
    wishes = any(c.preferred_pages is not None for f in facts for c in f.cells)
    usual = defaults(problem)
    first: list[Objective] = [PreferredPages()] if wishes else []
    if problem.objectives:
        first += [o for o in usual if o.kind in BEFORE_NAMED]
    found = {o.kind: o for o in problem.objectives}
    order = (*(o for o in first if o.kind not in found), *problem.objectives)
    done = {o.kind for o in order}
    return (*order, *(o for o in usual if o.kind not in done))


def floor_for(problem: Problem, facts: GuestFacts) -> int:
    """The step (MiB) below which the problem's objectives gain nothing from finer DIMMs."""
    for objective in (*problem.objectives, *defaults(problem)):
        if isinstance(objective, FinestStep):
            return objective.floor(facts.default_step)
    return facts.default_step

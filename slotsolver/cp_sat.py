"""A problem as a model of CP-SAT, and the search over it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ortools.sat.python import cp_model

from slotsolver.clock import Clock
from slotsolver.constraints.balance import Balance
from slotsolver.decide import decide
from slotsolver.facts import GuestFacts
from slotsolver.layout import GuestLayout
from slotsolver.menu import OpenSizes
from slotsolver.model import HostModel
from slotsolver.objectives.target_distance import TargetDistance
from slotsolver.order import floor_for
from slotsolver.place import device_window, free_gaps, settle_devices
from slotsolver.policies import Objective
from slotsolver.problem import Problem
from slotsolver.refit import settle
from slotsolver.running_model import Cut
from slotsolver.search import optimise, start
from slotsolver.size import MiB
from slotsolver.solution import NoSolution, Solution
from slotsolver.windows import (
    Grid,
    Window,
    balance_is_exact,
    balanced_windows,
    least_imbalance,
    running_windows,
    wide_windows,
)


def search(
    problem: Problem,
    facts: Sequence[GuestFacts],
    objectives: Sequence[Objective],
    clock: Clock,
) -> Solution | NoSolution:
    """The best layouts and their values, or how the search for them ended."""
    if any(f.running for f in facts):
        return _told(_search_running(problem, facts, objectives, clock))
    return _told(_search_new(problem, facts, objectives, clock))


def _told(found: Solution | cp_model.CpSolverStatus) -> Solution | NoSolution:
    if isinstance(found, Solution):
        return found
    return NoSolution.PROVEN if found == cp_model.INFEASIBLE else NoSolution.OPEN


def feasible(problem: Problem, facts: Sequence[GuestFacts], clock: Clock) -> bool | None:
    """Whether any plan exists; ``None`` if that stayed open."""
    if any(f.running for f in facts):
        found = _search_running(problem, facts, (), clock)
        if isinstance(found, Solution):
            return True
        return False if found == cp_model.INFEASIBLE else None
    status, _ = start(problem, _build(problem, facts, attempt=False), clock)
    if status == cp_model.INFEASIBLE:
        return False
    return True if status in (cp_model.OPTIMAL, cp_model.FEASIBLE) else None


def nearest(problem: Problem, facts: Sequence[GuestFacts], clock: Clock) -> tuple[int, ...] | None:
    """The guests' sizes (bytes) as near to their targets as they can be, if that is proven."""
    found = _search_running(problem, facts, (TargetDistance(),), clock)
    if not isinstance(found, Solution) or not found.proven:
        return None
    return tuple(
        sum(c.totals[f.target_stage] for c in layout.cells) * MiB + f.outside * MiB
        for layout, f in zip(found.layouts, facts, strict=True)
    )


def _search_running(
    problem: Problem,
    facts: Sequence[GuestFacts],
    objectives: Sequence[Objective],
    clock: Clock,
) -> Solution | cp_model.CpSolverStatus:
    """The best layout whose DIMMs find a place: where they find none, what is in their way is told
    to the model, until all do."""
    opened: OpenSizes = "legal"
    if any(objective.kind == "finest-step" for objective in objectives):
        opened = "never"
    cuts: list[tuple[str, Cut]] = []
    while True:
        host = _build(problem, facts, attempt=False, cuts=cuts, open_sizes=opened)
        found = optimise(problem, host, objectives, clock)
        if not isinstance(found, Solution):
            if found == cp_model.INFEASIBLE and not _certain(problem, facts, host, clock):
                return cp_model.UNKNOWN
            return found
        if not all(f.running.needs_places for f in facts if f.running):
            return found
        settled = [settle(layout) for layout in found.layouts]
        layouts = tuple(layout for layout in settled if isinstance(layout, GuestLayout))
        if len(layouts) == len(settled):
            return replace(found, layouts=layouts)
        new = [
            (f.guest.name, cut)
            for f, what in zip(facts, settled, strict=True)
            if not isinstance(what, GuestLayout)
            for cut in what
        ]
        if all(cut in cuts for cut in new) or (clock.spent and not clock.extend()):
            return cp_model.UNKNOWN
        cuts += [cut for cut in new if cut not in cuts]


def _certain(problem: Problem, facts: Sequence[GuestFacts], host: HostModel, clock: Clock) -> bool:
    """Whether a model without solution says that there is none: it considers every legal size of
    running guests' DIMMs, or there is no solution with any sizes at all."""
    thin = any(not m.full for g in host.guests if g.running for m in g.menus.values())
    if not thin:
        return True
    every = _build(problem, facts, attempt=False, open_sizes="always")
    return decide(every, clock)[0] == cp_model.INFEASIBLE


def _search_new(
    problem: Problem,
    facts: Sequence[GuestFacts],
    objectives: Sequence[Objective],
    clock: Clock,
) -> Solution | cp_model.CpSolverStatus:
    """First within balanced windows where that is exact, else over everything."""
    grids = [Grid(f) for f in facts]
    first_is_balance = bool(objectives) and objectives[0].kind == "least-imbalance"
    if first_is_balance and all(map(balance_is_exact, facts, grids)):
        least = sum(map(least_imbalance, facts, grids))
        found = optimise(problem, _build(problem, facts, attempt=True), objectives, clock)
        if isinstance(found, Solution) and found.values[0].value == least * MiB:
            return found
    return optimise(problem, _build(problem, facts, attempt=False), objectives, clock)


def _windows(facts: Sequence[GuestFacts], *, attempt: bool) -> list[list[list[Window]]]:
    """The windows of every guest: balanced ones as an attempt, or where balance is hard."""
    found = []
    for f in facts:
        if f.running:
            found.append(running_windows(f))
        elif attempt:
            found.append(balanced_windows(f, Grid(f)))
        elif _must_balance(f):
            found.append(balanced_windows(f, Grid(f), f.target_stage))
        else:
            found.append(wide_windows(f, Grid(f)))
    return found


def _must_balance(facts: GuestFacts) -> bool:
    """Whether a balance policy without tolerance holds every cell within one and the same unit."""
    every = {c.id for c in facts.cells}
    units = {
        c.unit_for(b.dimm_page, block)
        for c in facts.cells
        for b in c.backings()
        for block in c.blocks
    }
    return len(units) == 1 and any(
        isinstance(p, Balance)
        and p.tolerance is None
        and set(p.concerned_cells(facts.guest)) == every
        for p in facts.policies
    )


def _build(
    problem: Problem,
    facts: Sequence[GuestFacts],
    *,
    attempt: bool,
    cuts: Sequence[tuple[str, Cut]] = (),
    open_sizes: OpenSizes = "never",
) -> HostModel:
    """The model over balanced windows (an attempt), or over everything that is not cut off."""
    floors = [floor_for(problem, f) for f in facts]
    windows = _windows(facts, attempt=attempt)
    gaps = [_gaps(f) for f in facts]
    return HostModel(problem, facts, windows, floors, gaps, cuts, open_sizes=open_sizes)


def _gaps(facts: GuestFacts) -> list[int] | None:
    """Lengths (MiB) of the gaps between existing devices, cut to the unit's grid.

    The last one is that of a window without planned slots and may be below 0: each planned slot
    adds its slack to it (see ``always.window_rows``).
    """
    if not facts.guest.devices or facts.boot is None or facts.running:
        return None
    boot, unit = facts.boot * MiB, min(c.unit for c in facts.cells) * MiB
    most, least = facts.slot_limit, max(facts.slots_written, facts.existing_slots)
    full = boot + sum(device.size for device in facts.guest.devices)
    maximum = max(facts.guest.maximum_size, full)  # idle virtio-mem raises one that is `at_least`
    window = device_window(facts, boot, maximum, max(most, least))
    short = device_window(facts, boot, maximum, least)
    gaps = free_gaps(window, settle_devices(facts, window, max(most, least)))
    lengths = [(gap.end // unit - -(-gap.start // unit)) * (unit // MiB) for gap in gaps]
    lengths = [max(0, length) for length in lengths]
    if window and short and lengths:
        lengths[-1] -= (window.end - short.end) // MiB
    return lengths

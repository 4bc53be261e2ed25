"""One small problem in three models: what a variable stands for decides what can be solved.

The problem: each cell gets DIMMs of at most 1 GiB that add up to its total, all cells together take
at most so many slots, and the number of DIMMs is to be the least. In the harder half sizes are
powers of two, and every multiple of the smallest is the sum of some of a cell's DIMMs (Brown).

* per slot: a boolean for each slot, cell and size;
* per class: how many DIMMs of each size each cell has;
* slotsolver: ``solve()``, which also gives slots and addresses and checks the plan. The easier half
  it answers by closed forms, for the harder one it asks CP-SAT.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from time import perf_counter

from ortools.sat.python import cp_model

from benchmarks.report import Table
from benchmarks.timing import counted, milliseconds, progress
from slotsolver import Plan, Problem, solve

CELLS, QUICK_CELLS = (1, 2, 4, 8, 16), (1, 4, 16)
SLOTS, QUICK_SLOTS = (8, 32, 64, 128, 256), (8, 64)
SIZES = (1, 2, 4, 8)
"""Sizes of DIMMs in units of 128 MiB, where every multiple has to be a sum of some."""
UNIT = 128
"""MiB."""
LEAST_SLOTS = 4
"""Slots that a cell needs for its total to be made of all sizes."""
TIME_LIMIT, QUICK_TIME_LIMIT = 10.0, 1.0
"""Seconds for one model."""


@dataclass(frozen=True)
class Core:
    """The totals of the cells (units) and how many slots there are."""

    totals: tuple[int, ...]
    slots: int
    complete: bool = True
    """Whether every multiple of the unit has to be the sum of some DIMMs of a cell."""

    @property
    def sizes(self) -> tuple[int, ...]:
        """Sizes of DIMMs (units)."""
        return SIZES if self.complete else tuple(range(1, SIZES[-1] + 1))

    @property
    def name(self) -> str:
        """What a row is called."""
        what = "every step" if self.complete else "at most 1 GiB"
        return f"{counted(len(self.totals), 'cell')}, {self.slots} slots, {what}"


@dataclass(frozen=True)
class Outcome:
    """What came of one model; ``variables`` is unknown of ``solve()``."""

    seconds: float
    status: str
    dimms: int | None
    variables: int | None


def run(quick: bool) -> Table:
    """Every size in every model."""
    cells, slots = (QUICK_CELLS, QUICK_SLOTS) if quick else (CELLS, SLOTS)
    limit = QUICK_TIME_LIMIT if quick else TIME_LIMIT
    easier = [core(c, s, complete=False) for c in cells for s in slots if s >= LEAST_SLOTS * c]
    cores = [*easier, *(replace(each, complete=True) for each in easier)]
    per_class(cores[0], limit)
    now(cores[-1], limit)  # imports
    return table(
        [
            (each, {name: model(each, limit) for name, model in MODELS.items()})
            for each in progress(cores, "formulations")
        ],
        limit,
    )


def core(cells: int, slots: int, *, complete: bool = True) -> Core:
    """Cells of slightly different totals, which take about three quarters of the slots."""
    large = max(0, slots // cells * 3 // 4 - len(SIZES) + 1)
    totals = tuple(sum(SIZES[:3]) + SIZES[3] * large - cell % 3 for cell in range(cells))
    return Core(totals, slots, complete)


def table(found: Sequence[tuple[Core, Mapping[str, Outcome]]], limit: float) -> Table:
    """A row for each size; the optima that are proven have to be the same."""
    rows: list[tuple[object, ...]] = []
    raw: dict[str, object] = {}
    for each, outcomes in found:
        cells = [cell for outcome in outcomes.values() for cell in shown(outcome)]
        rows.append((each.name, *cells, agreement(outcomes)))
        raw[each.name] = {key: vars(outcome) for key, outcome in outcomes.items()}
    columns = tuple(column for name in MODELS for column in (f"{name}, ms", "variables", "DIMMs"))
    return Table(
        "Formulations",
        ("size", *columns, "optima agree"),
        tuple(rows),
        raw,
        (
            f"each model gets {limit:g} s and one worker; a time includes building it",
            "DIMMs: the least number; with > it is not proven, a dash is no solution at all",
            "slotsolver's time includes the other objectives, slots, addresses and the check",
        ),
    )


def shown(outcome: Outcome) -> tuple[str, str, str]:
    """Time, variables and the number of DIMMs, as the table has them."""
    dimms = "-" if outcome.dimms is None else str(outcome.dimms)
    if outcome.dimms is not None and outcome.status != "optimal":
        dimms += " >"
    variables = "-" if outcome.variables is None else str(outcome.variables)
    return milliseconds(outcome.seconds), variables, dimms


def agreement(outcomes: Mapping[str, Outcome]) -> str:
    """Whether those that prove an optimum prove the same one."""
    proven = [o.dimms for o in outcomes.values() if o.status in ("optimal", "infeasible")]
    return f"{'yes' if len(set(proven)) < 2 else 'NO'} ({len(proven)} proven)"


def per_slot(core: Core, limit: float) -> Outcome:
    """A boolean for each slot, cell and size: at most one of them for each slot."""
    started = perf_counter()
    model = cp_model.CpModel()
    cells = range(len(core.totals))
    has = {
        (slot, cell, size): model.new_bool_var("")
        for slot in range(core.slots)
        for cell in cells
        for size in core.sizes
    }
    for slot in range(core.slots):
        model.add_at_most_one(has[slot, c, s] for c in cells for s in core.sizes)
    for cell, total in enumerate(core.totals):
        slots = range(core.slots)
        numbers = {s: sum(has[slot, cell, s] for slot in slots) for s in core.sizes}
        _rules(model, numbers, total, core)
    model.minimize(sum(has.values()))
    return _solved(model, limit, started)


def per_class(core: Core, limit: float) -> Outcome:
    """A number for each cell and size."""
    started = perf_counter()
    model = cp_model.CpModel()
    every: list[cp_model.IntVar] = []
    for total in core.totals:
        numbers = {s: model.new_int_var(0, min(total // s, core.slots), "") for s in core.sizes}
        _rules(model, numbers, total, core)
        every += numbers.values()
    model.add(sum(every) <= core.slots)
    model.minimize(sum(every))
    return _solved(model, limit, started)


def _rules(
    model: cp_model.CpModel,
    numbers: Mapping[int, cp_model.LinearExprT],
    total: int,
    core: Core,
) -> None:
    """The total of a cell, and Brown's rule: a size that is used exceeds the sum of the smaller
    ones by at most the smallest size."""
    model.add(sum(s * number for s, number in numbers.items()) == total)
    for size in SIZES[1:] if core.complete else ():
        used = model.new_bool_var("")
        model.add(numbers[size] <= core.slots * used)
        smaller = sum(s * numbers[s] for s in SIZES if s < size)
        model.add(smaller >= size - SIZES[0]).only_enforce_if(used)


def _solved(model: cp_model.CpModel, limit: float, started: float) -> Outcome:
    """Solve with one worker in what is left of the time."""
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.max_time_in_seconds = max(0.1, limit - (perf_counter() - started))
    status = solver.solve(model)
    found = status in (cp_model.OPTIMAL, cp_model.FEASIBLE)
    return Outcome(
        perf_counter() - started,
        solver.status_name(status).lower(),
        round(solver.objective_value) if found else None,
        len(model.proto.variables),
    )


def now(core: Core, limit: float) -> Outcome:
    """What slotsolver does with it."""
    problem = as_problem(core)
    started = perf_counter()
    answer = solve(problem, reasons="none", time_limit=limit)
    taken = perf_counter() - started
    values = {each.kind: each.value for each in getattr(answer, "objectives", ())}
    dimms = values["fewest-slots"] if isinstance(answer, Plan) else None
    return Outcome(taken, answer.status, dimms, None)


def as_problem(core: Core) -> Problem:
    """The problem as slotsolver reads it: a guest that has all of its memory at its target."""
    boot = 8 * UNIT
    totals = {cell: f"{boot + UNIT * total} MiB" for cell, total in enumerate(core.totals)}
    cells = [{"cpus": str(cell), "memory": f"{boot} MiB"} for cell in range(len(core.totals))]
    guest = {
        "name": "core",
        "phys_bits": 48,
        "cells": cells,
        "target": totals,
        "maximum": f"{boot * len(cells) + UNIT * sum(core.totals)} MiB",
    }
    complete = [
        {"kind": "sizes", "allowed": [f"{UNIT * size} MiB" for size in SIZES]},
        {"kind": "exact", "size": f"{UNIT} MiB"},
    ]
    rules = complete if core.complete else [{"kind": "step", "size": f"{UNIT * SIZES[-1]} MiB"}]
    policies = [{"kind": "slots", "at_most": core.slots}, *rules]
    return Problem.model_validate({"guests": [guest], "policies": policies})


MODELS = {"per slot": per_slot, "per class": per_class, "slotsolver": now}

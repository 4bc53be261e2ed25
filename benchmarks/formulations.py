"""One small problem in three models: what a variable stands for decides what can be solved.

The problem: each cell gets DIMMs of four sizes that add up to its total, all cells together take at
most so many slots, every multiple of the smallest size is the sum of some of a cell's DIMMs
(Brown's rule), and the number of DIMMs is to be the least.

* per slot: a boolean for each slot, cell and size;
* per class: how many DIMMs of each size each cell has;
* slotsolver: ``solve()``, which also gives slots and addresses and checks the plan.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter

from ortools.sat.python import cp_model

from benchmarks.report import Table
from benchmarks.timing import counted, milliseconds, progress
from slotsolver import Plan, Problem, solve

CELLS, QUICK_CELLS = (1, 2, 4, 8, 16), (1, 4, 16)
SLOTS, QUICK_SLOTS = (8, 32, 64, 128, 256), (8, 64)
SIZES = (1, 2, 4, 8)
"""Sizes of DIMMs in units of 128 MiB."""
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
    cores = [core(c, s) for c in cells for s in slots if s >= LEAST_SLOTS * c]
    per_class(cores[0], limit)
    now(cores[0], limit)  # imports
    return table(
        [
            (each, {name: model(each, limit) for name, model in MODELS.items()})
            for each in progress(cores, "formulations")
        ],
        limit,
    )


def core(cells: int, slots: int) -> Core:
    """Cells of slightly different totals, which take about three quarters of the slots."""
    large = max(0, slots // cells * 3 // 4 - len(SIZES) + 1)
    return Core(tuple(sum(SIZES[:3]) + SIZES[3] * large - cell % 3 for cell in range(cells)), slots)


def table(found: Sequence[tuple[Core, Mapping[str, Outcome]]], limit: float) -> Table:
    """A row for each size; the optima that are proven have to be the same."""
    rows: list[tuple[object, ...]] = []
    raw: dict[str, object] = {}
    for each, outcomes in found:
        name = f"{counted(len(each.totals), 'cell')}, {each.slots} slots"
        cells = [cell for outcome in outcomes.values() for cell in shown(outcome)]
        rows.append((name, *cells, agreement(outcomes)))
        raw[name] = {key: vars(outcome) for key, outcome in outcomes.items()}
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
        for size in SIZES
    }
    for slot in range(core.slots):
        model.add_at_most_one(has[slot, c, s] for c in cells for s in SIZES)
    for cell, total in enumerate(core.totals):
        numbers = {s: sum(has[slot, cell, s] for slot in range(core.slots)) for s in SIZES}
        _rules(model, numbers, total, core.slots)
    model.minimize(sum(has.values()))
    return _solved(model, limit, started)


def per_class(core: Core, limit: float) -> Outcome:
    """A number for each cell and size."""
    started = perf_counter()
    model = cp_model.CpModel()
    every: list[cp_model.IntVar] = []
    for total in core.totals:
        numbers = {s: model.new_int_var(0, min(total // s, core.slots), "") for s in SIZES}
        _rules(model, numbers, total, core.slots)
        every += numbers.values()
    model.add(sum(every) <= core.slots)
    model.minimize(sum(every))
    return _solved(model, limit, started)


def _rules(
    model: cp_model.CpModel,
    numbers: Mapping[int, cp_model.LinearExprT],
    total: int,
    slots: int,
) -> None:
    """The total of a cell, and Brown's rule: a size that is used exceeds the sum of the smaller
    ones by at most the smallest size."""
    model.add(sum(s * number for s, number in numbers.items()) == total)
    for size in SIZES[1:]:
        used = model.new_bool_var("")
        model.add(numbers[size] <= slots * used)
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
    dimms = int(answer.objectives[0].value) if isinstance(answer, Plan) else None
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
    policies = [
        {"kind": "sizes", "allowed": [f"{UNIT * size} MiB" for size in SIZES]},
        {"kind": "slots", "at_most": core.slots},
        {"kind": "exact", "size": f"{UNIT} MiB"},
    ]
    wanted = {"guests": [guest], "policies": policies, "objectives": ["fewest-slots"]}
    return Problem.model_validate(wanted)


MODELS = {"per slot": per_slot, "per class": per_class, "slotsolver": now}

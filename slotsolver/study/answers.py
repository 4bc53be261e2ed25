"""What is answered to the questions about one scenario, as columns of its row.

Everything here is the same for problems with the same normal form, on every machine, but for the
time it took.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from slotsolver.constraints.slots import Slots
from slotsolver.constraints.step import Step
from slotsolver.errors import InputError
from slotsolver.ingest.guest import check_against_host
from slotsolver.kinds import RuleError
from slotsolver.objectives.fewest_slots import FewestSlots
from slotsolver.objectives.finest_step import FinestStep
from slotsolver.plan import Infeasible, Plan, Undecided
from slotsolver.policies import Objective, Policy
from slotsolver.problem import Problem
from slotsolver.solver import Reasons, solve
from slotsolver.study.definition import (
    Definition,
    FitsQuestion,
    PlanQuestion,
    PoolsQuestion,
    Question,
    SlotsQuestion,
    StepQuestion,
)

Columns = dict[str, Any]
"""Names and values; a value is a text, a whole number or ``None``."""


@dataclass(frozen=True)
class Asking:
    """What is asked of every scenario, and how much may be done for an answer."""

    questions: tuple[Question, ...]
    effort: float
    reasons: Reasons

    @classmethod
    def of(cls, definition: Definition) -> Asking:
        """What a study asks."""
        return cls(definition.questions, definition.effort, definition.reasons)


def answered(asking: Asking, problem: Problem) -> tuple[Columns, float]:
    """The columns of a scenario, and the seconds it took. Whatever goes wrong is told in them."""
    started = time.perf_counter()
    found: Columns = {}
    for place, question in enumerate(asking.questions):
        columns = _safely(asking, question, problem)
        prefix = "" if place == 0 else f"{question.kind.replace('-', '_')}_"
        for name in ("status", "says"):
            if name in columns:
                columns[f"{prefix}{name}"] = columns.pop(name)
        found.update(columns)
    return found, time.perf_counter() - started


def _safely(asking: Asking, question: Question, problem: Problem) -> Columns:
    """One answer; a scenario that cannot be answered must not end the others."""
    try:
        for guest in problem.guests if problem.host else ():
            check_against_host(guest, problem.host)  # type: ignore[arg-type]  # there is one
        return _answer(asking, question, problem)
    except RuleError as error:
        return failed(str(error))
    except InputError as error:
        return {"status": "invalid", "says": str(error)}
    except (Exception, SystemExit) as error:
        return failed(f"{type(error).__name__}: {error}")


def failed(says: str) -> Columns:
    """The columns of a scenario of which nothing is known, because something broke."""
    return {"status": "failed", "says": says}


def _answer(asking: Asking, question: Question, problem: Problem) -> Columns:
    match question:
        case PlanQuestion():
            answer = solve(problem, effort=asking.effort, reasons=asking.reasons)
            return figures(answer) if isinstance(answer, Plan) else why_none(answer)
        case FitsQuestion():
            return _fits(asking, problem)
        case StepQuestion():
            slots = [Slots(at_most=question.slots)] if question.slots is not None else []
            return _first(asking, problem, slots, FinestStep(), "finest_step")
        case SlotsQuestion():
            step = [Step(size=question.step)] if question.step is not None else []
            return _first(asking, problem, step, FewestSlots(), "fewest_slots")
        case PoolsQuestion():
            return _smallest_pools(asking, question, problem)


def figures(plan: Plan) -> Columns:
    """A plan in numbers: sizes in bytes, all guests together."""
    values = {each.kind: each for each in plan.objectives}
    devices = [dimm for guest in plan.guests for dimm in guest.dimms if dimm.state != "unplug"]
    found: Columns = {
        "status": plan.status,
        "slots_taken": len(devices),
        "largest_dimm": max(guest.step for guest in plan.guests),
        "imbalance": values["least-imbalance"].value if "least-imbalance" in values else None,
        "pages_taken": _pages(plan),
        "nodes_used": len({node for each in _backed(plan) for node in each.host_nodes}),
        "memory_now": sum(guest.memory for guest in plan.guests),
        "maxmem": sum(guest.maximum for guest in plan.guests),
    }
    for kind, each in values.items():
        name = kind.replace("-", "_")
        found[f"{name}_value"], found[f"{name}_bound"] = each.value, each.bound
    return found


def _backed(plan: Plan) -> list[Any]:
    """All parts of guests that lie somewhere on the host, now or when they grow."""
    parts = [
        each for guest in plan.guests for each in (*guest.cells, *guest.dimms, *guest.virtio_mem)
    ]
    return [each for each in parts if getattr(each, "state", "") != "unplug"]


def _pages(plan: Plan) -> int | None:
    """Pages of every size that are taken now or promised to growth."""
    if plan.host is None:
        return None
    pools = [pool for node in plan.host.nodes for pool in node.pools]
    return sum(pool.free_before - pool.free_after + pool.promised for pool in pools)


def why_none(answer: Infeasible | Undecided) -> Columns:
    """That there is no plan, and why."""
    if isinstance(answer, Undecided):
        return {"status": "undecided", "says": answer.says}
    together = " and ".join(remedy.says for remedy in answer.together)
    return {
        "status": "infeasible",
        "conflict": ", ".join(dict.fromkeys(each.rule for each in answer.conflict)),
        "says": "; ".join(each.says for each in answer.conflict),
        "remedy": answer.remedies[0].says if answer.remedies else together,
    }


def _fits(asking: Asking, problem: Problem) -> Columns:
    from slotsolver.study.fits import how_many  # seldom asked

    found = how_many(problem, effort=asking.effort, reasons=asking.reasons)
    if found.count == 0:
        status = "infeasible" if found.most == 0 else "undecided"
    else:
        status = "optimal" if found.count == found.most else "feasible"
    return {
        "status": status,
        "fits": found.count,
        "fits_at_most": found.most,
        "fits_conflict": ", ".join(found.rules),
        "fits_stopped_by": found.says,
        "fits_remedy": found.remedy,
    }


def _first(
    asking: Asking, problem: Problem, wanted: Sequence[Policy], objective: Objective, name: str
) -> Columns:
    """The value of one objective that stands before all others, with some more policies, which
    take the place of the problem's own of their kind."""
    kinds = {policy.kind for policy in wanted}
    policies: list[Policy] = [each for each in problem.policies if each.kind not in kinds]
    changed = problem.model_copy(
        update={"policies": (*policies, *wanted), "objectives": (objective,)}
    )
    answer = solve(changed, effort=asking.effort, reasons=asking.reasons)
    if not isinstance(answer, Plan):
        none = why_none(answer)
        return {
            "status": none["status"],
            "says": none["says"],
            f"{name}_conflict": none.get("conflict"),
            f"{name}_remedy": none.get("remedy"),
        }
    value = next(each for each in answer.objectives if each.kind == objective.kind)
    proven = value.value == value.bound
    return {
        "status": "optimal" if proven else "feasible",
        name: value.value,
        f"{name}_at_least": value.bound,
    }


def _smallest_pools(asking: Asking, question: PoolsQuestion, problem: Problem) -> Columns:
    from slotsolver.study.pools import smallest_pools  # seldom asked

    found = smallest_pools(problem, question.page_size, effort=asking.effort)
    if found.pages is None:
        return {"status": "infeasible" if found.proven else "undecided"}
    taken = [f"{pages} of host node {node}" for node, pages in found.taken.items() if pages]
    return {
        "status": "optimal" if found.proven else "feasible",
        "smallest_pools": found.pages,
        "smallest_pools_at_least": found.least,
        "smallest_pools_taken": ", ".join(taken),
    }

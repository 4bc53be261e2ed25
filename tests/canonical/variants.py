"""Other problems that are the same: nodes called otherwise, more of what there is plenty of."""

from __future__ import annotations

from random import Random
from typing import Any

from slotsolver.canonical import of_wishes
from slotsolver.errors import InputError
from slotsolver.plan import Infeasible, Plan
from slotsolver.problem import Problem
from slotsolver.size import GiB, MiB
from slotsolver.solver import Reasons, solve

Document = dict[str, Any]
EFFORT = 5.0
"""Seconds for one answer; one that is not proven by then says nothing."""


def shuffled(problem: Problem, drawn: Random) -> Problem:
    """The host's nodes in another order, called otherwise, with gaps between their ids."""
    document = problem.model_dump()
    nodes = document["host"]["nodes"]
    order = drawn.sample(range(len(nodes)), len(nodes))
    ids = sorted(drawn.sample(range(100), len(nodes)))
    found = []
    for number, place in enumerate(order):
        far = nodes[place]["distances"]
        found.append(
            {**nodes[place], "id": ids[number], "distances": [far[p] for p in order] if far else []}
        )
    document["host"]["nodes"] = found
    return Problem.model_validate(document)


def at_limit(problem: Problem, drawn: Random, share: float, times: int) -> Problem:
    """Some pools, always the same for the same state of ``drawn``, hold so many times as much as
    can matter; what is used and what the pools hold in all is ``times`` as much too."""
    document = problem.model_dump()
    assert problem.host is not None
    sizes = problem.host.page_sizes()
    ordinary, used, *limits = of_wishes(problem).limits(sizes)
    usable = problem.host.usable_pages
    for node in document["host"]["nodes"]:
        pools = {pool["page_size"]: pool for pool in node["pools"]}
        for size, limit in zip(sizes[1:], limits, strict=True):
            pool = pools.setdefault(size, {"page_size": size, "total": 0, "free": 0})
            if size in usable and drawn.random() < share:
                pool["free"] = limit * times
            pool["total"] = pool["free"] + (times if size in usable else 0)
        if drawn.random() < share:
            node["free"] = ordinary * times + drawn.choice((0, MiB)) * (times - 1)
        node["pools"] = list(pools.values())
        huge = sum(pool["total"] * pool["page_size"] for pool in node["pools"])
        node["memory"] = node["free"] + huge + used * times
    return Problem.model_validate(document)


def answer(problem: Problem, reasons: Reasons = "none") -> Any:
    """What is answered; the text of an error where it is refused."""
    try:
        return solve(problem, reasons=reasons, time_limit=EFFORT)
    except InputError as error:
        return str(error)


def proven(answered: Any) -> bool:
    """Whether an answer is the last word."""
    return isinstance(answered, str | Infeasible) or (
        isinstance(answered, Plan) and answered.status == "optimal"
    )


def values(answered: Any) -> Any:
    """What must be the same of two answers: objectives with their values, that there is no plan, or
    that the problem is refused."""
    if isinstance(answered, str):
        return "refused"
    if isinstance(answered, Plan):
        return [(o.kind, o.value) for o in answered.objectives]
    return answered.status


def mixed_host(*free_gib: int, distances: list[list[int]] | None = None) -> Document:
    """A host whose nodes have so much free ordinary memory, and 2 MiB pages of a tenth of it."""
    return {
        "nodes": [
            {
                "id": place,
                "memory": 4 * free * GiB,
                "free": free * GiB,
                "pools": [{"page_size": 2 * MiB, "total": 60 * free, "free": 51 * free}],
                "distances": distances[place] if distances else [],
            }
            for place, free in enumerate(free_gib)
        ]
    }

"""Problems that sums refute: the search finds no plan of any of them, and the plain ones are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

from slotsolver import cp_sat
from slotsolver.clock import Clock
from slotsolver.direct import answer, refuted
from slotsolver.errors import InputError
from slotsolver.gather import gather
from slotsolver.order import in_order
from slotsolver.problem import Problem
from slotsolver.reach import refute, unreachable
from tests.direct import drawn, odd

Document = dict[str, Any]


def truly_refuted(problem: Problem) -> bool:
    """Whether sums refute it; then the closed forms do not answer it, and the search finds none."""
    try:
        facts = gather(problem)
        refute(facts)
    except InputError:
        return False
    if unreachable(facts) or not refuted(problem, facts):
        return False
    said = problem.model_dump_json()
    assert answer(problem, facts, in_order(problem, facts)) is None, said
    assert cp_sat.feasible(problem, gather(problem), Clock(None)) is not True, said
    return True


def of_seed(make: Callable[[int], Problem], seed: int) -> bool:
    """The same of the problem of a seed."""
    try:
        return truly_refuted(make(seed))
    except ValidationError:
        return False


def test_the_search_finds_no_plan_either() -> None:
    """Of drawn problems."""
    assert sum(of_seed(drawn.problem, seed) for seed in range(5000, 5150)) > 15


def test_the_search_finds_no_plan_at_the_edges_either() -> None:
    """Of problems at the edges of the closed forms."""
    assert sum(of_seed(odd.problem, seed) for seed in range(600)) > 30


@pytest.mark.exhaustive
@pytest.mark.parametrize("make", [drawn.problem, odd.problem])
def test_the_search_finds_no_plan_exhaustively(make: Callable[[int], Problem]) -> None:
    """Of thousands of them."""
    assert sum(of_seed(make, seed) for seed in range(30_000, 36_000)) > 300


def of(cells: int, nodes: int, *policies: Document, pages: int = 4, **more: Any) -> Problem:
    """Cells of 1 GiB boot memory on nodes with some pages of 1 GiB."""
    guest = {"name": "a", "cells": [{"memory": "1 GiB"}] * cells, "target": f"{cells} GiB", **more}
    host = [
        {"id": n, "memory": "64 GiB", "pages": {"1 GiB": {"total": pages, "free": pages}}}
        for n in range(nodes)
    ]
    rules = [{"kind": "page-size", "size": "1 GiB"}, *policies]
    return Problem.model_validate({"guests": [guest], "host": {"nodes": host}, "policies": rules})


APART: Document = {"kind": "host-nodes", "distinct": True}

LACKING = {
    "pools too small": of(5, 2, pages=2),
    "pools too small with headroom": of(4, 2, {"kind": "headroom", "pages": 1}, pages=2),
    "more cells than nodes": of(3, 2, APART),
    "nodes with nothing free": of(2, 2, APART, {"kind": "headroom", "pages": 4}),
    "no room on the only node allowed": of(3, 4, {"kind": "host-nodes", "nodes": [1]}, pages=2),
    "no room for all growth": of(
        2, 2, {"kind": "reserve", "until": "maximum"}, pages=2, maximum="5 GiB"
    ),
    "too few slots": of(1, 1, {"kind": "step", "size": "1 GiB"}, maximum="6 GiB", slots=4),
    "slots beyond the address space": of(1, 1, maximum="4 GiB", slots=100, phys_bits=36),
}


@pytest.mark.parametrize("problem", LACKING.values(), ids=list(LACKING))
def test_what_is_lacking_is_seen(problem: Problem) -> None:
    """Too few slots, too little room: there is no plan, and sums say so."""
    assert truly_refuted(problem)


SUFFICING = {
    "pools just large enough": of(4, 2, pages=2),
    "as many cells as nodes": of(2, 2, APART),
    "only some cells apart": of(3, 2, {**APART, "cells": [0, 1]}),
    "no cells apart": of(3, 2, {**APART, "cells": []}),
    "only some cells on one node": of(
        3, 2, {"kind": "host-nodes", "nodes": [1], "cells": [0, 1]}, pages=2
    ),
    "pages for the target only": of(2, 2, pages=1, maximum="5 GiB"),
    "just enough slots": of(1, 1, {"kind": "step", "size": "1 GiB"}, maximum="5 GiB", slots=4),
    "slots that the address space holds": of(1, 1, maximum="4 GiB", slots=8, phys_bits=36),
}


@pytest.mark.parametrize("problem", SUFFICING.values(), ids=list(SUFFICING))
def test_what_suffices_is_not_refuted(problem: Problem) -> None:
    """Just enough of the same is not refuted, and there is a plan."""
    facts = gather(problem)
    assert not refuted(problem, facts)
    assert cp_sat.feasible(problem, facts, Clock(None))

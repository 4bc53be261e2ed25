"""Sizes by closed forms against an exhaustive search, and at the edges against the search."""

from __future__ import annotations

from typing import Any

import pytest

from slotsolver import cp_sat
from slotsolver.checker import check_plan
from slotsolver.clock import Clock
from slotsolver.direct import answer
from slotsolver.facts import GuestFacts
from slotsolver.gather import gather
from slotsolver.order import in_order
from slotsolver.problem import Problem
from slotsolver.reach import unreachable
from slotsolver.size import GiB, MiB
from slotsolver.solution import NoSolution, Solution
from slotsolver.write_up import write_plan
from tests import oracle
from tests.direct import odd
from tests.direct.test_against_search import STAMP, sound
from tests.oracle_rules import Unsupported

Document = dict[str, Any]

SMALL = 5 * GiB
"""Guests up to that size are for the exhaustive search."""


def answered(problem: Problem, facts: tuple[GuestFacts, ...]) -> tuple[int, ...] | None:
    """The values of a direct answer, whose plan is right; ``None`` where there is none."""
    direct = answer(problem, facts, in_order(problem, facts))
    if direct is None:
        return None
    plan = write_plan(problem, direct.layouts, direct.values, True, STAMP)
    assert check_plan(problem, plan) == (), problem.model_dump_json()
    return tuple(value.value for value in direct.values)


def is_small(problem: Problem) -> bool:
    """Whether the exhaustive search is through soon."""
    (guest, *others) = problem.guests
    growth = guest.maximum_size - (guest.boot_size or 0)
    return not others and len(guest.cells) < 4 and growth <= 2 * GiB and guest.maximum_size <= SMALL


def agrees_with_all_ways(problem: Problem, facts: tuple[GuestFacts, ...]) -> bool:
    """Whether it is answered; if so nothing is better."""
    values = answered(problem, facts)
    if values is None or not is_small(problem):
        return False
    kinds = [objective.kind for objective in in_order(problem, facts)]
    try:
        expected = oracle.best(problem, layers=kinds)
    except Unsupported:
        return False
    # The exhaustive search takes free boot memory in whole DIMM units only.
    coarse = expected is None or values < expected
    free = any(guest.boot is None for guest in facts)
    assert (coarse and free) or values == expected, problem.model_dump_json()
    return values == expected


def agrees_with_search(problem: Problem, facts: tuple[GuestFacts, ...]) -> bool:
    """Whether it is answered and the search ends; if so that finds nothing better."""
    values = answered(problem, facts)
    if values is None:
        return False
    searched = cp_sat.search(problem, gather(problem), in_order(problem, facts), Clock(None))
    said = problem.model_dump_json()
    assert searched is not NoSolution.PROVEN, said
    if not isinstance(searched, Solution):
        return False
    theirs = tuple(value.value for value in searched.values)
    assert values == theirs if searched.proven else values <= theirs, said
    return True


def test_nothing_is_better_of_all_ways() -> None:
    """On small problems at the edges."""
    assert sum(agrees_with_all_ways(*given) for given in sound(odd.problem, range(500))) > 20


def test_the_search_finds_nothing_better_at_the_edges() -> None:
    """Also where there is too much memory to try all ways."""
    given = sound(odd.problem, range(40_000, 40_250))
    assert sum(agrees_with_search(*each) for each in given) > 60


@pytest.mark.exhaustive
def test_nothing_is_better_exhaustively() -> None:
    """Thousands of both."""
    small, others = range(50_000, 58_000), range(60_000, 64_000)
    assert sum(agrees_with_all_ways(*each) for each in sound(odd.problem, small)) > 200
    assert sum(agrees_with_search(*each) for each in sound(odd.problem, others)) > 1000


def values_of(guest: Document, *policies: Document) -> dict[str, int]:
    """The values of one guest without a host, which must be answered directly."""
    problem = Problem.model_validate({"guests": [{"name": "a", **guest}], "policies": policies})
    facts = gather(problem)
    values = answered(problem, facts)
    assert values is not None
    kinds = (objective.kind for objective in in_order(problem, facts))
    return dict(zip(kinds, values, strict=True))


def test_even_growth_takes_one_dimm_of_each_cell() -> None:
    """Two cells of 512 MiB to 1 GiB by steps of up to 512 MiB."""
    guest = {"cells": [{"memory": "512 MiB"}] * 2, "target": "1 GiB", "maximum": "2 GiB"}
    found = values_of(guest, {"kind": "step", "size": "512 MiB"})
    assert (found["least-imbalance"], found["fewest-slots"]) == (0, 2)


def test_what_does_not_divide_is_one_unit_of_imbalance() -> None:
    """Three units more than two cells have."""
    guest = {
        "cells": [{"memory": "512 MiB"}] * 2,
        "target": "1 GiB",
        "maximum": "1408 MiB",
    }
    found = values_of(guest)
    assert (found["least-imbalance"], found["fewest-slots"]) == (128 * MiB, 3)


def test_free_boot_memory_is_the_target() -> None:
    """Then only growth takes slots."""
    guest = {"cells": [{}, {}], "target": "2 GiB", "maximum": "3 GiB"}
    assert values_of(guest, {"kind": "step", "size": "512 MiB"})["fewest-slots"] == 2


def test_few_slots_make_the_step_larger() -> None:
    """1 GiB of growth in 128 MiB steps would be 8 DIMMs; of 4 slots each is 256 MiB."""
    guest = {"cells": [{"memory": "1 GiB"}], "target": "1 GiB", "maximum": "2 GiB", "slots": 4}
    found = values_of(guest)
    assert (found["finest-step"], found["fewest-slots"]) == (256 * MiB, 4)


def test_a_target_of_each_cell_is_no_imbalance() -> None:
    """Uneven totals that are asked for do not count."""
    guest = {
        "cells": [{"memory": "256 MiB"}] * 2,
        "target": {0: "512 MiB", 1: "256 MiB"},
        "maximum": "1 GiB",
    }
    found = values_of(guest)
    assert (found["least-imbalance"], found["fewest-slots"]) == (0, 4)


@pytest.mark.parametrize(
    ("guest", "policies"),
    [
        (  # boot memory is what the target of each cell forbids
            {
                "cells": [{"memory": "768 MiB"}, {"memory": "256 MiB"}],
                "target": {0: "512 MiB", 1: "512 MiB"},
                "maximum": "1 GiB",
            },
            [],
        ),
        (  # boot memory is the target, and balance holds there
            {
                "cells": [{"memory": "768 MiB"}, {"memory": "256 MiB"}],
                "target": "1 GiB",
                "maximum": "2 GiB",
            },
            [{"kind": "balance"}],
        ),
        (  # the address space holds fewer slots than are stated
            {
                "cells": [{"memory": "1 GiB"}],
                "target": "1 GiB",
                "maximum": "4 GiB",
                "slots": 100,
                "phys_bits": 36,
            },
            [],
        ),
    ],
)
def test_what_cannot_be_is_not_answered(guest: Document, policies: list[Document]) -> None:
    """The rules that closed forms do not count by themselves."""
    problem = Problem.model_validate({"guests": [{"name": "a", **guest}], "policies": policies})
    facts = gather(problem)
    assert answer(problem, facts, in_order(problem, facts)) is None
    assert unreachable(facts) or cp_sat.feasible(problem, facts, Clock(None)) is False


def test_balance_begins_at_the_target() -> None:
    """A waypoint below a target per cell need not be balanced, by the model either."""
    guest = {
        "name": "a",
        "cells": [{}, {}, {}],
        "target": {0: "512 MiB", 1: "128 MiB", 2: "128 MiB"},
        "waypoints": ["640 MiB"],
        "maximum": "768 MiB",
    }
    problem = Problem.model_validate({"guests": [guest], "policies": [{"kind": "balance"}]})
    order = in_order(problem, gather(problem))
    searched = cp_sat.search(problem, gather(problem), order, Clock(None))
    assert isinstance(searched, Solution)
    expected = oracle.best(problem, layers=[objective.kind for objective in order])
    assert tuple(value.value for value in searched.values) == expected

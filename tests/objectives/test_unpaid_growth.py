"""Growth of running guests goes where the pools have pages for it."""

from __future__ import annotations

from typing import Any

from slotsolver import Plan, Problem, solve
from slotsolver.size import GiB, MiB

PAGE = 2 * MiB


def problem(free: tuple[int, int], target: str = "2 GiB", **more: Any) -> Problem:
    """A guest of two cells that may grow by 10 GiB, on nodes with so many 2 MiB pages free."""
    nodes = [
        {"id": i, "memory": "64 GiB", "pages": {"2 MiB": {"total": 8192, "free": pages}}}
        for i, pages in enumerate(free)
    ]
    cells = [{"memory": "1 GiB", "page_size": "2 MiB", "host_nodes": [i]} for i in (0, 1)]
    guest = {"name": "a", "running": True, "slots": 16, "cells": cells, **more}
    guest |= {"maximum": "12 GiB", "target": target}
    return Problem.model_validate({"host": {"nodes": nodes}, "guests": [guest]})


def solved(asked: Problem) -> Plan:
    """The plan of a problem."""
    plan = solve(asked)
    assert isinstance(plan, Plan)
    assert plan.status == "optimal"
    return plan


def value(plan: Plan, kind: str) -> int:
    """The value of an objective."""
    return next(o.value for o in plan.objectives if o.kind == kind)


def test_growth_is_even_where_pages_are_enough() -> None:
    """Nothing is missing, and the cells grow alike."""
    plan = solved(problem((4096, 4096)))
    assert plan.guests[0].stages[-1].cells == (6 * GiB, 6 * GiB)
    assert value(plan, "unpaid-growth") == 0
    assert not [note for note in plan.notes if "more pages" in note]


def test_growth_goes_where_the_pages_are() -> None:
    """Node 0 pays for 2 GiB only, so the other cell grows more."""
    plan = solved(problem((1024, 4096)))
    assert plan.guests[0].stages[-1].cells == (3 * GiB, 9 * GiB)
    assert value(plan, "unpaid-growth") == 0


def test_what_is_missing_is_told() -> None:
    """Of 5120 pages 3072 are there: the plan says how many more it takes, and where."""
    plan = solved(problem((1024, 2048)))
    assert value(plan, "unpaid-growth") == 2048 * PAGE
    assert plan.guests[0].stranded == 0
    notes = [note for note in plan.notes if "more pages" in note]
    assert sum(int(note.split(" needs ")[1].split()[0]) for note in notes) == 2048


def test_pages_that_come_back_pay_for_growth() -> None:
    """1 GiB is unplugged on node 0, and its 512 pages serve the growth."""
    base = 0x100000000
    dimm = {"size": "1 GiB", "cell": 0, "slot": 0, "address": base}
    plan = solved(problem((512, 4096), "2 GiB", devices=[dimm]))
    assert [o.do for o in plan.guests[0].operations] == ["unplug"]
    assert plan.guests[0].stages[-1].cells == (3 * GiB, 9 * GiB)
    assert value(plan, "unpaid-growth") == 0


def test_without_a_host_nothing_is_missing() -> None:
    """There are no pools, so the value is 0 whatever grows."""
    guest = problem((0, 0)).guests[0]
    cells = tuple(cell.model_copy(update={"host_nodes": None}) for cell in guest.cells)
    plan = solved(Problem(guests=(guest.model_copy(update={"cells": cells}),)))
    assert plan.guests[0].stages[-1].memory == 12 * GiB
    assert value(plan, "unpaid-growth") == 0

"""Answers whose pages are looked at, by tests of the HTML and in a real browser."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

from slotsolver.ingest.problem import read_problem
from slotsolver.plan import Infeasible, Plan
from slotsolver.problem import Problem
from slotsolver.size import GiB, MiB, TiB
from slotsolver.solver import solve
from tests import running_guests
from tests.export.cases import CASES

EXAMPLES = Path(__file__).parents[2] / "examples"
HOSTILE = """\"'><script>alert(1)</script><img src=x onerror=alert(1)>&amp;`\u202e"""
"""A guest's name that would like to be more than a name."""
SHOWN_HOSTILE = HOSTILE.replace("\u202e", "\ufffd")
"""How it is shown: it turns no text around."""
Answered = tuple[Problem, Plan | Infeasible]


def example(path: str) -> Problem:
    """The problem of an example."""
    return read_problem(str(EXAMPLES / path))


def thread() -> Problem:
    """The guest of the 2014 thread."""
    return example("thread-2014/problem.yaml")


def wide() -> Problem:
    """16 cells, 256 slots of 1 GiB."""
    guest = {
        "name": "wide",
        "phys_bits": 46,
        "cells": [{"cpus": str(cpu)} for cpu in range(16)],
        "boot": 32 * GiB,
        "target": 64 * GiB,
        "maximum": 288 * GiB,
    }
    policies = [{"kind": "sizes", "allowed": [GiB]}, {"kind": "step", "size": GiB}]
    return Problem.model_validate({"guests": [guest], "policies": policies})


def huge() -> Problem:
    """12 TiB on two nodes of 1 GiB pages, with DIMMs from 1 GiB on."""
    pages = {"page_size": GiB, "total": 7168, "free": 7000}
    nodes = [{"id": n, "cpus": str(n), "memory": 8 * TiB, "pools": [pages]} for n in (0, 1)]
    guest = {
        "name": "huge",
        "phys_bits": 46,
        "cells": [{"cpus": "0"}, {"cpus": "1"}],
        "boot": 2 * TiB,
        "target": 2 * TiB + 12 * GiB,
        "maximum": 12 * TiB,
        "waypoints": [6 * TiB],
    }
    policies = [{"kind": "page-size", "size": GiB}, {"kind": "host-nodes", "distinct": True}]
    policies.append({"kind": "step", "size": 512 * GiB})
    return Problem.model_validate(
        {"host": {"nodes": nodes}, "guests": [guest], "policies": policies}
    )


def virtio(name: str = HOSTILE) -> Problem:
    """A guest with a hostile name that grows by virtio-mem, and notes that name it."""
    pages = {"page_size": 2 * MiB, "total": 16384, "free": 12000}
    nodes = [{"id": n, "cpus": str(n), "memory": 64 * GiB, "pools": [pages]} for n in (0, 1)]
    cells = [{"cpus": "0", "memory": 4 * GiB}, {"cpus": "1", "memory": 4 * GiB}]
    guest = {"name": name, "cells": cells, "target": 14 * GiB, "maximum": 32 * GiB}
    policies = [{"kind": "page-size", "size": 2 * MiB}, {"kind": "device", "use": "virtio-mem"}]
    return Problem.model_validate(
        {"host": {"nodes": nodes}, "guests": [guest], "policies": policies}
    )


def swapped() -> Problem:
    """A running guest of which a DIMM goes and another comes."""
    dimms = [(0, 2 * GiB, 0, 0), (1, 3 * GiB, 0, 2 * GiB)]
    guest = running_guests.document(
        [2 * GiB], dimms, 6 * GiB, slots=6, maximum=12 * GiB, name=HOSTILE
    )
    return running_guests.problem(guest, {"kind": "swap"})


def impossible() -> Problem:
    """A guest whose slots run out, with a hostile name."""
    found = example("why-not/slots-run-out.yaml")
    guest = found.guests[0].model_copy(update={"name": HOSTILE})
    return found.model_copy(update={"guests": (guest,)})


PROBLEMS: dict[str, Callable[[], Problem]] = {
    "thread": thread,
    "family": lambda: example("capacity-planner/family.yaml"),
    "two-guests": lambda: example("running/two-guests.yaml"),
    "wide": wide,
    "huge": huge,
    "virtio": virtio,
    "swapped": swapped,
    "impossible": impossible,
}
BY_HAND = ("spread", "waypoints", "virt", "pseries")
NAMES = (*PROBLEMS, *BY_HAND)
PLANS = tuple(name for name in NAMES if name != "impossible")


@cache
def answered(name: str) -> Answered:
    """A problem and its answer."""
    if name in BY_HAND:
        return CASES[name]()
    problem = PROBLEMS[name]()
    answer = solve(problem)
    assert isinstance(answer, Plan | Infeasible)
    return problem, answer


def planned(name: str) -> tuple[Problem, Plan]:
    """A problem and its plan."""
    problem, plan = answered(name)
    assert isinstance(plan, Plan)
    return problem, plan

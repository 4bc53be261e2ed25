"""The rows of a cell that only help a proof must not forbid anything."""

from __future__ import annotations

from slotsolver import Plan, Problem
from slotsolver.clock import Clock
from slotsolver.cp_sat import search
from slotsolver.gather import gather
from slotsolver.order import in_order
from slotsolver.solution import Solution
from slotsolver.solver import solve


def test_no_fewer_slots_are_proven_than_there_are() -> None:
    """Where a cell's growth may be 384 to 640 MiB, one DIMM of 512 MiB will do, though of powers of
    two 384 MiB take two."""
    problem = Problem.model_validate(
        {
            "guests": [
                {
                    "name": "uneven",
                    "cells": [{}, {}],
                    "target": "63232 MiB",
                    "waypoints": ["63616 MiB"],
                    "maximum": "64640 MiB",
                }
            ],
            "policies": [{"kind": "sizes", "powers_of_two": True}],
        }
    )
    facts = gather(problem)
    found = search(problem, facts, in_order(problem, facts), Clock(None))
    assert isinstance(found, Solution)
    slots = next(value for value in found.values if value.kind == "fewest-slots")
    assert (slots.value, slots.bound) == (4, 4)
    plan = solve(problem)
    assert isinstance(plan, Plan)
    assert slots in plan.objectives

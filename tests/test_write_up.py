"""Notes of a plan on several guests."""

from __future__ import annotations

from typing import Any

import pytest

from slotsolver import Plan, Problem, solve
from slotsolver.size import GiB


def guest(name: str, target: int, *, now: int = 2) -> dict[str, Any]:
    """A running guest with a DIMM of 1 GiB for each GiB that it has beyond its first."""
    dimms = [{"slot": n, "size": GiB, "cell": 0, "address": (4 + n) * GiB} for n in range(now - 1)]
    return {
        "name": name,
        "running": True,
        "cells": [{"memory": GiB, "page_size": "4 KiB"}],
        "slots": 8,
        "maximum": now * GiB if target < now else target * GiB,
        "devices": dimms,
        "target": target * GiB,
    }


def notes(free: int, *guests: dict[str, Any]) -> list[str]:
    """The notes about what is to be done first, on a host of one node with so many GiB free."""
    host = {"nodes": [{"id": 0, "memory": 64 * GiB, "free": free * GiB}]}
    plan = solve(Problem.model_validate({"host": host, "guests": guests}))
    assert isinstance(plan, Plan)
    return [note for note in plan.notes if "first" in note]


@pytest.mark.parametrize(("free", "wanted"), [(0, True), (2, True), (3, False), (8, False)])
def test_what_one_guest_takes_another_gives_back(free: int, wanted: bool) -> None:
    """Where 3 GiB are taken and not all of them are free, it is said who has to go first."""
    found = notes(free, guest("grows", 5), guest("shrinks", 2, now=6))
    assert len(found) == wanted
    if wanted:
        assert (
            "pages of 4 KiB on host node 0 are taken that shrinks must give back first" in found[0]
        )


def test_one_guest_keeps_its_own_order() -> None:
    """A single guest gives back before it takes, so nothing has to be said."""
    assert not notes(0, guest("shrinks", 2, now=6))
    assert not notes(4, guest("grows", 5))

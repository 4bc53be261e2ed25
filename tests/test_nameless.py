"""Names of devices: one without an id stays as it is, a new one takes a name that is free."""

from __future__ import annotations

import pytest

from slotsolver import Plan, Problem, solve
from slotsolver.export.qmp import qmp_commands
from slotsolver.size import GiB


def guest(*aliases: str | None, target: str) -> Problem:
    """A guest of 1 GiB that runs with DIMMs of 1 GiB that have these aliases."""
    devices = [
        {"size": GiB, "cell": 0, "slot": slot, "address": (4 + slot) * GiB, "alias": alias}
        for slot, alias in enumerate(aliases)
    ]
    fields = {"name": "a", "running": True, "slots": 4, "maximum": "8 GiB", "devices": devices}
    return Problem.model_validate(
        {"guests": [{**fields, "target": target, "cells": [{"memory": "1 GiB"}]}]}
    )


def test_another_one_goes() -> None:
    """The higher slot would go, had it a name; the plan says so."""
    plan = solve(guest(None, "", target="2 GiB"))
    assert isinstance(plan, Plan)
    assert [o.device for o in plan.guests[0].operations] == ["dimm0"]
    assert [note for note in plan.notes if "its dimm in slot 1 has no id" in note]


def test_none_can_go() -> None:
    """There is no plan below what stays."""
    answer = solve(guest("", "", target="2 GiB"))
    assert not isinstance(answer, Plan)


def test_named_ones_go() -> None:
    """An alias of any kind is a name; without one it is the one that libvirt gives."""
    plan = solve(guest("my-dimm", None, target="1 GiB"))
    assert isinstance(plan, Plan)
    assert [o.device for o in plan.guests[0].operations] == ["dimm1", "my-dimm"]
    assert not [note for note in plan.notes if "no id" in note]


@pytest.mark.parametrize("taken", [{"alias": "dimm1"}, {"alias": "b", "backend": "memdimm1"}])
def test_a_name_that_is_taken(taken: dict[str, str]) -> None:
    """A new DIMM is called otherwise where another device or its backend has its name."""
    problem = guest("dimm0", target="3 GiB")
    (there,) = problem.guests[0].devices
    named = problem.guests[0].model_copy(update={"devices": (there.model_copy(update=taken),)})
    problem = problem.model_copy(update={"guests": (named,)})
    plan = solve(problem)
    assert isinstance(plan, Plan)
    assert [(o.slot, o.device) for o in plan.guests[0].operations] == [(1, "dimm1-1")]
    added, plugged = qmp_commands(problem, plan, "a")
    assert added["arguments"]["id"] == plugged["arguments"]["memdev"] == "memdimm1-1"
    assert plugged["arguments"]["id"] == "dimm1-1"


def test_a_name_that_becomes_free() -> None:
    """What goes gives its name to what comes into its slot."""
    problem = guest("dimm0", target="1.5 GiB")
    swap = Problem.model_validate({"guests": problem.guests, "policies": ["swap"]})
    plan = solve(swap)
    assert isinstance(plan, Plan)
    assert [(o.do, o.device) for o in plan.guests[0].operations] == [
        ("unplug", "dimm0"),
        ("plug", "dimm0"),
    ]

"""A device that QEMU was given without an id stays as it is: nothing can name it."""

from __future__ import annotations

from slotsolver import Plan, Problem, solve
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

"""The problem of each scenario, put together from halves."""

from __future__ import annotations

import json
from typing import Any

import pytest

from slotsolver.errors import InputError
from slotsolver.problem import Problem
from slotsolver.study.definition import Axis, Definition
from slotsolver.study.scenarios import Scenarios

NODES = [{"id": n, "memory": f"{64 * (n + 1)} GiB", "free": f"{60 * (n + 1)} GiB"} for n in (0, 1)]
PROBLEM: dict[str, Any] = {
    "host": {"nodes": NODES},
    "guests": [{"name": "g", "cells": [{}, {}], "target": "8 GiB", "maximum": "16 GiB"}],
}
BOTH = Axis(
    name="both",
    sets={
        "host.nodes.0.free": ("9 GiB", {"": "as it is"}, "60 GiB"),
        "maximum": ("24 GiB", "32 GiB", {"": "as it is"}),
    },
    labels=("a", "b", "c"),
)


def scenarios(*axes: Axis, problem: dict[str, Any] = PROBLEM, **fields: Any) -> Scenarios:
    """Of a study of this problem."""
    return Scenarios(Definition(problem=problem, axes=axes, **fields))


def by_hand(free: str, maximum: str, target: str) -> Problem:
    """The problem that is meant."""
    tree = json.loads(json.dumps(PROBLEM))
    tree["host"]["nodes"][0]["free"] = free
    tree["guests"][0] |= {"maximum": maximum, "target": target}
    return Problem.model_validate(tree)


def test_problems() -> None:
    """An axis may set fields of both halves."""
    study = scenarios(BOTH, Axis(name="target", sets={"target": ("6 GiB", "7 GiB")}))
    expected = [
        by_hand(free, maximum, target)
        for free, maximum in (("9 GiB", "24 GiB"), ("60 GiB", "32 GiB"), ("60 GiB", "16 GiB"))
        for target in ("6 GiB", "7 GiB")
    ]
    assert [study.problem(number) for number in range(len(study))] == expected


def test_halves_are_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """However often they are combined, and be they no problems."""
    made = {"host": 0, "wishes": 0}
    for half in made:
        name = f"_read_{half}"
        before = getattr(Scenarios, name)

        def read(self: Any, choices: Any, half: str = half, before: Any = before) -> Any:
            made[half] += 1
            return before(self, choices)

        monkeypatch.setattr(Scenarios, name, read)
    study = scenarios(
        Axis(name="used", sets={"used": (0, "10%", 3)}),
        Axis(name="target", sets={"target": ("6 GiB", "7 GiB", "8 GiB", "99 GiB")}),
    )
    for number in [*range(12), *range(12)]:
        for ask in (study.asked, study.problem):
            try:
                ask(number)
            except InputError:
                assert number >= 8 or number % 4 == 3
    assert made == {"host": 3, "wishes": 4}


def test_same_scenarios_have_one_normal_form() -> None:
    """Nodes called otherwise, and more memory than can matter; not other sizes."""
    swapped = {"nodes": [{**NODES[1], "id": 3}, {**NODES[0], "id": 7}]}
    more = {"nodes": [{**NODES[0], "memory": "99 GiB", "free": "95 GiB"}, NODES[1]]}
    less = {"nodes": [{**NODES[0], "free": "7 GiB"}, NODES[1]]}
    hosts = ({"nodes": NODES}, swapped, more, less)
    axis = Axis(name="host", sets={"host": hosts}, labels=("base", "swapped", "more", "less"))
    study = scenarios(axis, Axis(name="target", sets={"target": ("8 GiB", "8192 MiB", "9 GiB")}))
    keys = [study.asked(number).normal.key for number in range(12)]
    assert len(set(keys[:2] + keys[3:5] + keys[6:8])) == 1
    assert len(set(keys)) == 4
    names = study.asked(3).normal.nodes
    assert sorted(names) == [3, 7]


def test_no_problem() -> None:
    """Says what is wrong, whichever half it is in, each time."""
    study = scenarios(
        Axis(name="free", sets={"host.nodes.0.free": ("1 GiB", "65 GiB")}),
        Axis(name="target", sets={"target": ("6 GiB", "17 GiB")}),
    )
    says = {1: "target 17 GiB is above the maximum 16 GiB", 2: "host.nodes.0: node 0 has 65 GiB"}
    for _ in range(2):
        for number, text in says.items():
            for ask in (study.asked, study.problem):
                with pytest.raises(InputError, match=text):
                    ask(number)
    study.problem(0)


def test_other_hosts_need_a_host() -> None:
    """A scenario without one is no problem; with one it is."""
    problem = {**PROBLEM, "also_hosts": [PROBLEM["host"]]}
    hosts = (PROBLEM["host"], None)
    study = scenarios(Axis(name="h", sets={"host": hosts}, labels=("a", "b")), problem=problem)
    study.asked(0)
    for ask in (study.asked, study.problem):
        with pytest.raises(InputError, match="also_hosts needs a host"):
            ask(1)


def test_units() -> None:
    """Where bare numbers are no sizes, those of pages that axes set are none either."""
    axes = (
        Axis(name="used", sets={"used": ("10%",)}),
        Axis(name="free", sets={"host.nodes.0.memory": (1 << 36,)}),
    )
    scenarios(*axes).problem(0)
    with pytest.raises(InputError, match="size 68719476736 has no unit"):
        scenarios(*axes, bare_sizes=False).problem(0)

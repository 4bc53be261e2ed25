"""What is answered to each question, held against solve() of the same thing done by hand."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from slotsolver.plan import Infeasible, Plan
from slotsolver.problem import Problem
from slotsolver.size import GiB, MiB
from slotsolver.solver import solve
from slotsolver.study.answers import Asking, Columns, answered
from slotsolver.study.definition import Definition
from tests.own_rules import CHECKS, POLICIES, Site, site_in

TREE: dict[str, Any] = {
    "host": {
        "nodes": [
            {"id": n, "memory": "64 GiB", "free": "20 GiB", "pages": {"1 GiB": 20}} for n in (0, 1)
        ]
    },
    "guests": [{"name": "g", "cells": [{}, {}], "target": "8 GiB", "maximum": "24 GiB"}],
    "policies": [{"kind": "step", "size": "2 GiB"}, {"kind": "page-size", "size": "1 GiB"}],
}


def problem(*policies: dict[str, Any], **guest: Any) -> Problem:
    """The problem with more policies, and other fields of its guest."""
    tree = json.loads(json.dumps(TREE))
    tree["guests"][0] |= guest
    tree["policies"] += policies
    return Problem.model_validate(tree)


def ask(asked: Problem, *questions: Any, **fields: Any) -> Columns:
    """The columns of a scenario."""
    study = Definition(problem={}, questions=questions or ("plan",), **fields)
    columns, seconds = answered(Asking.of(study), asked)
    assert seconds > 0
    return columns


def value(asked: Problem, objective: str, *policies: dict[str, Any]) -> int:
    """The value of this objective alone, with these policies besides those that it replaces."""
    tree = asked.model_dump(mode="json", exclude_none=True)
    kinds = {policy["kind"] for policy in policies}
    tree["policies"] = [p for p in tree["policies"] if p["kind"] not in kinds] + list(policies)
    plan = solve(Problem.model_validate({**tree, "objectives": [objective]}))
    assert isinstance(plan, Plan)
    assert plan.objectives[0].kind == objective
    return plan.objectives[0].value


@pytest.mark.parametrize(
    "asked", [problem(), problem({"kind": "reserve", "until": "maximum"}), problem(cells=[{}])]
)
def test_figures(asked: Problem) -> None:
    """Those of solve()'s plan; every objective with its bound."""
    plan = solve(asked, effort=2.0)
    assert isinstance(plan, Plan)
    assert plan.host is not None
    (guest,) = plan.guests
    columns = ask(asked)
    assert columns["status"] == plan.status
    assert columns["slots_taken"] == len(guest.dimms)
    assert columns["largest_dimm"] == max(dimm.size for dimm in guest.dimms) == 2 * GiB
    assert (columns["memory_now"], columns["maxmem"]) == (8 * GiB, 24 * GiB)
    assert columns["pages_taken"] == 24  # now or when it has grown
    nodes = {node for part in (*guest.cells, *guest.dimms) for node in part.host_nodes}
    assert columns["nodes_used"] == len(nodes)
    for each in plan.objectives:
        name = each.kind.replace("-", "_")
        assert (columns[f"{name}_value"], columns[f"{name}_bound"]) == (each.value, each.bound)
    assert columns["imbalance"] == columns["least_imbalance_value"]


def test_without_host() -> None:
    """No pages are taken of none."""
    tree = {**TREE, "policies": TREE["policies"][:1], "objectives": ["fewest-slots"]}
    del tree["host"]
    columns = ask(Problem.model_validate(tree))
    assert (columns["pages_taken"], columns["nodes_used"]) == (None, 0)


def test_virtio_mem_lies_on_nodes_too() -> None:
    """A cell and its device on different nodes are on two."""
    from slotsolver.study.answers import figures

    plan = solve(problem({"kind": "device", "use": "virtio-mem", "block": "1 GiB"}, cells=[{}]))
    assert isinstance(plan, Plan)
    (guest,) = plan.guests
    (device,) = guest.virtio_mem
    there = set(guest.cells[0].host_nodes)
    moved = device.model_copy(update={"host_nodes": tuple({0, 1} - there)})
    changed = plan.model_copy(
        update={"guests": (guest.model_copy(update={"virtio_mem": (moved,), "dimms": ()}),)}
    )
    assert figures(changed)["nodes_used"] == 2


@pytest.mark.parametrize("reasons", ["none", "conflict", "remedies"])
def test_no_plan(reasons: Any) -> None:
    """The conflict and the first remedy, as much of them as is asked for."""
    asked = problem(maximum="60 GiB", slots=3)
    answer = solve(asked, effort=2.0, reasons=reasons)
    assert isinstance(answer, Infeasible)
    columns = ask(asked, reasons=reasons)
    assert columns["status"] == "infeasible"
    rules = dict.fromkeys(member.rule for member in answer.conflict)
    assert columns["conflict"] == ", ".join(rules)
    assert columns["says"] == "; ".join(member.says for member in answer.conflict)
    assert columns["remedy"] == (answer.remedies[0].says if answer.remedies else "")
    assert bool(columns["conflict"]) == (reasons != "none")
    assert bool(columns["remedy"]) == (reasons == "remedies")


@pytest.mark.parametrize("slots", [None, 4, 10, 16])
def test_finest_step(slots: int | None) -> None:
    """Within so many slots, which take the place of the problem's own."""
    asked = problem({"kind": "slots", "at_most": 8})
    wanted = () if slots is None else ({"kind": "slots", "at_most": slots},)
    question = {"kind": "finest-step", "slots": slots}
    if slots == 4:  # 16 GiB of growth are more than 4 DIMMs of 2 GiB
        columns = ask(asked, question)
        assert (columns["status"], columns.get("finest_step")) == ("infeasible", None)
        assert columns["finest_step_conflict"]
        return
    columns = ask(asked, question)
    assert columns["finest_step"] == value(asked, "finest-step", *wanted)
    assert (columns["status"], columns["finest_step_at_least"]) == (
        "optimal",
        columns["finest_step"],
    )


@pytest.mark.parametrize(("step", "slots"), [(None, 8), ("1 GiB", 16), ("4 GiB", 4), ("8 GiB", 2)])
def test_fewest_slots(step: str | None, slots: int) -> None:
    """16 GiB of growth in two cells, by DIMMs of at most that size; boot memory grows for free."""
    asked = problem(boot="8 GiB")
    columns = ask(asked, {"kind": "fewest-slots", "step": step})
    wanted = () if step is None else ({"kind": "step", "size": step},)
    assert columns["fewest_slots"] == value(asked, "fewest-slots", *wanted) == slots


@pytest.mark.parametrize(
    ("policies", "pages"), [((), 4), (({"kind": "reserve", "until": "maximum"},), 12)]
)
def test_smallest_pools(policies: tuple[Any, ...], pages: int) -> None:
    """Half of what the guest takes on each of two nodes."""
    columns = ask(problem(*policies), {"kind": "smallest-pools", "page_size": "1 GiB"})
    assert columns == {
        "status": "optimal",
        "smallest_pools": pages,
        "smallest_pools_at_least": pages,
        "smallest_pools_taken": f"{pages} of host node 0, {pages} of host node 1",
    }


@pytest.mark.parametrize(("until", "count"), [("target", 5), ("maximum", 1)])
def test_fits(until: str, count: int) -> None:
    """As many as the pools of 20 pages each hold, each with its promised growth."""
    columns = ask(problem({"kind": "reserve", "until": until}), "fits")
    assert (columns["status"], columns["fits"], columns["fits_at_most"]) == (
        "optimal",
        count,
        count,
    )
    assert columns["fits_conflict"]
    assert columns["fits_stopped_by"]


def test_none_fits() -> None:
    """Not a single one is infeasible."""
    assert ask(problem(target="64 GiB", maximum="64 GiB"), "fits", reasons="none") == {
        "status": "infeasible",
        "fits": 0,
        "fits_at_most": 0,
        "fits_conflict": "",
        "fits_stopped_by": "",
        "fits_remedy": "",
    }


QUESTIONS = (
    "plan",
    "fits",
    "finest-step",
    "fewest-slots",
    {"kind": "smallest-pools", "page_size": "1 GiB"},
)


def test_several_questions() -> None:
    """Each has columns of its own, with the same values as when it is asked alone; the status is
    that of the first one."""
    tree = problem().model_dump(mode="json", exclude_none=True)
    tree["objectives"] = ["fewest-slots", "finest-step"]
    asked = Problem.model_validate(tree)
    alone = [ask(asked, question) for question in QUESTIONS]
    together = ask(asked, *QUESTIONS)
    assert "finest_step_bound" in alone[0]
    expected = dict(alone[0])
    for question, columns in zip(QUESTIONS[1:], alone[1:], strict=True):
        kind = question if isinstance(question, str) else question["kind"]
        status = columns.pop("status")
        assert not columns.keys() & expected.keys()
        expected |= {**columns, f"{kind.replace('-', '_')}_status": status}
    assert together == expected


def test_invalid() -> None:
    """A problem that contradicts itself, be it only on this host, says so to each question."""
    pages = problem()
    tree = pages.model_dump(mode="json", exclude_none=True)
    tree["guests"][0]["host_nodes"] = [7]
    columns = ask(Problem.model_validate(tree), "plan", "fits")
    assert (columns["status"], columns["fits_status"]) == ("invalid", "invalid")
    assert "NUMA node 7" in columns["says"]
    assert columns["says"] == columns["fits_says"]
    columns = ask(problem(target=8 * GiB + MiB))
    assert columns["status"] == "invalid"
    assert "cannot be met" in columns["says"]


RAISES = """
from typing import Literal
from slotsolver.policies import Policy

class Broken(Policy):
    '''Raises.'''
    kind: Literal["broken"] = "broken"

    def describe(self):
        return "it raises"

    def restrict(self, facts):
        raise ZeroDivisionError("by hand")

def check(policy, plan):
    return iter(())
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A folder with a policy that raises."""
    with site_in(tmp_path / "site", monkeypatch) as site:
        groups = {POLICIES: {"broken": "raising:Broken"}, CHECKS: {"broken": "raising:check"}}
        site.install("raising", groups, RAISES)
        yield site


def test_a_rule_that_raises(site: Site) -> None:  # noqa: ARG001 - installs it
    """The row says which, and what; other questions are answered the same way."""
    columns = ask(problem({"kind": "broken"}), "plan", "finest-step")
    assert (columns["status"], columns["finest_step_status"]) == ("failed", "failed")
    assert "broken of raising: its restrict fails: ZeroDivisionError: by hand" in columns["says"]


@pytest.mark.parametrize("error", [SystemExit(3), MemoryError("all gone"), KeyError("x")])
def test_whatever_is_raised(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is told in the row, with its name."""

    def fail(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr("slotsolver.study.answers.solve", fail)
    columns = ask(problem())
    assert columns == {"status": "failed", "says": f"{type(error).__name__}: {error}"}


def test_effort_is_limited() -> None:
    """Too little of it ends undecided; the words say so."""
    from slotsolver.ingest.yaml import read_document
    from tests.cli.test_plan import HARD

    hard = Problem.model_validate(read_document(HARD.encode(), source="x").data)
    columns = ask(hard, effort=1e-3)
    assert columns["status"] == "undecided"
    assert columns["says"]

"""From a study's results to its report: every number is counted anew from the rows."""

from __future__ import annotations

from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import mean
from typing import Any

import lxml.html
import pytest

from slotsolver.plan import Infeasible, Plan
from slotsolver.study.definition import Axis, Definition
from slotsolver.study.report import Report
from slotsolver.study.report_of import fragment_of, page_of, report_of, spread
from slotsolver.study.result import StudyResult
from slotsolver.study.run import run

AXES = (
    Axis(name="maximum", sets={"maximum": ("16 GiB", "32 GiB", "64 GiB")}),
    Axis(name="target <b>", sets={"target": ("8 GiB", "12 GiB")}),
    Axis(
        name="step",
        sets={"step": ({"": "as it is"}, "512 MiB", "2 GiB")},
        labels=("any", "fine", "coarse"),
    ),
    Axis(name="one", sets={"guests.0.machine": ("q35",)}),
)


QUESTION = {"kind": "fewest-slots", "step": "4 GiB"}


def definition(*axes: Axis, **fields: Any) -> Definition:
    """A study of a guest of two cells with 16 slots."""
    guest = {"name": "g", "cells": [{}, {}], "boot": "4 GiB", "slots": 16}
    guest |= {"target": "8 GiB", "maximum": "16 GiB"}
    return Definition(name="sizes", problem={"guests": [guest]}, axes=axes, **fields)


def ran(study: Definition, folder: Path) -> StudyResult:
    """Its results."""
    with ThreadPoolExecutor(1) as executor:
        run(study, folder / "results.parquet", executor=executor)
    return StudyResult(folder / "results.parquet")


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> StudyResult:
    """Results of 18 scenarios, some without a plan."""
    return ran(definition(*AXES), tmp_path_factory.mktemp("study"))


@pytest.fixture(scope="module")
def report(result: StudyResult) -> Report:
    """What is said of them."""
    return report_of(result)


@pytest.fixture(scope="module")
def rows(result: StudyResult) -> list[dict[str, Any]]:
    """The rows, with the labels of their choices."""
    found = result.rows(range(18))
    return [row | {"labels": result.labels(row["scenario"])} for row in found]


def test_counts(report: Report, rows: list[dict[str, Any]]) -> None:
    """All scenarios, and those of each value of each axis, in the study's order."""
    parts = {"optimal": "plan", "feasible": "plan", "infeasible": "infeasible"}
    whole = Counter(parts[row["status"]] for row in rows)
    assert whole["plan"] > 3
    assert whole["infeasible"] > 3
    assert dict(report.all_scenarios.parts) == whole
    assert [shares.name for shares in report.shares] == [axis.name for axis in AXES]
    assert [share.label for share in report.shares[2].shares] == ["any", "fine", "coarse"]
    for place, shares in enumerate(report.shares):
        assert shares.left_out == 0
        for share in shares.shares:
            here = [row for row in rows if row["labels"][place] == share.label]
            assert dict(share.parts) == Counter(parts[row["status"]] for row in here)


def test_heat_maps(report: Report, rows: list[dict[str, Any]]) -> None:
    """Of every pair of axes that vary: the share without a plan, and means of what differs."""
    pairs = [("maximum", "target <b>"), ("maximum", "step"), ("target <b>", "step")]
    assert list(report.heats) == pairs
    names = [axis.name for axis in AXES]
    for heats in report.heats.values():
        assert list(heats)[:3] == ["share without a plan", "slots", "largest DIMM"]
        assert "imbalance" not in heats  # it is 0 everywhere
        for called, column in (("share without a plan", None), ("slots", "slots_taken")):
            heat = heats[called]
            assert len(heat.rows) >= len(heat.columns)
            cells = defaultdict(list)
            for row in rows:
                at = (
                    heat.rows.index(row["labels"][names.index(heat.row_axis)]),
                    heat.columns.index(row["labels"][names.index(heat.column_axis)]),
                )
                value = row["status"] == "infeasible" if column is None else row[column]
                if value is not None:
                    cells[at].append(value)
            assert heat.values == {at: pytest.approx(mean(values)) for at, values in cells.items()}
            assert heat.scale == ((0, 1) if column is None else None)
    texts = set(report.heats["maximum", "step"]["largest DIMM"].texts.values())
    assert all(text.endswith(("GiB", "MiB")) for text in texts)


def test_the_front_is_drawn(result: StudyResult, report: Report) -> None:
    """Its rows with what they have, each with its plan, then examples of what has none."""
    front = result.front()
    assert len(front) > 1
    assert [row.scenario for row in report.front] == [row["scenario"] for row in front]
    for row, figures in zip(report.front, front, strict=True):
        assert (row.slots, row.step) == (figures["slots_taken"], figures["largest_dimm"])
        assert (row.imbalance, row.pages) == (figures["imbalance"], figures.get("pages_taken"))
    drawn = {each.scenario: each for each in report.shown}
    for row in report.front:
        plan = drawn[row.scenario].answer
        assert isinstance(plan, Plan)
        assert len(plan.guests[0].dimms) == row.slots
        assert drawn[row.scenario].labels == row.labels
    refused = [each for each in report.shown if isinstance(each.answer, Infeasible)]
    assert {each.scenario for each in refused} == {reason.example for reason in report.reasons}
    assert refused
    planned = result.query("SELECT scenario FROM results WHERE status = 'optimal'")
    assert {each.scenario for each in report.shown} - {each.scenario for each in refused} == {
        scenario for (scenario,) in planned
    }


def test_the_page(result: StudyResult) -> None:
    """It holds it all; the same results make the same page."""
    text = page_of(result)
    root = lxml.html.document_fromstring(text)
    assert root.cssselect("h1")[0].text_content() == "sizes"
    about = root.cssselect("header p")[0].text_content()
    assert about == "18 scenarios: every combination of 4 axes; asked: plan."
    assert len(root.cssselect(".scenario")) == len(report_of(result).shown)
    assert not root.cssselect("header b, td b, th b")
    assert page_of(StudyResult(result.path)) == text


def test_a_notebook_gets_the_short_form(result: StudyResult) -> None:
    """No scenario is solved for it, and nothing in it is a link into a page."""
    root = lxml.html.fragment_fromstring(fragment_of(result))
    assert root.get("class") == "slotsolver"
    assert len(root.cssselect("#front tbody tr")) == len(result.front())
    assert not root.cssselect("a, .scenario, input, .one-heat")
    assert result._repr_html_() == fragment_of(result)


def test_a_study_that_asks_something_else(tmp_path: Path) -> None:
    """How many slots: no front, but heat maps of that figure."""
    study = definition(*AXES[:2], questions=(QUESTION,), times=False)
    report = report_of(ran(study, tmp_path))
    assert not report.front
    assert [called for heats in report.heats.values() for called in heats] == [
        "fewest slots",
        "share without a plan",  # the same everywhere
    ]
    assert [name for name, _ in report.figures] == [
        "scenarios", "different ones, solved", "the same as others"
    ]  # fmt: skip


def test_long_axes_are_thinned_out() -> None:
    """From the first to the last value, never one twice."""
    assert spread("abc", 3) == "abc"
    assert spread(range(101), 3) == [0, 50, 100]
    for count in range(14, 60):
        found = spread(range(count), 14)
        assert (found[0], found[-1]) == (0, count - 1)
        assert len(set(found)) == 14


def test_a_study_of_one_scenario(tmp_path: Path) -> None:
    """Nothing varies: no axes, no heat maps."""
    report = report_of(ran(definition(), tmp_path))
    assert report.about == "1 scenario; asked: plan."
    assert not report.heats
    assert not report.shares
    assert len(report.shown) == 1

"""The table of a study: every row equals a direct solve of that scenario's problem."""

from __future__ import annotations

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

import duckdb
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slotsolver import Study, StudyResult
from slotsolver.errors import InputError
from slotsolver.plan import Infeasible, Plan
from slotsolver.problem import Guest, Host, Problem
from slotsolver.size import GiB
from slotsolver.solver import solve
from slotsolver.study.answers import figures, why_none
from slotsolver.study.definition import Definition
from slotsolver.study.table import METADATA
from tests.canonical.variants import shuffled

TREE: dict[str, Any] = {
    "host": {
        "nodes": [
            {"id": 0, "memory": "64 GiB", "free": "6 GiB"},
            {"id": 1, "memory": "64 GiB", "free": "12 GiB"},
            {"id": 2, "memory": "64 GiB", "free": "40 GiB"},
        ]
    },
    "guests": [{"name": "g", "cells": [{}, {}], "target": "8 GiB", "maximum": "16 GiB"}],
    "policies": [{"kind": "host-nodes", "distinct": True}],
}
BASE = Problem.model_validate(TREE)
FRONT = ("slots_taken", "largest_dimm", "imbalance", "pages_taken")


def hosts() -> list[Host]:
    """The host, and the same with its nodes in other orders and called otherwise."""
    drawn = Random(6)  # noqa: S311 - the same each time
    others = [shuffled(BASE, drawn).host for _ in range(3)]
    assert BASE.host is not None
    return [BASE.host, *(host for host in others if host is not None)]


def ran(*arguments: Any, **fields: Any) -> StudyResult:
    """The results of a study from Python."""
    with ThreadPoolExecutor(1) as executor:
        return Study(*arguments, **fields).run(executor=executor, workers=1)


@pytest.fixture(scope="module")
def result() -> StudyResult:
    """Of 4 hosts, 3 steps, 3 targets and 2 maxima; some are no problems, some infeasible."""
    axes = {
        "host": hosts(),
        "step": ["512 MiB", "2 GiB", "off"],
        "target": {"low": "8 GiB", "far": "70 GiB", "odd": "33 GiB"},
        "maximum": ["34 GiB", "80 GiB"],
    }
    return ran(BASE, axes, name="all sorts")


def test_every_row_is_a_direct_solve(result: StudyResult) -> None:
    """Status, figures, objectives, conflict; what is invalid says why. Some are the same as others,
    whose remedies name nodes of their own."""
    assert result.total == result.done == len(result) == 72
    rows = result.rows(range(72))
    assert [row["scenario"] for row in rows] == list(range(72))
    helped = 0
    for number in (*range(18), *range(36, 54)):  # of the first host and of another one
        row = rows[number]
        if row["status"] == "invalid":
            with pytest.raises(InputError) as caught:
                result.problem(number)
            assert str(caught.value) == row["says"]
            continue
        answer = solve(result.problem(number), effort=2.0)
        should = figures(answer) if isinstance(answer, Plan) else why_none(answer)
        if isinstance(answer, Infeasible):
            del should["says"]  # others may contradict each other as well
            together = should.pop("remedy")
            assert row["remedy"] in [together, *(remedy.says for remedy in answer.remedies)]
            helped += number > 18 and bool(row["remedy"])
        assert {name: row[name] for name in should} == should
    assert helped > 2
    assert {"optimal", "infeasible", "invalid"} == set(result.statuses().statuses)
    assert result.unique < result.done


def test_answers(result: StudyResult) -> None:
    """Are solved anew."""
    for row in result.rows([0, 5, 67]):
        if row["status"] != "invalid":
            assert result.answer(row["scenario"]).status == row["status"]


def test_remedies_name_the_scenarios_own_nodes(result: StudyResult) -> None:
    """And no others, though they were found for a host whose nodes are called otherwise."""
    import re

    texts = 0
    for row in result.rows(range(72)):
        if row["status"] != "infeasible":
            continue
        host = result.problem(row["scenario"]).host
        assert host is not None
        for text in (row["says"], row["remedy"]):
            named = re.findall(r"host node (\d+) has (\d+) free pages", text)
            for node, pages in named:
                assert host.pool(int(node), host.base_page).free == int(pages)
                texts += 1
    assert texts > 12
    others = [host.nodes[0].id for host in hosts()[1:]]
    assert len(set(others)) == 3
    assert 0 not in others


def test_counts(result: StudyResult) -> None:
    """Statuses in all, and by each value of each axis, counted from the rows."""
    frame = result.frame
    assert result.statuses().statuses == Counter(frame["status"])
    shares = dict(result.shares())
    assert list(shares) == ["host", "step", "target", "maximum"]
    assert [count.label for count in shares["step"]] == ["512 MiB", "2 GiB", "off"]
    assert [count.label for count in shares["target"]] == ["low", "far", "odd"]
    assert [count.label for count in shares["maximum"]] == ["34 GiB", "80 GiB"]
    for name, counts in shares.items():
        for place, count in enumerate(counts):
            mine = [
                row["status"]
                for row in result.rows(range(72))
                if result.labels(row["scenario"])[list(shares).index(name)] == counts[place].label
            ]
            assert count.statuses == Counter(mine)
            assert count.scenarios == len(mine)
            assert count.infeasible == mine.count("infeasible") / len(mine)


def test_spreads(result: StudyResult) -> None:
    """The least, the median and the largest of what is there."""
    spreads = result.spreads()
    assert set(spreads) == set(FRONT)
    for name, spread in spreads.items():
        values = result.frame[name].dropna().tolist()
        assert (spread.least, spread.median, spread.most) == (
            min(values),
            median(values),
            max(values),
        )


def brute_force(rows: list[dict[str, Any]]) -> list[int]:
    """The first of each group of planned rows that no other dominates."""
    figures = {
        row["scenario"]: tuple(float("inf") if row[f] is None else row[f] for f in FRONT)
        for row in rows
        if row["status"] in ("optimal", "feasible") and row["slots_taken"] is not None
    }

    def beaten(number: int) -> bool:
        mine = figures[number]
        return any(
            all(a <= b for a, b in zip(other, mine, strict=True)) and (other != mine or n < number)
            for n, other in figures.items()
            if n != number
        )

    return sorted(number for number in figures if not beaten(number))


def test_front(result: StudyResult) -> None:
    """As a brute force over the rows has it."""
    rows = result.rows(range(72))
    front = result.front()
    assert sorted(row["scenario"] for row in front) == brute_force(rows)
    assert len(front) > 1
    assert all(row == rows[row["scenario"]] for row in front)


FIGURE = st.none() | st.integers(0, 3)


@given(st.lists(st.tuples(st.sampled_from(["optimal", "feasible", "infeasible"]), FIGURE, FIGURE, FIGURE, FIGURE), min_size=1, max_size=12))  # fmt: skip  # noqa: E501
@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_front_of_any_rows(result: StudyResult, tmp_path: Path, drawn: list[Any]) -> None:
    """With figures that are missing, which are as bad as can be."""
    rows = [
        {"scenario": number, "status": status, **dict(zip(FRONT, values, strict=True))}
        for number, (status, *values) in enumerate(drawn)
    ]
    frame = pd.DataFrame(rows).astype(dict.fromkeys(FRONT, "Int64"))
    path = tmp_path / "front.parquet"
    about = duckdb.execute(
        "SELECT value FROM parquet_kv_metadata($1)", [str(result.path)]
    ).fetchall()
    text = next(value for (value,) in about if b"definition" in value).decode()
    path.unlink(missing_ok=True)
    with duckdb.connect() as database:
        database.register("frame", frame)
        database.execute(
            f"COPY (FROM frame) TO '{path}' (FORMAT parquet, KV_METADATA {{'{METADATA}': "
            f"'{text.replace(chr(39), 2 * chr(39))}'}})"
        )
    found = StudyResult(path).front()
    assert sorted(row["scenario"] for row in found) == brute_force(rows)


def test_reasons(result: StudyResult) -> None:
    """Conflicts with how often each is, an example, and its remedy."""
    rows = [row for row in result.rows(range(72)) if row["conflict"]]
    counted = Counter(row["conflict"] for row in rows)
    found = result.reasons()
    assert {reason.conflict: reason.scenarios for reason in found} == counted
    assert [reason.scenarios for reason in found] == sorted(counted.values(), reverse=True)
    for reason in found:
        first = next(row for row in rows if row["conflict"] == reason.conflict)
        assert (reason.example, reason.remedy) == (first["scenario"], first["remedy"])


def test_broken(result: StudyResult) -> None:
    """What makes scenarios invalid."""
    rows = [row for row in result.rows(range(72)) if row["status"] == "invalid"]
    counted = Counter(row["says"] for row in rows)
    assert {broken.says: broken.scenarios for broken in result.broken()} == counted
    assert counted


def test_frame(result: StudyResult) -> None:
    """Has all rows, a column for each axis and each field of one with labels."""
    frame = result.frame
    assert list(frame["scenario"]) == list(range(72))
    assert tuple(frame.columns) == result.columns
    assert list(frame["step"][::6][:3]) == [str(GiB // 2), str(2 * GiB), "off"]
    assert set(frame["target.target"]) == {8 * GiB, 70 * GiB, 33 * GiB}
    assert list(result["maximum"][:2]) == [34 * GiB, 80 * GiB]
    assert result.columns[0] == "scenario"
    assert result.columns[-1] == "seconds"


def test_labels_and_problems(result: StudyResult) -> None:
    """What there is of a scenario; not of one that there is none of."""
    assert result.labels(0) == ("1", "512 MiB", "low", "34 GiB")
    assert result.labels(71) == ("4", "off", "odd", "80 GiB")
    assert result.problem(0).guests[0].maximum_size == 34 * GiB
    for number in (-1, 72):
        with pytest.raises(InputError, match=f"has no scenario {number}"):
            result.problem(number)
        with pytest.raises(InputError, match=f"has no scenario {number}"):
            result.rows([number])
    assert [row["scenario"] for row in result.rows([5, 3])] == [5, 3]


def test_hit_rate(result: StudyResult) -> None:
    """The four hosts are the same one; scenarios that are no problems are the same as none."""
    valid = result.done - result.statuses().statuses["invalid"]
    assert result.answered == valid < result.done
    assert result.unique == valid / 4
    assert result.hit_rate == 3 / 4


def test_a_notebook_sees_the_report(result: StudyResult) -> None:
    """As HTML."""
    html = result._repr_html_()
    assert "all sorts" in html
    assert "<svg" in html


def test_metadata_alone_makes_every_problem(result: StudyResult) -> None:
    """No file of the study's is needed any more."""
    again = StudyResult(result.path)
    assert isinstance(again.definition, Definition)
    assert again.definition == result.definition
    assert again.problem(18) == result.problem(18)


def test_questions_of_sql(result: StudyResult) -> None:
    """Are answered, or refused in one line."""
    ((count,),) = result.query("SELECT count(*) FROM results WHERE scenario < $1", [9])
    assert count == 9
    with pytest.raises(InputError, match="nonsense"):
        result.query("SELECT nonsense FROM results")


def test_objects_as_values() -> None:
    """Guests and policies, numbers of NumPy; the base may be anything that is a problem."""
    import numpy as np

    from slotsolver.constraints.step import Step

    guest = Guest.model_validate({**TREE["guests"][0], "name": "other", "target": "9 GiB"})
    axes = [
        {"name": "guest", "field": "guest", "values": [BASE.guests[0], guest]},
        {"field": "policies", "values": {"none": [], "step": [Step(size=GiB)]}},
        {"field": "slots", "values": np.arange(20, 22)},
    ]
    found = ran(BASE, axes)
    assert set(found.frame["status"]) == {"optimal"}
    assert [found.problem(n).guests[0].name for n in (0, 4)] == ["g", "other"]
    assert [[p.kind for p in found.problem(n).policies] for n in (0, 2)] == [
        ["slots"],
        ["step", "slots"],
    ]


@pytest.mark.parametrize(
    ("axes", "says"),
    [
        ({"target": "8 GiB"}, "target: a list of its values is needed, not '8 GiB'"),
        ({"taget": ["8 GiB"]}, "'taget' is no field of a problem; did you mean 'target'?"),
        (["target"], "not 'target'"),
        ({"target": [object()]}, "its values are no plain data"),
        ([{"name": "\ud800", "field": "target", "values": [1]}], "name"),
    ],
)
def test_no_study(axes: Any, says: str) -> None:
    """Is refused as bad input."""
    with pytest.raises(InputError) as caught:
        Study(BASE, axes)
    assert says in str(caught.value)


HOSTILE = (
    "'\"; DROP TABLE answers; --",
    "<script>alert(1)</script>",
    "a\nb\t[/red][x]",
    "{0} %s $1",
)


def test_hostile_names(tmp_path: Path) -> None:
    """Survive to the file, the summary and the report."""
    from slotsolver.cli.output import page
    from slotsolver.study.summary import draw_summary, summary_of

    axes: list[Any] = [
        {"name": name, "field": field, "values": dict.fromkeys(HOSTILE, value)}
        for name, field, value in zip(
            HOSTILE, ("target", "maximum", "slots", "step"), ("8 GiB", "16 GiB", 40, "2 GiB"),
            strict=True,
        )
    ]  # fmt: skip
    results = tmp_path / "it's [a] *.parquet"
    with ThreadPoolExecutor(1) as executor:
        found = Study(BASE, axes, name=HOSTILE[0]).run(results, executor, workers=1)
    assert [count.label for count in dict(found.shares())[HOSTILE[2]]] == list(HOSTILE)
    assert set(HOSTILE) < set(found.columns)
    assert found.frame[HOSTILE[1]][255] == HOSTILE[3]
    assert found.statuses().statuses == {"optimal": 256}
    assert found.unique == 1
    assert json.loads(json.dumps(summary_of(found)))["axes"][0]["axis"] == HOSTILE[0]
    drawn = page(lambda console: draw_summary(found, console))
    assert "a\\nb\\t[/red][x]" in drawn
    assert "<script>alert" not in found._repr_html_()


def test_numbers_that_no_column_holds() -> None:
    """Do not end a study at its end."""
    found = ran(BASE, {"slots": [10**30, 4]})
    assert list(found.frame["slots"]) == [str(10**30), "4"]


def test_files_that_are_no_results(result: StudyResult, tmp_path: Path) -> None:
    """Missing, foreign, cut short, damaged or of another version: one line each."""
    whole = result.path.read_bytes()
    path = tmp_path / "x.parquet"
    made = {
        "is no Parquet file": [b"", b"hello", whole[:200], whole[: len(whole) // 2]],
        "its metadata cannot be read": [
            whole.replace(b'{"definition": "{', b'{"definitiom": "{'),
            whole.replace(b'"scenarios": 72', b'"scenarios": xx'),
            whole.replace(b'\\"axes\\"', b'\\"axis\\"'),
        ],
    }
    for says, texts in made.items():
        for text in texts:
            assert text != whole
            path.write_bytes(text)
            with pytest.raises(InputError, match=says):
                StudyResult(path)
    duckdb.sql("SELECT 1 AS scenario").write_parquet(str(path))
    with pytest.raises(InputError, match="is no study's results"):
        StudyResult(path)
    with pytest.raises(InputError, match="there is no such file"):
        StudyResult(tmp_path / "absent")
    with pytest.raises(InputError, match="is no file"):
        StudyResult(tmp_path)


def test_damaged_rows(result: StudyResult, tmp_path: Path) -> None:
    """Are told when they are read, if not before."""
    whole = bytearray(result.path.read_bytes())
    whole[4:2000] = bytes(1996)
    path = tmp_path / "x.parquet"
    path.write_bytes(whole)
    damaged = StudyResult(path)
    with pytest.raises(InputError):
        damaged.frame  # noqa: B018 - to see it fail
    with pytest.raises(InputError):
        damaged.front()


SIZE = st.integers(1, 24).map(lambda n: f"{n * 512} MiB")


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "target": st.lists(SIZE, min_size=1, max_size=3),
            "maximum": st.lists(SIZE, min_size=1, max_size=2),
            "step": st.lists(SIZE | st.just("off"), min_size=1, max_size=2),
            "cells": st.lists(st.integers(1, 3), min_size=1, max_size=2),
            "slots": st.lists(st.integers(0, 9), min_size=1, max_size=2),
            "used": st.lists(st.sampled_from([0, 0.5, "90%"]), min_size=1, max_size=2),
            "host.pages.1 GiB": st.lists(st.integers(0, 4), min_size=1, max_size=2),
            "page-size": st.lists(st.sampled_from(["1 GiB", "off"]), min_size=1, max_size=2),
        },
    )
)
@settings(max_examples=12, deadline=None)
def test_random_studies(axes: dict[str, list[Any]]) -> None:
    """Each row's status and first figures are those of a direct solve."""
    found = ran(BASE, axes, combine="sample", count=10, reasons="none")
    for row in found.rows(range(found.total)):
        try:
            answer = solve(found.problem(row["scenario"]), effort=2.0, reasons="none")
        except InputError:
            assert row["status"] == "invalid"
            continue
        assert row["status"] == answer.status
        if isinstance(answer, Plan):
            should = figures(answer)
            assert {name: row[name] for name in should} == should


def test_temporary_results_go_with_the_object(monkeypatch: pytest.MonkeyPatch) -> None:
    """And nothing stays where a run fails."""
    import gc
    import tempfile

    found = ran(BASE)
    folder = found.path.parent
    assert folder.is_dir()
    del found
    gc.collect()
    assert not folder.exists()
    made: list[str] = []
    before = tempfile.mkdtemp

    def mkdtemp(**options: Any) -> str:
        made.append(before(**options))
        return made[-1]

    monkeypatch.setattr(tempfile, "mkdtemp", mkdtemp)
    executor = ThreadPoolExecutor(1)
    executor.shutdown()
    with pytest.raises(InputError):
        Study(BASE).run(executor=executor, workers=1)
    assert made
    assert not Path(made[0]).exists()

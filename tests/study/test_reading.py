"""Studies as files: everything that an axis may be, and what is refused, with its line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pytest

from slotsolver.errors import InputError
from slotsolver.study.definition import Axis, Definition
from slotsolver.study.paths import AS_IT_IS
from slotsolver.study.reading import read_study
from slotsolver.study.scenarios import Scenarios

PROBLEM = """\
host: host.yaml
guests:
  - {name: db, cells: [{cpus: 0-1}, {cpus: 2-3}], target: 8 GiB, maximum: 16 GiB}
policies: [{kind: step, size: 1 GiB}]
"""
HOST = "nodes: [{id: 0, memory: 64 GiB}]\n"
DOMAIN = """\
<domain type='kvm'>
  <name>other</name>
  <maxMemory slots='16' unit='GiB'>8</maxMemory>
  <memory unit='GiB'>2</memory>
  <vcpu>2</vcpu>
  <os><type arch='x86_64' machine='pc-q35-7.2'>hvm</type></os>
  <cpu><numa><cell id='0' cpus='0-1' memory='2' unit='GiB'/></numa></cpu>
</domain>
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a problem, hosts, a domain, and rows."""
    inner = tmp_path / "inner"
    inner.mkdir()
    (inner / "problem.yaml").write_text(PROBLEM)
    (inner / "host.yaml").write_text(HOST)
    (inner / "large.yaml").write_text(HOST.replace("64", "128"))
    (inner / "other.xml").write_text(DOMAIN)
    (inner / "rows.csv").write_text(
        'label,target,slots,now\n"a, b",9 GiB,4,3\nc,,8,2.5\ntrue,10 GiB,,\n', encoding="utf-8-sig"
    )
    return inner


def study(folder: Path, text: str, name: str = "study.yaml") -> Definition:
    """The study with these lines after its problem."""
    (folder / name).write_text(f"problem: problem.yaml\n{text}\n")
    return read_study(str(folder / name))


def axis(folder: Path, text: str) -> Axis:
    """The only axis of a study."""
    (found,) = study(folder, f"axes:\n  - {text}").axes
    return found


@pytest.mark.parametrize(
    ("written", "values"),
    [
        ("values: [8 GiB, 16 GiB]", ("8 GiB", "16 GiB")),
        ("values: [8, 0.5, 1 TiB, off], unit: GiB", ("8 GiB", "0.5 GiB", "1 TiB", "off")),
        ("range: {from: 1 GiB, to: 3.5 GiB, by: 1 GiB}", ("1 GiB", "2 GiB", "3 GiB")),
        ("range: {from: 512 MiB, to: 2 GiB, times: 2}", ("512 MiB", "1 GiB", "2 GiB")),
        ("range: {from: 1, to: 8, times: 3}", (1, 3)),
        ("range: {from: 0, to: 4, by: 2}", (0, 2, 4)),
        ("range: {from: 5, to: 5, by: 9}", (5,)),
        ("range: {from: 1, to: 3, by: 1}, unit: GiB", ("1 GiB", "2 GiB", "3 GiB")),
        ("range: {from: 10%, to: 35%, by: 10%}", ("10%", "20%", "30%")),
    ],
)
def test_values_and_ranges(folder: Path, written: str, values: tuple[Any, ...]) -> None:
    """The values of one field; the axis is called as the field if it has no name."""
    found = axis(folder, f"{{field: step, {written}}}")
    assert (found.name, found.sets, found.labels) == ("step", {"step": values}, None)


@pytest.mark.parametrize(
    ("written", "labels"),
    [
        ("{field: step, values: {fine: 1 GiB, 2: 2 GiB, true: 3 GiB}}", ("fine", "2", "true")),
        ("{field: policies.step, values: [off, {size: 1 GiB}]}", ("off", "2")),
        ("{name: x, sets: {1: {}, 2: {step: 2 GiB}}}", ("1", "2")),
        ("{field: host, values: [host.yaml, large.yaml]}", ("host.yaml", "large.yaml")),
        ("{rows: rows.csv, columns: {target: target}}", ("1", "2", "3")),
        ("{rows: rows.csv, columns: {target: target}, label: label}", ("a, b", "c", "true")),
    ],
)
def test_labels(folder: Path, written: str, labels: tuple[str, ...]) -> None:
    """Those that are given, names of files, numbers of what is no cell of a table."""
    assert axis(folder, written).labels == labels


def test_sets(folder: Path) -> None:
    """A field that a set does not have stays as it is."""
    found = axis(folder, "{name: x, sets: {a: {}, b: {step: 2 GiB}, c: {target: 9 GiB}}}")
    assert found.sets == {
        "step": (AS_IT_IS, "2 GiB", AS_IT_IS),
        "target": (AS_IT_IS, AS_IT_IS, "9 GiB"),
    }
    scenarios = Scenarios(study(folder, "axes: [{name: x, sets: {a: {}, b: {target: 9 GiB}}}]"))
    targets = [scenarios.problem(number).guests[0].target_size >> 30 for number in (0, 1)]
    assert targets == [8, 9]


def test_rows(folder: Path) -> None:
    """Columns set fields; empty cells leave them as they are; a column has its unit."""
    columns = "{target: target, now: {field: boot, unit: GiB}, slots: slots}"
    found = axis(folder, f"{{name: x, rows: rows.csv, label: label, columns: {columns}}}")
    assert found.sets == {
        "target": ("9 GiB", AS_IT_IS, "10 GiB"),
        "boot": ("3 GiB", "2.5 GiB", AS_IT_IS),
        "slots": (4, 8, AS_IT_IS),
    }
    problem = Scenarios(study(folder, f"axes:\n  - {{rows: rows.csv, columns: {columns}}}"))
    assert problem.problem(1).guests[0].target_size == 8 << 30


def test_rows_of_parquet_are_those_of_csv(folder: Path) -> None:
    """With columns that are called as fields are, and the name of the file."""
    rows = "target,slots\n9 GiB,4\n,8\n10 GiB,\n"
    (folder / "a*b.csv").write_text(rows)
    (folder / "axb.parquet").write_text("another one, which a pattern would find")
    duckdb.sql("SELECT * FROM (VALUES ('9 GiB', 4), (NULL, 8), ('10 GiB', NULL)) t(target, slots)"
               ).write_parquet(str(folder / "a*b.parquet"))  # fmt: skip
    found = axis(folder, "{rows: a*b.csv}")
    assert found == axis(folder, "{rows: a*b.parquet}")
    assert found.name == "a*b"
    assert found.sets["slots"] == (4, 8, AS_IT_IS)


def test_files_as_values(folder: Path) -> None:
    """Hosts and guests, relative to the study's folder, in values, sets and rows."""
    (folder / "hosts.csv").write_text("host,target\nlarge.yaml,9 GiB\n,10 GiB\n")
    texts = (
        "{field: host, values: [large.yaml, host.yaml]}",
        "{name: x, sets: {a: {host: large.yaml}, b: {}}}",
        "{rows: hosts.csv}",
    )
    for text in texts:
        scenarios = Scenarios(study(folder, f"axes:\n  - {text}"))
        memory = [scenarios.problem(n).host.nodes[0].memory >> 30 for n in (0, 1)]  # type: ignore[union-attr]
        assert memory == [128, 64]
    scenarios = Scenarios(study(folder, "axes: [{field: guest, values: [other.xml]}]"))
    assert scenarios.problem(0).guests[0].name == "other"


def test_sizes_without_unit(folder: Path) -> None:
    """YAML needs the unit, in JSON a size is a number of bytes."""
    yaml = Scenarios(study(folder, "axes: [{field: target, values: [8589934592]}]"))
    with pytest.raises(InputError, match="size 8589934592 has no unit"):
        yaml.problem(0)
    (folder / "study.json").write_text(
        '{"problem": "problem.yaml", "axes": [{"field": "target", "values": [8589934592]}]}'
    )
    json = Scenarios(read_study(str(folder / "study.json")))
    assert json.problem(0).guests[0].target_size == 8 << 30


def test_problem_in_the_study(folder: Path) -> None:
    """May stand there itself; files in it are relative to the study."""
    text = "\n".join(f"  {line}" for line in PROBLEM.splitlines())
    (folder / "whole.yaml").write_text(f"problem:\n{text}\n")
    found = read_study(str(folder / "whole.yaml"))
    assert found.name == "whole"
    assert found.problem == study(folder, "").problem


LINES = {
    "field: taget, values: [1]": "line 3, axes.0: 'taget' is no field of a problem; did you mean",
    "field: guests.db.targe, values: [1]": "line 3, axes.0: guests.db.targe: there is no 'targe'",
    "field: policies.stepp.size, values: [1]": "there is no 'stepp'; did you mean 'step'?",
    "field: step": "line 3, axes.0: an axis has one of: values, range, sets, rows",
    "field: step, values: [1 GiB], rows: x": "axes.0: an axis has one of",
    "values: [1 GiB]": "axes.0: `field` goes with values and range, and these need it",
    "field: step, values: []": "axes.0: axis step has 0 choices",
    "field: step, values: 5": "line 3, axes.0.values: Input should be a valid list, not 5",
    "field: step, valeus: [1]": "line 3, axes.0.valeus: there is no such field here; did you mean",
    "field: step, values: {a: 1 GiB}, label: x": "axes.0: `columns` and `label` are about `rows`",
    "field: step, values: [1], unit: GBit": "line 3, axes.0.unit: 'GBit' is no unit; known are B",
    "name: x, unit: GiB, sets: {a: {}}": "axes.0: `unit` is about bare numbers",
    "sets: {a: {}}": "line 3, axes.0: an axis of sets needs a `name`",
    "name: x, sets: {a: {tagret: 1 GiB}}": "axes.0: 'tagret' is no field of a problem",
    "name: x, sets: {}": "axis x has 0 choices",
    "name: status, field: step, values: [1 GiB]": "an axis cannot be called 'status'",
    "name: Imbalance, field: step, values: [1 GiB]": "an axis cannot be called 'Imbalance'",
    "name: fits_status, field: step, values: [1 GiB]": "an axis cannot be called 'fits_status'",
    "field: step, range: {from: 1, to: 2}": "line 3, axes.0.range: a range goes `by` a step or so",
    "field: step, range: {from: 1, to: 2 GiB, by: 1}": "axes.0.range: from, to and by are all",
    "field: step, range: {from: 1, to: 2, by: 0}": "axes.0.range: a range goes up",
    "field: step, range: {from: 0, to: 2, times: 2}": "axes.0.range: a range goes up",
    "field: step, range: {from: 9, to: 2, by: 1}": "axis step has 0 choices",
    "field: step, range: {from: 1 x, to: 2 x, by: 1 x}": "axes.0.range: 'x' in '1 x' is not a unit",
    "field: step, range: {from: 1x%, to: 2%, by: 1%}": "axes.0.range: '1x%' is no whole number of",
    "field: step, range: {from: 1, to: 9999999, by: 1}": "axis step has 1000001 choices; 1 to 1,0",
    "field: host, values: [absent.yaml]": "absent.yaml: there is no such file",
    "field: guest, values: [host.yaml]": "host.yaml",
    "rows: absent.csv": "absent.csv: is no file with rows",
    "rows: rows.csv": "rows.csv: column 'label' sets no field: 'label' is no field of a problem",
    "rows: rows.csv, label: lable": "rows.csv: has no column 'lable'; it has label, target, slots",
    "rows: rows.csv, columns: {tarket: target}": "rows.csv: has no column 'tarket'; it has label",
    "rows: rows.csv, columns: {target: a.b}": "axes.0: 'a.b' is no field of a problem",
    "rows: rows.csv, columns: {target: step, now: step}": "rows.csv: two of its columns set 'step'",
    "rows: rows.csv, columns: {now: {field: step, unit: X}}": "axes.0.columns.now.unit: 'X'",
    "rows: bad.parquet": "bad.parquet: cannot be read: ",
    "rows: host.yaml": "host.yaml: line 1: has no names of columns",
}
AXIS_FILES = {
    "": "line 1: has no names of columns in its first line",
    "target,step\n": "has no rows",
    "target,\n1 GiB,2\n": "line 1: has a column without a name",
    "target,target\n1 GiB,2\n": "line 1: has two columns 'target'",
    "target,step\n1 GiB,2 GiB\n3 GiB\n": "line 3: has 1 cells, the names are 2",
    'target\n"1 GiB\n': "unexpected end of data",
    "target\n1 GiB\xff\n": "is not UTF-8 text",
}


@pytest.mark.parametrize("text", [text for text in LINES if text != "rows: host.yaml"])
def test_bad_axes(folder: Path, text: str) -> None:
    """One line with the file, the line in it and the rule."""
    (folder / "bad.parquet").write_bytes(b"PAR1 not really PAR1")
    with pytest.raises(InputError) as caught:
        study(folder, f"axes:\n  - {{{text}}}")
    told = str(caught.value)
    assert LINES[text] in told
    assert told.startswith(str(folder))
    assert "\n" not in told


@pytest.mark.parametrize("text", AXIS_FILES)
def test_bad_rows(folder: Path, text: str) -> None:
    """The file, the line in it where there is one, and the rule."""
    (folder / "bad.csv").write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError) as caught:
        axis(folder, "{rows: bad.csv}")
    assert str(caught.value).startswith(f"{folder / 'bad.csv'}: ")
    assert AXIS_FILES[text] in str(caught.value)


STUDIES = {
    "axes: 5": "line 2, axes: Input should be a valid list, not 5",
    "axis: []": "line 2, axis: there is no such field here; did you mean 'axes'?",
    "combine: mix": "line 2, combine: Input should be 'product', 'zip' or 'sample', not 'mix'",
    "combine: sample": "`count` says how many scenarios a sample has; give it with `sample`",
    "count: 5": "`count` says how many",
    "combine: sample\ncount: 0": "line 3, count: Input should be greater than or equal to 1, not 0",
    "questions: []": "line 2, questions: Tuple should have at least 1 item",
    "questions: [plan, fitts]": "line 2, questions.1: Input tag 'fitts'",
    "questions: [plan, plan]": "the same question is asked twice",
    "questions: [{kind: smallest-pools}]": "line 2, questions.0",
    "questions: [{kind: fewest-slots, step: 4}]": "size 4 has no unit",
    "effort: 0": "line 2, effort: Input should be greater than 0",
    "effort: soon": "line 2, effort",
    "reasons: all": "line 2, reasons: Input should be 'none', 'conflict' or 'remedies'",
    "name: [x]": "line 2, name",
    "axes:\n  - &a {field: step, values: [1 GiB]}\n  - *a": "line 4: is not the YAML",
    "axes:\n  - {field: step, values: [1 GiB]}\n  - {field: step, values: [1 GiB]}": "two axes are",
    "axes:\n  - {name: a, field: step, values: [1 GiB]}\n  - {field: policies.step.size, "
    "values: [1 GiB]}": "two axes set the field 'policies.step.size' (also written 'step')",
    "combine: zip\naxes:\n  - {field: step, values: [1 GiB]}\n  - {field: slots, values: [1, 2]}": (
        "zipped axes must be equally long, not step 1, slots 2"
    ),
}


@pytest.mark.parametrize("text", STUDIES)
def test_bad_studies(folder: Path, text: str) -> None:
    """One line with the file, the line in it and the rule."""
    with pytest.raises(InputError) as caught:
        study(folder, text)
    told = str(caught.value)
    assert STUDIES[text] in told
    assert told.startswith(f"{folder / 'study.yaml'}: line ")
    assert "\n" not in told


def test_huge_products(folder: Path) -> None:
    """Are refused before anything is made of them; a sample of one is none."""
    fields = ("slots", "step", "target")
    axes = "axes:\n" + "".join(
        f"  - {{field: {field}, range: {{from: 1, to: 1000, by: 1}}}}\n" for field in fields
    )
    with pytest.raises(InputError, match="1,000,000,000 scenarios are more than 100,000,000"):
        study(folder, axes)
    assert len(study(folder, f"combine: sample\ncount: 7\n{axes}")) == 7


def test_other_problem_files(folder: Path) -> None:
    """A problem that is no good is told with its own file and line."""
    (folder / "problem.yaml").write_text(PROBLEM.replace("maximum: 16 GiB", "maximun: 16 GiB"))
    with pytest.raises(InputError, match=r"problem.yaml: line 3, guests.0.maximun: there is no"):
        study(folder, "")
    (folder / "problem.yaml").unlink()
    with pytest.raises(InputError, match=r"problem.yaml: there is no such file"):
        study(folder, "")

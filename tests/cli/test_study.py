"""``slotsolver study run`` and ``study show``: endings, messages, files."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from slotsolver.cli.app import BAD_INPUT
from slotsolver.study.result import StudyResult

Finished = subprocess.CompletedProcess[bytes]
Program = Callable[..., Finished]

STUDY = """\
problem: problem.yaml
axes:
  - {name: maximum, field: maximum, values: [5 GiB, 7 GiB, 8 GiB]}
  - {name: slots, field: slots, values: [1, 8]}
"""
LINE = ("study", "run", "study.yaml", "-o", "r.parquet", "--workers", "1")


@pytest.fixture
def studied(inside: Program, folder: Path) -> Program:
    """The program in a folder with a study."""
    (folder / "study.yaml").write_text(STUDY)
    return inside


def files(folder: Path) -> set[str]:
    """What lies there."""
    return {path.name for path in folder.iterdir()}


GIVEN = {"problem.yaml", "host.yaml", "domain.xml", "study.yaml"}


def test_run(studied: Program, folder: Path) -> None:
    """One file, nothing on standard output, messages on standard error; what is invalid is told
    there, too."""
    done = studied(*LINE)
    assert (done.returncode, done.stdout) == (0, b"")
    first, *others = done.stderr.decode().splitlines()
    assert first.startswith("slotsolver: wrote r.parquet: 6 scenarios, 2 with a plan; ")
    assert others == [
        "slotsolver: 2 scenarios are invalid, such as 0: guests.0: guest thread: target 6 GiB is "
        "above the maximum 5 GiB"
    ]
    assert files(folder) == GIVEN | {"r.parquet"}
    assert StudyResult(folder / "r.parquet").definition.name == "study"


def test_run_anew(studied: Program, folder: Path) -> None:
    """Results that are there are replaced by the same, byte for byte where times are left out."""
    (folder / "r.parquet").write_text("something else")
    assert studied(*LINE, "--no-times").returncode == 0
    first = (folder / "r.parquet").read_bytes()
    assert studied(*LINE, "--no-times").returncode == 0
    assert (folder / "r.parquet").read_bytes() == first
    seconds = StudyResult(folder / "r.parquet").frame["seconds"]
    assert seconds.isna().all()


def test_study_from_standard_input(slotsolver: Program, folder: Path) -> None:
    """Its files are relative to the working directory."""
    line = ("study", "run", "-", "-o", "r.parquet", "--workers", "2")
    done = slotsolver(*line, stdin=STUDY)
    assert (done.returncode, done.stdout) == (0, b"")
    assert StudyResult(folder / "r.parquet").total == 6
    bad = slotsolver(*line, stdin=STUDY.replace("values", "valeus"))
    assert bad.returncode == BAD_INPUT
    assert bad.stderr.startswith(b"slotsolver: error: standard input: line 3, axes.0.valeus: there")


BAD = {
    "study run absent.yaml -o r.parquet": "absent.yaml: there is no such file",
    "study run study.yaml": "-o",
    "study run study.yaml -o absent/r.parquet": "absent: the folder does not exist",
    "study run study.yaml -o .": "-o .: is no file",
    "study run study.yaml -o -": "-o -: is no file",
    "study run study.yaml -o r.parquet --workers 0": "'0' is not a number of workers from 1 to",
    "study run study.yaml -o r.parquet --workers 9999999": "not a number of workers",
    "study run study.yaml -o r.parquet --workers two": "'two' is not a number of workers",
    "study run study.yaml -o r.parquet --engine spark": "choose from 'local', 'dask'",
    "study run study.yaml -o r.parquet --scheduler tcp://x:1": "--scheduler: goes with --engine",
    "study run study.yaml -o r.parquet --engine dask --scheduler tcp://x:1 --workers 2": (
        "--workers: goes without --scheduler"
    ),
    "study run problem.yaml -o r.parquet": "problem.yaml: line 1, host: there is no such field",
    "study run domain.xml -o r.parquet": "domain.xml",
    "study run broken.yaml -o r.parquet": "broken.yaml: line 3, axes.0: 'x' is no field",
    "study show absent.parquet": "absent.parquet: there is no such file",
    "study show study.yaml": "study.yaml: is no Parquet file",
    "study show .": "is no file",
    "study show": "RESULTS.parquet",
    "study": "run|show",
    "study frobnicate": "choose from",
}


@pytest.mark.parametrize("line", BAD)
def test_bad_usage(studied: Program, folder: Path, line: str) -> None:
    """One line, exit code 2, and no file that was not there."""
    (folder / "broken.yaml").write_text(STUDY.replace("field: maximum", "field: x"))
    before = files(folder)
    done = studied(*line.split())
    told = done.stderr.decode()
    assert (done.returncode, done.stdout) == (BAD_INPUT, b"")
    assert told.startswith("slotsolver: error: ")
    assert told.count("\n") == 1
    assert BAD[line] in told
    assert files(folder) == before


def test_without_dask(studied: Program, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What to install is said."""
    monkeypatch.setitem(sys.modules, "distributed", None)
    done = studied(*LINE[:-2], "--engine", "dask")
    assert done.returncode == BAD_INPUT
    assert done.stderr == (
        b"slotsolver: error: --engine dask: needs Dask: pip install 'slotsolver[dask]'\n"
    )
    assert files(folder) == GIVEN


def test_unfinished_results(studied: Program, folder: Path) -> None:
    """Are not touched without ``--resume``, nor by another study."""
    (folder / "r.parquet.partial").write_bytes(b"")
    refused = studied(*LINE)
    assert refused.returncode == BAD_INPUT
    assert b"--resume goes on with them" in refused.stderr
    assert not (folder / "r.parquet").exists()
    assert studied(*LINE, "--resume").returncode == 0
    assert files(folder) == GIVEN | {"r.parquet"}


def test_show(studied: Program, folder: Path) -> None:
    """The summary; on standard output, and nothing else."""
    studied(*LINE)
    shown = studied("study", "show", "r.parquet")
    assert (shown.returncode, shown.stderr) == (0, b"")
    text = shown.stdout.decode()
    for words in (
        "study  6 scenarios",
        "2 infeasible, 2 invalid, 2 optimal",
        "Pareto front",
        "Rules that contradict each other",
        "2 times invalid, such as scenario 0: guests.0: guest thread: target 6 GiB is",
    ):
        assert words in text
    assert max(map(len, text.splitlines())) <= 100
    assert files(folder) == GIVEN | {"r.parquet"}


def test_json(studied: Program) -> None:
    """Has always the same keys; shares from 0 to 1, sizes in bytes."""
    studied(*LINE)
    shown = studied("study", "show", "r.parquet", "--format", "json")
    assert (shown.returncode, shown.stderr) == (0, b"")
    told = json.loads(shown.stdout)
    assert list(told) == [
        "name",
        "scenarios",
        "done",
        "unique",
        "hit_rate",
        "statuses",
        "axes",
        "figures",
        "front",
        "reasons",
        "broken",
    ]
    assert (told["scenarios"], told["done"], told["unique"]) == (6, 6, 4)
    assert told["statuses"] == {"infeasible": 2, "invalid": 2, "optimal": 2}
    slots = told["axes"][1]
    assert slots["axis"] == "slots"
    assert slots["values"][0] == {
        "value": "1",
        "scenarios": 3,
        "infeasible": 2 / 3,
        "statuses": {"infeasible": 2, "invalid": 1},
    }
    assert told["figures"]["largest_dimm"].keys() == {"least", "median", "most"}
    assert {row["status"] for row in told["front"]} == {"optimal"}
    assert told["reasons"][0].keys() == {"conflict", "scenarios", "example", "remedy"}
    assert told["broken"][0].keys() == {"status", "says", "scenarios", "example"}


def on_a_terminal(command: list[str], folder: Path) -> tuple[bytes, bytes]:
    """What a program prints to standard output, and to the terminal that is its standard error."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "120"}
    process = subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=theirs, env=environment
    )
    os.close(theirs)
    seen = b""
    with suppress(OSError):  # Linux's way to say that nobody has the terminal any more
        while data := os.read(ours, 1 << 16):
            seen += data
    os.close(ours)
    out, _ = process.communicate()
    assert process.returncode == 0
    return out, seen


def test_progress_is_for_terminals(studied: Program, folder: Path) -> None:
    """There a bar with what is done; elsewhere only the message at the end."""
    assert b"\x1b" not in studied(*LINE).stderr
    out, seen = on_a_terminal([sys.executable, "-m", "slotsolver", *LINE], folder)
    assert out == b""
    for words in (
        b"\x1b",
        b"scenarios",
        b"/6",
        b"/s",
        b"feasible",
        b"slotsolver: wrote r.parquet",
    ):
        assert words in seen


def test_results_that_cannot_be_written(slotsolver: Program, folder: Path) -> None:
    """Are told, and nothing half-written stays."""
    (folder / "study.yaml").write_text(STUDY)
    before = files(folder)
    done = slotsolver(*LINE[:3], "-o", "/proc/r.parquet", "--workers", "1")
    assert done.returncode == BAD_INPUT
    assert done.stderr.count(b"\n") == 1
    assert b"cannot be written" in done.stderr
    assert files(folder) == before

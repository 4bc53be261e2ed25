"""``--format html``: a page for every answer, where the answer goes and with its exit code."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import lxml.html

from slotsolver.cli.answer import PROVED_INFEASIBLE, UNDECIDED

Program = Callable[..., subprocess.CompletedProcess[bytes]]


def test_a_plan_is_a_page(inside: Program, folder: Path) -> None:
    """On standard output or in a file, the same but for the time that it took."""
    printed = inside("plan", "problem.yaml", "--format", "html")
    assert printed.returncode == 0
    assert printed.stderr == b""
    written = inside("plan", "problem.yaml", "--format", "html", "-o", "page.html")
    assert (written.returncode, written.stdout) == (0, b"")
    for text in (printed.stdout, (folder / "page.html").read_bytes()):
        assert text.startswith(b"<!doctype html>\n")
        root = lxml.html.document_fromstring(text)
        assert root.cssselect("h2 bdi")[0].text == "thread"
        assert len({g.get("data-slot") for g in root.cssselect("g[data-slot]")}) == 8


def test_no_plan_is_a_page(inside: Program) -> None:
    """With exit code 3; the page is the answer and goes where answers go."""
    refused = inside("plan", "problem.yaml", "--slots", "1", "--format", "html")
    assert refused.returncode == PROVED_INFEASIBLE
    root = lxml.html.document_fromstring(refused.stdout)
    assert root.cssselect(".conflict li")
    assert root.cssselect(".remedies li")


def test_undecided_is_a_page(inside: Program, folder: Path) -> None:
    """With exit code 4."""
    from tests.cli.test_plan import HARD

    (folder / "hard.yaml").write_text(HARD)
    open_ = inside("plan", "hard.yaml", "--time-limit", "0.01", "--format", "html")
    assert open_.returncode == UNDECIDED
    assert b"No plan after" in open_.stdout


def test_a_folder_has_it_too(inside: Program, folder: Path) -> None:
    """``--out-dir`` writes its files beside the page."""
    done = inside("plan", "problem.yaml", "--format", "html", "--out-dir", "out", "-o", "out.html")
    assert done.returncode == 0
    assert (folder / "out" / "plan.json").is_file()
    assert (folder / "out.html").is_file()


def test_a_resize_is_a_page(inside: Program) -> None:
    """With what is to be done."""
    examples = Path(__file__).parents[2] / "examples"
    command = f"resize --guest {examples}/running/live.xml --to 10GiB --format html"
    done = inside(*command.split(), "--policy", "keep=0")
    assert done.returncode == 0, done.stderr
    root = lxml.html.document_fromstring(done.stdout)
    assert [b.text for b in root.cssselect("td b.unplug")] == ["unplug", "unplug"]


def test_a_study_is_a_page(inside: Program, folder: Path) -> None:
    """Its report is written whole, and says so."""
    study = """\
problem: problem.yaml
axes:
  - {name: maximum, field: maximum, values: [7 GiB, 8 GiB]}
  - {name: step, field: step, values: [512 MiB, 1 GiB]}
"""
    (folder / "study.yaml").write_text(study)
    done = inside("study", "run", "study.yaml", "-o", "r.parquet", "--workers", "1")
    assert done.returncode == 0, done.stderr
    shown = inside("study", "show", "r.parquet", "--html", "report.html")
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout == b""
    root = lxml.html.document_fromstring((folder / "report.html").read_bytes())
    assert root.cssselect("#heats td")
    assert root.cssselect(".scenario g[data-slot]")

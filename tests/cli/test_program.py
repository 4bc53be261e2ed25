"""The program itself: how it ends, what it loads, what a terminal sees."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from slotsolver.cli import main
from slotsolver.cli.progress import patiently
from slotsolver.errors import DefectError
from slotsolver.problem import Problem

Program = Callable[..., subprocess.CompletedProcess[bytes]]

LOADED = """\
import sys
from slotsolver.cli import main
sys.argv[0] = "slotsolver"
code = main(sys.argv[1:])
heavy = ("ortools", "pandas", "numpy", "lxml", "rich", "yaml")
print(*(name for name in heavy if name in sys.modules), file=sys.stderr)
sys.exit(code)
"""


@pytest.mark.parametrize(
    ("line", "allowed"),
    [
        ("--help", ""),
        ("plan --help", ""),
        ("resize --help", ""),
        ("host", "rich yaml"),
        ("host --format json", "yaml"),
        ("host host.yaml --format json", "yaml"),
        ("guest domain.xml --format json", "lxml yaml"),
        ("check domain.xml", "lxml yaml"),
        ("check domain.xml --format json", "lxml yaml"),
        ("schema problem", "yaml"),
    ],
)
def test_only_what_is_needed_is_loaded(folder: Path, line: str, allowed: str) -> None:
    """ortools is loaded to solve only, rich to draw only, lxml for XML only."""
    finished = subprocess.run(
        [sys.executable, "-c", LOADED, *line.split()], cwd=folder, capture_output=True, check=True
    )
    assert set(finished.stderr.decode().split()) <= set(allowed.split())


def test_version(slotsolver: Program) -> None:
    """The version is that of the distribution."""
    assert slotsolver("--version").stdout.startswith(b"slotsolver 0.")


def test_console_script(folder: Path) -> None:
    """The installed script is the same program."""
    script = Path(sys.executable).with_name("slotsolver")
    finished = subprocess.run([script, "host", "host.yaml"], cwd=folder, capture_output=True)
    assert (finished.returncode, finished.stderr) == (0, b"")


def test_defect_is_told_with_a_file_to_report(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A plan that the checker refuses is no output: a file that reproduces it is named."""

    def contradict(*_: object, **__: object) -> None:
        raise DefectError("the plan breaks a rule")

    monkeypatch.setattr("slotsolver.solver.solve", contradict)
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    assert main(["plan", str(folder / "problem.yaml"), "-o", str(folder / "out")]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    (report,) = folder.glob("slotsolver-defect-*.json")
    assert str(report) in printed.err
    assert printed.err.startswith("slotsolver: defect: ")
    assert "please report" in printed.err
    assert Problem.model_validate_json(report.read_text()).guests[0].name == "thread"
    assert not (folder / "out").exists()


def test_unforeseen_error_is_one_line(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An exception that nobody foresaw is one line; its traceback is there for the asking."""

    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("of all\nthings")

    monkeypatch.setattr("slotsolver.solver.solve", fail)
    arguments = ["plan", str(folder / "problem.yaml")]
    assert main(arguments) == 1
    first = capsys.readouterr().err
    assert first.startswith("slotsolver: defect: ZeroDivisionError: of all\\nthings;")
    assert first.count("\n") == 1
    assert "SLOTSOLVER_TRACEBACK=1" in first
    monkeypatch.setenv("SLOTSOLVER_TRACEBACK", "1")
    assert main(arguments) == 1
    assert "Traceback (most recent call last)" in capsys.readouterr().err


def test_reader_that_leaves(folder: Path) -> None:
    """Who closes the pipe early hears nothing more."""
    command = [sys.executable, "-m", "slotsolver", "schema", "problem"]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait() == 128 + signal.SIGPIPE
    process.stderr.close()


def test_interrupt(folder: Path) -> None:
    """An interrupt ends the program quietly."""
    fifo = folder / "never"
    os.mkfifo(fifo)
    command = [sys.executable, "-m", "slotsolver", "check", "never"]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    writer = None
    while writer is None and process.poll() is None:
        try:
            writer = os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)  # works once the program reads
        except OSError:
            time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (128 + signal.SIGINT, b"", b"")
    assert writer is not None
    os.close(writer)


def test_results_are_utf8_in_every_locale(slotsolver: Program, folder: Path) -> None:
    """A name of any script is printed as it is, whatever the locale says."""
    text = (folder / "problem.yaml").read_text().replace("thread", "größe")
    (folder / "problem.yaml").write_text(text, encoding="utf-8")
    environment = {**os.environ, "LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    finished = slotsolver("plan", "problem.yaml", "--format", "json", env=environment)
    assert finished.returncode == 0
    assert json.loads(finished.stdout.decode("utf-8"))["guests"][0]["name"] == "größe"


SLOW = """\
import threading
from slotsolver.cli import progress
progress.PATIENCE = 0.01
shown = threading.Event()
print(progress.patiently(lambda: shown.wait(0.5) or "found", "looking"))
"""


STEPS = """\
import threading
from types import SimpleNamespace
from slotsolver.cli import progress
progress.PATIENCE = 0.01
seen, wait = progress.Progress(), threading.Event()
def call():
    wait.wait(0.3)
    for done in range(4):
        seen.see(SimpleNamespace(done=done, total=3))
        wait.wait(0.3)
    return "found"
print(progress.patiently(call, "looking", seen))
"""


def on_a_terminal(program: str) -> tuple[bytes, bytes]:
    """What a program prints to standard output, and to the terminal that is its standard error."""
    ours, theirs = pty.openpty()
    try:
        environment = {**os.environ, "TERM": "xterm", "COLUMNS": "120"}
        finished = subprocess.run(
            [sys.executable, "-c", program],
            stdout=subprocess.PIPE,
            stderr=theirs,
            env=environment,
            check=True,
        )
        return finished.stdout, os.read(ours, 1 << 16)
    finally:
        os.close(ours)
        os.close(theirs)


def test_terminal_sees_how_far_it_is() -> None:
    """Once steps are told, how many of how many, and that it may be ended."""
    out, seen = on_a_terminal(STEPS)
    assert out == b"found\n"
    for words in (b"looking for what would help", b"1/3", b"2/3", b"Ctrl-C shows what is known"):
        assert words in seen


def test_terminal_sees_a_sign_of_life() -> None:
    """A call that takes long is told on standard error where that is a terminal, and only there."""
    out, seen = on_a_terminal(SLOW)
    assert (out, b"looking" in seen) == (b"found\n", True)
    quiet = subprocess.run([sys.executable, "-c", SLOW], capture_output=True, check=True)
    assert (quiet.stdout, quiet.stderr) == (b"found\n", b"")


def test_errors_of_a_patient_call_come_through() -> None:
    """What the call raises is raised where it was asked for."""
    with pytest.raises(ZeroDivisionError):
        patiently(lambda: 1 // 0, "dividing")

"""Ctrl-C while a study runs: it ends cleanly with what is finished, and goes on later."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from slotsolver.study.interrupts import undisturbed
from slotsolver.study.run import run
from tests.own_rules import Site, site_in
from tests.study import studies

SLOW = 30
"""The scenario that takes as long as the gate is there."""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A folder of installed distributions, with the rule ``fate``."""
    with site_in(tmp_path / "site", monkeypatch) as site:
        studies.install_fates(site)
        yield site


class Waiting:
    """A study at work on the one scenario that takes long, all others being finished."""

    def __init__(self, folder: Path, site: Site) -> None:
        self.gate = folder / "gate"
        self.gate.touch()
        self.study = studies.fateful({SLOW: {"does": "waits", "gate": str(self.gate)}})
        self.results = folder / "results.parquet"
        self.file = studies.written(self.study, folder / "study.yaml")
        self.environment = studies.environment(site.folder)

    def line(self, *more: str) -> list[str]:
        """How it is started."""
        return studies.program("study", "run", self.file, "-o", self.results, *more)

    def until_it_waits(self, process: subprocess.Popen[bytes]) -> None:
        """Until all that is short is done: the log grows no more."""
        log = self.results.with_name(f"{self.results.name}.partial.wal")
        assert studies.until(lambda: studies.size_of(log) > ENOUGH, process)

    def judge(self, folder: Path) -> None:
        """The rows that are there are right, and resuming makes the others."""
        found = studies.rows(self.results)
        assert 0 < len(found) < 40
        assert SLOW not in {row["scenario"] for row in found}
        self.gate.unlink()
        definition = studies.definition(self.study, folder)
        whole = folder / "whole.parquet"
        run(definition, whole, workers=2)
        should = studies.rows(whole)
        assert all(row == should[row["scenario"]] for row in found)
        run(definition, self.results, workers=2, resume=True)
        assert studies.rows(self.results) == should


ENOUGH = 5_000
"""Bytes in the log of a fateful study when its scenarios are kept, and some answers."""


@pytest.fixture
def waiting(tmp_path: Path, site: Site) -> Waiting:
    """The study of these tests."""
    return Waiting(tmp_path, site)


@pytest.mark.parametrize("engine", ["local", "dask"])
def test_interrupt(tmp_path: Path, waiting: Waiting, engine: str) -> None:
    """As a terminal sends it: to all processes of the group."""
    process = subprocess.Popen(
        waiting.line("--engine", engine, "--workers", "2"),
        stderr=subprocess.PIPE,
        env=waiting.environment,
        process_group=0,
    )
    waiting.until_it_waits(process)
    others = studies.offspring(process)
    os.killpg(process.pid, signal.SIGINT)
    (line,) = studies.told(process)
    assert process.returncode == 130
    assert line.startswith(f"slotsolver: interrupted: {waiting.results} has ")
    assert line.endswith(" of 40 scenarios; --resume goes on with the others")
    assert not studies.left_of(others)
    waiting.judge(tmp_path)


def test_interrupt_in_a_terminal(tmp_path: Path, waiting: Waiting) -> None:
    """Ctrl-C is typed; the bar goes, and one line says how to go on."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(sys.executable, waiting.line(), waiting.environment)  # noqa: S606
    seen = bytearray()
    reader = threading.Thread(target=read_all, args=(terminal, seen))
    reader.start()
    log = waiting.results.with_name(f"{waiting.results.name}.partial.wal")
    assert studies.until(lambda: studies.size_of(log) > ENOUGH)
    os.write(terminal, b"\x03")
    _, status = os.waitpid(pid, 0)
    reader.join()
    os.close(terminal)
    assert os.waitstatus_to_exitcode(status) == 130
    text = seen.decode()
    assert "scenarios" in text
    assert text.count("--resume goes on") == 1
    assert "Traceback" not in text
    waiting.judge(tmp_path)


def read_all(terminal: int, into: bytearray) -> None:
    """Read what a terminal shows until nobody writes to it any more."""
    while True:
        try:
            into += os.read(terminal, 65536)
        except OSError:
            return


def test_interrupt_while_workers_start(waiting: Waiting) -> None:
    """No worker complains of it, however early it comes."""
    process = subprocess.Popen(
        waiting.line(), stderr=subprocess.PIPE, env=waiting.environment, process_group=0
    )
    assert studies.until(lambda: len(studies.offspring(process)) > 2, process)
    others = studies.offspring(process)
    os.killpg(process.pid, signal.SIGINT)
    assert len(studies.told(process)) == 1
    assert process.returncode == 130
    assert not studies.left_of(others)


def test_undisturbed() -> None:
    """An interrupt is heard after what is not to be disturbed, and once."""
    steps = []
    with pytest.raises(KeyboardInterrupt):  # noqa: PT012 - the place is the point
        with undisturbed():
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)
            steps.append("done")
        steps.append("not reached")
    assert steps == ["done"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler

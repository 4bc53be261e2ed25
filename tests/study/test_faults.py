"""Whatever ends a study early, or its workers: the table is that of an undisturbed run."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from multiprocessing import forkserver
from pathlib import Path
from typing import Any

import pytest

from slotsolver.study import dispatch
from slotsolver.study import run as running
from slotsolver.study.engines import Processes
from slotsolver.study.run import Progress, run
from tests.own_rules import Site
from tests.study import dying, studies

DYING = [sys.executable, dying.__file__]


def resumed(results: Path) -> int:
    """Go on with a study; how many problems were solved."""
    with Processes(2) as own:
        counting = studies.Counting(own)
        run(
            studies.definition(studies.USUAL, results.parent),
            results,
            executor=counting,
            workers=2,
            resume=True,
        )
    return counting.given


def test_the_study_has_all_sorts(right: Path) -> None:
    """Plans, none, no problems, and some that are the same as others."""
    found = studies.statuses(right)
    assert sum(found.values()) == 405
    assert {"optimal", "infeasible", "invalid"} <= found.keys()
    assert studies.different(right) < 378


@pytest.mark.parametrize(
    ("call", "when", "count"),
    [
        ("scenarios", "after", 1),
        ("answers", "after", 1),
        ("answers", "before", 5),
        ("write", "before", 1),
        ("settle", "before", 1),
        ("settle", "after", 1),
    ],
)
def test_killed_at_a_moment(tmp_path: Path, right: Path, call: str, when: str, count: int) -> None:
    """What was kept is not solved again, and nothing else is left of the run that was killed."""
    study = studies.written(studies.USUAL, tmp_path / "study.yaml")
    results = tmp_path / "results.parquet"
    partial = tmp_path / "results.parquet.partial"
    line = [*DYING, call, when, str(count), "study", "run", str(study), "-o", str(results)]
    assert subprocess.run(line, check=False).returncode == -signal.SIGKILL
    kept = studies.answers_in(partial) if partial.exists() else 0
    assert resumed(results) == studies.different(right) - kept
    assert (kept == 0) == (call == "scenarios")
    assert results.read_bytes() == right.read_bytes()
    assert {path.name for path in tmp_path.iterdir()} == {"study.yaml", "results.parquet"}


@pytest.mark.parametrize("kept", [0, 30_000, 36_000])
def test_killed_at_any_moment(tmp_path: Path, right: Path, kept: int) -> None:
    """When about so many bytes are kept. Its workers end too."""
    study = studies.written(studies.USUAL, tmp_path / "study.yaml")
    results = tmp_path / "results.parquet"
    log = tmp_path / "results.parquet.partial.wal"
    process = studies.started("study", "run", study, "-o", results, "--workers", "2")
    assert studies.until(lambda: log.exists() and studies.size_of(log) >= kept, process)
    workers = studies.offspring(process)
    process.kill()
    studies.told(process)
    assert not studies.left_of(workers)
    assert kept == 0 or len(workers) >= 3  # two, and who starts them
    assert not results.exists()
    resumed(results)
    assert results.read_bytes() == right.read_bytes()


def killing(pid_of: Callable[[int], int | None], times: int) -> tuple[list[int], Any]:
    """A watch that kills a process whenever some more scenarios are done."""
    killed: list[int] = []

    def watch(progress: Progress) -> None:
        if len(killed) < times and progress.done > 40 * (len(killed) + 1):
            pid = pid_of(len(killed))
            if pid is not None and pid not in killed:
                os.kill(pid, signal.SIGKILL)
                killed.append(pid)

    return killed, watch


def a_worker(number: int) -> int | None:
    """The first or the last worker."""
    workers = sorted(child.pid or 0 for child in multiprocessing.active_children())
    return workers[-(number % 2)] if workers else None


def test_killed_workers(tmp_path: Path, right: Path) -> None:
    """The study goes on with others."""
    results = tmp_path / "results.parquet"
    killed, watch = killing(a_worker, 4)
    run(studies.definition(studies.USUAL, tmp_path), results, workers=2, watch=watch)
    assert len(killed) == 4
    assert results.read_bytes() == right.read_bytes()


def test_killed_server_of_workers(tmp_path: Path, right: Path) -> None:
    """Who starts the workers is started anew."""
    results = tmp_path / "results.parquet"
    server = forkserver._forkserver  # type: ignore[attr-defined]
    killed, watch = killing(lambda _: server._forkserver_pid, 1)
    run(studies.definition(studies.USUAL, tmp_path), results, workers=2, watch=watch)
    assert len(killed) == 1
    assert results.read_bytes() == right.read_bytes()


@pytest.mark.parametrize("workers", [1, 2])
def test_poison(tmp_path: Path, site: Site, workers: int) -> None:  # noqa: ARG001 - installs it
    """Scenarios that end each worker that meets them, or raise, say so; all others are right."""
    expected = {
        3: ("exits", "ended every worker that tried it (3)"),
        17: ("is killed", "ended every worker that tried it (3)"),
        18: ("raises", "fate of fates: its restrict fails: ValueError: no such luck"),
        25: ("leaves", "SystemExit: 3"),
    }
    fates = {number: {"does": does} for number, (does, _) in expected.items()}
    (tmp_path / "sound").mkdir()
    sound = tmp_path / "sound.parquet"
    run(studies.definition(studies.fateful({}), tmp_path / "sound"), sound, workers=workers)
    results = tmp_path / "results.parquet"
    run(studies.definition(studies.fateful(fates), tmp_path), results, workers=workers)
    should = studies.rows(sound)
    for row in studies.rows(results):
        number = row["scenario"]
        if number in expected:
            assert row["status"] == "failed"
            assert row["says"].startswith(expected[number][1])
            assert row["slots_taken"] is None
        else:
            assert {name: row[name] for name in should[number]} == should[number]
            assert row["status"] == "optimal"


def test_sizes_of_batches_and_chunks(
    tmp_path: Path, right: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How the work is cut does not show; nor does who does it, or in which order."""
    for number, (batch, most, workers) in enumerate([(7, 1, 2), (64, 5, 1), (405, 64, 3)]):
        monkeypatch.setattr(running, "BATCH", batch)
        monkeypatch.setattr(dispatch, "MOST_IN_CHUNK", most)
        results = tmp_path / f"{number}.parquet"
        run(studies.definition(studies.USUAL, tmp_path), results, workers=workers)
        assert results.read_bytes() == right.read_bytes()

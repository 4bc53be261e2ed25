"""The same studies on a Dask cluster of two workers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from pathlib import Path

import pytest

from slotsolver.errors import InputError
from slotsolver.study import engines
from slotsolver.study.engines import OnCluster, Processes, dask_cluster
from slotsolver.study.run import Progress, run
from tests.own_rules import Site
from tests.study import studies

DASK = ("--engine", "dask")


@contextmanager
def elsewhere(workers: int) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """The address of a cluster that was started on its own, and its process."""
    program = f"""
import distributed
if __name__ == "__main__":
    with distributed.LocalCluster(n_workers={workers}, threads_per_worker=1,
            dashboard_address="127.0.0.1:0", host="127.0.0.1", silence_logs=50) as cluster:
        print(cluster.scheduler_address, flush=True)
        input()
"""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen([sys.executable, "-c", program], **pipes) as process:  # type: ignore[call-overload]
        assert process.stdout
        yield process.stdout.readline().decode().strip(), process
        process.communicate(b"\n")


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """The address of a cluster of two workers."""
    with elsewhere(2) as (address, _):
        yield address


def test_own_cluster(tmp_path: Path, right: Path) -> None:
    """The program starts one, says nothing of it, and leaves nothing of it."""
    study = studies.written(studies.USUAL, tmp_path / "study.yaml")
    results = tmp_path / "results.parquet"
    process = studies.started("study", "run", study, "-o", results, *DASK, "--workers", "2")
    partial = tmp_path / "results.parquet.partial"
    assert studies.until(partial.exists, process)
    others = studies.offspring(process)
    line, _ = studies.told(process)  # what was written, and that some scenarios are invalid
    assert process.returncode == 0
    assert line.startswith(f"slotsolver: wrote {results}: 405 scenarios, ")
    assert len(others) >= 2
    assert not studies.left_of(others)
    assert results.read_bytes() == right.read_bytes()


def test_cluster_that_is_there(tmp_path: Path, right: Path, cluster: str) -> None:
    """It is used as often as one likes, and goes on."""
    study = studies.written(studies.USUAL, tmp_path / "study.yaml")
    results = tmp_path / "results.parquet"
    line = ["study", "run", study, "-o", results, *DASK, "--scheduler", cluster]
    process = studies.started(*line)
    assert len(studies.told(process)) == 2
    assert process.returncode == 0
    assert results.read_bytes() == right.read_bytes()
    again = tmp_path / "again.parquet"
    with dask_cluster(cluster, None) as (executor, workers):
        assert workers == 2
        run(studies.definition(studies.USUAL, tmp_path), again, executor=executor, workers=2)
    assert again.read_bytes() == right.read_bytes()


def pids(executor: Executor) -> list[int]:
    """The workers of a cluster."""
    assert isinstance(executor, OnCluster)
    return sorted(executor.client.run(os.getpid).values())


def test_killed_workers(tmp_path: Path, right: Path) -> None:
    """The study goes on with others."""
    results = tmp_path / "results.parquet"
    killed: list[int] = []
    with dask_cluster(None, 2) as (executor, workers):

        def watch(progress: Progress) -> None:
            if len(killed) < 2 and progress.done > 60 * (len(killed) + 1):
                killed.append(pids(executor)[-1])
                os.kill(killed[-1], signal.SIGKILL)

        study = studies.definition(studies.USUAL, tmp_path)
        run(study, results, executor=executor, workers=workers, watch=watch)
        assert not set(killed) & set(pids(executor))
    assert len(set(killed)) == 2
    assert results.read_bytes() == right.read_bytes()


def test_poison(tmp_path: Path, site: Site) -> None:  # noqa: ARG001 - installs it
    """A scenario that ends each worker that meets it says so; all others are right."""
    sound = tmp_path / "sound.parquet"
    (tmp_path / "sound").mkdir()
    run(studies.definition(studies.fateful({}), tmp_path / "sound"), sound, workers=2)
    results = tmp_path / "results.parquet"
    bad = {7: "exits", 20: "raises", 21: "leaves"}
    study = studies.fateful({number: {"does": does} for number, does in bad.items()})
    with dask_cluster(None, 2) as (executor, workers):
        definition = studies.definition(study, tmp_path)
        run(definition, results, executor=executor, workers=workers)
    should = studies.rows(sound)
    says = {}
    for row in studies.rows(results):
        if row["scenario"] in bad:
            assert row["status"] == "failed"
            says[bad[row["scenario"]]] = row["says"]
        else:
            assert {name: row[name] for name in should[0]} == should[row["scenario"]]
    assert says["exits"] == "ended every worker that tried it (3)"
    assert says["leaves"] == "SystemExit: 3"
    assert "no such luck" in says["raises"]


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("tcp://127.0.0.1:9", "nobody answers: Timed out trying to connect"),
        ("nonsense", "nobody answers: missing port number"),
        ("foo://bar:1", "nobody answers: unknown address scheme"),
    ],
)
def test_nobody_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str, says: str
) -> None:
    """One clear line."""
    monkeypatch.setattr(engines, "CONNECT_SECONDS", 1)
    with pytest.raises(InputError) as caught, dask_cluster(address, None):
        pass
    assert caught.value.source == address
    assert caught.value.message.startswith(says)
    assert not list(tmp_path.iterdir())


def test_cluster_that_goes_away(tmp_path: Path, right: Path) -> None:
    """One clear line, and what is finished is kept."""
    study, results = studies.definition(studies.USUAL, tmp_path), tmp_path / "results.parquet"
    with elsewhere(2) as (address, process):

        def watch(progress: Progress) -> None:
            if progress.done > 60 and process.poll() is None:
                process.kill()
                process.wait()

        with (
            pytest.raises(InputError, match=r"^the workers are gone \("),
            dask_cluster(address, None) as (executor, workers),
        ):
            run(study, results, executor=executor, workers=workers, watch=watch)
    kept = studies.answers_in(tmp_path / "results.parquet.partial")
    assert kept > 0
    with Processes(2) as own:
        other = studies.Counting(own)
        run(study, results, executor=other, workers=2, resume=True)
    assert other.given == studies.different(right) - kept
    assert results.read_bytes() == right.read_bytes()


def test_cluster_with_another_version(monkeypatch: pytest.MonkeyPatch, cluster: str) -> None:
    """Results would not be the same: it is refused."""
    monkeypatch.setattr(engines.work, "VERSION", "0.0.9")
    with pytest.raises(InputError, match="install the same ones"), dask_cluster(cluster, None):
        pass


def test_cluster_without_workers() -> None:
    """Nothing would ever be answered: it is refused."""
    with (
        elsewhere(0) as (address, _),
        pytest.raises(InputError, match="has no workers"),
        dask_cluster(address, None),
    ):
        pass

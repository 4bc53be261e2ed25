"""Stores that are damaged, not one's own, or have no room: one clear line, and nothing is lost."""

from __future__ import annotations

import os
import random
import re
import shutil
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from slotsolver.errors import InputError
from slotsolver.study import run as running
from slotsolver.study.definition import Definition
from slotsolver.study.engines import Processes
from slotsolver.study.run import Progress, run
from tests.real.conftest import absent
from tests.study import dying, studies

SPACE = 2 << 20
"""Bytes of the small disk."""


@pytest.fixture(scope="module")
def workers() -> Iterator[Processes]:
    """Two workers for all tests."""
    with Processes(2) as own:
        yield own


@pytest.fixture(scope="module")
def right(tmp_path_factory: pytest.TempPathFactory, workers: Processes) -> Path:
    """The results of an undisturbed run."""
    folder = tmp_path_factory.mktemp("undisturbed")
    results = folder / "results.parquet"
    run(usual(folder), results, executor=workers, workers=2)
    return results


@pytest.fixture(scope="module")
def halfway(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what a run that was killed has left: half in the log of the store."""
    folder = tmp_path_factory.mktemp("killed")
    study = studies.written(studies.USUAL, folder / "study.yaml")
    line = [sys.executable, dying.__file__, "answers", "after", "6", "study", "run", str(study)]
    subprocess.run([*line, "-o", str(folder / "results.parquet")], check=False)
    assert {"results.parquet.partial", "results.parquet.partial.wal"} <= {
        path.name for path in folder.iterdir()
    }
    return folder


@pytest.fixture
def unfinished(tmp_path: Path, halfway: Path) -> Path:
    """The store of a run that was killed, in a folder of this test; its log is beside it."""
    for path in halfway.iterdir():
        shutil.copy(path, tmp_path)
    return tmp_path / "results.parquet.partial"


def usual(folder: Path) -> Definition:
    """The study of these tests."""
    return studies.definition(studies.USUAL, folder)


def checkpointed(partial: Path) -> Path:
    """All of the store in its file, and nothing in its log."""
    with duckdb.connect(str(partial)) as database:
        database.execute("CHECKPOINT")
    return partial


def flipped(share: float) -> Callable[[Path], None]:
    """Turn every bit of a byte at this share of the file's length."""

    def flip(path: Path) -> None:
        data = bytearray(path.read_bytes())
        data[int(share * (len(data) - 1))] ^= 0xFF
        path.write_bytes(data)

    return flip


def cut(share: float) -> Callable[[Path], None]:
    """Leave only this share of a file."""
    return lambda path: os.truncate(path, int(share * path.stat().st_size))


def garbage(path: Path) -> None:
    """Random bytes instead."""
    path.write_bytes(random.Random(1).randbytes(20_000))  # noqa: S311 - the same each time


DAMAGES = {
    "a bit of the head": flipped(0.0),
    "a bit further on": flipped(0.007),
    "a bit of a block": flipped(0.3),
    "a bit of the middle": flipped(0.5),
    "a bit of the end": flipped(1.0),
    "cut in the middle": cut(0.5),
    "without its end": cut(0.99),
    "empty": cut(0),
    "garbage": garbage,
}


@pytest.mark.parametrize("where", ["file", "log"])
@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_damage(
    unfinished: Path, right: Path, workers: Processes, where: str, damage: Callable[[Path], None]
) -> None:
    """A damaged store is told to be one, or what is sound of it is gone on with."""
    if where == "file":
        damage(checkpointed(unfinished))
    else:
        damage(unfinished.with_name(f"{unfinished.name}.wal"))
    before: list[int] = []
    results = unfinished.with_suffix("")
    progress = run(
        usual(unfinished.parent),
        results,
        executor=workers,
        workers=2,
        resume=True,
        watch=lambda progress: before.append(progress.before),
    )
    assert progress.damaged <= (before[0] == 0)
    assert results.read_bytes() == right.read_bytes()
    assert {path.name for path in unfinished.parent.iterdir()} == {"study.yaml", results.name}


def test_damage_is_told(unfinished: Path, right: Path) -> None:
    """The program says so."""
    flipped(0.3)(checkpointed(unfinished))
    results = unfinished.with_suffix("")
    study = unfinished.with_name("study.yaml")
    process = studies.started("study", "run", study, "-o", results, "--resume")
    lines = studies.told(process)
    assert process.returncode == 0
    said = "was damaged and could not be used: everything was done anew"
    assert f"slotsolver: {unfinished} {said}" in lines
    assert results.read_bytes() == right.read_bytes()


def refusal(partial: Path, study: Definition, *, resume: bool = True) -> str:
    """How a run is refused that would go on with a store. Nothing of it is lost."""
    with pytest.raises(InputError) as caught:
        run(study, partial.with_suffix(""), workers=1, resume=resume)
    assert caught.value.source == str(partial)
    return caught.value.message


def goes_on(partial: Path, workers: Processes, right: Path, *, kept: int) -> None:
    """The store is as it was: so many of its answers are not looked for again."""
    counting = studies.Counting(workers)
    results = partial.with_suffix("")
    run(usual(partial.parent), results, executor=counting, workers=2, resume=True)
    assert counting.given == studies.different(right) - kept
    assert results.read_bytes() == right.read_bytes()


@pytest.mark.parametrize("change", [{"name": "another"}, {"effort": 3.0}, {"seed": 1}])
def test_store_of_another_study(
    unfinished: Path, right: Path, workers: Processes, change: dict[str, Any]
) -> None:
    """It is left to that."""
    kept = studies.answers_in(unfinished)
    other = usual(unfinished.parent).model_copy(update=change)
    assert refusal(unfinished, other).startswith("was begun by another study")
    goes_on(unfinished, workers, right, kept=kept)


def test_store_of_another_version(
    unfinished: Path, right: Path, workers: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other versions may answer otherwise."""
    kept = studies.answers_in(unfinished)
    with monkeypatch.context() as patch:
        patch.setattr(running, "VERSION", "0.0.9")
        says = refusal(unfinished, usual(unfinished.parent))
    assert "another version of slotsolver; finish it with that, or remove it" in says
    goes_on(unfinished, workers, right, kept=kept)


def test_store_of_another_duckdb(unfinished: Path) -> None:
    """A file that a newer DuckDB has written is whole, though it cannot be read here."""
    head = bytearray(checkpointed(unfinished).read_bytes())
    head[12:20] = struct.pack("<Q", 5000)  # the storage version; before it "DUCK" and a checksum
    unfinished.write_bytes(head)
    with pytest.raises(duckdb.Error) as caught:
        duckdb.connect(str(unfinished))
    computed = re.search(r"computed checksum (\d+)", str(caught.value))
    assert computed
    head[:8] = struct.pack("<Q", int(computed[1]))
    unfinished.write_bytes(head)
    says = refusal(unfinished, usual(unfinished.parent))
    assert says.startswith("was written by another version of DuckDB; finish it with that")
    assert "5000" in says
    assert unfinished.read_bytes() == head


def test_store_that_is_not_to_be_resumed(unfinished: Path, right: Path, workers: Processes) -> None:
    """It is not overwritten by accident."""
    kept = studies.answers_in(unfinished)
    says = refusal(unfinished, usual(unfinished.parent), resume=False)
    assert (
        says == "holds the unfinished results of a study; --resume goes on with them, or remove it"
    )
    goes_on(unfinished, workers, right, kept=kept)


def test_damaged_store_that_is_not_to_be_resumed(unfinished: Path) -> None:
    """Nor is a damaged one removed without being asked."""
    garbage(unfinished)
    before = unfinished.read_bytes()
    refusal(unfinished, usual(unfinished.parent), resume=False)
    assert unfinished.read_bytes() == before


def test_folder_in_the_place_of_the_store(tmp_path: Path) -> None:
    """One clear line."""
    partial = tmp_path / "results.parquet.partial"
    partial.mkdir()
    assert refusal(partial, usual(tmp_path)) == "is no file"
    assert partial.is_dir()


@pytest.mark.parametrize("resume", [True, False])
def test_store_in_use(unfinished: Path, right: Path, workers: Processes, resume: bool) -> None:
    """Another run is at work; nobody is told to remove its store."""
    kept = studies.answers_in(unfinished)
    hold = f"import duckdb; db = duckdb.connect({str(unfinished)!r}); print(flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout
        other.stdout.readline()
        assert (
            refusal(unfinished, usual(unfinished.parent), resume=resume)
            == "is in use by another run"
        )
        other.communicate(b"\n")
    goes_on(unfinished, workers, right, kept=kept)


def test_log_without_its_store(unfinished: Path, right: Path, workers: Processes) -> None:
    """Where somebody has removed the store but not its log, the study begins anew."""
    unfinished.unlink()
    results = unfinished.with_suffix("")
    run(usual(unfinished.parent), results, executor=workers, workers=2)
    assert results.read_bytes() == right.read_bytes()
    assert not unfinished.with_name(f"{unfinished.name}.wal").exists()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small disk of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    line = ["mount", "-t", "tmpfs", "-o", f"size={SPACE}", "slotsolver-test", str(folder)]
    mounted = subprocess.run(line, capture_output=True, check=False)
    if mounted.returncode:
        absent("mount", mounted.stderr.decode().strip())
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(disk: Path, left: int = 0) -> None:
    """Fill a disk but for so many bytes."""
    found = os.statvfs(disk)
    (disk / "filler").write_bytes(bytes(found.f_bavail * found.f_frsize - left))


def ends_for_want_of_room(disk: Path, source: str, study: Definition, **options: Any) -> None:
    """The run ends with one clear line and without results; with room it ends well."""
    results = disk / "results.parquet"
    with pytest.raises(InputError) as caught:
        run(study, results, workers=2, **options)
    assert caught.value.source == str(disk / source)
    assert caught.value.message.startswith("cannot be written: No space left on device")
    assert {path.name for path in disk.iterdir()} <= {
        "filler",
        "results.parquet.partial",
        "results.parquet.partial.wal",
    }
    (disk / "filler").unlink()


@pytest.mark.parametrize("left", [0, 4096, 16384])
def test_full_disk(disk: Path, tmp_path: Path, right: Path, workers: Processes, left: int) -> None:
    """From the beginning, or as good as."""
    fill(disk, left)
    study, results = usual(tmp_path), disk / "results.parquet"
    ends_for_want_of_room(disk, "results.parquet.partial", study, executor=workers)
    run(study, results, executor=workers, workers=2, resume=True)
    assert results.read_bytes() == right.read_bytes()


def test_disk_that_is_full_in_the_end(
    disk: Path, tmp_path: Path, right: Path, workers: Processes
) -> None:
    """When only the results are still to be written."""
    study = usual(tmp_path)

    def watch(progress: Progress) -> None:
        if progress.done == progress.total and not (disk / "filler").exists():
            fill(disk)

    ends_for_want_of_room(disk, "results.parquet", study, executor=workers, watch=watch)
    goes_on_at = disk / "results.parquet.partial"
    (disk / "study.yaml").write_bytes((tmp_path / "study.yaml").read_bytes())
    goes_on(goes_on_at, workers, right, kept=studies.different(right))


@pytest.mark.parametrize("kept", [1, 32_000])
def test_disk_that_fills(disk: Path, tmp_path: Path, right: Path, kept: int) -> None:
    """While the program is at work, and about so many bytes are kept."""
    study = studies.written(studies.USUAL, tmp_path / "study.yaml")
    results = disk / "results.parquet"
    log = disk / "results.parquet.partial.wal"
    process = studies.started("study", "run", study, "-o", results, "--workers", "2")
    assert studies.until(lambda: studies.size_of(log) >= kept, process)
    fill(disk)
    (line,) = studies.told(process)
    assert process.returncode == 2
    assert line.startswith(f"slotsolver: error: {results}")
    assert "cannot be written: No space left on device; what is finished is kept" in line
    assert not results.exists()
    (disk / "filler").unlink()
    again = studies.started("study", "run", study, "-o", results, "--resume")
    studies.told(again)
    assert again.returncode == 0
    assert results.read_bytes() == right.read_bytes()
    assert [path.name for path in disk.iterdir()] == ["results.parquet"]

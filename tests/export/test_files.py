"""Files appear whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slotsolver.errors import InputError
from slotsolver.export.destination import destination_xml
from slotsolver.export.documents import json_text
from slotsolver.export.files import folder_name, write_directory, write_whole
from slotsolver.export.libvirt import domain_xml
from slotsolver.export.qmp import qmp_lines
from slotsolver.problem import Problem
from slotsolver.size import GiB
from tests.checker.running import migrating, planned_virtio
from tests.export.cases import CASES
from tests.export.plans import guest_of, plan_of, planned_guest


def test_replaces_and_keeps_the_mode(tmp_path: Path) -> None:
    """An old file is replaced with its mode kept; nothing else is left behind."""
    file = tmp_path / "plan.json"
    file.write_text("old")
    file.chmod(0o640)
    write_whole(file, "new ✓")
    assert file.read_text(encoding="utf-8") == "new ✓"
    assert file.stat().st_mode & 0o777 == 0o640
    assert list(tmp_path.iterdir()) == [file]


def test_new_file_has_the_usual_mode(tmp_path: Path) -> None:
    """A new file is as readable as any other that the process makes."""
    write_whole(tmp_path / "a", "text")
    (tmp_path / "b").write_text("text")
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "b").stat().st_mode


def test_failure_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that fails before the move costs nothing: the old file stands, no rest remains."""
    file = tmp_path / "plan.json"
    file.write_text("old")

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InputError, match="cannot be written: no space left on device"):
        write_whole(file, "new")
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]


def test_link_is_followed(tmp_path: Path) -> None:
    """A link stays a link; what it points to is replaced."""
    real, link = tmp_path / "real", tmp_path / "link"
    real.write_text("old")
    link.symlink_to(real)
    write_whole(link, "new")
    assert link.is_symlink()
    assert real.read_text() == "new"


def test_device_is_written_to() -> None:
    """A device is not replaced by a file."""
    write_whole(Path("/dev/null"), "text")
    assert Path("/dev/null").is_char_device()


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("", "is a directory"),
        ("missing/plan.json", "no such file"),
        ("file/plan.json", "not a dir"),
    ],
)
def test_bad_places(tmp_path: Path, place: str, message: str) -> None:
    """A place that cannot be written is one clear error."""
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match=f"cannot be written: {message}"):
        write_whole(tmp_path / place, "text")


def test_one_guest(tmp_path: Path) -> None:
    """One guest: all files side by side, in a folder that is made."""
    problem, plan = CASES["thread"]()
    out = tmp_path / "a" / "b"
    written = write_directory(out, problem, plan)
    assert sorted(path.name for path in written) == ["domain.xml", "plan.json", "qemu.args"]
    assert (out / "plan.json").read_text() == json_text(plan)
    assert (out / "domain.xml").read_text() == domain_xml(problem, plan, "db1")
    assert (out / "qemu.args").read_text().startswith("-machine q35 \\\n-smp 8 \\\n")


def test_a_running_guest(tmp_path: Path) -> None:
    """What is to be done stands beside it, and its XML for each host that it may migrate to."""
    case = migrating()
    problem = Problem.model_validate(case.document)
    written = write_directory(tmp_path, problem, case.plan)
    names = [path.name for path in written]
    assert names == [
        *("domain.xml", "qemu.args", "destination-1.xml", "device-1.xml", "device-2.xml"),
        *("operations.qmp", "operations.sh", "plan.json"),
    ]
    assert (tmp_path / "destination-1.xml").read_text() == destination_xml(
        problem, case.plan, "vm", 0
    )
    assert (tmp_path / "operations.qmp").read_text() == qmp_lines(problem, case.plan, "vm")
    assert "slot='2'" in (tmp_path / "device-1.xml").read_text()
    assert "plug ./device-2.xml 4 0x" in (tmp_path / "operations.sh").read_text()


def test_files_of_an_earlier_plan_go(tmp_path: Path) -> None:
    """No device, destination or script is left that this plan has not; what is not ours stays."""
    case = migrating()
    problem = Problem.model_validate(case.document)
    write_directory(tmp_path, problem, case.plan)
    kept = ["device-1.xml.old", "device-x.xml", "destination-1.txt", "operations.log", "notes"]
    for name in kept:
        (tmp_path / name).write_text("kept")
    shorter = case.planned(operations=case.plan.guests[0].operations[:1]).answered(destinations=())
    write_directory(tmp_path, problem.model_copy(update={"also_hosts": ()}), shorter.plan)
    names = ["device-1.xml", "domain.xml", "operations.qmp", "operations.sh", "plan.json"]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*names, "qemu.args", *kept])
    new = planned_virtio()
    write_directory(tmp_path, Problem.model_validate(new.document), new.plan)
    names = ["domain.xml", "plan.json", "qemu.args"]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*names, *kept])


def test_a_destination_that_would_be_refused_is_not_written(tmp_path: Path) -> None:
    """A host that does not take the guest gets no XML; the others keep their numbers."""
    case = migrating()
    host = case.document["also_hosts"][0]
    poor = {"nodes": [{**host["nodes"][0], "pages": {"2 MiB": {"total": 4096, "free": 9}}}]}
    there = case.plan.destinations[0]
    both = (there, there.model_copy(update={"host": 1}))
    case = case.posed(also_hosts=[poor, host]).answered(destinations=both)
    write_directory(tmp_path, Problem.model_validate(case.document), case.plan)
    assert [path.name for path in tmp_path.glob("destination*")] == ["destination-2.xml"]


def test_several_guests(tmp_path: Path) -> None:
    """Several guests: each in a folder of its own name, and the plan above them."""
    guests = tuple(guest_of(1, name=name) for name in ("web", "../../etc", "a/b"))
    plan = plan_of(*(planned_guest(guest, [4 * GiB]) for guest in guests))
    write_directory(tmp_path, Problem(guests=guests), plan)
    folders = sorted(path.name for path in tmp_path.iterdir())
    assert folders == ["%2E.%2F..%2Fetc", "a%2Fb", "plan.json", "web"]
    assert "<name>../../etc</name>" in (tmp_path / folders[0] / "domain.xml").read_text()


def test_nothing_is_written_if_one_text_fails(tmp_path: Path) -> None:
    """All texts are made first: a guest that cannot be written leaves no folder half full."""
    bad = guest_of(
        1, name="bad", devices=[{"model": "nvdimm", "size": GiB, "cell": 0}], target=8 * GiB
    )
    guests = (guest_of(1, name="good"), bad)
    plan = plan_of(*(planned_guest(guest, [4 * GiB]) for guest in guests))
    with pytest.raises(InputError):
        write_directory(tmp_path / "out", Problem(guests=guests), plan)
    assert not (tmp_path / "out").exists()


def test_folder_that_cannot_be_made(tmp_path: Path) -> None:
    """A file where the folder should be is one clear error."""
    (tmp_path / "out").write_text("x")
    problem, plan = CASES["fixed"]()
    with pytest.raises(InputError, match="the folder cannot be made: file exists"):
        write_directory(tmp_path / "out", problem, plan)


names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)


@given(names | st.sampled_from([".", "..", "../x", "a/b", "%2F", "a\\b"]))
def test_no_name_leaves_the_folder(name: str) -> None:
    """A folder's name is one plain part of a path."""
    folder = folder_name(name)
    assert folder not in ("", ".", "..")
    assert not set(folder) & set("/\\\0\n")


@given(names, names)
def test_no_two_names_meet(left: str, right: str) -> None:
    """Different guests have different folders."""
    assert (folder_name(left) == folder_name(right)) == (left == right)

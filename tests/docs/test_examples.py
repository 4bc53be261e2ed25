"""The documentation tells no lies: what it shows is what happens."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.shown import PAGES, PROJECT, commands, is_shown, programs

SHOWING = [page for page in PAGES if commands(page)]
ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")},
    "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    "PYTHONIOENCODING": "utf-8",
}
OFFLINE = {
    "PIP_NO_INDEX": "1",
    "PIP_NO_DEPS": "1",
    "PIP_NO_BUILD_ISOLATION": "0",  # pip's way to say: do not isolate
    "PIP_NO_CACHE_DIR": "1",
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
}
"""So a page may `pip install` something of the examples with what is here already."""


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A folder in which the examples can be run and may leave files."""
    shutil.copytree(PROJECT / "examples", tmp_path / "examples")
    return tmp_path


def run(line: list[str], folder: Path, site: Path | None = None) -> str:
    """What a command prints to standard output and standard error; it must end well. ``site`` is
    where pip installs, and is on Python's path."""
    environment = ENVIRONMENT
    if site is not None:
        places = (str(site), os.environ.get("PYTHONPATH"))
        path = os.pathsep.join(place for place in places if place)
        environment = {**ENVIRONMENT, **OFFLINE, "PIP_TARGET": str(site), "PYTHONPATH": path}
    done = subprocess.run(
        line,
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
    )
    assert done.returncode == 0, f"{line[-1]} ends with {done.returncode}:\n{done.stdout}"
    return done.stdout


@pytest.mark.parametrize("page", SHOWING)
def test_commands_print_what_is_shown(page: str, copy: Path) -> None:
    """Every command of a page runs in the order shown, and prints what stands below it."""
    folder = copy
    for command in commands(page):
        if command.line.startswith("cd "):
            folder /= command.line.removeprefix("cd ")
            continue
        printed = run(["bash", "-c", command.line], folder, copy / "site")
        assert is_shown(command.output, printed), f"{page}: {command.line} prints\n{printed}"


@pytest.mark.parametrize("page", ["README.md", "docs/studies.md"])
def test_programs_print_what_is_shown(page: str, copy: Path) -> None:
    """The Python of a page runs, and prints what stands below it."""
    found = list(programs(page))
    assert found
    for number, (program, output) in enumerate(found):
        file = copy / f"shown_{number}.py"
        file.write_text(program, encoding="utf-8")
        printed = run([sys.executable, str(file)], copy)
        assert is_shown(output, printed), f"{page}: Python block {number} prints\n{printed}"


def test_every_kind_of_user_has_an_example_that_is_run() -> None:
    """The README runs the demonstration and one example for each of the three."""
    lines = " ".join(command.line for command in commands("README.md"))
    for name in ("thread-2014", "capacity-planner", "scheduler", "analyst"):
        assert f"examples/{name}" in lines


def test_the_demonstration_plans_the_threads_guest() -> None:
    """What ``make demo`` plans is 16 slots of 512 MiB, all reserved, on four host nodes."""
    makefile = (PROJECT / "Makefile").read_text(encoding="utf-8")
    file = re.search(r"^DEMO +:= (.*)$", makefile, re.MULTILINE)
    assert file
    table = run(["slotsolver", "plan", file[1]], PROJECT)
    assert "16 slots: 16 reserved; largest DIMM 512 MiB" in table
    xml = run(["slotsolver", "plan", file[1], "--format", "libvirt"], PROJECT)
    assert len(re.findall(r"<slotsolver:dimm .* size='536870912'", xml)) == 16
    assert sorted(re.findall(r"<memnode .* nodeset='(\d)'", xml)) == ["0", "1", "2", "3"]


@pytest.mark.parametrize(
    ("shown", "printed", "same"),
    [
        ("a\n", "a  \n", True),
        ("a\n", "a\nb\n", False),
        ("a\n…\n", "a\nb\nc\n", True),
        ("…\nc\n", "c\n", True),
        ("in … s\n", "in 0.1 s\n", True),
        ("in … s\n", "in 0.1\n s\n", False),
        ("a.c\n", "abc\n", False),
    ],
)
def test_what_counts_as_shown(shown: str, printed: str, same: bool) -> None:
    """Elisions leave out text or lines, and nothing else is overlooked."""
    assert is_shown(shown, printed) is same

"""``slotsolver explain``: its page, its JSON, its exit codes, its inputs."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from slotsolver.cli import progress
from slotsolver.cli.progress import Progress
from slotsolver.explain import explain as explaining
from slotsolver.plan import Explanation, Infeasible, Plan, Undecided
from tests.cli.test_bad_input import refused

Program = Callable[..., subprocess.CompletedProcess[bytes]]
DATA = Path(__file__).parents[1] / "data" / "ingest"
LIVE = ["--guest", "running.xml", "--qmp", "running.qmp.json", "--host", "host.yaml"]


@pytest.fixture
def live(inside: Program, folder: Path) -> Program:
    """The program beside the files of a running guest."""
    for name in ("running.xml", "running.qmp.json"):
        (folder / name).write_bytes((DATA / name).read_bytes())
    return inside


def explained(finished: subprocess.CompletedProcess[bytes]) -> Explanation:
    """An explanation that was printed as JSON."""
    assert (finished.returncode, finished.stderr) == (0, b"")
    return Explanation.model_validate_json(finished.stdout)


def test_the_page(inside: Program) -> None:
    """What holds the plan back with what it costs, what is used up, and where cells could lie: of
    the 8000 MiB free on node 1 6 GiB leave less than of the 8 GiB on node 0."""
    finished = inside("explain", "problem.yaml", "--slots", "8")
    assert (finished.returncode, finished.stderr) == (0, b"")
    page = finished.stdout.decode()
    lines = page.splitlines()
    assert lines[0] == "thread  6 GiB now, up to 8 GiB; 8 slots, largest DIMM 512 MiB"
    assert " • policy step: every step of growth is at most 512 MiB (guest thread)" in lines
    assert "   without it: fewest-slots 4 instead of 8 slots" in lines
    assert "   used up: the largest DIMM is 512 MiB, as much as it may be" in lines
    assert "Why cells are on their host nodes:" in lines
    (row,) = (line.split() for line in lines if line.startswith(" 0-1 "))
    assert row[:4] == ["0-1", "1", "0", "worse:"]
    assert row[4:] == ["least-stranding", "2", "GiB", "instead", "of", "1856", "MiB"]
    assert max(map(len, lines)) <= 100


def test_json_round_trip(inside: Program) -> None:
    """The JSON is the model's own, with the plan that ``plan`` finds in it."""
    finished = inside("explain", "problem.yaml", "--format", "json")
    answer = explained(finished)
    assert answer.model_dump_json(indent=2, by_alias=True) + "\n" == finished.stdout.decode()
    plan = Plan.model_validate_json(inside("plan", "problem.yaml", "--format", "json").stdout)
    assert answer.plan.guests == plan.guests
    assert answer.complete
    (step,) = (rule for rule in answer.rules if rule.rule == "policy step")
    assert step.binds is True
    assert step.effects[0].kind == "fewest-slots"


def test_output_file(inside: Program, folder: Path) -> None:
    """What is printed may go to a file."""
    assert inside("explain", "problem.yaml", "--format", "json", "-o", "why.json").stdout == b""
    assert Explanation.model_validate_json((folder / "why.json").read_bytes()).complete


def test_why_there_is_no_plan(inside: Program) -> None:
    """In full, and with the exit code of ``plan``."""
    given = ["explain", "problem.yaml", "--slots", "7"]
    finished = inside(*given)
    assert (finished.returncode, finished.stderr) == (3, b"")
    page = finished.stdout.decode()
    assert page.startswith("No plan exists; that is proven.\n")
    assert "No change of one of these alone helps:" in page
    assert "which `slotsolver explain` shows" not in page
    as_json = inside(*given, "--format", "json")
    assert as_json.returncode == 3
    answer = Infeasible.model_validate_json(as_json.stdout)
    assert {member.rule for member in answer.conflict} >= {"policy slots", "policy step"}


def test_undecided(inside: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    """No plan and no proof in time."""
    open_answer = Undecided(seconds=1.0, says="no plan and no proof within the limits")
    monkeypatch.setattr(explaining, "solve", lambda *_, **__: open_answer)
    finished = inside("explain", "problem.yaml", "--time-limit", "1")
    assert (finished.returncode, finished.stderr) == (4, b"")
    assert finished.stdout.startswith(b"No plan after 1.0 s")
    as_json = inside("explain", "problem.yaml", "--format", "json")
    assert as_json.returncode == 4
    assert Undecided.model_validate_json(as_json.stdout) == open_answer


@pytest.mark.parametrize(
    "wanted", [["--to", "4864MiB"], ["--cell", "0=2560MiB"], ["--to", "3000MiB", "--accept=below"]]
)
def test_a_running_guest(live: Program, wanted: list[str]) -> None:
    """As ``resize`` takes it, with the same plan."""
    answer = explained(live("explain", *LIVE, *wanted, "--format", "json"))
    resized = live("resize", *LIVE, *wanted, "--format", "json")
    assert answer.plan.guests == Plan.model_validate_json(resized.stdout).guests
    assert answer.plan.guests[0].operations
    assert {"no-swap", "slots"} <= {rule.rule for rule in answer.rules}


def test_a_running_guest_without_plan(live: Program) -> None:
    """The nearest sizes are among what would help."""
    finished = live("explain", *LIVE, "--to", "3000MiB", "--format", "json")
    assert finished.returncode == 3
    answer = Infeasible.model_validate_json(finished.stdout)
    assert any(remedy.change == "target of guest web" for remedy in answer.remedies)


def test_interrupted(inside: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is known so far is printed, and that it is not all."""

    def patiently(call: Callable[[], Any], says: str, told: Progress[Any]) -> Any:
        see = told.see

        def stop(step: Any) -> None:
            see(step)
            if step.done == 3:
                raise KeyboardInterrupt

        monkeypatch.setattr(told, "see", stop)
        call()
        raise AssertionError(says)

    monkeypatch.setattr(progress, "patiently", patiently)
    finished = inside("explain", "problem.yaml")
    assert finished.returncode == 0
    assert finished.stderr == b"slotsolver: interrupted; this is what is known so far\n"
    page = finished.stdout.decode()
    assert "used up: " in page or "Used up" in page
    assert page.endswith("The search was ended early; more can be known.\n")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "needs PROBLEM.yaml or --guest FILE"),
        (["--to", "4GiB"], "--to: needs --guest FILE"),
        (["problem.yaml", "--to", "4GiB"], "it does not go with PROBLEM.yaml"),
        (
            ["--guest", "domain.xml", "--cell", "0=4GiB", "--maximum", "9GiB"],
            "--cell: is of a running guest that --guest gives; it does not go with --maximum",
        ),
        (["--guest", "domain.xml", "--to", "4GiB"], "guest db is not running"),
        (["problem.yaml", "--format", "yaml"], "'yaml' is not a format"),
        (["problem.yaml", "--policy", "stepp=1GiB"], "did you mean 'step'"),
        (["missing.yaml"], "missing.yaml"),
        (["problem.yaml", "--target", "6100MiB"], "problem.yaml: guest thread"),
    ],
)
def test_bad_input(inside: Program, arguments: list[str], says: str) -> None:
    """One line that names the place, and exit code 2."""
    refused(inside("explain", *arguments), says)


ENDLESS = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores it
from slotsolver.cli import main
from slotsolver.explain import explain as explaining

find = explaining.explanation

def endless(problem, plan, clock):
    first = next(iter(find(problem, plan, clock)))
    yield first
    os.kill(os.getpid(), signal.SIGINT)
    while True:
        explaining.solve(problem)
    yield first

explaining.explanation = endless
sys.exit(main(["explain", "problem.yaml"]))
"""


def test_an_interrupt_is_heard_while_a_search_goes_on(folder: Path) -> None:
    """CP-SAT in another thread neither holds the program up nor makes it abort."""
    command = [sys.executable, "-c", ENDLESS]
    finished = subprocess.run(command, cwd=folder, capture_output=True, check=False)
    told = b"slotsolver: interrupted; this is what is known so far\n"
    assert (finished.returncode, finished.stderr) == (0, told)
    assert finished.stdout.endswith(b"The search was ended early; more can be known.\n")

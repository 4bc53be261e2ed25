"""``slotsolver check``: domains and plans, good and bad."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Program = Callable[..., subprocess.CompletedProcess[bytes]]


@pytest.fixture
def plan_file(slotsolver: Program, folder: Path) -> Path:
    """A plan of the problem, in a file."""
    assert slotsolver("plan", "problem.yaml", "--format", "json", "-o", "plan.json").returncode == 0
    return folder / "plan.json"


def test_good_domain(slotsolver: Program) -> None:
    """A domain that breaks nothing is code 0, with one line or an empty list."""
    finished = slotsolver("check", "domain.xml", "--host", "host.yaml")
    assert (finished.returncode, finished.stdout) == (0, b"everything holds\n")
    finished = slotsolver("check", "domain.xml", "--format", "json")
    assert json.loads(finished.stdout) == {"violations": []}


def test_bad_domain(slotsolver: Program, folder: Path) -> None:
    """What a domain breaks is listed by stage, with code 3."""
    text = (folder / "domain.xml").read_text().replace("cpus='2-3'", "cpus='1-2'")
    finished = slotsolver("check", "-", stdin=text)
    assert (finished.returncode, finished.stderr) == (3, b"")
    assert b"have overlapping vCPU ids" in finished.stdout
    assert finished.stdout.endswith(b"1 rule violated\n")
    finished = slotsolver("check", "-", "--format", "json", stdin=text)
    (violation,) = json.loads(finished.stdout)["violations"]
    assert set(violation) == {"rule", "stage", "says", "place"}
    assert finished.stdout.startswith(b'{\n  "violations"')


def test_host_and_versions_count(slotsolver: Program, folder: Path) -> None:
    """A host adds its rules."""
    tune = "<vcpu>4</vcpu><numatune><memory mode='strict' nodeset='7'/></numatune>"
    text = (folder / "domain.xml").read_text().replace("<vcpu>4</vcpu>", tune)
    assert slotsolver("check", "-", stdin=text).returncode == 0
    options = ["--host", "host.yaml", "--qemu", "8.2", "--libvirt", "10.0"]
    finished = slotsolver("check", "-", *options, stdin=text)
    assert finished.returncode == 3
    assert b"NUMA node 7 is unavailable" in finished.stdout


def test_block_of_the_guest(slotsolver: Program, folder: Path) -> None:
    """A DIMM that is no multiple of the guest's block is told only where the block is so large."""
    dimm = (
        "<devices><memory model='dimm'><target><size unit='MiB'>512</size><node>0</node></target>"
        "</memory></devices></domain>"
    )
    text = (folder / "domain.xml").read_text().replace("</domain>", dimm)
    assert slotsolver("check", "-", stdin=text).returncode == 0
    finished = slotsolver("check", "-", "--block", "2GiB", stdin=text)
    assert finished.returncode == 3
    assert finished.stdout.startswith(b"guest: the guest would not take it")


def test_plan_needs_its_problem(slotsolver: Program, plan_file: Path) -> None:
    """A plan alone does not say what was asked for; with its problem it is judged."""
    finished = slotsolver("check", plan_file.name)
    assert finished.returncode == 2
    assert b"check plan.json --problem PROBLEM.yaml" in finished.stderr
    finished = slotsolver("check", plan_file.name, "--problem", "problem.yaml")
    assert (finished.returncode, finished.stdout) == (0, b"everything holds\n")


def test_bad_plan(slotsolver: Program, plan_file: Path) -> None:
    """A plan that somebody changed is refused, with the rules it breaks."""
    plan = json.loads(plan_file.read_text())
    plan["guests"][0]["dimms"][0]["address"] += 1 << 20
    plan_file.write_text(json.dumps(plan))
    finished = slotsolver("check", "plan.json", "--problem", "problem.yaml", "--format", "json")
    assert finished.returncode == 3
    violations = json.loads(finished.stdout)["violations"]
    found = [(violation["rule"], violation["place"]) for violation in violations]
    assert ("qemu-3.2-address", "guest thread slot 0") in found


def test_other_versions_of_a_plan(slotsolver: Program, plan_file: Path) -> None:
    """Versions of the options take the place of the problem's."""
    finished = slotsolver(
        "check", plan_file.name, "--problem", "problem.yaml", "--qemu", "10.0", "--libvirt", "11.0"
    )
    assert (finished.returncode, finished.stdout) == (0, b"everything holds\n")


def test_no_plan_to_check(slotsolver: Program, folder: Path) -> None:
    """An infeasible answer holds no plan, which is said."""
    run = slotsolver("plan", "problem.yaml", "--slots", "1", "--format", "json", "-o", "no.json")
    assert run.returncode == 3
    finished = slotsolver("check", "no.json", "--problem", "problem.yaml")
    assert finished.returncode == 2
    assert b"no.json: says infeasible" in finished.stderr
    assert (folder / "no.json").exists()

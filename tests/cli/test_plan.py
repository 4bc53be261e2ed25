"""``slotsolver plan``: formats, files, folders, options, and the answers that are no plan."""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from slotsolver.plan import Plan
from slotsolver.size import GiB, MiB

Program = Callable[..., subprocess.CompletedProcess[bytes]]

HARD = """\
guests:
  - name: hard
    phys_bits: 46
    cells: [{}, {}, {}, {}, {}, {}, {}]
    target: 129 GiB
    maximum: 1001 GiB
    waypoints: [200 GiB, 301 GiB, 503 GiB, 801 GiB]
policies:
  - {kind: slots, exactly: 97}
  - {kind: balance, tolerance: 1 GiB}
  - {kind: sizes, allowed: [5 GiB, 7 GiB, 9 GiB, 11 GiB, 13 GiB, 17 GiB]}
"""

TWO = """\
guests:
  - {name: one, cells: [{}], boot: 1 GiB, target: 1 GiB, maximum: 2 GiB}
  - {name: two/b, cells: [{}], boot: 2 GiB, target: 2 GiB, maximum: 3 GiB}
"""


def done(finished: subprocess.CompletedProcess[bytes], *, messages: str = "") -> str:
    """The standard output of a run that went well and said nothing else than ``messages``."""
    assert finished.stderr.decode() == messages
    assert finished.returncode == 0
    return finished.stdout.decode()


def plan_of(finished: subprocess.CompletedProcess[bytes]) -> Plan:
    """The plan that a run printed as JSON."""
    return Plan.model_validate_json(done(finished))


def test_table(slotsolver: Program) -> None:
    """Without a format a page for people is printed, without colours where it is no terminal."""
    text = done(slotsolver("plan", "problem.yaml"))
    assert text.startswith("thread  6 GiB now, up to 8 GiB\n")
    assert "optimal, proven" in text
    assert "\x1b" not in text


def test_json(slotsolver: Program) -> None:
    """JSON is one document, in bytes, and nothing else."""
    plan = plan_of(slotsolver("plan", "problem.yaml", "--format", "json"))
    guest = plan.guests[0]
    assert (guest.memory, guest.maximum, guest.step) == (6 * GiB, 8 * GiB, 512 * MiB)
    assert plan.host is not None


def test_yaml(slotsolver: Program) -> None:
    """YAML says the same with sizes as text."""
    plan = yaml.safe_load(done(slotsolver("plan", "problem.yaml", "--format", "yaml")))
    assert plan["guests"][0]["memory"] == "6 GiB"


def test_libvirt(slotsolver: Program) -> None:
    """A new guest gets a domain XML, which the checker accepts."""
    text = done(slotsolver("plan", "problem.yaml", "--format", "libvirt"))
    assert text.startswith("<domain")
    assert done(slotsolver("check", "-", stdin=text)) == "everything holds\n"


def test_qemu(slotsolver: Program) -> None:
    """QEMU's arguments are quoted for a shell."""
    text = done(slotsolver("plan", "problem.yaml", "--format", "qemu"))
    words = shlex.split(text.replace("\\\n", ""))
    assert words[words.index("-m") + 1] == "size=4194304k,slots=8,maxmem=8388608k"
    assert text.count("pc-dimm") == 4


def test_qemu_tells_what_it_leaves_out(slotsolver: Program, folder: Path) -> None:
    """A device that the arguments cannot hold is told beside them."""
    device = (
        "<devices><memory model='nvdimm'><source><path>/pmem</path></source><target>"
        "<size unit='GiB'>1</size><node>0</node></target></memory></devices></domain>"
    )
    text = (folder / "domain.xml").read_text().replace("</domain>", device)
    (folder / "pmem.xml").write_text(text)
    finished = slotsolver("plan", "--guest", "pmem.xml", "--format", "qemu")
    assert finished.returncode == 0
    assert finished.stdout.startswith(b"-machine pc-q35-7.2")
    assert finished.stderr.startswith(b"slotsolver: guest db: its nvdimm on cell 0 is left out")


def test_guest_from_options_alone(slotsolver: Program) -> None:
    """A domain and sizes are enough; without a host nothing is placed."""
    plan = plan_of(
        slotsolver("plan", "--guest", "domain.xml", "--target", "4GiB", "--format", "json")
    )
    assert (plan.guests[0].memory, plan.guests[0].maximum) == (4 * GiB, 8 * GiB)
    assert plan.host is None


def test_yaml_guest_takes_its_target_from_the_option(slotsolver: Program, folder: Path) -> None:
    """A YAML guest without a target is complete with ``--target``."""
    (folder / "web.yaml").write_text("name: web\ncells: [{}, {}]\n")
    options = ["--guest", "web.yaml", "--target", "2GiB", "--maximum", "4GiB"]
    plan = plan_of(slotsolver("plan", *options, "--format", "json"))
    assert (plan.guests[0].memory, plan.guests[0].maximum) == (2 * GiB, 4 * GiB)


def test_options_replace_what_the_file_says(slotsolver: Program) -> None:
    """Sizes, policies of the same kind, objectives and versions of the options win."""
    sizes = ["--target", "5GiB", "--maximum", "9 GiB", "--step", "1GiB", "--slots", "9"]
    wishes = ["--objective", "finest-step", "--objective", "fewest-slots", "--libvirt", "10.0"]
    run = slotsolver("plan", "problem.yaml", *sizes, *wishes, "--format", "json")
    plan = plan_of(run)
    assert (plan.guests[0].memory, plan.guests[0].maximum) == (5 * GiB, 9 * GiB)
    assert [value.kind for value in plan.objectives][:2] == ["finest-step", "fewest-slots"]
    pages = {cell.page_size for cell in plan.guests[0].cells}
    assert pages == {2 * MiB}, "the file's other policies stay"
    assert 512 * MiB < plan.guests[0].step <= 1 * GiB, "9 slots do not reach with the file's step"


def test_guest_of_an_option_joins_the_file(slotsolver: Program, folder: Path) -> None:
    """``--guest`` adds a guest; ``--target`` then needs to know whose it is."""
    text = (folder / "problem.yaml").read_text()
    (folder / "plain.yaml").write_text(text.replace("size: 2 MiB", "size: 2 MiB, guests: [thread]"))
    options = ["plain.yaml", "--guest", "domain.xml", "--target", "3GiB"]
    finished = slotsolver("plan", *options)
    assert finished.returncode == 2
    assert b"--guest-name NAME, of thread, db" in finished.stderr
    plan = plan_of(slotsolver("plan", *options, "--guest-name", "db", "--format", "json"))
    assert {guest.name: guest.memory for guest in plan.guests} == {"thread": 6 * GiB, "db": 3 * GiB}


def test_host_of_an_option(slotsolver: Program, folder: Path) -> None:
    """``--host`` takes the place of the file's host."""
    text = (folder / "host.yaml").read_text()
    (folder / "other.yaml").write_text(text.replace("id: 0", "id: 4").replace("id: 1", "id: 6"))
    plan = plan_of(slotsolver("plan", "problem.yaml", "--host", "other.yaml", "--format", "json"))
    assert plan.host is not None
    assert [node.id for node in plan.host.nodes] == [4, 6]


def test_standard_input(slotsolver: Program, folder: Path) -> None:
    """``-`` reads the problem from standard input."""
    text = (folder / "problem.yaml").read_text()
    assert done(slotsolver("plan", "-", stdin=text)).startswith("thread")


@pytest.mark.parametrize("form", ["table", "json", "yaml", "libvirt", "qemu"])
def test_output_file(slotsolver: Program, folder: Path, form: str) -> None:
    """``-o`` writes what would be printed, and prints nothing."""
    printed = done(slotsolver("plan", "problem.yaml", "--format", form)).encode()
    assert done(slotsolver("plan", "problem.yaml", "--format", form, "-o", "out")) == ""
    written = (folder / "out").read_bytes()
    assert len(written.splitlines()) == len(printed.splitlines())
    assert written[:40] == printed[:40]


def test_output_file_stays_where_there_is_no_plan(slotsolver: Program, folder: Path) -> None:
    """An old file is not touched when no plan exists, and nothing is left beside it."""
    (folder / "out.xml").write_text("old")
    before = sorted(folder.iterdir())
    options = ["--slots", "1", "--format", "libvirt", "-o", "out.xml", "--out-dir", "dir"]
    finished = slotsolver("plan", "problem.yaml", *options)
    assert finished.returncode == 3
    assert finished.stdout == b""
    assert b"No plan exists" in finished.stderr
    assert (folder / "out.xml").read_text() == "old"
    assert sorted(folder.iterdir()) == before


def test_out_dir(slotsolver: Program, folder: Path) -> None:
    """One guest's files lie in the folder itself and are those of the single formats."""
    finished = slotsolver("plan", "problem.yaml", "--out-dir", "out/deep", "--format", "libvirt")
    assert finished.returncode == 0
    out = folder / "out" / "deep"
    assert sorted(path.name for path in out.iterdir()) == ["domain.xml", "plan.json", "qemu.args"]
    assert (out / "domain.xml").read_bytes() == finished.stdout
    assert finished.stderr.decode().count("slotsolver: wrote ") == 3
    Plan.model_validate_json((out / "plan.json").read_text())


def test_several_guests(slotsolver: Program, folder: Path) -> None:
    """A format of one guest needs a name or a folder, in which each guest has its own."""
    (folder / "two.yaml").write_text(TWO)
    finished = slotsolver("plan", "two.yaml", "--format", "qemu")
    assert finished.returncode == 2
    message = finished.stderr.decode()
    assert "--out-dir DIR" in message
    assert "--guest-name NAME, of one, two/b" in message
    named = done(slotsolver("plan", "two.yaml", "--format", "qemu", "--guest-name", "two/b"))
    assert "size=2097152k" in named
    finished = slotsolver("plan", "two.yaml", "--format", "qemu", "--out-dir", "out")
    assert (finished.returncode, finished.stdout) == (0, b"")
    found = {str(path.relative_to(folder / "out")) for path in (folder / "out").rglob("*.*")}
    files = {
        f"{name}/{file}" for name in ("one", "two%2Fb") for file in ("domain.xml", "qemu.args")
    }
    assert found == {"plan.json", *files}


def test_infeasible(slotsolver: Program) -> None:
    """Without a plan the conflict is printed, for people and for programs, and the code is 3."""
    finished = slotsolver("plan", "problem.yaml", "--slots", "1")
    assert (finished.returncode, finished.stderr) == (3, b"")
    assert finished.stdout.startswith(b"No plan exists; that is proven.")
    finished = slotsolver("plan", "problem.yaml", "--slots", "1", "--format", "json")
    answer = json.loads(finished.stdout)
    assert (finished.returncode, answer["status"]) == (3, "infeasible")
    assert {"policy slots", "policy step"} <= {conflict["rule"] for conflict in answer["conflict"]}


def test_undecided(slotsolver: Program, folder: Path) -> None:
    """Neither a plan nor a proof within the time limit is code 4."""
    (folder / "hard.yaml").write_text(HARD)
    finished = slotsolver("plan", "hard.yaml", "--time-limit", "0.001")
    assert finished.returncode == 4
    assert finished.stdout.startswith(b"No plan after ")
    finished = slotsolver("plan", "hard.yaml", "--time-limit", "0.001", "--format", "json")
    assert json.loads(finished.stdout)["status"] == "undecided"


def test_a_domain_that_libvirt_would_refuse_is_not_written(inside: Program, folder: Path) -> None:
    """What makes the written domain unusable comes from the one that was read, and is told."""
    text = (folder / "domain.xml").read_text()
    region = (
        "<devices><memory model='virtio-pmem'><source><path>/tmp/pmem</path></source>"
        "<target><size unit='MiB'>128</size></target></memory></devices></domain>"
    )
    (folder / "pmem.xml").write_text(text.replace("</domain>", region))
    finished = inside("plan", "--guest", "pmem.xml", "--format", "libvirt", "-o", "out.xml")
    assert finished.returncode == 2
    assert b"virtio-pmem memory device info is not handled yet" in finished.stderr
    assert not (folder / "out.xml").exists()


AMD = """\
host:
  cpu_vendor: amd
  nodes: [{id: 0, cpus: 0-63, memory: 16 TiB, pages: {1 GiB: 14000}}]
guests:
  - {name: big, phys_bits: 46, cells: [{}], boot: 2 TiB, target: 6 TiB, maximum: 12 TiB}
policies: [{kind: page-size, size: 1 GiB}, {kind: slots, at_most: 48}]
"""


def test_memory_above_the_hole_of_amd(inside: Program, folder: Path) -> None:
    """Growth lies where QEMU has it on the host's processors, which the domain does not name."""
    (folder / "amd.yaml").write_text(AMD)
    done = inside("plan", "amd.yaml", "--format", "json")
    assert (done.returncode, done.stderr) == (0, b"")
    first = json.loads(done.stdout)["guests"][0]["dimms"][0]
    assert first["address"] == (3 << 40) - (2 << 30)  # 2 TiB, of which 2 GiB are below 4 GiB

"""``slotsolver resize``, and running guests through ``plan``."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from slotsolver.plan import Plan, PlannedGuest
from slotsolver.size import GiB, MiB
from tests.cli.test_bad_input import refused

Program = Callable[..., subprocess.CompletedProcess[bytes]]
DATA = Path(__file__).parents[1] / "data" / "ingest"

HOSTS = ["--host", "host.yaml"]
LIVE = ["--guest", "running.xml", "--qmp", "running.qmp.json", *HOSTS]
NOW = 3840 * MiB

FULL = f"""\
name: full
running: true
cells: [{{memory: 1 GiB}}]
slots: 2
maximum: 8 GiB
devices:
  - {{slot: 0, size: 1 GiB, cell: 0, address: {0x100000000}}}
  - {{slot: 1, size: 1 GiB, cell: 0, address: {0x140000000}}}
"""

TWO = """\
host: host.yaml
guests:
  - {domain: running.xml, qmp: running.qmp.json, target: 4864 MiB}
  - {domain: full.xml, target: 2 GiB}
"""


@pytest.fixture
def live(inside: Program, folder: Path) -> Program:
    """The program beside the files of a running guest."""
    for name in ("running.xml", "running-inactive.xml", "running.qmp.json"):
        (folder / name).write_bytes((DATA / name).read_bytes())
    (folder / "full.yaml").write_text(FULL)
    return inside


def planned(finished: subprocess.CompletedProcess[bytes]) -> PlannedGuest:
    """The guest of a plan that was printed as JSON."""
    assert finished.stderr == b""
    assert finished.returncode == 0
    plan = Plan.model_validate_json(finished.stdout)
    assert plan.status == "optimal"
    return plan.guests[0]


def done(guest: PlannedGuest) -> list[str]:
    """The operations of a plan in short."""
    return [f"{o.do} {o.device} {o.size // MiB} -> {o.memory // MiB}" for o in guest.operations]


@pytest.mark.parametrize(
    ("to", "operations"),
    [
        ("4864MiB", ["plug dimm5 1024 -> 4864"]),
        ("3840MiB", []),
        ("3328MiB", ["unplug dimm0 512 -> 3328"]),
        ("2304MiB", ["unplug dimm3 1024 -> 2816", "unplug dimm0 512 -> 2304"]),
        ("4GiB", ["resize virtiomem0 512 -> 4096"]),
        ("3772MiB", ["resize virtiomem0 188 -> 3772"]),
    ],
)
def test_operations(live: Program, to: str, operations: list[str]) -> None:
    """DIMMs are plugged as they were planned once, or unplugged, or a virtio-mem moves."""
    guest = planned(live("resize", *LIVE, "--to", to, "--format", "json"))
    assert done(guest) == operations
    assert (guest.slots, guest.maximum) == (8, 8 * GiB)
    assert guest.memory == guest.wanted == guest.stages[1].memory


def test_one_cell(live: Program) -> None:
    """Cells that are not named keep what they have."""
    guest = planned(live("resize", *LIVE, "--cell", "0=2560MiB", "--format", "json"))
    assert done(guest) == ["plug dimm5 1024 -> 4864"]
    assert guest.stages[1].cells == (2560 * MiB, 2304 * MiB)
    both = ["--cell", "0=1GiB", "--cell", "1=2304MiB"]
    assert done(planned(live("resize", *LIVE, *both, "--format", "json"))) == [
        "unplug dimm0 512 -> 3328"
    ]


def test_the_page(live: Program) -> None:
    """Without a format it is a page for people."""
    finished = live("resize", *LIVE, "--to", "4864MiB")
    assert (finished.returncode, finished.stderr) == (0, b"")
    assert live("resize", *LIVE, "--to", "4864MiB", "--format", "table").returncode == 0
    first, second, *lines = finished.stdout.decode().splitlines()
    assert first == "web  3.75 GiB -> 4.75 GiB, up to 8 GiB"
    assert second == "target met: 4.75 GiB"
    (row,) = (line.split() for line in lines if line.startswith(" 1  plug"))
    assert row[:5] == ["1", "plug", "slot", "5", "0"]
    assert row[-2:] == ["4.75", "GiB"]
    assert "optimal, proven" in lines[-1]


def test_the_page_of_a_target_that_is_missed(live: Program) -> None:
    """By how much, in which direction, and that it cannot be less; in what has no operation that
    too."""
    finished = live("resize", *LIVE, "--to", "3000MiB", "--accept", "nearest")
    assert finished.stdout.decode().splitlines()[1] == (
        "target missed: 3 GiB, 72 MiB above the wanted 3000 MiB (no plan comes nearer)"
    )
    nothing = live("resize", *LIVE, "--to", "3840MiB")
    assert nothing.stdout.decode().splitlines()[:2] == [
        "web  3.75 GiB, up to 8 GiB",
        "target met: 3.75 GiB; nothing to do",
    ]


def test_documents(live: Program) -> None:
    """YAML says the same as JSON; the domain is the live one with what changes."""
    options = ["resize", *LIVE, "--to", "4864MiB", "--format"]
    plan = yaml.safe_load(live(*options, "yaml").stdout)
    assert [o["device"] for o in plan["guests"][0]["operations"]] == ["dimm5"]
    domain = live(*options, "libvirt")
    assert (domain.returncode, domain.stderr) == (0, b"")
    assert domain.stdout.count(b"<memory model='dimm'>") == 3
    assert b"<address type='dimm' slot='5' base='0x1c0000000'/>" in domain.stdout
    assert b"size=2097152k,slots=8,maxmem=8388608k" in live(*options, "qemu").stdout


def test_output_file(live: Program, folder: Path) -> None:
    """What is printed may go to a file."""
    options = ["resize", *LIVE, "--to", "4864MiB", "--format", "qmp"]
    printed = live(*options).stdout
    assert live(*options, "-o", "out.qmp").stdout == b""
    assert (folder / "out.qmp").read_bytes() == printed


@pytest.mark.parametrize("option", ["--guest", "--qmp"])
def test_standard_input(slotsolver: Program, live: Program, option: str) -> None:
    """The live XML or QEMU's answers may come through a pipe; errors say so."""
    files = {"--guest": "running.xml", "--qmp": "running.qmp.json"}
    text = (DATA / files[option]).read_text()
    line = [word for pair in {**files, option: "-"}.items() for word in pair]
    wanted = ["--to", "4864MiB", "--format", "json"]
    piped = planned(slotsolver("resize", *line, *HOSTS, *wanted, stdin=text))
    assert piped == planned(live("resize", *LIVE, *wanted))
    refused(slotsolver("resize", *line, *HOSTS, *wanted, stdin="{"), "standard input: ")


@pytest.mark.parametrize("guest", ["running.xml", "running-inactive.xml"])
def test_qemu_makes_a_domain_run(live: Program, guest: str) -> None:
    """An inactive domain is resized as well where QEMU says what is plugged."""
    options = ["--guest", guest, "--qmp", "running.qmp.json", *HOSTS, "--to", "4864MiB"]
    assert done(planned(live("resize", *options, "--format", "json"))) == [
        "plug dimm5 1024 -> 4864"
    ]


def test_plan_does_the_same(live: Program, folder: Path) -> None:
    """A running guest is resized by `plan` with a target, too, alone or in a problem."""
    resized = planned(live("resize", *LIVE, "--to", "4864MiB", "--format", "json"))
    again = planned(live("plan", *LIVE, "--target", "4864MiB", "--format", "json"))
    assert again == resized
    (folder / "two.yaml").write_text(TWO.replace("- {domain: full.xml, target: 2 GiB}\n", ""))
    assert planned(live("plan", "two.yaml", "--format", "json")) == resized


def test_several_running_guests(live: Program, folder: Path) -> None:
    """They share the pools of their host; each has its operations."""
    full = "".join(f"    {line}\n" for line in FULL.splitlines()).replace("    name", "  - name", 1)
    text = TWO.replace("  - {domain: full.xml, target: 2 GiB}\n", f"{full}    target: 2 GiB\n")
    (folder / "two.yaml").write_text(text)
    finished = live("plan", "two.yaml", "--format", "json")
    assert (finished.returncode, finished.stderr) == (0, b"")
    web, other = Plan.model_validate_json(finished.stdout).guests
    assert done(web) == ["plug dimm5 1024 -> 4864"]
    assert [(o.do, o.size, o.memory) for o in other.operations] == [("unplug", GiB, 2 * GiB)]


def test_a_size_that_cannot_be_met(live: Program) -> None:
    """It is infeasible, with the nearest sizes; ``--accept`` takes one of them."""
    finished = live("resize", *LIVE, "--to", "3000MiB", "--format", "json")
    answer = json.loads(finished.stdout)
    assert (finished.returncode, answer["status"]) == (3, "infeasible")
    says = {(r["change"], r["from"], r["to"]): r["says"] for r in answer["remedies"]}
    assert says.keys() == {
        ("target of guest web", "3000 MiB", "2.75 GiB"),
        ("target of guest web", "3000 MiB", "3 GiB"),
        ("policy", "no-swap", "swap"),
    }
    assert "--accept below" in says["target of guest web", "3000 MiB", "2.75 GiB"]
    assert "--accept above" in says["target of guest web", "3000 MiB", "3 GiB"]
    assert "--policy swap" in says["policy", "no-swap", "swap"]
    text = live("resize", *LIVE, "--to", "3000MiB", "--format", "yaml")
    assert b"    from: 3000 MiB\n" in text.stdout
    table = live("resize", *LIVE, "--to", "3000MiB")
    assert table.returncode == 3
    assert b"Each of these changes alone makes it possible:" in table.stdout
    for accept, size in (("below", "2816 MiB"), ("above", "3 GiB"), ("nearest", "3 GiB")):
        options = ["--to", "3000MiB", "--accept", accept, "--format", "json"]
        guest = planned(live("resize", *LIVE, *options))
        assert guest.wanted == 3000 * MiB
        assert guest.memory == {"2816 MiB": 2816 * MiB, "3 GiB": 3 * GiB}[size]


def test_slots_exhausted(live: Program) -> None:
    """No slot is free: that is proven, and said, and what would help."""
    finished = live("resize", "--guest", "full.yaml", *HOSTS, "--to", "4GiB", "--format", "json")
    assert (finished.returncode, finished.stderr) == (3, b"")
    answer = json.loads(finished.stdout)
    says = [conflict["says"] for conflict in answer["conflict"]]
    assert "guest full runs with 2 memory slots, 2 of them taken" in says
    remedies = [(r["change"], r["from"], r["to"]) for r in answer["remedies"]]
    assert remedies == [
        ("target of guest full", "4 GiB", "3 GiB"),
        ("slots of guest full", "2", "3"),
        ("policy", "no-swap", "swap"),
    ]
    options = ["--guest", "full.yaml", *HOSTS, "--format", "json"]
    assert [o.do for o in planned(live("resize", *options, "--to", "3GiB")).operations] == []
    swapped = planned(live("resize", *options, "--to", "4GiB", "--policy", "swap"))
    assert [o.do for o in swapped.operations] == ["unplug", "plug"]


def test_as_many_slots_as_are_needed(live: Program, folder: Path) -> None:
    """The slots that are named are enough, and one less is not; what libvirt counts is counted."""
    step = ["--to", "7GiB", "--policy", "per-step=256MiB", "--format", "json"]
    answer = json.loads(live("resize", *LIVE, *step).stdout)
    says = [conflict["says"] for conflict in answer["conflict"]]
    assert "guest web runs with 8 memory slots, 3 of them taken" in says
    (slots,) = (int(r["to"]) for r in answer["remedies"] if r["change"].startswith("slots"))
    for number, code in ((slots - 1, 3), (slots, 0)):
        text = (folder / "running.xml").read_text()
        (folder / "more.xml").write_text(
            re.sub(r"maxMemory slots='8'", f"maxMemory slots='{number}'", text)
        )
        options = ["--guest", "more.xml", "--qmp", "running.qmp.json", *HOSTS]
        assert live("resize", *options, *step).returncode == code


def test_hosts_to_migrate_to(live: Program, folder: Path) -> None:
    """The plan fits on each of them, and says where; the file that does not fit is named."""
    (folder / "large.yaml").write_text("nodes: [{id: 3, memory: 64 GiB}]\n")
    finished = live(
        "resize", *LIVE, "--also-host", "large.yaml", "--to", "4864MiB", "--format", "json"
    )
    assert finished.returncode == 0, finished.stderr
    plan = Plan.model_validate_json(finished.stdout)
    (there,) = plan.destinations
    assert [cell.host_nodes for cell in there.guests[0].cells] == [(3,), (3,)]
    (folder / "small.yaml").write_text("nodes: [{id: 0, memory: 2 GiB}]\n")
    assert live("resize", *LIVE, "--also-host", "small.yaml", "--to", "4864MiB").returncode == 3


def test_qmp_format(live: Program) -> None:
    """The operations as JSON lines for QEMU; nothing where nothing is to be done."""
    lines = live("resize", *LIVE, "--to", "4864MiB", "--format", "qmp")
    assert (lines.returncode, lines.stderr) == (0, b"")
    commands = [json.loads(line).get("execute") for line in lines.stdout.splitlines()]
    assert [c for c in commands if c] == ["object-add", "device_add"]
    nothing = live("resize", *LIVE, "--to", "3840MiB", "--format", "qmp")
    assert (nothing.returncode, nothing.stdout, nothing.stderr) == (0, b"", b"")
    same = live("plan", *LIVE, "--target", "4864MiB", "--format", "qmp")
    assert same.stdout == lines.stdout


def test_out_dir(live: Program, folder: Path) -> None:
    """What is to be done stands beside plan and domain; nothing of an earlier plan stays."""
    options = ["resize", *LIVE, "--out-dir", "out", "--format", "qmp"]
    finished = live(*options, "--to", "2304MiB")
    assert finished.returncode == 0
    names = [path.name for path in (folder / "out").iterdir()]
    always = {"plan.json", "domain.xml", "qemu.args", "operations.sh", "operations.qmp"}
    assert sorted(names) == sorted({*always, "device-1.xml", "device-2.xml"})
    assert (folder / "out" / "operations.qmp").read_bytes() == finished.stdout
    told = [line for line in finished.stderr.decode().splitlines() if ": wrote " in line]
    assert sorted(line.removeprefix("slotsolver: wrote out/") for line in told) == sorted(names)
    assert live(*options, "--to", "3328MiB").returncode == 0
    assert not (folder / "out" / "device-2.xml").exists()


def test_out_dir_for_other_hosts(live: Program, folder: Path) -> None:
    """The domain for each of them is there, unless it would not be taken, which is told."""
    (folder / "large.yaml").write_text("nodes: [{id: 3, memory: 64 GiB}]\n")
    more = ["--qmp", "running.qmp.json", *HOSTS, "--also-host", "large.yaml", "--to", "4864MiB"]
    asked = edited(folder, "asked.xml", ("check='full'", "check='partial'"))
    finished = live("resize", "--guest", asked, *more, "--out-dir", "out")
    assert (finished.returncode, b"destination-1.xml" in finished.stderr) == (0, True)
    written = (folder / "out" / "destination-1.xml").read_text()
    assert "<memory mode='strict' nodeset='3'/>" in written
    assert "<address type='dimm' slot='5' base='0x1c0000000'/>" in written
    finished = live("resize", "--guest", "running.xml", *more, "--out-dir", "out")
    assert finished.returncode == 0
    assert b"virsh dumpxml --migratable" in finished.stderr
    assert not (folder / "out" / "destination-1.xml").exists()


def test_where_qemu_would_put_a_virtio_mem_anew_is_told(live: Program, folder: Path) -> None:
    """libvirt 9.0 cannot fix its place: what that means for the next start is no error now."""
    text = (folder / "running.xml").read_text()
    start = text.index("    <memory model='dimm'>")
    end = text.index("    <memory model='dimm'>", start + 1)
    (folder / "hole.xml").write_text(text[:start] + text[end:])
    answers = json.loads((folder / "running.qmp.json").read_text())["query-memory-devices"]
    left = [answer for answer in answers if answer["data"]["id"] != "dimm0"]
    (folder / "hole.json").write_text(json.dumps(left))
    options = ["--guest", "hole.xml", "--qmp", "hole.json", *HOSTS, "--cell", "0=1536MiB"]
    finished = live("resize", *options, "--format", "json")
    assert finished.returncode == 0
    (dimm,) = (d for d in Plan.model_validate_json(finished.stdout).guests[0].dimms if d.stage == 1)
    assert dimm.address == 0x140000000
    message = finished.stderr.decode()
    assert message.startswith("slotsolver: domain web, started anew: ")
    assert "conflicts with memory device id='virtiomem0'" in message
    assert message.count("\n") == 1


def edited(folder: Path, name: str, *changes: tuple[str, str]) -> str:
    """The live domain with other texts in it, as a file of this name."""
    text = (folder / "running.xml").read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    (folder / name).write_text(text)
    return name


BAD = {
    "below boot memory": ("--to 1GiB", "running.xml: guest web: boot memory is 2 GiB, more than"),
    "cell below boot memory": ("--cell 1=512MiB", "512 MiB of cell 1 is below its boot memory 1"),
    "above the maximum": ("--to 9GiB", "running.xml: guest web: target 9 GiB is above the maximum"),
    "off the block": ("--to 3841MiB", "running.xml: target of guest web 3841 MiB cannot be met: "),
    "cell off the block": ("--cell 0=1537MiB", "cell 0, 1537 MiB cannot be met: "),
    "cell that is missing": ("--cell 7=1GiB", "--cell 7: guest web has no cell 7; it has 0-1"),
    "cell twice": ("--cell 0=1GiB --cell 0=2GiB", "--cell 0: is given twice"),
    "cell without a size": ("--cell 0", "'0' is not ID=SIZE; write for example 1=4GiB"),
    "cell without an id": ("--cell x=1GiB", "'x=1GiB' is not ID=SIZE"),
    "cell without unit": ("--cell 0=1", "size '1' has no unit; write '1 MiB' or '1 GiB'"),
    "size without unit": ("--to 8", "size '8' has no unit; write '8 MiB' or '8 GiB'"),
    "no size at all": ("", "needs --to SIZE or --cell ID=SIZE"),
    "size and cell": ("--to 4GiB --cell 0=1GiB", "takes --to SIZE or --cell ID=SIZE, not both"),
    "unknown distance": ("--to 4GiB --accept far", "'exact', 'below', 'above' or 'nearest'"),
    "answers twice": ("--to 4GiB --qmp running.qmp.json", "--qmp running.qmp.json: is given twice"),
    "answers that are missing": ("--to 4GiB --qmp absent", "absent: there is no such file"),
    "answers that are none": ("--to 4GiB --qmp host.yaml", "host.yaml: line 1: is not JSON"),
    "standard input twice": ("--to 4GiB --qmp - --also-host -", "once only"),
    "several guests": ("--to 4GiB --guest full.yaml", "slotsolver plan PROBLEM.yaml"),
    "a problem": ("problem.yaml --to 4GiB", "unrecognized arguments: problem.yaml"),
    "host twice": ("--to 4GiB --also-host host.yaml --also-host host.yaml", "is given twice"),
    "host that is missing": ("--to 4GiB --also-host absent", "absent: there is no such file"),
    "host that is none": ("--to 4GiB --also-host running.xml", "running.xml: "),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input(live: Program, name: str) -> None:
    """Each is exit code 2 and one line that says what would be right."""
    line, message = BAD[name]
    refused(live("resize", *LIVE, *line.split()), message)


def test_no_guest(live: Program) -> None:
    """A guest is needed, and a host before others."""
    refused(live("resize", *HOSTS, "--to", "4GiB"), "needs --guest FILE")
    refused(
        live("resize", "--guest", "running.xml", "--to", "4GiB", "--also-host", "host.yaml"),
        "--also-host host.yaml: needs --host",
    )


def test_a_guest_that_does_not_run(live: Program, folder: Path) -> None:
    """It is pointed to `plan`, or to its live XML."""
    (folder / "off.yaml").write_text(FULL.replace("running: true\n", ""))
    for file, name in (("running-inactive.xml", "web"), ("off.yaml", "full")):
        finished = live("resize", "--guest", file, *HOSTS, "--to", "4GiB")
        refused(finished, f"{file}: guest {name} is not running", "`slotsolver plan`")


def test_a_dimm_that_qemu_does_not_have(live: Program, folder: Path) -> None:
    """The slot and both files are named."""
    answers = json.loads((folder / "running.qmp.json").read_text())
    (folder / "other.json").write_text(json.dumps(answers["query-memory-devices"][1:]))
    options = ["--guest", "running.xml", "--qmp", "other.json", *HOSTS, "--to", "4GiB"]
    message = "slot 3: the dimm of 1 GiB is in running.xml, but not in other.json"
    refused(live("resize", *options), "other.json: query-memory-devices: ", message)


@pytest.mark.parametrize(
    ("old", "new", "missing"),
    [
        ("base='0x140000000'", "", "address"),
        ("<address type='dimm' slot='0' base='0x140000000'/>", "", "slot"),
    ],
)
def test_a_live_domain_without_addresses(
    live: Program, folder: Path, old: str, new: str, missing: str
) -> None:
    """It is refused before anything else."""
    file = edited(folder, "bare.xml", (old, new))
    finished = live("resize", "--guest", file, *HOSTS, "--to", "4GiB")
    refused(finished, f"bare.xml: guest web is running, but its dimm 0 of 512 MiB has no {missing}")


def test_a_domain_without_maximum(live: Program, folder: Path) -> None:
    """It cannot be resized while it runs, in libvirt's words; its own size is no resize."""
    text = (folder / "domain.xml").read_text().replace("type='kvm'", "type='kvm' id='3'")
    text = text.replace("<maxMemory slots='16' unit='GiB'>8</maxMemory>", "")
    (folder / "fixed.xml").write_text(text)
    options = ["--guest", "fixed.xml", *HOSTS]
    message = "cannot use/hotplug a memory device when domain 'maxMemory' is not defined"
    refused(live("resize", *options, "--to", "3GiB"), "fixed.xml", message)
    assert live("resize", *options, "--to", "2GiB").returncode == 0


def test_what_cannot_change_while_it_runs(live: Program) -> None:
    """The maximum is QEMU's command line."""
    finished = live("plan", *LIVE, "--maximum", "16GiB")
    refused(finished, "running.xml: maximum: guest web is running: its maximum cannot change")


def test_no_plan_for_programs(live: Program, folder: Path) -> None:
    """Where there is no plan nothing is written, and the reason is on standard error."""
    options = ["--to", "3000MiB", "--format", "qmp", "-o", "out.qmp", "--out-dir", "out"]
    finished = live("resize", *LIVE, *options)
    assert (finished.returncode, finished.stdout) == (3, b"")
    assert b"No plan exists" in finished.stderr
    assert not (folder / "out.qmp").exists()
    assert not (folder / "out").exists()

"""Bad input of every kind ends with exit code 2 and one line that names the file."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from slotsolver.cli.app import BAD_INPUT

Program = Callable[..., subprocess.CompletedProcess[bytes]]

CELLS = "<cell id='0' cpus='0-1' memory='1' unit='GiB'/>"
BILLION = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 10))


def refused(finished: subprocess.CompletedProcess[bytes], *words: str) -> None:
    """Exit code 2, nothing on standard output, one line on standard error that has the words."""
    message = finished.stderr.decode()
    assert finished.returncode == BAD_INPUT, message
    assert finished.stdout == b""
    assert message.endswith("\n")
    assert message.count("\n") == 1, message
    assert message.startswith("slotsolver: error: ")
    assert "Traceback" not in message
    for word in words:
        assert word in message


def domain(cells: str = CELLS, *, devices: str = "", numatune: str = "", backing: str = "") -> str:
    """A domain of 2 vCPUs and 2 GiB with these parts."""
    return (
        "<domain type='kvm'><name>db</name><maxMemory slots='8' unit='GiB'>8</maxMemory>"
        f"<memory unit='GiB'>2</memory>{backing}<vcpu>4</vcpu>{numatune}"
        "<os><type arch='x86_64' machine='pc-q35-7.2'>hvm</type></os><features><acpi/></features>"
        f"<cpu><numa>{cells}</numa></cpu><devices>{devices}</devices></domain>"
    )


def dimm(size: str, node: int = 0) -> str:
    """A DIMM whose size is this element."""
    return f"<memory model='dimm'><target>{size}<node>{node}</node></target></memory>"


BAD_DOMAINS = {
    "not XML": ("<domain", "not well-formed XML"),
    "text": ("hello", "mapping"),
    "external entity": (
        '<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]><domain><name>&x;</name></domain>',
        "DOCTYPE",
    ),
    "billion laughs": (
        f'<!DOCTYPE d [<!ENTITY l0 "ha">{BILLION}]><domain><name>&l9;</name></domain>',
        "DOCTYPE",
    ),
    "wrong root": ("<network><name>db</name></network>", "<domain> is needed"),
    "negative size": (domain("<cell id='0' cpus='0' memory='-5'/>"), "-5"),
    "zero size": (domain("<cell id='0' cpus='0' memory='0'/>"), "no memory"),
    "overflowing size": (
        domain("<cell id='0' cpus='0' memory='99999999999' unit='PiB'/>"),
        "too large",
    ),
    "unknown unit": (domain("<cell id='0' cpus='0' memory='1' unit='GiBi'/>"), "GiBi"),
    "zero DIMM": (domain(devices=dimm("<size>0</size>")), "of size 0"),
    "negative DIMM": (domain(devices=dimm("<size>-1</size>")), "-1"),
    "gap in cell ids": (
        domain("<cell id='0' cpus='0' memory='1024'/><cell id='2' cpus='1' memory='1024'/>"),
        "non-contiguous",
    ),
    "overlapping CPUs": (
        domain("<cell id='0' cpus='0-1' memory='1024'/><cell id='1' cpus='1' memory='1024'/>"),
        "overlapping vCPU ids",
    ),
    "DIMM on a missing cell": (
        domain(devices=dimm("<size unit='GiB'>1</size>", 3)),
        "guest node '3'",
    ),
    "absent host node": (
        domain(numatune="<numatune><memory mode='strict' nodeset='0,7'/></numatune>"),
        "NUMA node 7 is unavailable",
    ),
    "no pool": (
        domain(
            backing="<memoryBacking><hugepages><page size='1' unit='GiB'/></hugepages>"
            "</memoryBacking>"
        ),
        "1 GiB pages",
    ),
}


@pytest.mark.parametrize("name", BAD_DOMAINS)
def test_bad_domain(slotsolver: Program, inside: Program, folder: Path, name: str) -> None:
    """A domain that is no good as a guest is refused with the file's name and the reason."""
    text, reason = BAD_DOMAINS[name]
    (folder / "bad.xml").write_text(text)
    refused(inside("guest", "bad.xml", "--host", "host.yaml"), "bad.xml", reason)
    refused(slotsolver("plan", "--guest", "bad.xml", "--host", "host.yaml"), "bad.xml", reason)


@pytest.mark.parametrize(("target", "code"), [("5 GiB", 3), ("6 GiB", 0)])
def test_a_target_that_other_pages_would_meet_is_no_bad_input(
    slotsolver: Program, folder: Path, target: str, code: int
) -> None:
    """The input is good, there is just no plan: the pages and the target are named."""
    text = (
        f"guests:\n{WEB.replace('6 GiB', target)}\npolicies: [{{kind: page-size, size: 2 GiB}}]\n"
    )
    (folder / "pages.yaml").write_text(text)
    finished = slotsolver("plan", "pages.yaml", "--format", "json")
    assert (finished.returncode, finished.stderr) == (code, b"")
    if code:
        answer = json.loads(finished.stdout)
        assert {m["rule"] for m in answer["conflict"]} == {"policy page-size", "target"}
        targets = [r["to"] for r in answer["remedies"] if r["change"] == "target of guest web"]
        assert targets == ["4 GiB", "6 GiB"]


WEB = (
    "  - {name: web, cells: [{cpus: 0-3}, {cpus: 4-7}], boot: 4 GiB, target: 6 GiB, maximum: 8 GiB}"
)
BAD_PROBLEMS = {
    "negative size": (WEB.replace("6 GiB", "-6 GiB"), "negative"),
    "zero size": (WEB.replace("6 GiB", "0 GiB"), "greater than 0"),
    "overflowing size": (WEB.replace("6 GiB", "9999999999 TiB"), "too large"),
    "size without unit": (WEB.replace("6 GiB", "6"), "no unit"),
    "text as a size": (WEB.replace("6 GiB", "six"), "not a size"),
    "unknown policy": (f"{WEB}\npolicies: [{{kind: stepp, size: 1 GiB}}]", "did you mean 'step'?"),
    "unknown objective": (f"{WEB}\nobjectives: [fewest-slot]", "did you mean 'fewest-slots'?"),
    "unknown field": (WEB.replace("maximum", "maximun"), "did you mean 'maximum'?"),
    "gap in cell ids": (WEB.replace("{cpus: 4-7}", "{id: 2}"), "cell ids must be 0 to 1"),
    "overlapping CPUs": (WEB.replace("4-7", "3-7"), "overlapping vCPU ids"),
    "DIMM on a missing cell": (
        WEB.replace("boot:", "devices: [{size: 1 GiB, cell: 4}], boot:"),
        "guest node '4'",
    ),
    "target above maximum": (WEB.replace("6 GiB", "9 GiB"), "above the maximum 8 GiB"),
    "target not reachable": (WEB.replace("6 GiB", "6145 MiB"), "6145 MiB cannot be met"),
    "no pools": (
        f"{WEB}\nhost: host.yaml\npolicies: [{{kind: page-size, size: 1 GiB}}]",
        "no pool of 1 GiB pages",
    ),
    "absent host node": (
        f"{WEB.replace('boot:', 'host_nodes: 5, boot:')}\nhost: host.yaml",
        "NUMA node 5 is unavailable",
    ),
    "alias": (f"{WEB}\npolicies: [&a {{kind: step, size: 1 GiB}}, *a]", "aliases"),
    "not a mapping": ("  nonsense", "guests"),
    "file that is missing": (f"{WEB}\nhost: elsewhere.yaml", "elsewhere.yaml"),
}


@pytest.mark.parametrize("name", BAD_PROBLEMS)
def test_bad_problem(slotsolver: Program, folder: Path, name: str) -> None:
    """A problem that is no good is refused with the file's name and the reason."""
    text, reason = BAD_PROBLEMS[name]
    (folder / "bad.yaml").write_text(f"guests:\n{text}\n")
    file = "elsewhere.yaml" if name == "file that is missing" else "bad.yaml"
    refused(slotsolver("plan", "bad.yaml"), file, reason)


SOURCES = {
    "plan": ["plan", "{}"],
    "plan's guest": ["plan", "--guest", "{}"],
    "check": ["check", "{}"],
    "host": ["host", "{}"],
    "free": ["host", "host.yaml", "--free", "{}"],
    "guest": ["guest", "{}"],
    "QMP": ["guest", "domain.xml", "--qmp", "{}"],
    "study": ["study", "run", "{}", "-o", "r.parquet"],
    "another host": ["plan", "problem.yaml", "--also-host", "{}"],
    "check's problem": ["check", "plan.json", "--problem", "{}"],
}


@pytest.mark.parametrize("where", SOURCES)
def test_bad_files(slotsolver: Program, inside: Program, folder: Path, where: str) -> None:
    """Files that are missing, below a file, unreadable, empty or a folder are named."""
    inside("plan", "problem.yaml", "--format", "json", "-o", "plan.json")
    run = slotsolver if where == "plan" else inside
    (folder / "empty").touch()
    (folder / "folder").mkdir()
    (folder / "loop").symlink_to("loop")
    (folder / "binary").write_bytes(b"\0\xff\xfe" * 9)
    for name, reason in (
        ("missing", "no such file"),
        ("problem.yaml/below", "cannot be read"),
        ("loop", "cannot be read"),
        ("/proc/self/mem", "cannot be read"),  # not even for root
        ("empty", "is empty"),
        ("folder", "a sysfs root" if "host" in SOURCES[where][-2] else "is a directory"),
        ("binary", "UTF-8"),
    ):
        refused(run(*(a.format(name) for a in SOURCES[where])), name, reason)


def test_folder_beside_proc_is_no_host(inside: Program, folder: Path) -> None:
    """A folder that is no sysfs root is refused even where a ``proc`` lies beside it."""
    (folder / "proc").mkdir()
    (folder / "proc" / "meminfo").write_text("MemTotal: 1024 kB\n")
    (folder / "some").mkdir()
    refused(inside("host", "some"), "some", "give a sysfs root")


USAGE = {
    "plan": "PROBLEM.yaml or --guest",
    "plan problem.yaml --target 8": "no unit",
    "plan problem.yaml --target=-8GiB": "negative",
    "plan problem.yaml --target 0GiB": "more than 0",
    "plan problem.yaml --maximum 99999999999PiB": "too large",
    "plan problem.yaml --target 9GiB": "above the maximum",
    "plan problem.yaml --policy stepp=1GiB": "did you mean 'step'?",
    "plan problem.yaml --policy step=1": "no unit",
    "plan problem.yaml --policy headroom=4": "pages, fraction",
    "plan problem.yaml --policy reserve": "until",
    "plan problem.yaml --policy slots=many": "at_most",
    "plan problem.yaml --policy slots=4,guests:nobody": "nobody",
    "plan problem.yaml --policy step=1GiB,sizes:2GiB": "did you mean 'size'?",
    "plan problem.yaml --objective finest": "did you mean 'finest-step'?",
    "plan problem.yaml --qemu seven": "--qemu",
    "plan problem.yaml --time-limit never": "seconds",
    "plan problem.yaml --free x": "--host",
    "plan problem.yaml --guest-name nobody": "'nobody'",
    "plan problem.yaml --format png": "choose from table, json",
    "plan problem.yaml --frobnicate": "--frobnicate",
    "plan - --host -": "once only",
    "plan problem.yaml --host absent": "absent",
    "plan problem.yaml --format qmp": "thread is not running; --format qemu",
    "plan problem.yaml --qmp x": "--qmp: is of one guest",
    "plan --guest domain.xml --guest domain.xml": "--guest domain.xml: is given twice",
    "plan --guest domain.xml --also-host host.yaml": "--also-host host.yaml: needs --host",
    "plan problem.yaml --also-host absent": "absent: there is no such file",
    "plan problem.yaml --also-host host.yaml --also-host host.yaml": "is given twice",
    "plan problem.yaml --accept far": "'exact', 'below', 'above' or 'nearest'",
    "plan - --also-host -": "once only",
    "check problem.yaml": "problem.yaml",
    "check domain.xml --problem problem.yaml": "--problem",
    "check domain.xml --qemu seven": "seven",
    "host host.yaml --format libvirt": "choose from table, json, yaml",
    "guest": "FILE",
    "study run absent.yaml -o r.parquet": "absent.yaml: there is no such file",
    "study run problem.yaml -o r.parquet": "problem.yaml: line 1, host: there is no such field",
    "study show problem.yaml": "problem.yaml: is no Parquet file",
    "schema study fits": "takes no KIND",
    "schema house": "choose from problem, plan",
    "frobnicate": "choose from",
    "": "COMMAND",
}


@pytest.mark.parametrize("line", USAGE)
def test_bad_usage(inside: Program, line: str) -> None:
    """Options that make no sense are refused in one line that names them."""
    refused(inside(*line.split()), USAGE[line])


def test_odd_names_stay_on_one_line(slotsolver: Program) -> None:
    """A line break in a file's name does not break the message in two."""
    refused(slotsolver("check", "a\nb"), "a\\nb")


def test_unwritable_output(slotsolver: Program, folder: Path) -> None:
    """A result that cannot be written is one clear line, and nothing half-written stays."""
    before = sorted(folder.rglob("*"))
    refused(slotsolver("plan", "problem.yaml", "-o", "absent/plan"), "absent/plan")
    refused(slotsolver("plan", "problem.yaml", "-o", "."), "is a directory")
    refused(slotsolver("plan", "problem.yaml", "--out-dir", "host.yaml"), "host.yaml")
    assert sorted(folder.rglob("*")) == before
    with Path("/dev/full").open("wb") as full:
        finished = slotsolver_to(folder, full)
    assert finished.returncode == BAD_INPUT
    assert b"standard output: cannot be written: no space left" in finished.stderr


def slotsolver_to(folder: Path, stdout: object) -> subprocess.CompletedProcess[bytes]:
    """Plan with the standard output going elsewhere."""
    command = [sys.executable, "-m", "slotsolver", "plan", "problem.yaml", "--format", "json"]
    return subprocess.run(command, cwd=folder, stdout=stdout, stderr=subprocess.PIPE, check=False)

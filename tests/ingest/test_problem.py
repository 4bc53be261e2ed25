"""Problems from YAML."""

from __future__ import annotations

from pathlib import Path

import pytest

from slotsolver.errors import InputError
from slotsolver.ingest.problem import read_problem
from slotsolver.problem import AtLeast
from slotsolver.size import GiB, MiB

DATA = Path(__file__).parents[1] / "data" / "ingest"
GUEST = "guests:\n- name: a\n  cells: [{}]\n  target: 8 GiB\n  maximum: 16 GiB\n"


def written(folder: Path, text: str) -> str:
    """The name of a problem file with this text, beside the fixtures it may name."""
    for fixture in DATA.iterdir():
        (folder / fixture.name).write_bytes(fixture.read_bytes())
    (folder / "p.yaml").write_text(text)
    return str(folder / "p.yaml")


def test_a_problem_names_its_files_relative_to_itself() -> None:
    """Host, free pages and domains are found beside the problem; wishes override the domain."""
    problem = read_problem(str(DATA / "problem.yaml"))
    assert problem.host is not None
    assert problem.host.nodes[0].pools[0].free == 4000
    small, web = problem.guests
    assert (small.name, small.target, small.waypoints, small.slots) == (
        "small",
        4 * GiB,
        (8 * GiB,),
        8,
    )
    assert small.maximum == AtLeast(at_least=16 * GiB)
    assert not small.running
    assert small.xml == (DATA / "guest-plain.xml").read_text()
    assert (web.boot, web.target) == (4 * GiB, {0: 3 * GiB, 1: 3 * GiB})
    assert web.cells[1].page_size == 2 * MiB
    assert [p.kind for p in problem.policies] == ["step"]
    assert problem.qemu == "7.10"


def test_a_problem_prints_what_it_reads(tmp_path: Path) -> None:
    """A problem's JSON is a problem, in bytes."""
    problem = read_problem(str(DATA / "problem.yaml"))
    file = tmp_path / "p.json"
    file.write_text(problem.model_dump_json())
    assert read_problem(str(file)) == problem


def test_a_host_may_be_inline_local_or_absent(tmp_path: Path) -> None:
    """All three ways give the same guests."""
    inline = "host: {nodes: [{id: 0, memory: 64 GiB}]}\n"
    hosts = [read_problem(written(tmp_path, h + GUEST)).host for h in (inline, "host: local\n", "")]
    assert hosts[0] is not None
    assert hosts[0].nodes[0].free == 64 * GiB
    assert hosts[1] is not None
    assert hosts[2] is None
    assert read_problem(written(tmp_path, GUEST), host=hosts[0]).host == hosts[0]


RUNNING = "guests: [{domain: running.xml, qmp: running.qmp.json, target: 5 GiB}]\n"
LIVE = f"""\
guests:
- name: live
  running: true
  cells: [{{memory: 1 GiB}}, {{memory: 1 GiB}}]
  slots: 8
  maximum: 8 GiB
  devices: [{{slot: 2, size: 1 GiB, cell: 1, address: {0x140000000}}}]
  growth: [{{slot: 3, size: 1 GiB, cell: 0, address: {0x180000000}}}]
"""


def test_running_guests(tmp_path: Path) -> None:
    """A domain is running that runs, or of which QEMU tells; an inline one that says so."""
    (web,) = read_problem(written(tmp_path, RUNNING)).guests
    assert (web.running, web.target, web.devices[2].address) == (True, 5 * GiB, 0x160000000)
    inactive = RUNNING.replace("running.xml", "running-inactive.xml").replace(
        "running.qmp.json", "[running.qmp.json]"
    )
    (again,) = read_problem(written(tmp_path, inactive)).guests
    assert (again.running, again.devices) == (True, web.devices)
    (live,) = read_problem(written(tmp_path, LIVE)).guests
    assert (live.running, live.target) == (True, 3 * GiB)
    assert [dimm.slot for dimm in live.growth] == [3]
    (wanted,) = read_problem(written(tmp_path, LIVE + "  target: {0: 1 GiB, 1: 3 GiB}\n")).guests
    assert wanted.target == {0: GiB, 1: 3 * GiB}


def test_hosts_to_migrate_to(tmp_path: Path) -> None:
    """They are files beside the problem, or stand in it."""
    hosts = "host: capabilities.xml\nalso_hosts: [capabilities.xml, {nodes: [{memory: 8 GiB}]}]\n"
    problem = read_problem(written(tmp_path, GUEST + hosts.replace("{memory", "{id: 4, memory")))
    assert problem.also_hosts[0] == problem.host
    assert [node.id for node in problem.also_hosts[1].nodes] == [4]
    (tmp_path / "p.json").write_text(problem.model_dump_json())
    assert read_problem(str(tmp_path / "p.json")) == problem


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("guests: []\n", "line 1, guests: Tuple should have at least 1 item"),
        ("host: local\n", "guests: this field is needed here"),
        (GUEST + "polices: []\n", "line 6, polices: there is no such field here; did you mean"),
        (GUEST.replace("target", "targte"), "line 4, guests.0.targte: there is no such field here"),
        (GUEST.replace("16 GiB", "4 GiB"), "target 8 GiB is above the maximum 4 GiB"),
        (GUEST.replace("8 GiB", "8"), "line 4, guests.0.target: size 8 has no unit; write '8 MiB'"),
        (
            GUEST.replace("8 GiB", "0 GiB"),
            "line 4, guests.0.target: Input should be greater than 0",
        ),
        (GUEST.replace("8 GiB", "-8 GiB"), "size '-8 GiB' is negative"),
        (GUEST.replace("8 GiB", "9999 EiB"), "size '9999 EiB' is too large"),
        (GUEST.replace("8 GiB", "8 GiBs"), "'GiBs' in '8 GiBs' is not a unit"),
        (GUEST + "policies:\n- {kind: stpe, size: 1 GiB}\n", "line 7, policies.0: unknown policy"),
        (GUEST + "policies:\n- {kind: stpe, size: 1 GiB}\n", "did you mean 'step'?"),
        (
            GUEST + "policies:\n- {kind: step, sise: 1 GiB}\n",
            "no field 'sise'; did you mean 'size'",
        ),
        (GUEST + "policies:\n- {kind: step}\n", "policies.0.size: this field is needed here"),
        (GUEST + "policies: [{kind: step, size: 1 GiB, guests: [b]}]", "names guest 'b'"),
        (GUEST.replace("[{}]", "[{id: 0}, {id: 2}]"), "cell ids must be 0 to 1"),
        (GUEST.replace("[{}]", "[{cpus: 0-2}, {cpus: 2-3}]"), "overlapping vCPU ids (CPU 2)"),
        (GUEST.replace("[{}]", "[{cpus: x}]"), "line 3, guests.0.cells.0.cpus: 'x' is not a set"),
        (
            GUEST + "  devices: [{size: 1 GiB, cell: 3}]\n",
            "can't add memory backend for guest node '3'",
        ),
        (GUEST + "host: nowhere.xml\n", "nowhere.xml: there is no such file"),
        (GUEST + "free: freepages.txt\n", "line 6, free: is a file name, and needs `host`"),
        (GUEST + "host: {nodes: [{id: 0}]}\n", "line 6, host.nodes.0.memory: this field is needed"),
        (
            GUEST.replace("{}", "{host_nodes: 1}") + "host: capabilities.xml\n",
            "line 2, guests.0: guest a, cell 0: unsupported configuration: NUMA node 1 is unavail",
        ),
        (
            GUEST.replace("{}", "{page_size: 16 MiB}") + "host: capabilities.xml\n",
            "the host has no pool of 16 MiB pages, only 4 KiB, 2 MiB, 1 GiB",
        ),
        ("guests: [{domain: nowhere.xml}]\n", "nowhere.xml: there is no such file"),
        ("guests: [{domain: .}]\n", "is a directory; a file is needed here"),
        ("guests: [{domain: guest-plain.xml, cells: []}]\n", "guests.0.cells: there is no such"),
        (
            "guests: [{domain: guest-plain.xml, maximum: 1 GiB}]\n",
            "line 1, guests.0: guest plain: target 4 GiB is above the maximum 1 GiB",
        ),
        (
            "guests: [{domain: guest-numa.xml}]\nhost: capabilities.xml\n",
            "guest-numa.xml: guest db1, numatune/memory: unsupported configuration: NUMA node 1",
        ),
        ("<domain/>", "is XML, a problem is YAML"),
        (GUEST + "host: capabilities.xml\nalso_hosts: [nowhere.xml]\n", "nowhere.xml: there is no"),
        (
            GUEST + "host: capabilities.xml\nalso_hosts:\n- nodes: [{id: 0}]\n",
            "line 8, also_hosts.0.nodes.0.memory: this field is needed here",
        ),
        (GUEST + "also_hosts: [capabilities.xml]\n", "also_hosts needs a host"),
        (GUEST + "also_hosts: capabilities.xml\n", "line 6, also_hosts: Input should be a valid"),
        (RUNNING.replace(".qmp.json", ".absent"), "running.absent: there is no such file"),
        (RUNNING.replace("running.qmp.json", "7"), "line 1, guests.0.qmp: Input should be a valid"),
        (
            RUNNING.replace("target: 5 GiB", "maximum: 16 GiB"),
            "line 1, guests.0.maximum: guest web is running: its maximum cannot change",
        ),
        (
            RUNNING.replace("target: 5 GiB", "slots: 16"),
            "line 1, guests.0.slots: guest web is running: its slots cannot change",
        ),
        (RUNNING.replace("5 GiB", "1 GiB"), "line 1, guests.0: guest web: boot memory is 2 GiB, m"),
        (RUNNING.replace("5 GiB", "9 GiB"), "target 9 GiB is above the maximum 8 GiB"),
        (LIVE.replace("slot: 2, ", ""), "line 2, guests.0: guest live is running, but its dimm 0 "),
        (LIVE.replace("{memory: 1 GiB}", "{}"), "is running: give `memory` for every cell"),
        (LIVE.replace("8 GiB", "{at_least: 8 GiB}"), "its maximum is a size, not a bound"),
        (LIVE.replace("size: 1 GiB, cell: 1", "size: 1, cell: 1"), "devices.0.size: size 1 has no"),
    ],
)
def test_bad_problems_are_one_line_with_the_place(tmp_path: Path, text: str, rule: str) -> None:
    """Each fault names file, line, field and rule."""
    with pytest.raises(InputError) as caught:
        read_problem(written(tmp_path, text))
    assert str(caught.value).startswith(str(tmp_path))
    assert rule in str(caught.value)
    assert "\n" not in str(caught.value)

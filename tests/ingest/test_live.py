"""Guests beside what QEMU says of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from slotsolver.errors import InputError
from slotsolver.ingest.guest import read_guest
from slotsolver.problem import Device, Guest, ReservedDimm
from slotsolver.size import GiB, MiB

DATA = Path(__file__).parents[1] / "data" / "ingest"
LIVE, INACTIVE = DATA / "running.xml", DATA / "running-inactive.xml"
QMP = DATA / "running.qmp.json"
DIMM0, DIMM3, VIRTIO = 1, 0, 2
"""Places of the devices in the recorded answer."""

YAML = """\
name: web
cells: [{cpus: 0, memory: 1 GiB, host_nodes: 0}, {cpus: 1, memory: 1 GiB, page_size: 2 MiB}]
slots: 8
maximum: 8 GiB
growth:
  - {slot: 0, size: 1 GiB, cell: 0, address: 0x1c0000000}
  - {slot: 5, size: 1 GiB, cell: 0, address: 0x1c0000000}
""".replace("0x1c0000000", str(0x1C0000000))

Change = Callable[[dict[str, Any]], object]


def told(folder: Path, change: Change = lambda _: None) -> str:
    """The name of a file with the recorded answers, changed."""
    answers = json.loads(QMP.read_text())
    change(answers)
    (folder / "q.json").write_text(json.dumps(answers))
    return str(folder / "q.json")


def data(place: int, **fields: Any) -> Change:
    """Change what is told of a device; the sums are not told then."""

    def change(answers: dict[str, Any]) -> None:
        answers.pop("query-memory-size-summary")
        device = answers["query-memory-devices"][place]["data"]
        device |= {name.replace("_", "-"): value for name, value in fields.items()}

    return change


def without(place: int) -> Change:
    """Leave a device out."""

    def change(answers: dict[str, Any]) -> None:
        answers.pop("query-memory-size-summary")
        answers["query-memory-devices"].pop(place)

    return change


def guest(file: Path, qmp: str = str(QMP)) -> Guest:
    """The guest of a file beside QEMU's answers."""
    return read_guest(str(file), qmp=[qmp])


def yaml(folder: Path, text: str = "") -> Path:
    """A YAML guest with more lines."""
    (folder / "g.yaml").write_text(YAML + text)
    return folder / "g.yaml"


@pytest.mark.parametrize("file", [LIVE, INACTIVE])
def test_a_domain_has_what_qemu_says(file: Path) -> None:
    """Live or not, it runs, with QEMU's devices; what its cells have already is not said twice."""
    web = guest(file)
    assert web.running
    assert web.devices == (
        Device(size=512 * MiB, cell=0, slot=0, address=0x140000000, alias="dimm0"),
        Device(size=GiB, cell=1, slot=3, address=0x100000000, alias="dimm3"),
        Device(
            model="virtio-mem",
            size=GiB,
            cell=1,
            address=0x160000000,
            block=2 * MiB,
            requested=256 * MiB,
            current=0,
            alias="virtiomem0",
        ),
    )
    assert web.target == web.size_now == (2048 + 1536 + 256) * MiB
    assert web.xml == file.read_text()


def test_the_live_domain_says_all_but_an_address_itself() -> None:
    """Without QEMU's answers only the address of the virtio-mem is not known (libvirt 9.0)."""
    alone, beside = read_guest(str(LIVE)), guest(LIVE)
    assert alone.devices[2].address is None
    assert alone.devices[:2] == beside.devices[:2]
    assert (alone.running, alone.target) == (True, beside.target)


def test_growth_is_what_is_still_free() -> None:
    """A planned DIMM that is plugged is no growth any more, nor one where a device lies."""
    fifth = ReservedDimm(slot=5, size=GiB, cell=0, address=0x1C0000000)
    fourth = ReservedDimm(slot=4, size=GiB, cell=0, address=0x180000000)
    assert read_guest(str(LIVE)).growth == (fourth, fifth)
    assert guest(LIVE).growth == guest(INACTIVE).growth == (fifth,)
    assert read_guest(str(INACTIVE)).growth == ()


def test_a_guest_in_yaml(tmp_path: Path) -> None:
    """Its devices are QEMU's, bound to other nodes only where its cells are not bound so."""
    web = guest(yaml(tmp_path))
    assert web.running
    assert [(d.alias, d.host_nodes) for d in web.devices] == [
        ("dimm3", (0,)),
        ("dimm0", None),
        ("virtiomem0", (0,)),
    ]
    assert web.target == web.size_now == 3840 * MiB
    assert [dimm.slot for dimm in web.growth] == [5]
    assert guest(yaml(tmp_path, "target: 5 GiB\n")).target == 5 * GiB


def test_a_running_guest_in_yaml_names_its_devices(tmp_path: Path) -> None:
    """Without QEMU's answers its own devices count; with them they must be the same."""
    devices = (
        "running: true\ndevices:\n"
        f"  - {{slot: 0, size: 512 MiB, cell: 0, address: {0x140000000}, page_size: 2 MiB}}\n"
        f"  - {{slot: 3, size: 1 GiB, cell: 1, address: {0x100000000}}}\n"
    )
    virtio = "  - {model: virtio-mem, size: 1 GiB, cell: 1, block: 2 MiB, requested: 128 MiB}\n"
    file = yaml(tmp_path, devices + virtio)
    alone = read_guest(str(file))
    assert alone.target == alone.size_now == (2048 + 1536 + 128) * MiB
    both = guest(file)
    assert both.target == both.size_now == (2048 + 1536 + 256) * MiB
    assert [d.page_size for d in both.devices] == [2 * MiB, None, None]
    with pytest.raises(InputError, match=r"q\.json: .*the virtio-mem virtiomem0 of 1 GiB is in "):
        guest(yaml(tmp_path, devices), told(tmp_path))


def test_a_guest_in_yaml_may_shrink(tmp_path: Path) -> None:
    """What it is wanted to have may be less than what its file or QEMU has plugged."""
    devices = "devices: [{size: 2 GiB, cell: 0}]\ntarget: 3 GiB\n"
    assert guest(yaml(tmp_path, devices)).target == 3 * GiB
    with pytest.raises(InputError, match=r"g\.yaml: line 8, target: size 3 has no unit"):
        guest(yaml(tmp_path, "target: 3\n"))
    with pytest.raises(InputError, match="boot memory is 2 GiB, more than the target 1 GiB"):
        guest(yaml(tmp_path, "target: 1 GiB\n"))


def test_an_inactive_domain_may_have_other_devices(tmp_path: Path) -> None:
    """Its configuration is for the next start; what is plugged is QEMU's to say."""
    web = guest(INACTIVE, told(tmp_path, without(DIMM0)))
    assert [d.alias for d in web.devices] == ["dimm3", "virtiomem0"]
    web = guest(INACTIVE, told(tmp_path, data(DIMM0, size=GiB, addr=0x1C0000000)))
    assert (web.devices[0].size, web.devices[0].address) == (GiB, 0x1C0000000)


def test_an_nvdimm_is_smaller_by_its_label(tmp_path: Path) -> None:
    """QEMU tells the part that the guest sees; the file's size is kept."""
    told_nvdimm = {
        "addr": 0x180000000,
        "size": 510 * MiB,
        "slot": 1,
        "node": 0,
        "memdev": "/objects/memnvdimm1",
    }
    devices = [{"type": "nvdimm", "data": told_nvdimm}]
    answers = tmp_path / "q.json"
    answers.write_text(json.dumps({"query-memory-devices": devices}))
    text = (
        "running: true\ndevices:\n  - {model: nvdimm, slot: 1, size: 512 MiB, cell: 0, "
        "label: 128 KiB}\n"
    )
    (device,) = guest(yaml(tmp_path, text), str(answers)).devices
    assert (device.size, device.label, device.address) == (512 * MiB, 128 << 10, 0x180000000)
    told_nvdimm["size"] = 513 * MiB
    answers.write_text(json.dumps({"query-memory-devices": devices}))
    with pytest.raises(InputError, match="slot 1: the nvdimm: its size is 513 MiB, but 512 MiB in"):
        guest(yaml(tmp_path, text), str(answers))


DIFFERENT: dict[str, tuple[Change, str]] = {
    "in the XML only": (without(DIMM3), "slot 3: the dimm of 1 GiB is in {xml}, but not in {qmp};"),
    "virtio-mem in the XML only": (
        without(VIRTIO),
        "the virtio-mem virtiomem0 of 1 GiB is in {xml}, but not in {qmp};",
    ),
    "slot": (data(DIMM3, slot=6), "slot 3: the dimm of 1 GiB is in {xml}, but not in {qmp};"),
    "size": (data(DIMM3, size=2 * GiB), "slot 3: the dimm: its size is 2 GiB, but 1 GiB in {xml};"),
    "node": (data(DIMM3, node=0), "slot 3: the dimm: its node is 0, but 1 in {xml};"),
    "address": (
        data(DIMM0, addr=0x200000000),
        "slot 0: the dimm: its address is 0x200000000, but 0x140000000 in {xml};",
    ),
    "size of a virtio-mem": (
        data(VIRTIO, max_size=2 * GiB),
        "the virtio-mem virtiomem0: its size is 2 GiB, but 1 GiB in {xml};",
    ),
    "block of a virtio-mem": (
        data(VIRTIO, block_size=4 * MiB),
        "the virtio-mem virtiomem0: its block size is 4 MiB, but 2 MiB in {xml};",
    ),
    "boot memory": (
        lambda answers: answers["query-memory-size-summary"].update({"base-memory": GiB}),
        "base-memory is 1 GiB, but the boot memory of {xml} is 2 GiB;",
    ),
    "a cell that is not there": (
        data(DIMM3, node=2),
        "slot 3: the dimm is on node 2, but {xml} has 2 cell(s)",
    ),
}


@pytest.mark.parametrize("name", DIFFERENT)
def test_a_live_domain_that_qemu_contradicts_is_refused(tmp_path: Path, name: str) -> None:
    """The message names the slot (or the device) and both files."""
    change, message = DIFFERENT[name]
    qmp = told(tmp_path, change)
    with pytest.raises(InputError) as caught:
        guest(LIVE, qmp)
    assert str(caught.value).startswith(f"{qmp}: query-memory-")
    assert message.format(xml=LIVE, qmp=qmp) in str(caught.value)


def test_a_dimm_that_the_live_domain_does_not_have_is_refused(tmp_path: Path) -> None:
    """The other way round as well."""

    def more(answers: dict[str, Any]) -> None:
        answers.pop("query-memory-size-summary")
        (dimm,) = [d for d in answers["query-memory-devices"] if d["data"]["id"] == "dimm0"]
        again = {**dimm["data"], "slot": 7, "addr": 0x1C0000000, "id": "dimm7"}
        answers["query-memory-devices"].append({"type": "dimm", "data": again})

    qmp = told(tmp_path, more)
    with pytest.raises(InputError) as caught:
        guest(LIVE, qmp)
    assert f"slot 7: the dimm of 512 MiB is in {qmp}, but not in {LIVE};" in str(caught.value)


def test_what_was_requested_since_is_qemus(tmp_path: Path) -> None:
    """A live domain that is a little older than the answers is not contradicted by a resize."""
    web = guest(LIVE, told(tmp_path, data(VIRTIO, requested_size=512 * MiB)))
    assert web.devices[2].requested == 512 * MiB
    assert web.target == web.size_now


def test_a_guest_without_boot_memory_is_refused(tmp_path: Path) -> None:
    """QEMU does not say how it is split over cells."""
    file = tmp_path / "g.yaml"
    file.write_text("name: web\ncells: [{}, {}]\nslots: 8\nmaximum: 8 GiB\n")
    with pytest.raises(
        InputError, match=r"base-memory is 2 GiB, but the boot memory of .* unknown"
    ):
        guest(file)
    file.write_text("name: web\ncells: [{}]\nboot: 2 GiB\nrunning: true\n")
    with pytest.raises(InputError, match="give `memory` for every cell"):
        read_guest(str(file))

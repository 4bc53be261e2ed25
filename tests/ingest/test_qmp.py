"""What QEMU answers, in every way in which it may have been saved."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slotsolver.errors import InputError
from slotsolver.ingest.guest import read_guest
from slotsolver.ingest.qmp import read_qmp
from slotsolver.ingest.qmp_session import BACKENDS, DEVICES, SUMMARY
from slotsolver.problem import Device
from slotsolver.size import GiB, MiB

RECORDED = Path(__file__).parents[1] / "data" / "ingest" / "running.qmp.json"
"""What QEMU 7.2 answered of the guest of running.xml."""

KEYS = ["return", "error", "event", "type", "data", "id", "base-memory", "size", DEVICES, SUMMARY]

Written = Callable[..., list[str]]


def told() -> dict[str, Any]:
    """The recorded answers by their queries."""
    answers: dict[str, Any] = json.loads(RECORDED.read_text())
    return answers


@pytest.fixture
def written(tmp_path: Path) -> Written:
    """Write texts to files (what is no text as JSON) and give their names."""

    def write(*contents: Any) -> list[str]:
        files = []
        for number, content in enumerate(contents):
            file = tmp_path / f"{number}.json"
            file.write_text(content if isinstance(content, str) else json.dumps(content))
            files.append(str(file))
        return files

    return write


def wrapped(value: Any) -> dict[str, Any]:
    """An answer as it comes over the wire."""
    return {"return": value, "id": "libvirt-411"}


def session() -> str:
    """A QMP session as its lines, with what else there is in one."""
    lines: list[Any] = [
        {"QMP": {"version": {"qemu": {"major": 7}}, "capabilities": ["oob"]}},
        {"execute": "qmp_capabilities"},
        wrapped({}),
        {"execute": DEVICES},
        wrapped(told()[DEVICES]),
        {"timestamp": {"seconds": 1, "microseconds": 2}, "event": "RTC_CHANGE", "data": {}},
        wrapped({"status": "running", "running": True}),
        wrapped(told()[SUMMARY]),
        wrapped(told()[BACKENDS]),
    ]
    return "\r\n".join(map(json.dumps, lines)) + "\n"


def pretty() -> str:
    """The answers one below the other, each over several lines."""
    return "\n\n".join(json.dumps(wrapped(answer), indent=2) for answer in told().values())


FORMS: dict[str, Callable[[], tuple[Any, ...]]] = {
    "object with bare values": lambda: (told(),),
    "object with wrapped values": lambda: ({q: wrapped(a) for q, a in told().items()},),
    "a file for each": lambda: tuple(told().values()),
    "a file for each, wrapped": lambda: tuple(map(wrapped, told().values())),
    "session": lambda: (session(),),
    "pretty": lambda: (pretty(),),
    "byte order mark": lambda: ("\ufeff" + json.dumps(told()),),
    "the same once more": lambda: (told(), wrapped(told()[DEVICES])),
}


@pytest.mark.parametrize("form", FORMS)
def test_forms(written: Written, form: str) -> None:
    """All ways to save the answers say the same."""
    answers = read_qmp(written(*FORMS[form]()))
    assert answers.base == 2 * GiB
    assert answers.devices == (
        Device(size=GiB, cell=1, slot=3, address=0x100000000, host_nodes=(0,), alias="dimm3"),
        Device(size=512 * MiB, cell=0, slot=0, address=0x140000000, host_nodes=(0,), alias="dimm0"),
        Device(
            model="virtio-mem",
            size=GiB,
            cell=1,
            address=0x160000000,
            host_nodes=(0,),
            block=2 * MiB,
            requested=256 * MiB,
            current=0,
            alias="virtiomem0",
        ),
    )


def test_devices_alone(written: Written) -> None:
    """Sums and backends need not be told; then host nodes are not known."""
    answers = read_qmp(written(told()[DEVICES]))
    assert (answers.base, answers.base_source) == (None, "")
    assert {device.host_nodes for device in answers.devices} == {None}


def test_a_guest_without_devices(written: Written) -> None:
    """An empty list is an answer: nothing is plugged."""
    assert read_qmp(written(wrapped([]))).devices == ()
    old = {"base-memory": GiB}
    assert read_qmp(written(wrapped([]), old)).base == GiB


def test_other_models(written: Written) -> None:
    """An nvdimm has a slot; regions without one have a place, SGX memory none that matters. A
    backend of any other name than libvirt's is kept, to be deleted with its device; a device
    without an id has an empty alias."""
    region = {"memaddr": 0x180000000, "size": GiB, "memdev": "/objects/m"}
    dimm = {"addr": 0x140000000, "size": GiB, "slot": 4, "node": 0, "memdev": "/objects/n"}
    devices = [
        {"type": "nvdimm", "data": dimm},
        {"type": "virtio-pmem", "data": region},
        {"type": "sgx-epc", "data": {**region, "node": 0}},
    ]
    total = {"base-memory": GiB, "plugged-memory": 2 * GiB}
    assert read_qmp(written(devices, total)).devices == (
        Device(
            model="nvdimm", size=GiB, cell=0, slot=4, address=0x140000000, alias="", backend="n"
        ),
        Device(model="virtio-pmem", size=GiB, address=0x180000000, alias="", backend="m"),
        Device(model="sgx-epc", size=GiB, alias="", backend="m"),
    )


def test_only_a_bound_backend_has_host_nodes(written: Written) -> None:
    """Of a preferred or interleaved backend nobody knows where its pages are."""
    policies = {"memdimm0": "preferred", "memvirtiomem0": "interleave", "memdimm3": "bind"}
    backends = [
        {**backend, "policy": policies.get(backend["id"], "default")}
        for backend in told()[BACKENDS]
    ]
    answers = read_qmp(written(told()[DEVICES], backends))
    nodes = {device.alias: device.host_nodes for device in answers.devices}
    assert nodes == {"dimm0": None, "virtiomem0": None, "dimm3": (0,)}


def changed(query: str, change: Callable[[Any], Any]) -> dict[str, Any]:
    """The recorded answers with one of them changed."""
    answers = told()
    change(answers[query])
    return answers


REFUSED: dict[str, tuple[tuple[Any, ...], str]] = {
    "empty": (("",), "0.json: is empty"),
    "text": (("hello",), "0.json: line 1: is not JSON"),
    "cut off": ((session()[:-20],), "0.json: line 9: is not JSON"),
    "XML": (("<domain/>",), "line 1: is not JSON"),
    "number": (("12",), "line 1: is no answer to query-memory-devices, query-mem"),
    "huge number": (("9" * 5000,), "line 1: Exceeds the limit"),
    "too deep": (("[" * 100000,), "is nested too deeply"),
    "binary": (("\0",), "is binary"),
    "key twice": (('{"return": [], "return": []}',), "the key 'return' stands twice"),
    "another answer": (({"return": {"status": "running"}},), "holds no answer to query-memory-"),
    "some object": (({"name": "web"},), "line 1: is no answer to"),
    "some list": (([{"name": "web"}],), "line 1: is no answer to"),
    "list of lists": (([[]],), "line 1: is no answer to"),
    "misspelt": (
        ({"query-memory-device": []},),
        "'query-memory-device' is no query that is read here; did you mean 'query-memory-devices'",
    ),
    "refused": (
        ({"error": {"class": "CommandNotFound", "desc": "The command x has not been found"}},),
        "line 1: QEMU refused: The command x has not been found",
    ),
    "refused oddly": (({"error": "no"},), "QEMU refused: no"),
    "no devices": ((told()[SUMMARY], told()[BACKENDS]), "1.json: no answer to query-memory-devi"),
    "wrapped twice": (({DEVICES: wrapped(wrapped([]))},), "query-memory-devices: Input should be"),
    "two answers": (
        (told(), [told()[DEVICES][0]]),
        "1.json: line 1: query-memory-devices is answered here and in ",
    ),
    "unknown model": (
        (changed(DEVICES, lambda told: told[0].update(type="hv-balloon")),),
        "query-memory-devices/0: Input tag 'hv-balloon'",
    ),
    "no size": (
        (changed(DEVICES, lambda told: told[1]["data"].pop("size")),),
        "query-memory-devices/1.dimm.data.size: this field is needed here",
    ),
    "text as size": (
        (changed(DEVICES, lambda told: told[1]["data"].update(size="512 MiB")),),
        "data.size: Input should be a valid integer, not '512 MiB'",
    ),
    "fraction": (
        (changed(DEVICES, lambda told: told[1]["data"].update(size=0.5)),),
        "data.size: Input should be a valid integer",
    ),
    "size of zero": (
        (changed(DEVICES, lambda told: told[1]["data"].update(size=0)),),
        "data.size: Input should be greater than 0",
    ),
    "size too large": (
        (changed(DEVICES, lambda told: told[2]["data"].update({"max-size": 1 << 63})),),
        "virtio-mem.data.max-size: Input should be less than or equal to",
    ),
    "negative slot": (
        (changed(DEVICES, lambda told: told[0]["data"].update(slot=-1)),),
        "data.slot: Input should be greater than or equal to 0",
    ),
    "null": (
        (changed(SUMMARY, lambda told: told.update({"base-memory": None})),),
        "query-memory-size-summary/base-memory: Input should be a valid integer",
    ),
    "too many": (({DEVICES: [told()[DEVICES][0]] * 5000},), "List should have at most 4096 items"),
    "sums": (
        (changed(SUMMARY, lambda told: told.update({"plugged-memory": GiB})),),
        "plugged-memory is 1073741824 bytes, but the devices in ",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_answer_is_one_line_with_file_and_place(written: Written, name: str) -> None:
    """Each fault names the file and what is wrong; nothing else leaves the reader."""
    contents, rule = REFUSED[name]
    with pytest.raises(InputError) as caught:
        read_qmp(written(*contents))
    assert rule in str(caught.value)
    assert ".json: " in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner),
    max_leaves=12,
)


@given(value=VALUES, place=st.lists(st.integers(min_value=0, max_value=5), max_size=6))
def test_nothing_but_an_input_error_leaves_it(
    tmp_path_factory: pytest.TempPathFactory, value: Any, place: list[int]
) -> None:
    """Anything may stand anywhere in the answers."""
    file = tmp_path_factory.getbasetemp() / "any.json"
    file.write_text(json.dumps(replaced(told(), place, value)))
    with contextlib.suppress(InputError):
        read_guest(str(RECORDED.with_name("running.xml")), qmp=[str(file)])


def replaced(answers: Any, place: list[int], value: Any) -> Any:
    """The answers with the value at a place that they have, else at their top."""
    if not place or not isinstance(answers, dict | list) or not answers:
        return value
    keys = list(answers) if isinstance(answers, dict) else range(len(answers))
    key = keys[place[0] % len(keys)]
    answers[key] = replaced(answers[key], place[1:], value)
    return answers


def test_files_that_cannot_be_read(written: Written, tmp_path: Path) -> None:
    """A file that is missing, or given twice, is named."""
    with pytest.raises(InputError, match="absent: there is no such file"):
        read_qmp([str(tmp_path / "absent")])
    (file,) = written(told())
    with pytest.raises(InputError, match=r"0\.json: is given twice"):
        read_qmp([file, file])

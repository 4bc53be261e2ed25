"""Hosts, told apart by what they are."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from slotsolver.errors import InputError
from slotsolver.ingest.files import LARGEST_FILE
from slotsolver.ingest.host import read_host
from slotsolver.size import GiB, MiB

DATA = Path(__file__).parents[1] / "data" / "ingest"


def test_an_inline_host_has_its_units_and_defaults(tmp_path: Path) -> None:
    """``pages`` maps sizes to counts, ``free`` is what the pools leave."""
    file = tmp_path / "h.yaml"
    file.write_text(
        "nodes:\n"
        "- {id: 0, cpus: 0-15, memory: 128 GiB, pages: {2 MiB: {total: 8192, free: 8000}}}\n"
        "- {id: 4, cpus: 16, memory: 1 GiB, free: 512 MiB, pages: {1 GiB: 0}}\n"
    )
    first, second = read_host(str(file)).nodes
    assert (first.cpus[-1], first.free, first.pools[0].free) == (15, 112 * GiB, 8000)
    assert (second.cpus, second.free, second.pools[0].total) == ((16,), 512 * MiB, 0)


@pytest.mark.parametrize("free", [None, str(DATA / "freepages.txt")])
def test_what_is_printed_of_a_host_is_read_again(tmp_path: Path, free: str | None) -> None:
    """The host's JSON and YAML are hosts themselves."""
    host = read_host(str(DATA / "capabilities.xml"), free=free)
    json_file, yaml_file = tmp_path / "h.json", tmp_path / "h.yaml"
    json_file.write_text(host.model_dump_json())
    yaml_file.write_text(yaml.safe_dump(host.model_dump(mode="json", context={"sizes": "text"})))
    assert read_host(str(json_file)) == host
    assert read_host(str(yaml_file)) == host


def test_standard_input_is_a_dash(monkeypatch: pytest.MonkeyPatch) -> None:
    """``-`` is read by its content, and errors call it standard input."""
    data = (DATA / "capabilities.xml").read_bytes()
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(data)))
    assert len(read_host("-").nodes) == 4
    with pytest.raises(InputError, match=r"^standard input: is empty"):
        read_host("-")
    with pytest.raises(InputError, match="cannot be both"):
        read_host("-", free="-")


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (b"", "is empty; nothing to read"),
        (b" \n\t\n", "is empty; nothing to read"),
        (b"\x7fELF\x02\x01\x01\x00\xff\xfe", "line 1: is not UTF-8 text"),
        (b"abc\0def", "is binary, not text"),
        (b"<domain/>", "the root element is <domain>, <capabilities> is needed"),
        (b"hello", "a mapping such as 'name: value' is needed"),
        (b"nodes: []\n", "line 1, nodes: Tuple should have at least 1 item"),
        (b"nodes: [{id: 0, memory: -1 GiB}]", "size '-1 GiB' is negative"),
        (b"nodes: [{id: 0, memory: 9 EiB}]", "is too large"),
        (b"nodes: [{id: 0, memory: 5}]", "size 5 has no unit"),
        (b"nodes: [{id: 0, memory: 1 GiB, memroy: 1}]", "did you mean 'memory'?"),
        (b"nodes: [{id: 0, memory: 1 GiB}]\nnode: 1", "line 2, node: there is no such field"),
        (b"nodes: [{id: 0, memory: 1 GiB, pages: {2 MiB: null}}]", "nodes.0"),
        (b"nodes: [{id: 0, memory: 1 GiB, pages: {2048: 1}}]", "size 2048 has no unit"),
        (b"nodes: [{id: 0, memory: 1 GiB, cpus: [null]}]", "ids are whole numbers"),
        (b"nodes: [{id: 0, memory: 1 GiB, free: 2 GiB}]", "has 2 GiB free of 1 GiB"),
    ],
)
def test_what_is_no_host_is_refused(tmp_path: Path, content: bytes, rule: str) -> None:
    """Each wrong file gives one line that names it and the rule."""
    file = tmp_path / "host"
    file.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_host(str(file))
    assert str(caught.value).startswith(f"{file}: ")
    assert rule in str(caught.value)
    assert "\n" not in str(caught.value)


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    """Missing, a folder where a file is needed, too large, an impossible name."""
    with pytest.raises(InputError, match="nowhere: there is no such file"):
        read_host(str(tmp_path / "nowhere"))
    with pytest.raises(InputError, match="is a directory; a file is needed"):
        read_host(str(DATA / "capabilities.xml"), free=str(tmp_path))
    large = tmp_path / "large"
    with large.open("wb") as stream:
        stream.truncate(LARGEST_FILE + 1)
    with pytest.raises(InputError, match="large: more than 16 MiB"):
        read_host(str(large))
    with pytest.raises(InputError, match="NUL"):
        read_host("a\0b")
    with pytest.raises(InputError, match="cannot be read"):
        read_host("x" * 5000)


@pytest.fixture
def _nobody() -> Iterator[None]:
    """Without the rights of root, who may read everything."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    yield
    os.seteuid(user)


def test_a_file_without_permission_is_named(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """An unreadable file is an error of its own."""
    file = tmp_path / "secret"
    file.write_text("nodes: []")
    file.chmod(0)
    request.getfixturevalue("_nobody")
    with pytest.raises(InputError, match="secret: cannot be read: permission denied"):
        read_host(str(file))

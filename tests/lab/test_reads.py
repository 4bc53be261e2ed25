"""What slotsolver reads of a host of several nodes, from libvirt and from sysfs."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest

from slotsolver.cli import main
from slotsolver.fields import format_ids
from slotsolver.size import KiB
from tests.lab.conftest import Boot
from tests.lab.desk import Desk
from tests.lab.shapes import SHAPES, Shape

pytestmark = pytest.mark.lab

KERNEL = 1 / 8
"""The part of a node's memory that the kernel may keep for itself."""


@pytest.mark.parametrize("name", SHAPES)
def test_a_host_is_read_as_it_is(boot: Boot, tmp_path: Path, name: str) -> None:
    """Nodes, processors, distances, pools and free pages are those of the machine; virsh and sysfs
    tell the same, but for ordinary memory, which comes and goes."""
    lab = boot(name)
    desk = Desk(lab, tmp_path)
    by_virsh = _read(desk, *desk.host())
    by_sysfs = _read(desk, "--host", str(lab.sysfs(tmp_path / "copy")))
    assert _pools(by_virsh) == _pools(by_sysfs) == _expected(lab.shape)
    for host in (by_virsh, by_sysfs):
        for node, made in zip(host["nodes"], lab.shape.nodes, strict=True):
            assert made.memory * (1 - KERNEL) <= node["memory"] <= made.memory
            assert 0 <= node["free"] <= node["memory"]


def _read(desk: Desk, *options: str) -> dict[str, Any]:
    """What ``slotsolver host`` prints."""
    found = desk.folder / "host.json"
    with found.open("w") as output, contextlib.redirect_stdout(output):
        assert main(["host", *_source(options), "--format", "json"]) == 0
    host: dict[str, Any] = json.loads(found.read_text())
    return host


def _source(options: tuple[str, ...]) -> list[str]:
    """Its first argument is the source itself."""
    assert options[0] == "--host"
    return list(options[1:])


def _pools(host: dict[str, Any]) -> list[Any]:
    """What is exact: ids, processors, distances, pools of huge pages."""
    return [
        {
            "id": node["id"],
            "cpus": node["cpus"],
            "distances": node["distances"],
            "pools": {
                pool["page_size"]: (pool["total"], pool["free"])
                for pool in node["pools"]
                if pool["page_size"] != 4 * KiB and pool["total"]
            },
        }
        for node in host["nodes"]
    ]


def _expected(shape: Shape) -> list[Any]:
    """The same of the machine as it was made."""
    firsts = [sum(n.cpus for n in shape.nodes[:i]) for i in range(len(shape.nodes))]
    return [
        {
            "id": i,
            "cpus": format_ids(range(firsts[i], firsts[i] + node.cpus)),
            "distances": list(shape.distances[i]),
            "pools": {size: (count, count) for size, count in node.huge.items()},
        }
        for i, node in enumerate(shape.nodes)
    ]

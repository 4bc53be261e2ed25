"""``-numa``: QEMU's refusals against recorded runs, and where a guest sees plugged memory."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from slotsolver.errors import InputError
from slotsolver.platforms import (
    Backend,
    MemoryOption,
    NumaCell,
    NumaSetup,
    Version,
    check_backend,
    check_numa,
    guest_node,
    node_known_to_guest,
    platform_for,
)
from slotsolver.platforms.backends import reserved_id_error
from slotsolver.platforms.memory_option import parse_qemu_size
from slotsolver.platforms.ranges import GiB, MiB

VECTORS = json.loads((Path(__file__).parents[1] / "data" / "qemu_vectors.json").read_text())
CASES = [(v, q) for v in VECTORS["numa_vectors"] for q in (*v["verified_on"], *v["other_results"])]


def _fields(text: str) -> dict[str, str]:
    return dict(item.partition("=")[::2] for item in text.split(","))


class CommandLine:
    """The arguments of one recorded run, read as far as the rules of this package need them."""

    def __init__(self, arguments: list[str]) -> None:
        pairs = list(zip(arguments[::2], arguments[1::2], strict=True))
        every = dict(pairs)
        self.numa = [value for key, value in pairs if key == "-numa"]
        self.objects = [_fields(value) for key, value in pairs if key == "-object"]
        self.machine = _fields(every.get("-machine", ""))
        self.cpus = int(every.get("-smp", "1"))
        self.sizes = {each["id"]: parse_qemu_size(each["size"]) for each in self.objects}
        self.memory_backend = self.machine.get("memory-backend")
        self.ram = (
            MemoryOption.parse(every["-m"]).ram
            if "-m" in every
            else self.sizes[self.memory_backend or ""]
        )

    def error(self, qemu: Version) -> str | None:
        """The first refusal: of an object, of an object's name, of ``-numa``."""
        for each in self.objects:
            kind = next(iter(each))
            path = each.get("mem-path")
            page = 2 * MiB if path == "/dev/hugepages" else 4096
            backend = Backend(kind, self.sizes[each["id"]], each["id"], path, page)
            refused = check_backend(backend, qemu=qemu)
            if refused:
                return refused
        platform = platform_for("q35")
        numa_memdev = any("memdev=" in option for option in self.numa)
        return reserved_id_error(
            self.sizes,
            ram_id=platform.ram_id,
            memory_backend=self.memory_backend,
            numa_memdev=numa_memdev,
            qemu=qemu,
        ) or check_numa(
            self.numa,
            NumaSetup(
                platform,
                self.ram,
                self.sizes,
                self.memory_backend,
                self.machine.get("hmat") == "on",
                self.cpus,
            ),
        )


@pytest.mark.parametrize(
    ("vector", "version"), CASES, ids=lambda c: c if isinstance(c, str) else c["name"]
)
def test_numa_options_are_judged_as_by_qemu(vector: dict[str, Any], version: str) -> None:
    """The first line of each recorded run comes out the same; warnings are not rules."""
    result = vector["other_results"].get(version, vector["result"])
    error = CommandLine(vector["args"]).error(Version.parse(version))
    assert (error is None) == result["ok"]
    if error:
        assert error == result["stderr"][0]


SETUP = NumaSetup(platform_for("q35"), GiB, {"a": GiB, "b": GiB // 2, "c": GiB // 2}, max_cpus=2)
OLD = NumaSetup(platform_for("pc-q35-5.0"), GiB, {"a": GiB})


@pytest.mark.parametrize(
    ("setup", "options", "text"),
    [
        (SETUP, ["node,nodeid=3", "node,nodeid=1"], "numa: Node ID missing: 2"),
        (
            SETUP,
            ["node,nodeid=128,memdev=a"],
            "-numa node,nodeid=128,memdev=a: Max number of NUMA nodes reached: 128",
        ),
        (
            SETUP,
            ["node,memdev=a,cpus=1-5"],
            "-numa node,memdev=a,cpus=1-5: CPU index (2) should be smaller than maxcpus (2)",
        ),
        (
            SETUP,
            ["node,memdev=nope,mem=1G"],
            "-numa node,memdev=nope,mem=1G: numa configuration should use either mem= or memdev=,"
            "mixing both is not allowed",
        ),
        (
            SETUP,
            ["dist,src=0,dst=1,val=256"],
            "-numa dist,src=0,dst=1,val=256: Parameter 'val' expects uint8_t",
        ),
        (
            SETUP,
            ["node,memdev=a", "dist,src=0,dst=200,val=25"],
            "-numa dist,src=0,dst=200,val=25: Parameter 'dst' expects an integer between 0 and 127",
        ),
        (
            SETUP,
            ["node,memdev=a", "dist,src=0,dst=1,val=20"],
            "-numa dist,src=0,dst=1,val=20: Source/Destination NUMA node is missing. "
            "Please use '-numa node' option to declare it first.",
        ),
        (
            SETUP,
            ["node,memdev=a", "dist,src=0,dst=0,val=11"],
            "-numa dist,src=0,dst=0,val=11: Local distance of node 0 should be 10.",
        ),
        (
            SETUP,
            ["node,memdev=a", "node", "node"]
            + [
                f"dist,src={s},dst={d},val={v}"
                for s, d, v in ((0, 1, 11), (1, 0, 12), (0, 2, 12), (1, 2, 12))
            ],
            "At least one asymmetrical pair of distances is given, please provide distances for "
            "both directions of all node pairs.",
        ),
        (
            SETUP,
            ["node,memdev=a", "node", "dist,src=0,dst=1,val=11", "dist,src=1,dst=0,val=12"],
            None,
        ),
        (
            SETUP,
            ["node,memdev=b", "node,memdev=b"],
            "memory backend b can't be used multiple times.",
        ),
        (SETUP, ["node,memdev=b", "node,memdev=c"], None),
        (SETUP, [], None),
        (OLD, ["node,mem=1024"], None),
        (OLD, ["node,mem=1G"], None),
        (
            OLD,
            ["node,mem=512M"],
            "total memory for NUMA nodes (0x20000000) should equal RAM size (0x40000000)",
        ),
    ],
)
def test_rules_beyond_the_recorded_runs(
    setup: NumaSetup, options: list[str], text: str | None
) -> None:
    """Order and texts of the other rules, each as QEMU 7.2.22 printed it."""
    assert check_numa(options, setup) == text


CELLS = {
    "node0 mem+cpu, node1 cpu only": [NumaCell(True, True), NumaCell(True, False)],
    "node0 mem+cpu, nodes 1,2 empty": [
        NumaCell(True, True),
        NumaCell(False, False),
        NumaCell(False, False),
    ],
    "node0 cpu only, node1 mem": [NumaCell(True, False), NumaCell(False, True)],
}


@pytest.mark.parametrize("vector", VECTORS["guest_linux_vectors"]["node_placement"])
def test_plugged_memory_lands_where_linux_put_it(vector: dict[str, Any]) -> None:
    """The guest's node of each recorded plug, and the trap of a node the guest does not know."""
    cells, node = CELLS[vector["numa"]], vector["plug_node"]
    assert guest_node(node, cells) == int(str(vector["guest_node"]).split()[0])
    assert node_known_to_guest(node, cells) is not vector.get("trap", False)


def test_a_node_that_does_not_exist_is_refused() -> None:
    """Asking for a node beyond the cells is bad input."""
    with pytest.raises(InputError, match="node 1 does not exist"):
        node_known_to_guest(1, [NumaCell(True, True)])

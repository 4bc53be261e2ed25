"""``-numa``: what QEMU 7.2 refuses (hw/core/numa.c), and where a guest puts plugged memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import NamedTuple

from slotsolver.errors import InputError
from slotsolver.platforms.memory_option import parse_qemu_size
from slotsolver.platforms.platform import Platform
from slotsolver.platforms.ranges import MiB

MAX_NODES = 128
"""QEMU include/sysemu/numa.h:MAX_NODES."""
LOCAL_DISTANCE, REMOTE_DISTANCE = 10, 20
"""ACPI SLIT: the distance of a node to itself, and QEMU's default to another one."""

_NO_HMAT = (
    "ACPI Heterogeneous Memory Attribute Table (HMAT) is disabled, enable it with "
    "-machine hmat=on before using any of hmat specific options"
)


class _RefusalError(Exception):
    """QEMU's text for one ``-numa`` option."""


@dataclass
class _State:
    """What QEMU has gathered from the options read so far."""

    memory: dict[int, int] = field(default_factory=dict)
    memdevs: list[str] = field(default_factory=list)
    distances: dict[tuple[int, int], int] = field(default_factory=dict)
    uses_mem: bool = False


@dataclass(frozen=True)
class NumaSetup:
    """What the ``-numa`` options are judged against.

    ``ram`` is the rounded boot memory in bytes, ``backends`` the size of each memory backend by id,
    ``memory_backend`` that of ``-machine memory-backend=``, ``hmat`` that of ``-machine hmat=``.
    """

    platform: Platform
    ram: int
    backends: Mapping[str, int] = field(default_factory=dict)
    memory_backend: str | None = None
    hmat: bool = False
    max_cpus: int = 1


def check_numa(options: Sequence[str], setup: NumaSetup) -> str | None:
    """The first line with which QEMU refuses these ``-numa`` options, ``None`` if it takes them.

    Each option's own checks come first (QEMU 7.2 hw/core/numa.c:parse_numa_node,
    parse_numa_distance), then those of the whole (numa_complete_configuration). ``hmat-lb``,
    ``hmat-cache`` and ``cpu`` options are only checked for ``hmat=on``.
    """
    state = _State()
    for option in options:
        kind, values = _read(option)
        try:
            if kind == "node":
                _node(values, setup, state)
            elif kind == "dist":
                _distance(values, state)
            elif kind.startswith("hmat-") and not setup.hmat:
                raise _RefusalError(_NO_HMAT)
        except _RefusalError as refusal:
            return f"-numa {option}: {refusal}"
    return _whole_error(setup, state) if state.memory else None


def _read(option: str) -> tuple[str, dict[str, list[str]]]:
    values: dict[str, list[str]] = {}
    kind, *items = option.split(",")
    for item in items:
        key, _, value = item.partition("=")
        values.setdefault(key, []).append(value)
    return kind.removeprefix("type="), values


def _number(values: Mapping[str, Sequence[str]], key: str, kind: str, largest: int) -> int:
    text = values.get(key, ["missing"])[0]
    if not text.isdigit() or int(text) > largest:
        raise _RefusalError(f"Parameter '{key}' expects {kind}")
    return int(text)


def _node(values: Mapping[str, Sequence[str]], setup: NumaSetup, state: _State) -> None:
    node = len(state.memory)
    if "nodeid" in values:
        node = _number(values, "nodeid", "uint16_t", 0xFFFF)
    if node >= MAX_NODES:
        raise _RefusalError(f"Max number of NUMA nodes reached: {node}")
    if node in state.memory:
        raise _RefusalError(f"Duplicate NUMA nodeid: {node}")
    if "initiator" in values and not setup.hmat:
        raise _RefusalError(_NO_HMAT)
    for cpus in values.get("cpus", ()):
        last = int(cpus.rpartition("-")[2])
        if last >= setup.max_cpus:
            index = max(int(cpus.partition("-")[0]), setup.max_cpus)
            raise _RefusalError(
                f"CPU index ({index}) should be smaller than maxcpus ({setup.max_cpus})"
            )
    state.memory[node] = _node_memory(values, setup, state)


def _node_memory(values: Mapping[str, Sequence[str]], setup: NumaSetup, state: _State) -> int:
    mem = values.get("mem", [None])[0]
    memdev = values.get("memdev", [None])[0]
    if (mem is not None or state.uses_mem) and (memdev is not None or state.memdevs):
        raise _RefusalError(
            "numa configuration should use either mem= or memdev=,mixing both is not allowed"
        )
    if mem is not None:
        if not setup.platform.takes_numa_mem:
            raise _RefusalError("Parameter -numa node,mem is not supported by this machine type")
        state.uses_mem = True
        return parse_qemu_size(mem) * (MiB if mem.isdigit() else 1)
    if memdev is None:
        return 0
    if memdev not in setup.backends:
        raise _RefusalError(f"memdev={memdev} is ambiguous")
    state.memdevs.append(memdev)
    return setup.backends[memdev]


def _distance(values: Mapping[str, Sequence[str]], state: _State) -> None:
    source = _number(values, "src", "uint16_t", 0xFFFF)
    destination = _number(values, "dst", "uint16_t", 0xFFFF)
    value = _number(values, "val", "uint8_t", 0xFF)
    for key, node in (("src", source), ("dst", destination)):
        if node >= MAX_NODES:
            raise _RefusalError(
                f"Parameter '{key}' expects an integer between 0 and {MAX_NODES - 1}"
            )
    if source not in state.memory or destination not in state.memory:
        raise _RefusalError(
            "Source/Destination NUMA node is missing. "
            "Please use '-numa node' option to declare it first."
        )
    if value < LOCAL_DISTANCE:
        raise _RefusalError(
            f"NUMA distance ({value}) is invalid, it shouldn't be less than {LOCAL_DISTANCE}."
        )
    if source == destination and value != LOCAL_DISTANCE:
        raise _RefusalError(f"Local distance of node {source} should be {LOCAL_DISTANCE}.")
    state.distances[source, destination] = value


def _whole_error(setup: NumaSetup, state: _State) -> str | None:
    """QEMU 7.2 hw/core/numa.c:numa_complete_configuration."""
    for node in reversed(range(max(state.memory))):
        if node not in state.memory:
            return f"numa: Node ID missing: {node}"
    total = sum(state.memory.values())
    if total != setup.ram:
        return f"total memory for NUMA nodes (0x{total:x}) should equal RAM size (0x{setup.ram:x})"
    if state.memdevs and setup.memory_backend is not None:
        return "'-machine memory-backend' and '-numa memdev' properties are mutually exclusive"
    for index, memdev in enumerate(state.memdevs):
        if memdev in state.memdevs[:index]:
            return f"memory backend {memdev} can't be used multiple times."
    return distance_error(state.distances, len(state.memory))


def distance_error(distances: Mapping[tuple[int, int], int], nodes: int) -> str | None:
    """QEMU's text for an incomplete distance table, ``None`` for a complete or an empty one.

    One direction of each pair is enough unless some pair differs by direction (QEMU 7.2
    hw/core/numa.c:validate_numa_distance).
    """
    if not distances:
        return None
    asymmetric = False
    for source in range(nodes):
        for destination in range(source + 1, nodes):
            there, back = distances.get((source, destination)), distances.get((destination, source))
            if there is None and back is None:
                return (
                    f"The distance between node {source} and {destination} is missing, at least "
                    "one distance value between each nodes should be provided."
                )
            asymmetric |= there is not None and back is not None and there != back
    pairs = ((a, b) for a, b in product(range(nodes), repeat=2) if a != b)
    if asymmetric and any(pair not in distances for pair in pairs):
        return (
            "At least one asymmetrical pair of distances is given, please provide distances for "
            "both directions of all node pairs."
        )
    return None


class NumaCell(NamedTuple):
    """What the guest is told of one NUMA node at boot."""

    has_cpus: bool
    has_memory: bool


def node_known_to_guest(node: int, cells: Sequence[NumaCell]) -> bool:
    """Whether memory plugged into ``node`` stays there in the guest.

    The SRAT names nodes with CPUs, nodes with boot memory, and the highest node for the hotplug
    range (QEMU 7.2 hw/i386/acpi-build.c:build_srat). Raises :class:`InputError` for no such node.
    """
    if not 0 <= node < len(cells):
        raise InputError(f"node {node} does not exist; the guest has nodes 0 to {len(cells) - 1}")
    return node == len(cells) - 1 or cells[node].has_cpus or cells[node].has_memory


def guest_node(node: int, cells: Sequence[NumaCell]) -> int:
    """The number under which a Linux guest shows memory plugged into ``node``.

    Linux numbers the nodes it knows without gaps and puts memory of an unknown node into its node
    0 (kernel drivers/acpi/numa/srat.c:acpi_map_pxm_to_node; run on 6.1 and 6.12).
    """
    if not node_known_to_guest(node, cells):
        return 0
    return sum(node_known_to_guest(lower, cells) for lower in range(node))

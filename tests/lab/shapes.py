"""The hosts: memory and processors of each NUMA node, and how far apart the nodes are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from slotsolver.size import GiB, KiB, MiB


@dataclass(frozen=True)
class Node:
    """A host node: bytes of memory, processors, and pages in its pools by page size in bytes."""

    memory: int
    cpus: int
    huge: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Shape:
    """A host; ``distances[i][j]`` is how far node j is for a processor of node i.

    ``address`` is its address on the link to the other host.
    """

    name: str
    address: str
    nodes: tuple[Node, ...]
    distances: tuple[tuple[int, ...], ...]

    def arguments(self) -> list[str]:
        """QEMU's arguments for its processors, memory and nodes."""
        total = sum(node.memory for node in self.nodes)
        line = ["-smp", str(sum(node.cpus for node in self.nodes)), "-m", f"{total // MiB}M"]
        first = 0
        for number, node in enumerate(self.nodes):
            option = f"node,nodeid={number}"
            if node.cpus:
                option += f",cpus={first}-{first + node.cpus - 1}"
                first += node.cpus
            if node.memory:
                backend = f"memory-backend-ram,id=node{number},size={node.memory}"
                line += ["-object", backend]
                option += f",memdev=node{number}"
            line += ["-numa", option]
        for source, row in enumerate(self.distances):
            for target, value in enumerate(row):
                line += ["-numa", f"dist,src={source},dst={target},val={value}"]
        return line

    def boot_options(self) -> str:
        """The kernel's options that reserve pages of 1 GiB, which can hardly be had later."""
        counts = [(number, node.huge.get(GiB, 0)) for number, node in enumerate(self.nodes)]
        each = ",".join(f"{number}:{count}" for number, count in counts if count)
        return f"hugepagesz=1G hugepages={each}" if each else ""

    def pools(self) -> str:
        """Shell commands that reserve the other pages, and give back what is on the wrong node.

        Not the kernel's options: 6.1 was seen to get fewer pages on a node than there is room for,
        when not all memory has been set up yet; and to reserve a page of 1 GiB on another node than
        it was told, where the right one had none.
        """
        wanted = [
            (size, number, node.huge.get(size, 0))
            for size in (GiB, 2 * MiB)
            for number, node in enumerate(self.nodes)
            if node.memory
        ]
        return "".join(
            f"echo {count} >/sys/devices/system/node/node{number}/hugepages/"
            f"hugepages-{size // KiB}kB/nr_hugepages\n"
            for size, number, count in sorted(wanted, key=lambda w: (-w[0], w[2]))
        )

    def huge(self) -> dict[tuple[int, int], int]:
        """Pages in the pools that are not empty, by node and page size."""
        return {
            (number, size): count
            for number, node in enumerate(self.nodes)
            for size, count in node.huge.items()
        }


FOUR = Shape(
    name="four",
    address="10.1.0.1",
    nodes=(
        Node(4 * GiB, 1, {2 * MiB: 640, GiB: 1}),
        Node(1536 * MiB, 1, {2 * MiB: 448}),
        Node(2 * GiB, 1, {2 * MiB: 640}),
        Node(1280 * MiB, 1, {2 * MiB: 320}),
    ),
    distances=((10, 16, 22, 28), (16, 10, 28, 22), (22, 28, 10, 16), (28, 22, 16, 10)),
)
"""Two sockets of two nodes each, of unequal size."""

ODD = Shape(
    name="odd",
    address="10.1.0.2",
    nodes=(
        Node(2 * GiB, 2, {2 * MiB: 512}),
        Node(0, 1),
        Node(1 * GiB, 1, {2 * MiB: 256}),
        Node(1536 * MiB, 0, {2 * MiB: 512}),
    ),
    distances=((10, 20, 30, 17), (20, 10, 17, 30), (30, 17, 10, 40), (17, 30, 40, 10)),
)
"""Node 1 has no memory, node 3 no processors. Linux numbers nodes as they come in the SRAT, those
with processors first (drivers/acpi/numa/srat.c), so one without would not be node 2 there."""

SHAPES = {shape.name: shape for shape in (FOUR, ODD)}

"""What is and what is wanted: hosts, guests, targets, policies, as frozen data.

Knows nothing of CP-SAT, XML or files. Sizes are bytes, page counts are pages, node and CPU ids are
those of the kernel (host) and of libvirt's ``<cell>`` (guest).
"""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Any, Literal, Self

from pydantic import (
    Discriminator,
    Field,
    PlainValidator,
    SerializeAsAny,
    Tag,
    field_validator,
    model_validator,
)

from slotsolver.fields import Ids, IdText, Model
from slotsolver.policies import Objective, Policy, read_objective, read_policy
from slotsolver.size import KiB, Size, SizeOrZero, format_size

DeviceModel = Literal["dimm", "nvdimm", "virtio-mem", "virtio-pmem", "sgx-epc"]
NumaMode = Literal["strict", "preferred", "interleave", "restrictive"]
MAX_CELLS = 128
"""Most guest and host nodes: QEMU's MAX_NODES (include/sysemu/numa.h)."""


class Pool(Model):
    """Pages of one size on one host node: how many there are and how many are free (pages)."""

    page_size: Size
    total: int = Field(ge=0, le=1 << 52)
    free: int = Field(ge=0, le=1 << 52)

    @model_validator(mode="after")
    def _free_within_total(self) -> Self:
        if self.free > self.total:
            raise ValueError(f"free {self.free} is more than total {self.total} pages")
        return self


class HostNode(Model):
    """A NUMA node of the host.

    ``memory`` is the node's whole memory, ``free`` its ordinary free memory (bytes); ``pools`` are
    its hugepage pools. ``distances`` go to the host's nodes in their order (10 is local).
    Memory-less and CPU-less nodes exist.
    """

    id: int = Field(ge=0)
    cpus: IdText = ()
    memory: SizeOrZero
    free: SizeOrZero
    pools: tuple[Pool, ...] = ()
    distances: tuple[int, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _read_pages(cls, data: Any) -> Any:
        """Take ``pages: {2 MiB: {total: 8, free: 8}}`` for ``pools``; ``free`` may be left out."""
        if not isinstance(data, dict) or "pages" not in data:
            return data
        data = dict(data)
        pages = data.pop("pages") or {}
        if not isinstance(pages, dict):
            raise ValueError("pages maps a page size to {total: N, free: N}")
        pools = []
        for size, counts in pages.items():
            counts = counts if isinstance(counts, dict) else {"total": counts}
            free = counts.get("free", counts.get("total"))
            pools.append({"page_size": size, **counts, "free": free})
        return {**data, "pools": pools}

    @model_validator(mode="before")
    @classmethod
    def _default_free(cls, data: Any) -> Any:
        """Without ``free`` everything outside the pools is free."""
        if not isinstance(data, dict) or data.get("free") is not None or "memory" not in data:
            return data
        bare = {**data, "free": 0}
        node = cls.model_validate(bare, context={})
        used = sum(p.total * p.page_size for p in node.pools)
        return {**bare, "free": f"{max(0, node.memory - used)} B"}

    @field_validator("pools")
    @classmethod
    def _pools_differ(cls, pools: tuple[Pool, ...]) -> tuple[Pool, ...]:
        sizes = [p.page_size for p in pools]
        for size in sizes:
            if sizes.count(size) > 1:
                raise ValueError(f"two pools of {format_size(size)} pages on one node")
        return tuple(sorted(pools, key=lambda p: p.page_size))

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.free > self.memory:
            raise ValueError(
                f"node {self.id} has {format_size(self.free)} free of {format_size(self.memory)}"
            )
        return self


class Host(Model):
    """The host: its NUMA nodes and what decides page sizes and addresses.

    ``free_known`` is false where the source told totals only and everything is taken as free.
    """

    nodes: tuple[HostNode, ...] = Field(min_length=1, max_length=MAX_CELLS)
    base_page: Size = 4 * KiB
    default_hugepage: Size | None = None
    phys_bits: int | None = Field(default=None, ge=32, le=64)
    cpu_vendor: Literal["intel", "amd", "other"] | None = None
    free_known: bool = True

    @field_validator("nodes")
    @classmethod
    def _nodes(cls, nodes: tuple[HostNode, ...]) -> tuple[HostNode, ...]:
        nodes = tuple(sorted(nodes, key=lambda n: n.id))
        for left, right in pairwise(nodes):
            if left.id == right.id:
                raise ValueError(f"two host nodes with id {left.id}")
        for node in nodes:
            if node.distances and len(node.distances) != len(nodes):
                raise ValueError(
                    f"node {node.id} has {len(node.distances)} distances, the host has "
                    f"{len(nodes)} nodes"
                )
            if any(not 10 <= d <= 255 for d in node.distances):
                raise ValueError(f"node {node.id}: distances go from 10 (local) to 255")
        return nodes

    def node(self, node_id: int) -> HostNode:
        """The node with this id; ``KeyError`` if there is none."""
        for node in self.nodes:
            if node.id == node_id:
                return node
        raise KeyError(node_id)

    def page_sizes(self) -> tuple[int, ...]:
        """Every page size of the host in bytes, the base page first, ascending."""
        huge = {p.page_size for n in self.nodes for p in n.pools}
        return (self.base_page, *sorted(huge - {self.base_page}))

    def pool(self, node_id: int, page_size: int) -> Pool:
        """The pool of a node; ordinary memory is the pool of the base page. Empty if absent."""
        node = self.node(node_id)
        if page_size == self.base_page:
            huge = sum(p.total * p.page_size for p in node.pools if p.page_size != page_size)
            total = max(node.free, node.memory - huge) // page_size
            return Pool(page_size=page_size, total=total, free=node.free // page_size)
        for pool in node.pools:
            if pool.page_size == page_size:
                return pool
        return Pool(page_size=page_size, total=0, free=0)

    def has_pool(self, page_size: int) -> bool:
        """Whether any node has pages of this size; every host has its base page."""
        return page_size == self.base_page or any(
            pool.page_size == page_size and pool.total for node in self.nodes for pool in node.pools
        )

    def distance(self, source: int, target: int) -> int:
        """SLIT distance between two nodes by id; 10 to itself and 20 elsewhere if none is given."""
        ids = [n.id for n in self.nodes]
        row = self.node(source).distances
        if row:
            return row[ids.index(target)]
        return 10 if source == target else 20


class Cell(Model):
    """A NUMA node of the guest (libvirt's ``<cell>``).

    ``memory`` is its boot memory (bytes; ``None``: the solver's to choose), ``page_size`` and
    ``host_nodes`` what ``<memoryBacking>`` and ``<numatune><memnode>`` require, ``distances`` the
    SLIT distances to other cells by id.
    """

    id: int = Field(ge=0)
    cpus: IdText = ()
    memory: Size | None = None
    page_size: Size | None = None
    host_nodes: Ids | None = None
    mode: NumaMode = "strict"
    distances: dict[int, int] = Field(default_factory=dict)

    def distance(self, other: int) -> int:
        """Distance to another cell: as given, else 10 to itself and 20 elsewhere (QEMU numa.c)."""
        return self.distances.get(other, 10 if other == self.id else 20)


class Device(Model):
    """A memory device that the guest has already (libvirt's ``<memory>``), sizes in bytes.

    ``page_size`` and ``host_nodes`` are set only where the device overrides its cell.
    ``address`` is guest-physical. ``current`` is what a live virtio-mem has plugged.
    """

    model: DeviceModel = "dimm"
    size: Size
    cell: int | None = None
    slot: int | None = Field(default=None, ge=0)
    address: int | None = Field(default=None, ge=0)
    page_size: Size | None = None
    host_nodes: Ids | None = None
    block: Size | None = None
    requested: SizeOrZero | None = None
    current: SizeOrZero | None = None
    label: Size | None = None
    alias: str | None = None

    @property
    def is_ram(self) -> bool:
        """Whether the device adds ordinary memory to its cell."""
        return self.model in ("dimm", "virtio-mem")

    @property
    def takes_slot(self) -> bool:
        """Whether QEMU gives the device a DIMM slot (hw/mem/pc-dimm.c; nvdimm is a pc-dimm)."""
        return self.model in ("dimm", "nvdimm")


def _shape(value: Any, scalar: str, mapping: str) -> str:
    return mapping if isinstance(value, dict | Model) else scalar


class AtLeast(Model):
    """A maximum that may be exceeded if sizes cannot meet it: ``{at_least: 16 GiB}``."""

    at_least: Size


Target = Annotated[
    Annotated[Size, Tag("total")] | Annotated[dict[int, Size], Tag("per-cell")],
    Discriminator(lambda value: _shape(value, "total", "per-cell")),
]
Maximum = Annotated[
    Annotated[Size, Tag("exactly")] | Annotated[AtLeast, Tag("bounded")],
    Discriminator(lambda value: _shape(value, "exactly", "bounded")),
]


class Guest(Model):
    """A virtual machine: what it is and which sizes it must be able to have.

    Totals (``boot``, ``target``, ``waypoints``, ``maximum``) count boot memory and every memory
    device, as libvirt's ``<memory>`` does. ``host_nodes`` restricts every cell (``<numatune>
    <memory nodeset>``). ``xml`` is the domain XML the guest was read from; writers edit it.
    """

    name: str = Field(min_length=1, max_length=255)
    machine: str = "q35"
    phys_bits: int | None = Field(default=None, ge=32, le=64)
    cpu_vendor: Literal["intel", "amd", "other"] | None = None
    host_passthrough: bool = False
    pci_hole64: SizeOrZero | None = None
    cells: tuple[Cell, ...] = Field(min_length=1, max_length=MAX_CELLS)
    boot: Size | None = None
    target: Target
    waypoints: tuple[Size, ...] = ()
    maximum: Maximum | None = None
    slots: int | None = Field(default=None, ge=0, le=1 << 16)
    host_nodes: Ids | None = None
    mode: NumaMode = "strict"
    devices: tuple[Device, ...] = ()
    running: bool = False
    xml: str | None = Field(default=None, repr=False)

    @model_validator(mode="before")
    @classmethod
    def _number_cells(cls, data: Any) -> Any:
        """Number cells that carry no id, and let ``target`` default to the boot memory."""
        if not isinstance(data, dict):
            return data
        data = dict(data)
        cells = data.get("cells")
        if isinstance(cells, list):
            data["cells"] = [
                {"id": i, **cell} if isinstance(cell, dict) else cell
                for i, cell in enumerate(cells)
            ]
        if data.get("target") is None and data.get("boot") is not None:
            data["target"] = data["boot"]
        return data

    @model_validator(mode="after")
    def _cells(self) -> Self:
        """Cells as libvirt demands (conf/numa_conf.c:virDomainNumaDefParseXML)."""
        owner: dict[int, int] = {}
        for place, cell in enumerate(self.cells):
            if cell.id != place:
                raise ValueError(
                    f"guest {self.name}: cell ids must be 0 to {len(self.cells) - 1}, each once "
                    f"and in order; found {cell.id} at place {place}"
                )
            for cpu in cell.cpus:
                if owner.setdefault(cpu, cell.id) != cell.id:
                    raise ValueError(
                        f"guest {self.name}: NUMA cells {cell.id} and {owner[cpu]} have "
                        f"overlapping vCPU ids (CPU {cpu})"
                    )
        known = [c.memory for c in self.cells if c.memory is not None]
        if known and len(known) != len(self.cells):
            raise ValueError(f"guest {self.name}: give `memory` for every cell or for none")
        if known and self.boot is not None and sum(known) != self.boot:
            raise ValueError(
                f"guest {self.name}: boot {format_size(self.boot)} is not the sum of its cells' "
                f"memory, {format_size(sum(known))}"
            )
        return self

    @model_validator(mode="after")
    def _devices(self) -> Self:
        slots: dict[int, Device] = {}
        for device in self.devices:
            if device.cell is not None and device.cell >= len(self.cells):
                raise ValueError(
                    f"guest {self.name}: a {device.model} is on cell {device.cell}; can't add "
                    f"memory backend for guest node '{device.cell}' as the guest has only "
                    f"'{len(self.cells)}' NUMA nodes configured"
                )
            if device.slot is not None and device.takes_slot and device.slot in slots:
                raise ValueError(
                    f"guest {self.name}: memory device slot '{device.slot}' is already being used "
                    f"by another memory device"
                )
            if device.slot is not None:
                slots[device.slot] = device
        return self

    @model_validator(mode="after")
    def _stages(self) -> Self:
        ids = list(range(len(self.cells)))
        if isinstance(self.target, dict) and sorted(self.target) != ids:
            raise ValueError(
                f"guest {self.name}: a target per cell names each of the cells 0 to {ids[-1]} once"
            )
        if self.maximum is not None and self.target_size > self.maximum_size:
            raise ValueError(
                f"guest {self.name}: target {format_size(self.target_size)} is above the maximum "
                f"{format_size(self.maximum_size)}"
            )
        for size in self.waypoints:
            if size > self.maximum_size:
                raise ValueError(
                    f"guest {self.name}: waypoint {format_size(size)} is above the maximum "
                    f"{format_size(self.maximum_size)}"
                )
        if self.boot_size is not None and self.boot_size + self.devices_size > self.target_size:
            raise ValueError(
                f"guest {self.name}: boot memory and devices are "
                f"{format_size(self.boot_size + self.devices_size)}, more than the target "
                f"{format_size(self.target_size)}; boot memory cannot be unplugged"
            )
        return self

    @property
    def target_size(self) -> int:
        """The wanted size now, bytes."""
        return sum(self.target.values()) if isinstance(self.target, dict) else self.target

    @property
    def maximum_size(self) -> int:
        """The largest size that the guest must be able to have, bytes."""
        if isinstance(self.maximum, AtLeast):
            return self.maximum.at_least
        if self.maximum is not None:
            return self.maximum
        return max(self.target_size, *self.waypoints, 0)

    @property
    def boot_size(self) -> int | None:
        """Boot memory in bytes where it is given."""
        known = [c.memory for c in self.cells if c.memory is not None]
        return sum(known) if known else self.boot

    @property
    def devices_size(self) -> int:
        """Bytes of all memory devices that are there already, of every model."""
        return sum(d.size for d in self.devices)


AnyPolicy = Annotated[SerializeAsAny[Policy], PlainValidator(read_policy)]
AnyObjective = Annotated[SerializeAsAny[Objective], PlainValidator(read_objective)]


class Problem(Model):
    """Several guests on one host (or on none: then nothing is placed), and what is wished.

    ``qemu`` and ``libvirt`` are the versions the plan is for; the defaults are the oldest ones
    known, whose rules hold on newer ones too.
    """

    host: Host | None = None
    guests: tuple[Guest, ...] = Field(min_length=1, max_length=1000)
    policies: tuple[AnyPolicy, ...] = ()
    objectives: tuple[AnyObjective, ...] = ()
    qemu: str = Field(default="7.2", pattern=r"^\d+\.\d+(\.\d+)?$")
    libvirt: str = Field(default="9.0", pattern=r"^\d+\.\d+(\.\d+)?$")

    @property
    def qemu_version(self) -> tuple[int, ...]:
        """The QEMU version as numbers, to compare."""
        return tuple(int(part) for part in self.qemu.split("."))

    @property
    def libvirt_version(self) -> tuple[int, ...]:
        """The libvirt version as numbers, to compare."""
        return tuple(int(part) for part in self.libvirt.split("."))

    @model_validator(mode="after")
    def _references(self) -> Self:
        names = [g.name for g in self.guests]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two guests are called {name!r}; names tell them apart")
        for policy in self.policies:
            for name in policy.guests or ():
                if name not in names:
                    raise ValueError(
                        f"policy {policy.kind} names guest {name!r}, which is not there"
                    )
            largest = max(len(g.cells) for g in self.guests if policy.concerns(g))
            for cell in policy.cells or ():
                if cell >= largest:
                    raise ValueError(f"policy {policy.kind} names cell {cell}, which is not there")
        return self

"""What is and what is wanted: hosts, guests, targets, policies, as frozen data.

Knows nothing of CP-SAT, XML or files. Sizes are bytes, page counts are pages, node and CPU ids are
those of the kernel (host) and of libvirt's ``<cell>`` (guest).
"""

# Annotations are no text here, as in `plan.py`: pydantic would have to compile each of them.
from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import (
    Discriminator,
    Field,
    PlainValidator,
    SerializeAsAny,
    Tag,
    model_validator,
)

from slotsolver.fields import Ids, IdText, Model, Remembering
from slotsolver.host import MAX_CELLS, Host, HostNode, Pool
from slotsolver.policies import Objective, Policy, read_objective, read_policy
from slotsolver.size import Size, SizeOrZero, format_size

__all__ = [
    "AtLeast",
    "Cell",
    "Device",
    "Guest",
    "Host",
    "HostNode",
    "Pool",
    "Problem",
    "ReservedDimm",
]

DeviceModel = Literal["dimm", "nvdimm", "virtio-mem", "virtio-pmem", "sgx-epc"]
NumaMode = Literal["strict", "preferred", "interleave", "restrictive"]


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
    ``address`` is guest-physical. ``current`` is what a live virtio-mem has plugged. ``backend`` is
    the id of QEMU's memory backend where it is not libvirt's, ``mem`` and the ``alias``. An empty
    ``alias`` is that of a device that QEMU was given without an id: nothing can be done with it.
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
    backend: str | None = None

    @property
    def nameless(self) -> bool:
        """Whether QEMU knows the device by no id, so that it can be neither unplugged nor changed
        (QEMU qapi/qdev.json:device_del takes an id)."""
        return self.alias == ""

    @property
    def is_ram(self) -> bool:
        """Whether the device adds ordinary memory to its cell."""
        return self.model in ("dimm", "virtio-mem")

    @property
    def memory(self) -> int:
        """Bytes it adds to the guest: its size, of a virtio-mem what is requested of it."""
        return (self.requested or 0) if self.model == "virtio-mem" else self.size

    @property
    def takes_slot(self) -> bool:
        """Whether QEMU gives the device a DIMM slot (hw/mem/pc-dimm.c; nvdimm is a pc-dimm)."""
        return self.model in ("dimm", "nvdimm")


class ReservedDimm(Model):
    """A DIMM that was once planned for growth and is not plugged, sizes and addresses in bytes."""

    slot: int = Field(ge=0)
    size: Size
    cell: int = Field(ge=0)
    address: int = Field(ge=0)


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


class Guest(Remembering):
    """A virtual machine: what it is and which sizes it must be able to have.

    Totals (``boot``, ``target``, ``waypoints``, ``maximum``) count boot memory and every memory
    device, as libvirt's ``<memory>`` does; of a virtio-mem only what is requested. ``host_nodes``
    restricts every cell (``<numatune><memory nodeset>``). ``growth`` is what an earlier plan
    reserved for it. ``xml`` is the domain XML the guest was read from; writers edit it. All memory
    of an ``immediate`` guest is allocated when it starts (``<allocation mode='immediate'/>``).
    ``emulator_cpus`` are the host CPUs that QEMU's own threads may run on, where that is said
    (``<emulatorpin>``, ``<vcpu cpuset>``).

    A ``running`` guest keeps its boot memory, its slots and its ``maximum``; its devices stay or
    are unplugged, and ``target`` is met as nearly as policy ``accept`` allows.
    """

    name: str = Field(min_length=1, max_length=255, pattern=r"^[^\x00-\x1f\x7f]+$")
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
    growth: tuple[ReservedDimm, ...] = ()
    running: bool = False
    immediate: bool = False
    emulator_cpus: Ids | None = None
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
        modes = {self.mode_of(cell.id) for cell in self.cells}
        if self.mode == "restrictive" and modes != {"restrictive"}:
            raise ValueError(
                f"guest {self.name}: XML error: 'restrictive' mode is required in memnode element "
                f"when mode is 'restrictive' in memory element; give every cell that mode, or none"
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
        stays = 0 if self.running else self.devices_size
        if self.boot_size is not None and self.boot_size + stays > self.target_size:
            what = "boot memory is" if self.running else "boot memory and devices are"
            raise ValueError(
                f"guest {self.name}: {what} {format_size(self.boot_size + stays)}, more than the "
                f"target {format_size(self.target_size)}; boot memory cannot be unplugged"
            )
        return self

    @model_validator(mode="after")
    def _runs(self) -> Self:
        """A running guest has boot memory in every cell, and slots and addresses of its devices."""
        if not self.running:
            return self
        if any(cell.memory is None for cell in self.cells):
            raise ValueError(f"guest {self.name} is running: give `memory` for every cell")
        if isinstance(self.maximum, AtLeast):
            raise ValueError(f"guest {self.name} is running: its maximum is a size, not a bound")
        for number, device in enumerate(self.devices):
            if device.model != "dimm":
                continue
            if device.slot is None or not device.address:
                missing = "slot" if device.slot is None else "address"
                raise ValueError(
                    f"guest {self.name} is running, but its dimm {number} of "
                    f"{format_size(device.size)} has no {missing}; take the live XML (virsh "
                    f"dumpxml of the running domain, without --inactive)"
                )
        return self

    @cached_property
    def target_size(self) -> int:
        """The wanted size now, bytes."""
        return sum(self.target.values()) if isinstance(self.target, dict) else self.target

    @cached_property
    def maximum_size(self) -> int:
        """The largest size that the guest must be able to have, bytes."""
        if isinstance(self.maximum, AtLeast):
            return self.maximum.at_least
        if self.maximum is not None:
            return self.maximum
        return max(self.target_size, *self.waypoints, 0)

    @cached_property
    def boot_size(self) -> int | None:
        """Boot memory in bytes where it is given."""
        known = [c.memory for c in self.cells if c.memory is not None]
        return sum(known) if known else self.boot

    @cached_property
    def devices_size(self) -> int:
        """Bytes that the memory devices give that are there already, of every model."""
        return sum(d.memory for d in self.devices)

    def mode_of(self, cell: int) -> NumaMode:
        """How a cell is bound to its host nodes: its own mode where given, else the guest's."""
        asked = self.cells[cell]
        return asked.mode if "mode" in asked.model_fields_set else self.mode

    @property
    def cells_now(self) -> dict[int, int]:
        """What each cell has, bytes; boot memory must be known."""
        found = {cell.id: cell.memory or 0 for cell in self.cells}
        for device in self.devices:
            if device.is_ram:
                found[device.cell or 0] += device.memory
        return found

    @property
    def is_as_wanted(self) -> bool:
        """Whether it has its target, in every cell where cells have targets."""
        if isinstance(self.target, dict):
            return self.target == self.cells_now
        return self.target == self.size_now

    @property
    def size_now(self) -> int:
        """What the guest has: boot memory and devices, bytes; boot memory must be known."""
        return (self.boot_size or 0) + self.devices_size


AnyPolicy = Annotated[SerializeAsAny[Policy], PlainValidator(read_policy)]
AnyObjective = Annotated[SerializeAsAny[Objective], PlainValidator(read_objective)]


class Problem(Remembering):
    """Several guests on one host (or on none: then nothing is placed), and what is wished.

    ``qemu`` and ``libvirt`` are the versions the plan is for; the defaults are the oldest ones
    known, whose rules hold on newer ones too. ``also_hosts`` are hosts that the guests may be
    migrated to: the plan must be startable on each of them too.
    """

    host: Host | None = None
    also_hosts: tuple[Host, ...] = Field(default=(), max_length=64)
    guests: tuple[Guest, ...] = Field(min_length=1, max_length=1000)
    policies: tuple[AnyPolicy, ...] = ()
    objectives: tuple[AnyObjective, ...] = ()
    qemu: str = Field(default="7.2", pattern=r"^\d+\.\d+(\.\d+)?$")
    libvirt: str = Field(default="9.0", pattern=r"^\d+\.\d+(\.\d+)?$")

    @cached_property
    def qemu_version(self) -> tuple[int, ...]:
        """The QEMU version as numbers, to compare."""
        return tuple(int(part) for part in self.qemu.split("."))

    @cached_property
    def libvirt_version(self) -> tuple[int, ...]:
        """The libvirt version as numbers, to compare."""
        return tuple(int(part) for part in self.libvirt.split("."))

    @model_validator(mode="after")
    def _references(self) -> Self:
        if self.also_hosts and self.host is None:
            raise ValueError("also_hosts needs a host, where the guests are now")
        names = [g.name for g in self.guests]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two guests are called {name!r}; names tell them apart")
        for policy in self.policies:
            if policy.guests == ():
                raise ValueError(
                    f"policy {policy.kind} names no guest; leave guests out to mean all of them"
                )
            for name in policy.guests or ():
                if name not in names:
                    raise ValueError(
                        f"policy {policy.kind} names guest {name!r}, which is not there"
                    )
            largest = max(len(g.cells) for g in self.guests if policy.concerns(g))
            for cell in policy.cells or ():
                if cell >= largest:
                    raise ValueError(f"policy {policy.kind} names cell {cell}, which is not there")
            running = [g for g in self.guests if g.running and policy.concerns(g)]
            taken = {d.slot for g in running for d in g.devices if d.takes_slot}
            for slot in policy.named_slots if running else ():
                if slot not in taken:
                    raise ValueError(
                        f"policy {policy.kind} names slot {slot}, but no guest has a DIMM there"
                    )
        return self

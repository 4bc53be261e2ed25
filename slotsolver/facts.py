"""What is known of a guest before anything is decided, in MiB, narrowed by its policies.

:func:`slotsolver.gather.gather` reads the problem, the platform and the policies' ``restrict`` into
one :class:`GuestFacts` for each guest: its stages, slot limit, memory blocks, and for each cell
(:class:`slotsolver.cell_facts.CellFacts`) the ways it may be backed and the DIMM sizes it may have.
The model makes variables of exactly these.
"""

from __future__ import annotations

import math
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, field

from slotsolver.cell_facts import CellFacts
from slotsolver.errors import InputError
from slotsolver.platforms import MapOptions, Platform
from slotsolver.policies import Policy
from slotsolver.problem import Guest, Host
from slotsolver.running import RunningFacts
from slotsolver.size import GiB, MiB, TiB, format_size

DEFAULT_STEPS = 32
"""The default step takes at most this many steps from nothing to the maximum."""

X86_BLOCKS = (128, 256, 512, 1024, 2048)
"""Memory blocks (MiB) of x86 Linux (arch/x86/mm/init_64.c:probe_memory_block_size)."""


@dataclass
class StageFacts:
    """A size to be met: ``memory`` is the sum over the cells (MiB), ``None`` at boot where boot
    memory is free. ``cells`` are the totals of the cells where they are given. With ``least`` any
    size from that to ``memory`` will do (only where it is asked why there is no plan)."""

    name: str
    memory: int | None
    cells: tuple[int, ...] | None = None
    at_least: bool = False
    least: int | None = None

    @property
    def exact(self) -> bool:
        """Whether it is one size that is known."""
        return self.memory is not None and not self.at_least and self.least is None


@dataclass
class GuestFacts:
    """What is known of one guest (MiB), and what it may have."""

    guest: Guest
    host: Host | None
    platform: Platform
    policies: tuple[Policy, ...]
    cells: tuple[CellFacts, ...]
    stages: list[StageFacts]
    outside: int
    slot_limit: int
    existing_slots: int
    slots_written: int
    blocks: tuple[int, ...]
    shares: tuple[int, ...] = ()
    hard_balance: bool = False
    running: RunningFacts | None = None
    virtio_slots: bool = False
    """Whether libvirt counts a virtio-mem device against the slots (before 9.5)."""
    virtio_pinned: bool = True
    """Whether libvirt can say where a virtio-mem device lies (from 9.4 on)."""
    waypoints: list[int] = field(default_factory=list)
    """Waypoints of a running guest (MiB)."""
    notes: list[str] = field(default_factory=list)

    @property
    def boot(self) -> int | None:
        """Boot memory of the guest (MiB) where it is known."""
        total = 0
        for cell in self.cells:
            if cell.boot is None:
                return None
            total += cell.boot
        return total

    @property
    def boot_sum(self) -> int | None:
        """Boot memory of the guest (MiB) where it is known, be it split freely."""
        first = self.stages[0].memory
        if self.boot is not None or first is None:
            return self.boot
        return first - self.existing

    @property
    def boot_at_most(self) -> int:
        """The most boot memory of the guest (MiB)."""
        known = self.boot_sum
        return (self.stages[1].memory or 0) - self.existing if known is None else known

    def boot_regions(self, boot: int) -> int:
        """Memory regions of that much boot memory (MiB): 2 below 4 GiB, on x86 1 above it if there
        is any there."""
        platform = self.platform
        return 3 if platform.arch == "x86_64" and boot >= platform.large_ram // MiB else 2

    @property
    def existing(self) -> int:
        """What RAM devices that are there already give (MiB)."""
        return sum([c.existing for c in self.cells])

    @property
    def room(self) -> int:
        """The most memory that the cells have at the maximum (MiB)."""
        return self.guest.maximum_size // MiB - self.outside

    def idle_but(self, places: Container[int | None]) -> int:
        """What virtio-mem devices that are there have and do not give (MiB), but for those at some
        ``places`` in ``Guest.devices``; it counts against maxMemory all the same."""
        devices = enumerate(self.guest.devices)
        return sum(d.size - d.memory for place, d in devices if place not in places) // MiB

    @property
    def default_step(self) -> int:
        """The smallest power of two times the block with at most 32 steps to the maximum (MiB)."""
        step = min(self.blocks)
        while step * DEFAULT_STEPS < self.guest.maximum_size // MiB:
            step *= 2
        return step

    def block_at(self, boot: int) -> int:
        """The guest's memory block (MiB) with that much boot memory (MiB)."""
        if len(self.blocks) == 1:
            return self.blocks[0]
        options, maximum = layout_options(self), self.guest.maximum_size
        return self.platform.memory_block(boot * MiB, maximum, 0, **options) // MiB

    @property
    def target_stage(self) -> int:
        """Index of the stage at which the guest has its target size; the first where it has none
        (only where it is asked why there is no plan)."""
        for number, stage in enumerate(self.stages):
            if stage.name == "target" or "target" in stage.name.split("+"):
                return number
        return 0

    def reserve_stage(self, cell: CellFacts) -> int:
        """Index of the stage for which the host must have a cell's pages free."""
        return self.target_stage if cell.reserve == "target" else len(self.stages) - 1

    def cells_of(self, policy: Policy) -> tuple[CellFacts, ...]:
        """The cells that a policy concerns."""
        ids = policy.concerned_cells(self.guest)
        return tuple(c for c in self.cells if c.id in ids)

    def limit_sizes(
        self,
        policy: Policy,
        cells: Sequence[int],
        *,
        minimum: int | None = None,
        maximum: int | None = None,
        multiple: int | None = None,
        allowed: Iterable[int] | None = None,
        powers_of_two: bool = False,
    ) -> None:
        """Narrow the DIMM sizes (bytes) of some cells."""
        for cell in self.cells:
            if cell.id not in cells:
                continue
            if minimum is not None:
                cell.smallest = max(cell.smallest, -(-minimum // MiB))
            if maximum is not None:
                cell.largest = min(cell.largest, maximum // MiB)
            if multiple is not None:
                if multiple % MiB:
                    raise InputError(f"policy {policy.kind}: sizes are whole MiB, not {multiple} B")
                cell.multiple = math.lcm(cell.multiple, multiple // MiB)
            if allowed is not None:
                sizes = frozenset(size // MiB for size in allowed if size % MiB == 0)
                cell.allowed = sizes if cell.allowed is None else cell.allowed & sizes
            cell.powers_of_two = cell.powers_of_two or powers_of_two

    def add_waypoints(self, sizes: Iterable[int]) -> None:
        """Make each total (bytes) a stage."""
        for size in sizes:
            if size > self.guest.maximum_size:
                raise InputError(
                    f"guest {self.guest.name}: waypoint {format_size(size)} is above the maximum "
                    f"{format_size(self.guest.maximum_size)}"
                )
            if self.running:
                self.waypoints.append(to_mib(size) - self.outside)
            else:
                insert_stage(self.stages, StageFacts("waypoint", to_mib(size) - self.outside))

    def set_shares(self, policy: Policy, shares: tuple[int, ...]) -> None:
        """Shares of the cells for balance."""
        if len(shares) != len(self.cells):
            raise InputError(
                f"policy {policy.kind} gives {len(shares)} shares, but guest {self.guest.name} has "
                f"{len(self.cells)} cells"
            )
        self.shares, self.hard_balance = shares, True


def to_mib(size: int) -> int:
    """Bytes to MiB, rounded up as libvirt rounds at start (qemuDomainAlignMemorySizes)."""
    return -(-size // MiB)


def insert_stage(stages: list[StageFacts], stage: StageFacts) -> None:
    """Put a stage in its place by size; stages of one size become one with joined names."""
    assert stage.memory is not None  # noqa: S101 - only boot is unknown
    for place, other in enumerate(stages):
        if other.memory is None or other.memory < stage.memory:
            continue
        if other.memory == stage.memory:
            if stage.name not in other.name.split("+"):
                other.name = f"{other.name}+{stage.name}"
            other.cells = other.cells or stage.cells
            other.at_least = other.at_least and stage.at_least
        elif place == 0:
            raise InputError(
                f"{stage.name} {format_size(stage.memory * MiB)} is below the memory that cannot "
                f"be unplugged, {format_size(other.memory * MiB)}"
            )
        else:
            stages.insert(place, stage)
        return
    stages.append(stage)


def block_cliff(facts: GuestFacts) -> int:
    """Boot memory (MiB) from which an x86 guest may use larger memory blocks: where it ends at
    64 GiB, or where any of it lies above 4 GiB if AMD relocation may move that above 1 TiB."""
    platform, maximum = facts.platform, facts.guest.maximum_size
    top = platform.memory_map(maximum, maximum + MiB, facts.slot_limit, **layout_options(facts))
    relocated = top.above is not None and top.above.base >= TiB
    cliff = platform.large_ram if relocated else platform.ram_for_boot_end(64 * GiB)
    return cliff // MiB


def layout_options(facts: GuestFacts) -> MapOptions:
    """What QEMU's memory map depends on besides sizes."""
    guest, host = facts.guest, facts.host
    vendor = guest.cpu_vendor or (host.cpu_vendor if host else None)
    phys_bits = guest.phys_bits
    if phys_bits is None and guest.host_passthrough and host:
        phys_bits = host.phys_bits
    options = MapOptions(amd=vendor == "amd")
    if phys_bits is not None:
        options["phys_bits"] = phys_bits
    if guest.pci_hole64 is not None:
        options["pci_hole64"] = guest.pci_hole64
    epc = sum([d.size for d in guest.devices if d.model == "sgx-epc"])
    if epc:
        options["sgx_epc"] = epc
    return options

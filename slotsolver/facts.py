"""What is known of a guest before anything is decided, in MiB, narrowed by its policies.

:func:`gather` reads the problem, the platform and the policies' ``restrict`` into one
:class:`GuestFacts` for each guest: its stages, slot limit, memory blocks, and for each cell the
ways it may be backed (:class:`Backing`) and the DIMM sizes it may have. The model makes variables
of exactly these.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from slotsolver.errors import InputError
from slotsolver.fields import format_ids
from slotsolver.platforms import MapOptions, Platform, platform_for
from slotsolver.policies import Policy
from slotsolver.problem import AtLeast, Cell, Device, Guest, Host, Problem
from slotsolver.size import GiB, MiB, TiB, format_size

DEFAULT_STEPS = 32
"""The default step takes at most this many steps from nothing to the maximum."""

GrowthRule = Callable[[int, int], int]
"""``(memory before, unit) -> largest DIMM allowed``, all MiB."""


@dataclass(frozen=True, order=True)
class Backing:
    """One way to back a cell: page sizes of boot memory and of DIMMs (bytes), and host nodes."""

    page: int
    dimm_page: int
    nodes: tuple[int, ...]


@dataclass
class StageFacts:
    """A size to be met: ``memory`` is the sum over the cells (MiB), ``None`` at boot where boot
    memory is free. ``cells`` are the totals of the cells where they are given."""

    name: str
    memory: int | None
    cells: tuple[int, ...] | None = None
    at_least: bool = False


@dataclass(frozen=True)
class Elsewhere:
    """An existing device that overrides its cell's backing: what it takes (MiB), and of what.
    ``None`` is the cell's own, as in libvirt (qemu/qemu_command.c:qemuBuildMemoryBackendProps)."""

    size: int
    page: int | None
    nodes: tuple[int, ...] | None


@dataclass
class CellFacts:
    """What is known of one cell (MiB), and what it may have."""

    cell: Cell
    boot: int | None
    existing: int
    not_pooled: int
    platform: Platform
    pages: tuple[int, ...]
    nodes: tuple[tuple[int, ...], ...]
    page_reason: str = ""
    dimm_page: int | None = None
    preferred_pages: int | None = None
    elsewhere: tuple[Elsewhere, ...] = ()
    reserve: str = "target"
    spread: bool = False
    smallest: int = 0
    largest: int = 1 << 43
    multiple: int = 1
    allowed: frozenset[int] | None = None
    powers_of_two: bool = False
    exact_step: int = 0
    growth_rules: list[GrowthRule] = field(default_factory=list)
    blocks: tuple[int, ...] = ()

    @property
    def id(self) -> int:
        """The cell's id."""
        return self.cell.id

    def unit_for(self, dimm_page: int, block: int) -> int:
        """Size and address granularity (MiB) of DIMMs: a multiple of QEMU's alignment, the page and
        the guest's memory block; all are powers of two, so the largest is it."""
        return max(self.platform.dimm_alignment // MiB, dimm_page // MiB, block)

    @cached_property
    def unit(self) -> int:
        """The smallest unit of any way this cell may be backed."""
        page = self.dimm_page or min(self.pages)
        return self.unit_for(page, min(self.blocks))

    @cached_property
    def largest_unit(self) -> int:
        """The largest unit of any way this cell may be backed."""
        page = self.dimm_page or max(self.pages)
        return self.unit_for(page, max(self.blocks))

    def backings(self) -> tuple[Backing, ...]:
        """Every way to back the cell, in a fixed order."""
        return tuple(
            sorted(
                Backing(page, self.dimm_page or page, nodes)
                for page in self.pages
                for nodes in self.nodes
            )
        )

    def require_page(self, policy: Policy, size: int) -> None:
        """Narrow to one page size."""
        if self.page_reason and size not in self.pages:
            raise InputError(
                f"policy page-size asks for {format_size(size)} pages on cell {self.id}, but "
                f"{self.page_reason}; drop one of the two"
            )
        self.pages, self.page_reason = (size,), f"policy {policy.kind} asks for {format_size(size)}"

    def allow_nodes(self, policy: Policy, allowed: Iterable[int]) -> None:
        """Keep the node sets within ``allowed``."""
        kept = tuple(nodes for nodes in self.nodes if set(nodes) <= set(allowed))
        if not kept:
            raise InputError(
                f"policy {policy.kind} leaves cell {self.id} no host node: it allows "
                f"{format_ids(allowed)}, the domain or the host "
                f"{format_ids(n for nodes in self.nodes for n in nodes)}"
            )
        self.nodes = kept

    def largest_up_to(self, limit: int, unit: int) -> int:
        """The largest size (MiB) of at most ``limit`` that the policies permit with that unit, 0 if
        there is none."""
        limit = min(limit, self.largest)
        if self.allowed is not None:
            fits = (s for s in self.allowed if s <= limit and s % unit == 0 and self.permits(s))
            return max(fits, default=0)
        grain = math.lcm(unit, self.multiple)
        size = limit // grain * grain
        if self.powers_of_two and size > 0:
            size = 1 << (size.bit_length() - 1)
            size = size if size % grain == 0 else 0
        return size if size >= self.smallest else 0

    def permits(self, size: int) -> bool:
        """Whether a DIMM may have ``size`` MiB in some backing."""
        return (
            self.smallest <= size <= self.largest
            and size % self.unit == 0
            and size % self.multiple == 0
            and (self.allowed is None or size in self.allowed)
            and (not self.powers_of_two or size & (size - 1) == 0)
        )


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
    existing_dimms: int
    slots_written: int
    blocks: tuple[int, ...]
    shares: tuple[int, ...] = ()
    hard_balance: bool = False
    notes: list[str] = field(default_factory=list)

    @property
    def boot(self) -> int | None:
        """Boot memory of the guest (MiB) where it is known."""
        known = [c.boot for c in self.cells]
        return None if None in known else sum(b for b in known if b is not None)

    @property
    def existing(self) -> int:
        """RAM devices that are there already (MiB)."""
        return sum(c.existing for c in self.cells)

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
        """Index of the stage at which the guest has its target size."""
        return next(i for i, s in enumerate(self.stages) if "target" in s.name.split("+"))

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
        elif place == 0:
            raise InputError(
                f"{stage.name} {format_size(stage.memory * MiB)} is below the memory that cannot "
                f"be unplugged, {format_size(other.memory * MiB)}"
            )
        else:
            stages.insert(place, stage)
        return
    stages.append(stage)


def gather(problem: Problem) -> tuple[GuestFacts, ...]:
    """The facts of every guest of a problem, narrowed by the policies."""
    return tuple(_gather_guest(problem, guest) for guest in problem.guests)


def _gather_guest(problem: Problem, guest: Guest) -> GuestFacts:
    platform = platform_for(guest.machine)
    outside = sum(to_mib(d.size) for d in guest.devices if not d.is_ram)
    counted = (
        guest.devices
        if problem.libvirt_version < (9, 5)
        else [d for d in guest.devices if d.takes_slot]
    )
    facts = GuestFacts(
        guest=guest,
        host=problem.host,
        platform=platform,
        policies=tuple(p for p in problem.policies if p.concerns(guest)),
        cells=tuple(_gather_cell(problem, guest, cell, platform) for cell in guest.cells),
        stages=[],
        outside=outside,
        slot_limit=min(platform.max_slots, guest.slots if guest.slots is not None else 1 << 16),
        existing_slots=len(counted),
        existing_dimms=sum(d.takes_slot for d in guest.devices),
        slots_written=guest.slots or 0,
        blocks=(),
        shares=(1,) * len(guest.cells),
    )
    facts.stages = _stages(facts)
    facts.blocks = _blocks(facts)
    for policy in facts.policies:
        policy.restrict(facts)
    for cell in facts.cells:
        cell.blocks = facts.blocks
    return facts


def _gather_cell(problem: Problem, guest: Guest, cell: Cell, platform: Platform) -> CellFacts:
    host = problem.host
    mine = [d for d in guest.devices if d.is_ram and (d.cell or 0) == cell.id]
    existing = sum(to_mib(d.size) for d in mine)
    boot = None if cell.memory is None else to_mib(cell.memory)
    if boot is None and guest.boot is not None and len(guest.cells) == 1:
        boot = to_mib(guest.boot)
    pages: tuple[int, ...] = (platform.base_page,)
    if host:
        pages = tuple(size for size in host.page_sizes() if host.has_pool(size))
    reason = ""
    if cell.page_size is not None:
        pages, reason = (
            (cell.page_size,),
            f"its memory backing requires {format_size(cell.page_size)}",
        )
    own = [d for d in mine if d.page_size is None and d.model == "dimm"]
    fitting = tuple(page for page in pages if not any(d.size % page for d in own))
    if not fitting:
        raise InputError(
            f"guest {guest.name}, cell {cell.id}: backend memory size must be multiple of "
            f"0x{pages[0]:x}, which a DIMM of the cell is not; give it a page size of its own"
        )
    pages = fitting
    nodes: tuple[tuple[int, ...], ...] = ((),)
    if host:
        nodes = tuple((n.id,) for n in host.nodes)
    if host and cell.host_nodes is not None:
        nodes = (cell.host_nodes,)
    elif host and guest.host_nodes is not None:
        nodes = tuple((n,) for n in guest.host_nodes)
    return CellFacts(
        cell=cell,
        boot=boot,
        existing=existing,
        not_pooled=sum(to_mib(d.size) - _ordinary(d) for d in mine),
        elsewhere=() if guest.running else tuple(_elsewhere(mine)),
        platform=platform,
        pages=pages,
        nodes=nodes,
        page_reason=reason,
    )


def _ordinary(device: Device) -> int:
    """Memory (MiB) of an existing device that comes from its cell's own pool."""
    if device.page_size is not None or device.host_nodes is not None:
        return 0
    return to_mib(_backed(device))


def _elsewhere(devices: Iterable[Device]) -> Iterator[Elsewhere]:
    for device in devices:
        if device.page_size is not None or device.host_nodes is not None:
            yield Elsewhere(to_mib(_backed(device)), device.page_size, device.host_nodes)


def _backed(device: Device) -> int:
    """Bytes the host backs: virtio-mem takes only what is requested."""
    return (device.requested or 0) if device.model == "virtio-mem" else device.size


def _stages(facts: GuestFacts) -> list[StageFacts]:
    """Boot, target, waypoints and maximum, ascending by size."""
    guest, outside = facts.guest, facts.outside
    boot = facts.boot
    if boot is None and guest.boot is not None:
        boot = to_mib(guest.boot)
    stages = [StageFacts("boot", None if boot is None else boot + facts.existing)]
    cells = None
    if isinstance(guest.target, dict):
        cells = tuple(to_mib(guest.target[c.id]) for c in guest.cells)
    insert_stage(stages, StageFacts("target", to_mib(guest.target_size) - outside, cells))
    for size in guest.waypoints:
        insert_stage(stages, StageFacts("waypoint", to_mib(size) - outside))
    at_least = isinstance(guest.maximum, AtLeast)
    top = StageFacts("maximum", to_mib(guest.maximum_size) - outside)
    if at_least:
        top.at_least = True
        stages.append(top)
    else:
        insert_stage(stages, top)
    return stages


def _blocks(facts: GuestFacts) -> tuple[int, ...]:
    """The memory blocks (MiB) the guest OS may come to use, ascending; one where boot is known.

    Whether AMD relocation happens depends on the slot count, which is still open; where that makes
    a difference the larger block is taken, whose multiples suit both.
    """
    boot, platform = facts.stages[0].memory, facts.platform
    options, maximum = layout_options(facts), facts.guest.maximum_size
    if boot is not None:
        ram = (boot - facts.existing) * MiB
        found = {
            platform.memory_block(ram, maximum, slots, **options)
            for slots in (0, facts.slots_written, facts.slot_limit)
        }
        return (max(found) // MiB,)
    target = (facts.stages[facts.target_stage].memory or 0) * MiB
    if platform.arch == "x86_64" and target >= block_cliff(facts) * MiB:
        return X86_BLOCKS
    return (platform.memory_block(target, **options) // MiB,)


X86_BLOCKS = (128, 256, 512, 1024, 2048)
"""Memory blocks (MiB) of x86 Linux (arch/x86/mm/init_64.c:probe_memory_block_size)."""


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
    epc = sum(d.size for d in guest.devices if d.model == "sgx-epc")
    if epc:
        options["sgx_epc"] = epc
    return options

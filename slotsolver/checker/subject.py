"""What is judged: a plan beside its problem, with every number re-derived from the two.

Totals, stages, pieces and pages are computed from boot memory and devices alone, so that a plan's
own sums are never believed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from slotsolver.checker.changes import Changes, changes_of
from slotsolver.checker.pieces import Piece, pieces_of
from slotsolver.plan import Plan, PlannedDimm, PlannedGuest, PlannedVirtioMem
from slotsolver.platforms import MapOptions, Version, platform_for
from slotsolver.problem import AtLeast, Device, Guest, Problem
from slotsolver.size import MiB

Wanted = tuple[int, tuple[int, ...]]
"""The page size (bytes) and the host nodes of memory."""


@dataclass(frozen=True)
class GuestSubject:
    """A guest of the problem beside its planned guest."""

    guest: Guest
    planned: PlannedGuest
    policies: tuple[Any, ...]
    libvirt: str
    qemu: str

    @cached_property
    def place(self) -> str:
        """How violations name the guest."""
        return f"guest {self.guest.name}"

    @cached_property
    def new_dimms(self) -> tuple[PlannedDimm, ...]:
        """DIMMs that the plan adds, now or later."""
        return tuple([d for d in self.planned.dimms if d.state not in ("present", "unplug")])

    @cached_property
    def shown_dimms(self) -> tuple[PlannedDimm, ...]:
        """DIMMs that the plan says are there already."""
        if len(self.new_dimms) == len(self.planned.dimms):
            return ()
        return tuple([d for d in self.planned.dimms if d.state in ("present", "unplug")])

    @cached_property
    def largest_dimm(self) -> int:
        """The largest of the DIMMs that the plan adds (bytes), 0 if there is none."""
        return max([d.size for d in self.new_dimms], default=0)

    @cached_property
    def new_dimms_by_cell(self) -> tuple[tuple[PlannedDimm, ...], ...]:
        """The same for each cell, in their order."""
        found: list[list[PlannedDimm]] = [[] for _ in self.planned.cells]
        for dimm in self.new_dimms:
            found[dimm.cell].append(dimm)
        return tuple(map(tuple, found))

    @cached_property
    def kept_devices(self) -> tuple[Device, ...]:
        """Devices that are there already and stay: all but DIMMs that the plan unplugs."""
        gone = {d.slot for d in self.shown_dimms if d.state == "unplug"}
        return tuple(d for d in self.guest.devices if not (d.takes_slot and d.slot in gone))

    @cached_property
    def existing_virtio(self) -> dict[int, Device]:
        """The virtio-mem devices that are there by the number of their alias: the alias's own, else
        their place among each other (libvirt 9.0 qemu_alias.c:qemuAssignDeviceMemoryAlias)."""
        found = [d for d in self.guest.devices if d.model == "virtio-mem"]
        named = [(d.alias or "").removeprefix("virtiomem") for d in found]
        return {
            int(name) if name.isdigit() else place: device
            for place, (name, device) in enumerate(zip(named, found, strict=True))
        }

    @cached_property
    def new_virtio(self) -> tuple[PlannedVirtioMem, ...]:
        """virtio-mem devices that the plan adds."""
        return tuple(v for v in self.planned.virtio_mem if v.number not in self.existing_virtio)

    def listed(self, device: Device) -> PlannedVirtioMem | None:
        """What the plan says of a virtio-mem device that the guest has; ``None`` if nothing."""
        return self._listed.get(id(device))

    @cached_property
    def _listed(self) -> dict[int, PlannedVirtioMem]:
        """What the plan says first of each virtio-mem device that the guest has, by its identity:
        equal devices are different ones."""
        found: dict[int, PlannedVirtioMem] = {}
        for virtio in self.planned.virtio_mem:
            device = self.existing_virtio.get(virtio.number)
            if device is not None:
                found.setdefault(id(device), virtio)
        return found

    @cached_property
    def shown_slots(self) -> frozenset[int]:
        """Slots of the DIMMs that the plan says are there already."""
        return frozenset(d.slot for d in self.shown_dimms)

    @cached_property
    def map_options(self) -> dict[int, MapOptions]:
        """What moves QEMU's memory map, by the identity of the host: kept for all who ask."""
        return {}

    @cached_property
    def boot(self) -> int:
        """Boot memory of all cells (bytes)."""
        return sum(cell.boot for cell in self.planned.cells)

    @cached_property
    def changes(self) -> Changes:
        """What is done to the guest now."""
        return changes_of(self.planned)

    @property
    def rounds_boot_up(self) -> bool:
        """Whether boot memory may be a part of a page more than whole pages: in a domain whose
        hugetlbfs files QEMU before 8 rounds up (libvirt 9.0 with QEMU 7.2 starts it)."""
        return self.guest.xml is not None and Version.parse(self.qemu) < (8, 0)

    @property
    def boot_free(self) -> bool:
        """Whether the cells' boot memory is the solver's to choose."""
        return any(c.memory is None for c in self.guest.cells)

    @cached_property
    def wanted_sizes(self) -> tuple[int, ...]:
        """The totals that the guest must be able to have (bytes), ascending, without boot."""
        sizes = {self.guest.target_size, *self.guest.waypoints}
        for policy in self.policies:
            if policy.kind == "waypoints":
                sizes.update(policy.sizes)
        if not self.maximum_may_exceed:
            sizes.add(self.guest.maximum_size)
        return tuple(sorted({whole_mib(size) for size in sizes}))

    @property
    def maximum_may_exceed(self) -> bool:
        """Whether the maximum is only a lower bound."""
        return isinstance(self.guest.maximum, AtLeast)

    @cached_property
    def target_stage(self) -> int:
        """Index of the stage whose total is the target; 0 where none is. A running guest's is the
        second, whether it has the size that was wanted or not."""
        if self.guest.running:
            return min(1, self.last_stage)
        sizes = [s.memory for s in self.planned.stages]
        wanted = whole_mib(self.guest.target_size)
        return sizes.index(wanted) if wanted in sizes else 0

    @property
    def last_stage(self) -> int:
        """Index of the maximum."""
        return len(self.planned.stages) - 1

    def totals(self, stage: int) -> tuple[int, ...]:
        """Each cell's total at a stage (bytes): boot memory, devices there, DIMMs up to it, and
        what is requested of virtio-mem."""
        return self._totals[stage]

    @cached_property
    def _totals(self) -> tuple[tuple[int, ...], ...]:
        """Each cell's total at each stage (bytes)."""
        grown = [[0] * len(self.planned.cells) for _ in self.planned.stages]
        for dimm in self.new_dimms:
            grown[dimm.stage][dimm.cell] += dimm.size
        totals = [cell.boot for cell in self.planned.cells]
        for device in self.kept_devices:
            if device.is_ram and self.listed(device) is None:
                totals[device.cell or 0] += whole_mib(device.memory)
        found = []
        for stage, more in enumerate(grown):
            totals = [before + gained for before, gained in zip(totals, more, strict=True)]
            there = totals.copy()
            for virtio in self.planned.virtio_mem:
                there[virtio.cell] += virtio.stages[stage]
            found.append(tuple(there))
        return tuple(found)

    def memory(self, stage: int) -> int:
        """The guest's total at a stage (bytes)."""
        return sum(self._totals[stage]) + self.beside

    @cached_property
    def beside(self) -> int:
        """Bytes of devices that count in the guest's total and in no cell's (nvdimm, …)."""
        return sum(whole_mib(d.size) for d in self.kept_devices if not d.is_ram)

    @cached_property
    def slots_used(self) -> int:
        """Slots that the layout takes as libvirt counts them: every memory device before 9.5, then
        only those in DIMM slots (libvirt 9.0 qemu_domain.c:qemuDomainDefValidateMemoryHotplug)."""
        every = Version.parse(self.libvirt) < (9, 5)
        virtio = len(self.new_virtio) if every else 0
        kept = sum(every or d.takes_slot for d in self.kept_devices)
        return kept + len(self.new_dimms) + virtio

    def unit(self, cell: int) -> int:
        """What every new DIMM's size and address in a cell is a multiple of (bytes)."""
        least = 256 * MiB if self.guest.machine.startswith("pseries") else 2 * MiB
        pages = [d.page_size for d in self.new_dimms_by_cell[cell]]
        return max(least, self.planned.block, *(pages or [self.planned.cells[cell].page_size]))

    def smallest_unit(self, plan: PlanSubject) -> int:
        """The least unit that any cell could have had: by its required page size, else the base
        page, and by the memory block where boot memory fixes it, else the smallest (bytes)."""
        platform = platform_for(self.guest.machine)
        given: list[int] = [p.size for p in self.policies if p.kind == "guest-block"]
        block = given[-1] if given else platform.smallest_block
        if not given and self.guest.boot_size is not None:
            block = self.planned.block
        host = plan.problem.host
        pages: list[list[int | None]] = []
        for cell in self.guest.cells:
            asked = [
                p
                for p in self.policies
                if p.kind == "page-size" and not p.preferred and _names(p, cell.id)
            ]
            of_dimms = [p.size for p in asked if p.of == "dimms"]
            whole = [p.size for p in asked if p.of == "memory"]
            base = host.base_page if host else platform.base_page
            pages.append([*of_dimms, *whole, cell.page_size, base])
        smallest = min(next(filter(None, sizes)) for sizes in pages)
        return max(platform.dimm_alignment, smallest, block)

    @cached_property
    def pieces(self) -> tuple[Piece, ...]:
        """Every piece of RAM of the guest at the maximum."""
        return tuple(pieces_of(self))

    def reserve_stage(self, cell: int) -> int:
        """Index of the stage for which a cell's pages must be free on the host."""
        return self._reserve_stages[cell]

    @cached_property
    def _reserve_stages(self) -> tuple[int, ...]:
        whole = [p for p in self.policies if p.kind == "reserve" and p.until == "maximum"]
        return tuple(
            self.last_stage if any(_names(p, cell.id) for p in whole) else self.target_stage
            for cell in self.guest.cells
        )

    def has(self, kind: str, cell: int | None = None) -> bool:
        """Whether a policy of that kind is about the guest, or about one of its cells."""
        return any(p.kind == kind and (cell is None or _names(p, cell)) for p in self.policies)

    def shares(self) -> tuple[int, ...]:
        """The cells' shares of a total: the last balance policy's, else equal."""
        return self._shares

    @cached_property
    def _shares(self) -> tuple[int, ...]:
        for policy in reversed(self.policies):
            if policy.kind == "balance":
                return shares_of(policy.by, self.guest)
        return (1,) * len(self.guest.cells)

    def spread(self, stage: int) -> int:
        """How much further above its share, in whole MiB, one cell is than another (bytes)."""
        totals, shares = self.totals(stage), self.shares()
        memory, parts = sum(totals), sum(shares) * MiB
        off = [
            cell - memory * share // parts * MiB for cell, share in zip(totals, shares, strict=True)
        ]
        return max(off) - min(off)

    def balanced_stages(self, first: int) -> tuple[int, ...]:
        """Stages from ``first`` on, and boot where it is free, that have no target per cell."""
        per_cell = {self.target_stage} if isinstance(self.guest.target, dict) else set()
        stages = set(range(first, self.last_stage + 1)) - per_cell
        return tuple(sorted(stages | ({0} - per_cell if self.boot_free else set())))


@dataclass(frozen=True)
class PlanSubject:
    """A plan beside its problem, guest by guest."""

    problem: Problem
    plan: Plan
    guests: tuple[GuestSubject, ...]

    def concerned(self, policy: Any) -> Iterator[tuple[GuestSubject, tuple[int, ...]]]:
        """The guests that a policy is about, each with the ids of the cells meant."""
        for guest in self.guests:
            if policy.guests is None or guest.guest.name in policy.guests:
                yield guest, tuple(c.id for c in guest.guest.cells if _names(policy, c.id))

    @cached_property
    def shared_nodes(self) -> frozenset[int]:
        """Host nodes of which the kernel may choose for some piece."""
        sets = {p.nodes for g in self.guests for p in g.pieces if len(p.nodes) > 1}
        return frozenset(node for nodes in sets for node in nodes)

    @cached_property
    def pages(self) -> tuple[dict[Wanted, int], dict[Wanted, int]]:
        """Pages to be taken from the pools up to the stage that is reserved for, and those that
        growth beyond it to the maximum will take, by page size and host nodes."""
        now: dict[Wanted, int] = {}
        later: dict[Wanted, int] = {}
        for guest in self.guests:
            reserved = [guest.reserve_stage(cell.id) for cell in guest.guest.cells]
            for piece in guest.pieces:
                if not piece.taken:
                    book = later if piece.stage > reserved[piece.cell] else now
                    for nodes, pages in self._parts(guest, piece):
                        key = piece.page_size, nodes
                        book[key] = book.get(key, 0) + pages
        return now, later

    def _parts(self, guest: GuestSubject, piece: Piece) -> Iterator[tuple[tuple[int, ...], int]]:
        """Pages of a piece and the nodes that they may come from: huge ones that are interleaved
        come from each node in turn, the first from the first (Linux mm/mempolicy.c:offset_il_node).
        Which parts of a virtio-mem device are there is the guest's choice."""
        host, number = self.problem.host, len(piece.nodes)
        huge = host is not None and piece.page_size != host.base_page
        mode = guest.guest.mode_of(piece.cell)
        virtio = [d.cell for d in guest.guest.devices if d.model == "virtio-mem"]
        virtio += [v.cell for v in guest.planned.virtio_mem]
        for policy in guest.policies:
            if policy.kind == "device" and policy.use != "dimm" and _names(policy, piece.cell):
                virtio.append(piece.cell)
        set_apart = piece.given or piece.cell in virtio
        if number > 1 and huge and mode == "interleave" and not set_apart:
            for place, node in enumerate(piece.nodes):
                yield (node,), len(range(place, piece.pages, number))
        else:
            yield piece.nodes, piece.pages


def subject_of(problem: Problem, plan: Plan) -> PlanSubject:
    """Put plan and problem side by side; they have the same guests."""
    guests = tuple(
        GuestSubject(
            guest,
            planned,
            tuple(p for p in problem.policies if p.guests is None or guest.name in p.guests),
            problem.libvirt,
            problem.qemu,
        )
        for guest, planned in zip(problem.guests, plan.guests, strict=True)
    )
    return PlanSubject(problem, plan, guests)


def shares_of(by: Any, guest: Guest) -> tuple[int, ...]:
    """Each cell's share: ``equal``, by its number of ``cpus`` (at least 1), or as listed."""
    if by == "cpus":
        return tuple(max(1, len(cell.cpus)) for cell in guest.cells)
    return (1,) * len(guest.cells) if by == "equal" else tuple(by)


def whole_mib(size: int) -> int:
    """Rounded up to 1 MiB, as libvirt's start does (qemu_domain.c:qemuDomainAlignMemorySizes)."""
    return -(-size // MiB) * MiB


def _names(policy: Any, cell: int) -> bool:
    return policy.cells is None or cell in policy.cells

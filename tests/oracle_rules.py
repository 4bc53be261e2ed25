"""The rules of small guests, written down a second time for :mod:`tests.oracle`.

Each is the definition itself, in bytes, as a yes or no about a finished choice: nothing of the
model, the policies' rows, the bounds or the checker is used. Platform facts are restated here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from functools import cached_property
from itertools import product
from math import ceil, floor
from typing import Any

from slotsolver.problem import Cell, Guest, Host, Problem
from slotsolver.size import GiB, MiB

BLOCK = 128 * MiB
"""Memory block of a Linux guest: x86 with RAM below 64 GiB (arch/x86/mm/init_64.c), arm64 with
4 KiB pages (asm/sparsemem.h)."""
DIMM_ALIGNMENT = 2 * MiB
"""QEMU's QEMU_VMALLOC_ALIGN (osdep.h), libvirt's module alignment (qemu_domain.c) off ppc64."""
MAX_SLOTS = 256
"""ACPI_MAX_RAM_SLOTS (QEMU include/hw/acpi/acpi.h)."""
SPLIT = {"q35": 0xB0000000, "pc": 0xE0000000}
"""Boot memory from which RAM is above 4 GiB (QEMU 7.2 hw/i386/pc_q35.c, pc_piix.c)."""
PROBLEM_LIMIT = 32 * GiB
"""Guests up to this size keep their RAM below 64 GiB and their addresses below any phys-bits."""

Vector = tuple[int, ...]
Pages = Mapping[tuple[int, int], int]
"""Pages taken by pool; a pool is (host node, page size)."""


class Unsupported(Exception):  # noqa: N818  # no error: the problem is outside of the oracle's reach
    """The problem is outside of what the oracle covers."""


def all_policies(problem: Problem) -> list[Any]:
    """The policies; typed loosely, because each kind has its own fields."""
    return list(problem.policies)


def default_step(maximum: int, block: int) -> int:
    """The smallest power of two blocks that reaches the maximum in at most 32 steps, bytes."""
    step = block
    while maximum > 32 * step:
        step *= 2
    return step


class Rules:
    """What one guest of a problem may have. Sizes are bytes; cells go by their id."""

    def __init__(self, problem: Problem, guest: Guest) -> None:
        self.problem, self.guest = problem, guest
        self.cells = guest.cells
        self._of: dict[tuple[str, int | None], list[Any]] = {}
        self.family = "q35" if "q35" in guest.machine else guest.machine.split("-")[0]
        odd_devices = any(d.page_size or d.host_nodes or d.address for d in guest.devices)
        wide_cells = any(c.host_nodes and len(c.host_nodes) > 1 for c in guest.cells)
        if (
            guest.running
            or odd_devices
            or wide_cells
            or any(p.spread for p in self.of("host-nodes"))
            or any(getattr(p, "of", "memory") != "memory" for p in self.of("page-size"))
            or (isinstance(guest.target, dict) and self.other_devices)
            or self.family not in ("q35", "pc", "virt")
            or guest.maximum_size > PROBLEM_LIMIT
        ):
            raise Unsupported(f"guest {guest.name}")

    def of(self, kind: str, cell: int | None = None) -> list[Any]:
        """The policies of a kind that concern the guest (and the cell)."""
        if (kind, cell) not in self._of:
            self._of[kind, cell] = [
                p
                for p in all_policies(self.problem)
                if p.kind == kind
                and (p.guests is None or self.guest.name in p.guests)
                and (cell is None or p.cells is None or cell in p.cells)
            ]
        return self._of[kind, cell]

    @cached_property
    def block(self) -> int:
        """The guest OS's memory block."""
        given = [p.size for p in self.of("guest-block")]
        return max(given) if given else BLOCK

    @cached_property
    def default_step(self) -> int:
        """The step that the default objectives do not go below."""
        return default_step(self.guest.maximum_size, self.block)

    def unit(self, page: int) -> int:
        """What every new DIMM is a multiple of; all are powers of two, so the largest is it."""
        return max(DIMM_ALIGNMENT, page, self.block)

    @cached_property
    def smallest_unit(self) -> int:
        """The smallest unit of any way the cells may be backed."""
        pages = (page for cell in self.cells for page in self.pages_of(cell))
        return min(map(self.unit, pages), default=DIMM_ALIGNMENT)

    # --- devices that are there already ---

    @cached_property
    def all_devices(self) -> int:
        """Bytes of all devices."""
        return sum(d.size for d in self.guest.devices)

    @cached_property
    def other_devices(self) -> int:
        """Bytes of devices that count for the guest but for no cell."""
        return sum(d.size for d in self.guest.devices if d.model not in ("dimm", "virtio-mem"))

    @cached_property
    def slot_devices(self) -> int:
        """How many DIMM slots are taken."""
        return sum(d.model in ("dimm", "nvdimm") for d in self.guest.devices)

    def devices(self, cell: int) -> int:
        """Bytes of devices that count for the cell."""
        devices = [d for d in self.guest.devices if d.model in ("dimm", "virtio-mem")]
        return sum(d.size for d in devices if (d.cell or 0) == cell)

    # --- backing ---

    def pages_of(self, cell: Cell) -> list[int]:
        """The page sizes that the cell may have."""
        required = {p.size for p in self.of("page-size", cell.id) if not p.preferred}
        required |= {cell.page_size} if cell.page_size else set()
        if len(required) > 1:
            return []
        if required or self.problem.host is None:
            return list(required) or [4096]
        return list(self.problem.host.page_sizes())

    def nodes_of(self, cell: Cell, host: Host) -> list[int]:
        """The host nodes that the cell may be on."""
        allowed = {n.id for n in host.nodes}
        given = cell.host_nodes if cell.host_nodes is not None else self.guest.host_nodes
        for nodes in (given, *(p.nodes for p in self.of("host-nodes", cell.id))):
            if nodes is not None:
                allowed &= set(nodes)
        return sorted(allowed)

    def apart(self, nodes: Vector) -> bool:
        """Whether the cells that must be on distinct nodes are."""
        for p in self.of("host-nodes"):
            taken = [nodes[c.id] for c in self.cells if p.cells is None or c.id in p.cells]
            if p.distinct and len(set(taken)) < len(taken):
                return False
        return True

    def backed(self, boot: Vector, pages: Vector) -> bool:
        """Whether boot memory is at least a page and the devices are whole pages."""
        devices = [d for d in self.guest.devices if d.model in ("dimm", "virtio-mem")]
        return all(b % p == 0 for b, p in zip(boot, pages, strict=True)) and all(
            d.size % pages[d.cell or 0] == 0 for d in devices
        )

    def missed(self, pages: Vector) -> int:
        """How many cells do not have the page size that is preferred for them."""
        wishes = [
            (c.id, p.size) for c in self.cells for p in self.of("page-size", c.id) if p.preferred
        ]
        return sum(pages[cell] != size for cell, size in wishes)

    # --- stages and balance ---

    @cached_property
    def free_boot(self) -> bool:
        """Whether boot memory is to be chosen, at least how it is split over the cells."""
        return all(c.memory is None for c in self.cells)

    def boot_allowed(self, boot: Vector) -> bool:
        """Whether boot memory is small enough."""
        return all(sum(boot) <= p.size for p in self.of("shrinkable-to"))

    @cached_property
    def sizes(self) -> list[int]:
        """The wanted sizes, ascending."""
        extra = [size for p in self.of("waypoints") for size in p.sizes]
        guest = self.guest
        return sorted({guest.target_size, *guest.waypoints, *extra, guest.maximum_size})

    def at_target(self, totals: Vector) -> bool:
        """Whether this is the target's stage."""
        return sum(totals) + self.other_devices == self.guest.target_size

    def per_cell(self, totals: Vector) -> bool:
        """Whether this is the stage whose totals the problem states cell by cell."""
        return isinstance(self.guest.target, dict) and self.at_target(totals)

    def target_met(self, totals: Vector) -> bool:
        """Whether the cells have the totals that the target states, if this is its stage."""
        target = self.guest.target
        if not isinstance(target, dict) or not self.at_target(totals):
            return True
        return totals == tuple(target[c.id] for c in self.cells)

    def shares(self, policy: Any) -> list[Fraction]:
        """Shares of the cells, with sum 1; cells without CPUs count as if they had one."""
        if policy is None or policy.by == "equal":
            shares = [Fraction(1)] * len(self.cells)
        elif policy.by == "cpus":
            shares = [Fraction(max(1, len(c.cpus))) for c in self.cells]
        else:
            shares = [Fraction(share) for share in policy.by]
        return [share / sum(shares) for share in shares]

    def balanced(self, path: list[Vector], units: Vector) -> bool:
        """Whether every balance policy holds at boot where that is free, and from the target on."""
        for policy in self.of("balance"):
            for place, totals in enumerate(path):
                early = sum(totals) + self.other_devices < self.guest.target_size
                if self.per_cell(totals) or (early and not (place == 0 and self.free_boot)):
                    continue
                for cell, share in enumerate(self.shares(policy)):
                    off = abs(totals[cell] - sum(totals) * share)
                    concerned = policy.cells is None or cell in policy.cells
                    within = policy.tolerance is not None and off <= policy.tolerance
                    near = policy.tolerance is None and off < units[cell]
                    if concerned and not within and not near:
                        return False
        return True

    def imbalance(self, path: list[Vector]) -> int:
        """Over the stages, how much further above its share one cell is than another, bytes."""
        shares = self.shares(next(iter(self.of("balance")[-1:]), None))
        value = 0
        for place, totals in enumerate(path):
            if self.per_cell(totals) or (place == 0 and not self.free_boot):
                continue
            off = [
                t - floor(sum(totals) * share / MiB) * MiB
                for t, share in zip(totals, shares, strict=True)
            ]
            spread = max(off) - min(off)
            if place == 0 and sum(totals) + self.other_devices not in self.wanted:
                allowed = max(self.smallest_unit, self.spread_at(path[1], shares))
                spread = max(0, spread - allowed)
            value += spread
        return value

    @cached_property
    def wanted(self) -> set[int]:
        """The totals that the guest must be able to have, bytes; boot memory may be one of them."""
        sizes = {self.guest.target_size, self.guest.maximum_size, *self.guest.waypoints}
        return sizes.union(*(p.sizes for p in self.of("waypoints")))

    def spread_at(self, totals: Vector, shares: list[Fraction]) -> int:
        """How much further above its share one cell is than another; 0 where totals are given."""
        if self.per_cell(totals):
            return 0
        off = [
            t - floor(sum(totals) * share / MiB) * MiB
            for t, share in zip(totals, shares, strict=True)
        ]
        return max(off) - min(off)

    def needed(self, path: list[Vector]) -> Vector:
        """The totals of the cells whose pages must be free: at the target, or at the maximum."""
        target = next(totals for totals in path if self.at_target(totals))
        promised = [any(p.until == "maximum" for p in self.of("reserve", c.id)) for c in self.cells]
        return tuple(path[-1][c] if p else target[c] for c, p in enumerate(promised))

    # --- DIMMs ---

    def size_allowed(self, cell: int, size: int) -> bool:
        """Whether a new DIMM of the cell may have this size, by the policies."""
        for p in self.of("sizes", cell):
            if p.allowed is not None and size not in p.allowed:
                return False
            if p.powers_of_two and size.bit_count() != 1:
                return False
            if size < (p.minimum or 0) or size > (p.maximum or size):
                return False
        return (
            all(size <= p.size for p in self.of("step", cell))
            and all(size % p.size == 0 for p in self.of("exact", cell))
            and all(Fraction(size, 64) <= p.free for p in self.of("memmap", cell))
        )

    def smallest_dimm(self, cell: int, unit: int) -> int:
        """The smallest new DIMM that the cell may have; one unit where it may have none."""
        sizes = range(unit, self.guest.maximum_size + unit, unit)
        return next((size for size in sizes if self.size_allowed(cell, size)), unit)

    def reachable(self, cell: int, unit: int, start: int, dimms: list[int]) -> bool:
        """Whether `relative-step` holds in plug order from ``start`` bytes, and `exact` by size."""
        for p in self.of("relative-step", cell):
            had = start
            for size in dimms:
                ratio = Fraction(p.ratio)
                coarse = size * ratio.denominator > had * ratio.numerator
                if coarse and size > (p.at_least or unit):
                    return False
                had += size
        for p in self.of("exact", cell):
            had = 0
            for size in sorted(dimms):
                if size > p.size + had:
                    return False
                had += size
        return True

    def slots_allowed(self, boot: int, count: int) -> bool:
        """Whether ``count`` new DIMMs fit the slots and the backends' memory regions."""
        devices, used = len(self.guest.devices), self.slot_devices + count
        version = tuple(int(part) for part in self.problem.libvirt.split(".")[:2])
        written = used if version >= (9, 5) else devices + count
        for p in self.of("slots"):
            if p.at_most is not None and written > p.at_most:
                return False
            if p.exactly is not None and written != p.exactly:
                return False
        for p in self.of("memslots"):
            if self.family not in SPLIT:
                raise Unsupported(f"memslots on {self.family}")
            if 2 + (boot >= SPLIT[self.family]) + devices + count > p.limit:
                return False
        return written <= (MAX_SLOTS if self.guest.slots is None else self.guest.slots)


def fits(problem: Problem, pages: Iterable[tuple[tuple[int, int], int]]) -> bool:
    """Whether the pages are free and every headroom is kept on the pools they come from."""
    host = problem.host
    if host is None:
        return True
    for (node, page), count in pages:
        pool, keep = host.pool(node, page), [0]
        for p in all_policies(problem):
            if p.kind == "headroom" and p.page_size in (None, page):
                keep.append(p.pages or 0)
                keep.append(ceil(Fraction(p.fraction or 0) * pool.total))
                keep.append(ceil(Fraction(p.size or 0, page)))
        if count > 0 and pool.free - count < max(keep):
            return False
    return True


def stranded(problem: Problem, taken: Pages) -> int:
    """Bytes left free in pools that hold no more of the smallest cell of the problem: the smallest
    target, split evenly over its guest's cells."""
    host = problem.host
    if host is None:
        return 0
    smallest = min(g.target_size // len(g.cells) for g in problem.guests)
    value = 0
    for node, page in product((n.id for n in host.nodes), host.page_sizes()):
        left = host.pool(node, page).free - taken.get((node, page), 0)
        value += left * page if left < ceil(Fraction(smallest, page)) else 0
    return value

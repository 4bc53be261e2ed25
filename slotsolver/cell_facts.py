"""What is known of one cell before anything is decided, in MiB, and the ways it may be backed."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property

from slotsolver.errors import InputError
from slotsolver.fields import format_ids
from slotsolver.platforms import Platform
from slotsolver.platforms.versions import NO_AFFINITY, NO_CPUS
from slotsolver.policies import Policy
from slotsolver.problem import Cell
from slotsolver.size import MiB, format_size

GrowthRule = Callable[[int, int], int]
"""``(memory before, unit) -> largest DIMM allowed``, all MiB."""


@dataclass(frozen=True, order=True)
class Backing:
    """One way to back a cell: page sizes of boot memory and of DIMMs (bytes), and host nodes."""

    page: int
    dimm_page: int
    nodes: tuple[int, ...]


@dataclass(frozen=True)
class Elsewhere:
    """An existing device that overrides its cell's backing: what it takes (MiB), and of what.
    ``None`` is the cell's own, as in libvirt (qemu/qemu_command.c:qemuBuildMemoryBackendProps)."""

    size: int
    page: int | None
    nodes: tuple[int, ...] | None


@dataclass(frozen=True)
class VirtioFacts:
    """A virtio-mem device of a cell (MiB). ``index`` is its place in ``Guest.devices`` and ``None``
    where it is to be planned; ``size`` is its region, ``None`` where that is open; ``before`` what
    is requested of it. ``own`` says that its backing is not its cell's. ``number`` is that of its
    alias; planned ones get theirs at last, when it is known which of them are used."""

    number: int
    index: int | None
    size: int | None
    block: int
    before: int
    own: bool = False
    fixed: bool = False
    """Whether it neither grows nor shrinks."""


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
    whole: tuple[int, ...] = ()
    """Sizes (bytes) that are whole pages: known boot memory, devices backed as the cell is."""
    page_reason: str = ""
    no_prealloc: frozenset[int] = frozenset()
    """Host nodes on which nothing can be preallocated, so that no huge pages can be had there."""
    immediate: bool = False
    """Whether something of it is preallocated, whatever its pages: all of it, or a device on huge
    pages of its own."""
    dimm_pages: tuple[int, ...] = ()
    """Page sizes of its DIMMs (bytes) where these need not be the cell's own."""
    preferred_pages: int | None = None
    elsewhere: tuple[Elsewhere, ...] = ()
    reserve: str = "target"
    spread: bool = False
    smallest: int = 0
    largest: int = 1 << 43
    multiple: int = 1
    allowed: frozenset[int] | None = None
    powers_of_two: bool = False
    virtio: tuple[VirtioFacts, ...] = ()
    """Its virtio-mem devices that may grow and shrink."""
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
        page = min(self.dimm_pages or self.pages)
        return self.unit_for(page, min(self.blocks))

    @property
    def grain(self) -> int:
        """What growth comes in multiples of (MiB): the unit of DIMMs, or a virtio-mem's block."""
        blocks = [device.block for device in self.virtio if not device.fixed]
        return min(blocks) if self.allowed == frozenset() and blocks else min([self.unit, *blocks])

    @property
    def grain_of_any_page(self) -> int:
        """The same, whatever pages growth is made of."""
        blocks = [device.block for device in self.virtio if not device.fixed]
        unit = self.unit_for(self.platform.base_page, min(self.blocks))
        return min(blocks) if self.allowed == frozenset() and blocks else min([unit, *blocks])

    @cached_property
    def largest_unit(self) -> int:
        """The largest unit of any way this cell may be backed."""
        page = max(self.dimm_pages or self.pages)
        return self.unit_for(page, max(self.blocks))

    def backings(self) -> tuple[Backing, ...]:
        """Every way to back the cell, in a fixed order."""
        every = [
            Backing(page, dimm_page, nodes)
            for page in self.pages
            for dimm_page in self.dimm_pages or (page,)
            for nodes in self.nodes
        ]
        found = [
            b
            for b in every
            if not b.nodes
            or not self.no_prealloc.issuperset(b.nodes)
            or not (self.preallocates(b.page) or self.preallocates(b.dimm_page))
        ]
        if not found:
            nodes = tuple(sorted({n for nodes in self.nodes for n in nodes}))
            raise no_cpus_there(self.id, max(self.pages), nodes)
        return tuple(sorted(found))

    def preallocates(self, page: int) -> bool:
        """Whether memory on pages of this size is allocated at the start."""
        return self.immediate or page != self.platform.base_page

    def require_page(self, policy: Policy, size: int) -> None:
        """Narrow to one page size."""
        if self.page_reason and size not in self.pages:
            raise InputError(
                f"policy page-size asks for {format_size(size)} pages on cell {self.id}, but "
                f"{self.page_reason}; drop one of the two"
            )
        self.check_page(size)
        self.pages, self.page_reason = (size,), f"policy {policy.kind} asks for {format_size(size)}"

    def check_page(self, page: int) -> None:
        """Raise :class:`InputError` if boot memory or a device is not whole pages of that size."""
        for size in self.whole:
            if size % page:
                raise InputError(
                    f"cell {self.id}: boot memory and devices must be whole pages of "
                    f"{format_size(page)}, and {format_size(size)} is not (QEMU: backend memory "
                    f"size must be multiple of 0x{page:x})"
                )

    def require_dimm_page(self, size: int) -> None:
        """Give the cell's DIMMs a page size of their own."""
        if self.dimm_pages and self.dimm_pages != (size,):
            raise InputError(
                f"policies page-size of dimms ask for {format_size(self.dimm_pages[0])} and "
                f"{format_size(size)} pages on cell {self.id}; keep one of them"
            )
        self.dimm_pages = (size,)

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

    def size_range(self, unit: int) -> tuple[int, int, int]:
        """What DIMM sizes are multiples of with that unit, the smallest and the largest (MiB),
        where nothing but bounds and a multiple is asked of them."""
        grain = math.lcm(unit, self.multiple)
        smallest = max(grain, -(-self.smallest // grain) * grain)
        return grain, smallest, self.largest // grain * grain

    def permits(self, size: int) -> bool:
        """Whether a DIMM may have ``size`` MiB in some backing."""
        return (
            self.smallest <= size <= self.largest
            and size % self.unit == 0
            and size % self.multiple == 0
            and (self.allowed is None or size in self.allowed)
            and (not self.powers_of_two or size & (size - 1) == 0)
        )


def no_cpus_there(cell: int, page: int, nodes: tuple[int, ...]) -> InputError:
    """Why these host nodes cannot be had with such pages."""
    return InputError(
        f"cell {cell} is to have {format_size(page)} pages of host node {format_ids(nodes)}, which "
        f"has no CPUs that QEMU may run on: from 7.2 on it cannot preallocate there as libvirt "
        f"asks it to ({NO_CPUS}; {NO_AFFINITY}); ordinary pages that are not allocated at once can "
        f"be had there"
    )

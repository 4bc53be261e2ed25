"""Proxmox VE: one fixed ladder of DIMMs for every guest.

Source: proxmox/qemu-server, src/PVE/QemuServer/Memory.pm, commit e6352be6 (foreach_dimm,
qemu_memory_hotplug, config). Golden figures in the tests: src/test/cfg2cmd/memory-hotplug.conf and
memory-hotplug-hugepages.conf of the same commit.

A guest with ``hotplug: memory`` boots with 1 GiB and climbs eight rungs of 32 DIMMs each, 512 MiB
on the first, twice the size on each further one, over its cells in turn. A size that is no step of
the ladder cannot boot. Whatever is unplugged is the highest DIMM.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from benchmarks.peers import Module, RefusedError

RUNGS, PER_RUNG = 8, 32
SLOTS = 255
"""What is written to ``-m slots=``; the ladder has one DIMM more."""
MAXIMUM = 4 * 1024 * 1024
"""The largest ``maxmem`` (MiB), for a CPU with 46 address bits or more (``cpu: host``)."""


class Step(NamedTuple):
    """A DIMM of the ladder: its number, cell and size, and the guest's total with it (MiB)."""

    number: int
    cell: int
    size: int
    total: int


def boot_memory(cells: int, *, gigantic: bool = False) -> int:
    """What a guest has without any DIMM (MiB), split over its cells; with ``gigantic`` (1 GiB
    pages) every cell has that much."""
    return 1024 * cells if gigantic else 1024


def ladder(cells: int, *, gigantic: bool = False) -> Iterator[Step]:
    """Every DIMM that a guest of so many cells can ever have."""
    total = boot_memory(cells, gigantic=gigantic)
    size = 1024 if gigantic else 512
    for rung in range(RUNGS):
        for place in range(PER_RUNG):
            total += size
            yield Step(rung * PER_RUNG + place, place % cells, size, total)
        size *= 2


def totals(cells: int, *, gigantic: bool = False) -> list[int]:
    """Every total that can boot if there were a slot for each DIMM (MiB)."""
    steps = ladder(cells, gigantic=gigantic)
    return [boot_memory(cells, gigantic=gigantic), *(step.total for step in steps)]


def plan(total: int, cells: int, *, gigantic: bool = False) -> list[Module]:
    """The DIMMs of a guest of that size (MiB)."""
    if total == boot_memory(cells, gigantic=gigantic):
        return []
    found = []
    for step in islice(ladder(cells, gigantic=gigantic), SLOTS):
        found.append(Module(step.cell, step.size))
        if step.total == total:
            return found
        if step.total > total:
            raise RefusedError(f"memory must be aligned to {step.size} MiB")
    raise RefusedError("above the last slot")


def next_total(wanted: int, cells: int) -> int | None:
    """The smallest total on the ladder that is not below (MiB)."""
    return next((total for total in totals(cells)[: SLOTS + 1] if total >= wanted), None)


def plugged(now: int, wanted: int, cells: int, *, gigantic: bool = False) -> list[Step]:
    """The DIMMs that growing a running guest adds. The live path ends at the first total that is
    not below ``wanted``, which may be above it."""
    found = []
    for step in ladder(cells, gigantic=gigantic):
        if step.total > now:
            found.append(step)
        if step.total >= wanted:
            break
    return found


def unplugged(sizes: Sequence[int], wanted: int) -> list[int]:
    """Which DIMMs (places in ``sizes``, which is in the order of their numbers) go when the guest
    shall become ``wanted`` smaller: the highest first, until it is no larger than that."""
    left, found = wanted, []
    for number in reversed(range(len(sizes))):
        if left <= 0:
            break
        left -= sizes[number]
        found.append(number)
    return found


def max_memory(bits: int) -> int:
    """``maxmem`` (MiB) of a guest CPU with so many physical address bits."""
    return min(1 << ((bits & ~1) - 21), MAXIMUM)


def page_size(size: int, *, has_gigantic: bool = True) -> int:
    """The page size (MiB) of a memory object under ``hugepages: any``."""
    return 1024 if has_gigantic and size % 1024 == 0 else 2

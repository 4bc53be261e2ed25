"""OpenStack Nova: permutations of host cells, the first that fits.

Source: openstack/nova, nova/virt/hardware.py (numa_fit_instance_to_host,
_numa_fit_instance_cell, _numa_cell_supports_pagesize_request) and nova/objects/numa.py
(can_fit_pagesize), commit 00a03040. Memory only, shared CPUs, no PCI devices. The restatement was
once compared with nova 34.0.0 and gave the same host cells and page sizes in 6,500 random cases.

The caches (of pairs that fit and pairs that do not) have as their key the id of the guest cell, but
placing a cell overwrites that id with the host's. So they answer for another cell later on. Where
all cells are alike that does no harm.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import permutations
from typing import Literal, NamedTuple

from benchmarks.peers.limits import Budget

Wish = Literal["small", "large", "any"] | int | None
"""The page size a guest asks for: by name, in KiB, or not at all."""


class Pages(NamedTuple):
    """Pages of one size on one host cell."""

    total: int
    used: int = 0
    reserved: int = 0


@dataclass(frozen=True)
class HostCell:
    """A node of the host: pages by size (KiB), memory that is free (MiB) and CPU usage, which only
    say which one is tried first."""

    id: int
    pages: dict[int, Pages]
    available: int = 0
    cpu_usage: float = 0.0


@dataclass
class GuestCell:
    """A cell while it is being placed. ``id`` and ``pages`` change when it is."""

    id: int
    memory: int
    pages: Wish


@dataclass
class _Caches:
    fit: set[tuple[int, int]] = field(default_factory=set)
    unfit: set[tuple[int, int]] = field(default_factory=set)


def page_for(host: HostCell, memory: int, wish: Wish) -> int | None:
    """The page size (KiB) that a cell of that memory (MiB) gets on a host cell, if it fits."""
    sizes = sorted(host.pages, reverse=True)
    if wish is None:
        smallest = sizes[-1]
        return smallest if _fits(host, memory, smallest, free=False) else None
    if isinstance(wish, int):
        tried = [wish] if wish in host.pages else []
    else:
        tried = {"small": sizes[-1:], "large": sizes[:-1], "any": sizes}[wish]
    return next((size for size in tried if _fits(host, memory, size)), None)


def _fits(host: HostCell, memory: int, size: int, *, free: bool = True) -> bool:
    """Whole pages, and enough of them: of the free ones, or without any wish of all of them."""
    pages = host.pages[size]
    count = pages.total - pages.used - pages.reserved if free else pages.total
    return memory * 1024 % size == 0 and memory * 1024 <= count * size


def in_order(host: Sequence[HostCell], cells: int, *, pack: bool = False) -> list[HostCell]:
    """The order in which host cells are tried: the emptiest first, or with ``pack`` last."""
    found = list(host)
    if len(host) > cells:
        found.sort(key=lambda cell: cell.available, reverse=not pack)
        found.sort(key=lambda cell: cell.cpu_usage, reverse=pack)
    return found


def place(
    host: Sequence[HostCell],
    memories: Sequence[int],
    wish: Wish,
    budget: Budget,
    *,
    caches: bool = True,
    pack: bool = False,
) -> list[tuple[int, int]] | None:
    """Host cell and page size (KiB) of each guest cell, each on a host cell of its own."""
    if len(host) < len(memories):
        return None
    fresh = [GuestCell(number, memory, wish) for number, memory in enumerate(memories)]
    guest = [replace(cell) for cell in fresh]
    kept = _Caches() if caches else None
    for chosen in permutations(in_order(host, len(memories), pack=pack), len(memories)):
        budget.spend()
        if kept is None:
            guest = [replace(cell) for cell in fresh]
        if all(_placed(h, g, kept) for h, g in zip(chosen, guest, strict=True)):
            return [(cell.id, cell.pages if isinstance(cell.pages, int) else 0) for cell in guest]
    return None


def _placed(host: HostCell, cell: GuestCell, kept: _Caches | None) -> bool:
    """Place a cell, or say that it does not fit; by the caches where they know."""
    pair = (host.id, cell.id)
    if kept and pair in kept.unfit:
        return False
    if kept and pair in kept.fit:
        cell.id = host.id
        return True
    size = page_for(host, cell.memory, cell.pages)
    if size is None:
        if kept:
            kept.unfit.add(pair)
        return False
    if cell.pages is not None:
        cell.pages = size
    cell.id = host.id
    if kept:
        kept.fit.add(pair)
    return True

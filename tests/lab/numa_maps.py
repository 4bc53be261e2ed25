"""Where memory lies, as the kernel tells it (``/proc/PID/numa_maps``, fs/proc/task_mmu.c)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from slotsolver.size import KiB

LINE = re.compile(r"^([0-9a-f]+) (\S+(?: \(many\)\S*)?)(.*)$", re.MULTILINE)
BACKEND = re.compile(r" file=\S*/qemu_back_mem\.(?:_objects_)?([\w-]+)\.\w{6}\\040\(deleted\)")
PAGES = re.compile(r" N(\d+)=(\d+)")
PAGE_SIZE = re.compile(r" kernelpagesize_kB=(\d+)")
RANGE = re.compile(r"^([0-9a-f]+)-([0-9a-f]+) ", re.MULTILINE)


@dataclass(frozen=True)
class Lies:
    """A mapping's policy (``bind:0``), its page size in bytes, and its pages by host node."""

    policy: str
    page_size: int
    pages: Mapping[int, int]


def backends(numa_maps: str) -> dict[str, Lies]:
    """Memory backends on hugetlbfs by their ids (backends/hostmem-file.c, softmmu/physmem.c name
    the file after the backend)."""
    found = {}
    for _, policy, rest in LINE.findall(numa_maps):
        if (backend := BACKEND.search(rest)) is not None:
            found[backend[1]] = _lies(policy, rest)
    return found


def anonymous(numa_maps: str, maps: str) -> dict[int, list[Lies]]:
    """Mappings without a file by their size in bytes: backends on ordinary pages have no name, but
    the size that was asked for."""
    sizes = {int(start, 16): int(end, 16) - int(start, 16) for start, end in RANGE.findall(maps)}
    found: dict[int, list[Lies]] = {}
    for start, policy, rest in LINE.findall(numa_maps):
        if "file=" not in rest and int(start, 16) in sizes:
            found.setdefault(sizes[int(start, 16)], []).append(_lies(policy, rest))
    return found


def _lies(policy: str, rest: str) -> Lies:
    size = PAGE_SIZE.search(rest)
    pages = {int(node): int(count) for node, count in PAGES.findall(rest)}
    return Lies(policy, int(size[1]) * KiB if size else 0, pages)

"""oVirt (RHV): one DIMM for each request; greedy unplug; depth-first pinning of guest nodes.

Source: oVirt/ovirt-engine, commit 0111fc63. Below
backend/manager/modules/bll/src/main/java/org/ovirt/engine/core/bll: UpdateVmCommand.java,
HotSetAmountOfMemoryCommand.java (growth), memory/MemoryUtils.java (computeMemoryDevicesToHotUnplug)
and scheduling/policyunits/HugePagesFilterPolicyUnit.java (a host's pages, not a node's). Below
backend/manager/modules/common: utils/NumaPinningHelper.java (findAssignment).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benchmarks.peers import Module, RefusedError
from benchmarks.peers.limits import Budget

SLOTS = 16
FACTOR = 128
"""What the size of a DIMM is a multiple of on x86 (MiB)."""


def plan(boot: int, total: int, devices: int = 0) -> list[Module]:
    """The DIMM of one request: all of it on guest node 0."""
    if devices >= SLOTS:
        raise RefusedError("all memory devices are taken")
    if (total - boot) % FACTOR:
        raise RefusedError(f"not a multiple of {FACTOR} MiB")
    return [Module(0, total - boot)] if total > boot else []


def unplugged(sizes: Sequence[int], wanted: int) -> list[int]:
    """Which DIMMs (places in ``sizes``) go when the guest shall become ``wanted`` smaller: from the
    largest down every one that still fits into what is left of that."""
    left, found = wanted, []
    for place in sorted(range(len(sizes)), key=lambda place: (-sizes[place], place)):
        if sizes[place] <= left:
            left -= sizes[place]
            found.append(place)
    return found


def pin(
    cells: Sequence[tuple[int, Sequence[int]]], free: Mapping[int, int], budget: Budget
) -> dict[int, int] | None:
    """On which host node each cell goes. Cells are their memory and the host nodes they may have
    (none: they are skipped); several may share a node. The first way that is found, the last of the
    allowed nodes first."""
    left = dict(free)
    found: dict[int, int] = {}

    def place(number: int) -> bool:
        budget.spend()
        if number == len(cells):
            return True
        memory, allowed = cells[number]
        if not allowed:
            return place(number + 1)
        for node in reversed(allowed):
            if left.get(node, 0) >= memory:
                left[node] -= memory
                found[number] = node
                if place(number + 1):
                    return True
                left[node] += memory
                del found[number]
        return False

    return found if place(0) else None


def host_has(required: int, free: Sequence[int]) -> bool:
    """Whether the filter for hugepages lets the host through: all its nodes together are asked."""
    return required <= sum(free)

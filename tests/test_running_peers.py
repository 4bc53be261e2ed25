"""Unplugging against the rules of other managers, restated here: they fall short, slotsolver never.

The guests have one cell and 2 to 16 DIMMs of 256 MiB to 8 GiB; asked for is a part of them, and no
more than that may go.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import pytest

from slotsolver.problem import Problem
from slotsolver.size import GiB, MiB
from tests.running_guests import document, planned, problem, unplugs, value

STEP = 256 * MiB
CASES, MANY = 600, 20_000


def drawn(number: int) -> tuple[list[int], int]:
    """DIMM sizes by slot, and how much shall go (bytes)."""
    random = Random(number)  # noqa: S311 - no secret
    sizes = [random.randint(1, 32) * STEP for _ in range(random.randint(2, 16))]
    return sizes, random.randint(1, sum(sizes) // STEP) * STEP


def ovirt(sizes: Sequence[int], wanted: int) -> list[int]:
    """Slots that oVirt's engine unplugs: the largest first, as long as they fit into what is wanted
    (MemoryUtils.computeMemoryDevicesToHotUnplug)."""
    left, found = wanted, []
    for slot in sorted(range(len(sizes)), key=lambda s: (-sizes[s], s)):
        if sizes[slot] <= left:
            left -= sizes[slot]
            found.append(slot)
    return found


def proxmox(sizes: Sequence[int], wanted: int) -> list[int]:
    """Slots that Proxmox VE unplugs: from the highest on, while the guest is above its target
    (qemu-server PVE/QemuServer/Memory.pm:qemu_memory_hotplug)."""
    left, found = wanted, []
    for slot in reversed(range(len(sizes))):
        if left <= 0:
            break
        left -= sizes[slot]
        found.append(slot)
    return found


def exact(sizes: Sequence[int], wanted: int) -> int:
    """The most that some of the sizes sum to without exceeding what is wanted."""
    sums = 1
    for size in sizes:
        sums |= sums << size // STEP
    return ((sums & ((2 << wanted // STEP) - 1)).bit_length() - 1) * STEP


def shrinking(sizes: Sequence[int], wanted: int) -> Problem:
    """The guest has to become as much smaller, but no smaller than that."""
    places = [sum(sizes[:slot]) for slot in range(len(sizes))]
    dimms = [(slot, size, 0, places[slot]) for slot, size in enumerate(sizes)]
    now = GiB + sum(sizes)
    guest = document([GiB], dimms, now - wanted, maximum=now, slots=len(sizes))
    return problem(guest, {"kind": "accept", "distance": "above"})


def test_the_peers_fall_short() -> None:
    """oVirt's rule takes less than some DIMMs would be in 31 of 100 cases; Proxmox's takes more
    than was asked for in most."""
    cases = [drawn(number) for number in range(MANY)]
    short = sum(sum(s[i] for i in ovirt(s, w)) < exact(s, w) for s, w in cases)
    over = sum(sum(s[i] for i in proxmox(s, w)) > w for s, w in cases)
    assert 29 <= 100 * short / MANY <= 33
    assert 2 * over > MANY


@pytest.mark.parametrize("first", range(0, CASES, 100))
def test_slotsolver_never_falls_short(first: int) -> None:
    """It takes what is asked for as nearly as any DIMMs are, and no more of them than oVirt where
    that is as near."""
    for number in range(first, first + 100):
        sizes, wanted = drawn(number)
        plan = planned(shrinking(sizes, wanted))
        gone = unplugs(plan)
        taken = sum(sizes[slot] for slot in gone)
        assert taken == exact(sizes, wanted)
        assert value(plan, "target-distance") == wanted - taken
        peer = ovirt(sizes, wanted)
        if sum(sizes[slot] for slot in peer) == taken:
            assert len(gone) <= len(peer)

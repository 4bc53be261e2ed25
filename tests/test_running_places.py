"""Where a running guest's new DIMMs lie: large gaps stay whole, and what fits is found."""

from __future__ import annotations

from itertools import pairwise
from random import Random

import pytest

from slotsolver.packing import Gap, Kind, Need, pack
from slotsolver.plan import Plan
from slotsolver.problem import Problem
from slotsolver.size import GiB, MiB
from tests.oracle_running_fit import fits, gaps
from tests.running_guests import BASE, document, planned, plugs, problem, window

B = 128 * MiB


def free(given: Problem) -> tuple[tuple[int, int], ...]:
    """The gaps of the guest's device memory, in blocks from its start."""
    (guest,) = given.guests
    base, end = window(guest)
    taken = [
        ((d.address or 0) // B - base // B, ((d.address or 0) + d.size) // B - base // B)
        for d in guest.devices
    ]
    return gaps((0, (end - base) // B), taken)


def places(plan: Plan, state: str = "plug") -> list[tuple[int, int]]:
    """First block and the one behind the last of DIMMs, ascending."""
    dimms = [d for d in plan.guests[0].dimms if d.state == state]
    return sorted(((d.address - BASE) // B, (d.address + d.size - BASE) // B) for d in dimms)


def test_a_large_gap_stays_whole() -> None:
    """Gaps of 33 and 5 blocks: two blocks go into the small one, though the five that are reserved
    would fill it."""
    dimms = [(0, 8 * B, 0, 33 * B), (1, 10 * B, 0, 46 * B)]
    guest = document([GiB], dimms, GiB + 20 * B, maximum=GiB + 25 * B, slots=4)
    given = problem(guest)
    assert free(given) == ((0, 33), (41, 46), (56, 57))
    plan = planned(given)
    assert places(plan) == [(41, 43)]
    assert plan.guests[0].stranded == 0


def tight(target: int, slots: int, sizes: list[int], *holes: int) -> Problem:
    """A pseries guest, whose device memory has nothing to spare: DIMMs of four blocks (256 MiB) are
    behind every one of the holes, and new ones have one of some sizes."""
    block, devices, at = 2 * B, [], GiB
    for slot, hole in enumerate(holes):
        at += hole * block
        devices.append({"slot": slot, "size": 4 * block, "cell": 0, "address": at})
        at += 4 * block
    guest = document([GiB], [], GiB + target * block, maximum=at, slots=slots, machine="pseries")
    wish = {"kind": "sizes", "allowed": [size * block for size in sizes]}
    return problem(guest | {"devices": devices}, wish)


def test_what_is_reserved_has_a_place_before_gaps_stay_whole() -> None:
    """Four blocks would go into the gap of five, but then the gap of ten does not hold the five and
    six that are reserved."""
    given = tight(12, 5, [4, 5, 6], 5, 10)
    plan = planned(given)
    (now,) = [d for d in plan.guests[0].dimms if d.state == "plug"]
    assert (now.size, plan.guests[0].stranded) == (GiB, 0)
    assert GiB + 9 * 2 * B <= now.address < GiB + 19 * 2 * B


def test_the_only_way_to_fit() -> None:
    """Gaps of 10 and 12 blocks hold two DIMMs of five and two of six. The largest first into the
    smallest gap that holds it, or into the first one, leaves no room for the last."""
    given = tight(30, 6, [5, 6], 10, 12)
    plan = planned(given)
    assert plugs(plan) == [1280, 1280, 1536, 1536]
    fives = [d.address for d in plan.guests[0].dimms if d.size == 5 * 2 * B]
    assert sorted(fives) == [GiB, GiB + 10 * B]


def test_a_cleverer_packing_keeps_a_gap_whole() -> None:
    """The same with a third gap of 40 blocks, which stays whole: two DIMMs of five and two of six
    still find room in the others."""
    given = tight(34, 7, [5, 6, 40], 10, 12, 40)
    plan = planned(given)
    now = [d for d in plan.guests[0].dimms if d.state == "plug"]
    assert len(now) == 4
    assert all(d.address < GiB + 30 * 2 * B for d in now)


@pytest.mark.parametrize("number", range(40))
def test_as_few_of_the_smallest_gaps_as_hold_them(number: int) -> None:
    """Where nothing is reserved, new DIMMs lie in those gaps that an exhaustive search says they
    need: one more than the smallest ones that do not hold them."""
    random = Random(number)  # noqa: S311 - no secret
    at, dimms = 0, []
    for slot in range(4):
        at += random.randint(1, 9) * B
        size = random.randint(1, 9) * B
        dimms.append((slot, size, 0, at))
        at += size
    sizes = [random.randint(1, 6) for _ in range(3)]
    total = GiB + sum(size for _, size, _, _ in dimms) + sum(sizes) * B
    allowed = {"kind": "sizes", "allowed": [size * B for size in sizes]}
    guest = document([GiB], dimms, total, maximum=total, slots=7)
    given = problem(guest, allowed, "keep")
    plan = planned(given)
    ordered = sorted(free(given), key=lambda gap: (gap[1] - gap[0], gap[0]))
    new = tuple(sorted((1, size // 128) for size in plugs(plan)))
    needed = next(n for n in range(1, len(ordered) + 1) if fits(tuple(ordered[:n]), new))
    for start, end in places(plan):
        assert any(low <= start and end <= high for low, high in ordered[:needed])


@pytest.mark.parametrize("number", range(150))
def test_packing_is_exact(number: int) -> None:
    """DIMMs of several alignments find places in gaps if and only if some order of them does."""
    random = Random(number)  # noqa: S311 - no secret
    start, holes = random.randint(0, 7), []
    for _ in range(random.randint(1, 3)):
        holes.append((start, start + random.randint(1, 14)))
        start = holes[-1][1] + random.randint(1, 5)
    aligns = [random.choice([1, 1, 2, 4, 8]) for _ in range(random.randint(1, 5))]
    pieces = [(align, align * random.randint(1, max(1, 6 // align))) for align in aligns]
    needs = [Need(Kind(a * B, s * B, s * B, s * B), 1, s * B) for a, s in pieces]
    found = pack([Gap(low * B, high * B) for low, high in holes], needs)
    assert found.proven
    assert (found.dimms is not None) == fits(tuple(holes), tuple(sorted(pieces)))
    placed = [dimm for dimms in found.dimms or () for dimm in dimms]
    for (address, size), (align, wanted) in zip(placed, pieces, strict=False):
        assert size == wanted * B
        assert address % (align * B) == 0
        assert any(low * B <= address <= address + size <= high * B for low, high in holes)
    ends = sorted((address, address + size) for address, size in placed)
    assert all(one[1] <= other[0] for one, other in pairwise(ends))

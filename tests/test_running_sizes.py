"""Large running guests, of which no menu of sizes could hold every legal one.

A cell that only grows is simple enough for a closed form: DIMMs of at most ``per-step`` cut every
gap into pieces, and n DIMMs hold at most the n largest pieces together, and any less.
"""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from slotsolver.problem import Problem
from slotsolver.size import GiB, MiB
from tests.running_guests import document, planned, plugs, problem, refused, value, window

B = 128 * MiB


def holes(given: Problem) -> list[int]:
    """The lengths of the gaps in its device memory, in blocks."""
    (guest,) = given.guests
    here, end = window(guest)
    found = []
    for device in sorted(guest.devices, key=lambda d: d.address or 0):
        found.append(((device.address or 0) - here) // B)
        here = (device.address or 0) + device.size
    return [*found, (end - here) // B]


def pieces(gaps: list[int], largest: int) -> list[int]:
    """The gaps cut into pieces of at most ``largest``, the longest first."""
    cut = [largest for gap in gaps for _ in range(gap // largest)]
    return sorted([*cut, *(gap % largest for gap in gaps)], reverse=True)


def drawn(number: int) -> tuple[dict[str, Any], int]:
    """A guest of hundreds of GiB with DIMMs all over its device memory, and a per-step limit in
    blocks."""
    random = Random(number)  # noqa: S311 - no secret
    at, dimms = 0, []
    for slot in range(random.randint(1, 5)):
        at += random.randint(0, 500) * B
        size = random.randint(1, 40) * B
        dimms.append((slot, size, 0, at))
        at += size
    room = sum(size for _, size, _, _ in dimms)
    maximum = GiB + max(room, at - (len(dimms) + 2) * GiB) + random.randint(0, 900) * B
    guest = document([GiB], dimms, GiB + room, maximum=maximum, slots=len(dimms) + 2)
    guest["slots"] += random.randint(0, 3)
    return guest, random.choice([300, 1000, 1 << 20])


@pytest.mark.parametrize("number", range(60))
def test_growth_is_as_large_as_the_gaps_are(number: int) -> None:
    """A target is met if and only if the free slots and gaps hold it, by as few DIMMs as do. What
    they do not hold is out of reach, and where nothing comes now nothing else is."""
    guest, largest = drawn(number)
    random = Random(-number)  # noqa: S311 - no secret
    limit = {"kind": "per-step", "size": largest * B}
    keep = {"kind": "keep"}
    now = guest["target"]
    room = (guest["maximum"] - now) // B
    free = guest["slots"] - len(guest["devices"])
    longest = pieces(holes(problem(guest)), largest)
    wanted = random.randint(0, room)
    given = problem(guest | {"target": now + wanted * B}, limit, keep)
    if wanted > sum(longest[:free]):
        assert refused(given)
        near = [limit, keep, {"kind": "accept", "distance": "below"}]
        plan = planned(problem(guest | {"target": now + wanted * B}, *near))
        assert plan.guests[0].memory == now + sum(longest[:free]) * B
        return
    plan = planned(given)
    fewest = next(n for n in range(free + 1) if sum(longest[:n]) >= wanted)
    assert value(plan, "fewest-plugs") == fewest == len(plugs(plan))
    least = max(0, room - sum(longest[:free])) * B
    assert value(plan, "stranded-growth") >= least
    assert value(planned(problem(guest, limit, keep)), "stranded-growth") == least
    assert plan.notes == ()


def test_a_gap_is_filled_to_the_last_block() -> None:
    """Two slots are free, and gaps of 96 and 217 blocks: 313 blocks are met by exactly these sizes,
    which no rule of thumb would try. DIMMs of 1 GiB and 63 GiB lie around them."""
    dimms = [(0, 8 * B, 0, 96 * B), (1, 504 * B, 0, (96 + 8 + 217) * B)]
    top = GiB + (512 + 313) * B
    guest = document([GiB], dimms, top, maximum=top, slots=4)
    assert holes(problem(guest)) == [96, 217, 32]
    plan = planned(problem(guest))
    assert sorted(plugs(plan)) == [96 * 128, 217 * 128]


def test_an_exchange_for_any_size() -> None:
    """What goes and what comes differ by exactly what is asked for, though hundreds of sizes are
    legal and the one that is needed is none that is missing now."""
    dimms = [(0, 107 * B, 0, 0), (1, 331 * B, 0, 107 * B)]
    guest = document([GiB], dimms, GiB + (438 - 93) * B, maximum=GiB + 1000 * B, slots=2)
    plan = planned(problem(guest, "swap"))
    assert plugs(plan) == [14 * 128]
    assert value(plan, "needless-unplug") == 14 * B
    assert refused(problem(guest))

"""`guest-free`: what is done fits into the memory that is free inside a running guest.

A block of 128 MiB that comes needs 2 MiB for its page structures (64 bytes for each 4 KiB page).
One that goes needs more than 128 MiB to move what it holds to; a guest that has less panics.
"""

from __future__ import annotations

from typing import Any

import pytest

from slotsolver.constraints.guest_free import GuestFree
from slotsolver.size import KiB, MiB
from tests.constraints.builders import (
    B,
    best,
    done,
    later,
    packed,
    policy_line,
    problem,
    refusal,
    region,
    rules,
    running,
    slots,
    two_running,
)


def rule(size: int, **fields: Any) -> dict[str, Any]:
    """A line of this policy, size in bytes."""
    return {"kind": "guest-free", "size": size, **fields}


NEAREST = {"kind": "accept", "distance": "nearest"}
SWAP = {"kind": "swap"}


def test_line() -> None:
    """The line of YAML is the class, and says its rule."""
    policy = policy_line("{kind: guest-free, size: 2 GiB}")
    assert policy == GuestFree(size=2048 * MiB)
    assert policy.describe() == ("the guest has 2 GiB of free memory to give or to manage DIMMs")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("guest-free", "size: this field is needed here"),
        ("{kind: guest-free, size: 0}", "size: Input should be greater than 0"),
        ("{kind: guest-free, size: 5}", "size 5 has no unit"),
        ("{kind: guest-free, free: 1 GiB}", "guest-free has no field 'free'"),
        ("{kind: guest-free, size: 1 GiB, cells: [0]}", "it takes no cells"),
    ],
)
def test_refused_lines(line: str, says: str) -> None:
    """A bad line is refused with its place and what would help."""
    assert says in refusal(line)


@pytest.mark.parametrize("blocks", [1, 3, 8])
def test_what_comes_needs_a_64th(blocks: int) -> None:
    """2 MiB for each block are enough, a page less is not."""
    enough = running([2], 2 + blocks, 16, rule(2 * blocks * MiB))
    assert done(enough) == [("plug", 0, blocks)]
    short = rule(2 * blocks * MiB - 4 * KiB)
    assert set(rules(running([2], 2 + blocks, 16, short))) == {"target", "policy guest-free"}


def test_all_that_comes_counts_together() -> None:
    """Two DIMMs of one block need 4 MiB; later growth needs nothing now."""
    step = {"kind": "step", "size": B}
    assert done(running([2], 4, 6, step, rule(4 * MiB))) == [("plug", 0, 1), ("plug", 1, 1)]
    assert slots(running([2], 4, 6, step, rule(3 * MiB))) is None
    assert later(running([2], 3, 6, step, rule(2 * MiB))) == [[1, 1, 1]]


@pytest.mark.parametrize("sizes", [(2,), (1, 1)])
def test_what_goes_needs_more_than_its_size(sizes: tuple[int, ...]) -> None:
    """Exactly the size is too little, a page more is enough, in one DIMM or in two."""
    given: dict[str, Any] = {"devices": packed(*sizes)}
    assert len(done(running([2], 2, 16, rule(2 * B + 4 * KiB), **given))) == len(sizes)
    assert "policy guest-free" in rules(running([2], 2, 16, rule(2 * B), **given))


def test_as_near_as_is_safe() -> None:
    """With a little more than a block free one block goes of three that should, or two come of
    eight."""
    assert done(running([2], 3, 16, NEAREST, rule(B + MiB), devices=packed(1, 3))) == [
        ("unplug", 0, 1)
    ]
    assert done(running([2], 10, 16, NEAREST, rule(4 * MiB))) == [("plug", 0, 2)]


@pytest.mark.parametrize(("free", "possible"), [(4 * B + 4 * MiB, True), (4 * B + 3 * MiB, False)])
def test_what_goes_leaves_less_for_what_comes(free: int, possible: bool) -> None:
    """4 blocks go, so that of what is free 4 MiB are left for the 2 blocks that come; memory that
    has just come is movable and cannot hold page structures."""
    given = running([2], 5, 16, SWAP, rule(free), devices=packed(1, 4))
    assert (slots(given) is not None) == possible


def test_virtio_mem_too() -> None:
    """Blocks of the device need as much as DIMMs of that size: here 96 MiB a MiB and a half."""
    use = {"kind": "device", "use": "virtio-mem"}

    def moved(by: int, free: int) -> int | None:
        given = running([2], 4, 16, use, rule(free), devices=[region(8, 2, 0)])
        guest = given.guests[0].model_copy(update={"target": 4 * B + by})
        return slots(given.model_copy(update={"guests": (guest,)}))

    assert moved(96 * MiB, 1536 * KiB) is not None
    assert moved(98 * MiB, 1536 * KiB) is None
    assert moved(-96 * MiB, 96 * MiB + 4 * KiB) is not None
    assert moved(-96 * MiB, 96 * MiB) is None


def test_guests() -> None:
    """Each guest has its own free memory; only those named."""
    both = ((), 4), ((), 4)
    assert [len(done(two_running(*both, rule(4 * MiB)), guest)) for guest in (0, 1)] == [1, 1]
    assert slots(two_running(*both, rule(2 * MiB, guests=["two"]))) is None
    assert slots(two_running(((), 4), ((), 3), rule(2 * MiB, guests=["two"]))) is not None


def test_new_guests_are_not_meant() -> None:
    """A guest that does not run has no free memory yet."""
    assert len(best(problem([2], 4, 8, rule(MiB))).guests[0].dimms) == 2

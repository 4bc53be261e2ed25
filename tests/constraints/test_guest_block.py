"""`guest-block`: the guest OS adds memory in blocks of a given size."""

from __future__ import annotations

import pytest

from slotsolver.constraints.guest_block import GuestBlock
from slotsolver.errors import InputError
from slotsolver.size import GiB, MiB
from slotsolver.solver import solve
from tests.constraints.builders import (
    B,
    best,
    make_guest,
    new_sizes,
    policy_line,
    problem,
    refusal,
    slots,
    two_guests,
)


def rule(size: int, **fields: object) -> dict[str, object]:
    """A line of this policy."""
    return {"kind": "guest-block", "size": size, **fields}


def test_line() -> None:
    """The line of YAML is the class, and says its rule."""
    policy = policy_line("{kind: guest-block, size: 1 GiB}")
    assert policy == GuestBlock(size=GiB)
    assert policy.describe() == "the guest's memory block is 1 GiB"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("{kind: guest-block}", "size: this field is needed here"),
        ("{kind: guest-block, size: 128}", "size 128 has no unit"),
        ("{kind: guest-block, size: 100 MiB}", "a memory block is a power of two of at least"),
        ("{kind: guest-block, size: 512 KiB}", "a memory block is a power of two of at least"),
        ("{kind: guest-block, block: 1 GiB}", "policy guest-block has no field 'block'"),
    ],
)
def test_refused_lines(line: str, says: str) -> None:
    """A bad line is refused with its place and what would help."""
    assert says in refusal(line)


@pytest.mark.parametrize("size", [2 * B, 4 * B, 8 * B])
def test_sizes_and_addresses_are_multiples(size: int) -> None:
    """Eight blocks of growth in steps as fine as can be: all of one guest's block."""
    finest = ["finest-step"]
    assert best(problem([2], 2, 10, objectives=finest)).guests[0].step == B
    guest = best(problem([2], 2, 10, rule(size), objectives=finest)).guests[0]
    assert (guest.block, guest.step) == (size, size)
    assert len(guest.dimms) == 8 * B // size
    assert all(d.address % size == d.size % size == 0 for d in guest.dimms)


def test_a_smaller_block() -> None:
    """A guest OS that takes 32 MiB can have a DIMM of that."""
    small = rule(32 * MiB)
    given = problem([2], 2, 3, small, waypoints=[2 * B + 32 * MiB])
    assert [d.size // MiB for d in best(given).guests[0].dimms] == [32, 96]


def test_boundary() -> None:
    """Growth by four blocks is one guest block of four; by three it is none, and that is told."""
    assert new_sizes(problem([2], 2, 6, rule(4 * B))) == [[4]]
    with pytest.raises(InputError, match=r"multiples of 512 MiB \(the guest's memory block\)"):
        solve(problem([2], 2, 5, rule(4 * B)))


def test_a_step_below_the_block() -> None:
    """Steps of one block and guest blocks of two contradict each other."""
    assert slots(problem([2], 2, 6, rule(2 * B), {"kind": "step", "size": B})) is None


def test_free_boot_memory_comes_in_blocks() -> None:
    """Cells boot with whole blocks of the guest."""
    guest = best(problem([None, None], 12, None, rule(4 * B))).guests[0]
    assert all(cell.boot % (4 * B) == 0 and cell.boot for cell in guest.cells)
    assert slots(problem([None, None, None, None], 12, None, rule(4 * B))) is None


def test_guests() -> None:
    """Only the guests named."""
    guest = make_guest([2], 2, 4)
    plan = best(two_guests(guest, guest, rule(2 * B, guests=["two"]), objectives=["finest-step"]))
    assert [g.block // B for g in plan.guests] == [1, 2]
    assert [len(g.dimms) for g in plan.guests] == [2, 1]


def test_two_blocks() -> None:
    """A guest has one block; two policies that disagree are told, two that agree are one."""
    with pytest.raises(InputError, match="ask for 128 MiB and 256 MiB; keep one of them"):
        solve(problem([2], 2, 6, rule(2 * B), rule(B)))
    assert new_sizes(problem([2], 2, 6, rule(4 * B), rule(4 * B))) == [[4]]

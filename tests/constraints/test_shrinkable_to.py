"""`shrinkable-to`: boot memory is at most a size."""

from __future__ import annotations

import pytest

from slotsolver.constraints.shrinkable_to import ShrinkableTo
from slotsolver.size import GiB, MiB
from tests.constraints.builders import (
    B,
    best,
    make_guest,
    policy_line,
    problem,
    refusal,
    rules,
    slots,
    two_guests,
)


def rule(blocks: int, **fields: object) -> dict[str, object]:
    """A line of this policy, its size in blocks."""
    return {"kind": "shrinkable-to", "size": blocks * B, **fields}


def test_line() -> None:
    """The line of YAML is the class, and says its rule."""
    policy = policy_line("{kind: shrinkable-to, size: 2 GiB}")
    assert policy == ShrinkableTo(size=2 * GiB)
    assert policy.describe() == "boot memory is at most 2 GiB"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("{kind: shrinkable-to}", "size: this field is needed here"),
        ("{kind: shrinkable-to, size: 2}", "size 2 has no unit"),
        ("{kind: shrinkable-to, size: 0 GiB}", "greater than 0"),
        ("{kind: shrinkable-to, to: 2 GiB}", "policy shrinkable-to has no field 'to'"),
    ],
)
def test_refused_lines(line: str, says: str) -> None:
    """A bad line is refused with its place and what would help."""
    assert says in refusal(line)


def test_with_and_without() -> None:
    """All of a target can be there at boot, unless it is to shrink below."""
    assert slots(problem([None, None], 6)) == 0
    guest = best(problem([None, None], 6, None, rule(4))).guests[0]
    assert sum(cell.boot for cell in guest.cells) <= 4 * B
    assert sum(d.size for d in guest.dimms if d.state == "plugged") >= 2 * B


@pytest.mark.parametrize(("blocks", "fits"), [(2, True), (1, False)])
def test_boundary_of_free_boot_memory(blocks: int, *, fits: bool) -> None:
    """Each of two cells boots with one unit at least."""
    assert (slots(problem([None, None], 6, None, rule(blocks))) is not None) is fits


def test_boundary_of_given_boot_memory() -> None:
    """Boot memory that is given is at most that, to the MiB; else the policy is in the conflict."""
    assert slots(problem([2, 2], 4, 6, rule(4))) == 1
    less = {"kind": "shrinkable-to", "size": 4 * B - MiB}
    assert set(rules(problem([2, 2], 4, 6, less))) == {"boot", "policy shrinkable-to"}


def test_dimms_that_are_there_do_not_count() -> None:
    """They can be unplugged."""
    dimm = {"model": "dimm", "size": 2 * B, "cell": 0, "slot": 0}
    assert slots(problem([2], 4, 6, rule(2), devices=[dimm])) == 1


def test_guests() -> None:
    """Only the guests named."""
    guest = make_guest([None], 4)
    plan = best(two_guests(guest, guest, rule(1, guests=["two"])))
    assert [g.cells[0].boot // B for g in plan.guests] == [4, 1]

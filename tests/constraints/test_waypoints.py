"""`waypoints`: the guest passes through each size exactly."""

from __future__ import annotations

import pytest

from slotsolver.constraints.waypoints import Waypoints
from slotsolver.errors import InputError
from slotsolver.size import GiB
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


def through(*blocks: int) -> dict[str, object]:
    """A line of this policy, sizes in blocks."""
    return {"kind": "waypoints", "sizes": [size * B for size in blocks]}


def test_line() -> None:
    """The line of YAML is the class, and says its rule."""
    policy = policy_line("{kind: waypoints, sizes: [2 GiB, 1.5 GiB]}")
    assert policy == Waypoints(sizes=(2 * GiB, 3 * GiB // 2))
    assert policy.describe() == "the guest passes through 2 GiB, 1.5 GiB"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("{kind: waypoints}", "sizes: this field is needed here"),
        ("{kind: waypoints, sizes: []}", "at least 1 item"),
        ("{kind: waypoints, sizes: 2 GiB}", "sizes: Input should be a valid tuple"),
        ("{kind: waypoints, sizes: [2]}", "sizes.0: size 2 has no unit"),
        ("{kind: waypoints, sizes: [1 GiB, 0 GiB]}", "sizes.1: Input should be greater than 0"),
        ("{kind: waypoints, size: [1 GiB]}", "did you mean 'sizes'?"),
    ],
)
def test_refused_lines(line: str, says: str) -> None:
    """A bad line is refused with its place and what would help."""
    assert says in refusal(line)


def test_with_and_without() -> None:
    """Each waypoint on the way cuts a DIMM in two, and is a stage of the plan."""
    assert new_sizes(problem([2], 2, 8)) == [[6]]
    plan = best(problem([2], 2, 8, through(7, 4)))
    assert [(s.name, s.memory // B) for s in plan.guests[0].stages] == [
        ("boot+target", 2),
        ("waypoint", 4),
        ("waypoint", 7),
        ("maximum", 8),
    ]
    assert new_sizes(problem([2], 2, 8, through(7, 4))) == [[2, 3, 1]]


def test_equal_sizes_are_one_stage() -> None:
    """What is a stage already gets one more name; the policy and the guest's own list join."""
    plan = best(problem([2], 4, 8, through(4, 6, 8, 6), waypoints=[6 * B, 7 * B]))
    assert [s.name for s in plan.guests[0].stages] == [
        "boot",
        "target+waypoint",
        "waypoint",
        "waypoint",
        "maximum+waypoint",
    ]


def test_boundary() -> None:
    """A step of three blocks passes through 5 in one DIMM, through 6 in two."""
    step, limit = {"kind": "step", "size": 3 * B}, {"kind": "slots", "at_most": 2}
    assert slots(problem([2], 2, 8, step, limit, through(5))) == 2
    assert slots(problem([2], 2, 8, step, limit, through(6))) is None


@pytest.mark.parametrize(("blocks", "says"), [(9, "is above the maximum"), (1, "is below")])
def test_outside_of_the_way(blocks: int, says: str) -> None:
    """Below the memory that is there and above the maximum there is no way through."""
    with pytest.raises(InputError, match=says):
        solve(problem([2], 2, 8, through(blocks)))


def test_not_in_whole_blocks() -> None:
    """A waypoint that no DIMMs make is refused with the nearest ones that they do."""
    half = {"kind": "waypoints", "sizes": [4 * B + B // 2]}
    with pytest.raises(InputError, match=r"the nearest are 512 MiB and 640 MiB"):
        solve(problem([2], 2, 8, half))


def test_guests() -> None:
    """Only the guests named."""
    guest = make_guest([2], 2, 6)
    given = two_guests(guest, guest, through(3) | {"guests": ["two"]})
    assert (new_sizes(given, 0), new_sizes(given, 1)) == ([[4]], [[1, 3]])


def test_a_waypoint_at_a_maximum_that_may_be_exceeded() -> None:
    """It is met all the same, though even cells would have a block more."""
    policy = {"kind": "waypoints", "sizes": [7 * B]}
    given = problem([2, 2], 4, {"at_least": 7}, policy, objectives=["least-imbalance"])
    assert [stage.memory // B for stage in best(given).guests[0].stages] == [4, 7]

"""`relative-step`: a DIMM is at most a part of what its cell has before it."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from slotsolver.constraints.relative_step import RelativeStep
from slotsolver.size import MiB
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


def rule(ratio: Any, **fields: Any) -> dict[str, Any]:
    """A line of this policy."""
    return {"kind": "relative-step", "ratio": ratio, **fields}


def test_line() -> None:
    """The line of YAML is the class; a decimal is the fraction it reads as."""
    policy = policy_line("{kind: relative-step, ratio: 1/8, at_least: 256 MiB}")
    assert policy == RelativeStep(ratio=Fraction(1, 8), at_least=256 * MiB)
    assert policy == policy_line("{kind: relative-step, ratio: 0.125, at_least: 256 MiB}")
    assert policy.describe() == "every step of a cell is at most 1/8 of its memory or 256 MiB"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("{kind: relative-step}", "ratio: this field is needed here"),
        ("{kind: relative-step, ratio: much}", "'much' is not a ratio; write 1/8 or 0.125"),
        ("{kind: relative-step, ratio: 1/0}", "is not a ratio"),
        ("{kind: relative-step, ratio: 0}", "ratio 0 must be more than 0 and at most 1000"),
        ("{kind: relative-step, ratio: -1/8}", "must be more than 0"),
        ("{kind: relative-step, ratio: 1001}", "at most 1000"),
        ("{kind: relative-step, ratio: 1/8, at_least: 256}", "size 256 has no unit"),
        ("{kind: relative-step, ratio: 1/8, atleast: 1 GiB}", "did you mean 'at_least'?"),
    ],
)
def test_refused_lines(line: str, says: str) -> None:
    """A bad line is refused with its place and what would help."""
    assert says in refusal(line)


@pytest.mark.parametrize(
    ("ratio", "boot", "maximum", "ladder"),
    [
        ("1/4", 4, 15, [1, 1, 1, 1, 2, 2, 3]),  # 4 5 6 7 8 10 12 15
        ("1/2", 4, 13, [2, 3, 4]),  # 4 6 9 13
        ("1", 1, 16, [1, 2, 4, 8]),
        ("1/100", 2, 6, [1, 1, 1, 1]),
        ("3", 1, 16, [3, 12]),
    ],
)
def test_ladders(ratio: str, boot: int, maximum: int, ladder: list[int]) -> None:
    """Ladders worked out by hand: at every rung the largest whole number of blocks allowed; the
    maximum lies where no rung is cut, so that the fewest DIMMs are exactly these."""
    assert new_sizes(problem([boot], boot, maximum, rule(ratio))) == [ladder]


def test_one_block_beyond_a_ladder_takes_one_more_dimm() -> None:
    """From 4 blocks doubling reaches 16 in two DIMMs, and 17 in three."""
    assert slots(problem([4], 4, 16, rule(1))) == 2
    assert slots(problem([4], 4, 17, rule(1))) == 3
    assert slots(problem([4], 4, 17, rule(1), {"kind": "slots", "at_most": 2})) is None


def test_without() -> None:
    """Without the policy the same growth is one DIMM."""
    assert new_sizes(problem([4], 4, 15)) == [[11]]


def test_at_least() -> None:
    """Steps of two blocks are always allowed: 4 6 8 10 12 15."""
    given = problem([4], 4, 15, rule("1/4", at_least=2 * B))
    assert new_sizes(given) == [[2, 2, 2, 2, 3]]


def test_at_least_below_the_unit_does_not_help() -> None:
    """A quarter of two blocks is half a block, which no DIMM is; a half of them is one."""
    low = {"at_least": B // 2}
    assert slots(problem([2], 2, 6, rule("1/4", **low))) is None
    assert slots(problem([2], 2, 4, rule("1/2", **low))) == 2


def test_what_is_there_counts() -> None:
    """Existing DIMMs and earlier stages are memory before the plug."""
    dimm = {"model": "dimm", "size": 4 * B, "cell": 0, "slot": 0}
    assert new_sizes(problem([4], 8, 16, rule(1), devices=[dimm])) == [[8]]
    assert new_sizes(problem([4], 4, 12, rule("1/2"), waypoints=[8 * B])) == [[2, 2, 4]]


def test_small_before_large_within_a_stage_only() -> None:
    """A DIMM of a later stage does not help an earlier one, whatever their sizes."""
    plan = best(problem([4], 4, 13, rule("1/2"), waypoints=[9 * B]))
    steps = [(d.stage, d.size // B) for d in plan.guests[0].dimms]
    assert steps == [(1, 2), (1, 3), (2, 4)]


def test_each_cell_by_its_own_memory() -> None:
    """The cell with twice the memory takes steps twice as large."""
    shares = {"kind": "balance", "by": [1, 2]}
    given = problem([2, 4], 6, 12, shares, rule("1/2"))
    assert new_sizes(given) == [[1, 1], [2, 2]]


def test_cells() -> None:
    """Only the cells named."""
    given = problem([2, 2], 4, 8, {"kind": "balance"}, rule("1/2", cells=[0]))
    assert new_sizes(given) == [[1, 1], [2]]


def test_guests() -> None:
    """Only the guests named."""
    guest = make_guest([2], 2, 4)
    given = two_guests(guest, guest, rule("1/2", guests=["one"]))
    assert (new_sizes(given, 0), new_sizes(given, 1)) == ([[1, 1]], [[2]])

"""`sizes`: which sizes DIMMs may have."""

from __future__ import annotations

from typing import Any

import pytest

from slotsolver.constraints.sizes import Sizes
from slotsolver.size import GiB, MiB
from tests.constraints.builders import (
    B,
    make_guest,
    new_sizes,
    policy_line,
    problem,
    refusal,
    slots,
    two_guests,
)


def rule(**fields: Any) -> dict[str, Any]:
    """A line of this policy."""
    return {"kind": "sizes", **fields}


def test_line() -> None:
    """The line of YAML is the class, and says every part of its rule."""
    policy = policy_line(
        "{kind: sizes, allowed: [1 GiB, 512 MiB], powers_of_two: true, uniform: true, "
        "minimum: 512 MiB, maximum: 1 GiB}"
    )
    assert policy == Sizes(
        allowed=(GiB, 512 * MiB),
        powers_of_two=True,
        uniform=True,
        minimum=512 * MiB,
        maximum=GiB,
    )
    assert policy.describe() == (
        "DIMMs are one of 1 GiB, 512 MiB, powers of two, all of one size, at least 512 MiB, "
        "at most 1 GiB"
    )
    assert policy_line("{kind: sizes}").describe() == "DIMMs are of any size"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("{kind: sizes, allowed: []}", "allowed: Tuple should have at least 1 item"),
        ("{kind: sizes, allowed: [1 GiB, 1]}", "allowed.1: size 1 has no unit"),
        ("{kind: sizes, allowed: 1 GiB}", "allowed: Input should be a valid tuple"),
        ("{kind: sizes, minimum: 0 MiB}", "minimum: Input should be greater than 0"),
        ("{kind: sizes, minimum: 2 GiB, maximum: 1 GiB}", "minimum 2 GiB is above maximum 1 GiB"),
        ("{kind: sizes, uniform: 3}", "uniform: Input should be a valid boolean"),
        ("{kind: sizes, power_of_two: true}", "did you mean 'powers_of_two'?"),
    ],
)
def test_refused_lines(line: str, says: str) -> None:
    """A bad line is refused with its place and what would help."""
    assert says in refusal(line)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, [7]),
        ({"powers_of_two": True}, [1, 2, 4]),
        ({"uniform": True}, [7]),
        ({"uniform": True, "maximum": 6 * B}, [1] * 7),
        ({"allowed": [2 * B, 3 * B]}, [2, 2, 3]),
        ({"allowed": [7 * B]}, [7]),
        ({"allowed": [4 * B]}, None),
        ({"allowed": [B + B // 2, 2 * B]}, None),
        ({"maximum": B}, [1] * 7),
        ({"maximum": B - 1}, None),
        ({"minimum": 7 * B}, [7]),
        ({"minimum": 7 * B + 1}, None),
        ({"minimum": 8 * B}, None),
        ({"minimum": 2 * B, "maximum": 2 * B}, None),
        ({"powers_of_two": True, "minimum": 2 * B}, None),
        ({"powers_of_two": True, "maximum": 2 * B}, [1, 2, 2, 2]),
        ({"allowed": [B, 2 * B, 3 * B], "powers_of_two": True}, [1, 2, 2, 2]),
    ],
)
def test_seven_blocks(fields: dict[str, Any], expected: list[int] | None) -> None:
    """Seven blocks of growth under each field, at and beyond where it just holds."""
    given = problem([2], 2, 9, rule(**fields))
    if expected is None:
        assert slots(given) is None
    else:
        assert new_sizes(given) == [expected]


def test_two_policies_meet() -> None:
    """Both allow two blocks, which five of growth are not made of; six are."""
    both = (rule(allowed=[B, 2 * B]), rule(allowed=[2 * B, 4 * B]))
    assert slots(problem([2], 2, 7, *both)) is None
    assert new_sizes(problem([2], 2, 8, *both)) == [[2, 2, 2]]


def test_uniform_holds_across_the_cells_named() -> None:
    """Growth by 2 and by 3 blocks has only one block as a common size."""
    shares = {"kind": "balance", "by": [4, 5]}
    given = problem([2, 2], 4, 9, shares, rule(uniform=True))
    assert new_sizes(given) == [[1, 1], [1, 1, 1]]
    alone = problem([2, 2], 4, 9, shares, rule(uniform=True, cells=[0]))
    assert new_sizes(alone) == [[2], [3]]


def test_uniform_holds_across_stages() -> None:
    """Two blocks to the target and four beyond it are three DIMMs of one size, or two of two."""
    assert new_sizes(problem([2], 4, 8)) == [[2, 4]]
    assert new_sizes(problem([2], 4, 8, rule(uniform=True))) == [[2, 2, 2]]


def test_cells() -> None:
    """Only the cells named."""
    given = problem([2, 2], 4, 10, {"kind": "balance"}, rule(powers_of_two=True, cells=[1]))
    assert new_sizes(given) == [[3], [1, 2]]


def test_guests() -> None:
    """Only the guests named; `uniform` does not tie guests to each other."""
    guest = make_guest([2], 2, 5)
    given = two_guests(guest, guest, rule(maximum=2 * B, guests=["one"]))
    assert (new_sizes(given, 0), new_sizes(given, 1)) == ([[1, 2]], [[3]])
    other = make_guest([2], 2, 7)
    given = two_guests(guest, other, rule(uniform=True))
    assert (new_sizes(given, 0), new_sizes(given, 1)) == ([[3]], [[5]])


def test_existing_dimms_may_have_any_size() -> None:
    """The rule is about new DIMMs."""
    dimm = {"model": "dimm", "size": 3 * B, "cell": 0, "slot": 0}
    given = problem([2], 5, 7, rule(powers_of_two=True, uniform=True), devices=[dimm])
    assert new_sizes(given) == [[2]]

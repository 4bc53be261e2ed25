"""`fewest-plugs`: as few DIMMs as possible come."""

from __future__ import annotations

import pytest

from slotsolver.objectives.fewest_plugs import FewestPlugs
from tests.constraints.builders import (
    B,
    best,
    done,
    later,
    objective_line,
    packed,
    refusal,
    region,
    running,
    two_running,
    values,
)

KIND = "fewest-plugs"


def step(size: int) -> dict[str, object]:
    """DIMMs of at most that many blocks."""
    return {"kind": "step", "size": size * B}


def test_line() -> None:
    """The bare kind is the class."""
    objective = objective_line(KIND)
    assert (objective, objective.unit) == (FewestPlugs(), "operations")
    assert objective.describe() == "the number of DIMMs that are plugged now"
    assert "has no field 'slots'" in refusal("{kind: fewest-plugs, slots: 1}", "objectives")


@pytest.mark.parametrize(
    ("target", "largest", "number"), [(2, 4, 0), (7, 8, 1), (7, 3, 2), (7, 2, 3), (7, 1, 5)]
)
def test_values(target: int, largest: int, number: int) -> None:
    """Five blocks more in DIMMs of at most so many; none where nothing is to come."""
    given = running([2], target, 10, step(largest), slots=16)
    assert values(given)[KIND] == number
    assert len(done(given)) == number


def test_later_ones_do_not_count() -> None:
    """Growth that is only reserved may be finer."""
    given = running([2], 6, 8, {"kind": "exact", "size": B})
    assert values(given)[KIND] == len(done(given))
    assert values(running([2], 2, 8))[KIND] == 0
    assert later(running([2], 2, 8)) != [[]]


def test_virtio_mem_counts() -> None:
    """A device that gives more is one, in however many steps, and one DIMM is no better than it:
    what neither does alone takes both."""
    steps = {"kind": "per-step", "size": B}
    only = {"kind": "device", "use": "virtio-mem"}
    given = running([2], 6, 16, steps, only, devices=[region(8, 0, 0)])
    assert values(given)[KIND] == 1
    assert len(done(given)) == 4
    assert values(running([2], 12, 16, devices=[region(8, 2, 0)]))[KIND] == 2


def test_guests_add_up() -> None:
    """One of guest one and two of guest two."""
    assert values(two_running(((), 4), ((), 5), step(2)))[KIND] == 1 + 2


def test_it_comes_before_even_cells() -> None:
    """One DIMM leaves the cells two blocks apart; even cells take two, where that is named."""
    usual = running([2, 2], 6, 6)
    assert (values(usual)[KIND], values(usual)["least-imbalance"]) == (1, 2 * B)
    named = running([2, 2], 6, 6, objectives=["least-imbalance", KIND])
    assert (values(named)[KIND], values(named)["least-imbalance"]) == (2, 0)
    assert best(named).guests[0].stages[1].cells == (3 * B, 3 * B)


def test_few_unplugs_come_first() -> None:
    """An exchange of one DIMM for two rather than of two for one."""
    devices = packed(2, 2, 4)
    given = running([2], 9, 16, {"kind": "swap"}, step(2), devices=devices)
    order = list(values(given))
    assert order.index("fewest-unplugs") < order.index(KIND)
    assert values(given)["fewest-unplugs"] == 1

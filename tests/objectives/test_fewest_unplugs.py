"""`fewest-unplugs`: as few DIMMs as possible go."""

from __future__ import annotations

import pytest

from slotsolver.objectives.fewest_unplugs import FewestUnplugs
from tests.constraints.builders import (
    B,
    done,
    objective_line,
    packed,
    refusal,
    region,
    running,
    two_running,
    values,
)

KIND = "fewest-unplugs"


def test_line() -> None:
    """The bare kind is the class."""
    objective = objective_line(KIND)
    assert (objective, objective.unit) == (FewestUnplugs(), "operations")
    assert objective.describe() == "the number of DIMMs that are unplugged"
    assert "has no field 'slots'" in refusal("{kind: fewest-unplugs, slots: 1}", "objectives")


@pytest.mark.parametrize(
    ("target", "number"), [(10, 0), (12, 0), (8, 1), (7, 2), (6, 1), (5, 2), (4, 2), (3, 3), (2, 4)]
)
def test_values(target: int, number: int) -> None:
    """From 10, with DIMMs of 1, 1, 2 and 4: the fewest of them that make the difference. One
    block less is one DIMM, two are one and not two, three are two."""
    given = running([2], target, 16, devices=packed(1, 1, 2, 4))
    assert values(given)[KIND] == number
    assert sum(do == "unplug" for do, _, _ in done(given)) == number


def test_large_rather_than_small() -> None:
    """Two blocks less: the DIMM of two goes, wherever it is."""
    assert done(running([2], 4, 16, devices=packed(1, 2, 1))) == [("unplug", 1, 2)]


def test_virtio_mem_counts() -> None:
    """A device that gives less is one, in however many steps; a DIMM that goes is no better."""
    step = {"kind": "per-step", "size": "128 MiB"}
    only = running([2], 3, 16, step, devices=[region(8, 4, 0)])
    assert values(only)[KIND] == 1
    assert len(done(only)) == 3
    both = running([2], 4, 16, devices=[*packed(1, 1), region(8, 2, 8)])
    assert values(both)[KIND] == 1
    assert done(both) == [("resize", 0, 0)]


def test_guests_add_up() -> None:
    """One of guest one and two of guest two."""
    assert values(two_running(((2,), 2), ((1, 1), 2)))[KIND] == 1 + 2


def test_it_comes_before_even_cells() -> None:
    """One DIMM goes, which leaves the cells two blocks apart; even cells lose one each, where that
    is named."""
    devices = packed((0, 2), (0, 1), (1, 1), (1, 2))
    usual, named = (
        running([2, 2], 8, 16, objectives=order, devices=devices)
        for order in ((), ["least-imbalance", KIND])
    )
    assert (values(usual)[KIND], values(usual)["least-imbalance"]) == (1, 2 * B)
    assert (values(named)[KIND], values(named)["least-imbalance"]) == (2, 0)
    assert done(named) == [("unplug", 2, 1), ("unplug", 1, 1)]
    order = list(values(usual))
    assert order.index("needless-unplug") < order.index(KIND) < order.index("fewest-plugs")

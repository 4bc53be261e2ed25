"""`lowest-maxmem`: no more maxMemory than needed."""

from __future__ import annotations

from typing import Any

import pytest

from slotsolver.objectives.lowest_maxmem import LowestMaxmem
from tests.constraints.builders import (
    B,
    best,
    make_guest,
    objective_line,
    problem,
    refusal,
    slots,
    two_guests,
    values,
)

ORDER = ["lowest-maxmem", "fewest-slots"]


def sizes(*blocks: int) -> dict[str, Any]:
    """A policy that allows DIMMs of these sizes, in blocks."""
    return {"kind": "sizes", "allowed": [size * B for size in blocks]}


def test_line() -> None:
    """The bare kind is the class."""
    objective = objective_line("lowest-maxmem")
    assert (objective, objective.unit) == (LowestMaxmem(), "bytes")
    assert objective.describe() == "the maxMemory of the guests"
    assert "has no field 'size'" in refusal("{kind: lowest-maxmem, size: 1}", "objectives")


@pytest.mark.parametrize(
    ("allowed", "least", "maximum", "count"),
    [((2,), 5, 6, 2), ((2,), 6, 6, 2), ((3, 5), 7, 7, 1), ((3, 5), 6, 7, 1), ((3, 5), 9, 10, 2)],
)
def test_values(allowed: tuple[int, ...], least: int, maximum: int, count: int) -> None:
    """From two blocks to at least so many with such DIMMs: the smallest sum that is enough."""
    given = problem([2], 2, {"at_least": least}, sizes(*allowed), objectives=ORDER)
    found = values(given)
    assert (found["lowest-maxmem"], found["fewest-slots"]) == (maximum * B, count)
    assert best(given).guests[0].maximum == maximum * B


def test_a_maximum_that_is_given_is_met() -> None:
    """Without `at_least` the value is the maximum, and where no DIMMs make it there is no plan."""
    assert values(problem([2], 2, 6, sizes(2)))["lowest-maxmem"] == 6 * B
    assert slots(problem([2], 2, 5, sizes(2))) is None


def test_devices_beside_the_cells_count() -> None:
    """An NVDIMM is part of maxMemory."""
    nvdimm = {"model": "nvdimm", "size": 2 * B, "cell": 0, "slot": 0}
    given = problem([2], 4, {"at_least": 7}, sizes(2), devices=[nvdimm], objectives=ORDER)
    assert values(given)["lowest-maxmem"] == 8 * B


def test_guests_add_up() -> None:
    """Six blocks and eight."""
    one, two = (make_guest([2], 2, {"at_least": least}) for least in (5, 7))
    given = two_guests(one, two, sizes(2), objectives=ORDER)
    assert values(given)["lowest-maxmem"] == (6 + 8) * B


def test_the_order_matters() -> None:
    """Seven blocks of growth are 4 + 3 at least, but eight are one DIMM."""
    policy, least = sizes(3, 4, 8), {"at_least": 9}
    low = values(problem([2], 2, least, policy, objectives=ORDER))
    few = values(problem([2], 2, least, policy, objectives=ORDER[::-1]))
    assert (low["lowest-maxmem"], low["fewest-slots"]) == (9 * B, 2)
    assert (few["lowest-maxmem"], few["fewest-slots"]) == (10 * B, 1)

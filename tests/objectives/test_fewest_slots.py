"""`fewest-slots`: as few memory slots as possible."""

from __future__ import annotations

from typing import Any

from slotsolver.objectives.fewest_slots import FewestSlots
from tests.constraints.builders import (
    B,
    make_guest,
    new_sizes,
    objective_line,
    problem,
    refusal,
    two_guests,
    values,
)

STEP = {"kind": "step", "size": 2 * B}


def test_line() -> None:
    """The bare kind is the class."""
    objective = objective_line("fewest-slots")
    assert objective == FewestSlots() == objective_line("{kind: fewest-slots}")
    assert (objective.describe(), objective.unit) == ("the number of memory slots", "slots")


def test_refused_lines() -> None:
    """Unknown objectives name the nearest one, and this one has no fields."""
    assert "unknown objective 'fewer-slots'; did you mean 'fewest-slots'?" in refusal(
        "fewer-slots", "objectives"
    )
    assert "objective fewest-slots has no field 'at_most'" in refusal(
        "{kind: fewest-slots, at_most: 4}", "objectives"
    )


def test_values() -> None:
    """Seven blocks in steps of two are four DIMMs; over two cells of 5 and 2 they are 3 + 1."""
    assert values(problem([2], 2, 9, STEP))["fewest-slots"] == 4
    assert values(problem([2, 5], {0: 7, 1: 7}, None, STEP))["fewest-slots"] == 4


def test_slots_that_are_taken_count() -> None:
    """A DIMM and an NVDIMM that are there, and one to come; virtio-mem before libvirt 9.5."""
    dimm = {"model": "dimm", "size": 2 * B, "cell": 0, "slot": 0}
    nvdimm = dimm | {"model": "nvdimm", "slot": 1}
    region = {"model": "virtio-mem", "size": B, "cell": 0, "requested": 0, "block": 2 << 20}
    assert values(problem([2], 6, 8, devices=[dimm, nvdimm]))["fewest-slots"] == 3
    given: dict[str, Any] = {"devices": [dimm, nvdimm, region]}
    assert values(problem([2], 7, 8, libvirt="9.0", **given))["fewest-slots"] == 4
    assert values(problem([2], 7, 8, libvirt="9.5", **given))["fewest-slots"] == 3


def test_guests_add_up() -> None:
    """One slot for guest one, two for guest two."""
    given = two_guests(make_guest([2], 2, 3), make_guest([2], 2, 6), STEP)
    assert values(given)["fewest-slots"] == 3


def test_the_order_matters() -> None:
    """Few slots first: one large DIMM. A fine step first: six small ones."""
    first = problem([2], 2, 8, objectives=["fewest-slots", "finest-step"])
    second = problem([2], 2, 8, objectives=["finest-step", "fewest-slots"])
    assert new_sizes(first) == [[6]]
    assert new_sizes(second) == [[1] * 6]
    assert list(values(first).items())[:2] == [("fewest-slots", 1), ("finest-step", 6 * B)]
    assert list(values(second).items())[:2] == [("finest-step", B), ("fewest-slots", 6)]

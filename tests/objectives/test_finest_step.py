"""`finest-step`: the largest DIMM as small as possible."""

from __future__ import annotations

import itertools

import pytest

from slotsolver.objectives.finest_step import FinestStep
from slotsolver.size import MiB
from tests.constraints.builders import (
    B,
    best,
    make_guest,
    new_sizes,
    objective_line,
    problem,
    refusal,
    two_guests,
    values,
)

ORDER = ["finest-step", "fewest-slots"]


def test_lines() -> None:
    """The lines of YAML are the class, and say what is minimised."""
    assert objective_line("finest-step") == FinestStep()
    given = objective_line("{kind: finest-step, down_to: 256 MiB}")
    assert given == FinestStep(down_to=256 * MiB)
    assert given.describe() == "the largest DIMM, down to 256 MiB"
    default = objective_line("{kind: finest-step, down_to: default}")
    assert default.describe() == "the largest DIMM, down to 1/32 of the maximum"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("{kind: finest-step, down_to: 256}", "size 256 has no unit"),
        ("{kind: finest-step, down_to: 0 MiB}", "greater than 0"),
        ("{kind: finest-step, downto: 1 GiB}", "did you mean 'down_to'?"),
        ("{kind: finest-stp}", "did you mean 'finest-step'?"),
    ],
)
def test_refused_lines(line: str, says: str) -> None:
    """A bad line is refused with its place and what would help."""
    assert says in refusal(line, "objectives")


@pytest.mark.parametrize(
    ("limit", "step", "count"), [(6, 1, 6), (5, 2, 3), (3, 2, 3), (2, 3, 2), (1, 6, 1)]
)
def test_values(limit: int, step: int, count: int) -> None:
    """Six blocks with so many slots: the step is 6/limit rounded up, with no slot too many."""
    given = problem([2], 2, 8, {"kind": "slots", "at_most": limit}, objectives=ORDER)
    found = values(given)
    assert (found["finest-step"], found["fewest-slots"]) == (step * B, count)
    assert best(given).guests[0].step == step * B


def test_no_growth_is_no_step() -> None:
    """Without DIMMs the value is 0, or what it is not worth to go below."""
    down_to = {"kind": "finest-step", "down_to": 2 * B}
    assert values(problem([2], 2, None, objectives=ORDER))["finest-step"] == 0
    assert values(problem([2], 2, None, objectives=[down_to]))["finest-step"] == 2 * B


@pytest.mark.parametrize(("down_to", "count"), [(B, 6), (2 * B, 3), (4 * B, 2), (5 * B, 2)])
def test_down_to(down_to: int, count: int) -> None:
    """Fine enough is enough: the slots decide then."""
    objectives = [{"kind": "finest-step", "down_to": down_to}, "fewest-slots"]
    found = values(problem([2], 2, 8, objectives=objectives))
    assert (found["finest-step"], found["fewest-slots"]) == (down_to, count)


@pytest.mark.parametrize(("maximum", "step"), [(32, 1), (33, 2), (64, 2), (65, 4)])
def test_default_step(maximum: int, step: int) -> None:
    """The smallest power of two blocks with at most 32 of them to the maximum."""
    down_to = {"kind": "finest-step", "down_to": "default"}
    assert values(problem([2], 2, maximum, objectives=[down_to]))["finest-step"] == step * B
    assert values(problem([2], 2, maximum, objectives=["least-imbalance"]))["finest-step"] == (
        step * B
    )


def test_guests_add_up() -> None:
    """The largest DIMM of each: two blocks and three."""
    limit = {"kind": "slots", "at_most": 1}
    given = two_guests(make_guest([2], 2, 4), make_guest([2], 2, 5), limit, objectives=ORDER)
    assert values(given)["finest-step"] == 5 * B


def test_existing_dimms_do_not_count() -> None:
    """The step is that of new DIMMs."""
    dimm = {"model": "dimm", "size": 4 * B, "cell": 0, "slot": 0}
    assert values(problem([2], 6, 8, objectives=ORDER, devices=[dimm]))["finest-step"] == B


def test_the_order_matters() -> None:
    """Few slots first: one DIMM of two blocks. A fine step first: two of one block."""
    limit = {"kind": "slots", "at_most": 2}
    late = problem([2, 4], 6, 8, limit, objectives=["fewest-slots", "finest-step"])
    early = problem([2, 4], 6, 8, limit, objectives=["finest-step", "fewest-slots"])
    assert sorted(itertools.chain(*new_sizes(late))) == [2]
    assert sorted(itertools.chain(*new_sizes(early))) == [1, 1]

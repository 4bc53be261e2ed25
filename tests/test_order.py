"""The order of objectives: what is named, then what is left out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from slotsolver.gather import gather
from slotsolver.objectives.finest_step import FinestStep
from slotsolver.order import defaults, floor_for, in_order
from tests.constraints.builders import B, host, problem

DEFAULTS = [
    "least-imbalance",
    "finest-step",
    "fewest-slots",
    "shortest-distance",
    "largest-pages",
    "least-stranding",
    "lowest-maxmem",
]


def kinds(objectives: Sequence[Any], *policies: dict[str, Any], **guest: Any) -> list[str]:
    """The order that comes of naming these."""
    given = problem([2], 2, 8, *policies, objectives=objectives, **guest)
    return [objective.kind for objective in in_order(given, gather(given))]


def test_the_default_order() -> None:
    """Balanced, fine enough, few slots, near, large pages, nothing stranded, no more maxMemory."""
    assert kinds([]) == DEFAULTS
    assert defaults(problem([2], 2, 8))[1] == FinestStep(down_to="default")


@pytest.mark.parametrize("place", range(len(DEFAULTS)))
def test_what_is_named_comes_first(place: int) -> None:
    """The rest follows in the default order, each once."""
    kind = DEFAULTS[place]
    assert kinds([kind]) == [kind, *(other for other in DEFAULTS if other != kind)]


def test_all_named_is_all_there_is() -> None:
    """Any order can be asked for."""
    assert kinds(DEFAULTS[::-1]) == DEFAULTS[::-1]


@pytest.mark.parametrize(
    "policy",
    [
        {"kind": "step", "size": B},
        {"kind": "relative-step", "ratio": "1/8"},
        {"kind": "exact", "size": B},
        {"kind": "waypoints", "sizes": [4 * B]},
    ],
)
def test_policies_that_cut_growth_leave_the_default_step_out(policy: dict[str, Any]) -> None:
    """Someone who says how to grow gets no finer steps than that, unless these are named."""
    rest = [kind for kind in DEFAULTS if kind != "finest-step"]
    assert kinds([], policy) == rest
    assert kinds(["finest-step"], policy) == ["finest-step", *rest]


def test_a_guests_own_waypoints_cut_growth_too() -> None:
    """They are the same wish."""
    assert "finest-step" not in kinds([], waypoints=[4 * B])


def test_other_policies_do_not() -> None:
    """A limit of slots says nothing of steps."""
    assert kinds([], {"kind": "slots", "at_most": 4}) == DEFAULTS


def test_wishes_for_pages_come_first_of_themselves() -> None:
    """Only where there is one, and where they are not named elsewhere."""
    wish = {"kind": "page-size", "size": 2 << 20, "preferred": True}
    given = {"host": host((9, 9))}
    assert kinds(["fewest-slots"], wish, **given)[:2] == ["preferred-pages", "fewest-slots"]
    named = kinds(["fewest-slots", "preferred-pages"], wish, **given)
    assert named[:2] == ["fewest-slots", "preferred-pages"]
    assert named.count("preferred-pages") == 1
    required = wish | {"preferred": False}
    assert "preferred-pages" not in kinds([], required, **given)


@pytest.mark.parametrize(
    ("objectives", "maximum", "floor"),
    [
        ([], 32, 1),
        ([], 33, 2),
        (["finest-step"], 33, 0),
        ([{"kind": "finest-step", "down_to": 3 * B}], 33, 3),
        ([{"kind": "finest-step", "down_to": "default"}], 100, 4),
        (["fewest-slots"], 65, 4),
    ],
)
def test_floor(objectives: list[Any], maximum: int, floor: int) -> None:
    """The step (in blocks) below which nothing is gained, by the objective that says so."""
    given = problem([2], 2, maximum, objectives=objectives)
    assert floor_for(given, gather(given)[0]) == floor * 128

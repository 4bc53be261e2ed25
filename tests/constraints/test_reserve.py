"""`reserve`: for which stage the host's pages must be free."""

from __future__ import annotations

from typing import Any

import pytest

from slotsolver.constraints.reserve import Reserve
from tests.constraints.builders import (
    HUGE,
    PAGES,
    B,
    best,
    host,
    make_guest,
    policy_line,
    pool_of,
    problem,
    refusal,
    rules,
    slots,
    two_guests,
)

HUGE_PAGES = {"kind": "page-size", "size": HUGE}


def rule(until: str, **fields: Any) -> dict[str, Any]:
    """A line of this policy."""
    return {"kind": "reserve", "until": until, **fields}


def test_line() -> None:
    """The line of YAML is the class, and says its rule."""
    policy = policy_line("{kind: reserve, until: maximum}")
    assert policy == Reserve(until="maximum")
    assert policy.describe() == "the host has free pages for the guest's maximum"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("{kind: reserve}", "until: this field is needed here"),
        ("{kind: reserve, until: boot}", "until: Input should be 'target' or 'maximum'"),
        ("{kind: reserve, untill: target}", "did you mean 'until'?"),
    ],
)
def test_refused_lines(line: str, says: str) -> None:
    """A bad line is refused with its place and what would help."""
    assert says in refusal(line)


@pytest.mark.parametrize(
    ("policies", "free", "fits"),
    [
        ([], 4, True),
        ([], 3, False),
        ([rule("target")], 4, True),
        ([rule("target")], 3, False),
        ([rule("maximum")], 6, True),
        ([rule("maximum")], 5, False),
        ([rule("maximum"), rule("target")], 5, False),
    ],
)
def test_boundary(policies: list[dict[str, Any]], free: int, *, fits: bool) -> None:
    """Target 4, maximum 6: so many blocks must be free; of several stages the last counts."""
    given = problem([2], 4, 6, HUGE_PAGES, *policies, host=host((0, free)))
    if fits:
        assert slots(given) == 2
    else:
        assert "pool" in rules(given)


def test_what_is_kept_and_what_is_promised() -> None:
    """Pages of growth that is not reserved are only promised, reserved ones are taken."""
    kept = best(problem([2], 4, 6, HUGE_PAGES, rule("maximum"), host=host((0, 8))))
    loose = best(problem([2], 4, 6, HUGE_PAGES, host=host((0, 8))))
    assert (pool_of(kept, 0, HUGE).free_after, pool_of(kept, 0, HUGE).promised) == (2 * PAGES, 0)
    pool = pool_of(loose, 0, HUGE)
    assert (pool.free_after, pool.promised) == (4 * PAGES, 2 * PAGES)


def test_cells() -> None:
    """Cell 0 keeps pages for 4 blocks, cell 1 only for 2."""
    where = host((0, 6))
    given: list[dict[str, Any]] = [HUGE_PAGES, {"kind": "balance"}]
    assert slots(problem([2, 2], 4, 8, *given, rule("maximum", cells=[0]), host=where)) == 2
    assert slots(problem([2, 2], 4, 8, *given, rule("maximum"), host=where)) is None


def test_guests() -> None:
    """Guest two keeps its growth, guest one does not."""
    guest = make_guest([2], 2, 4)
    fitting = two_guests(
        guest, guest, HUGE_PAGES, rule("maximum", guests=["two"]), host=host((0, 6))
    )
    assert slots(fitting) == 2
    tight = two_guests(guest, guest, HUGE_PAGES, rule("maximum"), host=host((0, 7)))
    assert slots(tight) is None


def test_without_a_host() -> None:
    """Where nothing is placed the rule has nothing to hold."""
    assert slots(problem([2], 2, 6, rule("maximum"))) == 1


def test_stages_between() -> None:
    """`target` is the target's stage even where waypoints follow it."""
    given = problem([2], 4, 8, HUGE_PAGES, rule("target"), waypoints=[6 * B], host=host((0, 4)))
    assert slots(given) == 3

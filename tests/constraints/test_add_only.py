"""`add-only`: a running guest loses nothing, as Windows cannot."""

from __future__ import annotations

from typing import Any

import pytest

from slotsolver.constraints.add_only import AddOnly
from tests.constraints.builders import (
    best,
    done,
    packed,
    policy_line,
    problem,
    refusal,
    region,
    rules,
    running,
    slots,
    two_running,
)

RULE: dict[str, Any] = {"kind": "add-only"}
ABOVE: dict[str, Any] = {"kind": "accept", "distance": "above"}


def test_line() -> None:
    """The bare kind is the class, and says its rule."""
    policy = policy_line("add-only")
    assert policy == AddOnly() == policy_line("{kind: add-only}")
    assert policy.describe() == "memory is only added"


def test_refused_lines() -> None:
    """It has no fields of its own."""
    assert "add-only has no field 'slots'" in refusal("{kind: add-only, slots: [1]}")


def test_growth_is_free() -> None:
    """What is added is added as without it."""
    given = [running([2], 9, 16, *p, devices=packed(1, 4)) for p in ((), (RULE,))]
    assert done(given[0]) == done(given[1]) == [("plug", 2, 2)]


def test_shrinking_is_not() -> None:
    """A smaller target cannot be met; above it what there is stays."""
    assert done(running([2], 3, 16, devices=packed(1, 4))) == [("unplug", 1, 4)]
    assert set(rules(running([2], 3, 16, RULE, devices=packed(1, 4)))) == {
        "target",
        "policy add-only",
    }
    assert done(running([2], 3, 16, RULE, ABOVE, devices=packed(1, 4))) == []


def test_nothing_is_exchanged() -> None:
    """Not even where swaps are permitted: of 8 slots none is left for the ninth DIMM."""
    swap = {"kind": "swap"}
    given = [running([2], 11, 16, swap, *p, devices=packed(*[1] * 8)) for p in ((), (RULE,))]
    assert [do for do, _, _ in done(given[0])] == ["unplug", "plug"]
    assert set(rules(given[1])) >= {"slots", "policy add-only"}


def test_virtio_mem_gives_nothing_back() -> None:
    """It may only give more."""
    devices = [region(8, 4, 0)]
    assert done(running([2], 4, 16, devices=devices)) == [("resize", 0, 2)]
    assert slots(running([2], 4, 16, RULE, devices=devices)) is None
    only = {"kind": "device", "use": "virtio-mem"}
    assert done(running([2], 8, 16, RULE, only, devices=devices)) == [("resize", 0, 6)]


def test_cells() -> None:
    """Cell 0 keeps its DIMM, so that the smaller one of cell 1 goes."""
    given: dict[str, Any] = {"devices": packed((0, 2), (1, 1), (1, 1))}
    assert done(running([2, 2], 6, 16, **given)) == [("unplug", 0, 2)]
    kept = done(running([2, 2], 6, 16, RULE | {"cells": [0]}, **given))
    assert kept == [("unplug", 2, 1), ("unplug", 1, 1)]


@pytest.mark.parametrize("order", ["largest", "lowest-slot"])
def test_what_stays_is_in_no_order(order: str) -> None:
    """DIMMs that cannot go do not have to go before others."""
    policies = [RULE | {"cells": [0]}, {"kind": "unplug-order", "order": order}]
    given = running([2, 2], 9, 16, *policies, devices=packed((0, 4), (1, 2), (1, 1)))
    assert done(given) == [("unplug", 1, 2)]


def test_guests() -> None:
    """Only the guests named."""
    only_one = RULE | {"guests": ["one"]}
    given = two_running(((1,), 4), ((1,), 2), only_one)
    assert [do for do, _, _ in done(given)] == ["plug"]
    assert done(given, 1) == [("unplug", 0, 1)]
    assert "policy add-only" in rules(two_running(((1,), 2), ((1,), 2), only_one))


def test_new_guests_are_not_meant() -> None:
    """Nothing of a guest that does not run yet could be unplugged."""
    assert len(best(problem([2], 4, 8, RULE)).guests[0].dimms) == 2

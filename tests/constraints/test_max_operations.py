"""`max-operations`: how much is done to a running guest at once."""

from __future__ import annotations

from typing import Any

import pytest

from slotsolver.constraints.max_operations import MaxOperations
from tests.constraints.builders import (
    best,
    done,
    later,
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


def rule(count: int, **fields: Any) -> dict[str, Any]:
    """A line of this policy."""
    return {"kind": "max-operations", "count": count, **fields}


def step(size: int) -> dict[str, Any]:
    """DIMMs of at most that many blocks."""
    return {"kind": "step", "size": f"{128 * size} MiB"}


NEAREST = {"kind": "accept", "distance": "nearest"}


def test_line() -> None:
    """The line of YAML is the class, and says its rule."""
    policy = policy_line("{kind: max-operations, count: 4}")
    assert policy == MaxOperations(count=4)
    assert policy.describe() == "at most 4 operations are done"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("max-operations", "count: this field is needed here"),
        ("{kind: max-operations, count: -1}", "count: Input should be greater than or equal to 0"),
        ("{kind: max-operations, count: 1 GiB}", "count: Input should be a valid integer"),
        ("{kind: max-operations, counts: 1}", "did you mean 'count'?"),
        ("{kind: max-operations, count: 1, cells: [0]}", "it takes no cells"),
    ],
)
def test_refused_lines(line: str, says: str) -> None:
    """A bad line is refused with its place and what would help."""
    assert says in refusal(line)


@pytest.mark.parametrize("target", [5, 11])
def test_dimms_count(target: int) -> None:
    """Three blocks less are three DIMMs that go, three more are three that come: not in two."""
    given = [
        running([2], target, 12, step(1), *p, devices=packed(*[1] * 6), slots=10)
        for p in ((), (rule(3),), (rule(2),))
    ]
    assert len(done(given[0])) == len(done(given[1])) == 3
    assert set(rules(given[2])) >= {"target", "policy max-operations"}


def test_as_near_as_so_many_come() -> None:
    """Two operations of three come two blocks nearer; none change nothing."""
    given: dict[str, Any] = {"devices": packed(1, 1, 1)}
    assert len(done(running([2], 2, 9, NEAREST, rule(2), **given))) == 2
    assert done(running([2], 2, 9, NEAREST, rule(0), **given)) == []


def test_an_exchange_is_two() -> None:
    """Of 1 and 4 blocks 4 go and 2 come."""
    given = [
        running([2], 5, 16, {"kind": "swap"}, rule(count), devices=packed(1, 4)) for count in (1, 2)
    ]
    assert "policy max-operations" in rules(given[0])
    assert [do for do, _, _ in done(given[1])] == ["unplug", "plug"]


@pytest.mark.parametrize(("size", "count"), [(8, 1), (2, 2), (1, 4)])
def test_steps_of_virtio_mem_count(size: int, count: int) -> None:
    """Four blocks more are one operation, two or four, depending on the step that is permitted."""
    policies = [
        {"kind": "device", "use": "virtio-mem"},
        {"kind": "per-step", "size": f"{128 * size} MiB"},
    ]
    devices = [region(8, 1, 0)]
    assert len(done(running([2], 7, 16, *policies, rule(count), devices=devices))) == count
    assert slots(running([2], 7, 16, *policies, rule(count - 1), devices=devices)) is None


def test_later_growth_does_not_count() -> None:
    """Only what is done now."""
    assert later(running([2], 3, 5, step(1), rule(1))) == [[1, 1]]


def test_guests() -> None:
    """Each guest by itself, only those named."""
    given = ((1, 1), 2), ((1, 1), 2)
    assert len(best(two_running(*given, rule(2))).guests) == 2
    assert slots(two_running(*given, rule(1, guests=["two"]))) is None
    assert len(done(two_running(((1, 1), 2), ((1, 1), 3), rule(1, guests=["two"])))) == 2


def test_new_guests_are_not_meant() -> None:
    """There is nothing to do to a guest that does not run."""
    assert best(problem([2], 4, 8, rule(0))).guests[0].operations == ()

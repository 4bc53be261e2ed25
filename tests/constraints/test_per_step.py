"""`per-step`: how much one operation on a running guest moves."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from slotsolver.constraints.per_step import PerStep
from slotsolver.size import MiB
from tests.constraints.builders import (
    B,
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


def rule(blocks: float, **fields: Any) -> dict[str, Any]:
    """A line of this policy."""
    return {"kind": "per-step", "size": int(blocks * B), **fields}


ONLY = {"kind": "device", "use": "virtio-mem"}


def test_line() -> None:
    """The line of YAML is the class, and says its rule."""
    policy = policy_line("{kind: per-step, size: 2 GiB}")
    assert policy == PerStep(size=2048 * MiB)
    assert policy.describe() == "no operation moves more than 2 GiB"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("per-step", "size: this field is needed here"),
        ("{kind: per-step, size: 0}", "size: Input should be greater than 0"),
        ("{kind: per-step, size: 5}", "size 5 has no unit"),
        ("{kind: per-step, step: 1 GiB}", "per-step has no field 'step'"),
    ],
)
def test_refused_lines(line: str, says: str) -> None:
    """A bad line is refused with its place and what would help."""
    assert says in refusal(line)


def test_what_comes() -> None:
    """Five blocks in one DIMM, or in steps of at most two; what is left over first."""
    assert done(running([2], 7, 16)) == [("plug", 0, 5)]
    assert done(running([2], 7, 16, rule(2))) == [("plug", 0, 1), ("plug", 1, 2), ("plug", 2, 2)]
    assert done(running([2], 7, 16, rule(5))) == [("plug", 0, 5)]


def test_small_before_large() -> None:
    """After each operation the guest has the more to manage the next one with: whatever slots the
    DIMMs get, and in whichever cell they are, they come by size."""
    devices = packed((1, 1), (1, 2), (1, 1), (1, 3))
    given = running([2, 2], {0: 9, 1: 10}, 40, rule(4), devices=devices, slots=16)
    sizes = [size for _, _, size in done(given)]
    assert len(sizes) == 3
    assert sorted(sizes) == sizes
    assert [b - a for a, b in pairwise([11, *memory_after(given)])] == sizes


def memory_after(given: Any) -> list[int]:
    """The guest's size in blocks after each operation."""
    return [step.memory // B for step in best(given).guests[0].operations]


def test_what_comes_later() -> None:
    """Growth that is reserved is plugged in such steps too."""
    assert later(running([2], 2, 8, rule(2), slots=3)) == [[2, 2, 2]]
    assert max(later(running([2], 2, 8, slots=2))[0]) > 2


def test_what_goes() -> None:
    """A DIMM that is larger than a step stays."""
    given: dict[str, Any] = {"devices": packed(1, 1, 2)}
    assert done(running([2], 4, 16, **given)) == [("unplug", 2, 2)]
    assert done(running([2], 4, 16, rule(1), **given)) == [("unplug", 1, 1), ("unplug", 0, 1)]
    stays = running([2], 3, 16, rule(1), **given)
    assert set(rules(stays)) == {"target", "policy per-step"}
    nearest = {"kind": "accept", "distance": "nearest"}
    assert best(running([2], 3, 16, rule(1), nearest, **given)).guests[0].memory == 4 * B


@pytest.mark.parametrize(
    ("target", "steps"),
    [
        (9, [("resize", 0, 5), ("resize", 0, 7)]),
        (5, [("resize", 0, 3)]),
        (2, [("resize", 0, 1), ("resize", 0, 0)]),
    ],
)
def test_virtio_mem_moves_in_steps(target: int, steps: list[tuple[str, int, int]]) -> None:
    """In as few as there can be, the last one what is left over."""
    devices = [region(8, 3, 0)]
    given = running([2], target, 16, ONLY, rule(2), devices=devices)
    expected = steps if target != 5 else []
    assert done(given) == expected


def test_steps_are_whole_blocks_of_virtio_mem() -> None:
    """A step of 3 MiB is one block of 2 MiB."""
    given = running(
        [2], 3, 16, ONLY, {"kind": "per-step", "size": 3 * MiB}, devices=[region(8, 0, 0)]
    )
    guest = given.guests[0].model_copy(update={"target": 2 * B + 4 * MiB})
    plan = best(given.model_copy(update={"guests": (guest,)}))
    assert [step.size for step in plan.guests[0].operations] == [2 * MiB, 4 * MiB]


@pytest.mark.parametrize("target", [1, 3])
def test_blocks_that_are_larger_than_a_step(target: int) -> None:
    """Such a virtio-mem device can neither give more nor less."""
    devices = [region(8, 2, 0, block=B)]
    assert done(running([2], target + 2, 16, ONLY, rule(1), devices=devices))
    given = running([2], target + 2, 16, ONLY, rule(0.5), devices=devices)
    assert "policy per-step" in rules(given)


def test_the_smaller_of_two() -> None:
    """Both hold."""
    assert len(done(running([2], 6, 16, rule(2), rule(1)))) == 4
    devices = [region(8, 0, 0)]
    assert len(done(running([2], 6, 16, ONLY, rule(1), rule(2), devices=devices))) == 4


def test_cells() -> None:
    """Only DIMMs of the cells named."""
    target = {0: 6, 1: 6}
    given = done(running([2, 2], target, 16, rule(2, cells=[1])))
    assert sorted(size for _, _, size in given) == [2, 2, 4]
    devices = packed((0, 4), (1, 4))
    assert done(running([2, 2], 8, 16, rule(2, cells=[1]), devices=devices)) == [("unplug", 0, 4)]
    assert slots(running([2, 2], 4, 16, rule(2, cells=[1]), devices=devices)) is None


def test_guests() -> None:
    """Only the guests named."""
    given = two_running(((), 6), ((), 6), rule(2, guests=["two"]))
    assert [len(done(given, guest)) for guest in (0, 1)] == [1, 2]


def test_new_guests_are_not_meant() -> None:
    """How a new guest grows is said by `step`."""
    coarse = ["fewest-slots"]
    assert len(best(problem([2], 4, 8, rule(1), objectives=coarse)).guests[0].dimms) == 2

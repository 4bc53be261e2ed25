"""`needless-unplug`: nothing is unplugged only to make room for something else."""

from __future__ import annotations

from typing import Any

import pytest

from slotsolver.objectives.needless_unplug import NeedlessUnplug
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

KIND = "needless-unplug"
SWAP = {"kind": "swap"}


def test_line() -> None:
    """The bare kind is the class."""
    objective = objective_line(KIND)
    assert (objective, objective.unit) == (NeedlessUnplug(), "bytes")
    assert objective.describe() == "the memory that is unplugged without making a guest smaller"
    assert "has no field 'size'" in refusal("{kind: needless-unplug, size: 1}", "objectives")


@pytest.mark.parametrize(
    ("sizes", "target", "needless"),
    [
        ((1, 4), 3, 0),  # 4 go
        ((1, 4), 9, 0),  # 2 come
        ((1, 4), 5, 2),  # 4 go, 2 come
        ((1, 4), 4, 1),  # 4 go, 1 comes
        ((3, 3), 7, 2),  # 3 go, 2 come
        ((2, 2, 5), 8, 1),  # 2 and 2 go, 1 comes
    ],
)
def test_values(sizes: tuple[int, ...], target: int, needless: int) -> None:
    """Of what goes and what comes the lesser, worked out by hand."""
    given = running([2], target, 16, SWAP, devices=packed(*sizes))
    assert values(given)[KIND] == needless * B


def test_growth_that_exchanges() -> None:
    """Without a free slot a block has to make room for three; what is needless is that block."""
    given = running([2], 6, 16, SWAP, devices=packed(1, 1), slots=2)
    assert values(given)[KIND] == B
    assert done(given) == [("unplug", 1, 1), ("plug", 1, 3)]


def test_virtio_mem_counts() -> None:
    """4 blocks of a DIMM go, 2 come by the device."""
    only = {"kind": "device", "use": "virtio-mem"}
    given = running([2], 4, 16, SWAP, only, devices=[*packed(4), region(8, 0, 8)])
    assert values(given)[KIND] == 2 * B


def test_without_swap_it_is_nothing() -> None:
    """Nothing is exchanged, so nothing is needless."""
    assert values(running([2], 3, 16, devices=packed(1, 4)))[KIND] == 0


def test_cells_one_by_one_and_guests_add_up() -> None:
    """What moves from one cell to another is no exchange where cells have targets. Guests add
    up."""
    devices = packed((0, 2), (0, 2))
    assert values(running([2, 2], {0: 4, 1: 4}, 16, SWAP, devices=devices))[KIND] == 0
    even = {"kind": "balance"}
    assert values(running([2, 2], 8, 16, even, SWAP, devices=devices))[KIND] == 2 * B
    assert values(two_running(((1, 4), 5), ((1, 4), 4), SWAP))[KIND] == (2 + 1) * B


def test_it_comes_before_few_unplugs() -> None:
    """Two DIMMs of 2 go for one of 1; the DIMM of 5 alone goes for 2 where few unplugs are more
    important."""
    given: dict[str, Any] = {"devices": packed(2, 2, 5)}
    usual = running([2], 8, 16, SWAP, **given)
    assert done(usual) == [("unplug", 1, 2), ("unplug", 0, 2), ("plug", 0, 1)]
    named = running([2], 8, 16, SWAP, objectives=["fewest-unplugs", KIND], **given)
    assert done(named) == [("unplug", 2, 5), ("plug", 2, 2)]
    assert values(named)[KIND] == 2 * B

"""`memslots`: how many memory regions a backend takes."""

from __future__ import annotations

from typing import Any

import pytest

from slotsolver.constraints.memslots import Memslots
from tests.constraints.builders import (
    B,
    best,
    make_guest,
    new_sizes,
    policy_line,
    problem,
    refusal,
    rules,
    slots,
    two_guests,
)


def rule(limit: int, **fields: Any) -> dict[str, Any]:
    """A line of this policy."""
    return {"kind": "memslots", "limit": limit, **fields}


def test_line() -> None:
    """The line of YAML is the class, and says its rule."""
    policy = policy_line("{kind: memslots, limit: 64}")
    assert policy == Memslots(limit=64)
    assert policy.describe() == "RAM and memory devices take at most 64 memory regions"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("{kind: memslots}", "limit: this field is needed here"),
        ("{kind: memslots, limit: 0}", "limit: Input should be greater than or equal to 1"),
        ("{kind: memslots, limit: 2 GiB}", "limit: Input should be a valid integer"),
        ("{kind: memslots, limits: 8}", "did you mean 'limit'?"),
    ],
)
def test_refused_lines(line: str, says: str) -> None:
    """A bad line is refused with its place and what would help."""
    assert says in refusal(line)


@pytest.mark.parametrize(
    ("machine", "boot", "regions"),
    [("q35", 21, 2), ("q35", 22, 3), ("pc", 27, 2), ("pc", 28, 3), ("virt", 40, 2)],
)
def test_boot_regions(machine: str, boot: int, regions: int) -> None:
    """RAM below 4 GiB takes two regions and RAM above it a third: on q35 from 2.75 GiB of boot
    memory on, on pc from 3.5 GiB; on virt there is one place for it."""
    given: dict[str, Any] = {"machine": machine}
    assert slots(problem([boot], boot, boot + 4, rule(regions + 1), **given)) == 1
    assert slots(problem([boot], boot, boot + 4, rule(regions), **given)) is None


def test_with_and_without() -> None:
    """Growth in four DIMMs, six regions in all; with five the step is two blocks, and then two
    DIMMs are enough."""
    order = ["finest-step"]
    assert new_sizes(problem([2], 2, 6, objectives=order)) == [[1, 1, 1, 1]]
    assert new_sizes(problem([2], 2, 6, rule(6), objectives=order)) == [[1, 1, 1, 1]]
    assert new_sizes(problem([2], 2, 6, rule(5), objectives=order)) == [[2, 2]]
    step = {"kind": "step", "size": B}
    assert set(rules(problem([2], 2, 6, step, rule(5)))) >= {"policy step", "policy memslots"}


def test_all_devices_count() -> None:
    """A DIMM and a virtio-mem that are there take a region each."""
    dimm = {"model": "dimm", "size": B, "cell": 0, "slot": 0}
    region = {"model": "virtio-mem", "size": B, "cell": 0, "requested": 0, "block": 2 << 20}
    given: dict[str, Any] = {"devices": [dimm, region]}
    assert slots(problem([2], 4, 6, rule(5), **given)) == 1
    assert slots(problem([2], 4, 6, rule(4), **given)) is None


def test_free_boot_memory_stays_below_4_gib() -> None:
    """A DIMM and boot memory above 4 GiB are four regions; of three, boot memory takes two."""
    one = {"kind": "slots", "exactly": 1}
    guest = best(problem([None], 24, None, one, rule(3))).guests[0]
    assert guest.cells[0].boot < 22 * B
    assert slots(problem([None], 24, None, one, rule(2))) is None
    assert best(problem([None], 24, None, rule(3))).guests[0].cells[0].boot == 24 * B


def test_guests() -> None:
    """Only the guests named; each has its own backends."""
    guest = make_guest([2], 2, 4)
    given = two_guests(guest, guest, rule(3, guests=["two"]), objectives=["finest-step"])
    assert [len(g.dimms) for g in best(given).guests] == [2, 1]

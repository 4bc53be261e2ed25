"""What plain arithmetic refutes of a running guest's target, in one line with numbers."""

from __future__ import annotations

from typing import Any

import pytest

from slotsolver.errors import InputError
from slotsolver.gather import gather
from slotsolver.problem import Problem
from slotsolver.reach import refute
from slotsolver.size import MiB
from tests.constraints.builders import B, dimm, packed, region, running


def refusal(given: Problem) -> str:
    """The message; one line."""
    with pytest.raises(InputError) as caught:
        refute(gather(given))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def changed(given: Problem, **fields: Any) -> Problem:
    """The problem with fields of its guest replaced."""
    guest = given.guests[0].model_copy(update=fields)
    return given.model_copy(update={"guests": (guest,)})


def test_what_can_be_is_not_refuted() -> None:
    """Only a search can say whether there is a plan."""
    refute(gather(running([2], 5, 16, devices=packed(1, 4))))
    refute(gather(running([2], 9, 16)))
    refute(gather(changed(running([2], 2, 2), maximum=None, slots=None)))


def test_no_maximum() -> None:
    """libvirt's own words for a domain that cannot be resized, and what would help."""
    said = refusal(changed(running([2], 4, 16), maximum=None, slots=None))
    assert "cannot use/hotplug a memory device when domain 'maxMemory' is not defined" in said
    assert said.endswith("set it (virsh edit) and start the guest anew")


def test_slots_without_maximum() -> None:
    """QEMU starts no guest with slots and nothing to put into them."""
    assert refusal(running([2], 2, 2)) == (
        "guest guest cannot run with 8 memory slots and no more maxMemory than boot memory, "
        "256 MiB (QEMU: invalid value of maxmem)"
    )


def test_cells_below_their_boot_memory() -> None:
    """It cannot be unplugged, though the guest as a whole becomes no smaller than that."""
    said = refusal(running([2, 2], {0: 1, 1: 3}, 16))
    assert said == (
        "guest guest: target 128 MiB of cell 0 is below its boot memory 256 MiB, which cannot be "
        "unplugged"
    )


def test_between_blocks() -> None:
    """The nearest sizes that could be met are told, and how to ask for one of them."""
    given = changed(running([2], 4, 16), target=4 * B + 48 * MiB)
    assert refusal(given) == (
        "target of guest guest 560 MiB cannot be met: it changes by multiples of 128 MiB; the "
        "nearest are 512 MiB and 640 MiB; --accept nearest (or below, above) takes one"
    )
    nearest = running([2], 4, 16, {"kind": "accept", "distance": "nearest"})
    refute(gather(changed(nearest, target=4 * B + 48 * MiB)))


def test_between_blocks_of_a_cell() -> None:
    """With targets per cell each cell's is judged."""
    given = changed(running([2, 2], {0: 4, 1: 4}, 16), target={0: 4 * B, 1: 4 * B + MiB})
    assert refusal(given).startswith("target of guest guest, cell 1, 513 MiB cannot be met")


def test_dimms_that_are_no_whole_blocks() -> None:
    """What is there counts too: with a DIMM of 96 MiB changes are multiples of 32 MiB."""
    device = dimm(0, 1, 0) | {"size": 96 * MiB}
    given = running([2], 4, 16, devices=[device])
    refute(gather(changed(given, target=2 * B)))
    refute(gather(changed(given, target=2 * B + 32 * MiB)))
    said = refusal(changed(given, target=2 * B + 16 * MiB))
    assert "it changes by multiples of 32 MiB" in said


def test_blocks_of_virtio_mem() -> None:
    """They are what the guest changes by, unless the device may not be used."""
    given = [
        running([2], 4, 16, *policies, devices=[region(8, 1, 0)])
        for policies in ((), ({"kind": "device", "use": "dimm"},))
    ]
    refute(gather(changed(given[0], target=3 * B + 6 * MiB)))
    assert "by multiples of 2 MiB" in refusal(changed(given[0], target=3 * B + MiB))
    assert "by multiples of 128 MiB" in refusal(changed(given[1], target=3 * B + 6 * MiB))

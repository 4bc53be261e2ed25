"""Where planned virtio-mem devices lie: in QEMU's first gap behind what is plugged at boot."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from slotsolver.cell_facts import Backing, VirtioFacts
from slotsolver.errors import DefectError, InputError
from slotsolver.gather import gather
from slotsolver.layout import CellLayout, GuestLayout, VirtioLayout
from slotsolver.place_virtio import new_virtio, virtio_addresses
from slotsolver.platforms import Range
from slotsolver.size import GiB, KiB, MiB
from tests.constraints.builders import problem

WINDOW = Range(4 * GiB, 64 * GiB)
BLOCK = 128 * MiB


def device(size: int, block: int = 2, index: int | None = None) -> VirtioLayout:
    """A device of so many MiB; one with an index is there already."""
    facts = VirtioFacts(number=0, index=index, size=None, block=block, before=0)
    return VirtioLayout(facts, size, (0, size))


def layout(cells: Sequence[Sequence[VirtioLayout]], page: int = 4 * KiB) -> GuestLayout:
    """A guest whose cells have these devices."""
    (facts,) = gather(problem([2] * len(cells), 2 * len(cells), 99, libvirt="9.4"))
    backing = Backing(page, page, ())
    made = (CellLayout(256, (256, 512), backing, (), tuple(devices)) for devices in cells)
    return GuestLayout(facts, tuple(made))


def offsets(given: GuestLayout, *taken: tuple[int, int]) -> list[int]:
    """Addresses behind the start of the window in MiB; ``taken`` likewise, from and to."""
    there = [(WINDOW.base + start * MiB, WINDOW.base + end * MiB) for start, end in taken]
    found = virtio_addresses(given, WINDOW, there, BLOCK)
    return [(address - WINDOW.base) // MiB for address in found]


def test_only_new_devices_are_placed() -> None:
    """In the order of their cells; those that are there have their places."""
    given = layout([[device(256, index=0)], [device(512)], [], [device(128)]])
    assert [(cell, found.size) for cell, _, found in new_virtio(given)] == [(1, 512), (3, 128)]
    assert offsets(given) == [0, 512]
    assert offsets(layout([[device(256, index=0)]])) == []


def test_larger_blocks_come_first() -> None:
    """So that no device leaves a gap before the next; equal ones by their cells."""
    given = layout([[device(128)], [device(2048, 1024)], [device(256, 256)], [device(512, 256)]])
    assert [cell for cell, _, _ in new_virtio(given)] == [1, 2, 3, 0]
    assert offsets(given) == [0, 2048, 2304, 2816]


@pytest.mark.parametrize(
    ("taken", "offset"),
    [
        ([], 0),
        ([(0, 256)], 256),
        ([(512, 1024)], 0),
        ([(128, 256)], 256),
        ([(0, 256), (512, 640)], 640),
        ([(0, 256), (768, 1024)], 256),
        ([(640, 1024), (0, 100)], 128),
    ],
)
def test_the_first_gap_that_holds_it(taken: list[tuple[int, int]], offset: int) -> None:
    """512 MiB beside what is taken, given in any order, at a multiple of the guest's block."""
    assert offsets(layout([[device(512)]]), *taken) == [offset]


@pytest.mark.parametrize(
    ("block", "page", "offset"),
    [(2, 4 * KiB, 128), (512, 4 * KiB, 512), (2, GiB, 1024), (2, 2 * MiB, 128)],
)
def test_alignment(block: int, page: int, offset: int) -> None:
    """The largest of its own block, its pages and the guest's block."""
    assert offsets(layout([[device(1024, block)]], page), (0, 2)) == [offset]


def test_devices_do_not_overlap_each_other() -> None:
    """The second goes around the first, into a gap before it if there is one."""
    given = layout([[device(512, 512)], [device(256)]])
    assert offsets(given, (0, 128)) == [512, 128]
    assert offsets(given, (0, 384)) == [512, 1024]


def test_without_device_memory() -> None:
    """A guest with devices has a window for them; anything else is a mistake of ours."""
    with pytest.raises(DefectError, match="without device memory"):
        virtio_addresses(layout([[device(128)]]), None, [], BLOCK)
    assert virtio_addresses(layout([[]]), None, [], BLOCK) == []


def test_places_that_libvirt_cannot_ask_for() -> None:
    """Before 9.4 the device lies where QEMU puts it, which has to be a multiple of the guest's
    block; with blocks of that size it is."""
    given = layout([[device(512)]])
    given.facts.virtio_pinned = False
    assert offsets(given, (0, 256)) == [256]
    with pytest.raises(InputError, match="no multiple of the guest's memory block 128 MiB"):
        offsets(given, (0, 100))
    aligned = layout([[device(512, 128)]])
    aligned.facts.virtio_pinned = False
    assert offsets(aligned, (0, 100)) == [128]


def test_no_room() -> None:
    """Addresses that devices name may leave too little of the window."""
    end = WINDOW.size // MiB
    assert offsets(layout([[device(256)]]), (0, end - 256)) == [end - 256]
    with pytest.raises(InputError, match="no room for a virtio-mem device of 256 MiB on cell 0"):
        offsets(layout([[device(256)]]), (0, end - 128))

"""`device`: whether cells grow by DIMMs, by virtio-mem, or by either."""

from __future__ import annotations

from typing import Any

import pytest

from slotsolver.constraints.device import Device
from slotsolver.plan import PlannedVirtioMem
from slotsolver.problem import Problem
from slotsolver.size import GiB, MiB
from tests.constraints.builders import (
    BASE,
    HUGE,
    B,
    best,
    done,
    host,
    input_error,
    later,
    make_guest,
    new_sizes,
    packed,
    policy_line,
    pool_of,
    problem,
    refusal,
    region,
    rules,
    running,
    slots,
    two_guests,
)


def rule(use: str, **fields: Any) -> dict[str, Any]:
    """A line of this policy."""
    return {"kind": "device", "use": use, **fields}


DIMM, VIRTIO, EITHER = rule("dimm"), rule("virtio-mem"), rule("either")


def devices(given: Problem) -> list[PlannedVirtioMem]:
    """The virtio-mem devices of the best plan."""
    return list(best(given).guests[0].virtio_mem)


def given_at(device: PlannedVirtioMem) -> list[int]:
    """What a device gives at each stage, in blocks."""
    return [size // B for size in device.stages]


@pytest.mark.parametrize(
    ("line", "policy", "says"),
    [
        ("{kind: device, use: dimm}", Device(use="dimm"), "memory grows by DIMMs"),
        (
            "{kind: device, use: virtio-mem}",
            Device(use="virtio-mem"),
            "memory grows by a virtio-mem device; only a guest that does not "
            "run gets a new one, of 2 MiB blocks",
        ),
        (
            "{kind: device, use: either, block: 4 MiB}",
            Device(use="either", block=4 * MiB),
            "memory grows by DIMMs or a virtio-mem device; only a guest that does "
            "not run gets a new one, of 4 MiB blocks",
        ),
    ],
)
def test_line(line: str, policy: Device, says: str) -> None:
    """The lines of YAML are the class, and say their rules."""
    assert policy_line(line) == policy
    assert policy.describe() == says


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("device", "use: this field is needed here"),
        ("{kind: device, use: both}", "'dimm', 'virtio-mem' or 'either', not 'both'"),
        ("{kind: device, use: either, block: 3 MiB}", "a power of two from 2 MiB to 1 GiB"),
        ("{kind: device, use: either, block: 1 MiB}", "a power of two from 2 MiB to 1 GiB"),
        ("{kind: device, use: either, block: 2 GiB}", "a power of two from 2 MiB to 1 GiB"),
        ("{kind: device, use: either, blocks: 2 MiB}", "did you mean 'block'?"),
    ],
)
def test_refused_lines(line: str, says: str) -> None:
    """A bad line is refused with its place and what would help."""
    assert says in refusal(line)


# New guests.


def test_a_new_guest_grows_by_dimms_or_by_a_device() -> None:
    """Six blocks of growth, two of them at once: DIMMs, or one device of six, which gives two."""
    assert new_sizes(problem([2], 4, 8)) == new_sizes(problem([2], 4, 8, DIMM)) == [[2, 4]]
    given = problem([2], 4, 8, VIRTIO)
    guest, (device,) = best(given).guests[0], devices(given)
    assert guest.dimms == ()
    assert (guest.memory, guest.maximum, guest.slots) == (4 * B, 8 * B, 1)
    assert (device.size, device.requested, device.block) == (6 * B, 2 * B, HUGE)
    assert (device.number, device.address, device.before) == (0, BASE, None)
    assert given_at(device) == [0, 2, 6]


def test_either_takes_what_is_better() -> None:
    """One device instead of two DIMMs, where few slots are the wish; where growth is to be fine,
    neither takes more than it has to."""
    assert [d.size // B for d in devices(problem([2], 4, 8, EITHER))] == [6]
    one = {"kind": "slots", "at_most": 1}
    assert slots(problem([2], 4, 8, one)) is None
    assert slots(problem([2], 4, 8, one, EITHER)) == 0


def test_a_cell_that_never_grows_has_none() -> None:
    """Only cell 1 grows; its device is the first that there is."""
    (device,) = devices(problem([2, 2], {0: 2, 1: 4}, None, VIRTIO))
    assert (device.cell, device.number, device.size) == (1, 0, 2 * B)


@pytest.mark.parametrize(("libvirt", "taken"), [("9.0", 1), ("9.5", 0)])
def test_slots_of_a_device(libvirt: str, taken: int) -> None:
    """libvirt before 9.5 counts one for it."""
    limit = {"kind": "slots", "at_most": taken}
    given = problem([2], 4, 8, VIRTIO, limit, libvirt=libvirt)
    assert best(given).guests[0].slots == taken
    none = problem([2], 4, 8, EITHER, {"kind": "slots", "at_most": 0}, libvirt=libvirt)
    assert (slots(none) is None) == (libvirt == "9.0")


def test_regions_are_whole_memory_blocks_of_the_guest() -> None:
    """It could not use the rest; the maximum that is written has room for it."""
    given = problem([2], 2, 3, VIRTIO)
    guest = given.guests[0].model_copy(update={"maximum": 2 * B + 6 * MiB})
    plan = best(given.model_copy(update={"guests": (guest,)})).guests[0]
    assert [d.size for d in plan.virtio_mem] == [B]
    assert [d.stages[-1] for d in plan.virtio_mem] == [6 * MiB]
    assert plan.maximum == 3 * B


def test_sizes_between_blocks_of_the_guest() -> None:
    """What DIMMs cannot meet, a device with small blocks does."""
    given = [problem([2], 4, 8, *policies) for policies in ((), (EITHER,))]
    guest = given[0].guests[0].model_copy(update={"target": 4 * B - 6 * MiB})
    dimms, either = (p.model_copy(update={"guests": (guest,)}) for p in given)
    assert "cannot be met" in input_error(dimms)
    assert [d.requested for d in devices(either)] == [2 * B - 6 * MiB]


def test_the_device_lies_behind_what_is_plugged_at_boot() -> None:
    """There QEMU's first fit puts it; DIMMs that come later lie behind it."""
    policies = [rule("virtio-mem", cells=[1]), rule("dimm", cells=[0])]
    given = problem([2, 2], {0: 4, 1: 3}, 10, *policies, objectives=["least-imbalance"])
    guest = best(given).guests[0]
    plugged = [d.size for d in guest.dimms if d.state == "plugged"]
    (reserved,) = (d for d in guest.dimms if d.state == "reserved")
    (device,) = guest.virtio_mem
    assert min(d.address for d in guest.dimms) == BASE
    assert device.address == BASE + sum(plugged) == BASE + 2 * B
    assert reserved.address == device.address + device.size


@pytest.mark.parametrize("first", [0, 1])
def test_large_blocks_lie_first(first: int) -> None:
    """Without slots device memory has nothing to spare, so a device may not leave a gap before the
    next: the one with blocks of 1 GiB comes first, whatever cell it is in."""
    other = 1 - first
    policies = [rule("virtio-mem", block=GiB, cells=[first]), rule("virtio-mem", cells=[other])]
    given = problem([8, 8], {first: 16, other: 9}, 34, *policies, libvirt="9.5")
    large, small = devices(given)
    assert (large.cell, large.number, large.address) == (first, 0, BASE)
    assert (small.cell, small.number, small.address) == (other, 1, BASE + large.size)
    assert large.size % GiB == 0
    assert best(given).guests[0].slots == 0


def test_numbers_go_on_from_those_that_are_there() -> None:
    """A guest that has a device already gets one for its other cell."""
    there = region(4, 4, 0, alias="virtiomem2")
    given = problem([2, 2], {0: 6, 1: 4}, None, rule("virtio-mem", cells=[1]), devices=[there])
    assert [(d.number, d.cell, d.before) for d in devices(given)] == [(2, 0, 4 * B), (3, 1, None)]


def test_pages_are_no_larger_than_blocks() -> None:
    """Pages of 1 GiB need blocks of 1 GiB; before or after the policy for pages is the same."""
    given: dict[str, Any] = {"host": host((99, 99, 9))}
    pages = {"kind": "page-size", "size": GiB}
    for policies in ((pages, VIRTIO), (VIRTIO, pages)):
        said = input_error(problem([8], 16, 24, *policies, **given))
        assert "cell 0 of guest guest has pages of 1 GiB; a virtio-mem block of 2 MiB" in said
    large = rule("virtio-mem", block=GiB)
    assert [d.page_size for d in devices(problem([8], 16, 24, pages, large, **given))] == [GiB]
    wish = pages | {"preferred": True}
    assert [d.page_size for d in devices(problem([8], 16, 24, wish, VIRTIO, **given))] == [HUGE]


def test_pages_are_those_of_the_cell() -> None:
    """Also where DIMMs have others, and where they may lie on other host nodes: what is requested
    comes from the cell's own pool, all of it."""
    small = {"kind": "page-size", "size": 4096}
    large = {"kind": "page-size", "size": HUGE, "of": "dimms"}
    plan = best(problem([2], 4, 8, small, large, VIRTIO, host=host((9, 9))))
    assert [d.page_size for d in plan.guests[0].virtio_mem] == [4096]
    used = [pool_of(plan, 0, page) for page in (4096, HUGE)]
    assert [(p.free_before - p.free_after) * p.page_size // B for p in used] == [4, 0]
    assert [p.promised * p.page_size // B for p in used] == [4, 0]
    spread = {"kind": "host-nodes", "spread": True}
    assert slots(problem([2], 4, 8, spread, VIRTIO, host=host((3, 0), (3, 0)))) is None
    assert slots(problem([2], 4, 8, spread, VIRTIO, host=host((3, 0), (4, 0)))) == 0
    assert slots(problem([2], 4, 8, spread, host=host((3, 0), (3, 0)))) == 2


def test_growth_is_reserved_for() -> None:
    """The pages of the whole growth, where they are to be kept."""
    policies = [VIRTIO, {"kind": "reserve", "until": "maximum"}]
    assert slots(problem([2], 4, 8, *policies, host=host((7, 0)))) is None
    assert slots(problem([2], 4, 8, *policies, host=host((8, 0)))) == 0


def test_a_device_is_a_memory_region() -> None:
    """Two of RAM and the device."""
    assert slots(problem([2], 4, 8, VIRTIO, {"kind": "memslots", "limit": 3})) == 0
    assert slots(problem([2], 4, 8, VIRTIO, {"kind": "memslots", "limit": 2})) is None


def test_machines_without() -> None:
    """QEMU has no virtio-mem for pseries."""
    said = input_error(problem([2], 4, 8, VIRTIO, machine="pseries"))
    assert "QEMU has no virtio-mem for ppc64" in said


@pytest.mark.parametrize("policies", [(DIMM, VIRTIO), (VIRTIO, DIMM)])
def test_only_one_and_only_the_other(policies: tuple[dict[str, Any], ...]) -> None:
    """Then nothing is left to grow by, in either order."""
    assert set(rules(problem([2], 4, None, *policies))) == {"boot", "target", "policy device"}
    assert new_sizes(problem([2], 4, 8, DIMM, EITHER)) == [[2, 4]]


def test_two_block_sizes() -> None:
    """A new device has one."""
    said = input_error(problem([2], 4, 8, VIRTIO, rule("either", block=4 * MiB)))
    assert "ask for virtio-mem blocks of 2 MiB and 4 MiB on cell 0; keep one of them" in said


def test_idle_memory_counts_in_the_maximum() -> None:
    """A device that is there and does not give all that it has: it counts in full. Where it may
    not be used, a maximum of at least 5 blocks is written as 12: 2, 8 and a DIMM of two."""
    there: dict[str, Any] = {"devices": [region(8, 1, 0)]}
    plan = best(problem([2], 4, {"at_least": 5}, DIMM, **there))
    assert plan.guests[0].maximum == 12 * B
    assert {o.kind: o.value for o in plan.objectives}["lowest-maxmem"] == 12 * B
    assert set(rules(problem([2], 4, 12, DIMM, **there))) == {"maximum", "policy device"}
    said = input_error(problem([2], 4, 9, **there))
    assert "boot memory and devices take 1.25 GiB" in said


# Running guests.


def test_a_running_guest_uses_what_it_has() -> None:
    """By DIMMs, by its device, or by default by whichever is better."""
    has = [region(8, 1, 0)]
    assert done(running([2], 5, 16, DIMM, devices=has)) == [("plug", 0, 2)]
    assert done(running([2], 5, 16, VIRTIO, devices=has)) == [("resize", 0, 3)]
    default, either = (done(running([2], 12, 16, *p, devices=has)) for p in ((), (EITHER,)))
    assert default == either
    assert {do for do, _, _ in either} == {"plug", "resize"}


def test_a_device_that_may_not_be_used_stays_as_it_is() -> None:
    """It gives nothing back either, and what it has cannot be reached any more."""
    has = [region(8, 1, 0)]
    assert done(running([2], 2, 16, devices=has)) == [("resize", 0, 0)]
    assert set(rules(running([2], 2, 16, DIMM, devices=has))) == {"target", "policy device"}
    assert best(running([2], 3, 16, DIMM, devices=has)).guests[0].stranded == 7 * B
    assert best(running([2], 3, 16, devices=has)).guests[0].stranded == 0


def test_dimms_that_are_there_may_go_though_none_comes() -> None:
    """The policy is about growth."""
    assert done(running([2], 2, 16, VIRTIO, devices=packed(2))) == [("unplug", 0, 2)]
    assert later(running([2], 2, 16, VIRTIO, devices=packed(2))) == [[]]


def test_a_running_guest_gets_no_new_device() -> None:
    """What it does not have cannot be asked for."""
    given = running([2], 4, 16, VIRTIO)
    assert set(rules(given)) == {"target", "policy device"}
    assert done(running([2], 4, 16, EITHER)) == [("plug", 0, 2)]


def test_blocks_of_a_device_that_is_there_are_its_own() -> None:
    """The policy's are for new ones."""
    has = [region(8, 1, 0, block=B)]
    assert done(running([2], 5, 16, VIRTIO, devices=has)) == [("resize", 0, 3)]


def test_cells() -> None:
    """Each cell by its own means."""
    has = [region(8, 1, 0, cell=0), region(8, 1, 8, cell=1)]
    policies = [rule("dimm", cells=[0]), rule("virtio-mem", cells=[1])]
    given = running([2, 2], {0: 5, 1: 5}, 32, *policies, devices=has)
    assert done(given) == [("plug", 0, 2), ("resize", 1, 3)]


def test_guests() -> None:
    """Only the guests named."""
    guest = make_guest([2], 4, 8)
    plan = best(two_guests(guest, guest, rule("virtio-mem", guests=["two"])))
    assert [len(g.virtio_mem) for g in plan.guests] == [0, 1]


def test_equal_cells_with_devices_are_paid_for_each() -> None:
    """Also where the pages of DIMMs differ from those of everything else."""
    large = {"kind": "page-size", "size": GiB, "of": "dimms"}
    given = problem([2, 2, 2], 9, 12, EITHER, large, {"kind": "balance"}, host=host((99, 0, 9)))
    plan = best(given)
    used = pool_of(plan, 0, 4096)
    assert (used.free_before - used.free_after) * 4096 == 9 * B
    assert used.promised * 4096 == 3 * B


def test_a_finer_device_makes_the_lowest_maximum() -> None:
    """At least 14 blocks with 5 at first, in blocks of the guest of two: 15 by DIMMs; 14 where 4
    are boot memory and a device of 10 gives one at first."""
    block = {"kind": "guest-block", "size": 2 * B}
    low = ["lowest-maxmem"]
    most = [
        best(problem([None], 5, {"at_least": 14}, block, *p, objectives=low)).guests[0].maximum
        for p in ((), (EITHER,))
    ]
    assert most == [15 * B, 14 * B]

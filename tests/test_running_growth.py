"""How running guests grow: as planned once, by virtio-mem, with sizes that policies name."""

from __future__ import annotations

from typing import Any

import pytest

from slotsolver.plan import Infeasible, Plan, Undecided
from slotsolver.size import GiB, MiB
from slotsolver.solver import solve
from tests.running_guests import BASE, document, planned, plugs, problem, refused, value

B = 128 * MiB


def reserved(slot: int, size: int, at: int) -> dict[str, Any]:
    """A DIMM that was planned once, so many blocks behind the start of device memory."""
    return {"slot": slot, "size": size * B, "cell": 0, "address": BASE + at * B}


@pytest.mark.parametrize(
    ("second", "kept"),
    [
        (reserved(1, 4, 4), 2),
        (reserved(0, 4, 4), 1),
        (reserved(1, 4, 2), 1),
        (reserved(0, 4, 0), 1),
    ],
    ids=["beside", "same slot", "overlapping", "twice"],
)
def test_of_two_that_were_planned_for_one_place_one_comes(
    second: dict[str, Any], kept: int
) -> None:
    """Eight blocks are missing, and two DIMMs of four were planned once; if they cannot both come,
    another DIMM comes instead of the second."""
    guest = document([GiB], [], GiB + 8 * B, maximum=GiB + 8 * B, slots=4)
    plan = planned(problem(guest | {"growth": [reserved(0, 4, 0), second]})).guests[0]
    once = {(dimm["slot"], dimm["address"]) for dimm in (reserved(0, 4, 0), second)}
    assert sum((d.slot, d.address) in once for d in plan.dimms) == kept
    assert sum(d.size for d in plan.dimms if d.state == "plug") == 8 * B


@pytest.mark.parametrize(("at", "usable"), [(0, 8), (1, 8), (0.5, 7)])
def test_a_guest_uses_the_whole_blocks_of_its_virtio_mem(at: float, usable: int) -> None:
    """Half a block at both ends of the region is of no use to Linux, so it is never asked for."""
    device = {
        "model": "virtio-mem",
        "size": 8 * B,
        "requested": 0,
        "block": 2 * MiB,
        "cell": 0,
        "address": BASE + int(at * B),
    }
    guest = document([GiB], [], GiB + 8 * B, maximum=GiB + 8 * B, slots=4, devices=[device])
    nearest = {"kind": "accept", "distance": "below"}
    plan = planned(problem(guest, nearest))
    assert plan.guests[0].memory == GiB + usable * B
    assert plan.guests[0].virtio_mem[0].stages[-1] == usable * B
    assert value(plan, "stranded-growth") == (8 - usable) * B


def test_no_plan_with_any_sizes_is_no_plan() -> None:
    """Of 800 blocks the menu does not hold all sizes; that the only slot is taken refutes every
    one of them."""
    ratio = {"kind": "relative-step", "ratio": "1/2"}
    guest = document([GiB], [(0, B, 0, 0)], GiB + 800 * B, maximum=GiB + 900 * B, slots=1)
    assert refused(problem(guest, ratio))


def test_what_a_thin_menu_refuses_is_not_refused() -> None:
    """Where some size that the menu leaves out might do, it stays open whether there is a plan."""
    dimms = [(0, 8 * B, 0, 100 * B), (1, 701 * B, 0, (100 + 8 + 217) * B)]
    top = GiB + (709 + 317) * B
    guest = document([GiB], dimms, top, maximum=top, slots=4)
    assert plugs(planned(problem(guest))) == [100 * 128, 217 * 128]
    ratio = {"kind": "relative-step", "ratio": "1"}
    answer = solve(problem(guest, ratio, {"kind": "keep"}))
    assert not isinstance(answer, Infeasible)
    assert isinstance(answer, Plan | Undecided)


def test_open_sizes_are_whole_pages_everywhere() -> None:
    """On the other host there are only pages of 1 GiB: DIMMs that come are whole ones."""
    cell = {"memory": GiB, "page_size": 2 * MiB, "host_nodes": [0]}
    pool = {"page_size": 2 * MiB, "total": 8192, "free": 8192}
    here = {"nodes": [{"id": 0, "memory": 16 * GiB, "free": 0, "pools": [pool]}]}
    large = {"page_size": GiB, "total": 16, "free": 16}
    there = {"nodes": [{"id": 0, "memory": 16 * GiB, "free": 0, "pools": [large]}]}
    guest = document([cell], [], 3 * GiB + 5 * B, maximum=8 * GiB, slots=2)
    wish = {"kind": "accept", "distance": "nearest"}
    given = problem(guest, wish, host=here)
    assert planned(given).guests[0].memory == 3 * GiB + 5 * B
    also = given.model_validate(given.model_dump() | {"also_hosts": [there]})
    plan = planned(also).guests[0]
    assert plan.memory == 4 * GiB
    assert all(d.size % GiB == d.address % GiB == 0 for d in plan.dimms)
    assert plan.stranded == 0

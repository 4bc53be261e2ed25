"""Slot numbers and addresses of plans. Sizes are in blocks of 128 MiB."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings

from slotsolver.errors import InputError
from slotsolver.plan import Plan, PlannedDimm, PlannedGuest
from slotsolver.platforms import platform_for
from slotsolver.problem import Problem
from slotsolver.size import GiB, MiB
from slotsolver.solver import solve
from tests.constraints.builders import B, best, host, problem
from tests.strategies import problems, small_problems

several = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


def guests(problem: Problem) -> tuple[PlannedGuest, ...]:
    """The planned guests of a problem that has a plan."""
    try:
        answer = solve(problem)
    except InputError:
        assume(False)
    assume(isinstance(answer, Plan))
    assert isinstance(answer, Plan)
    return answer.guests


def new(guest: PlannedGuest) -> list[PlannedDimm]:
    """The planned DIMMs in slot order."""
    return [dimm for dimm in guest.dimms if dimm.state != "present"]


def addresses_are_sound(problem: Problem, guest: PlannedGuest) -> None:
    """No overlap, every address and size a multiple of what it has to be, all in the window."""
    machine = next(g.machine for g in problem.guests if g.name == guest.name)
    boot = sum(cell.boot for cell in guest.cells)
    window = platform_for(machine).memory_map(boot, guest.maximum, guest.slots).window
    ranges = sorted((dimm.address, dimm.address + dimm.size) for dimm in guest.dimms)
    assert all(end <= start for (_, end), (start, _) in pairwise(ranges))
    for dimm in new(guest):
        unit = max(2 * MiB, dimm.page_size, guest.block)
        assert dimm.address % unit == dimm.size % unit == 0
        assert window is not None
        assert window.base <= dimm.address <= dimm.address + dimm.size <= window.end


def slots_are_in_plug_order(guest: PlannedGuest) -> None:
    """Stage by stage, in each round one DIMM of every cell that has one left, small before
    large."""
    numbers = [dimm.slot for dimm in guest.dimms]
    assert numbers == sorted(set(numbers))
    assert all(number < guest.slots for number in numbers)
    stages = [dimm.stage for dimm in new(guest)]
    assert stages == sorted(stages)
    for stage in set(stages):
        dimms = [dimm for dimm in new(guest) if dimm.stage == stage]
        left = Counter(dimm.cell for dimm in dimms)
        had: Counter[int] = Counter()
        last: dict[int, int] = {}
        for dimm in dimms:
            assert all(had[dimm.cell] <= had[cell] for cell in left if had[cell] < left[cell])
            assert dimm.size >= last.get(dimm.cell, 0)
            had[dimm.cell] += 1
            last[dimm.cell] = dimm.size


@several
@given(small_problems(hosted=False))
def test_small_plans_are_placed_soundly(given_problem: Problem) -> None:
    """Whatever the policies, with a DIMM that is there or without."""
    for guest in guests(given_problem):
        addresses_are_sound(given_problem, guest)
        slots_are_in_plug_order(guest)


@several
@given(problems(page_sizes=(4096, 2 * MiB, GiB)))
def test_plans_on_large_pages_are_placed_soundly(given_problem: Problem) -> None:
    """DIMMs on pages of 1 GiB are aligned to them."""
    for guest in guests(given_problem):
        addresses_are_sound(given_problem, guest)
        slots_are_in_plug_order(guest)


def test_plugging_slots_in_order_keeps_cells_even() -> None:
    """Three cells in steps of one block: slots go round them, so do the addresses."""
    step = {"kind": "step", "size": B}
    dimms = best(problem([2] * 3, 6, 12, {"kind": "balance"}, step)).guests[0].dimms
    assert [dimm.slot for dimm in dimms] == [0, 1, 2, 3, 4, 5]
    assert [dimm.cell for dimm in dimms] == [0, 1, 2, 0, 1, 2]
    assert [dimm.address for dimm in dimms] == [4 * GiB + number * B for number in range(6)]


def test_states_and_stages() -> None:
    """Up to the target DIMMs are plugged (or plug, where the guest runs), beyond it reserved."""
    for running, state in ((False, "plugged"), (True, "plug")):
        guest = best(problem([2], 4, 8, running=running, waypoints=[6 * B], slots=3)).guests[0]
        assert [(d.state, d.stage) for d in guest.dimms] == [
            (state, 1),
            ("reserved", 2),
            ("reserved", 3),
        ]
        assert [op.slot for op in guest.operations] == ([0] if running else [])


def dimm(at: int, size: int, slot: int | None) -> dict[str, Any]:
    """An existing DIMM, so many blocks above 4 GiB."""
    return {"model": "dimm", "size": size * B, "cell": 0, "slot": slot, "address": 4 * GiB + at * B}


def placed(guest: PlannedGuest) -> list[tuple[int, int, int]]:
    """Slot, blocks above 4 GiB and blocks of every DIMM, the existing ones too."""
    return [(d.slot, (d.address - 4 * GiB) // B, d.size // B) for d in guest.dimms]


def test_a_gap_is_used_where_nothing_else_is_left() -> None:
    """Forty blocks fit only between the start and the DIMM there: with four slots the window has
    73 blocks, and 32 of them lie behind it. The free slot 0 is taken too."""
    devices = [dimm(40, 1, 1)]
    given_problem = problem([2], 3, 43, devices=devices, slots=4)
    guest = best(given_problem).guests[0]
    addresses_are_sound(given_problem, guest)
    assert placed(guest) == [(0, 0, 40), (1, 40, 1)]


def test_the_first_gap_is_taken() -> None:
    """What was unplugged left a gap of four blocks and slot 0, which the new DIMM takes."""
    devices = [dimm(4, 4, 1), dimm(8, 2, 2)]
    guest = best(problem([2], 8, 12, devices=devices)).guests[0]
    assert placed(guest) == [(0, 0, 4), (1, 4, 4), (2, 8, 2)]


def test_a_gap_that_is_too_small_is_left() -> None:
    """Five blocks do not fit into a gap of four, and lie behind."""
    devices = [dimm(4, 4, 0)]
    guest = best(problem([2], 6, 11, devices=devices)).guests[0]
    assert placed(guest) == [(0, 4, 4), (1, 8, 5)]


def test_growth_is_cut_where_no_gap_holds_it() -> None:
    """The window of 61 + 24 blocks is halved by a DIMM in its middle: 60 blocks are no single
    DIMM, though one slot would be fewer; with the DIMM at the end they are."""
    for at, count in ((42, 2), (84, 1)):
        given_problem = problem([2], 3, 43 + 20, devices=[dimm(at, 1, 0)], slots=3)
        guest = best(given_problem).guests[0]
        addresses_are_sound(given_problem, guest)
        assert len(new(guest)) == count


def test_devices_without_slot_or_address_are_settled() -> None:
    """They get what libvirt and QEMU will give them: the lowest slots that are free, first fit."""
    bare = {"model": "dimm", "size": 2 * B, "cell": 0}
    given_problem = problem([2], 8, 10, devices=[dimm(0, 4, 1), bare])
    guest = best(given_problem).guests[0]
    assert placed(guest) == [(0, 4, 2), (1, 0, 4), (2, 6, 2)]
    addresses_are_sound(given_problem, guest)


@pytest.mark.parametrize("page", [2 * MiB, GiB])
def test_an_odd_end_of_a_device_is_skipped(page: int) -> None:
    """Behind a DIMM of half a block the next address is the next multiple of the unit."""
    odd = {**dimm(0, 1, 0), "size": 64 * MiB}
    where = host((0, 99, 9))
    pages = {"kind": "page-size", "size": page, "of": "dimms"}
    cells: list[Any] = [{"memory": 8 * B, "page_size": 2 * MiB}]
    document = problem(cells, 17, 33, pages, devices=[odd], host=where)
    fixed = document.guests[0].model_copy(
        update={"target": 8 * B + 64 * MiB, "maximum": 16 * B + 64 * MiB}
    )
    guest = best(document.model_copy(update={"guests": (fixed,)})).guests[0]
    (planned,) = new(guest)
    assert planned.address == 4 * GiB + max(B, page)

"""A guest that is resized again and again: after every operation it is in a legal state.

The guest is data, and what a plan does to it is done by :func:`tests.running_guests.applied`. What
is judged here is counted anew from that data, beside the checker.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from slotsolver.checker import check_plan
from slotsolver.errors import InputError
from slotsolver.plan import Infeasible, Plan
from slotsolver.problem import Guest, Problem
from slotsolver.size import GiB, MiB
from slotsolver.solver import solve
from tests.running_guests import BASE, applied, document, steps, value, window

BLOCK = 128 * MiB
PAGE = 2 * MiB
POLICIES: dict[str, dict[str, Any]] = {
    "none": {},
    "swap": {"kind": "swap"},
    "step": {"kind": "step", "size": 512 * MiB},
    "per-step": {"kind": "per-step", "size": GiB},
    "powers": {"kind": "sizes", "powers_of_two": True},
    "even": {"kind": "balance", "tolerance": GiB},
    "largest first": {"kind": "unplug-order", "order": "largest"},
    "highest first": {"kind": "unplug-order", "order": "highest-slot"},
    "reserve": {"kind": "reserve", "until": "maximum"},
    "few": {"kind": "max-operations", "count": 3},
}
policies = st.sampled_from(sorted(POLICIES))
distances = st.sampled_from(["exact", "below", "above", "nearest"])
blocks = st.integers(1, 24)


class Resizes(RuleBasedStateMachine):
    """A guest with one or two cells, each on a host node of its own, and what that has free."""

    guest: Guest
    free: dict[int, int]

    @initialize(cells=st.integers(1, 2), slots=st.integers(3, 9), pages=st.integers(0, 8))
    def start(self, cells: int, slots: int, pages: int) -> None:
        """A guest with one DIMM away from the start of its device memory; cell 0 may have a
        virtio-mem device behind it."""
        own = [{"memory": GiB, "page_size": PAGE, "host_nodes": [c]} for c in range(cells)]
        guest = document(own, [(1, GiB, 0, 3 * GiB)], 3 * GiB, maximum=12 * GiB, slots=slots)
        if slots % 3 == 0:
            block = {"block": 64 * MiB, "requested": 0, "alias": "virtiomem0"}
            region = {"model": "virtio-mem", "cell": 0, "size": GiB, "address": BASE + 6 * GiB}
            guest["devices"].append(block | region)
        self.guest = Guest.model_validate(guest)
        self.free = dict.fromkeys(range(cells), pages * 512)

    def asked(self, target: int | dict[int, int], *names: str, accept: str = "exact") -> Problem:
        """The problem of giving the guest a target."""
        document = self.guest.model_dump(exclude={"xml"}) | {"target": target}
        pools = {n: [{"page_size": PAGE, "total": 8192, "free": f}] for n, f in self.free.items()}
        nodes = [
            {"id": n, "memory": 16 * GiB, "free": 0, "pools": pool} for n, pool in pools.items()
        ]
        wishes = [{"kind": "accept", "distance": accept}, *(POLICIES[n] for n in names)]
        return Problem.model_validate(
            {"host": {"nodes": nodes}, "guests": [document], "policies": list(filter(None, wishes))}
        )

    def answer(self, given: Problem) -> Plan | None:
        """Its plan, sound and proven, or ``None`` where it is proven that there is none."""
        try:
            found = solve(given, reasons="none")
        except InputError:
            return None
        if isinstance(found, Infeasible):
            return None
        assert isinstance(found, Plan)
        assert found.status == "optimal"
        assert check_plan(given, found) == ()
        return found

    def resize(self, given: Problem) -> Plan | None:
        """Do what the plan says, if there is one."""
        plan = self.answer(given)
        if plan is not None:
            states = steps(given, plan)
            for before, after in pairwise([self.guest, *states]):
                self._pay(before, after)
            assert [o.memory for o in plan.guests[0].operations] == [s.size_now for s in states]
            self.guest = applied(given, plan)
            assert self.guest.size_now == plan.guests[0].memory
        return plan

    def _pay(self, before: Guest, after: Guest) -> None:
        """An operation takes pages of the node of its cell, or gives them back."""
        legal(after)
        for cell in range(len(after.cells)):
            more = memory(after, cell) - memory(before, cell)
            self.free[cell] -= more // PAGE
            assert self.free[cell] >= 0

    @rule(more=blocks, policy=policies, accept=distances)
    def grow(self, more: int, policy: str, accept: str) -> None:
        """To any size up to the maximum."""
        wanted = min(self.guest.size_now + more * BLOCK, self.guest.maximum_size)
        plan = self.resize(self.asked(wanted, policy, accept=accept))
        if plan is not None:
            reached = plan.guests[0].memory
            sides = {"exact": reached == wanted, "below": reached <= wanted}
            assert (sides | {"above": reached >= wanted}).get(accept, True)

    @rule(less=blocks, policy=policies, accept=distances)
    def shrink(self, less: int, policy: str, accept: str) -> None:
        """To any size down to boot memory."""
        wanted = max(self.guest.size_now - less * BLOCK, self.guest.boot_size or 0)
        self.resize(self.asked(wanted, policy, accept=accept))

    @rule(changes=st.lists(st.integers(-12, 12), min_size=2, max_size=2), policy=policies)
    def each_cell(self, changes: list[int], policy: str) -> None:
        """Every cell to a size of its own."""
        cells = range(len(self.guest.cells))
        wanted = {c: max(GiB, memory(self.guest, c) + changes[c] * BLOCK) for c in cells}
        if sum(wanted.values()) <= self.guest.maximum_size:
            plan = self.resize(self.asked(wanted, policy))
            assert plan is None or [memory(self.guest, c) for c in cells] == list(wanted.values())

    @rule(policy=policies)
    def stay(self, policy: str) -> None:
        """To the size that it has nothing is to be done."""
        plan = self.answer(self.asked(self.guest.size_now, policy))
        if policy not in ("even", "few", "reserve", "powers"):
            assert plan is not None
        assert plan is None or policy == "even" or plan.guests[0].operations == ()

    @rule(more=blocks)
    def there_and_back(self, more: int) -> None:
        """What was plugged can be unplugged again, and the guest has the size that it had."""
        before = self.guest.size_now
        wanted = min(before + more * BLOCK, self.guest.maximum_size)
        if self.resize(self.asked(wanted)) is not None:
            back = self.resize(self.asked(before))
            assert back is not None
            assert self.guest.size_now == before

    @rule()
    def as_planned(self) -> None:
        """To all that was reserved: everything comes as it was planned, if there are pages for it
        (growth that none are kept for may be planned)."""
        growth = sum(dimm.size for dimm in self.guest.growth)
        given = self.asked(self.guest.size_now + growth)
        plan = self.answer(given)
        paid = all(
            sum(dimm.size for dimm in self.guest.growth if dimm.cell == cell) <= free * PAGE
            for cell, free in self.free.items()
        )
        if plan is not None and self.guest.growth and paid:
            assert value(plan, "planned-growth") == 0
            assert plan.guests[0].departures == ()
            self.resize(given)

    @invariant()
    def is_legal(self) -> None:
        """The guest is in a state that libvirt, QEMU and the guest's kernel take."""
        if hasattr(self, "guest"):
            legal(self.guest)
            assert min(self.free.values()) >= 0


def memory(guest: Guest, cell: int) -> int:
    """What a cell has, bytes."""
    return (guest.cells[cell].memory or 0) + sum(d.memory for d in guest.devices if d.cell == cell)


def legal(guest: Guest) -> None:
    """Slots, addresses and sizes are as QEMU, libvirt and Linux want them."""
    slots = [d.slot for d in guest.devices if d.slot is not None]
    assert len(slots) == len(set(slots))
    assert all(0 <= slot < (guest.slots or 0) for slot in slots)
    assert len(guest.devices) <= (guest.slots or 0)
    assert sum(d.size for d in guest.devices) <= guest.maximum_size - (guest.boot_size or 0)
    ranges = sorted((d.address or 0, (d.address or 0) + d.size) for d in guest.devices)
    assert all(one[1] <= other[0] for one, other in pairwise(ranges))
    base, end = window(guest)
    for device in guest.devices:
        assert base <= (device.address or 0)
        assert (device.address or 0) + device.size <= end
        assert (device.address or 0) % BLOCK == device.size % BLOCK == 0
        assert device.model == "dimm" or (device.requested or 0) % (device.block or 1) == 0


TestResizes = Resizes.TestCase
TestResizes.settings = settings(
    max_examples=20,
    stateful_step_count=12,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)

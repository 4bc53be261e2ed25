"""Plans that the solver makes, in a real libvirt: defined, started, dumped, read back, grown."""

from __future__ import annotations

import re
from types import ModuleType

from hypothesis import HealthCheck, given, settings

from slotsolver import Plan
from slotsolver.checker import check_domain
from slotsolver.export.layout import Layout
from slotsolver.export.libvirt import domain_xml
from slotsolver.ingest.domain import Domain, read_domain
from slotsolver.ingest.guest import guest_from_domain
from slotsolver.plan import PlannedDimm, PlannedGuest
from slotsolver.problem import Problem
from slotsolver.size import GiB, KiB, MiB
from slotsolver.solver import solve
from tests.real.libvirtd import Libvirtd, virt_xml_validate
from tests.real.plans import planned, plugged_devices, small_problems
from tests.real.qemu import backend_limit

EVERY_RUN = settings(
    deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, database=None
)
GROWTH = re.compile(r" *<(\w+):growth\b.*?</\1:growth>\n| *</?metadata>\n", re.DOTALL)

LARGEST = min(backend_limit() or 16 * GiB, 16 * GiB)
"""Bytes of the largest guest on ordinary pages: then no backend is more than the kernel maps."""

BASE_PAGES = small_problems([[4 * KiB] * cells for cells in (1, 2, 3, 4)], LARGEST // (128 * MiB))
HUGE_PAGES = small_problems(
    [
        *([2 * MiB], [2 * MiB] * 2, [2 * MiB, 4 * KiB], [4 * KiB, 2 * MiB, 2 * MiB], [GiB]),
        *([4 * KiB, GiB], [GiB, 2 * MiB]),
    ],
    GiB // (128 * MiB),
)
"""Page sizes of the cells; the maximum is at most what the pools have, see POOLS."""


@settings(EVERY_RUN, max_examples=20)
@given(problem=BASE_PAGES)
def test_libvirt_takes_every_plan(libvirtd: Libvirtd, domain_type: str, problem: Problem) -> None:
    """20 plans on ordinary pages go through libvirt and come back as they were."""
    taken_as_planned(libvirtd, problem, domain_type)


@settings(EVERY_RUN, max_examples=20)
@given(problem=HUGE_PAGES)
def test_libvirt_takes_every_plan_on_huge_pages(
    hugepages: ModuleType, libvirtd: Libvirtd, domain_type: str, problem: Problem
) -> None:
    """20 plans with cells on 2 MiB and 1 GiB pages too; all pages are given back."""
    before = [hugepages.free(size) for size in (2 * MiB, GiB)]
    taken_as_planned(libvirtd, problem, domain_type)
    assert [hugepages.free(size) for size in (2 * MiB, GiB)] == before


def taken_as_planned(libvirtd: Libvirtd, problem: Problem, domain_type: str) -> None:
    """Defined and started, the domain is the plan; its XML leads to the same plan; it grows."""
    plan = planned(problem)
    layout = Layout.of(problem, plan, "guest")
    xml = domain_xml(problem, plan, "guest", domain_type=domain_type)
    virt_xml_validate(xml)
    libvirtd.define(xml)
    try:
        libvirtd.start_paused("guest")
        inactive, live = (libvirtd.dumpxml("guest", live=live) for live in (False, True))
        for text in (inactive, live):
            check_dump(text, problem, layout.planned)
        check_round_trip(inactive, problem, plan)
        check_growth(libvirtd, layout)
    finally:
        libvirtd.forget("guest")


def check_dump(text: str, problem: Problem, guest: PlannedGuest) -> None:
    """A dump says what the plan says, growth included, and breaks no rule."""
    domain = read_domain(text.encode(), source="dump")
    assert check_domain(domain, host=problem.host) == ()
    assert domain.memory_kib == guest.memory // KiB
    assert domain.current_kib == guest.memory // KiB
    assert devices(domain) == [without_id(d) for d in plugged_devices(guest)]
    waiting = [(d.slot, d.size, d.cell, d.address) for d in guest.dimms if d.state == "reserved"]
    assert [(d.slot, d.size, d.cell, d.address) for d in domain.planned] == waiting
    read = guest_from_domain(domain, xml=text, host=problem.host, source="dump")
    assert [(c.memory, c.page_size or 4 * KiB) for c in read.cells] == [
        (c.boot, c.page_size) for c in guest.cells
    ]
    assert (read.target, read.running) == (guest.memory, "id=" in text.partition(">")[0])


def devices(domain: Domain) -> list[dict[str, int | None]]:
    """The DIMMs of a dump, by address."""
    return [
        {"slot": d.slot, "node": d.node, "addr": d.base, "size": (d.size_kib or 0) * KiB}
        for d in sorted(domain.devices, key=lambda d: d.base or 0)
    ]


def without_id(device: dict[str, int | str]) -> dict[str, int | str]:
    """What an inactive domain says of a device as well as a live one."""
    return {key: value for key, value in device.items() if key != "id"}


def check_round_trip(text: str, problem: Problem, plan: Plan) -> None:
    """Planned again from its own XML, nothing changes but, maybe, the growth not yet plugged.

    Growth is planned anew, without the policies, from boot memory that is no longer free.
    """
    domain = read_domain(text.encode(), source="dump")
    guest = guest_from_domain(domain, xml=text, host=problem.host, source="dump")
    again = Problem(host=problem.host, guests=(guest,))
    answer = solve(again, time_limit=5)
    assert isinstance(answer, Plan)
    written = domain_xml(again, answer, "guest")
    if plan.guests[0].maximum == plan.guests[0].memory:
        assert written == text
    assert GROWTH.sub("", written) == GROWTH.sub("", text)


def check_growth(libvirtd: Libvirtd, layout: Layout) -> None:
    """Each reserved DIMM is attached as planned, in slot order, up to the maximum."""
    for dimm in layout.reserved:
        libvirtd.virsh("attach-device", "guest", "/dev/stdin", "--live", stdin=device_xml(dimm))
    domain = read_domain(libvirtd.dumpxml("guest").encode(), source="live")
    everything = plugged_devices(layout.planned, until=layout.planned.slots)
    assert devices(domain) == [without_id(d) for d in everything]
    assert (domain.memory_kib or 0) * KiB == layout.planned.maximum


def device_xml(dimm: PlannedDimm) -> str:
    """A reserved DIMM as a person would write it from the plan."""
    return (
        f"<memory model='dimm'><target><size unit='b'>{dimm.size}</size><node>{dimm.cell}</node>"
        f"</target><address type='dimm' slot='{dimm.slot}' base='{dimm.address:#x}'/></memory>"
    )

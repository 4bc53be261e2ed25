"""A plan beside what the lab host has: libvirt's XML, the kernel's placement of pages, pools."""

from __future__ import annotations

from collections.abc import Mapping

from slotsolver.plan import HostUse, PlannedGuest
from slotsolver.size import KiB
from tests.lab.host import Lab
from tests.lab.numa_maps import Lies, backends
from tests.real.domains import THERE, devices, domain_of, planned_devices

BASE_PAGE = 4 * KiB


def guest_is_there(lab: Lab, planned: PlannedGuest) -> None:
    """The live XML has the planned slots and bases, and each backend on huge pages lies on its one
    planned host node, bound to it, on pages of the planned size, every one of them taken."""
    live = domain_of(lab.dumpxml(planned.name))
    assert devices(live) == planned_devices(planned)
    assert (live.slots, (live.max_memory_kib or 0) * KiB) == (planned.slots, planned.maximum)
    assert [cell.memory_kib * KiB for cell in live.cells] == [c.boot for c in planned.cells]
    assert backends(lab.numa_maps(planned.name)) == (wanted := bound(planned))
    assert wanted, "a guest without huge pages says nothing here"


def bound(planned: PlannedGuest) -> dict[str, Lies]:
    """Where the backends on huge pages should lie. libvirt's ids: ``ram-node`` and the cell,
    ``memdimm`` and the slot (qemu/qemu_command.c, qemu/qemu_alias.c)."""
    pieces = [(f"ram-node{c.id}", c.boot, c.page_size, c.host_nodes) for c in planned.cells]
    pieces += [
        (f"memdimm{d.slot}", d.size, d.page_size, d.host_nodes)
        for d in planned.dimms
        if d.state in THERE
    ]
    return {
        name: Lies(f"bind:{node}", page_size, {node: -(-size // page_size)})
        for name, size, page_size, (node,) in pieces
        if page_size != BASE_PAGE
    }


def free_now(lab: Lab, use: HostUse) -> None:
    """Every pool of huge pages has the pages free that the plan says are free afterwards."""
    found = {pool: free for pool, (_, free) in lab.pools().items()}
    assert found == pools(use, "free_after")


def free_then(use: HostUse, before: Mapping[tuple[int, int], tuple[int, int]]) -> None:
    """The plan started from the pools as they were."""
    assert pools(use, "free_before") == {pool: free for pool, (_, free) in before.items()}
    assert pools(use, "total") == {pool: total for pool, (total, _) in before.items()}


def pools(use: HostUse, field: str) -> dict[tuple[int, int], int]:
    """A number of every pool of huge pages by host node and page size."""
    return {
        (node.id, pool.page_size): getattr(pool, field)
        for node in use.nodes
        for pool in node.pools
        if pool.page_size != BASE_PAGE
    }

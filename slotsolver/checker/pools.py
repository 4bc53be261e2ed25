"""Whether the host's pools hold what a domain takes at its start.

libvirt never counts pages. QEMU fails at ``mmap`` where the whole host lacks them, and at the
preallocation where only the bound node does; for ordinary pages nobody prints anything, the kernel
kills QEMU later.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from slotsolver.checker.domain_facts import DomainFacts
from slotsolver.checker.inference import Backed
from slotsolver.checker.plan_host import Needs, shortages
from slotsolver.checker.violation import Violation
from slotsolver.fields import format_ids
from slotsolver.problem import Host
from slotsolver.size import format_size

NO_RESERVATION = "unable to map backing store for guest RAM: Cannot allocate memory"
NO_PREALLOCATION = "qemu_prealloc_mem: preallocating memory failed: Bad address"


def check_pools(facts: DomainFacts) -> Iterator[Violation]:
    """Pages by node and size, for backends bound to one node or a set; a running domain has its own
    already."""
    host = facts.host
    if host is None or facts.domain.running:
        return
    everywhere = frozenset(n.id for n in host.nodes)
    wanted: Needs = defaultdict(list)
    for backed in _backends(facts):
        if backed.page_size in host.page_sizes() and set(backed.nodes) <= everywhere:
            nodes = frozenset(backed.nodes) if _is_bound(backed) else everywhere
            wanted[backed.page_size].append((nodes or everywhere, backed.pages))
    capacity = {
        (n, size): host.pool(n, size).free for n in everywhere for size in host.page_sizes()
    }
    for nodes, size, pages, free in shortages(wanted, capacity):
        place = f"host node {format_ids(nodes)}"
        says = (
            f"{pages} pages of {format_size(size)} are needed on {place}, {free} are free"
            + _printed(host, wanted, size)
        )
        yield Violation("host-pages", "host", says, place)


def _backends(facts: DomainFacts) -> Iterator[Backed]:
    yield from facts.cell_backends
    for device, backed in zip(facts.domain.devices, facts.device_backends, strict=True):
        if device.model in ("dimm", "virtio-mem") and backed.from_pools:
            yield backed


def _is_bound(backed: Backed) -> bool:
    """Only a strict binding is kept by the kernel; preferred falls back to other nodes."""
    return backed.mode in ("strict", "interleave")


def _printed(host: Host, wanted: Needs, size: int) -> str:
    """What QEMU prints for hugepages, by whether the host as a whole has enough."""
    if size == host.base_page:
        return ""
    free = sum(host.pool(n.id, size).free for n in host.nodes)
    short = sum(pages for _, pages in wanted[size]) > free
    return ": " + (NO_RESERVATION if short else NO_PREALLOCATION)

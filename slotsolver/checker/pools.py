"""Whether the host's pools hold what a domain takes at its start.

libvirt never counts pages. QEMU fails at ``mmap`` where all nodes together that its cpuset permits
lack them (Linux mm/hugetlb.c:hugetlb_acct_memory), and at the preallocation where only the bound
node does. Both are seen in tests/lab/test_check.py. For ordinary pages nobody prints anything, the
kernel kills QEMU later.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from slotsolver.checker.domain_facts import DomainFacts
from slotsolver.checker.inference import Backed
from slotsolver.checker.plan_host import Needs, shortages
from slotsolver.checker.violation import Violation
from slotsolver.fields import format_ids
from slotsolver.size import format_size

NO_RESERVATION = "unable to map backing store for guest RAM: Cannot allocate memory"
NO_PREALLOCATION = "qemu_prealloc_mem: preallocating memory failed: Bad address"


def check_pools(facts: DomainFacts) -> Iterator[Violation]:
    """Pages by node and size, for backends bound to one node or a set; a running domain has its own
    already."""
    host = facts.host
    if host is None or facts.domain.running:
        return
    there = frozenset(n.id for n in host.nodes)
    permitted = there if facts.cpuset is None else there & facts.cpuset
    wanted: Needs = defaultdict(list)
    for backed in _backends(facts):
        if backed.page_size in host.page_sizes() and set(backed.nodes) <= there:
            bound = frozenset(backed.nodes) & permitted if _is_bound(backed) else permitted
            wanted[backed.page_size].append((bound or permitted, backed.pages))
    capacity = {(n, size): host.pool(n, size).free for n in there for size in host.page_sizes()}
    for nodes, size, pages, free in shortages(wanted, capacity):
        place = f"host node {format_ids(nodes)}"
        says = f"{pages} pages of {format_size(size)} are needed on {place}, {free} are free"
        if size != host.base_page:
            left = {node: capacity[node, size] for node in permitted}
            says += f": {_printed(wanted[size], left)}"
        yield Violation("host-pages", "host", says, place)


def _backends(facts: DomainFacts) -> Iterator[Backed]:
    yield from facts.cell_backends
    for device, backed in zip(facts.domain.devices, facts.device_backends, strict=True):
        if device.model in ("dimm", "virtio-mem") and backed.from_pools:
            yield backed


def _is_bound(backed: Backed) -> bool:
    """Only a strict binding is kept by the kernel; preferred and interleaved pages come from other
    nodes where theirs have none (seen in tests/lab/test_check.py)."""
    return backed.mode == "strict"


def _printed(wanted: list[tuple[frozenset[int], int]], left: dict[int, int]) -> str:
    """What QEMU prints for huge pages: of the backends in its order, the first that lacks some."""
    for nodes, pages in wanted:
        if pages > sum(left.values()):
            return NO_RESERVATION
        if pages > sum(left[node] for node in nodes):
            break
        for node in sorted(nodes):
            here = min(pages, left[node])
            left[node], pages = left[node] - here, pages - here
    return NO_PREALLOCATION

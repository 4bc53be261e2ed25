"""What libvirt's parser refuses: cells and NUMA tuning that contradict themselves.

libvirt 9.0 conf/numa_conf.c:virDomainNumaDefParseXML, virDomainNumatuneParseXML,
virDomainNumatuneNodeParseXML; conf/domain_conf.c:virDomainMemoryDefParseXML.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from slotsolver.checker.domain_facts import (
    DomainFacts,
    devices_with_places,
    place_of,
    place_of_cell,
)
from slotsolver.checker.violation import Violation
from slotsolver.ingest.domain import Domain, Memnode, Numatune

MODELS = ("dimm", "nvdimm", "virtio-pmem", "virtio-mem", "sgx-epc")
MODES = ("strict", "preferred", "interleave", "restrictive")


def check_parse(facts: DomainFacts) -> Iterator[Violation]:
    """Everything that stops the parser; each found on its own, libvirt would stop at the first."""
    yield from _cell_ids(facts.domain)
    yield from _cells(facts.domain)
    yield from _memory_tuning(facts.domain)
    yield from _memnodes(facts)
    yield from _devices(facts.domain)


def _cell_ids(domain: Domain) -> Iterator[Violation]:
    place = place_of(domain, "numa")
    if domain.has_numa and not domain.cells:
        says = "XML error: NUMA topology defined without NUMA cells"
        yield Violation("libvirt-M8", "parse", says, place)
    ids = [c.id for c in domain.cells]
    if any(i >= len(ids) for i in ids):
        says = (
            "XML error: Exactly one 'cell' element per guest NUMA cell allowed, non-contiguous "
            "ranges or ranges not starting from 0 are not allowed"
        )
        yield Violation("libvirt-M8", "parse", says, place)
    for number in sorted({i for i in ids if ids.count(i) > 1}):
        says = f"XML error: Duplicate NUMA cell info for cell id '{number}'"
        yield Violation("libvirt-M8", "parse", says, place)


def _cells(domain: Domain) -> Iterator[Violation]:
    for cell in domain.cells:
        if cell.memory_kib is None:
            says = "XML error: missing element or attribute './@memory'"
            yield Violation("libvirt-M8", "parse", says, place_of_cell(cell))
        yield from _distances(domain, cell.id, cell.distances, place_of_cell(cell))
    for one, other in combinations(domain.cells, 2):
        if set(one.cpus) & set(other.cpus):
            says = (
                f"unsupported configuration: NUMA cells {other.id} and {one.id} have overlapping "
                "vCPU ids"
            )
            yield Violation("libvirt-M8", "parse", says, place_of_cell(other))
    cpus = {cpu for cell in domain.cells for cpu in cell.cpus}
    if sum(len(cell.cpus) for cell in domain.cells) > domain.vcpus:
        says = "internal error: Number of CPUs in <numa> exceeds the <vcpu> count"
        yield Violation("libvirt-M8", "parse", says, place_of(domain, "numa"))
    elif cpus and max(cpus) >= domain.vcpus:
        says = "internal error: CPU IDs in <numa> exceed the <vcpu> count"
        yield Violation("libvirt-M8", "parse", says, place_of(domain, "numa"))


def _distances(
    domain: Domain, cell: int, distances: dict[int, int], place: str
) -> Iterator[Violation]:
    """conf/numa_conf.c:virDomainNumaDefNodeDistanceParseXML: 10 to itself, 10 to 255 elsewhere."""
    for sibling, value in distances.items():
        if sibling >= len(domain.cells):
            says = (
                f"XML error: 'sibling_id {sibling}' does not refer to a valid cell within NUMA "
                f"'cell id {cell}'"
            )
            yield Violation("libvirt-distance", "parse", says, place)
        elif not 10 <= value <= 255 or (sibling == cell and value != 10):
            says = (
                f"XML error: 'value {value}' is invalid for 'sibling id {sibling}' under NUMA "
                f"'cell id {cell}'"
            )
            yield Violation("libvirt-distance", "parse", says, place)


def _memory_tuning(domain: Domain) -> Iterator[Violation]:
    numatune, place = domain.numatune, place_of(domain, "numatune")
    modes = [numatune.mode, *(m.mode for m in numatune.memnodes)]
    for mode in modes:
        if mode is not None and mode not in MODES:
            says = f"unsupported configuration: Unsupported NUMA memory tuning mode '{mode}'"
            yield Violation("libvirt-H14", "parse", says, place)
    static = numatune.has_memory and numatune.placement in (None, "static")
    if static and domain.vcpu_placement != "auto" and numatune.nodeset is None:
        says = (
            "unsupported configuration: nodeset for NUMA memory tuning must be set if 'placement' "
            "is 'static'"
        )
        yield Violation("libvirt-H14", "parse", says, place)
    if numatune.placement == "auto" and numatune.memnodes:
        says = (
            "unsupported configuration: Per-node binding is not compatible with automatic NUMA "
            "placement."
        )
        yield Violation("libvirt-H14", "parse", says, place)


def _memnodes(facts: DomainFacts) -> Iterator[Violation]:
    domain = facts.domain
    numatune = domain.numatune
    if numatune.memnodes and not domain.cells:
        says = "XML error: Element 'memnode' is invalid without any guest NUMA cells"
        yield Violation("libvirt-H14", "parse", says, place_of(domain, "numatune"))
        return
    seen: set[int] = set()
    for memnode in numatune.memnodes:
        place = f"memnode {memnode.cellid}" + (f" (line {memnode.line})" if memnode.line else "")
        for says in _memnode(memnode, domain, seen):
            yield Violation("libvirt-H14", "parse", f"XML error: {says}", place)
        if memnode.cellid is not None:
            seen.add(memnode.cellid)
        if says := _restrictive(memnode, numatune, facts):
            yield Violation("libvirt-H12", "parse", says, place)


def _memnode(memnode: Memnode, domain: Domain, seen: set[int]) -> Iterator[str]:
    if memnode.cellid is None:
        yield "Missing required attribute 'cellid' in element 'memnode'"
    elif memnode.cellid >= len(domain.cells):
        yield "Argument 'cellid' in memnode element must correspond to existing guest's NUMA cell"
    elif memnode.cellid in seen:
        yield f"Multiple memnode elements with cellid {memnode.cellid}"
    if memnode.nodeset is None:
        yield "Missing required nodeset attribute in memnode element"


def _restrictive(memnode: Memnode, numatune: Numatune, facts: DomainFacts) -> str:
    """All or none, from 9.4 on; before, only a restrictive ``<memory>`` demands it of memnodes."""
    mixed = (numatune.mode == "restrictive", memnode.mode == "restrictive")
    if not numatune.has_memory or mixed[0] == mixed[1]:
        return ""
    if mixed[0]:
        return (
            "XML error: 'restrictive' mode is required in memnode element when mode is "
            "'restrictive' in memory element"
        )
    if facts.libvirt >= (9, 4):
        return (
            "XML error: 'restrictive' mode is required in memory element when mode is "
            "'restrictive' in memnode element"
        )
    return ""


def _devices(domain: Domain) -> Iterator[Violation]:
    for device, place in devices_with_places(domain):
        if device.model not in MODELS:
            says = (
                "XML error: Invalid value for attribute 'model' in element 'memory': "
                f"'{device.model}'."
            )
            yield Violation("libvirt-N4", "parse", says, place)
        if device.size_kib is None:
            says = "XML error: missing element or attribute './size'"
            yield Violation("libvirt-N4", "parse", says, place)
        if 0 < (device.label_kib or 0) < 128:
            says = "XML error: nvdimm label must be at least 128KiB"
            yield Violation("libvirt-nvdimm", "parse", says, place)
        elif device.label_kib is not None and device.label_kib >= (device.size_kib or 0):
            says = "XML error: label size must be smaller than NVDIMM size"
            yield Violation("libvirt-nvdimm", "parse", says, place)

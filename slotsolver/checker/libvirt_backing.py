"""What libvirt's ``define`` refuses about hugepages and the devices that are no DIMMs.

libvirt 9.0 conf/domain_validate.c:virDomainDefValidateHugepages (per-node pages),
virDomainMemoryDefValidate; qemu/qemu_validate.c:qemuValidateDomainDefMemory.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from slotsolver.checker.domain_facts import DomainFacts, devices_with_places, place_of
from slotsolver.checker.violation import Violation
from slotsolver.ingest.domain import DomainDevice, HugePage

CONFIG = "unsupported configuration: "
THP_KIB = 2048
"""Size of a transparent huge page (KiB): the least block of virtio-mem on x86_64."""


def check_backing(facts: DomainFacts) -> Iterator[Violation]:
    """Hugepages, nvdimm and virtio-mem."""
    yield from _pages(facts)
    yield from _source(facts)
    for device, place in devices_with_places(facts.domain):
        if device.model == "virtio-mem":
            for says in _virtio_mem(device, facts):
                yield Violation("libvirt-virtio-mem", "define", says, place)
        if device.model == "nvdimm":
            for says in _nvdimm(device):
                yield Violation("libvirt-nvdimm", "define", says, place)


def _pages(facts: DomainFacts) -> Iterator[Violation]:
    domain, place = facts.domain, place_of(facts.domain, "memoryBacking")
    pages = domain.backing.hugepages or ()
    if any(p.size_kib == 0 for p in pages):
        yield Violation("libvirt-H1", "define", "hugepage size can't be zero", place)
    for one, other in combinations(pages, 2):
        if one.nodeset is None and other.nodeset is None:
            sizes = f"{other.size_kib or 0} and {one.size_kib or 0}"
            says = f"two master hugepages detected: {sizes}"
            yield Violation("libvirt-H1", "define", says, place)
        elif set(one.nodeset or ()) & set(other.nodeset or ()):
            sizes = f"{other.size_kib or 0} and {one.size_kib or 0}"
            says = f"nodeset attribute of hugepages of sizes {sizes} intersect"
            yield Violation("libvirt-H1", "define", says, place)
    for page in pages:
        for node in _missing_cells(page, len(domain.cells))[:1]:
            yield Violation("libvirt-H1", "define", f"hugepages: node {node} not found", place)


def _missing_cells(page: HugePage, cells: int) -> list[int]:
    """Without cells ``nodeset='0'`` alone is dropped (conf/domain_postparse.c)."""
    if not cells and page.nodeset == (0,):
        return []
    return [node for node in page.nodeset or () if node >= cells]


def _source(facts: DomainFacts) -> Iterator[Violation]:
    backing, place = facts.domain.backing, place_of(facts.domain, "memoryBacking")
    if backing.hugepages is None:
        return
    if backing.allocation == "ondemand":
        says = f"{CONFIG}hugepages are not allowed with memory allocation ondemand"
        yield Violation("libvirt-H6", "define", says, place)
    if backing.source == "anonymous":
        says = f"{CONFIG}hugepages are not allowed with anonymous memory source"
        yield Violation("libvirt-H6", "define", says, place)


def _virtio_mem(device: DomainDevice, facts: DomainFacts) -> Iterator[str]:
    block, size = device.block_kib or 0, device.size_kib or 0
    requested = device.requested_kib or 0
    if requested > size:
        yield (f"requested size must be smaller than or equal to @size ({size}KiB)")
    if block == 0 or block & (block - 1):
        yield "block size must be a power of two"
    elif block < THP_KIB:
        yield f"block size too small, must be at least {THP_KIB}KiB"
    elif requested % block:
        yield "requested size must be an integer multiple of block size"
    elif facts.libvirt >= (9, 8) and (device.virtio_base or 0) % (block << 10):
        yield "memory device address must be aligned to blocksize"


def _nvdimm(device: DomainDevice) -> Iterator[str]:
    if not device.path:
        yield "path is required for model 'nvdimm'"
    if device.discard is not None:
        yield f"{CONFIG}discard is not supported for nvdimms"

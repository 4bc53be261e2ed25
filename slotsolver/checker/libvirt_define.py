"""What libvirt's ``define`` refuses about sizes, slots and target nodes.

libvirt 9.0 conf/domain_postparse.c:virDomainDefPostParseMemory,
qemu/qemu_domain.c:qemuDomainDefValidateMemoryHotplug, qemu_domain_address.c:
qemuDomainAssignMemorySlots, conf/domain_validate.c:virDomainMemoryDefValidate.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from slotsolver.checker.domain_facts import (
    DomainFacts,
    devices_with_places,
    place_of,
    place_of_device,
)
from slotsolver.checker.violation import Violation
from slotsolver.size import KiB

CONFIG = "unsupported configuration: "
SLOT_MODELS = ("dimm", "nvdimm")


def check_define(facts: DomainFacts) -> Iterator[Violation]:
    """Everything that stops ``define`` after parsing."""
    yield from _totals(facts)
    unpaired = list(_pairing(facts))
    yield from unpaired
    yield from _maximum(facts)
    if facts.domain.devices and not facts.hotplug:
        says = f"{CONFIG}cannot use/hotplug a memory device when domain 'maxMemory' is not defined"
        yield Violation("libvirt-M7", "define", says, place_of(facts.domain, "domain"))
    elif facts.hotplug:
        yield from _target_nodes(facts)
        yield from _overlaps(facts)
    if facts.hotplug and not unpaired:
        yield from _slot_numbers(facts)
        yield from _slot_count(facts)


def _totals(facts: DomainFacts) -> Iterator[Violation]:
    place = place_of(facts.domain, "memory")
    if facts.initial_kib < 0:
        says = "XML error: Total size of memory devices exceeds the total memory size"
        yield Violation("libvirt-M2", "define", says, place)
    elif facts.initial_kib == 0:
        says = (
            "XML error: Memory size must be specified via <memory> or in the <numa> configuration"
        )
        yield Violation("libvirt-M3", "define", says, place)


def _pairing(facts: DomainFacts) -> Iterator[Violation]:
    """maxMemory and slots come together; from 9.5 on maxMemory may come alone."""
    place, maximum = place_of(facts.domain, "maxMemory"), facts.domain.max_memory_kib or 0
    if facts.libvirt < (9, 5) and bool(maximum) != bool(facts.slots):
        says = "XML error: both maximum memory size and memory slot count must be specified"
        yield Violation("libvirt-M5", "define", says, place)
    elif facts.slots and not maximum:
        says = (
            "XML error: maximum memory size must be specified when specifying number of memory "
            "slots"
        )
        yield Violation("libvirt-M5", "define", says, place)


def _maximum(facts: DomainFacts) -> Iterator[Violation]:
    place, maximum = place_of(facts.domain, "maxMemory"), facts.domain.max_memory_kib or 0
    if maximum and maximum < facts.total_kib:
        says = "XML error: maximum memory size must be equal or greater than the actual memory size"
        yield Violation("libvirt-M6", "define", says, place)


def _target_nodes(facts: DomainFacts) -> Iterator[Violation]:
    domain = facts.domain
    if not domain.cells and not facts.is_ppc:
        if facts.libvirt < (9, 6):
            says = (
                f"{CONFIG}At least one numa node has to be configured when enabling memory hotplug"
            )
            yield Violation("libvirt-N1", "define", says, place_of(domain, "domain"))
        return
    for device, place in devices_with_places(domain):
        if device.model == "virtio-pmem":
            if device.node is not None:
                says = f"{CONFIG}virtio-pmem does not support NUMA nodes"
                yield Violation("libvirt-virtio-pmem", "define", says, place)
        elif device.node is None:
            if domain.cells and device.model != "sgx-epc":
                says = f"{CONFIG}target NUMA node needs to be specified for memory device"
                yield Violation("libvirt-N2", "define", says, place)
        elif not domain.cells:
            says = "can't add memory backend as guest has no NUMA nodes configured"
            yield Violation("libvirt-N3", "define", says, place)
        elif device.node >= len(domain.cells):
            says = (
                f"can't add memory backend for guest node '{device.node}' as the guest has "
                f"only '{len(domain.cells)}' NUMA nodes configured"
            )
            yield Violation("libvirt-N3", "define", says, place)


def _slot_numbers(facts: DomainFacts) -> Iterator[Violation]:
    """Slots given twice or beyond the count, and before 9.8 the same base twice."""
    devices = [(d, p) for d, p in devices_with_places(facts.domain) if d.model in SLOT_MODELS]
    seen: set[int] = set()
    bases: set[int] = set()
    for device, place in devices:
        if device.slot is not None and device.slot >= facts.slots:
            says = f"{CONFIG}memory device slot '{device.slot}' exceeds slots count '{facts.slots}'"
            yield Violation("libvirt-S2", "define", says, place)
        if device.slot in seen:
            says = (
                f"{CONFIG}memory device slot '{device.slot}' is already being used by another "
                "memory device"
            )
            yield Violation("libvirt-S3", "define", says, place)
        if device.base in bases and facts.libvirt < (9, 8):
            says = (
                f"{CONFIG}memory device base '0x{device.base:x}' is already being used by another "
                "memory device"
            )
            yield Violation("libvirt-S3", "define", says, place)
        seen |= {device.slot} if device.slot is not None else set()
        bases |= {device.base} if device.base else set()


def _slot_count(facts: DomainFacts) -> Iterator[Violation]:
    """Every memory device counts before 9.5, then only those in DIMM slots."""
    devices, place = facts.domain.devices, place_of(facts.domain, "maxMemory")
    in_slots = [d for d in devices if d.model in SLOT_MODELS]
    given = {d.slot for d in in_slots if d.slot is not None and d.slot < facts.slots}
    if sum(d.slot is None for d in in_slots) > facts.slots - len(given):
        says = "internal error: failed to find an empty memory slot"
        yield Violation("libvirt-S1", "define", says, place)
    elif facts.libvirt >= (9, 5) and len(in_slots) > facts.slots:
        says = (
            f"{CONFIG}count of memory devices requiring memory slots '{len(in_slots)}' exceeds "
            f"slots count '{facts.slots}'"
        )
        yield Violation("libvirt-S4", "define", says, place)
    elif facts.libvirt < (9, 5) and len(devices) > facts.slots:
        says = f"{CONFIG}memory device count '{len(devices)}' exceeds slots count '{facts.slots}'"
        yield Violation("libvirt-S4", "define", says, place)


def _overlaps(facts: DomainFacts) -> Iterator[Violation]:
    """From 9.8 on explicit ranges may not overlap (virDomainMemoryDefCheckConflict)."""
    if facts.libvirt < (9, 8):
        return
    placed = [
        (base, base + (d.size_kib or 0) * KiB, place_of_device(i, d))
        for i, d in enumerate(facts.domain.devices)
        if (base := d.base or d.virtio_base)
    ]
    for one, other in combinations(placed, 2):
        if one[0] < other[1] and other[0] < one[1]:
            says = (
                f"{CONFIG}memory device address [0x{other[0]:x}:0x{other[1]:x}] overlaps with "
                f"other memory device (0x{one[0]:x})"
            )
            yield Violation("libvirt-overlap", "define", says, other[2])

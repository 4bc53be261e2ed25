"""What stops a start: the sizes that QEMU gets after libvirt's rounding, and its own checks.

``define`` sees none of this. QEMU prints one text and exits; each is found on its own here.
"""

from __future__ import annotations

from collections.abc import Iterator

from slotsolver.checker.domain_facts import DomainFacts, devices_with_places, place_of
from slotsolver.checker.inference import Backed
from slotsolver.checker.preallocation import refusal
from slotsolver.checker.violation import Violation
from slotsolver.platforms.memory_option import check_memory_option
from slotsolver.size import KiB

LARGEST_KIB = ((1 << 63) - 1) >> 10
"""libvirt 9.0 qemu/qemu_domain.c:qemuDomainAlignMemorySizes, ``maxmemkb``."""


def check_start(facts: DomainFacts) -> Iterator[Violation]:
    """libvirt's rounding and host look-ups, QEMU's ``-m`` and backends."""
    yield from _overflow(facts)
    yield from _machine(facts)
    for backed in (*facts.cell_backends, *facts.device_backends):
        yield from _mount(facts, backed)
    for backed in facts.cell_backends:
        yield from _boot_backend(backed)
    yield from _host_nodes(facts)
    yield from _bindable(facts)
    yield from _preallocated(facts)


def _overflow(facts: DomainFacts) -> Iterator[Violation]:
    prefix = "unsupported configuration: "
    place = place_of(facts.domain, "maxMemory")
    for number, cell in enumerate(facts.domain.cells):
        if facts.cell_size(cell) // KiB > LARGEST_KIB:
            says = f"{prefix}memory size of NUMA node '{number}' overflowed after alignment"
            yield Violation("libvirt-A4", "start", says, f"cell {cell.id}")
    if facts.maxmem // KiB > LARGEST_KIB:
        says = f"{prefix}maximum memory size overflowed after alignment"
        yield Violation("libvirt-A4", "start", says, place)
    for number, device in enumerate(facts.domain.devices):
        if facts.device_size(device) // KiB > LARGEST_KIB:
            says = f"{prefix}size of memory module '{number}' overflowed after alignment"
            yield Violation("libvirt-A4", "start", says, place)


def _machine(facts: DomainFacts) -> Iterator[Violation]:
    """``-m`` as libvirt writes it, on this machine type."""
    place = place_of(facts.domain, "maxMemory")
    if not facts.hotplug:
        return
    if facts.platform is None:
        says = f"\"-memory 'slots|maxmem'\" is not supported by: {facts.domain.machine}"
        yield Violation("qemu-1.11", "start", says, place)
        return
    nodes = [facts.cell_size(c) for c in facts.domain.cells]
    error = check_memory_option(
        facts.platform, facts.ram, facts.slots, facts.maxmem, nodes, **facts.map_options
    )
    if error is not None:
        yield Violation(f"qemu-{_rule(error)}", "start", error, place)


def _rule(error: str) -> str:
    """The rule's number, by the text that QEMU has for it."""
    known = {
        "maximum memory size (0x": "1.3",
        "memory slots were specified": "1.4",
        "amount of memory slots": "1.7",
        "number of memory slots": "1.7",
        "must by aligned": "1.8",
        "256 MiB": "1.10",
        "phys-bits": "2.4",
        "Addressing limited": "2.7",
    }
    return next((rule for part, rule in reversed(known.items()) if part in error), "1")


def _host_nodes(facts: DomainFacts) -> Iterator[Violation]:
    """util/virnuma.c:virNumaNodesetIsAvailable; restrictive sets, too, reach it."""
    numatune = facts.domain.numatune
    sets = [(numatune.nodeset, "numatune memory")] if numatune.placement != "auto" else []
    sets += [(m.nodeset, f"memnode {m.cellid}") for m in numatune.memnodes]
    sets += [(device.nodemask, place) for device, place in devices_with_places(facts.domain)]
    for nodes, place in sets:
        for node in _absent(facts, nodes or ())[:1]:
            says = f"unsupported configuration: NUMA node {node} is unavailable"
            yield Violation("libvirt-H10", "start", says, place)


def _absent(facts: DomainFacts, nodes: tuple[int, ...]) -> list[int]:
    if facts.host is None:
        return []
    there = {n.id for n in facts.host.nodes}
    return [node for node in nodes if node not in there]


def _mount(facts: DomainFacts, backed: Backed) -> Iterator[Violation]:
    """qemu/qemu_conf.c:qemuGetDomainHupageMemPath; a page size that the host has is mounted."""
    if facts.host is None or not backed.huge or backed.page_size in facts.host.page_sizes():
        return
    if len(facts.host.page_sizes()) == 1:
        says = (
            "internal error: hugetlbfs filesystem is not mounted or disabled by administrator "
            "config"
        )
    else:
        says = (
            "internal error: Unable to find any usable hugetlbfs mount for "
            f"{backed.page_size // KiB} KiB"
        )
    yield Violation("libvirt-H4", "start", says, backed.place)


def _boot_backend(backed: Backed) -> Iterator[Violation]:
    if backed.size == 0:
        says = f"property 'size' of {backed.kind} doesn't take value '0'"
        yield Violation("libvirt-M9", "start", says, backed.place)
    elif backed.huge and backed.size < backed.page_size:
        says = (
            f"memory size 0x{backed.size:x} must be equal to or larger than page size "
            f"0x{backed.page_size:x}"
        )
        yield Violation("libvirt-A7", "start", says, backed.place)


def _bindable(facts: DomainFacts) -> Iterator[Violation]:
    """A backend can only be bound to nodes with memory (Linux mm/mempolicy.c:mpol_set_nodemask)
    that QEMU's own cpuset permits: before 9.5 that is ``<memory nodeset>`` while it allocates
    (qemu/qemu_process.c:qemuProcessLaunch). Nodes that are not there are told of before."""
    host = facts.host
    empty = {node.id for node in host.nodes if not node.memory} if host else set()
    for backed in (*facts.cell_backends, *facts.device_backends):
        nodes = set(backed.nodes) - empty
        if facts.cpuset is not None:
            nodes &= facts.cpuset
        if backed.nodes and not nodes:
            says = "cannot bind memory to host NUMA nodes: Invalid argument"
            yield Violation("libvirt-H15", "start", says, backed.place)


def _preallocated(facts: DomainFacts) -> Iterator[Violation]:
    """What is allocated at the start is bound where QEMU can do that."""
    host, domain = facts.host, facts.domain
    if host is None or domain.running:
        return
    immediate = domain.backing.allocation == "immediate"
    devices = zip(domain.devices, facts.device_backends, strict=True)
    fixed = [backed for device, backed in devices if device.model != "virtio-mem"]
    for backed in (*facts.cell_backends, *fixed):
        if backed.nodes and backed.mode != "restrictive" and (backed.huge or immediate):
            pinned = domain.emulator_cpus
            if says := refusal(host, backed.nodes, pinned, facts.qemu, facts.libvirt):
                yield Violation("libvirt-H16", "start", says, backed.place)

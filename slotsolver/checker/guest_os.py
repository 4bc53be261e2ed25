"""What the guest's kernel does not take, while QEMU and libvirt report success."""

from __future__ import annotations

from collections.abc import Iterator

from slotsolver.checker.domain_facts import DomainFacts
from slotsolver.checker.start_devices import Plugged
from slotsolver.checker.violation import Violation
from slotsolver.platforms.linux_guest import refusal, virtio_mem_guest_usable
from slotsolver.size import format_size


def guest_block(facts: DomainFacts, given: int | None) -> int:
    """The guest's memory block (bytes): as given, as planned before, or by the layout."""
    if given is not None:
        return given
    growth = facts.domain.growth
    if growth is not None and growth.block:
        return growth.block
    if facts.platform is None:
        return 1
    return facts.platform.memory_block(facts.ram, facts.maxmem, facts.slots, **facts.map_options)


def check_guest(facts: DomainFacts, inside: list[Plugged], block: int) -> Iterator[Violation]:
    """Blocks and nodes of every device that is plugged, and of planned growth."""
    for plugged in inside:
        if plugged.device.model == "dimm":
            if says := refusal(plugged.address, plugged.size, block):
                yield Violation("libvirt-A8", "guest", says, plugged.place)
        elif plugged.device.model == "virtio-mem":
            usable = virtio_mem_guest_usable(plugged.address, plugged.size, block)
            if usable < plugged.size:
                says = (
                    "The alignment of the physical start address can make some memory unusable.: "
                    f"{format_size(usable)} of {format_size(plugged.size)} can be used"
                )
                yield Violation("qemu-8-block", "guest", says, plugged.place)
        yield from _node(facts, plugged.device.node, plugged.place)
    for dimm in facts.domain.planned:
        place = f"planned slot {dimm.slot}"
        if says := refusal(dimm.address, dimm.size, block):
            yield Violation("libvirt-A8", "guest", says, place)
        yield from _node(facts, dimm.cell, place)


def _node(facts: DomainFacts, node: int | None, place: str) -> Iterator[Violation]:
    """The SRAT names nodes with CPUs or boot memory, and the last (hw/i386/acpi-build.c)."""
    cells = facts.domain.cells
    if node is None or node >= len(cells) - 1:
        return
    cell = next((c for c in cells if c.id == node), None)
    # vCPUs that are in no cell go to cell 0 (libvirt qemu_domain.c:qemuDomainDefNumaCPUsRectify).
    spare = node == 0 and sum(len(c.cpus) for c in cells) < facts.domain.vcpus
    if cell is not None and not cell.cpus and not cell.memory_kib and not spare:
        says = (
            f"the guest kernel does not know node {node} (no CPU, no boot memory, not the last) "
            "and puts its memory into node 0"
        )
        yield Violation("qemu-6-node", "guest", says, place)

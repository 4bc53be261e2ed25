"""Memory devices at the start, plugged one by one in document order as QEMU does.

Devices without a base are placed by QEMU's own first fit, so one listed early can take the range of
an explicit one listed late. Then the growth that the domain's metadata plans is plugged on top.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

from slotsolver.checker.domain_facts import DomainFacts, devices_with_places
from slotsolver.checker.inference import Backed
from slotsolver.checker.violation import Violation
from slotsolver.ingest.domain import Domain, DomainDevice
from slotsolver.platforms.device_memory import DeviceMemory, Dimm, VirtioMem
from slotsolver.size import KiB

RULES = {
    "doesn't take value '0'": "libvirt-N5",
    "equal to or larger than page": "libvirt-A7",
    "virtio-pmem": "libvirt-virtio-pmem",
    "not enabled": "libvirt-S9",
    "'dimm' addresses": "libvirt-S6",
    "slot": "qemu-3.2-slot",
    "not enough space": "qemu-3.2-space",
    "address must be aligned": "qemu-3.2-address",
    "backend memory size": "qemu-3.2-size",
    "usable range": "qemu-3.2-range",
    "conflicts": "qemu-3.2-overlap",
    "could not find position": "qemu-3.2-fragmented",
    "256 MB": "qemu-2.8",
    "block-size": "qemu-8",
    "numa nodes": "qemu-3.2-node",
}
"""Stable codes by a part of QEMU's text."""


@dataclass(frozen=True)
class Plugged:
    """A device of the domain at the address that QEMU gives it (bytes)."""

    device: DomainDevice
    address: int
    size: int
    place: str


def plug_all(
    facts: DomainFacts, left_out: frozenset[str]
) -> tuple[list[Plugged], list[Violation], DeviceMemory | None]:
    """Plug every device: what came in, what was refused, and the device memory afterwards.

    ``left_out`` are the places of devices that ``define`` refused already.
    """
    memory = device_memory(facts)
    if memory is None:
        return [], [], None
    inside: list[Plugged] = []
    refused: list[Violation] = []
    named = zip(assigned(facts.domain), devices_with_places(facts.domain), strict=True)
    for ((name, slot), (device, place)), backed in zip(named, facts.device_backends, strict=True):
        if place in left_out:
            continue
        refusal = _own_refusal(facts, device, backed)
        if refusal is None and device.model != "sgx-epc":
            result = memory.plug(_as_plugged(facts, device, backed, name, slot))
            refusal = result.error
            if result.address is not None:
                inside.append(Plugged(device, result.address, backed.size, place))
        if refusal is not None:
            refused.append(Violation(_code(refusal), "start", refusal, place))
    return inside, refused, memory


def device_memory(facts: DomainFacts) -> DeviceMemory | None:
    """QEMU's device memory before anything is plugged; ``None`` where there is none to speak of."""
    platform = facts.platform
    if platform is None or not facts.hotplug or facts.maxmem < facts.ram:
        return None
    layout = platform.memory_map(facts.ram, facts.maxmem, facts.slots, **facts.map_options)
    return DeviceMemory(
        platform,
        layout.window,
        facts.maxmem - facts.ram,
        facts.slots,
        len(facts.domain.cells),
        facts.qemu,
        _blocked(facts),
    )


def assigned(domain: Domain) -> list[tuple[str, int]]:
    """Each device's alias and slot (-1: none): explicit slots first, then the lowest free one in
    document order (libvirt 9.0 qemu_domain_address.c:qemuDomainAssignMemorySlots, qemu_alias.c)."""
    taken = {d.slot for d in domain.devices if d.slot is not None}
    names, counts = [], Counter[str]()
    for device in domain.devices:
        slot = -1
        if device.model in ("dimm", "nvdimm"):
            free = (i for i in range(len(taken) + 1) if i not in taken)
            slot = next(free) if device.slot is None else device.slot
            taken.add(slot)
        name = device.model.replace("-", "")
        number = counts[name] if slot < 0 else slot
        counts[name] += 1
        names.append((device.alias or f"{name}{number}", slot))
    return names


def _blocked(facts: DomainFacts) -> str | None:
    """Why the machine takes no DIMM at all (hw/i386/pc.c, hw/arm/virt.c)."""
    arch = facts.platform.arch if facts.platform else ""
    if arch == "x86_64" and not facts.domain.acpi:
        return "memory hotplug is not enabled: missing acpi device or acpi disabled"
    if arch == "aarch64" and not (facts.domain.acpi and facts.domain.firmware):
        return "memory hotplug is not enabled: missing acpi-ged device"
    return None


def _own_refusal(facts: DomainFacts, device: DomainDevice, backed: Backed) -> str | None:
    """What is refused before the device meets the device memory."""
    if device.model == "dimm" and device.address_type not in (None, "dimm"):
        # libvirt 9.0 lets it pass and hands leftovers of the other address to QEMU.
        return "only 'dimm' addresses are supported for the pc-dimm device"
    if device.model == "virtio-pmem" and facts.libvirt < (9, 1):
        return "internal error: virtio-pmem memory device info is not handled yet"
    if backed.size == 0:
        return f"property 'size' of {backed.kind} doesn't take value '0'"
    if backed.huge and backed.size < backed.page_size:
        return (
            f"memory size 0x{backed.size:x} must be equal to or larger than page size "
            f"0x{backed.page_size:x}"
        )
    return None


def _as_plugged(
    facts: DomainFacts, device: DomainDevice, backed: Backed, name: str, slot: int
) -> Dimm | VirtioMem:
    """The device as QEMU's command line has it."""
    align, node = facts.alignment(backed), device.node or 0
    if device.model in ("virtio-mem", "virtio-pmem"):
        return VirtioMem(
            name,
            backed.size,
            align,
            device.virtio_base or 0,
            node,
            block_size=(device.block_kib or 0) * KiB or align,
            requested=(device.requested_kib or 0) * KiB,
            page_size=backed.page_size,
            base_page=facts.base_page,
        )
    size = backed.size
    if device.model == "nvdimm":
        size = (size - (device.label_kib or 0) * KiB) // align * align
    return Dimm(name, size, align, slot, device.base or 0, node)


def _code(text: str) -> str:
    return next((code for part, code in RULES.items() if part in text), "qemu-5")


def check_growth(facts: DomainFacts, memory: DeviceMemory) -> Iterator[Violation]:
    """The planned DIMMs, plugged in their order, come in as well, at their slots and addresses."""
    backends = {b.cell: b for b in facts.cell_backends}
    for dimm in sorted(facts.domain.planned, key=lambda d: (d.stage, d.slot)):
        place = f"planned slot {dimm.slot}" + (f" (line {dimm.line})" if dimm.line else "")
        backed = backends.get(dimm.cell)
        if backed is None:
            says = (
                f"can't add memory backend for guest node '{dimm.cell}' as the guest has only "
                f"'{len(facts.domain.cells)}' NUMA nodes configured"
            )
            yield Violation("growth-cell", "plan", says, place)
            continue
        if dimm.page_size is not None:
            backed = replace(backed, page_size=dimm.page_size)
        align = facts.alignment(backed)
        result = memory.plug(Dimm(place, dimm.size, align, dimm.slot, dimm.address, dimm.cell))
        if result.error is not None:
            yield Violation("growth-" + _code(result.error), "plan", result.error, place)

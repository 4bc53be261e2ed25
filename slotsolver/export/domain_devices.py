"""The memory devices of an existing domain XML.

A device that is there keeps its element as it stands; where it lacks its slot or base and the plan
knows them, they are added. New DIMMs stand behind the last memory device, in slot order: the order
of the devices is part of the migration ABI (libvirt 9.0 conf/domain_conf.c:
virDomainDefCheckABIStabilityFlags), so the old ones never move.
"""

from __future__ import annotations

from slotsolver.export import domain_parts as parts
from slotsolver.export.domain_text import DomainText, means, value_kib
from slotsolver.export.xmltext import Element
from slotsolver.plan import PlannedDimm
from slotsolver.size import KiB


def edit_devices(domain: DomainText) -> int:
    """Add, complete and remove DIMMs. The KiB of all memory devices that are there afterwards."""
    layout = domain.layout
    devices = domain.all("devices/memory")
    total = sum(dimm.size // KiB for dimm in layout.added)
    pairs = _pairs(domain, [d for d in devices if d.attributes.get("model") == "dimm"])
    for device in devices:
        dimm = pairs.get(device)
        if dimm is not None and dimm.state == "unplug":
            domain.xml.remove(device)
            continue
        total += _size_kib(device)
        if dimm is not None:
            _complete(domain, device, dimm)
    added = [parts.dimm_device(layout, dimm) for dimm in layout.added]
    domain.add("devices", added, after=devices[-1] if devices else None)
    return total


def devices_kib(domain: DomainText) -> int:
    """The KiB of all memory devices that the document has as it was read."""
    return sum(_size_kib(device) for device in domain.all("devices/memory"))


def _size_kib(device: Element) -> int:
    size = device.find("target/size")
    return value_kib(size) if size is not None else 0


def _pairs(domain: DomainText, devices: list[Element]) -> dict[Element, PlannedDimm]:
    """Which planned DIMM each device is: by slot; one without, by size and cell in slot order.

    That is how libvirt hands out slots at define, the lowest free one in document order
    (qemu/qemu_domain_address.c:qemuDomainAssignMemorySlots).
    """
    states = ("present", "unplug")
    known = {d.slot: d for d in domain.layout.planned.dimms if d.state in states}
    pairs = {}
    without = []
    for device in devices:
        slot = _slot(device)
        if slot is None:
            without.append(device)
        elif slot in known:
            pairs[device] = known.pop(slot)
    for device in without:
        kib, alignment = _size_kib(device), domain.layout.platform.dimm_alignment
        alike = [
            slot
            for slot, dimm in known.items()
            if dimm.cell == _cell(device) and means(kib, dimm.size, alignment)
        ]
        if alike:
            pairs[device] = known.pop(min(alike))
    return pairs


def _slot(device: Element) -> int | None:
    address = device.find("address")
    return int(address.attributes["slot"]) if address and "slot" in address.attributes else None


def _cell(device: Element) -> int:
    node = device.find("target/node")
    return int(node.value) if node is not None else 0


def _complete(domain: DomainText, device: Element, dimm: PlannedDimm) -> None:
    """Add the slot and base that the plan knows and the device lacks."""
    address = device.find("address")
    if address is None:
        domain.xml.insert(device, [parts.dimm_address(dimm)])
    elif not int(address.attributes.get("base", "0"), 16):  # 0 is "not set", as in libvirt
        domain.xml.set_attribute(address, "base", f"0x{dimm.address:x}")

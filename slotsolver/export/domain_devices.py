"""The memory devices of an existing domain XML.

A device that is there keeps its element as it stands; where it lacks its slot or base and the plan
knows them, they are added; on another host its own page size and host nodes may change. New devices
stand behind the last memory device, DIMMs first, in the order in which they are plugged: the order
of the devices is part of the migration ABI (libvirt 9.0 conf/domain_conf.c:
virDomainDefCheckABIStabilityFlags), so the old ones never move.
"""

from __future__ import annotations

from slotsolver.errors import DefectError
from slotsolver.export import domain_parts as parts
from slotsolver.export.domain_text import DomainText, means, value_kib
from slotsolver.export.xmltext import Element
from slotsolver.fields import parse_ids
from slotsolver.plan import PlannedDimm, PlannedVirtioMem
from slotsolver.size import KiB


def edit_devices(domain: DomainText) -> int:
    """Add, complete and remove DIMMs. The KiB of all memory devices that are there afterwards."""
    layout = domain.layout
    devices = domain.all("devices/memory")
    total = sum(dimm.size // KiB for dimm in layout.added)
    total += sum(virtio.size // KiB for virtio in layout.new_virtio)
    pairs = _pairs(domain, _of_model(devices, "dimm"))
    for device in devices:
        dimm = pairs.get(device)
        if dimm is not None and dimm.state == "unplug":
            domain.xml.remove(device)
            continue
        total += _size_kib(device)
        if dimm is not None:
            _complete(domain, device, dimm)
            _edit_source(domain, device, dimm)
        elif device.attributes.get("model") != "virtio-mem":
            _edit_foreign(domain, device)
    for device, virtio in virtio_pairs(domain):
        _edit_virtio(domain, device, virtio)
        _edit_source(domain, device, virtio)
    added = [parts.dimm_device(layout, dimm) for dimm in layout.added]
    added += [
        parts.virtio_mem_device(layout, virtio, pinned=layout.pins_virtio)
        for virtio in layout.new_virtio
    ]
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


def _of_model(devices: list[Element], model: str) -> list[Element]:
    return [device for device in devices if device.attributes.get("model") == model]


def virtio_pairs(domain: DomainText) -> list[tuple[Element, PlannedVirtioMem]]:
    """The virtio-mem devices of the document and what is planned for each: by alias, else in
    order."""
    elements = _of_model(domain.all("devices/memory"), "virtio-mem")
    planned = [v for v in domain.layout.planned.virtio_mem if v.before is not None]
    by_alias = {virtio.alias: virtio for virtio in planned if virtio.alias}
    named = [by_alias.get(_alias(element)) for element in elements]
    if None not in named:
        planned = [virtio for virtio in named if virtio is not None]
    return list(zip(elements, planned, strict=False))


def _alias(element: Element) -> str:
    alias = element.find("alias")
    return alias.attributes.get("name", "") if alias is not None else ""


def _edit_virtio(domain: DomainText, device: Element, virtio: PlannedVirtioMem) -> None:
    """What is requested of a virtio-mem device."""
    requested, target = device.find("target/requested"), device.find("target")
    if requested is not None:
        if value_kib(requested) * KiB != virtio.requested:
            domain.set_kib(requested, virtio.requested // KiB)
    elif virtio.requested and target is not None:
        domain.xml.insert(target, [parts.size("requested", virtio.requested)])


def _edit_source(
    domain: DomainText, device: Element, planned: PlannedDimm | PlannedVirtioMem
) -> None:
    """A page size and host nodes of its own that are not the planned ones: on another host."""
    cell, source = domain.layout.cell(planned.cell), device.find("source")
    if source is None:
        return
    wrong = []
    for child in source.children:
        if child.name == "pagesize" and value_kib(child) * KiB != planned.page_size:
            wrong.append(child)
        elif child.name == "nodemask" and planned.host_nodes:
            wrong += [child] if parse_ids(child.value) != planned.host_nodes else []
    if wrong and (planned.page_size, planned.host_nodes) != (cell.page_size, cell.host_nodes):
        raise DefectError(f"a device is on other pages or nodes than its cell: {planned}")
    for child in [source] if wrong == source.children else wrong:
        domain.xml.remove(child)


def _edit_foreign(domain: DomainText, device: Element) -> None:
    """A device that is in no plan is bound as its cell is where the host lacks nodes of its own:
    on another host."""
    mask, host = device.find("source/nodemask"), domain.layout.host
    if mask is None or host is None:
        return
    if not set(parse_ids(mask.value)) <= {node.id for node in host.nodes}:
        domain.xml.remove(mask)

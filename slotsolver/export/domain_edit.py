"""A guest's own domain XML, changed where its meaning differs from the plan and nowhere else.

A size that libvirt rounds to the planned one when it starts the guest means the same and stays
(libvirt 9.0 qemu/qemu_domain.c:qemuDomainAlignMemorySizes). The totals follow from the cells and
devices that the edited document holds, as libvirt counts them at define
(conf/domain_postparse.c:virDomainDefPostParseMemory).
"""

from __future__ import annotations

from slotsolver.export import domain_parts as parts
from slotsolver.export.domain_devices import devices_kib, edit_devices, virtio_pairs
from slotsolver.export.domain_placement import edit_hugepages, edit_numatune
from slotsolver.export.domain_text import DomainText, in_unit, means, read_kib, value_kib
from slotsolver.export.layout import Layout
from slotsolver.export.xmltext import Element, New
from slotsolver.metadata import NAMESPACE
from slotsolver.size import KiB


def edited_domain(layout: Layout, xml: str) -> str:
    """``xml`` with what the plan says; the very same text where it says so already."""
    domain = DomainText(layout, xml)
    _edit_growth(domain)
    _edit_max_memory(domain)
    before = _initial_kib(domain) + devices_kib(domain)
    after = _edit_cells(domain) + edit_devices(domain)
    _edit_totals(domain, before=before, after=after)
    edit_hugepages(domain)
    edit_numatune(domain)
    _edit_acpi(domain)
    return domain.text()


def _initial_kib(domain: DomainText) -> int:
    """Memory without devices as libvirt counts it: the cells' sum, else ``<memory>`` less them."""
    cells = domain.all("cpu/numa/cell")
    if cells:
        return sum(_cell_kib(cell) for cell in cells)
    memory = domain.find("memory")
    return value_kib(memory) - devices_kib(domain) if memory is not None else 0


def _cell_kib(cell: Element) -> int:
    return read_kib(cell.attributes["memory"], cell.attributes.get("unit"))


def _edit_cells(domain: DomainText) -> int:
    """Give each cell its planned boot memory. The KiB of boot memory that then stands there."""
    cells = domain.all("cpu/numa/cell")
    alignment = domain.layout.platform.memory_alignment
    if not cells:
        if domain.needs_cells:
            _add_cells(domain)
        initial, boot = _initial_kib(domain), domain.layout.boot
        same = not domain.needs_cells and means(initial, boot, alignment)
        return initial if same else boot // KiB
    total = 0
    for place, cell in enumerate(cells):
        planned = domain.layout.cell(int(cell.attributes.get("id", place))).boot
        kib = _cell_kib(cell)
        if not means(kib, planned, alignment):
            kib = planned // KiB
            value, unit = in_unit(kib, cell.attributes.get("unit"))
            domain.xml.set_attribute(cell, "memory", value)
            if unit != cell.attributes.get("unit", "KiB"):
                domain.xml.set_attribute(cell, "unit", unit)
        total += kib
    return total


def _add_cells(domain: DomainText) -> None:
    cells = [parts.cell(domain.layout, cell.id) for cell in domain.layout.planned.cells]
    domain.add("cpu", [New("numa", content=cells)])


def _edit_max_memory(domain: DomainText) -> None:
    """``<maxMemory>`` and its slots, there where the guest can grow or has memory devices."""
    planned = domain.layout.planned
    element = domain.find("maxMemory")
    if element is None:
        if domain.layout.hotplug:
            domain.place(parts.max_memory(domain.layout))
        return
    if not domain.layout.hotplug:
        domain.xml.remove(element)
        return
    alignment = domain.layout.platform.memory_alignment
    if not means(value_kib(element), planned.maximum, alignment):
        domain.set_kib(element, planned.maximum // KiB)
    if int(element.attributes.get("slots", "0")) != planned.slots:
        domain.xml.set_attribute(element, "slots", str(planned.slots))


def _edit_totals(domain: DomainText, *, before: int, after: int) -> None:
    """``<memory>`` is the sum; ``<currentMemory>`` keeps its distance to it.

    A ``<currentMemory>`` below the total is a balloon that somebody inflated on purpose: it moves
    with the total, as libvirt moves it when it plugs a DIMM (qemu/qemu_hotplug.c), and stays where
    the total stays. Of a virtio-mem device the total has all and ``<currentMemory>`` what it gives.
    """
    memory, current = domain.find("memory"), domain.find("currentMemory")
    said = value_kib(memory) if memory is not None else before
    if memory is not None and said != after:
        domain.set_kib(memory, after)
    if current is None:
        return
    now = value_kib(current)
    inflated = 0 if now in (0, said) else before - now - _moved_kib(domain)
    wanted = after - inflated if 0 < inflated < after else after
    if now not in (0, wanted):
        domain.set_kib(current, wanted)


def _moved_kib(domain: DomainText) -> int:
    """By how much virtio-mem devices come to give more than ``<currentMemory>`` counts of them
    (KiB): that is what they give now, which a live XML says, and QEMU. A stored XML does not, and
    counts what is requested."""
    told = [d.current for d in domain.layout.guest.devices if d.model == "virtio-mem"]
    there = [virtio for virtio in domain.layout.planned.virtio_mem if virtio.before is not None]
    moved = 0
    for device, virtio in virtio_pairs(domain):
        current, now = device.find("target/current"), told[there.index(virtio)]
        if current is not None:
            now = value_kib(current) * KiB
        moved += virtio.requested - ((virtio.before or 0) if now is None else now)
    return moved // KiB


def _edit_acpi(domain: DomainText) -> None:
    """``<acpi/>``, without which QEMU plugs no DIMM; POWER machines have none."""
    if domain.layout.hotplug and domain.layout.has_acpi and domain.find("features/acpi") is None:
        domain.add("features", [New("acpi")])


def _edit_growth(domain: DomainText) -> None:
    """slotsolver's own metadata: the reserved DIMMs, or nothing."""
    metadata = domain.find("metadata")
    existing = [
        child
        for child in (metadata.children if metadata else [])
        if (child.namespace, child.local_name) == (NAMESPACE, "growth")
    ]
    wanted = parts.growth(domain.layout)
    if len(existing) == (wanted is not None) and all(_same(e, wanted) for e in existing):
        return
    if wanted is not None:
        domain.add("metadata", [wanted], after=existing[-1] if existing else None)
    elif metadata and existing == metadata.children:
        existing = [metadata]
    for element in existing:
        domain.xml.remove(element)


def _same(element: Element, new: New | None) -> bool:
    """Whether an element says what a new one would, whatever its prefix."""
    if new is None or element.local_name != new.name.rpartition(":")[2]:
        return False
    attributes = {k: v for k, v in element.attributes.items() if not k.startswith("xmlns")}
    wanted = {k: v for k, v in new.attributes.items() if not k.startswith("xmlns")}
    children = list(new.children)
    return (
        attributes == wanted
        and len(element.children) == len(children)
        and all(map(_same, element.children, children))
    )

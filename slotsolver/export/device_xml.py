"""The device of each operation as libvirt XML, for ``virsh attach-device`` and its like.

libvirt finds the device to detach by its address, model, size, cell, page size and host nodes, all
of which have to be as they stand in the live XML (libvirt 9.0 conf/domain_conf.c:
virDomainMemoryFindByDefInternal). So a device that is there is the guest's own element, to the
letter, wherever the guest was read from a live XML.

Sizes need no rounding: libvirt rounds what is hot-plugged to 1 MiB only, where a start rounds to
2 MiB (qemu/qemu_domain.c:qemuDomainMemoryDeviceAlignSize), but a plan's sizes are whole already.
"""

from __future__ import annotations

import textwrap

from slotsolver.export import domain_parts as parts
from slotsolver.export.layout import Layout
from slotsolver.export.xmltext import Element, New, XmlText
from slotsolver.fields import format_ids
from slotsolver.plan import Operation, PlannedVirtioMem
from slotsolver.problem import Device
from slotsolver.size import KiB


def device_xml(layout: Layout, operation: Operation) -> str:
    """The device that an operation attaches, detaches or changes; ends with a newline."""
    if operation.do == "plug":
        return parts.dimm_device(layout, layout.dimm(operation)).render() + "\n"
    if operation.do == "unplug":
        return _there(layout, _dimm(layout, operation)) or _detached(layout, operation)
    return _resized(layout, operation)


def _dimm(layout: Layout, operation: Operation) -> Element | None:
    """The live element of the DIMM in an operation's slot."""
    dimm = layout.dimm(operation)
    for element in _elements(layout):
        address = element.find("address")
        said = address.attributes if address else {}
        if (said.get("type"), said.get("slot")) == ("dimm", str(dimm.slot)):
            base = int(said.get("base", "0"), 16)
            return element if base == dimm.address else None
    return None


def _elements(layout: Layout) -> list[Element]:
    """The memory devices of the guest's own document."""
    devices = _document(layout).root.find("devices") if layout.guest.xml is not None else None
    return devices.all("memory") if devices else []


def _document(layout: Layout) -> XmlText:
    return XmlText(layout.guest.xml or "<domain/>", source=f"guest {layout.guest.name}")


def _there(layout: Layout, element: Element | None) -> str | None:
    """An element's own text, moved to the left."""
    if element is None:
        return None
    first, *rest = _document(layout).written(element).splitlines()
    return "\n".join([first, *textwrap.dedent("\n".join(rest)).splitlines()]) + "\n"


def _detached(layout: Layout, operation: Operation) -> str:
    """A DIMM that is there, from what is known of it."""
    device = next(d for d in layout.guest.devices if d.takes_slot and d.slot == operation.slot)
    target = [parts.size("size", device.size), New("node", content=str(device.cell or 0))]
    content = [*_source(device), New("target", content=target)]
    content.append(parts.dimm_address(layout.dimm(operation)))
    return New("memory", {"model": "dimm"}, content).render() + "\n"


def _source(device: Device) -> list[New]:
    """``<source>`` where the device overrides its cell."""
    source = []
    if device.page_size:
        source.append(parts.size("pagesize", device.page_size))
    if device.host_nodes:
        source.append(New("nodemask", content=format_ids(device.host_nodes)))
    return [New("source", content=source)] if source else []


def _resized(layout: Layout, operation: Operation) -> str:
    """A virtio-mem device with the size that is to be requested of it.

    It has its alias, which a migratable XML leaves out: without it libvirt 9.0 finds the device,
    and asks QEMU for one that has no name (seen: ``'/machine/peripheral/(null)' not found``). In a
    stored XML it would not be found with it.
    """
    planned = next(v for v in layout.planned.virtio_mem if v.number == operation.number)
    element = _virtio_mem(layout, planned)
    text = _there(layout, element)
    if text is None:
        changed = planned.model_copy(update={"requested": operation.size})
        device = parts.virtio_mem_device(layout, changed, pinned=False)
        alias = [New("alias", {"name": planned.alias})] if planned.alias else []
        return New(device.name, device.attributes, [*device.children, *alias]).render() + "\n"
    own = XmlText(text)
    requested = own.root.find("target/requested")
    target = own.root.find("target")
    if requested is not None:
        own.set_value(requested, str(operation.size // KiB))
        own.set_attribute(requested, "unit", "KiB")
    elif target is not None:
        own.insert(target, [parts.size("requested", operation.size)])
    if planned.alias and own.root.find("alias") is None:
        own.insert(own.root, [New("alias", {"name": planned.alias})], after=target)
    return own.text()


def _virtio_mem(layout: Layout, planned: PlannedVirtioMem) -> Element | None:
    """The live element of a virtio-mem device: by its alias, else by its place among its kind."""
    found = [e for e in _elements(layout) if e.attributes.get("model") == "virtio-mem"]
    for element in found:
        alias = element.find("alias")
        if alias is not None and alias.attributes.get("name") == planned.alias:
            return element
    there = [v for v in layout.planned.virtio_mem if v.before is not None]
    return found[there.index(planned)] if len(found) == len(there) else None

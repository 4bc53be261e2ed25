"""A complete minimal domain XML, for guests that were not read from one.

It holds what slotsolver owns and what libvirt demands beside it (name, vCPUs, os, features); what
libvirt fills in by itself (uuid, emulator, controllers, clock) is left to it. Elements stand in
the order in which libvirt prints them (conf/domain_conf.c:virDomainDefFormatInternalSetRootName).
"""

from __future__ import annotations

from slotsolver.errors import InputError
from slotsolver.export import domain_parts as parts
from slotsolver.export.layout import Layout
from slotsolver.export.xmltext import New


def new_domain(layout: Layout, *, domain_type: str) -> New:
    """The whole ``<domain>``. :class:`InputError` for a device that cannot be rebuilt."""
    total = parts.size("memory", layout.planned.memory + layout.idle)
    current = parts.size("currentMemory", layout.planned.memory + layout.idle)
    elements = [
        New("name", content=layout.guest.name),
        *_metadata(layout),
        *([parts.max_memory(layout)] if layout.hotplug else []),
        total,
        current,
        *_backing(layout),
        New("vcpu", {"placement": "static"}, str(layout.vcpus)),
        *_numatune(layout),
        *_platform(layout),
        _cpu(layout),
        New("devices", content=_devices(layout)),
    ]
    return New("domain", {"type": domain_type}, elements)


def _metadata(layout: Layout) -> list[New]:
    growth = parts.growth(layout)
    return [New("metadata", content=[growth])] if growth else []


def _backing(layout: Layout) -> list[New]:
    pages = parts.hugepages(layout)
    return [New("memoryBacking", content=[pages])] if pages else []


def _numatune(layout: Layout) -> list[New]:
    nodes = parts.bound_nodes(layout)
    if not nodes:
        return []
    memnodes = [
        parts.memnode(layout, cell.id) for cell in layout.planned.cells if layout.nodes(cell.id)
    ]
    return [New("numatune", content=[parts.numatune_memory(layout, nodes), *memnodes])]


def _platform(layout: Layout) -> list[New]:
    arch = layout.platform.arch
    # ACPI on aarch64 needs UEFI (conf/domain_validate.c), and DIMMs need ACPI.
    firmware = {"firmware": "efi"} if arch == "aarch64" else {}
    kind = New("type", {"arch": arch, "machine": layout.guest.machine}, "hvm")
    features = [New("features", content=[New("acpi")])] if layout.has_acpi else []
    return [New("os", firmware, [kind]), *features]


def _cpu(layout: Layout) -> New:
    guest = layout.guest
    cells = [parts.cell(layout, cell.id) for cell in layout.planned.cells]
    content = [New("numa", content=cells)]
    mode = {"mode": "host-passthrough"} if guest.host_passthrough else {}
    if guest.phys_bits and layout.platform.arch == "x86_64":  # on libvirt's default CPU model
        bits = {"mode": "emulate", "bits": str(guest.phys_bits)}
        content.insert(0, New("maxphysaddr", bits))
    return New("cpu", mode, content)


def _devices(layout: Layout) -> list[New]:
    dimms = [parts.dimm_device(layout, dimm) for dimm in layout.plugged]
    for device in layout.guest.devices:
        if device.model not in ("dimm", "virtio-mem"):
            raise InputError(
                f"guest {layout.guest.name}: a {device.model} cannot be written from its size "
                f"alone; give the guest as a domain XML, which keeps it as it is"
            )
    virtio = [
        parts.virtio_mem_device(layout, device, pinned=layout.pins_virtio)
        for device in layout.planned.virtio_mem
    ]
    return [*_root_bus(layout), New("memballoon", {"model": "virtio"}), *dimms, *virtio]


def _root_bus(layout: Layout) -> list[New]:
    """The PCI root with the hole that the guest asks for; it counts against the phys-bits."""
    if layout.guest.pci_hole64 is None:
        return []
    model = "pci-root" if layout.platform.name in ("pc", "pseries") else "pcie-root"
    attributes = {"type": "pci", "index": "0", "model": model}
    return [New("controller", attributes, [parts.size("pcihole64", layout.guest.pci_hole64)])]

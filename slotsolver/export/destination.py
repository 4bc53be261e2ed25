"""A guest's domain XML for another host that it may be migrated to or restored on.

Only what libvirt does not compare differs from the domain on the present host: page sizes, host
nodes, and with them ``<hugepages>``, ``<numatune>`` and the devices' own ``<source>`` (libvirt 9.0
conf/domain_conf.c:virDomainDefCheckABIStabilityFlags).

Some guests another host would not take, whatever its pages (both seen with ``virsh restore``):

* The CPU is compared with the one that was asked for, which ``virsh dumpxml --migratable`` has. A
  live XML may have another: what QEMU has made of it, and then says ``check='full'`` (libvirt 9.0
  qemu/qemu_process.c:qemuProcessUpdateLiveGuestCPU, qemu/qemu_domain.c:qemuDomainFormatXML).
* Before libvirt 9.4 an XML cannot say where a virtio-mem device lies. The other QEMU then puts it
  into the first gap, in the order of the XML, and does not go on if that is another one than here,
  as it is when a DIMM has been unplugged in front of it (QEMU 7.2 hw/virtio/virtio-mem.c:
  virtio_mem_mig_sanity_checks_post_load).
"""

from __future__ import annotations

from collections.abc import Iterator

from slotsolver.checker import check_migration
from slotsolver.errors import InputError
from slotsolver.export.layout import Layout
from slotsolver.export.libvirt import domain_xml, layout_xml
from slotsolver.export.xmltext import XmlText
from slotsolver.ingest.domain import read_domain
from slotsolver.plan import (
    BackedDevice,
    DestinationGuest,
    Plan,
    PlannedCell,
    PlannedGuest,
    PlannedVirtioMem,
)
from slotsolver.platforms import QemuRefusalError, Range, free_address
from slotsolver.problem import Cell, Device, Guest, Problem


def destination_xml(
    problem: Problem, plan: Plan, guest_name: str, number: int, *, domain_type: str = "kvm"
) -> str:
    """The domain XML of one guest on ``also_hosts[number]``, as it is when everything is done that
    is to be done now. :class:`InputError` where the plan has no such guest or host."""
    return layout_xml(
        destination_layout(problem, plan, guest_name, number), domain_type=domain_type
    )


def not_taken(problem: Problem, plan: Plan, guest_name: str, number: int) -> str | None:
    """Why ``also_hosts[number]`` would not take the guest, in a sentence; ``None`` if it would."""
    layout = destination_layout(problem, plan, guest_name, number)
    if _has_live_cpu(layout):
        return (
            "its live XML has the CPU as it runs, and another host is given the one that was asked "
            "for; take virsh dumpxml --migratable instead, with --qmp"
        )
    for virtio, address in _moved(layout):
        where = "no place" if address is None else f"0x{address:x}"
        return (
            f"its virtio-mem on cell {virtio.cell} lies at 0x{virtio.address:x}, which libvirt "
            f"before 9.4 cannot tell another host; QEMU would have {where} for it there"
        )
    here, there = (
        read_domain(text.encode(), source=guest_name)
        for text in (domain_xml(problem, plan, guest_name), layout_xml(layout))
    )
    versions = {"qemu": problem.qemu, "libvirt": problem.libvirt}
    for violation in check_migration(here, there, host=layout.host, **versions):
        return f"it would be refused there: {violation.says}"
    return None


def destination_layout(problem: Problem, plan: Plan, guest_name: str, number: int) -> Layout:
    """The layout of one guest on ``also_hosts[number]``."""
    here = Layout.of(problem, plan, guest_name)
    if not 0 <= number < len(plan.destinations):
        raise InputError(f"the plan has {len(plan.destinations)} hosts to migrate to")
    there = next(g for g in plan.destinations[number].guests if g.name == guest_name)
    return Layout(
        _unbound(here.guest, there),
        _rebacked(here.planned, there),
        problem.also_hosts[number],
        here.libvirt,
    )


def _unbound(guest: Guest, there: DestinationGuest) -> Guest:
    """The guest as it is started there: without what it asks of the present host; where it binds
    a cell, it binds it to the cell's nodes there."""
    bound = guest.host_nodes is not None
    cells = [
        _cell(cell, planned.host_nodes if bound or cell.host_nodes else None)
        for cell, planned in zip(guest.cells, there.cells, strict=True)
    ]
    devices = [_device(device) for device in guest.devices]
    changes = {"cells": tuple(cells), "devices": tuple(devices), "host_nodes": None}
    return guest.model_copy(update={**changes, "running": False})


def _cell(cell: Cell, nodes: tuple[int, ...] | None) -> Cell:
    return cell.model_copy(update={"page_size": None, "host_nodes": nodes})


def _device(device: Device) -> Device:
    return device.model_copy(update={"page_size": None, "host_nodes": None})


def _rebacked(planned: PlannedGuest, there: DestinationGuest) -> PlannedGuest:
    """The planned guest with the pages and host nodes that it has there; growth that no pages are
    kept for need not be named, and would be backed as its cell is."""
    cells = {cell.id: _backing(cell) for cell in there.cells}
    dimms = {d.slot: _backing(d) for d in there.devices if d.slot is not None}
    virtio = {d.number: _backing(d) for d in there.devices if d.number is not None}
    return planned.model_copy(
        update={
            "cells": there.cells,
            "dimms": tuple(
                d if d.state == "unplug" else d.model_copy(update=dimms.get(d.slot, cells[d.cell]))
                for d in planned.dimms
            ),
            "virtio_mem": tuple(v.model_copy(update=virtio[v.number]) for v in planned.virtio_mem),
        }
    )


def _backing(place: BackedDevice | PlannedCell) -> dict[str, object]:
    return {"page_size": place.page_size, "host_nodes": place.host_nodes}


def _has_live_cpu(layout: Layout) -> bool:
    """Whether the guest's own document has a CPU that may not be the one that was asked for."""
    if layout.guest.xml is None:
        return False
    root = XmlText(layout.guest.xml, source=f"guest {layout.guest.name}").root
    cpu = root.find("cpu")
    return "id" in root.attributes and cpu is not None and cpu.attributes.get("check") == "full"


def _moved(layout: Layout) -> Iterator[tuple[PlannedVirtioMem, int | None]]:
    """The virtio-mem devices that QEMU would put elsewhere there, and where."""
    window = layout.memory_map.window
    if layout.pins_virtio or window is None:
        return
    taken: list[tuple[Range, str]] = []
    for place, virtio in _in_order(layout):
        if virtio is not None:
            align = max(virtio.block, layout.platform.backend_alignment(virtio.page_size))
            try:
                address = free_address(window, taken, align, virtio.size)
            except QemuRefusalError:
                yield virtio, None
                return
            if address != virtio.address:
                yield virtio, address
        taken.append((place, ""))


def _in_order(layout: Layout) -> Iterator[tuple[Range, PlannedVirtioMem | None]]:
    """Where each device is when everything is done, in the order of the XML, and which virtio-mem
    device it is."""
    virtio = [v for v in layout.planned.virtio_mem if v.before is not None]
    dimms = {d.slot: d for d in layout.planned.dimms if d.state == "present"}
    for device in layout.guest.devices:
        if device.model == "virtio-mem":
            there = virtio.pop(0)
            yield Range(there.address, there.size), there
        elif device.model == "dimm" and device.slot in dimms:
            yield Range(dimms[device.slot].address, device.size), None
        elif device.model not in ("dimm", "sgx-epc") and device.address:
            align = layout.platform.dimm_alignment  # an nvdimm's label is not in the guest's memory
            size = (device.size - (device.label or 0)) // align * align
            yield Range(device.address, size), None
    for dimm in layout.added:
        yield Range(dimm.address, dimm.size), None
    for new in layout.new_virtio:
        yield Range(new.address, new.size), new

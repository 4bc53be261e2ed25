"""The elements of a domain XML that slotsolver owns, each a pure function of the layout.

Sizes are written in KiB, as libvirt itself writes them (docs/formatdomain.rst); slots in decimal,
bases in hexadecimal (conf/domain_conf.c:virDomainDeviceInfoFormat).
"""

from __future__ import annotations

from collections.abc import Sequence

from slotsolver.export.layout import Layout
from slotsolver.export.xmltext import New
from slotsolver.fields import format_ids
from slotsolver.metadata import NAMESPACE, PREFIX
from slotsolver.plan import PlannedDimm, PlannedVirtioMem
from slotsolver.size import KiB


def size(name: str, value: int, **attributes: str) -> New:
    """An element that holds a size of ``value`` bytes in KiB."""
    return New(name, {**attributes, "unit": "KiB"}, str(value // KiB))


def max_memory(layout: Layout) -> New:
    """``<maxMemory>``; without ``slots`` where there are none (libvirt 9.5 and newer only)."""
    slots = {"slots": str(layout.planned.slots)} if layout.planned.slots else {}
    return size("maxMemory", layout.planned.maximum, **slots)


def hugepages(layout: Layout) -> New | None:
    """``<hugepages>``, one ``<page>`` per size; ``None`` where every cell has base pages.

    A ``<page>`` names its cells only where the sizes differ: a cell that no ``<page>`` names has
    base pages (qemu/qemu_command.c:qemuBuildMemoryGetPagesize).
    """
    cells = layout.planned.cells
    sizes = sorted({cell.page_size for cell in cells})
    pages = []
    for page_size in sizes:
        if page_size == layout.base_page:
            continue
        attributes = {"size": str(page_size // KiB), "unit": "KiB"}
        if len(sizes) > 1:
            named = (cell.id for cell in cells if cell.page_size == page_size)
            attributes["nodeset"] = format_ids(named)
        pages.append(New("page", attributes))
    return New("hugepages", content=pages) if pages else None


def memnode(layout: Layout, cell: int) -> New:
    """``<memnode>``, the binding of one cell."""
    nodes = format_ids(layout.nodes(cell))
    return New("memnode", {"cellid": str(cell), "mode": layout.mode(cell), "nodeset": nodes})


def numatune_memory(layout: Layout, nodes: Sequence[int]) -> New:
    """``<memory>`` of ``<numatune>``; its mode is that of the cells where they agree.

    'restrictive' must not be mixed (conf/numa_conf.c:virDomainNumatuneNodeParseXML).
    """
    modes = {layout.mode(cell.id) for cell in layout.planned.cells}
    mode = modes.pop() if len(modes) == 1 else layout.guest.mode
    return New("memory", {"mode": mode, "nodeset": format_ids(nodes)})


def bound_nodes(layout: Layout) -> tuple[int, ...]:
    """Every host node that a cell or a DIMM of the guest is bound to, ascending.

    ``<memory nodeset>`` must hold all of them, those of reserved DIMMs too: libvirt before 9.5 sets
    the emulator's cpuset from it and QEMU can then bind to no other node.
    """
    nodes = {node for cell in layout.planned.cells for node in layout.nodes(cell.id)}
    for dimm in layout.plugged + layout.reserved:
        nodes.update(layout.own_nodes(dimm))
    return tuple(sorted(nodes))


def cell(layout: Layout, cell_id: int) -> New:
    """``<cell>`` with its distances, where some distance of the guest is not the default."""
    asked = layout.asked(cell_id)
    attributes = {"id": str(cell_id)}
    if asked.cpus:
        attributes["cpus"] = format_ids(asked.cpus)
    attributes |= {"memory": str(layout.cell(cell_id).boot // KiB), "unit": "KiB"}
    if not layout.far_apart:
        return New("cell", attributes)
    siblings = [
        New("sibling", {"id": str(other.id), "value": str(asked.distance(other.id))})
        for other in layout.guest.cells
    ]
    return New("cell", attributes, [New("distances", content=siblings)])


def dimm_address(dimm: PlannedDimm) -> New:
    """The ``<address>`` of a DIMM."""
    return New("address", {"type": "dimm", "slot": str(dimm.slot), "base": f"0x{dimm.address:x}"})


def dimm_device(layout: Layout, dimm: PlannedDimm) -> New:
    """A DIMM as a device; ``<source>`` only where page size or nodes are not its cell's."""
    source = []
    if own_page := layout.own_page(dimm):
        source.append(size("pagesize", own_page))
    if own_nodes := layout.own_nodes(dimm):
        source.append(New("nodemask", content=format_ids(own_nodes)))
    target = [size("size", dimm.size), New("node", content=str(dimm.cell))]
    content = [New("target", content=target), dimm_address(dimm)]
    if source:
        content.insert(0, New("source", content=source))
    return New("memory", {"model": "dimm"}, content)


def virtio_mem_device(layout: Layout, device: PlannedVirtioMem, *, pinned: bool) -> New:
    """A virtio-mem device, ``pinned`` to its address (which libvirt knows from 9.4 on).

    ``<source>`` stands only where page size or nodes are not its cell's.
    """
    cell = layout.cell(device.cell)
    source = []
    if device.page_size != cell.page_size:
        source.append(size("pagesize", device.page_size))
    if device.host_nodes != cell.host_nodes:
        source.append(New("nodemask", content=format_ids(device.host_nodes)))
    target = [
        size("size", device.size),
        New("node", content=str(device.cell)),
        size("block", device.block),
        size("requested", device.requested),
    ]
    if pinned:
        target.append(New("address", {"base": f"0x{device.address:x}"}))
    content = [New("target", content=target)]
    if source:
        content.insert(0, New("source", content=source))
    return New("memory", {"model": "virtio-mem"}, content)


def growth(layout: Layout) -> New | None:
    """The reserved DIMMs and the stages that they lead to, for ``<metadata>``; sizes in bytes.

    ``None`` where nothing is reserved. ``index`` and ``stage`` count the plan's stages from boot,
    0; ``pagesize`` and ``nodemask`` stand only where they are not those of the DIMM's cell.
    """
    if not layout.reserved:
        return None
    stages = [
        New(
            f"{PREFIX}:stage",
            {"index": str(index), "name": stage.name, "memory": str(stage.memory)},
        )
        for index, stage in enumerate(layout.planned.stages)
        if stage.memory > layout.planned.memory
    ]
    dimms = [_growth_dimm(layout, dimm) for dimm in layout.reserved]
    attributes = {f"xmlns:{PREFIX}": NAMESPACE, "block": str(layout.planned.block)}
    return New(f"{PREFIX}:growth", attributes, stages + dimms)


def _growth_dimm(layout: Layout, dimm: PlannedDimm) -> New:
    attributes = {
        "slot": str(dimm.slot),
        "size": str(dimm.size),
        "cell": str(dimm.cell),
        "address": f"0x{dimm.address:x}",
        "stage": str(dimm.stage),
    }
    if own_page := layout.own_page(dimm):
        attributes["pagesize"] = str(own_page)
    if own_nodes := layout.own_nodes(dimm):
        attributes["nodemask"] = format_ids(own_nodes)
    return New(f"{PREFIX}:dimm", attributes)

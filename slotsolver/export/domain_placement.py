"""Where the memory of an existing domain XML comes from: ``<hugepages>`` and ``<numatune>``.

What the document says is read by libvirt's own rule of inference (libvirt 9.0
qemu/qemu_command.c:qemuBuildMemoryGetPagesize and qemuBuildMemoryBackendProps): the ``<page>`` that
names the cell, else the one that names none, else base pages; ``<memnode>``, else ``<memory>``,
else no binding. Only where that gives something other than the plan is anything written.
"""

from __future__ import annotations

from slotsolver.export import domain_parts as parts
from slotsolver.export.domain_text import DomainText, read_kib
from slotsolver.export.xmltext import Element
from slotsolver.fields import format_ids, parse_ids
from slotsolver.size import KiB


def edit_hugepages(domain: DomainText) -> None:
    """Give every cell the planned page size; an element that does so already stays."""
    layout = domain.layout
    if all(said_page(domain, cell.id) == cell.page_size for cell in layout.planned.cells):
        return
    wanted = parts.hugepages(layout)
    existing = domain.find("memoryBacking/hugepages")
    if existing is None:
        domain.add("memoryBacking", [wanted] if wanted else [])
        return
    if wanted is None:
        domain.xml.remove(existing)
        return
    pages = existing.all("page")
    domain.xml.insert(existing, list(wanted.children), after=pages[-1] if pages else None)
    for page in pages:
        domain.xml.remove(page)


def said_page(domain: DomainText, cell: int) -> int:
    """The page size in bytes that the document gives a cell."""
    layout = domain.layout
    hugepages = domain.find("memoryBacking/hugepages")
    if hugepages is None:
        return layout.base_page
    master: int | None = None if hugepages.all("page") else layout.default_hugepage(cell)
    for page in hugepages.all("page"):
        said = read_kib(page.attributes.get("size", "0"), page.attributes.get("unit")) * KiB
        page_size = said or layout.default_hugepage(cell)
        nodeset = page.attributes.get("nodeset")
        if nodeset is None or not domain.all("cpu/numa/cell"):
            master = page_size
        elif cell in parse_ids(nodeset):
            return page_size
    return master or layout.base_page


def edit_numatune(domain: DomainText) -> None:
    """Bind every cell to its planned host nodes; a binding that does so already stays.

    A restrictive one binds no memory, so that nothing is planned that would be said in it.
    """
    layout = domain.layout
    cells = [cell.id for cell in layout.planned.cells if layout.nodes(cell.id)]
    cells = [cell for cell in cells if layout.mode(cell) != "restrictive"]
    changed = [cell for cell in cells if said_nodes(domain, cell) != layout.nodes(cell)]
    if changed and has_cells(domain):
        _edit_memnodes(domain, cells)
    _edit_memory(domain, changed=bool(changed))


def said_nodes(domain: DomainText, cell: int) -> tuple[int, ...] | None:
    """The host nodes that the document binds a cell to; ``None`` for no binding."""
    memnode = _memnode(domain, cell)
    if memnode is not None:
        return parse_ids(memnode.attributes["nodeset"])
    memory = domain.find("numatune/memory")
    return None if memory is None else _static_nodeset(memory)


def has_cells(domain: DomainText) -> bool:
    """Whether the edited document has guest NUMA cells."""
    return bool(domain.all("cpu/numa/cell")) or domain.needs_cells


def _static_nodeset(memory: Element) -> tuple[int, ...] | None:
    """``nodeset``, which ``placement='auto'`` overrides (conf/numa_conf.c)."""
    nodeset = memory.attributes.get("nodeset")
    automatic = memory.attributes.get("placement") == "auto"
    return None if nodeset is None or automatic else parse_ids(nodeset)


def _memnode(domain: DomainText, cell: int) -> Element | None:
    for memnode in domain.all("numatune/memnode"):
        if memnode.attributes.get("cellid", "").strip() == str(cell):
            return memnode
    return None


def _edit_memnodes(domain: DomainText, cells: list[int]) -> None:
    """One ``<memnode>`` per cell: a wrong one gets the planned nodes and keeps its mode."""
    missing = []
    for cell in cells:
        memnode = _memnode(domain, cell)
        if memnode is None:
            missing.append(parts.memnode(domain.layout, cell))
        elif parse_ids(memnode.attributes["nodeset"]) != domain.layout.nodes(cell):
            domain.xml.set_attribute(memnode, "nodeset", format_ids(domain.layout.nodes(cell)))
    if domain.find("numatune") is None:
        missing.insert(0, parts.numatune_memory(domain.layout, _all_nodes(domain)))
    domain.add("numatune", missing)


def _edit_memory(domain: DomainText, *, changed: bool) -> None:
    """``<memory nodeset>`` holds every node that is bound to, or is not there at all."""
    memory = domain.find("numatune/memory")
    nodes = _all_nodes(domain)
    if memory is None:
        if changed and not has_cells(domain):
            domain.add("numatune", [parts.numatune_memory(domain.layout, nodes)])
        return
    said = _static_nodeset(memory)
    there = (
        {node.id for node in domain.layout.host.nodes} if domain.layout.host else set(said or ())
    )
    outside = said is not None and not set(nodes) <= set(said) <= there
    if not nodes or not (changed or outside) or said == nodes:
        return
    domain.xml.remove_attribute(memory, "placement")
    domain.xml.set_attribute(memory, "nodeset", format_ids(nodes))


def _all_nodes(domain: DomainText) -> tuple[int, ...]:
    """Every node bound to, with those of the document's own devices as far as the host has them."""
    layout = domain.layout
    nodes = set(parts.bound_nodes(layout))
    for device in domain.all("devices/memory"):
        nodemask = device.find("source/nodemask")
        if nodemask is not None:
            nodes.update(parse_ids(nodemask.value))
    if layout.host is not None:
        nodes &= {node.id for node in layout.host.nodes}
    return tuple(sorted(nodes))

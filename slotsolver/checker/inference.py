"""Which pages and host nodes back each piece of a domain's memory, as libvirt infers them.

libvirt 9.0 qemu/qemu_command.c:qemuBuildMemoryBackendProps and qemuBuildMemoryGetPagesize: a device
inherits both from its guest node, its own ``<source>`` overrides them. Sizes are bytes.
"""

from __future__ import annotations

from dataclasses import dataclass

from slotsolver.ingest.domain import Domain, DomainDevice
from slotsolver.platforms import Version
from slotsolver.problem import Host
from slotsolver.size import KiB, MiB

ANYWHERE: tuple[int, ...] = ()
"""Host nodes of a backend that is not bound."""


@dataclass(frozen=True)
class Backed:
    """One memory backend as libvirt makes it.

    ``page_size`` in bytes, ``huge`` whether it needs a hugetlbfs mount, ``kind`` QEMU's QOM type,
    ``nodes`` the host nodes it is bound to (empty: anywhere), ``mode`` how.
    """

    size: int
    page_size: int
    huge: bool
    kind: str
    nodes: tuple[int, ...]
    mode: str
    place: str
    cell: int | None
    from_pools: bool = True

    @property
    def pages(self) -> int:
        """Pages that it takes."""
        return -(-self.size // self.page_size)


@dataclass(frozen=True)
class Inference:
    """libvirt's inference for one domain on a host that may be unknown."""

    domain: Domain
    host: Host | None
    libvirt: Version

    def backend(
        self, node: int | None, size: int, place: str, device: DomainDevice | None = None
    ) -> Backed:
        """The backend of a cell's boot memory, or of a device."""
        page, huge = self._page(node, device)
        mode, nodes = self._binding(node, device)
        return Backed(
            size=size,
            page_size=page,
            huge=huge,
            kind=self._kind(node, device, huge),
            nodes=nodes,
            mode=mode,
            place=place,
            cell=node,
            from_pools=device is None or (device.path is None and device.model != "sgx-epc"),
        )

    def _page(self, node: int | None, device: DomainDevice | None) -> tuple[int, bool]:
        """Page size and whether it is a huge one. No page element for a node means ordinary
        pages, unless one element is for all nodes."""
        base = self.host.base_page if self.host else 4 * KiB
        default = (self.host.default_hugepage if self.host else None) or 2 * MiB
        if device is not None and (device.path or device.model == "sgx-epc"):
            return base, False
        if device is not None and device.pagesize_kib:
            page = device.pagesize_kib * KiB
            return page, page != base
        pages = self.domain.backing.hugepages
        if pages is None:
            return base, False
        master = None if pages else default
        for page_element in pages:
            page = (page_element.size_kib or 0) * KiB or default
            if page_element.nodeset is None or not self.domain.cells:
                master = page
            elif node is not None and node in page_element.nodeset:
                return page, page != base
        return (base, False) if master is None else (master, master != base)

    def _binding(
        self, node: int | None, device: DomainDevice | None
    ) -> tuple[str, tuple[int, ...]]:
        """Mode and host nodes: the device's nodemask before memnode, memnode before memory."""
        numatune = self.domain.numatune
        own = [m for m in numatune.memnodes if node is not None and m.cellid == node]
        mode = (own[0].mode if own else numatune.mode) or "strict"
        nodes = (own[0].nodeset if own else None) or numatune.nodeset
        if numatune.placement == "auto":
            nodes = None
        if device is not None and device.nodemask:
            nodes = device.nodemask
            mode = "strict" if self.libvirt >= (12, 0) else mode
        return mode, ANYWHERE if mode == "restrictive" else nodes or ANYWHERE

    def _kind(self, node: int | None, device: DomainDevice | None, huge: bool) -> str:
        backing = self.domain.backing
        cell = next((c for c in self.domain.cells if c.id == node), None)
        path = device.path if device else None
        access = (device.access if device else None) or (cell.mem_access if cell else None)
        if device is not None and device.model == "sgx-epc":
            return "memory-backend-epc"
        if path is None and backing.source == "memfd":
            return "memory-backend-memfd"
        if huge or path or access or backing.access or backing.source == "file":
            return "memory-backend-file"
        return "memory-backend-ram"

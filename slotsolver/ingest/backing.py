"""Page size and host nodes of guest memory, inferred as libvirt does.

A device inherits both from its cell; its own ``<source>`` overrides them. libvirt 9.0
``qemu/qemu_command.c:qemuBuildMemoryGetPagesize``, ``qemuBuildMemoryBackendProps``; the mode never
comes from the device, and ``restrictive`` ignores a device's nodes.

``restrictive`` binds no memory at all: QEMU is told nothing, only the cpuset of its threads is set.
The threads that allocate have that of ``<memory nodeset>``, whatever a memnode says, so each cell
may lie anywhere in it (qemu/qemu_process.c:qemuProcessSetupEmulator; from 9.5 on, and in a domain
as it is written here, the memnodes' nodes are in it too). Without ``<memory>`` they may allocate
anywhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from slotsolver.ingest.domain import Domain, DomainDevice, Memnode
from slotsolver.problem import Host, NumaMode
from slotsolver.size import KiB, MiB


@dataclass(frozen=True)
class Inference:
    """What libvirt infers for a domain. ``base_page`` and ``default_hugepage`` are in bytes;
    ``host_nodes`` are all that the host has, where it is known."""

    domain: Domain
    base_page: int
    default_hugepage: int
    host_nodes: tuple[int, ...] | None = None

    def page_size(self, cell: int) -> int:
        """Page size of a cell's memory in bytes: its ``<page>``, else the master, else ordinary."""
        master = None
        for page in self.domain.backing.hugepages or ():
            if page.nodeset is None or not self.domain.cells:
                master = page
            elif cell in page.nodeset:
                return self._bytes(page.size_kib)
        if master:
            return self._bytes(master.size_kib)
        return self._bytes(None) if self.domain.backing.hugepages == () else self.base_page

    def mode(self, cell: int) -> NumaMode:
        """How the cell is bound: by its memnode, else by ``<memory>``, else strictly."""
        memnode = self._memnode(cell)
        return cast("NumaMode", (memnode.mode if memnode else None) or self.memory_mode)

    @property
    def memory_mode(self) -> NumaMode:
        """The mode of ``<numatune><memory>``, ``strict`` where there is none."""
        return cast("NumaMode", self.domain.numatune.mode or "strict")

    @property
    def memory_nodes(self) -> tuple[int, ...] | None:
        """Host nodes for everything without its own; automatic placement names none."""
        tune = self.domain.numatune
        return None if tune.placement == "auto" else tune.nodeset

    def cell_nodes(self, cell: int) -> tuple[int, ...] | None:
        """Host nodes that the cell's memory may be on: those that its memnode names, or all that a
        restrictive domain may take memory from."""
        if self.mode(cell) == "restrictive":
            return self._restricted_to
        memnode = self._memnode(cell)
        return memnode.nodeset if memnode else None

    @property
    def _restricted_to(self) -> tuple[int, ...] | None:
        if self.memory_nodes is None:
            return self.host_nodes
        named = {node for m in self.domain.numatune.memnodes for node in m.nodeset or ()}
        return tuple(sorted({*self.memory_nodes, *named}))

    def device_page_size(self, device: DomainDevice) -> int | None:
        """The device's own page size where it differs from its cell's; ``None`` if inherited."""
        if device.pagesize_kib is None or device.path or device.model == "sgx-epc":
            return None
        own = self._bytes(device.pagesize_kib)
        return own if own != self.page_size(device.node or 0) else None

    def device_nodes(self, device: DomainDevice) -> tuple[int, ...] | None:
        """The device's own host nodes where they differ from its cell's; ``None`` if inherited."""
        cell = device.node or 0
        inherited = self.cell_nodes(cell) or self.memory_nodes
        if self.mode(cell) == "restrictive" or device.nodemask == inherited:
            return None
        return device.nodemask

    def _bytes(self, size_kib: int | None) -> int:
        """A page size; none or 0 means the default hugepage."""
        return size_kib * KiB if size_kib else self.default_hugepage

    def _memnode(self, cell: int) -> Memnode | None:
        found = (m for m in self.domain.numatune.memnodes if m.cellid == cell)
        return next(found, None)


def default_hugepage(host: Host | None) -> int:
    """The page size of ``<hugepages/>`` in bytes: the host's default, else 2 MiB where the host has
    such a pool or is unknown, else its smallest (util/virfile.c:virFileGetDefaultHugepageSize)."""
    if host is None:
        return 2 * MiB
    if host.default_hugepage:
        return host.default_hugepage
    huge = [size for size in host.page_sizes() if size != host.base_page]
    return huge[0] if huge and 2 * MiB not in huge else 2 * MiB

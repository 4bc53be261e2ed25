"""One guest of a plan as every writer sees it: what is plugged, and what has to be said of it.

What a writer may leave out because the reader infers it is told here once: a DIMM takes page size
and host nodes from its cell (libvirt 9.0 qemu/qemu_command.c:qemuBuildMemoryBackendProps), and a
host with one node needs no binding.
"""

from __future__ import annotations

from dataclasses import dataclass

from slotsolver.errors import InputError
from slotsolver.plan import (
    Operation,
    Plan,
    PlannedCell,
    PlannedDimm,
    PlannedGuest,
    PlannedVirtioMem,
)
from slotsolver.platforms import MapOptions, MemoryMap, Platform, Version, platform_for
from slotsolver.platforms.versions import LIBVIRT_VIRTIO_MEM_ADDRESS
from slotsolver.problem import Cell, Guest, Host, NumaMode, Problem
from slotsolver.size import MiB

PLUGGED = ("present", "plug", "plugged")
"""States of the DIMMs that the guest has when everything that is to be done now is done."""


@dataclass(frozen=True)
class Layout:
    """A guest, its plan, and the host, if one is known."""

    guest: Guest
    planned: PlannedGuest
    host: Host | None
    libvirt: Version

    @classmethod
    def of(cls, problem: Problem, plan: Plan, name: str) -> Layout:
        """The layout of the guest of this name; :class:`InputError` where there is none."""
        guest = next((g for g in problem.guests if g.name == name), None)
        planned = next((g for g in plan.guests if g.name == name), None)
        if guest is None or planned is None:
            known = ", ".join(repr(g.name) for g in plan.guests)
            raise InputError(f"the plan has no guest {name!r}; it has {known}")
        return cls(guest, planned, problem.host, Version.parse(problem.libvirt))

    @property
    def platform(self) -> Platform:
        """The facts of the guest's machine type."""
        return platform_for(self.guest.machine)

    @property
    def has_acpi(self) -> bool:
        """Whether the machine plugs DIMMs through ACPI; a pseries has none."""
        return self.platform.arch != "ppc64"

    @property
    def boot(self) -> int:
        """Boot memory of all cells, bytes."""
        return sum(cell.boot for cell in self.planned.cells)

    @property
    def hotplug(self) -> bool:
        """Whether the guest can grow or has memory devices, so that ``<maxMemory>`` is needed."""
        return self.planned.maximum > self.boot or bool(self.planned.dimms or self.guest.devices)

    @property
    def plugged(self) -> tuple[PlannedDimm, ...]:
        """The DIMMs that the guest has, by slot."""
        return self._dimms(*PLUGGED)

    @property
    def added(self) -> tuple[PlannedDimm, ...]:
        """The DIMMs that the guest did not have before, in the order in which they are plugged.

        That is their order among the guest's devices (libvirt 9.0 qemu/qemu_hotplug.c:
        qemuDomainAttachMemory appends), which another host's XML has to keep.
        """
        turns = [op.slot for op in self.planned.operations if op.do == "plug"]
        dimms = self._dimms("plug", "plugged")
        return tuple(sorted(dimms, key=lambda d: turns.index(d.slot) if d.slot in turns else -1))

    @property
    def reserved(self) -> tuple[PlannedDimm, ...]:
        """The DIMMs planned for growth, by slot."""
        return self._dimms("reserved")

    @property
    def new_virtio(self) -> tuple[PlannedVirtioMem, ...]:
        """The virtio-mem devices that the guest did not have before, by number."""
        return tuple(v for v in self.planned.virtio_mem if v.before is None)

    @property
    def pins_virtio(self) -> bool:
        """Whether a domain XML can say where a virtio-mem device lies."""
        return LIBVIRT_VIRTIO_MEM_ADDRESS.in_version(self.libvirt)

    @property
    def idle(self) -> int:
        """What the regions of virtio-mem devices hold more than is requested, bytes: libvirt's
        ``<memory>`` counts them whole."""
        return sum(v.size - v.requested for v in self.planned.virtio_mem)

    def dimm(self, operation: Operation) -> PlannedDimm:
        """The DIMM that an operation plugs or unplugs; another may come into the slot of one that
        goes."""
        return next(
            dimm
            for dimm in self.planned.dimms
            if (dimm.slot, dimm.state) == (operation.slot, operation.do)
        )

    @property
    def memory_map(self) -> MemoryMap:
        """Where QEMU puts boot memory and memory devices."""
        guest, host = self.guest, self.host
        vendor = guest.cpu_vendor or (host.cpu_vendor if host else None)
        bits = host.phys_bits if host and guest.host_passthrough else None
        options = MapOptions(
            phys_bits=guest.phys_bits or bits,
            amd=vendor == "amd",
            pci_hole64=guest.pci_hole64,
            sgx_epc=sum(d.size for d in guest.devices if d.model == "sgx-epc"),
        )
        top = max(self.planned.maximum, self.boot)
        return self.platform.memory_map(self.boot, top, self.planned.slots, **options)

    def _dimms(self, *states: str) -> tuple[PlannedDimm, ...]:
        chosen = (dimm for dimm in self.planned.dimms if dimm.state in states)
        return tuple(sorted(chosen, key=lambda dimm: dimm.slot))

    @property
    def base_page(self) -> int:
        """The ordinary page size in bytes: the host's, else what is usual for the machine."""
        return self.host.base_page if self.host else self.platform.base_page

    def default_hugepage(self, cell: int) -> int:
        """The size that libvirt takes for ``<hugepages/>`` without one, bytes.

        The host's own default; else what the guest's reader found for the cell; else 2 MiB.
        """
        if self.host and self.host.default_hugepage:
            return self.host.default_hugepage
        known = self.guest.cells[cell].page_size if cell < len(self.guest.cells) else None
        return known or 2 * MiB

    def cell(self, cell: int) -> PlannedCell:
        """The planned cell of this id."""
        return next(c for c in self.planned.cells if c.id == cell)

    def asked(self, cell: int) -> Cell:
        """The guest's cell of this id."""
        return self.guest.cells[cell]

    def nodes(self, cell: int) -> tuple[int, ...]:
        """Host nodes to bind a cell to, empty for none.

        Those of the plan, or, where there is no host, those that the guest asks for. A guest that
        asks for none on a host of one node is not bound: there is nothing to choose. A cell of a
        guest that runs is bound already, or not at all, and stays so.
        """
        wish = self.asked(cell).host_nodes or self.guest.host_nodes or ()
        if self.guest.running or (not wish and self._one_node):
            return wish
        return self.cell(cell).host_nodes or wish

    @property
    def _one_node(self) -> bool:
        """Whether no host node can be chosen."""
        return self.host is None or len(self.host.nodes) == 1

    def mode(self, cell: int) -> NumaMode:
        """How strictly a cell is bound."""
        return self.guest.mode_of(cell)

    def own_page(self, dimm: PlannedDimm) -> int | None:
        """The DIMM's page size where it is not that of its cell, bytes."""
        return dimm.page_size if dimm.page_size != self.cell(dimm.cell).page_size else None

    def own_nodes(self, dimm: PlannedDimm) -> tuple[int, ...]:
        """The DIMM's host nodes where they are not those that it has from its cell; empty where
        they are. A guest that runs gives a DIMM what it was started with, not what is planned."""
        inherited = self.cell(dimm.cell).host_nodes
        if self.guest.running and dimm.state in ("plug", "reserved"):
            inherited = self.nodes(dimm.cell)
            if not inherited and self._one_node:
                return ()
        return dimm.host_nodes if dimm.host_nodes != inherited else ()

    @property
    def far_apart(self) -> bool:
        """Whether some distance of the guest is not the default of 10 and 20 (QEMU numa.c)."""
        ids = [cell.id for cell in self.guest.cells]
        return any(
            cell.distance(other) != (10 if other == cell.id else 20)
            for cell in self.guest.cells
            for other in ids
        )

    @property
    def vcpus(self) -> int:
        """vCPUs of the guest as its cells name them, at least one."""
        return max((cpu for cell in self.guest.cells for cpu in cell.cpus), default=0) + 1

"""Memory backends and memory devices as QEMU knows them: for its command line and for QMP.

Ids and the order of keys are libvirt's (libvirt 9.0 qemu/qemu_command.c:
qemuBuildMemoryBackendProps, qemuBuildMemoryDeviceProps). Every DIMM carries its slot and address:
QEMU's own first fit would depend on the order.

Huge pages come from memfd, which needs no hugetlbfs mount and is preallocated, because a pool that
turns out short later kills QEMU; base pages from ordinary memory.
"""

from __future__ import annotations

from collections.abc import Sequence

from slotsolver.errors import InputError
from slotsolver.export.layout import Layout
from slotsolver.plan import PlannedDimm, PlannedVirtioMem
from slotsolver.platforms.versions import QEMU_RESERVE, QEMU_VIRTIO_MEM_PREALLOC, Version
from slotsolver.size import format_size

Properties = dict[str, str | int | bool | list[int]]

_POLICIES = {"strict": "bind", "preferred": "preferred", "interleave": "interleave"}
"""QEMU's ``policy`` by libvirt's mode; 'restrictive' has none, cgroups do it."""


def memory_backend(
    layout: Layout, cell: int, name: str, size: int, page_size: int, nodes: Sequence[int]
) -> Properties:
    """A memory backend of ``size`` bytes, bound to host nodes as the cell is.

    Raises :class:`InputError` for a size that is no whole number of huge pages.
    """
    huge = page_size != layout.base_page
    if huge and size % page_size:
        raise InputError(
            f"guest {layout.guest.name}, {name}: {format_size(size)} is not whole pages of "
            f"{format_size(page_size)}, as a memfd must be; round it up, or start it with libvirt"
        )
    kind = "memory-backend-memfd" if huge else "memory-backend-ram"
    backend: Properties = {"qom-type": kind, "id": name}
    if huge:  # hugetlbsize without hugetlb=on is taken and silently ignored
        backend |= {"hugetlb": True, "hugetlbsize": page_size, "prealloc": True}
    backend["size"] = size
    policy = _POLICIES.get(layout.mode(cell))
    if nodes and policy:
        backend |= {"host-nodes": list(nodes), "policy": policy}
    return backend


def dimm_objects(
    layout: Layout, dimm: PlannedDimm, name: str = ""
) -> tuple[Properties, Properties]:
    """The backend of a DIMM, and the DIMM; without a ``name`` it has the one of its slot."""
    name = name or f"dimm{dimm.slot}"
    nodes = layout.own_nodes(dimm) or layout.nodes(dimm.cell)
    backend = memory_backend(layout, dimm.cell, f"mem{name}", dimm.size, dimm.page_size, nodes)
    device: Properties = {
        "driver": "pc-dimm",
        "node": dimm.cell,
        "memdev": f"mem{name}",
        "id": name,
        "slot": dimm.slot,
        "addr": dimm.address,
    }
    return backend, device


def virtio_mem_objects(
    layout: Layout, device: PlannedVirtioMem, qemu: Version
) -> tuple[Properties, Properties]:
    """The backend of a planned virtio-mem device, and the device.

    The backend reserves nothing: only what is requested takes pages, and takes them at once where
    they are huge (``prealloc`` of the device; QEMU 7.2 hw/virtio/virtio-mem.c).
    """
    name = f"virtiomem{device.number}"
    nodes = layout.nodes(device.cell)
    backend = memory_backend(
        layout, device.cell, f"mem{name}", device.size, device.page_size, nodes
    )
    huge = backend.pop("prealloc", False)
    if QEMU_RESERVE.in_version(qemu):
        backend["reserve"] = False
    made: Properties = {
        "driver": "virtio-mem-pci",
        "node": device.cell,
        "block-size": device.block,
        "requested-size": device.requested,
        "memdev": f"mem{name}",
    }
    if huge and QEMU_VIRTIO_MEM_PREALLOC.in_version(qemu):
        made["prealloc"] = True
    return backend, made | {"id": name, "memaddr": device.address}

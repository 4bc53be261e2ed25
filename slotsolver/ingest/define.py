"""What every libvirt refuses to define, in its own words.

Rules that only some versions have (for example whether virtio-mem takes one of the ``slots``) are
not asked here. Texts: libvirt 9.0 ``conf/numa_conf.c``, ``conf/domain_postparse.c``,
``conf/domain_validate.c``, ``qemu/qemu_domain.c``, ``qemu/qemu_validate.c``. Sizes of 0 are refused
by QEMU only, at start.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import get_args

from slotsolver.errors import InputError
from slotsolver.host import MAX_CELLS
from slotsolver.ingest.domain import Domain, DomainCell, DomainDevice, Memnode
from slotsolver.problem import DeviceModel, NumaMode

Refusal = tuple[str, int]
"""A text and the line it is about."""

_UNSUPPORTED = "unsupported configuration: "
_SLOT_MODELS = ("dimm", "nvdimm")


def check_definable(domain: Domain, *, source: str) -> None:
    """Raise :class:`InputError` with libvirt's text and the line for the first rule broken."""
    for rule in _RULES:
        for message, line in rule(domain):
            place = f"line {line or domain.lines.get('domain', 1)}"
            raise InputError(message, source=source, place=place)


def _cells(domain: Domain) -> Iterator[Refusal]:
    if domain.has_numa and not domain.cells:
        yield "XML error: NUMA topology defined without NUMA cells", domain.lines["numa"]
    if len(domain.cells) > MAX_CELLS:
        yield (
            f"Max number of NUMA nodes reached: {MAX_CELLS}; found {len(domain.cells)} cells",
            domain.lines["numa"],
        )
    seen: dict[int, DomainCell] = {}
    for cell in domain.cells:
        if cell.id >= len(domain.cells):
            yield (
                "XML error: Exactly one 'cell' element per guest NUMA cell allowed, non-contiguous "
                f"ranges or ranges not starting from 0 are not allowed; the ids must be 0 to "
                f"{len(domain.cells) - 1}, found {cell.id}",
                cell.line,
            )
        if cell.id in seen:
            yield f"XML error: Duplicate NUMA cell info for cell id '{cell.id}'", cell.line
        for other in seen.values():
            if set(cell.cpus) & set(other.cpus):
                yield (
                    f"{_UNSUPPORTED}NUMA cells {cell.id} and {other.id} have overlapping vCPU ids",
                    cell.line,
                )
        if cell.memory_kib is None:
            yield "XML error: missing element or attribute './@memory'", cell.line
        if cell.memory_kib == 0:
            yield (
                f"cell {cell.id} has no memory, QEMU refuses it: property 'size' of "
                "memory-backend-ram doesn't take value '0'; give every cell at least 1 MiB",
                cell.line,
            )
        seen[cell.id] = cell


def _cpus(domain: Domain) -> Iterator[Refusal]:
    cpus = {cpu for cell in domain.cells for cpu in cell.cpus}
    line = domain.lines.get("numa", 0)
    if len(cpus) > domain.vcpus:
        yield "internal error: Number of CPUs in <numa> exceeds the <vcpu> count", line
    if cpus and max(cpus) >= domain.vcpus:
        yield "internal error: CPU IDs in <numa> exceed the <vcpu> count", line


def _distances(domain: Domain) -> Iterator[Refusal]:
    for cell in domain.cells:
        for sibling, value in cell.distances.items():
            if sibling >= len(domain.cells):
                yield (
                    f"XML error: 'sibling_id {sibling}' does not refer to a valid cell within NUMA "
                    f"'cell id {cell.id}'",
                    cell.line,
                )
            if not 10 <= value <= 255 or (sibling == cell.id) != (value == 10):
                yield (
                    f"XML error: 'value {value}' is invalid for 'sibling id {sibling}' under NUMA "
                    f"'cell id {cell.id}'",
                    cell.line,
                )


def _numatune(domain: Domain) -> Iterator[Refusal]:
    tune = domain.numatune
    line = tune.line
    automatic = (tune.placement or domain.vcpu_placement) == "auto" and not (
        tune.placement is None and tune.nodeset
    )
    if tune.placement not in (None, "static", "auto"):
        yield f"{_UNSUPPORTED}Unsupported NUMA memory placement mode '{tune.placement}'", line
    yield from _mode(tune.mode, line)
    if tune.nodeset == ():
        yield f"{_UNSUPPORTED}Invalid value of 'nodeset': it is empty", line
    if tune.has_memory and tune.nodeset is None and not automatic:
        yield (
            f"{_UNSUPPORTED}nodeset for NUMA memory tuning must be set if 'placement' is 'static'",
            line,
        )
    if tune.memnodes and automatic:
        yield (
            f"{_UNSUPPORTED}Per-node binding is not compatible with automatic NUMA placement.",
            tune.memnodes[0].line,
        )
    seen: set[int] = set()
    for memnode in tune.memnodes:
        yield from _memnode(domain, memnode, seen)


def _mode(mode: str | None, line: int) -> Iterator[Refusal]:
    if mode is not None and mode not in get_args(NumaMode):
        known = ", ".join(get_args(NumaMode))
        yield f"{_UNSUPPORTED}Unsupported NUMA memory tuning mode '{mode}'; known: {known}", line


def _memnode(domain: Domain, memnode: Memnode, seen: set[int]) -> Iterator[Refusal]:
    cell, line = memnode.cellid, memnode.line
    if not domain.cells:
        yield "XML error: Element 'memnode' is invalid without any guest NUMA cells", line
    if cell is None:
        yield "XML error: Missing required attribute 'cellid' in element 'memnode'", line
        return
    if cell >= len(domain.cells):
        yield (
            "XML error: Argument 'cellid' in memnode element must correspond to existing guest's "
            f"NUMA cell; {cell} does not exist",
            line,
        )
    if cell in seen:
        yield f"XML error: Multiple memnode elements with cellid {cell}", line
    seen.add(cell)
    yield from _mode(memnode.mode, line)
    if domain.numatune.mode == "restrictive" and memnode.mode != "restrictive":
        yield (
            "XML error: 'restrictive' mode is required in memnode element when mode is "
            "'restrictive' in memory element",
            line,
        )
    if memnode.nodeset is None:
        yield "XML error: Missing required nodeset attribute in memnode element", line
    if memnode.nodeset == ():
        yield f"{_UNSUPPORTED}Invalid value of 'nodeset': it is empty", line


def _backing(domain: Domain) -> Iterator[Refusal]:
    backing = domain.backing
    if backing.hugepages is None:
        return
    if backing.allocation == "ondemand":
        yield (
            f"{_UNSUPPORTED}hugepages are not allowed with memory allocation ondemand",
            backing.line,
        )
    if backing.source == "anonymous":
        yield (
            f"{_UNSUPPORTED}hugepages are not allowed with anonymous memory source",
            backing.line,
        )


def _memory(domain: Domain) -> Iterator[Refusal]:
    cells = sum(cell.memory_kib or 0 for cell in domain.cells)
    devices = sum(device.size_kib or 0 for device in domain.devices)
    total = cells + devices if cells else domain.memory_kib or 0
    line = domain.lines.get("memory", 0)
    if devices > total:
        yield "XML error: Total size of memory devices exceeds the total memory size", line
    if total == devices:
        yield (
            "XML error: Memory size must be specified via <memory> or in the <numa> configuration",
            line,
        )
    maximum, at = domain.max_memory_kib or 0, domain.lines.get("maxMemory", 0)
    if domain.slots and not maximum:
        yield (
            "XML error: both maximum memory size and memory slot count must be specified",
            at,
        )
    if maximum and maximum < total:
        yield (
            "XML error: maximum memory size must be equal or greater than the actual memory size; "
            f"<maxMemory> is {maximum} KiB, cells and devices are {total} KiB",
            at,
        )


def _slots(domain: Domain) -> Iterator[Refusal]:
    devices = [device for device in domain.devices if device.model in _SLOT_MODELS]
    slots = domain.slots or 0
    taken: set[int] = set()
    bases: set[int] = set()
    for device in devices if domain.max_memory_kib else ():
        if device.slot is not None and device.slot >= slots:
            yield (
                f"{_UNSUPPORTED}memory device slot '{device.slot}' exceeds slots count '{slots}'",
                device.line,
            )
        if device.slot in taken:
            yield (
                f"{_UNSUPPORTED}memory device slot '{device.slot}' is already being used by "
                "another memory device",
                device.line,
            )
        if device.base in bases:
            yield (
                f"{_UNSUPPORTED}memory device base '{device.base:#x}' is already being used by "
                "another memory device",
                device.line,
            )
        taken |= set() if device.slot is None else {device.slot}
        bases |= set() if device.base is None else {device.base}
    if domain.max_memory_kib and len(devices) > slots:
        yield (
            f"internal error: failed to find an empty memory slot; {len(devices)} devices need one "
            f"and <maxMemory> has {slots}",
            devices[slots].line,
        )


def _devices(domain: Domain) -> Iterator[Refusal]:
    for device in domain.devices:
        if device.model not in get_args(DeviceModel):
            yield (
                "XML error: Invalid value for attribute 'model' in element 'memory': "
                f"'{device.model}'.",
                device.line,
            )
        if device.size_kib is None:
            yield "XML error: missing element or attribute './size'", device.line
        if device.size_kib == 0:
            yield "a memory device of size 0; QEMU refuses it, give it a size", device.line
        if not domain.max_memory_kib and device.model != "sgx-epc":
            yield (
                f"{_UNSUPPORTED}cannot use/hotplug a memory device when domain 'maxMemory' is not "
                "defined",
                device.line,
            )
        if device.nodemask == ():
            yield f"{_UNSUPPORTED}Invalid value of 'nodemask': it is empty", device.line
        for message in (*_target(domain, device), *_model(device)):
            yield message, device.line


def _target(domain: Domain, device: DomainDevice) -> Iterator[str]:
    cells = max(1, len(domain.cells))
    needs_node = device.model in ("dimm", "nvdimm", "virtio-mem")
    if domain.cells and needs_node and device.node is None:
        yield f"{_UNSUPPORTED}target NUMA node needs to be specified for memory device"
    if device.node is not None and device.node >= cells:
        yield (
            f"{_UNSUPPORTED}can't add memory backend for guest node '{device.node}' as the guest "
            f"has only '{cells}' NUMA nodes configured"
        )


def _model(device: DomainDevice) -> Iterator[str]:
    if device.model == "nvdimm":
        if not device.path:
            yield "XML error: path is required for model 'nvdimm'"
        if 0 < (device.label_kib or 0) < 128:
            yield "XML error: nvdimm label must be at least 128KiB"
        if (device.label_kib or 0) >= (device.size_kib or 0):
            yield "XML error: label size must be smaller than NVDIMM size"
    if device.model == "virtio-pmem" and device.node is not None:
        yield f"{_UNSUPPORTED}virtio-pmem does not support NUMA nodes"
    if device.model == "virtio-mem":
        block, requested = device.block_kib or 0, device.requested_kib or 0
        if requested > (device.size_kib or 0):
            yield (
                f"{_UNSUPPORTED}requested size must be smaller than or equal to @size "
                f"({device.size_kib}KiB)"
            )
        if block == 0 or block & (block - 1):
            yield f"{_UNSUPPORTED}block size must be a power of two"
        elif requested % block:
            yield f"{_UNSUPPORTED}requested size must be an integer multiple of block size"


def _hugepages(domain: Domain) -> Iterator[Refusal]:
    masters = []
    owner: dict[int, int | None] = {}
    cells = len(domain.cells)
    for page in domain.backing.hugepages or ():
        nodeset = page.nodeset
        if page.size_kib is None:
            yield "XML error: missing element or attribute './@size'", page.line
        if page.size_kib == 0:
            yield "hugepage size can't be zero", page.line
        if nodeset == ():
            yield f"{_UNSUPPORTED}Invalid value of 'nodeset': it is empty", page.line
        if nodeset is None or (not cells and nodeset == (0,)):
            masters.append(page)
            if len(masters) > 1:
                sizes = f"{page.size_kib} and {masters[0].size_kib}"
                yield f"two master hugepages detected: {sizes}", page.line
            continue
        for node in nodeset:
            if node >= cells:
                yield f"hugepages: node {node} not found; the guest has {cells} cells", page.line
            if node in owner:
                yield (
                    f"nodeset attribute of hugepages of sizes {page.size_kib} and {owner[node]} "
                    "intersect",
                    page.line,
                )
            owner[node] = page.size_kib


_RULES = (
    *(_cells, _cpus, _distances, _numatune),
    *(_backing, _memory, _slots, _devices, _hugepages),
)

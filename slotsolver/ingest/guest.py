"""Guests: from a libvirt domain, as a start of that domain would make it, or from YAML.

Boot memory and devices are rounded up as libvirt does at a start; a running domain's sizes are
taken as they are, because they were rounded then (libvirt 9.0 ``qemu/qemu_domain.c:
qemuDomainAlignMemorySizes``). The total is the sum of cells and devices, whatever ``<memory>`` says
(``conf/domain_postparse.c:virDomainDefPostParseMemory``); of a virtio-mem what is requested counts.
A running guest's target is what it has, unless another one is wanted; growth that its metadata
plans is kept as far as slots and addresses are free.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from pydantic import TypeAdapter, ValidationError

from slotsolver.errors import InputError
from slotsolver.fields import Seldom, first_error
from slotsolver.ingest.backing import Inference, default_hugepage
from slotsolver.ingest.define import check_definable
from slotsolver.ingest.domain import Domain, DomainDevice, read_domain
from slotsolver.ingest.files import decode, name_of, read_bytes
from slotsolver.ingest.live import as_qemu_says, still_free
from slotsolver.ingest.xml import looks_like_xml
from slotsolver.ingest.yaml import Document, read_document
from slotsolver.platforms import Platform, platform_for
from slotsolver.problem import Cell, Device, Guest, Host, ReservedDimm, Target
from slotsolver.size import KiB, MiB, format_size

if TYPE_CHECKING:
    from slotsolver.ingest.qmp import Answers

_CELLS: TypeAdapter[tuple[Cell, ...]] = TypeAdapter(tuple[Cell, ...])
_DEVICES: TypeAdapter[tuple[Device, ...]] = TypeAdapter(tuple[Device, ...])
_MACHINES = {"x86_64": "pc", "i686": "pc", "aarch64": "virt", "ppc64": "pseries"}


class _Wanted(Seldom):
    """The target of a guest that is not read as a whole."""

    target: Target


def read_guest(
    source: str,
    *,
    host: Host | None = None,
    wanted: Mapping[str, Any] | None = None,
    qmp: Sequence[str] = (),
) -> Guest:
    """Read a guest from a domain XML or a YAML (or JSON) guest; ``-`` is standard input.

    ``host`` gives the default hugepage size, and the guest is checked against it. ``wanted`` are
    fields of :class:`Guest` that take the place of what the source says. ``qmp`` are files of what
    QEMU answers of the guest: then it is running, and its devices are those that QEMU has.
    """
    wanted = wanted or {}
    data = read_bytes(source)
    source = name_of(source)
    answers = _answers(qmp)
    if looks_like_xml(data):
        domain = read_domain(data, source=source)
        text = decode(data, source=source)
        guest = guest_from_domain(domain, xml=text, host=host, source=source, answers=answers)
        return change_guest(guest, wanted, source=source)
    guest = _from_document(read_document(data, source=source), wanted, answers)
    if host:
        check_against_host(guest, host, source=source)
    return guest


def _answers(qmp: Sequence[str]) -> Answers | None:
    if not qmp:
        return None
    from slotsolver.ingest.qmp import read_qmp

    return read_qmp(qmp)


def change_guest(guest: Guest, wanted: Mapping[str, Any], *, source: str) -> Guest:
    """The guest with other fields, validated again; errors name ``source``.

    A running guest's maximum and slots are those it was started with: QEMU takes them from its
    command line only (``-m``).
    """
    if not wanted:
        return guest
    try:
        changed = Guest.model_validate({**dict(guest), **wanted})
    except ValidationError as error:
        raise first_error(error, source=source) from None
    for field in ("maximum", "slots"):
        if guest.running and getattr(changed, field) != getattr(guest, field):
            raise InputError(
                f"guest {guest.name} is running: its {field} cannot change before it is started "
                f"anew; leave it out, or plan from the inactive XML (virsh dumpxml --inactive)",
                source=source,
                place=field,
            )
    return changed


def guest_from_domain(
    domain: Domain, *, xml: str, host: Host | None, source: str, answers: Answers | None = None
) -> Guest:
    """The guest that libvirt would start from this domain, or has started.

    vCPUs in no cell go to cell 0; a domain without cells becomes one cell with all vCPUs, as
    libvirt 9.6 does. ``answers`` are what QEMU says of it. Raises :class:`InputError` for what
    libvirt refuses to define, with its text, and for host nodes and page sizes that ``host`` does
    not have.
    """
    check_definable(domain, source=source)
    if not domain.name:
        raise InputError("XML error: the domain has no <name>", source=source)
    try:
        guest = Guest.model_validate({**_fields(domain, host), "xml": xml})
    except ValidationError as error:
        raise first_error(error, source=source) from None
    except InputError as error:
        raise error.at(source=source) from None
    if answers is not None:
        guest = as_qemu_says(guest, answers, source=source)
    if guest.running:
        growth = tuple(still_free(_planned(domain, source), guest.devices))
        guest = guest.model_copy(update={"growth": growth})
    if host:
        check_against_host(guest, host, source=source)
    return guest


def _planned(domain: Domain, source: str) -> Iterator[ReservedDimm]:
    """The DIMMs that the domain's metadata plans."""
    for dimm in domain.planned:
        try:
            yield ReservedDimm(slot=dimm.slot, size=dimm.size, cell=dimm.cell, address=dimm.address)
        except ValidationError as error:
            raise first_error(error, source=source).at(place=f"line {dimm.line}") from None


def _from_document(document: Document, wanted: Mapping[str, Any], answers: Answers | None) -> Guest:
    """A guest of a YAML or JSON document."""
    fields = {**document.data, **wanted}
    if answers is None:
        return document.validate(Guest, with_target(fields, document.context))
    now = {**fields, "running": fields.get("running") is True, "target": None}
    guest = document.validate(Guest, with_target(now, document.context, runs=True))
    target = None
    if fields.get("target") is not None:
        target = document.validate(_Wanted, {"target": fields["target"]}).target
    told = as_qemu_says(guest, answers, source=document.source, target=target)
    return told.model_copy(update={"growth": tuple(still_free(guest.growth, told.devices))})


def with_target(
    fields: dict[str, Any], context: dict[str, Any], *, runs: bool = False
) -> dict[str, Any]:
    """The fields of a guest; of one that runs, where they name no target, it is what it has.

    ``context`` is the document's; ``runs`` says that the guest runs though its fields do not.
    Fields that are wrong are left for :class:`Guest` to refuse.
    """
    if fields.get("target") is not None or not (runs or fields.get("running") is True):
        return fields
    try:
        cells = _CELLS.validate_python(_numbered(fields.get("cells")), context=context)
        devices = _DEVICES.validate_python(fields.get("devices", ()), context=context)
    except ValidationError:
        return {**fields, "target": "1 MiB"}
    if any(cell.memory is None for cell in cells):
        return {**fields, "target": fields.get("boot") or "1 MiB"}
    now = sum(cell.memory or 0 for cell in cells) + sum(device.memory for device in devices)
    return {**fields, "target": f"{now} B"}


def _numbered(cells: Any) -> Any:
    if not isinstance(cells, list):
        return cells
    return [{"id": i, **c} if isinstance(c, dict) else c for i, c in enumerate(cells)]


def _fields(domain: Domain, host: Host | None) -> dict[str, Any]:
    """The fields of :class:`Guest`, inferred."""
    machine = domain.machine or _MACHINES.get(domain.arch or "x86_64", "pc")
    try:
        platform = platform_for(machine)
    except InputError as error:
        raise error.at(place="os/type") from None
    base_page = host.base_page if host else platform.base_page
    known = tuple(node.id for node in host.nodes) if host else None
    inference = Inference(domain, base_page, default_hugepage(host), known)
    devices = _devices(domain, inference, platform)
    cells = _cells(domain, inference, platform)
    return {
        "name": domain.name,
        "machine": machine,
        "phys_bits": None if domain.phys_bits_mode == "passthrough" else domain.phys_bits,
        "cpu_vendor": _vendor(domain.cpu_vendor),
        "host_passthrough": _host_passthrough(domain),
        "pci_hole64": _bytes(domain.pci_hole64_kib),
        "cells": cells,
        "target": sum(c["memory"] for c in cells) + sum(map(_device_memory, devices)),
        "maximum": _maximum(domain, platform),
        "slots": domain.slots,
        "host_nodes": inference.memory_nodes,
        "mode": inference.memory_mode,
        "devices": devices,
        "running": domain.running,
        "emulator_cpus": domain.emulator_cpus,
        "immediate": domain.backing.allocation == "immediate",
    }


def check_against_host(guest: Guest, host: Host, *, source: str = "") -> None:
    """Raise :class:`InputError` where the guest names host nodes or page sizes the host lacks.

    libvirt 9.0 ``util/virnuma.c:virNumaNodesetIsAvailable``, ``qemu/qemu_conf.c:
    qemuGetDomainHupageMemPath``. Whether the pages suffice is for the solver to say.
    """
    known = {node.id for node in host.nodes}
    named = [("numatune/memory", guest.host_nodes)]
    named += [(f"cell {c.id}", c.host_nodes) for c in guest.cells]
    named += [(f"{d.model} {i}", d.host_nodes) for i, d in enumerate(guest.devices)]
    for place, nodes in named:
        for node in nodes or ():
            if node not in known:
                raise InputError(
                    f"unsupported configuration: NUMA node {node} is unavailable; the host has "
                    f"node {', '.join(map(str, sorted(known)))}",
                    source=source,
                    place=f"guest {guest.name}, {place}",
                )
    sizes = [(f"cell {c.id}", c.page_size) for c in guest.cells]
    sizes += [(f"{d.model} {i}", d.page_size) for i, d in enumerate(guest.devices)]
    for place, size in sizes:
        if size is not None and size not in host.page_sizes():
            raise InputError(
                f"internal error: Unable to find any usable hugetlbfs mount for {size // KiB} KiB; "
                f"the host has no pool of {format_size(size)} pages, only "
                f"{', '.join(map(format_size, host.page_sizes()))}",
                source=source,
                place=f"guest {guest.name}, {place}",
            )


def _cells(domain: Domain, inference: Inference, platform: Platform) -> list[dict[str, Any]]:
    vcpus = set(range(domain.vcpus))
    cells = []
    for cell in sorted(domain.cells, key=lambda c: c.id):
        spare = vcpus - {cpu for c in domain.cells for cpu in c.cpus} if cell.id == 0 else set()
        cells.append((sorted({*cell.cpus, *spare}), cell.memory_kib or 0))
    if not cells:
        devices = sum(device.size_kib or 0 for device in domain.devices)
        cells = [(sorted(vcpus), (domain.memory_kib or 0) - devices)]
    step = 1 if domain.running else platform.memory_alignment
    return [
        {
            "id": i,
            "cpus": cpus,
            "memory": _up(kib * KiB, step),
            "page_size": inference.page_size(i),
            "host_nodes": inference.cell_nodes(i),
            "mode": inference.mode(i),
            "distances": _distances(domain, i),
        }
        for i, (cpus, kib) in enumerate(cells)
    ]


def _distances(domain: Domain, cell_id: int) -> dict[int, int]:
    """A cell's distances; one given for the other way alone holds for both, the last one read
    (conf/numa_conf.c:virDomainNumaDefNodeDistanceParseXML)."""
    table: dict[tuple[int, int], int] = {}
    for cell in domain.cells:
        for sibling, value in cell.distances.items():
            table[cell.id, sibling] = value
            table.setdefault((sibling, cell.id), value)
    return {to: value for (start, to), value in sorted(table.items()) if start == cell_id}


def _devices(domain: Domain, inference: Inference, platform: Platform) -> list[dict[str, Any]]:
    slots = _assigned_slots(domain)
    return [
        {
            "model": device.model,
            "size": _device_size(device, domain, platform),
            "cell": _device_cell(device),
            "slot": slot,
            "address": device.virtio_base if device.base is None else device.base,
            "page_size": inference.device_page_size(device),
            "host_nodes": inference.device_nodes(device),
            "block": _bytes(device.block_kib),
            "requested": _bytes(device.requested_kib),
            "current": _bytes(device.current_kib),
            "label": _bytes(device.label_kib),
            "alias": device.alias,
        }
        for device, slot in zip(domain.devices, slots, strict=True)
    ]


def _device_memory(device: Mapping[str, Any]) -> int:
    """What a device adds to the guest, as :attr:`Device.memory`."""
    memory = device["requested"] if device["model"] == "virtio-mem" else device["size"]
    return int(memory or 0)


def _device_cell(device: DomainDevice) -> int | None:
    if device.node is None and device.model in ("dimm", "nvdimm", "virtio-mem"):
        return 0
    return device.node


def _device_size(device: DomainDevice, domain: Domain, platform: Platform) -> int:
    """A device's size at start; a pseries nvdimm is rounded down, its label left aside
    (qemu/qemu_domain.c:qemuDomainNVDimmAlignSizePseries)."""
    size, step = (device.size_kib or 0) * KiB, platform.dimm_alignment
    if domain.running:
        return size
    if device.model == "nvdimm" and step > 2 * MiB:
        label = (device.label_kib or 0) * KiB
        return (size - label) // step * step + label
    return _up(size, step)


def _assigned_slots(domain: Domain) -> list[int | None]:
    """Slots as libvirt assigns them at a start: given ones first, then the lowest free one in order
    (qemu/qemu_domain_address.c:qemuDomainAssignMemorySlots)."""
    if domain.running:
        return [d.slot for d in domain.devices]
    given = {d.slot for d in domain.devices if d.slot is not None}
    free = (slot for slot in range(len(given) + len(domain.devices) + 1) if slot not in given)
    return [
        next(free) if d.slot is None and d.model in ("dimm", "nvdimm") else d.slot
        for d in domain.devices
    ]


def _maximum(domain: Domain, platform: Platform) -> int | None:
    if not domain.max_memory_kib:
        return None
    return _up(domain.max_memory_kib * KiB, 1 if domain.running else platform.memory_alignment)


def _vendor(name: str | None) -> Literal["intel", "amd", "other"] | None:
    if name is None:
        return None
    return {"Intel": "intel", "AMD": "amd"}.get(name, "other")  # type: ignore[return-value]


def _host_passthrough(domain: Domain) -> bool:
    """Whether the guest's physical address bits are the host's (``target/i386/host-cpu.c``);
    emulation without KVM has its own."""
    host_cpu = domain.cpu_mode in ("host-passthrough", "maximum")
    return domain.domain_type != "qemu" and (host_cpu or domain.phys_bits_mode == "passthrough")


def _bytes(kib: int | None) -> int | None:
    return None if kib is None else kib * KiB


def _up(size: int, step: int) -> int:
    return -(-size // step) * step

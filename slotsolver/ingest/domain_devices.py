"""The ``<memory>`` devices of a domain, and the growth its metadata plans.

Faithful as :mod:`slotsolver.ingest.domain` is. A DIMM's ``slot`` is decimal, its ``base`` is
hexadecimal with or without ``0x``, and 0 is "none" (libvirt 9.0 ``conf/domain_conf.c:
virDomainDeviceDimmAddressParseXML``, ``virDomainMemoryDefParseXML``).
"""

from __future__ import annotations

from dataclasses import dataclass

from slotsolver.errors import InputError
from slotsolver.ingest.xml import Reader
from slotsolver.metadata import NAMESPACE


@dataclass(frozen=True)
class DomainDevice:
    """One ``<devices><memory>``, sizes in KiB.

    ``node`` is the cell, ``slot`` and ``base`` those of ``<address type='dimm'>``;
    ``virtio_base`` is ``<target><address base>`` (libvirt 9.4 and newer); ``nodemask`` names host
    nodes. ``model`` is empty where it is missing.
    """

    model: str
    size_kib: int | None = None
    node: int | None = None
    slot: int | None = None
    base: int | None = None
    address_type: str | None = None
    pagesize_kib: int | None = None
    nodemask: tuple[int, ...] | None = None
    path: str | None = None
    label_kib: int | None = None
    block_kib: int | None = None
    requested_kib: int | None = None
    current_kib: int | None = None
    virtio_base: int | None = None
    alias: str | None = None
    access: str | None = None
    discard: str | None = None
    line: int = 0


@dataclass(frozen=True)
class GrowthStage:
    """A stage of planned growth and its size in bytes."""

    name: str
    memory: int


@dataclass(frozen=True)
class GrowthDimm:
    """A DIMM that is planned and not plugged, in bytes; ``stage`` as in a plan, ``page_size`` where
    it is not its cell's."""

    slot: int
    size: int
    cell: int
    address: int
    stage: int
    page_size: int | None = None
    line: int = 0


@dataclass(frozen=True)
class Growth:
    """``<slotsolver:growth>`` in ``<metadata>``: the guest's block in bytes, stages and DIMMs."""

    block: int | None
    stages: tuple[GrowthStage, ...]
    dimms: tuple[GrowthDimm, ...]
    line: int = 0


def read_devices(root: Reader) -> tuple[DomainDevice, ...]:
    """Every memory device, in document order."""
    return tuple(_device(device) for device in root.all("devices/memory"))


def _device(device: Reader) -> DomainDevice:
    node = device.one("target/node")
    address, virtio = device.one("address"), device.one("target/address")
    address_type = address.get("type") if address else None
    dimm = address if address_type == "dimm" else None
    return DomainDevice(
        model=device.get("model") or "",
        size_kib=device.kib_at("target/size"),
        node=_node(node) if node else None,
        slot=_slot(dimm) if dimm else None,
        base=(dimm.unsigned("base", base=16) or None) if dimm else None,
        address_type=address_type,
        pagesize_kib=device.kib_at("source/pagesize"),
        nodemask=device.ids_at("source/nodemask"),
        path=device.text_at("source/path"),
        label_kib=device.kib_at("target/label/size"),
        block_kib=device.kib_at("target/block"),
        requested_kib=device.kib_at("target/requested"),
        current_kib=device.kib_at("target/current"),
        virtio_base=(virtio.unsigned("base", base=16) or None) if virtio else None,
        alias=device.get("name", "alias"),
        access=device.get("access"),
        discard=device.get("discard"),
        line=device.line,
    )


def _node(node: Reader) -> int:
    text = node.text.strip()
    if not (text.isascii() and text.isdigit()) or int(text[:20]) >= 1 << 31:
        raise node.error(f"XML error: invalid value of memory device node '{text}'")
    return int(text)


def _slot(address: Reader) -> int:
    slot = address.unsigned("slot")
    if slot is None:
        raise address.error("XML error: Missing required attribute 'slot' in element 'address'")
    return slot


def read_growth(root: Reader) -> Growth | None:
    """The planned growth, ``None`` where there is none."""
    growth = root.one(f"metadata/{{{NAMESPACE}}}growth")
    if growth is None:
        return None
    return Growth(
        block=growth.unsigned("block"),
        stages=tuple(
            GrowthStage(stage.get("name") or "", _required(stage, "memory"))
            for stage in growth.all(f"{{{NAMESPACE}}}stage")
        ),
        dimms=tuple(
            GrowthDimm(
                slot=_required(dimm, "slot"),
                size=_required(dimm, "size"),
                cell=_required(dimm, "cell"),
                address=_required(dimm, "address", base=16),
                stage=_required(dimm, "stage"),
                page_size=dimm.unsigned("pagesize"),
                line=dimm.line,
            )
            for dimm in growth.all(f"{{{NAMESPACE}}}dimm")
        ),
        line=growth.line,
    )


def _required(element: Reader, name: str, *, base: int = 10) -> int:
    value = element.unsigned(name, base=base)
    if value is None:
        raise _missing(element, name)
    return value


def _missing(element: Reader, name: str) -> InputError:
    return element.error(f"planned growth needs the attribute '{name}' here")

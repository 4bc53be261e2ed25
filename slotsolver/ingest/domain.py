"""A libvirt domain XML as it stands: everything about memory, nothing inferred, nothing judged.

Sizes are KiB after libvirt's parsing, ``ceil(bytes / 1024)``; ``None`` is "not there". What libvirt
would refuse (cells with gaps, a DIMM on a missing cell, …) is read all the same, so that it can be
judged; only what cannot be read at all (no XML, garbage instead of a number) is an error here.
Elements as in libvirt 9.0 ``docs/formatdomain.rst``, parsed by ``conf/domain_conf.c`` and
``conf/numa_conf.c``. ``line`` is the element's source line, 0 where there is no element.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from slotsolver.ingest.domain_devices import (
    DomainDevice,
    Growth,
    GrowthDimm,
    GrowthStage,
    read_devices,
    read_growth,
)
from slotsolver.ingest.xml import Reader, parse_xml

__all__ = [
    "Backing",
    "Domain",
    "DomainCell",
    "DomainDevice",
    "Growth",
    "GrowthDimm",
    "GrowthStage",
    "HugePage",
    "Memnode",
    "Numatune",
    "read_domain",
]


@dataclass(frozen=True)
class DomainCell:
    """``<cpu><numa><cell>``. ``id`` is the given one, else the cell's position, as in libvirt."""

    id: int
    cpus: tuple[int, ...] = ()
    memory_kib: int | None = None
    mem_access: str | None = None
    discard: str | None = None
    distances: dict[int, int] = field(default_factory=dict)
    line: int = 0


@dataclass(frozen=True)
class Memnode:
    """``<numatune><memnode>``: the binding of one cell; ``nodeset`` names host nodes."""

    cellid: int | None
    mode: str | None
    nodeset: tuple[int, ...] | None
    line: int = 0


@dataclass(frozen=True)
class Numatune:
    """``<numatune>``; ``mode``, ``placement`` and ``nodeset`` are those of its ``<memory>``, which
    exists where ``has_memory`` says so."""

    mode: str | None = None
    placement: str | None = None
    nodeset: tuple[int, ...] | None = None
    memnodes: tuple[Memnode, ...] = ()
    has_memory: bool = False
    line: int = 0


@dataclass(frozen=True)
class HugePage:
    """``<hugepages><page>``; ``nodeset`` names cells, ``None`` makes the page the master."""

    size_kib: int | None
    nodeset: tuple[int, ...] | None
    line: int = 0


@dataclass(frozen=True)
class Backing:
    """``<memoryBacking>``. ``hugepages`` is ``None`` without ``<hugepages>`` and ``()`` for
    ``<hugepages/>`` alone, which means one master page of the default size."""

    hugepages: tuple[HugePage, ...] | None = None
    nosharepages: bool = False
    locked: bool = False
    source: str | None = None
    access: str | None = None
    allocation: str | None = None
    discard: bool = False
    line: int = 0


@dataclass(frozen=True)
class Domain:
    """A domain XML's statements about memory, CPUs and machine.

    ``running`` is whether it has an ``id``; ``phys_bits`` and ``phys_bits_mode`` are
    ``<maxphysaddr>``; ``has_numa`` tells ``<numa/>`` without cells from none; ``firmware`` is
    whether the guest starts from UEFI. ``lines`` holds the lines of single elements by name,
    ``domain`` for the root.
    """

    name: str | None = None
    domain_type: str | None = None
    running: bool = False
    arch: str | None = None
    machine: str | None = None
    emulator: str | None = None
    acpi: bool = False
    firmware: bool = False
    cpu_mode: str | None = None
    cpu_model: str | None = None
    cpu_vendor: str | None = None
    cpu_check: str | None = None
    phys_bits: int | None = None
    phys_bits_mode: str | None = None
    vcpus: int = 1
    vcpu_placement: str | None = None
    emulator_cpus: tuple[int, ...] | None = None
    max_memory_kib: int | None = None
    slots: int | None = None
    memory_kib: int | None = None
    current_kib: int | None = None
    has_numa: bool = False
    cells: tuple[DomainCell, ...] = ()
    numatune: Numatune = Numatune()
    backing: Backing = Backing()
    devices: tuple[DomainDevice, ...] = ()
    pci_hole64_kib: int | None = None
    memballoon: str | None = None
    growth: Growth | None = None
    lines: dict[str, int] = field(default_factory=dict)

    @property
    def planned(self) -> tuple[GrowthDimm, ...]:
        """DIMMs that the domain's metadata plans and that are not plugged."""
        return self.growth.dimms if self.growth else ()


def read_domain(data: bytes, *, source: str) -> Domain:
    """Read a ``<domain>`` document faithfully.

    Raises :class:`slotsolver.errors.InputError` with the line for what is not a domain XML or holds
    numbers that libvirt cannot parse.
    """
    root = Reader(parse_xml(data, source=source, root="domain"), source=source)
    firmware = root.get("firmware", "os") is not None
    maximum, phys = root.one("maxMemory"), root.one("cpu/maxphysaddr")
    vcpu = root.one("vcpu")
    return Domain(
        name=root.text_at("name"),
        domain_type=root.get("type"),
        running=root.get("id") is not None,
        arch=root.get("arch", "os/type"),
        machine=root.get("machine", "os/type"),
        emulator=root.text_at("devices/emulator"),
        acpi=root.has("features/acpi"),
        firmware=firmware or root.get("type", "os/loader") == "pflash",
        cpu_mode=root.get("mode", "cpu"),
        cpu_model=root.text_at("cpu/model"),
        cpu_vendor=root.text_at("cpu/vendor"),
        cpu_check=root.get("check", "cpu"),
        phys_bits=phys.unsigned("bits") if phys else None,
        phys_bits_mode=phys.get("mode") if phys else None,
        vcpus=_vcpus(vcpu),
        vcpu_placement=vcpu.get("placement") if vcpu else None,
        emulator_cpus=_emulator_cpus(root, vcpu),
        max_memory_kib=maximum.kib() if maximum else None,
        slots=_slots(maximum),
        memory_kib=root.kib_at("memory"),
        current_kib=root.kib_at("currentMemory"),
        has_numa=root.has("cpu/numa"),
        cells=tuple(_cell(i, c) for i, c in enumerate(root.all("cpu/numa/cell"))),
        numatune=_numatune(root.one("numatune")),
        backing=_backing(root.one("memoryBacking")),
        devices=read_devices(root),
        pci_hole64_kib=_pci_hole64(root),
        memballoon=root.get("model", "devices/memballoon"),
        growth=read_growth(root),
        lines=_lines(root),
    )


def _lines(root: Reader) -> dict[str, int]:
    names = (
        "maxMemory",
        "memory",
        "currentMemory",
        "vcpu",
        "numatune",
        "memoryBacking",
        "cpu/numa",
    )
    found = {name.rpartition("/")[2]: root.one(name) for name in names}
    return {"domain": root.line} | {name: at.line for name, at in found.items() if at}


def _emulator_cpus(root: Reader, vcpu: Reader | None) -> tuple[int, ...] | None:
    """Host CPUs that QEMU's own threads may run on: those of ``<emulatorpin>``, else those of
    ``<vcpu cpuset>`` (qemu/qemu_process.c:qemuProcessSetupEmulator)."""
    pin = root.one("cputune/emulatorpin")
    pinned = pin.ids("cpuset") if pin else None
    return pinned or (vcpu.ids("cpuset") if vcpu else None) or None


def _vcpus(vcpu: Reader | None) -> int:
    """The most vCPUs; 1 without ``<vcpu>`` (conf/domain_conf.c:virDomainVcpuParse)."""
    if vcpu is None or not vcpu.text:
        return 1
    text = vcpu.text.strip()
    if not (text.isascii() and text.isdigit()) or not 0 < int(text[:20]) < 1 << 16:
        raise vcpu.error("XML error: maximum vcpus count must be an integer, 1 to 65535")
    return int(text)


def _slots(maximum: Reader | None) -> int | None:
    message = "XML error: Failed to parse memory slot count; a whole number is needed"
    slots = maximum.unsigned("slots", message) if maximum else None
    if maximum and slots is not None and slots >= 1 << 32:
        raise maximum.error(message)
    return slots


def _cell(position: int, cell: Reader) -> DomainCell:
    given = cell.unsigned("id")
    distances = {}
    for sibling in cell.all("distances/sibling"):
        target, value = sibling.unsigned("id"), sibling.unsigned("value")
        if target is None or value is None:
            name = "id" if target is None else "value"
            raise sibling.error(f"XML error: Missing '{name}' attribute in NUMA distances")
        distances[target] = value
    return DomainCell(
        id=position if given is None else given,
        cpus=cell.ids("cpus") or (),
        memory_kib=cell.kib("memory"),
        mem_access=cell.get("memAccess"),
        discard=cell.get("discard"),
        distances=distances,
        line=cell.line,
    )


def _numatune(numatune: Reader | None) -> Numatune:
    if numatune is None:
        return Numatune()
    memory = numatune.one("memory")
    return Numatune(
        mode=memory.get("mode") if memory else None,
        placement=memory.get("placement") if memory else None,
        nodeset=memory.ids("nodeset") if memory else None,
        memnodes=tuple(
            Memnode(m.unsigned("cellid"), m.get("mode"), m.ids("nodeset"), m.line)
            for m in numatune.all("memnode")
        ),
        has_memory=memory is not None,
        line=numatune.line,
    )


def _backing(backing: Reader | None) -> Backing:
    if backing is None:
        return Backing()
    pages = None
    if backing.has("hugepages"):
        pages = tuple(
            HugePage(page.kib("size"), page.ids("nodeset"), page.line)
            for page in backing.all("hugepages/page")
        )
    return Backing(
        hugepages=pages,
        nosharepages=backing.has("nosharepages"),
        locked=backing.has("locked"),
        source=backing.get("type", "source"),
        access=backing.get("mode", "access"),
        allocation=backing.get("mode", "allocation"),
        discard=backing.has("discard"),
        line=backing.line,
    )


def _pci_hole64(root: Reader) -> int | None:
    """``<pcihole64>`` of the root bus (conf/domain_conf.c:virDomainControllerDefParseXML)."""
    for controller in root.all("devices/controller"):
        if controller.get("model") in ("pci-root", "pcie-root"):
            size = controller.kib_at("pcihole64")
            if size is not None:
                return size
    return None

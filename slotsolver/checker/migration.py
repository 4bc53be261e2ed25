"""Whether libvirt takes a domain XML for a guest that runs elsewhere or was saved.

``virsh migrate --xml`` and ``virsh restore --xml`` compare the target with the source and stop at
the first difference; here all are listed, in libvirt's order and words: libvirt 9.0 qemu/
qemu_migration.c:qemuMigrationSrcIsAllowed, conf/domain_conf.c:virDomainDefCheckABIStabilityFlags,
conf/numa_conf.c:virDomainNumaCheckABIStability, qemu/qemu_domain.c:qemuDomainABIStabilityCheck.

Page sizes, host nodes, numatune and hugepages are not compared: these may differ from host to host.
Compared by libvirt, but not here, is what :class:`Domain` does not hold: uuid, features of the CPU,
disks and other devices, the PCI address of a virtio-mem, an nvdimm's alignment and flags.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from slotsolver.checker.domain_facts import (
    DomainFacts,
    devices_with_places,
    place_of,
    place_of_cell,
    place_of_device,
)
from slotsolver.checker.domains import check_domain
from slotsolver.checker.libvirt_define import CONFIG, SLOT_MODELS
from slotsolver.checker.libvirt_parse import check_parse
from slotsolver.checker.start_devices import assigned
from slotsolver.checker.violation import Violation
from slotsolver.errors import InputError
from slotsolver.ingest.domain import Domain, DomainDevice
from slotsolver.platforms import Version
from slotsolver.platforms.versions import LIBVIRT_VIRTIO_MEM_ADDRESS
from slotsolver.problem import Host

RECOMPUTED = ("libvirt-M2", "libvirt-M3", "libvirt-M6")
"""Rules about ``<memory>``, which ``define`` computes anew and an incoming guest's XML states."""

LOCAL_DISTANCE, REMOTE_DISTANCE = 10, 20
"""Distances that nobody gave (libvirt 9.0 conf/numa_conf.c:virDomainNumaGetNodeDistance)."""


def check_migration(
    source: Domain,
    target: Domain,
    *,
    host: Host | None = None,
    qemu: str = "7.2",
    libvirt: str = "9.0",
) -> tuple[Violation, ...]:
    """What keeps the running ``source`` from going on as ``target``; the first is libvirt's first.

    ``source`` is the XML of the running or saved guest (``virsh dumpxml --migratable``), ``host``
    the one that ``target`` is for. The target's own faults count as well, its pools on ``host``
    included, but not what the guest's kernel thinks of its DIMMs, which it has already. Raises
    :class:`InputError` for a source that libvirt could not have parsed, and for a version that
    cannot be read.
    """
    for v in check_parse(DomainFacts(source, None, Version.parse(qemu), Version.parse(libvirt))):
        raise InputError(
            f"{v.says}; give the XML of the running guest: virsh dumpxml --migratable",
            source="source of the migration",
            place=v.place,
        )
    # It starts anew on its host and takes its pages from there, whatever its XML says of running.
    own = check_domain(replace(target, running=False), host=host, qemu=qemu, libvirt=libvirt)
    found = list(_addresses_lacking(source))
    found += [v for v in own if v.stage == "parse"]
    if not any(v.stage == "parse" for v in own):
        define = [v for v in own if v.stage == "define" and v.rule not in RECOMPUTED]
        found += _as_noticed(target, [*_totals(target), *define])
        found += _differences(source, target, Version.parse(libvirt))
        found += [v for v in own if v.stage in ("start", "host")]
    return tuple(dict.fromkeys(found))


NOTICED = (
    ("libvirt-M2", "libvirt-M3"),
    ("libvirt-M5",),
    ("libvirt-M6",),
    ("libvirt-S1",),
    ("libvirt-M7", "libvirt-N1"),
    ("libvirt-S4",),
    ("libvirt-N2", "libvirt-S2", "libvirt-S3"),
    ("libvirt-H6",),
    ("libvirt-N3", "libvirt-virtio-mem", "libvirt-nvdimm", "libvirt-virtio-pmem"),
    ("libvirt-H1", "libvirt-overlap"),
)
"""The rules of ``define`` in the order in which libvirt looks at them; those that stand together it
looks at device by device (conf/domain_postparse.c:virDomainDefPostParse, qemu/qemu_validate.c:
qemuValidateDomainDef, conf/domain_validate.c:virDomainDefValidateInternal; seen)."""

HUGEPAGE_OF_ZERO = "hugepage size can't be zero"
"""What the parser itself says (conf/domain_conf.c:virDomainHugepagesParseXML)."""


def _as_noticed(target: Domain, found: Sequence[Violation]) -> list[Violation]:
    """What ``define`` refuses, first what libvirt notices first."""
    places = [place for _, place in devices_with_places(target)]
    first: dict[str, int] = {}
    for number, device in enumerate(target.devices):
        first.setdefault(f"slot '{device.slot}'", number)
        first.setdefault(f"base '0x{device.base or 0:x}'", number)

    def turn(violation: Violation) -> tuple[int, int, int]:
        if violation.says == HUGEPAGE_OF_ZERO:
            return -1, 0, 0
        group = next(i for i, rules in enumerate(NOTICED) if violation.rule in rules)
        device = places.index(violation.place) if violation.place in places else 0
        if violation.rule == "libvirt-S3":  # a device is compared with all others, not only before
            device = next(number for text, number in first.items() if text in violation.says)
        return group, device, NOTICED[group].index(violation.rule)

    return sorted(found, key=turn)


def _differences(source: Domain, target: Domain, libvirt: Version) -> Iterator[Violation]:
    """Everything in which the target differs from the source and must not."""
    yield from _names(source, target)
    yield from _memory(source, target)
    yield from _cells(source, target)
    yield from _machine(source, target)
    yield from _devices(source, target, libvirt)
    yield from _backing(source, target)


def _same(text: str, values: Sequence[object], place: str) -> Iterator[Violation]:
    """``text`` with the target's value and the source's, unless they are the same."""
    ours, theirs = values
    if ours != theirs:
        yield Violation("libvirt-P7", "migration", CONFIG + text.format(ours, theirs), place)


def _addresses_lacking(source: Domain) -> Iterator[Violation]:
    """DIMMs of which the source does not say where they are; a running guest's XML does."""
    for device, place in devices_with_places(source):
        if device.model == "dimm" and (device.slot is None or device.base is None):
            says = (
                "Requested operation is not valid: domain's dimm info lacks slot ID or base address"
            )
            yield Violation("libvirt-P7", "migration", says, f"source {place}")


def _totals(target: Domain) -> Iterator[Violation]:
    """The target's ``<memory>``, which is taken as it stands (conf/domain_postparse.c:
    virDomainDefPostParseMemory without VIR_DOMAIN_DEF_PARSE_ABI_UPDATE)."""
    place = place_of(target, "memory")
    if _initial(target) < 0:
        says = "XML error: Total size of memory devices exceeds the total memory size"
        yield Violation("libvirt-M2", "define", says, place)
    elif _initial(target) == 0:
        says = (
            "XML error: Memory size must be specified via <memory> or in the <numa> configuration"
        )
        yield Violation("libvirt-M3", "define", says, place)
    if target.max_memory_kib and target.max_memory_kib < _total(target):
        says = "XML error: maximum memory size must be equal or greater than the actual memory size"
        yield Violation("libvirt-M6", "define", says, place_of(target, "maxMemory"))


def _total(domain: Domain) -> int:
    """KiB of ``<memory>``; without one, of cells and devices."""
    cells = sum(cell.memory_kib or 0 for cell in domain.cells)
    return domain.memory_kib or cells + _plugged(domain)


def _plugged(domain: Domain) -> int:
    """KiB of all memory devices."""
    return sum(device.size_kib or 0 for device in domain.devices)


def _initial(domain: Domain) -> int:
    """KiB that the guest has without its devices (virDomainDefGetMemoryInitial)."""
    return _total(domain) - _plugged(domain)


def _current(domain: Domain) -> int:
    """KiB of ``<currentMemory>``, at most the total, which it is where it is not given."""
    return min(domain.current_kib or _total(domain), _total(domain))


def _names(source: Domain, target: Domain) -> Iterator[Violation]:
    place = place_of(target, "domain")
    kinds = target.domain_type or source.domain_type, source.domain_type or target.domain_type
    yield from _same("Target domain virt type {} does not match source {}", kinds, place)
    names = target.name, source.name
    yield from _same("Target domain name '{}' does not match source '{}'", names, place)


def _memory(source: Domain, target: Domain) -> Iterator[Violation]:
    """conf/domain_conf.c:virDomainMemtuneCheckABIStability."""
    text = "Target domain max memory {} does not match source {}"
    yield from _same(text, (_initial(target), _initial(source)), place_of(target, "memory"))
    text = "Target domain current memory {} does not match source {}"
    place = f"{place_of(target, 'currentMemory')}, compared by virsh restore, not by virsh migrate"
    yield from _same(text, (_current(target), _current(source)), place)
    place = place_of(target, "maxMemory")
    text = "Target maximum memory size '{}' doesn't match source '{}'"
    yield from _same(text, (target.max_memory_kib or 0, source.max_memory_kib or 0), place)
    text = "Target domain memory slots count '{}' doesn't match source '{}'"
    yield from _same(text, (target.slots or 0, source.slots or 0), place)


def _cells(source: Domain, target: Domain) -> Iterator[Violation]:
    """conf/numa_conf.c:virDomainNumaCheckABIStability."""
    counts = len(target.cells), len(source.cells)
    text = "Target NUMA node count '{}' doesn't match source '{}'"
    yield from _same(text, counts, place_of(target, "numa"))
    if counts[0] != counts[1]:
        return
    sizes = {cell.id: cell.memory_kib for cell in source.cells}
    our_cpus, their_cpus = _cpus(target), _cpus(source)
    for cell in sorted(target.cells, key=lambda cell: cell.id):
        i, place = cell.id, place_of_cell(cell)
        text = f"Size of target NUMA node {i} ({{}}) doesn't match source ({{}})"
        yield from _same(text, (cell.memory_kib, sizes[i]), place)
        text = f"Processor mask of target NUMA node {i} doesn't match source"
        yield from _same(text, (our_cpus[i], their_cpus[i]), place)
        for j in sorted(sizes):
            text = f"Target NUMA distance from {i} to {j} doesn't match source"
            yield from _same(text, (_distance(target, i, j), _distance(source, i, j)), place)


def _cpus(domain: Domain) -> dict[int, set[int]]:
    """Each cell's CPUs; cell 0 has those of no cell too (qemu/qemu_domain.c:
    qemuDomainDefNumaCPUsRectify)."""
    cpus = {cell.id: set(cell.cpus) for cell in domain.cells}
    return cpus | {0: set(range(domain.vcpus)).difference(*(cpus[i] for i in cpus if i))}


def _distance(domain: Domain, here: int, there: int) -> int:
    """The distance between two cells; one that is given one way only holds both ways."""
    given = {cell.id: cell.distances for cell in domain.cells}
    default = LOCAL_DISTANCE if here == there else REMOTE_DISTANCE
    return given[here].get(there, given[there].get(here, default))


def _machine(source: Domain, target: Domain) -> Iterator[Violation]:
    """What is known of CPUs, machine and balloon, in libvirt's order."""
    place = place_of(target, "domain")
    text = "Target domain vCPU max {} does not match source {}"
    yield from _same(text, (target.vcpus, source.vcpus), place_of(target, "vcpu"))
    arches = target.arch or source.arch, source.arch or target.arch
    yield from _same("Target domain architecture {} does not match source {}", arches, place)
    machines = target.machine or "", source.machine or ""
    # "q35" becomes the newest pc-q35-... that the host's QEMU has, which is not known here.
    if all("-" in machine for machine in machines):
        text = "Target domain machine type {} does not match source {}"
        yield from _same(text, machines, place)
    states = tuple("on" if domain.acpi else "default" for domain in (target, source))
    text = "State of feature 'acpi' differs: source: '{1}', destination: '{0}'"
    yield from _same(text, states, place)
    yield from _cpu(source, target)
    bits = [(domain.phys_bits_mode, domain.phys_bits) for domain in (target, source)]
    yield from _same("Target CPU maxphysaddr does not match source", bits, place)
    balloons = [domain.memballoon or "virtio" for domain in (target, source)]
    yield from _same("Target balloon model {} does not match source {}", balloons, place)


def _cpu(source: Domain, target: Domain) -> Iterator[Violation]:
    """What is known of the CPU (conf/cpu_conf.c:virCPUDefIsEqual); what is left out libvirt fills
    in. A live source may have the one that QEMU has made of what was asked for, and then says
    ``check='full'``; libvirt compares with what was asked for."""
    if source.running and source.cpu_check == "full":
        return
    place = place_of(target, "domain")
    for what, ours, theirs in (
        ("mode", target.cpu_mode, source.cpu_mode),
        ("check", target.cpu_check, source.cpu_check),
        ("model", target.cpu_model, source.cpu_model),
    ):
        if ours and theirs:
            text = f"Target CPU {what} {{}} does not match source {{}}"
            yield from _same(text, (ours, theirs), place)


def _devices(source: Domain, target: Domain, libvirt: Version) -> Iterator[Violation]:
    """The devices, each with the one at its place in the source's list."""
    counts = len(target.devices), len(source.devices)
    text = "Target domain memory device count {} does not match source {}"
    yield from _same(text, counts, place_of(target, "domain"))
    if counts[0] != counts[1]:
        return
    slots = [slot for _, slot in assigned(target)]
    for number, (ours, theirs) in enumerate(zip(target.devices, source.devices, strict=True)):
        place = place_of_device(number, ours)
        text = "Target memory device model '{}' doesn't match source model '{}'"
        yield from _same(text, (ours.model, theirs.model), place)
        if ours.model == theirs.model:
            yield from _sizes(ours, theirs, place)
            yield from _addresses(replace(ours, slot=slots[number]), theirs, libvirt, place)


def _sizes(ours: DomainDevice, theirs: DomainDevice, place: str) -> Iterator[Violation]:
    """conf/domain_conf.c:virDomainMemoryDefCheckABIStability."""
    nodes = [-1 if device.node is None else device.node for device in (ours, theirs)]
    text = "Target memory device targetNode '{}' doesn't match source targetNode '{}'"
    yield from _same(text, nodes, place)
    text = "Target memory device size '{}' doesn't match source memory device size '{}'"
    yield from _same(text, (ours.size_kib, theirs.size_kib), place)
    if ours.model == "nvdimm":  # libvirt itself prints these two the wrong way round
        text = "Target NVDIMM label size '{1}' doesn't match source NVDIMM label size '{0}'"
        yield from _same(text, (ours.label_kib or 0, theirs.label_kib or 0), place)
    elif ours.model == "virtio-mem":
        for what, values in (
            ("block", (ours.block_kib, theirs.block_kib)),
            ("requested", (ours.requested_kib, theirs.requested_kib)),
        ):
            text = (
                f"Target memory device {what} size '{{}}' doesn't match source memory device "
                f"{what} size '{{}}'"
            )
            yield from _same(text, (values[0] or 0, values[1] or 0), place)


def _addresses(
    ours: DomainDevice, theirs: DomainDevice, libvirt: Version, place: str
) -> Iterator[Violation]:
    """Addresses, as far as the source has them (virDomainDeviceInfoCheckABIStability)."""
    if LIBVIRT_VIRTIO_MEM_ADDRESS.in_version(libvirt):
        text = (
            "Target memory device address '{:#x}' doesn't match source memory device address "
            "'{:#x}'"
        )
        yield from _same(text, (ours.virtio_base or 0, theirs.virtio_base or 0), place)
    if ours.model in SLOT_MODELS and theirs.slot is not None:
        text = "Target device dimm slot {} does not match source {}"
        yield from _same(text, (ours.slot, theirs.slot), place)
    if ours.model in SLOT_MODELS and theirs.base is not None:
        text = "Target device dimm base address '{:x}' does not match source '{:x}'"
        yield from _same(text, (ours.base or 0, theirs.base), place)


def _backing(source: Domain, target: Domain) -> Iterator[Violation]:
    """qemu/qemu_domain.c:qemuDomainABIStabilityCheck."""
    kinds = [domain.backing.source or "none" for domain in (target, source)]
    text = "Target memoryBacking source '{}' doesn't match source memoryBacking source'{}'"
    yield from _same(text, kinds, place_of(target, "memoryBacking"))
    if len(target.devices) == len(source.devices):
        devices = zip(devices_with_places(target), source.devices, strict=True)
        for (ours, place), theirs in devices:  # libvirt prints these the wrong way round too
            text = "Target memory device alias '{1}' doesn't match source alias '{0}'"
            yield from _same(text, (_alias(ours), _alias(theirs)), place)


def _alias(device: DomainDevice) -> str:
    """The alias that somebody gave; libvirt's own ones are not kept in a migratable XML."""
    alias = device.alias or ""
    return alias if alias.startswith("ua-") else "<null>"

"""A domain as libvirt would start it: sizes rounded, totals summed, backends inferred.

libvirt 9.0 qemu/qemu_domain.c:qemuDomainAlignMemorySizes rounds cells and maxMemory up to 1 MiB and
devices to 2 MiB (pseries: 256 MiB),. Sizes are bytes here
unless their name says KiB.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from slotsolver.checker.inference import Backed, Inference
from slotsolver.errors import InputError
from slotsolver.ingest.domain import Domain, DomainCell, DomainDevice
from slotsolver.platforms import MapOptions, Platform, Version, backend_alignment, platform_for
from slotsolver.problem import Host
from slotsolver.size import KiB, MiB

AMD_MODELS = ("qemu64", "max", "EPYC", "Opteron", "phenom", "athlon")
"""CPU models whose own vendor is AuthenticAMD (QEMU 7.2 target/i386/cpu.c:builtin_x86_defs)."""


@dataclass(frozen=True)
class DomainFacts:
    """What the checks of a domain ask for. ``host`` may be unknown."""

    domain: Domain
    host: Host | None
    qemu: Version
    libvirt: Version

    @cached_property
    def platform(self) -> Platform | None:
        """The machine type; ``None`` for one that is not known or cannot have memory devices."""
        try:
            return platform_for(self.domain.machine or "pc")
        except InputError:
            return None

    @property
    def is_ppc(self) -> bool:
        """Whether libvirt's ppc64 rules hold."""
        return (self.domain.arch or "x86_64").startswith("ppc64")

    @property
    def hotplug(self) -> bool:
        """Whether maxMemory is there (conf/domain_conf.c:virDomainDefHasMemoryHotplug)."""
        return bool(self.domain.slots or self.domain.max_memory_kib)

    @property
    def slots(self) -> int:
        """The slot count, 0 where there is none."""
        return self.domain.slots or 0

    @property
    def total_kib(self) -> int:
        """``<memory>`` as libvirt's post-parse makes it: cells and devices, where there are cells
        (conf/domain_postparse.c:virDomainDefPostParseMemory)."""
        cells = sum(c.memory_kib or 0 for c in self.domain.cells)
        devices = sum(d.size_kib or 0 for d in self.domain.devices)
        return cells + devices if cells else self.domain.memory_kib or 0

    @property
    def initial_kib(self) -> int:
        """The total less all devices."""
        return self.total_kib - sum(d.size_kib or 0 for d in self.domain.devices)

    def cell_size(self, cell: DomainCell) -> int:
        """A cell's boot memory at the start (bytes)."""
        return self._up(cell.memory_kib or 0, self._memory_align)

    def device_size(self, device: DomainDevice) -> int:
        """A device's size at the start (bytes)."""
        return self._up(device.size_kib or 0, self._device_align)

    @cached_property
    def ram(self) -> int:
        """Boot memory at the start (bytes): QEMU's ``-m size=``."""
        if self.domain.cells:
            return sum(self.cell_size(c) for c in self.domain.cells)
        return self._up(self.initial_kib, self._memory_align)

    @property
    def maxmem(self) -> int:
        """maxMemory at the start (bytes), boot memory where there is none."""
        if not self.hotplug:
            return self.ram
        return self._up(self.domain.max_memory_kib or 0, self._memory_align)

    @property
    def map_options(self) -> MapOptions:
        """What moves QEMU's memory map beside ``-m``."""
        domain, host = self.domain, self.host
        bits = domain.phys_bits
        passes = domain.phys_bits_mode == "passthrough" or (
            domain.cpu_mode in ("host-passthrough", "maximum") and domain.phys_bits_mode is None
        )
        if host is not None and host.phys_bits and passes:
            bits = min(bits, host.phys_bits) if bits else host.phys_bits
        hole = domain.pci_hole64_kib
        return MapOptions(
            phys_bits=bits,
            amd=self._is_amd,
            pci_hole64=None if hole is None else hole * KiB,
            sgx_epc=sum(self.device_size(d) for d in domain.devices if d.model == "sgx-epc"),
        )

    @property
    def _is_amd(self) -> bool:
        """KVM gives every model the host's vendor, TCG the model's own (target/i386/cpu.c)."""
        if self.domain.cpu_vendor:
            return self.domain.cpu_vendor.lower() == "amd"
        if self.domain.domain_type == "kvm":
            return self.host is not None and self.host.cpu_vendor == "amd"
        return (self.domain.cpu_model or "qemu64").startswith(AMD_MODELS)

    @property
    def base_page(self) -> int:
        """The host's ordinary page."""
        return self.host.base_page if self.host else 4 * KiB

    @cached_property
    def cell_backends(self) -> tuple[Backed, ...]:
        """The backend of each cell's boot memory; without cells the one of all boot memory."""
        rules = Inference(self.domain, self.host, self.libvirt)
        if not self.domain.cells:
            return (rules.backend(None, self.ram, "memory"),)
        return tuple(
            rules.backend(c.id, self.cell_size(c), place_of_cell(c)) for c in self.domain.cells
        )

    @cached_property
    def device_backends(self) -> tuple[Backed, ...]:
        """The backend of each device, in document order."""
        rules = Inference(self.domain, self.host, self.libvirt)
        return tuple(
            rules.backend(d.node, self.device_size(d), place_of_device(i, d), d)
            for i, d in enumerate(self.domain.devices)
        )

    @cached_property
    def cpuset(self) -> frozenset[int] | None:
        """Host nodes that QEMU may allocate from at all: libvirt sets the cpuset of its threads
        from a strict or restrictive ``<memory>`` (qemu/qemu_process.c:qemuProcessSetupEmulator);
        from 9.5 on the nodes of every backend are in it too. ``None``: from any."""
        tune = self.domain.numatune
        if tune.nodeset is None or tune.placement == "auto":
            return None
        if (tune.mode or "strict") not in ("strict", "restrictive"):
            return None
        named = set(tune.nodeset)
        if self.libvirt >= (9, 5):
            named.update(node for memnode in tune.memnodes for node in memnode.nodeset or ())
            named.update(node for device in self.domain.devices for node in device.nodemask or ())
        return frozenset(named)

    def alignment(self, backed: Backed) -> int:
        """What the backend makes a device's address and size be multiples of (bytes)."""
        return backend_alignment(backed.page_size, self.base_page, kind=backed.kind)

    @property
    def _memory_align(self) -> int:
        return 256 * MiB if self.is_ppc else MiB

    @property
    def _device_align(self) -> int:
        return 256 * MiB if self.is_ppc else 2 * MiB

    def _up(self, kib: int, align: int) -> int:
        """Rounded up at a start; a running domain's sizes stand as they are."""
        return kib * KiB if self.domain.running else -(-kib * KiB // align) * align


def place_of_cell(cell: DomainCell) -> str:
    """How violations name a cell."""
    return f"cell {cell.id}" + _line(cell.line)


def place_of_device(number: int, device: DomainDevice) -> str:
    """How violations name a device: by its slot where it has one, else by its place."""
    name = f"slot {device.slot}" if device.slot is not None else f"number {number}"
    return f"{device.model} {name}" + _line(device.line)


def place_of(domain: Domain, element: str) -> str:
    """How violations name an element that occurs once."""
    return f"<{element}>" + _line(domain.lines.get(element, 0))


def devices_with_places(domain: Domain) -> Iterator[tuple[DomainDevice, str]]:
    """Every device with its name for violations."""
    for number, device in enumerate(domain.devices):
        yield device, place_of_device(number, device)


def _line(line: int) -> str:
    return f" (line {line})" if line else ""

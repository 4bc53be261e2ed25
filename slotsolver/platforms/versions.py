"""Versions of QEMU and libvirt, and from which one on each behaviour holds.

A :class:`Feature` is one dated fact with its source. Where the exact release is not known the
earliest release on which it was seen (or read) is given and the text says so.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple, TypeAlias

from slotsolver.errors import InputError

_VERSION = re.compile(r"(\d{1,4})\.(\d{1,4})(?:\.(\d{1,4})(?:\.\d{1,4})?)?(?:[-+~ ].*)?", re.ASCII)


class Version(NamedTuple):
    """A release number; compares like a tuple, also with a plain ``(major, minor)``."""

    major: int
    minor: int
    micro: int = 0

    @classmethod
    @lru_cache(maxsize=256)
    def parse(cls, text: str) -> Version:
        """Read ``7.2``, ``7.2.22``, ``9.0.0-4+deb12u2``. Raises :class:`InputError` otherwise."""
        match = _VERSION.fullmatch(text.strip())
        if match is None:
            raise InputError(f"{text!r} is not a version; write for example '7.2' or '9.0.0'")
        major, minor, micro = match.groups(default="0")
        return cls(int(major), int(minor), int(micro))

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.micro}"


QemuVersion: TypeAlias = Version | tuple[int, int] | tuple[int, int, int]
"""A version as callers may give it: :class:`Version` or a plain tuple such as ``(7, 2)``."""


@dataclass(frozen=True)
class Feature:
    """A behaviour that holds from release ``since`` on; ``source`` says where that is written."""

    name: str
    since: Version
    source: str

    def in_version(self, version: QemuVersion) -> bool:
        """Whether ``version`` has it."""
        return tuple(version) >= tuple(self.since)[: len(version)]


def _since(name: str, version: str, source: str) -> Feature:
    return Feature(name, Version.parse(version), source)


# QEMU ---------------------------------------------------------------------------------------

QEMU_DEFAULT_RAM_ID = _since(
    "default RAM is an object",
    "5.2",
    "-machine memory-backend=; libvirt takes it from 5.2 on (default-ram-id)",
)
QEMU_JSON_OBJECTS = _since(
    "-object takes JSON", "6.0", "libvirt capability object.qapified (qemu_capabilities.c)"
)
QEMU_RESERVE = _since("backend reserve=", "6.1", "QEMU qapi/qom.json:MemoryBackendProperties")
QEMU_JSON_DEVICES = _since(
    "-device takes JSON", "7.0", "QAPI feature json-cli-hotplug of device_add; 6.2's is broken"
)
QEMU_VIRTIO_MEM_PREALLOC = _since(
    "virtio-mem prealloc=", "7.0", "QEMU hw/virtio/virtio-mem.c:virtio_mem_properties"
)
QEMU_THREAD_CONTEXT = _since(
    "thread-context objects", "7.2", "QEMU util/thread-context.c; libvirt qemu_command.c"
)
QEMU_NEW_CHECK_ORDER = _since(
    "size checked before address",
    "8.2",
    "hw/mem/memory-device.c:memory_device_pre_plug; source of 8.2.2 and runs of 10.0 and 11.1",
)
QEMU_VIRTIO_MEM_UNPLUG = _since(
    "an empty virtio-mem device can be unplugged",
    "8.2",
    "hw/virtio/virtio-mem-pci.c; source of 8.2.2 and runs of 10.0",
)
QEMU_DYNAMIC_MEMSLOTS = _since(
    "virtio-mem dynamic-memslots=", "8.2", "hw/virtio/virtio-mem.c:virtio_mem_properties"
)
QEMU_BACKEND_PAGE_MULTIPLE = _since(
    "hugetlbfs file size must be a page multiple",
    "10.0",
    "backends/hostmem.c; seen on 10.0 and 11.1, 8.x and 9.x not run",
)
QEMU_VHOST_USER_512 = _since(
    "vhost-user takes up to 512 regions", "10.0", "seen on 10.0 and 11.1, 8.x and 9.x not run"
)
QEMU_SHARED_RAM_HAS_FD = _since(
    "memory-backend-ram,share=on is a memfd", "10.0", "softmmu/physmem.c; seen on 10.0 and 11.1"
)
QEMU_DEFAULT_RAM_ID_TEXT = _since(
    "new text for a taken default RAM id", "10.0", "seen on 10.0 and 11.1, 8.x and 9.x not run"
)

QEMU_THREAD_CONTEXT = _since(
    "libvirt has memory preallocated by threads on the CPUs of its host nodes",
    "7.2",
    "qemu/qemu_command.c:qemuBuildThreadContextProps of libvirt 9.0; seen on 7.2",
)
NO_AFFINITY = "Setting CPU affinity failed: Invalid argument"
"""QEMU's text where its threads may run on none of the CPUs of these nodes (seen on 7.2)."""

NO_CPUS = "The nodes select no CPUs"
"""QEMU's text where these nodes have none (util/thread-context.c:thread_context_set_node_affinity).
Devices that are plugged later are preallocated by QEMU's main thread, which may be anywhere."""

# libvirt ------------------------------------------------------------------------------------

LIBVIRT_EMULATORPIN_THREAD_CONTEXT = _since(
    "thread-context affinity is cut to emulatorpin", "9.2.0", "libvirt NEWS.rst v9.2.0"
)
LIBVIRT_VIRTIO_MEM_ADDRESS = _since(
    "<target><address base=> of virtio-mem", "9.4.0", "libvirt NEWS.rst v9.4.0"
)
LIBVIRT_RESTRICTIVE_ALL_OR_NONE = _since(
    "memnode restrictive needs memory restrictive", "9.4.0", "libvirt NEWS.rst v9.4.0"
)
LIBVIRT_SLOTS_COUNT_DIMMS_ONLY = _since(
    "only dimm and nvdimm cost a slot", "9.5.0", "libvirt NEWS.rst v9.5.0"
)
LIBVIRT_SLOTS_OPTIONAL = _since(
    "maxMemory without slots for virtio devices", "9.5.0", "libvirt NEWS.rst v9.5.0"
)
LIBVIRT_CPUSET_UNION = _since(
    "emulator cpuset is the union of all host nodes", "9.5.0", "libvirt NEWS.rst v9.5.0"
)
LIBVIRT_AUTO_CELL = _since(
    "a cell is added where maxMemory has none", "9.6.0", "qemu_postparse.c:qemuDomainDefNumaAutoAdd"
)
LIBVIRT_OVERLAP_CHECK = _since(
    "explicit addresses are checked for overlap",
    "9.8.0",
    "conf/domain_validate.c:virDomainMemoryDefCheckConflict",
)
LIBVIRT_DYNAMIC_MEMSLOTS = _since("<target dynamicMemslots=>", "10.1.0", "libvirt NEWS.rst v10.1.0")
LIBVIRT_NODEMASK_STRICT = _since(
    "a device <nodemask> implies mode strict", "12.0.0", "libvirt NEWS.rst v12.0.0"
)

QEMU_FEATURES = tuple(value for key, value in list(globals().items()) if key.startswith("QEMU_"))
LIBVIRT_FEATURES = tuple(
    value for key, value in list(globals().items()) if key.startswith("LIBVIRT_")
)

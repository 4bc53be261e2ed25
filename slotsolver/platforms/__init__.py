"""Facts of machine types, QEMU and libvirt versions and guest kernels, each with its source.

Data and small pure functions. The solver and the independent checker both read them; nothing here
knows of problems, plans or files.
"""

from slotsolver.platforms.backends import Backend, backend_alignment, check_backend
from slotsolver.platforms.device_memory import DeviceMemory, device_memory_for
from slotsolver.platforms.first_fit import QemuRefusalError, free_address, free_slot
from slotsolver.platforms.linux_guest import (
    dimm_accepted,
    memmap_cost,
    virtio_mem_guest_usable,
    x86_memory_block,
)
from slotsolver.platforms.machines import platform_for
from slotsolver.platforms.memory_device import Dimm, MemoryDevice, PlugResult, VirtioMem
from slotsolver.platforms.memory_map import MapOptions, MemoryMap
from slotsolver.platforms.memory_option import MemoryOption, check_memory_option
from slotsolver.platforms.memslots import VhostBackend, boot_regions, vhost_user_limit
from slotsolver.platforms.numa_option import (
    NumaCell,
    NumaSetup,
    check_numa,
    guest_node,
    node_known_to_guest,
)
from slotsolver.platforms.platform import Platform
from slotsolver.platforms.ranges import Range
from slotsolver.platforms.versions import Feature, QemuVersion, Version

__all__ = [
    "Backend",
    "DeviceMemory",
    "Dimm",
    "Feature",
    "MapOptions",
    "MemoryDevice",
    "MemoryMap",
    "MemoryOption",
    "NumaCell",
    "NumaSetup",
    "Platform",
    "PlugResult",
    "QemuRefusalError",
    "QemuVersion",
    "Range",
    "Version",
    "VhostBackend",
    "VirtioMem",
    "backend_alignment",
    "boot_regions",
    "check_backend",
    "check_memory_option",
    "check_numa",
    "device_memory_for",
    "dimm_accepted",
    "free_address",
    "free_slot",
    "guest_node",
    "memmap_cost",
    "node_known_to_guest",
    "platform_for",
    "vhost_user_limit",
    "virtio_mem_guest_usable",
    "x86_memory_block",
]

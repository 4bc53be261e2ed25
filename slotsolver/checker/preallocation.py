"""Whether QEMU can preallocate what libvirt binds to host nodes.

From QEMU 7.2 on libvirt has that done by threads on the nodes' own CPUs (libvirt 9.0
qemu/qemu_command.c:qemuBuildThreadContextProps; QEMU util/thread-context.c:
thread_context_set_node_affinity). Seen in tests/lab/test_odd.py and tests/lab/test_check.py.
"""

from __future__ import annotations

from collections.abc import Iterable

from slotsolver.platforms.versions import (
    LIBVIRT_EMULATORPIN_THREAD_CONTEXT,
    NO_AFFINITY,
    NO_CPUS,
    QEMU_THREAD_CONTEXT,
    Version,
)
from slotsolver.problem import Host


def refusal(
    host: Host,
    nodes: Iterable[int],
    emulator_cpus: Iterable[int] | None,
    qemu: Version,
    libvirt: Version,
) -> str:
    """What QEMU says where it cannot preallocate on these nodes, or ''. ``emulator_cpus`` are those
    that its threads may run on, ``None`` for any; where no node is known to have CPUs, none are
    missed."""
    cpus = {node.id: set(node.cpus) for node in host.nodes}
    theirs = {cpu for node in nodes for cpu in cpus.get(node, ())}
    if not QEMU_THREAD_CONTEXT.in_version(qemu) or not any(cpus.values()):
        return ""
    if not theirs:
        return NO_CPUS
    cut = LIBVIRT_EMULATORPIN_THREAD_CONTEXT.in_version(libvirt)
    if emulator_cpus is None or cut or theirs.intersection(emulator_cpus):
        return ""
    return NO_AFFINITY

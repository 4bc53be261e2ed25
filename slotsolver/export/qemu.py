"""QEMU arguments that slotsolver owns: machine, CPUs, memory, NUMA nodes, DIMMs.

The order of options is libvirt's (libvirt 9.0 qemu/qemu_command.c:qemuBuildCommandLine), so the two
ways to start a guest compare.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from itertools import pairwise

from slotsolver.export.layout import Layout
from slotsolver.export.qemu_objects import (
    Properties,
    dimm_objects,
    memory_backend,
    virtio_mem_objects,
)
from slotsolver.fields import format_ids
from slotsolver.plan import Plan
from slotsolver.platforms.versions import QEMU_JSON_DEVICES, QEMU_JSON_OBJECTS, Version
from slotsolver.problem import Problem
from slotsolver.size import KiB


def qemu_arguments(
    problem: Problem, plan: Plan, guest_name: str, *, version: str = "7.2"
) -> list[str]:
    """The arguments of one guest, without a program name, for a QEMU of this ``version``.

    Objects are written as JSON from QEMU 6.0, devices from 7.0 (6.2 takes it too, but is broken:
    libvirt 9.0 qemu/qemu_capabilities.c); before that as ``key=value``.
    Devices that the guest has already and that are no DIMMs are not there, see :func:`left_out`.
    Raises
    :class:`~slotsolver.errors.InputError` for a guest that the plan does not have and for a
    ``version`` that is none.
    """
    layout = Layout.of(problem, plan, guest_name)
    form = _Form(version)
    arguments = ["-machine", layout.guest.machine, "-smp", str(layout.vcpus), "-m", _memory(layout)]
    for cell in layout.planned.cells:
        arguments += _cell(layout, cell.id, form)
    if layout.far_apart:
        for source in layout.guest.cells:
            for target in layout.guest.cells:
                value = source.distance(target.id)
                arguments += ["-numa", f"dist,src={source.id},dst={target.id},val={value}"]
    pairs = [dimm_objects(layout, dimm) for dimm in layout.plugged]
    pairs += [virtio_mem_objects(layout, device, form.qemu) for device in layout.new_virtio]
    for backend, device in pairs:
        arguments += [*form.object(backend), *form.device(device)]
    return arguments


def left_out(problem: Problem, plan: Plan, guest_name: str) -> tuple[str, ...]:
    """One sentence for every device of the guest that :func:`qemu_arguments` cannot rebuild.

    An nvdimm or virtio-pmem is nothing without its backing file, a virtio-mem without its place
    on the PCI bus; the problem holds neither.
    """
    guest = Layout.of(problem, plan, guest_name).guest
    return tuple(
        f"guest {guest.name}: its {device.model}{_where(device.cell)} is left out of the QEMU "
        f"arguments; only libvirt's XML says all that it needs"
        for device in guest.devices
        if device.model != "dimm"
    )


def quote(arguments: Sequence[str]) -> str:
    """The arguments for a shell, one option and its value on a line, ended by a newline."""
    starts = [i for i, argument in enumerate(arguments) if argument.startswith("-")]
    lines = [shlex.join(arguments[start:end]) for start, end in pairwise([*starts, len(arguments)])]
    return " \\\n".join(lines) + "\n"


def _where(cell: int | None) -> str:
    return "" if cell is None else f" on cell {cell}"


def _memory(layout: Layout) -> str:
    """``-m``: boot memory, slots, and the maximum, which QEMU takes only if it is larger."""
    text = f"size={layout.boot // KiB}k"
    if layout.planned.maximum <= layout.boot:
        return text
    slots = f",slots={layout.planned.slots}" if layout.planned.slots else ""
    return f"{text}{slots},maxmem={layout.planned.maximum // KiB}k"


def _cell(layout: Layout, cell_id: int, form: _Form) -> list[str]:
    cell = layout.cell(cell_id)
    node = f"node,nodeid={cell_id}"
    if layout.asked(cell_id).cpus:
        ranges = format_ids(layout.asked(cell_id).cpus).split(",")
        node += "".join(f",cpus={part}" for part in ranges)
    if not cell.boot:  # a node that has only DIMMs
        return ["-numa", node]
    name = f"ram-node{cell_id}"
    nodes = layout.nodes(cell_id)
    backend = memory_backend(layout, cell_id, name, cell.boot, cell.page_size, nodes)
    return [*form.object(backend), "-numa", f"{node},memdev={name}"]


class _Form:
    """How ``-object`` and ``-device`` are written for a version of QEMU."""

    def __init__(self, version: str) -> None:
        self.qemu = Version.parse(version)
        self._json_objects = QEMU_JSON_OBJECTS.in_version(self.qemu)
        self._json_devices = QEMU_JSON_DEVICES.in_version(self.qemu)

    def object(self, properties: Properties) -> list[str]:
        """``-object`` and its value."""
        return ["-object", _written(properties, "qom-type", as_json=self._json_objects)]

    def device(self, properties: Properties) -> list[str]:
        """``-device`` and its value."""
        return ["-device", _written(properties, "driver", as_json=self._json_devices)]


def _written(properties: Properties, kind: str, *, as_json: bool) -> str:
    if as_json:
        return json.dumps(properties, separators=(",", ":"))
    parts = [str(properties[kind])]
    for key, value in properties.items():
        if isinstance(value, bool):
            parts.append(f"{key}={'on' if value else 'off'}")
        elif isinstance(value, list):
            parts += [f"{key}={part}" for part in format_ids(value).split(",")]
        elif key != kind:
            parts.append(f"{key}={value}")
    return ",".join(parts)

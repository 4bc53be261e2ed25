"""The operations of a running guest as QMP commands, one JSON document a line.

Every line can be sent to QEMU's monitor as it stands. Its ``id``, which the monitor sends back
with the answer (QEMU docs/interop/qmp-spec.rst), says which operation it belongs to and which
event to wait for before the next line is sent::

    {"operation": 1, "wait": {"event": "DEVICE_DELETED", "data": {"device": "dimm3"}}, ...}

``data`` is a part of the event's data; ``wait`` is ``null`` where the answer itself is enough. A
guest may refuse to give a DIMM back: ``refused`` is the event that says so (on x86 and arm, where
it is the only one; QEMU 7.2 hw/acpi/memory_hotplug.c). A guest that never answers sends neither, so
that waiting needs a limit. If ``device_add`` fails, the backend before it is still there:
``object-del`` removes it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from slotsolver.export.layout import Layout
from slotsolver.export.qemu_objects import dimm_objects
from slotsolver.plan import Operation, Plan
from slotsolver.problem import Problem

Command = dict[str, Any]

_EJECT, _REFUSED = 3, 0x82
"""``_OST`` source and status of a DIMM that the guest does not release (ACPI 6.4, 6.3.5; seen with
Linux 6.1 and 6.12)."""


def qmp_lines(problem: Problem, plan: Plan, guest_name: str) -> str:
    """The commands of one guest as text, a line each; nothing where nothing is to be done."""
    commands = qmp_commands(problem, plan, guest_name)
    return "".join(json.dumps(command) + "\n" for command in commands)


def qmp_commands(problem: Problem, plan: Plan, guest_name: str) -> list[Command]:
    """The commands of one guest in order; :class:`InputError` for a guest that is not there."""
    layout = Layout.of(problem, plan, guest_name)
    return [
        {**command, "id": {"operation": number, **identity}}
        for number, operation in enumerate(layout.planned.operations, 1)
        for command, identity in _commands(layout, operation)
    ]


def _commands(layout: Layout, operation: Operation) -> Iterator[tuple[Command, Command]]:
    """Commands, each with what else stands in its ``id``."""
    if operation.do == "plug":
        backend, device = dimm_objects(layout, layout.dimm(operation), operation.device)
        yield _command("object-add", backend)
        yield _command("device_add", device)
    elif operation.do == "unplug":
        gone = {"event": "DEVICE_DELETED", "data": {"device": operation.device}}
        info = {"device": operation.device, "source": _EJECT, "status": _REFUSED}
        refused = {"event": "ACPI_DEVICE_OST", "data": {"info": info}}
        yield _command("device_del", {"id": operation.device}, wait=gone, refused=refused)
        yield _command("object-del", {"id": _backend(layout, operation)})
    else:
        moved = {"id": operation.device, "size": operation.size}
        yield _command(
            "qom-set",
            {
                "path": f"/machine/peripheral/{operation.device}",
                "property": "requested-size",
                "value": operation.size,
            },
            wait={"event": "MEMORY_DEVICE_SIZE_CHANGE", "data": moved},
        )


def _command(
    execute: str, arguments: Command, *, wait: Command | None = None, **identity: Command
) -> tuple[Command, Command]:
    return {"execute": execute, "arguments": arguments}, {"wait": wait, **identity}


def _backend(layout: Layout, operation: Operation) -> str:
    """The id of the backend of a DIMM that is there: as QEMU told, else libvirt's name for it."""
    device = next(d for d in layout.guest.devices if d.takes_slot and d.slot == operation.slot)
    return device.backend or f"mem{operation.device}"

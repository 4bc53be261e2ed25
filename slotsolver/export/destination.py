"""A guest's domain XML for another host that it may be migrated to or restored on.

Only what libvirt does not compare differs from the domain on the present host: page sizes, host
nodes, and with them ``<hugepages>``, ``<numatune>`` and the devices' own ``<source>`` (libvirt 9.0
conf/domain_conf.c:virDomainDefCheckABIStabilityFlags).
"""

from __future__ import annotations

from slotsolver.errors import InputError
from slotsolver.export.layout import Layout
from slotsolver.export.libvirt import layout_xml
from slotsolver.plan import BackedDevice, DestinationGuest, Plan, PlannedGuest
from slotsolver.problem import Cell, Device, Guest, Problem


def destination_xml(
    problem: Problem, plan: Plan, guest_name: str, number: int, *, domain_type: str = "kvm"
) -> str:
    """The domain XML of one guest on ``also_hosts[number]``, as it is when everything is done that
    is to be done now. :class:`InputError` where the plan has no such guest or host."""
    return layout_xml(
        destination_layout(problem, plan, guest_name, number), domain_type=domain_type
    )


def destination_layout(problem: Problem, plan: Plan, guest_name: str, number: int) -> Layout:
    """The layout of one guest on ``also_hosts[number]``."""
    here = Layout.of(problem, plan, guest_name)
    if not 0 <= number < len(plan.destinations):
        raise InputError(f"the plan has {len(plan.destinations)} hosts to migrate to")
    there = next(g for g in plan.destinations[number].guests if g.name == guest_name)
    return Layout(
        _unbound(here.guest, there),
        _rebacked(here.planned, there),
        problem.also_hosts[number],
        here.libvirt,
    )


def _unbound(guest: Guest, there: DestinationGuest) -> Guest:
    """The guest without what it asks of the present host; where it binds a cell, it binds it to
    the cell's nodes there."""
    bound = guest.host_nodes is not None
    cells = [
        _cell(cell, planned.host_nodes if bound or cell.host_nodes else None)
        for cell, planned in zip(guest.cells, there.cells, strict=True)
    ]
    devices = [_device(device) for device in guest.devices]
    changes = {"cells": tuple(cells), "devices": tuple(devices), "host_nodes": None}
    return guest.model_copy(update=changes)


def _cell(cell: Cell, nodes: tuple[int, ...] | None) -> Cell:
    return cell.model_copy(update={"page_size": None, "host_nodes": nodes})


def _device(device: Device) -> Device:
    return device.model_copy(update={"page_size": None, "host_nodes": None})


def _rebacked(planned: PlannedGuest, there: DestinationGuest) -> PlannedGuest:
    """The planned guest with the pages and host nodes that it has there."""
    dimms = {d.slot: _backing(d) for d in there.devices if d.slot is not None}
    virtio = {d.number: _backing(d) for d in there.devices if d.number is not None}
    return planned.model_copy(
        update={
            "cells": there.cells,
            "dimms": tuple(
                d if d.state == "unplug" else d.model_copy(update=dimms[d.slot])
                for d in planned.dimms
            ),
            "virtio_mem": tuple(v.model_copy(update=virtio[v.number]) for v in planned.virtio_mem),
        }
    )


def _backing(device: BackedDevice) -> dict[str, object]:
    return {"page_size": device.page_size, "host_nodes": device.host_nodes}

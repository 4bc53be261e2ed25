"""A guest beside what QEMU says of it: QEMU is right about what is plugged.

What only the guest's file says of a device is kept: its page size, and an nvdimm's label. QEMU's
size of an nvdimm is without the label (QEMU 7.2 ``hw/mem/nvdimm.c:nvdimm_prepare_memory_region``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from slotsolver.errors import InputError
from slotsolver.fields import first_error
from slotsolver.ingest.qmp_session import DEVICES, SUMMARY
from slotsolver.problem import Device, Guest, ReservedDimm
from slotsolver.size import format_size

if TYPE_CHECKING:
    from slotsolver.ingest.qmp import Answers

Pair = tuple[Device | None, Device | None]
"""A device as the guest's file has it and as QEMU has it."""


def as_qemu_says(guest: Guest, answers: Answers, *, source: str, target: Any = None) -> Guest:
    """The guest, running, with the devices that QEMU has plugged.

    ``source`` is the guest's file; ``target`` what the guest is wanted to be, as in
    :class:`Guest`; without it, what it has. Raises :class:`InputError` that names both files where
    a guest that was read as running has other devices than QEMU says, and where its boot memory
    is not QEMU's.
    """
    if answers.base is not None and answers.base != guest.boot_size:
        boot = "unknown" if guest.boot_size is None else format_size(guest.boot_size)
        raise InputError(
            f"base-memory is {format_size(answers.base)}, but the boot memory of {source} is "
            f"{boot}; give the answers of this guest, and its file as it was started",
            source=answers.base_source,
            place=SUMMARY,
        )
    stray = next((d for d in answers.devices if (d.cell or 0) >= len(guest.cells)), None)
    if stray is not None:
        raise InputError(
            f"{_name(stray)} is on node {stray.cell}, but {source} has {len(guest.cells)} cell(s)",
            source=answers.source,
            place=DEVICES,
        )
    pairs = list(_pairs(guest.devices, answers.devices))
    if guest.running:
        for named, told in pairs:
            _check_same(named, told, source, answers)
    devices = tuple(_merged(guest, named, told) for named, told in pairs if told is not None)
    now = (guest.boot_size or 0) + sum(device.memory for device in devices)
    fields = {"running": True, "devices": devices, "target": target or now}
    try:
        return Guest.model_validate({**dict(guest), **fields})
    except ValidationError as error:
        raise first_error(error, source=source) from None


def still_free(growth: Iterable[ReservedDimm], devices: Sequence[Device]) -> Iterator[ReservedDimm]:
    """The planned DIMMs whose slot is free and whose addresses no device has."""
    slots = {device.slot for device in devices if device.takes_slot}
    placed = [(d.address, d.address + d.size) for d in devices if d.address]
    for dimm in growth:
        end = dimm.address + dimm.size
        if dimm.slot not in slots and all(s >= end or e <= dimm.address for s, e in placed):
            yield dimm


def _pairs(named: Sequence[Device], told: Sequence[Device]) -> Iterator[Pair]:
    """The devices of both sides, paired, in the order of the file; then those of QEMU alone."""
    rest = list(told)
    for device in named:
        twin = next((other for other in rest if _is_same(device, other)), None)
        if twin is not None:
            rest.remove(twin)
        yield device, twin
    yield from ((None, other) for other in rest)


def _is_same(device: Device, other: Device) -> bool:
    """Whether both are one device: by slot, else by alias, else by what it is."""
    if device.model != other.model:
        return False
    if device.takes_slot and device.slot is not None:
        return device.slot == other.slot
    if device.alias and other.alias:
        return device.alias == other.alias
    return (device.cell or 0, device.size) == (other.cell or 0, other.size)


def _check_same(named: Device | None, told: Device | None, source: str, answers: Answers) -> None:
    """A device that the guest's file has is plugged, and the other way round, and is the same."""
    hint = "take both anew, at one time"
    if named is None or told is None:
        device = named or told
        assert device is not None  # noqa: S101 - a pair has at least one of the two
        here, there = (source, answers.source) if named else (answers.source, source)
        raise InputError(
            f"{_name(device)} of {format_size(device.size)} is in {here}, but not in {there}; "
            f"{hint}",
            source=answers.source,
            place=DEVICES,
        )
    for what, mine, others in _differences(named, told):
        raise InputError(
            f"{_name(named)}: its {what} is {others}, but {mine} in {source}; {hint}",
            source=answers.source,
            place=DEVICES,
        )


def _differences(named: Device, told: Device) -> Iterator[tuple[str, str, str]]:
    """What the file and QEMU say differently of one device."""
    smaller = named.model == "nvdimm" and told.size <= named.size
    if named.size != told.size and not smaller:
        yield "size", format_size(named.size), format_size(told.size)
    if told.cell is not None and (named.cell or 0) != told.cell:
        yield "node", str(named.cell or 0), str(told.cell)
    if named.address and told.address and named.address != told.address:
        yield "address", hex(named.address), hex(told.address)
    if named.block and told.block and named.block != told.block:
        yield "block size", format_size(named.block), format_size(told.block)


def _merged(guest: Guest, named: Device | None, told: Device) -> Device:
    """QEMU's device with what only the file says, host nodes only where they are its own."""
    if named is None or next(_differences(named, told), None):  # an inactive domain's may differ
        known = told
    else:
        mine = {"size", "cell", "slot", "page_size", "label"}
        change = {name: getattr(named, name) for name in mine}
        change["host_nodes"] = told.host_nodes or named.host_nodes
        change["alias"] = told.alias or named.alias or ""
        known = told.model_copy(update=change)
    inherited = guest.cells[known.cell or 0].host_nodes or guest.host_nodes
    if known.host_nodes != inherited:
        return known
    return known.model_copy(update={"host_nodes": None})


def _name(device: Device) -> str:
    if device.takes_slot:
        return f"slot {device.slot}: the {device.model}"
    return f"the {device.model} {device.alias}" if device.alias else f"a {device.model}"

"""What QEMU itself says of a running guest's memory: its answers to QMP queries, saved as JSON.

``query-memory-devices`` says what is plugged, ``query-memory-size-summary`` how much that is, and
``query-memdev`` on which host nodes the backends lie. Shapes as in QEMU 7.2 ``qapi/machine.json``:
``MemoryDeviceInfo``, ``MemoryInfo``, ``Memdev``; newer fields are passed over. Sizes and addresses
are bytes. The page size of a backend is not told.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from slotsolver.errors import InputError
from slotsolver.fields import first_error
from slotsolver.ingest.files import name_of, read_bytes
from slotsolver.ingest.qmp_session import BACKENDS, DEVICES, SUMMARY, Answer, answers_in
from slotsolver.problem import Device
from slotsolver.size import LARGEST

_MOST = 4096
"""Most devices or backends taken; machines have at most 256 slots (hw/acpi/memory_hotplug.c)."""

_Bytes = Annotated[int, Field(strict=True, ge=0, le=LARGEST)]
_Some = Annotated[int, Field(strict=True, gt=0, le=LARGEST)]
_Number = Annotated[int, Field(strict=True, ge=0, lt=1 << 16)]


class _Told(BaseModel):
    """Part of an answer; QMP writes ``max-size`` for ``max_size``."""

    model_config = ConfigDict(frozen=True, alias_generator=lambda name: name.replace("_", "-"))


class _DimmInfo(_Told):
    id: str | None = None
    addr: _Bytes
    size: _Some
    slot: _Number
    node: _Number
    memdev: str


class _VirtioMemInfo(_Told):
    id: str | None = None
    memaddr: _Bytes
    block_size: _Some
    requested_size: _Bytes
    size: _Bytes
    max_size: _Some
    node: _Number
    memdev: str


class _RegionInfo(_Told):
    id: str | None = None
    memaddr: _Bytes
    size: _Some
    memdev: str


class _Dimm(_Told):
    type: Literal["dimm", "nvdimm"]
    data: _DimmInfo


class _VirtioMem(_Told):
    type: Literal["virtio-mem"]
    data: _VirtioMemInfo


class _Region(_Told):
    type: Literal["virtio-pmem", "sgx-epc"]
    data: _RegionInfo


class _Summary(_Told):
    base_memory: _Some
    plugged_memory: _Bytes | None = None


class _Backend(_Told):
    id: str | None = None
    policy: str
    host_nodes: list[_Number] = []


_READERS: dict[str, TypeAdapter[Any]] = {
    DEVICES: TypeAdapter(
        Annotated[
            list[Annotated[_Dimm | _VirtioMem | _Region, Field(discriminator="type")]],
            Field(max_length=_MOST),
        ]
    ),
    SUMMARY: TypeAdapter(_Summary),
    BACKENDS: TypeAdapter(Annotated[list[_Backend], Field(max_length=_MOST)]),
}


@dataclass(frozen=True)
class Answers:
    """What QEMU has plugged. ``source`` is the file that says so; ``base`` is the boot memory in
    bytes where ``query-memory-size-summary`` was answered, and ``base_source`` its file.

    A device's ``host_nodes`` are those its backend is bound to (policy ``bind``).
    """

    source: str
    devices: tuple[Device, ...]
    base: int | None = None
    base_source: str = ""


def read_qmp(sources: Sequence[str]) -> Answers:
    """Read QEMU's answers from files; ``-`` is standard input.

    Raises :class:`InputError` for what is no such answer, for two different answers to one query,
    and for sums that do not agree: the answers were taken at different times.
    """
    for place, source in enumerate(sources):
        if source in sources[:place]:
            raise InputError("is given twice; once is enough", source=name_of(source))
    found: dict[str, Answer] = {}
    for source in sources:
        for answer in answers_in(read_bytes(source), name_of(source)):
            _add(found, answer)
    if DEVICES not in found:
        raise InputError(
            f"no answer to {DEVICES} is there, which says what is plugged",
            source=", ".join(map(name_of, sources)),
        )
    told = {query: _read(answer) for query, answer in found.items()}
    summary = told.get(SUMMARY)
    if summary is not None:
        _check_sum(told[DEVICES], summary, found)
    return Answers(
        source=found[DEVICES].source,
        devices=tuple(_device(d, _bound(told.get(BACKENDS, ()))) for d in told[DEVICES]),
        base=summary.base_memory if summary else None,
        base_source=found[SUMMARY].source if summary else "",
    )


def _add(found: dict[str, Answer], answer: Answer) -> None:
    """Keep the answer; the same one once more is nothing new."""
    known = found.setdefault(answer.query, answer)
    if known.value != answer.value:
        raise InputError(
            f"{answer.query} is answered here and in {known.source}, line {known.line}, "
            f"differently; keep the answer that holds now",
            source=answer.source,
            place=f"line {answer.line}",
        )


def _read(answer: Answer) -> Any:
    try:
        return _READERS[answer.query].validate_python(answer.value)
    except ValidationError as error:
        told = first_error(error, source=answer.source)
        raise told.at(place=answer.query) from None


def _check_sum(
    devices: Sequence[_Dimm | _VirtioMem | _Region], summary: _Summary, found: dict[str, Answer]
) -> None:
    """``plugged-memory`` is what the devices have plugged, of SGX memory nothing (hw/mem/
    memory-device.c:get_plugged_memory_size, hw/i386/sgx-epc.c:sgx_epc_md_get_plugged_size)."""
    plugged = sum(d.data.size for d in devices if d.type != "sgx-epc")
    if summary.plugged_memory not in (None, plugged):
        raise InputError(
            f"plugged-memory is {summary.plugged_memory} bytes, but the devices in "
            f"{found[DEVICES].source} have {plugged} plugged; ask QEMU for both at one time",
            source=found[SUMMARY].source,
            place=SUMMARY,
        )


def _bound(backends: Sequence[_Backend]) -> dict[str, tuple[int, ...]]:
    """The host nodes of the backends that are bound to some, by the name that devices call."""
    return {
        f"/objects/{backend.id}": tuple(sorted(backend.host_nodes))
        for backend in backends
        if backend.policy == "bind" and backend.host_nodes
    }


def _device(told: _Dimm | _VirtioMem | _Region, bound: dict[str, tuple[int, ...]]) -> Device:
    """A device as a guest has it. SGX memory lies beside the device memory, so its address says
    nothing here."""
    common: dict[str, Any] = {
        "model": told.type,
        "alias": told.data.id or "",
        "backend": _backend_id(told.data),
        "host_nodes": bound.get(told.data.memdev),
    }
    if isinstance(told, _Dimm):
        info = told.data
        return Device(**common, size=info.size, cell=info.node, slot=info.slot, address=info.addr)
    if isinstance(told, _VirtioMem):
        mem = told.data
        return Device(
            **common,
            size=mem.max_size,
            cell=mem.node,
            address=mem.memaddr,
            block=mem.block_size,
            requested=mem.requested_size,
            current=mem.size,
        )
    address = told.data.memaddr if told.type == "virtio-pmem" else None
    return Device(**common, size=told.data.size, address=address)


def _backend_id(told: _DimmInfo | _VirtioMemInfo | _RegionInfo) -> str | None:
    """The id of a device's backend where it is not the one that libvirt gives it."""
    name = told.memdev.removeprefix("/objects/")
    return None if name == f"mem{told.id}" else name

"""The memory of a planned guest cut into pieces that each have one backend and one time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from slotsolver.checker.subject import GuestSubject


class Piece(NamedTuple):
    """Memory with one backend. ``stage`` is the index of the stage at which it is first there,
    ``taken`` says that the host has given its pages already (a running guest's memory), ``given``
    that its page size and nodes are the guest's own and no choice of the plan. ``guest``, ``what``
    and ``number`` name it."""

    cell: int
    size: int
    page_size: int
    nodes: tuple[int, ...]
    stage: int
    guest: str
    what: str
    number: int
    taken: bool = False
    given: bool = False

    @property
    def place(self) -> str:
        """How violations name the piece."""
        return f"guest {self.guest} {self.what} {self.number}"

    @property
    def pages(self) -> int:
        """Pages that the piece takes: QEMU rounds a backend up to whole pages."""
        return -(-self.size // self.page_size)


def pieces_of(guest: GuestSubject) -> Iterator[Piece]:
    """Every piece of RAM at the maximum; of virtio-mem what each stage requests more."""
    name, running = guest.guest.name, guest.guest.running
    for c in guest.planned.cells:
        yield Piece(c.id, c.boot, c.page_size, c.host_nodes, 0, name, "cell", c.id, running)
    yield from _devices(guest)
    yield from [
        Piece(d.cell, d.size, d.page_size, d.host_nodes, d.stage, name, "slot", d.slot)
        for d in guest.new_dimms
    ]
    yield from _virtio_mem(guest)


def _devices(guest: GuestSubject) -> Iterator[Piece]:
    """Devices that are there and stay as they are."""
    for number, device in enumerate(guest.kept_devices):
        if not device.is_ram or guest.listed(device) is not None:
            continue
        cell = guest.planned.cells[device.cell or 0]
        page = device.page_size or cell.page_size
        nodes = device.host_nodes or cell.host_nodes
        own = bool(device.page_size or device.host_nodes)
        yield Piece(
            cell.id,
            device.memory,
            page,
            nodes,
            0,
            guest.guest.name,
            device.model,
            number,
            taken=guest.guest.running,
            given=own,
        )


def _virtio_mem(guest: GuestSubject) -> Iterator[Piece]:
    for device in guest.planned.virtio_mem:
        before = 0
        given = device.number in guest.existing_virtio
        for stage, size in enumerate(device.stages):
            if size > before:
                yield Piece(
                    device.cell,
                    size - before,
                    device.page_size,
                    device.host_nodes,
                    stage,
                    guest.guest.name,
                    "virtio-mem",
                    device.number,
                    taken=guest.guest.running and stage == 0,
                    given=given,
                )
                before = size

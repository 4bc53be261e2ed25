"""A layout: what the model's solution says of each guest, as plain data (MiB), before placing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from slotsolver.cell_facts import Backing, VirtioFacts
from slotsolver.facts import GuestFacts
from slotsolver.problem import ReservedDimm
from slotsolver.size import MiB

if TYPE_CHECKING:
    from ortools.sat.python import cp_model

    from slotsolver.cell_model import CellModel
    from slotsolver.guest_model import GuestModel
    from slotsolver.placement import CellClass


@dataclass(frozen=True, order=True)
class NewDimm:
    """A DIMM to be: the stage it is first there, its size (MiB) and its host nodes."""

    stage: int
    size: int
    nodes: tuple[int, ...]


@dataclass(frozen=True)
class VirtioLayout:
    """A virtio-mem device: its region and what is requested of it at each stage (MiB)."""

    facts: VirtioFacts
    size: int
    requested: tuple[int, ...]


@dataclass(frozen=True)
class OpenLayout:
    """DIMMs to be whose sizes are not settled yet: their stage, how many they are, and what they
    have together (MiB)."""

    stage: int
    number: int
    memory: int


@dataclass(frozen=True)
class CellLayout:
    """A cell's boot memory and totals (MiB), its backing, its DIMMs in plug order, and its
    virtio-mem devices that may grow and shrink."""

    boot: int
    totals: tuple[int, ...]
    backing: Backing
    dimms: tuple[NewDimm, ...]
    virtio: tuple[VirtioLayout, ...] = ()
    open: tuple[OpenLayout, ...] = ()


@dataclass(frozen=True)
class GuestLayout:
    """The cells of a guest. ``considered`` counts the DIMM sizes, where not all legal ones were."""

    facts: GuestFacts
    cells: tuple[CellLayout, ...]
    considered: int | None = None
    gap_counts: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    """DIMMs of each size (MiB) in each gap between existing devices, where there are several."""
    gone: frozenset[int] = frozenset()
    """Places in ``Guest.devices`` of what a running guest unplugs."""
    taken: tuple[tuple[int, ReservedDimm], ...] = ()
    """Once planned DIMMs that are plugged as they were planned, with their stage."""
    elsewhere: tuple[tuple[Backing, ...], ...] = ()
    """The backings of the cells on each of the hosts that the guest may migrate to."""

    @property
    def boot(self) -> int:
        """Boot memory of the guest (MiB)."""
        return sum(cell.boot for cell in self.cells)

    @property
    def maximum(self) -> int:
        """maxMemory (MiB): of a running guest as it is, else everything plugged, devices outside
        the cells and the whole regions of virtio-mem devices included."""
        if self.facts.running:
            return self.facts.guest.maximum_size // MiB
        moved = [v for cell in self.cells for v in cell.virtio]
        idle = sum(v.size - v.requested[-1] for v in moved)
        idle += self.facts.idle_but({v.facts.index for v in moved})
        return sum(cell.totals[-1] for cell in self.cells) + self.facts.outside + idle


def read_layout(guest: GuestModel, solver: cp_model.CpSolver) -> GuestLayout:
    """The layout of one guest in a solution."""
    backings: dict[int, Backing] = {}
    for cls in guest.placement.classes:
        backings.update(_assign(cls, solver))
    cells = []
    for cell in guest.cells:
        backing = backings[cell.facts.id]
        dimms: list[NewDimm] = []
        for size, stage, count in cell.counts():
            if cell.facts.spread:
                for node, part in guest.placement.parts(cell.facts.id, size, stage):
                    dimms += [NewDimm(stage, size, (node,))] * solver.value(part)
            else:
                dimms += [NewDimm(stage, size, backing.nodes)] * solver.value(count)
        cells.append(
            CellLayout(
                boot=solver.value(cell.boot),
                totals=tuple(solver.value(total) for total in cell.totals),
                backing=backing,
                dimms=tuple(sorted(dimms)),
                virtio=tuple(_virtio(cell, solver)),
                open=tuple(
                    OpenLayout(stage, solver.value(dimms.number), solver.value(dimms.memory))
                    for stage, dimms in cell.open.items()
                ),
            )
        )
    sizes = {size for menu in guest.menus.values() for size in menu.sizes}
    every = all(menu.full for menu in guest.menus.values())
    if not guest.gap_parts and not guest.running:
        cells = _alike(guest, cells)
    gaps = {
        size: tuple(solver.value(part) for part in parts) for size, parts in guest.gap_parts.items()
    }
    running = guest.running
    return GuestLayout(
        guest.facts,
        tuple(cells),
        None if every else len(sizes),
        gaps,
        gone=frozenset(
            i for i, gone in (running.gone if running else {}).items() if solver.boolean_value(gone)
        ),
        taken=tuple(
            (stage, running.growth[number])
            for (number, stage), take in sorted((running.takes if running else {}).items())
            if running and solver.boolean_value(take)
        ),
        elsewhere=tuple(
            tuple(
                host.backing(guest.host_model.guests.index(guest), cell.facts.id, solver)
                for cell in guest.cells
            )
            for host in guest.host_model.destinations
        ),
    )


def _virtio(cell: CellModel, solver: cp_model.CpSolver) -> Iterator[VirtioLayout]:
    """The virtio-mem devices of a cell; planned ones that never grow are left out."""
    for device in cell.virtio:
        stages = range(len(cell.totals))
        requested = tuple(solver.value(device.requested(stage)) for stage in stages)
        if device.facts.index is not None or requested[-1]:
            yield VirtioLayout(device.facts, solver.value(device.size), requested)


def _alike(guest: GuestModel, cells: list[CellLayout]) -> list[CellLayout]:
    """Give cells that are alike and take equally many DIMMs the same ones, those of the evenest.

    Every rule about DIMMs is one of a single cell or of their number, so this changes no value but
    the largest DIMM; where it would, nothing is changed.
    """
    best: dict[object, CellLayout] = {}
    keys = []
    for model, cell in zip(guest.cells, cells, strict=True):
        policies = guest.facts.policies
        covered = tuple(model.facts.id in p.concerned_cells(guest.facts.guest) for p in policies)
        stages = tuple(dimm.stage for dimm in cell.dimms)
        spread = model.facts.id if model.facts.spread else None
        pages = (cell.backing.page, cell.backing.dimm_page)
        key = (cell.boot, cell.totals, pages, model.facts.existing, covered, stages, spread)
        keys.append(key)
        if key not in best or _evenness(cell) < _evenness(best[key]):
            best[key] = cell
    alike = []
    for key, cell in zip(keys, cells, strict=True):
        dimms = tuple(replace(dimm, nodes=cell.backing.nodes) for dimm in best[key].dimms)
        alike.append(cell if cell.dimms == best[key].dimms else replace(cell, dimms=dimms))
    return alike if _largest(alike) == _largest(cells) else cells


def _largest(cells: list[CellLayout]) -> int:
    return max((dimm.size for cell in cells for dimm in cell.dimms), default=0)


def _evenness(cell: CellLayout) -> tuple[int, ...]:
    """Less is evener: the largest DIMM, the number of different sizes, then the sizes."""
    sizes = [dimm.size for dimm in cell.dimms]
    return (max(sizes, default=0), len(set(sizes)), *sizes)


def _assign(cls: CellClass, solver: cp_model.CpSolver) -> dict[int, Backing]:
    """Which cell of a class has which backing: by id, in the order of host nodes."""
    left = {backing: solver.value(count) for backing, count in cls.count.items()}
    chosen: dict[int, Backing] = {}
    for cell in cls.cells:
        page = next((p for p, on in cell.page_chosen.items() if solver.boolean_value(on)), None)
        for backing in sorted(left, key=lambda b: (b.nodes, b.page)):
            if left[backing] and page in (None, backing.dimm_page):
                left[backing] -= 1
                chosen[cell.facts.id] = backing
                break
    return chosen

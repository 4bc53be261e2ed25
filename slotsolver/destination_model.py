"""Another host that the guests may be migrated to: its nodes and pools must hold them as they are.

Slots, sizes and addresses are those of the plan; page size and host node of each cell are chosen
anew there (libvirt 9.0 conf/domain_conf.c:virDomainDefCheckABIStability compares neither). What the
guest asks of host nodes and pages is about the host where it is now and does not count there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from slotsolver.always import slot_rows
from slotsolver.cell_facts import Backing, CellFacts
from slotsolver.errors import InputError
from slotsolver.facts import layout_options
from slotsolver.problem import Device, Host
from slotsolver.size import MiB, granule

if TYPE_CHECKING:
    from ortools.sat.python import cp_model

    from slotsolver.cell_model import CellModel, Linear, Literal
    from slotsolver.guest_model import GuestModel
    from slotsolver.model import HostModel


class DestinationModel:
    """``chosen[guest, cell][backing]`` says where a cell would lie on ``also_hosts[number]``."""

    def __init__(self, model: HostModel, host: Host, number: int) -> None:
        self.model = model.model
        self.host = host
        self.number = number
        self.chosen: dict[tuple[int, int], dict[Backing, cp_model.IntVar]] = {}
        self._taken: dict[tuple[int, int], list[Linear]] = {}
        for place, guest in enumerate(model.guests):
            self._addresses(guest)
            for cell in guest.cells:
                self._place(place, guest, cell)
        for (node, page), taken in sorted(self._taken.items()):
            free = host.pool(node, page).free * page // (granule(page) * MiB)
            self.model.add(sum(taken) <= free)

    def _addresses(self, guest: GuestModel) -> None:
        """The CPUs there reach all of the guest's addresses, and have its device memory where it
        is (QEMU 7.2 hw/i386/pc.c:pc_memory_init; on AMD memory moves away from 1 TiB)."""
        here, there = guest.facts, replace(guest.facts, host=self.host)
        options, others = layout_options(here), layout_options(there)
        if options == others:
            return
        boot = (here.boot or here.stages[here.target_stage].memory or 0) * MiB
        for slots in {here.slots_written, here.slots_written if here.running else here.slot_limit}:
            sizes = boot, max(boot, here.guest.maximum_size), slots
            one, other = (here.platform.memory_map(*sizes, **o) for o in (options, others))
            error = other.error if here.running else None
            if error is None and one.window != other.window:
                error = "its device memory would lie elsewhere there, because the CPUs differ"
            if error is not None:
                raise InputError(
                    f"guest {here.guest.name}: host {self.number + 1} of those it may migrate to "
                    f"cannot run it: {error}"
                )
        if not here.running:
            slot_rows(guest, there)

    def _place(self, place: int, guest: GuestModel, cell: CellModel) -> None:
        """One backing for the cell, and what it takes there."""
        options = backings_on(self.host, cell.facts)
        if not options:
            raise InputError(
                f"guest {guest.facts.guest.name}, cell {cell.facts.id}: host {self.number + 1} of "
                f"those it may migrate to has no pool whose pages divide the cell's boot memory"
            )
        chosen = {option: guest.new_bool() for option in options}
        self.model.add_exactly_one(chosen.values())
        self.chosen[place, cell.facts.id] = chosen
        total = cell.totals[guest.facts.reserve_stage(cell.facts)]
        for option, literal in chosen.items():
            grain = granule(option.page)
            pages = guest.new_int(0, (1 << 43) // grain)
            self.model.add(pages * grain >= total).only_enforce_if(literal)
            self.model.add(pages == 0).only_enforce_if(~literal)
            self._taken.setdefault((option.nodes[0], option.page), []).append(pages)
            self._whole_pages(guest, cell, option, literal)

    def _whole_pages(
        self, guest: GuestModel, cell: CellModel, option: Backing, literal: Literal
    ) -> None:
        """Sizes and addresses of the cell's devices are whole pages there."""
        for size, _, count in cell.counts():
            if size * MiB % option.page:
                self.model.add(count == 0).only_enforce_if(literal)
        for dimms in cell.open.values():
            dimms.have_unit(max(cell.facts.unit, option.page // MiB), [literal])
        running = guest.running
        for index, device in enumerate(guest.facts.guest.devices):
            if not device.is_ram or (device.cell or 0) != cell.facts.id:
                continue
            if whole_pages(device, option.page):
                continue
            if running and index in running.gone:
                self.model.add_implication(literal, running.gone[index])
            else:
                self.model.add(literal == 0)
        for virtio in cell.virtio:
            if virtio.facts.block * MiB % option.page:
                self.model.add(literal == 0)
        for (number, _), take in running.takes.items() if running else ():
            planned = running.growth[number] if running else None
            if planned and planned.cell == cell.facts.id and planned.address % option.page:
                self.model.add_implication(literal, ~take)

    def backing(self, place: int, cell: int, solver: cp_model.CpSolver) -> Backing:
        """The chosen backing of a cell."""
        chosen = self.chosen[place, cell]
        return next(option for option, on in chosen.items() if solver.boolean_value(on))


def backings_on(host: Host, cell: CellFacts) -> Sequence[Backing]:
    """Every way to back a cell there: one node, one page size that divides its boot memory, where
    that is known."""
    boot = (cell.boot or 0) * MiB
    return sorted(
        Backing(page, page, (node.id,))
        for node in host.nodes
        for page in host.page_sizes()
        if host.pool(node.id, page).total and boot % page == 0
        if node.id not in host.without_cpus or not (cell.immediate or page != host.base_page)
    )


def whole_pages(device: Device, page: int) -> bool:
    """Whether a device's size (a virtio-mem's block) and address are whole pages (bytes)."""
    size = (device.block or 2 * MiB) if device.model == "virtio-mem" else device.size
    return size % page == 0 and (device.address or 0) % page == 0

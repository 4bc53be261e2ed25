"""The variables of a running guest: which DIMMs go, and what is plugged in their place (MiB).

DIMMs that are alike (cell, size, the pool that gets their pages) are counted, as new ones are;
which of them go is decided too, because their places differ. Whether new DIMMs find a place between
those that stay is found out afterwards; where they do not, that they must is added to the model for
what stays there, and the search goes on (:class:`Cut`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, pairwise
from typing import TYPE_CHECKING

from ortools.sat.python import cp_model

from slotsolver.open_model import kind_of
from slotsolver.packing import Gap, Kind, Packing, of_size
from slotsolver.place import device_window
from slotsolver.problem import ReservedDimm
from slotsolver.running import Plugged, in_the_way, planned_growth
from slotsolver.size import MiB

if TYPE_CHECKING:
    from slotsolver.cell_model import CellModel, Linear, Literal
    from slotsolver.guest_model import GuestModel


@dataclass(frozen=True)
class Cut:
    """What leaves too little room: while the devices at ``stay`` (places in ``Guest.devices``) are
    there, the planned DIMMs ``taken`` are in their places and the cells' DIMMs have these ``pages``
    and on other hosts the pages ``elsewhere``, all others have to fit into ``gaps``. By cell the
    addresses are multiples of ``aligns``. All bytes."""

    stay: frozenset[int]
    taken: frozenset[ReservedDimm]
    pages: tuple[int, ...]
    elsewhere: tuple[tuple[int, ...], ...]
    aligns: tuple[int, ...]
    gaps: tuple[tuple[int, int], ...]


class RunningModel:
    """What a running guest's DIMMs may do. ``gone[i]`` is whether ``Guest.devices[i]`` is
    unplugged, ``takes[r, t]`` whether the planned DIMM r comes at stage t."""

    def __init__(self, guest: GuestModel) -> None:
        facts = guest.facts.running
        assert facts is not None  # noqa: S101 - made for running guests only
        self.guest = guest
        self.facts = facts
        self.gone: dict[int, cp_model.IntVar] = {}
        self._groups: list[tuple[Plugged, Linear]] = []
        self.takes: dict[tuple[int, int], cp_model.IntVar] = {}
        self.growth: list[ReservedDimm] = []
        for group in self._alike():
            for dimm in group:
                self.gone[dimm.index] = guest.new_bool()
            number = guest.new_int(0, len(group))
            guest.model.add(number == sum(self.gone[d.index] for d in group))
            self._groups.append((group[0], number))

    def _alike(self) -> Iterable[list[Plugged]]:
        groups: dict[object, list[Plugged]] = {}
        for dimm in self.facts.removable:
            groups.setdefault((dimm.cell, dimm.size, dimm.pool), []).append(dimm)
        return groups.values()

    def leaving(self, cell: int) -> Linear:
        """Memory of a cell's DIMMs that are unplugged."""
        return sum(d.size * n for d, n in self._groups if d.cell == cell)

    @property
    def unplugs(self) -> Linear:
        """How many DIMMs are unplugged."""
        return sum(n for _, n in self._groups)

    def complete(self) -> None:
        """Add what needs the cells: targets, space, swaps, planned growth."""
        self._target_rows()
        self._space_row()
        self._planned()
        if not self.facts.swap:
            for _, down, up in self._parts():
                self._one_of(down, up)
        for order in self.facts.orders:
            self._keep_order(order.groups)

    @property
    def cells(self) -> list[CellModel]:
        """The guest's cells."""
        return self.guest.cells

    def _parts(self) -> list[tuple[Linear, Linear, Linear]]:
        """What is judged by itself, the cells or the guest: distance to the target, memory that
        goes now, memory that comes now."""
        wanted = self.facts.wanted_cells
        rows = [
            (
                cell.totals[1],
                self.leaving(cell.facts.id) + cell.lowered,
                cell.totals[1] - cell.totals[0],
            )
            for cell in self.cells
        ]
        if wanted is not None:
            return [(t - w, down, up) for (t, down, up), w in zip(rows, wanted, strict=True)]
        total = sum(t for t, _, _ in rows) + self.guest.facts.outside - self.facts.wanted
        return [(total, sum(down for _, down, _ in rows), sum(up for _, _, up in rows))]

    @property
    def unplugged(self) -> Linear:
        """Memory that goes now."""
        return sum(down for _, down, _ in self._parts())

    @property
    def plugged(self) -> Linear:
        """Memory that comes now."""
        return sum(up for _, _, up in self._parts())

    def _target_rows(self) -> None:
        for off, _, _ in self._parts():
            if self.facts.accept == "exact":
                self.guest.model.add(off == 0)
            elif self.facts.accept == "below":
                self.guest.model.add(off <= 0)
            elif self.facts.accept == "above":
                self.guest.model.add(off >= 0)

    def _space_row(self) -> None:
        """The whole of every device fits maxMemory (QEMU hw/mem/memory-device.c: "not enough
        space"); of virtio-mem that is more than what it gives."""
        facts = self.guest.facts
        idle = sum(d.size - d.memory for d in facts.guest.devices) // MiB
        last = [cell.totals[-1] - self._raised_ever(cell) for cell in self.cells]
        self.guest.model.add(sum(last) + idle <= facts.room)
        self.guest.model.add(sum(cell.totals[-1] for cell in self.cells) <= facts.room)

    def _raised_ever(self, cell: CellModel) -> Linear:
        """What is requested of a cell's virtio-mem more at the maximum than now."""
        return sum(cell.raised(stage) for stage in cell.growth_stages) - cell.lowered

    def _one_of(self, down: Linear, up: Linear) -> Literal:
        """That not both are more than 0; the literal says that memory goes."""
        shrinks = self.guest.new_bool()
        for value, literal in ((up, shrinks), (down, ~shrinks)):
            if not isinstance(value, int) or value:
                self.guest.model.add(value == 0).only_enforce_if(literal)
        return shrinks

    def _keep_order(self, groups: Sequence[Sequence[int]]) -> None:
        """A DIMM goes only if every one of the groups before its own goes."""
        for earlier, later in pairwise(groups):
            every = self.guest.new_bool()
            for index in earlier:
                self.guest.model.add_implication(every, self.gone[index])
            for index in later:
                self.guest.model.add_implication(self.gone[index], every)

    def _planned(self) -> None:
        """What was planned once may be taken as it was planned, once its slot and place are
        free."""
        facts, model = self.guest.facts, self.guest.model
        boot, top = (facts.boot or 0) * MiB, facts.guest.maximum_size
        window = device_window(facts, boot, top, facts.slots_written)
        for dimm in planned_growth(facts, window):
            number = len(self.growth)
            moving, blocked = in_the_way(facts, dimm)
            if blocked or any(index not in self.gone for index in moving):
                continue
            self.growth.append(dimm)
            cell = self.cells[dimm.cell]
            mine = {stage: self.guest.new_bool() for stage in cell.growth_stages}
            model.add_at_most_one(mine.values())
            for stage, taken in mine.items():
                self.takes[number, stage] = taken
                for index in moving:
                    model.add_implication(taken, self.gone[index])
                for literals, unit in cell.units():
                    if dimm.address % (unit * MiB):
                        model.add_bool_or([~taken, *(~literal for literal in literals)])
        self._one_in_a_place()
        kinds = {(d.cell, d.size // MiB) for d in self.growth}
        for cell_id, size in sorted(kinds):
            for stage in self.cells[cell_id].growth_stages:
                model.add(
                    self.taken(cell_id, size, stage) <= self.cells[cell_id].count(size, stage)
                )
        for cell in self.cells:
            for size, stage, count in cell.counts() if cell.open else ():
                model.add(count == self.taken(cell.facts.id, size, stage))

    def _one_in_a_place(self) -> None:
        """Of planned DIMMs that want the same slot or address only one comes."""
        for (one, first), (two, second) in combinations(enumerate(self.growth), 2):
            apart = first.address + first.size <= second.address
            apart = apart or second.address + second.size <= first.address
            if first.slot == second.slot or not apart:
                both = (take for (number, _), take in self.takes.items() if number in (one, two))
                self.guest.model.add_at_most_one(both)

    def taken(self, cell: int, size: int, stage: int) -> Linear:
        """Planned DIMMs of a cell and size (MiB) that come at a stage."""
        return sum(
            take
            for (number, at), take in self.takes.items()
            if at == stage
            and (self.growth[number].cell, self.growth[number].size // MiB) == (cell, size)
        )

    def cut(self, cut: Cut) -> None:
        """What was found not to fit has to, as long as the same is in its way."""
        on = self.guest.new_bool()
        self.guest.model.add_bool_or([on, *(~literal for literal in self._as_then(cut))])
        loose = list(self._loose(cut))
        gaps = [Gap(start, end) for start, end in cut.gaps]
        packing = Packing(self.guest.model, gaps, [kind for kind, _, _ in loose])
        for place, (_, number, memory) in enumerate(loose):
            placed, held = packing.total(place)
            self.guest.model.add(number == placed).only_enforce_if(on)
            self.guest.model.add(memory == packing.unit // MiB * held).only_enforce_if(on)

    def _as_then(self, cut: Cut) -> Iterable[Literal]:
        """Literals that together say that everything is as the cut found it."""
        yield from (~self.gone[index] for index in sorted(cut.stay) if index in self.gone)
        for number, dimm in enumerate(self.growth):
            if dimm in cut.taken:
                yield self._any(take for (n, _), take in self.takes.items() if n == number)
        for cell, page in zip(self.cells, cut.pages, strict=True):
            if page in cell.page_chosen:
                yield cell.page_chosen[page]
        place = self.guest.host_model.guests.index(self.guest)
        for host, pages in zip(self.guest.host_model.destinations, cut.elsewhere, strict=True):
            for cell, page in zip(self.cells, pages, strict=True):
                chosen = host.chosen[place, cell.facts.id]
                yield self._any(on for backing, on in chosen.items() if backing.page == page)

    def _any(self, literals: Iterable[cp_model.IntVar]) -> Literal:
        """Whether one of several that exclude each other holds."""
        some = self.guest.new_bool()
        self.guest.model.add(sum(literals) == some)
        return some

    def _loose(self, cut: Cut) -> Iterable[tuple[Kind, Linear, Linear]]:
        """New DIMMs, whenever they come, whose place is still to be found: of what kind, how many,
        and their memory (MiB)."""
        sizes: dict[Kind, list[Linear]] = {}
        for cell, align in zip(self.cells, cut.aligns, strict=True):
            for dimms in cell.open.values():
                kind = kind_of(cell.facts, align)
                if kind.smallest <= kind.largest:
                    yield kind, dimms.number, dimms.memory
            for size, stage, count in () if cell.open else cell.counts():
                if size * MiB % align == 0:
                    placed = count - self.taken(cell.facts.id, size, stage)
                    sizes.setdefault(of_size(align, size * MiB), []).append(placed)
        for kind, counts in sorted(sizes.items()):
            yield kind, sum(counts), kind.largest // MiB * sum(counts)

    # What objectives and policies ask.

    @cached_property
    def distance(self) -> Linear:
        """How far the guest (each cell, where cells have targets) is from its target."""
        total: Linear = 0
        for off, _, _ in self._parts():
            far = self.guest.new_int(0, 1 << 43)
            self.guest.model.add(far >= off)
            self.guest.model.add(far >= -off)
            total = total + far
        return total

    @cached_property
    def needless(self) -> Linear:
        """The lesser of what goes and what comes now: what goes without making the guest
        smaller."""
        if not self.facts.swap:
            return 0
        total: Linear = 0
        for _, down, up in self._parts():
            least, by_down = self.guest.new_int(0, 1 << 43), self.guest.new_bool()
            self.guest.model.add(least >= down).only_enforce_if(by_down)
            self.guest.model.add(least >= up).only_enforce_if(~by_down)
            total = total + least
        return total

    @property
    def departures(self) -> Linear:
        """DIMMs that come now without having been planned, and planned ones that are dropped."""
        now = sum(cell.gained(1) for cell in self.cells)
        at_once = sum(take for (_, stage), take in self.takes.items() if stage == 1)
        ever = sum(self.takes.values())
        return now - at_once + len(self.facts.growth) - ever

    @property
    def plugs(self) -> Linear:
        """DIMMs that come now, and virtio-mem devices that give more."""
        now = sum(cell.gained(1) for cell in self.cells)
        return now + sum(v.is_raised for cell in self.cells for v in cell.virtio)

    @property
    def removals(self) -> Linear:
        """DIMMs that go, and virtio-mem devices that give less."""
        return self.unplugs + sum(v.is_lowered for cell in self.cells for v in cell.virtio)

    @property
    def operations(self) -> Linear:
        """Everything that is to be done now."""
        now = sum(cell.gained(1) for cell in self.cells)
        per_step = self.facts.per_step
        steps = (v.operations(per_step.get(c.facts.id)) for c in self.cells for v in c.virtio)
        return self.unplugs + now + sum(steps)

    @cached_property
    def stranded(self) -> Linear:
        """What can no longer be reached of the growth to the maximum: a variable of its own, so
        that what holds for it is seen without a search."""
        room = self.guest.facts.room
        left = self.guest.new_int(0, room)
        self.guest.model.add(left + sum(cell.totals[-1] for cell in self.cells) == room)
        return left

    @property
    def ahead(self) -> Linear:
        """What comes from now to the maximum."""
        kept = sum(cell.totals[0] for cell in self.cells)
        return self.guest.facts.room - self.stranded - kept

    def returned(self) -> Iterable[tuple[int, int, int, Linear]]:
        """Page size (bytes), host node, and memory that goes back to that pool: the size of a
        piece, and how many pieces."""
        for dimm, number in self._groups:
            if dimm.pool is not None:
                yield (*dimm.pool, dimm.size, number)
        for cell in self.cells:
            for device in cell.virtio:
                if device.pool is not None:
                    yield (*device.pool, device.facts.block, device.down)

"""The variables of one guest, and what policies and objectives ask of them (MiB)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING

from ortools.sat.python import cp_model

from slotsolver.always import block_rows, slot_rows, window_rows
from slotsolver.cell_facts import CellFacts
from slotsolver.cell_model import CellModel, Linear, Literal, Window
from slotsolver.facts import GuestFacts
from slotsolver.fields import format_ids
from slotsolver.greedy import pieces
from slotsolver.menu import Menu, menu_for
from slotsolver.placement import Placement
from slotsolver.policies import Policy
from slotsolver.running_model import RunningModel
from slotsolver.size import MiB

if TYPE_CHECKING:
    from slotsolver.model import HostModel


class GuestModel:
    """A guest's cells, the totals that tie them together, and its placement."""

    def __init__(
        self,
        host_model: HostModel,
        facts: GuestFacts,
        windows: Sequence[Sequence[Window]],
        floor: int,
    ) -> None:
        self.host_model = host_model
        self.model = host_model.model
        self.facts = facts
        self.block_chosen: dict[int, Literal] = {}
        self.gap_parts: dict[int, list[Linear]] = {}
        """DIMMs of each size in each gap of the window, where there are several."""
        self.running = RunningModel(self) if facts.running else None
        self.menus: dict[object, Menu] = {}
        self.cells = [
            CellModel(self, cell, own, self._menu(cell, own, floor))
            for cell, own in zip(facts.cells, windows, strict=True)
        ]
        if self.running is None:
            self._totals()
        else:
            self._waypoints()
        block_rows(self)
        self.placement = Placement(self)
        for cell_model in self.cells:
            cell_model.forbid_partial_units()
        slot_rows(self, facts)
        if self.running is None:
            window_rows(self)
            self._virtio_room()
        else:
            self.running.complete()

    def _menu(self, cell: CellFacts, windows: Sequence[Window], floor: int) -> Menu:
        """The menu of a cell; equal cells share the work."""
        growth = max((b[1] - a[0] for a, b in pairwise(windows)), default=0)
        rules = tuple(cell.id in p.concerned_cells(self.facts.guest) for p in self.facts.policies)
        apart = self.facts.running or any(p.tells_apart for p in self.facts.policies)
        own = cell.id if apart else None
        key = (growth, cell.boot, cell.existing, cell.unit, rules, self.facts.shares[cell.id], own)
        if key not in self.menus:
            opened = self.host_model.open_sizes
            self.menus[key] = menu_for(self.facts, cell, growth, floor, open_sizes=opened)
        return self.menus[key]

    def _totals(self) -> None:
        """The cells sum to the guest's size at every stage."""
        for place, stage in enumerate(self.facts.stages):
            total = sum(cell.totals[place] for cell in self.cells)
            if stage.least is not None:
                self.model.add_linear_constraint(total, stage.least, stage.memory or 0)
            elif isinstance(total, int) and isinstance(stage.memory, int):
                if total != stage.memory:
                    self.model.add_bool_or([])
            elif stage.memory is None:
                self.model.add(total <= (self.facts.stages[place + 1].memory or 0))
            elif stage.at_least:
                self.model.add(total >= stage.memory)
            else:
                self.model.add(total == stage.memory)

    def _waypoints(self) -> None:
        """A running guest's cells sum to its waypoints; everything else of it is its own affair."""
        for place, stage in enumerate(self.facts.stages):
            if stage.name == "waypoint":
                self.model.add(sum(cell.totals[place] for cell in self.cells) == stage.memory)

    def _virtio_room(self) -> None:
        """The whole regions of virtio-mem devices that are there fit maxMemory."""
        idle = self.facts.idle_but(())
        if not idle or self.facts.stages[-1].at_least:
            return
        raised = sum(
            v.raised[stage]
            for cell in self.cells
            for v in cell.virtio
            if v.facts.size is not None
            for stage in cell.growth_stages
        )
        last = sum(cell.totals[-1] for cell in self.cells)
        self.model.add(last - raised + idle <= self.facts.room)

    def new_int(self, low: int, high: int) -> cp_model.IntVar:
        """A nameless integer variable."""
        return self.model.new_int_var(low, high, "")

    def new_bool(self) -> cp_model.IntVar:
        """A nameless boolean variable."""
        return self.model.new_bool_var("")

    def add(self, _rule: Policy, row: object, *literals: Literal) -> None:
        """Add a policy's row, enforced only if all ``literals`` hold."""
        if isinstance(row, bool):
            if not row:
                self.model.add_bool_or([~literal for literal in literals])
            return
        added = self.model.add(row)  # type: ignore[arg-type]  # a linear comparison
        if literals:
            added.only_enforce_if(list(literals))

    def add_between(
        self, rule: Policy, low: int, value: Linear, high: int, literals: Sequence[Literal]
    ) -> None:
        """Add ``low <= value <= high`` for a policy."""
        self.add(rule, value >= low, *literals)
        self.add(rule, value <= high, *literals)

    def cells_of(self, policy: Policy) -> list[CellModel]:
        """The cells that a policy concerns."""
        ids = policy.concerned_cells(self.facts.guest)
        return [cell for cell in self.cells if cell.facts.id in ids]

    def cells_on(self, node: int, ids: tuple[int, ...]) -> Linear:
        """How many of the cells with these ids touch a host node. Cells that are decided together
        are asked for together: those that a policy concerns always are."""
        for alike in ({cell.facts.id for cell in cls.cells} for cls in self.placement.classes):
            if alike - set(ids) and alike & set(ids):
                raise ValueError(
                    f"cells {format_ids(alike)} are alike and decided together, so there is no "
                    f"count of {format_ids(ids)} alone; a rule that needs one says treats_alike = "
                    f"False"
                )
        spread = [cell for cell in self.cells if cell.facts.spread and cell.facts.id in ids]
        whole = tuple(i for i in ids if i not in {cell.facts.id for cell in spread})
        return self.placement.cells_on(node, whole) + sum(
            self.placement.spread_on(cell, node) for cell in spread
        )

    @property
    def host_node_ids(self) -> tuple[int, ...]:
        """Ids of the host's nodes."""
        host = self.facts.host
        return tuple(node.id for node in host.nodes) if host else ()

    @cached_property
    def planned(self) -> Linear:
        """DIMMs planned, all stages."""
        counts = [n for cell in self.cells for n in cell.all_numbers()]
        return cp_model.LinearExpr.sum(counts) if counts else 0

    @property
    def fewest(self) -> int:
        """A lower bound of :attr:`planned` that closed forms give."""
        return sum(cell.fewest for cell in self.cells)

    @cached_property
    def unplugs(self) -> Linear:
        """DIMMs that are unplugged."""
        return self.running.unplugs if self.running else 0

    @cached_property
    def new_virtio(self) -> Linear:
        """virtio-mem devices that are planned."""
        return sum(v.is_used for c in self.cells for v in c.virtio if v.facts.index is None)

    @property
    def slots(self) -> Linear:
        """Slots taken at the maximum, as libvirt counts them."""
        virtio = self.new_virtio if self.facts.virtio_slots else 0
        return self.planned + self.facts.existing_slots - self.unplugs + virtio

    @property
    def least_slots(self) -> int:
        """A lower bound of :attr:`slots` that closed forms give."""
        going = len(self.facts.running.removable) if self.facts.running else 0
        return self.fewest + self.facts.existing_slots - going

    @property
    def devices(self) -> Linear:
        """Memory devices at the maximum."""
        return self.planned + len(self.facts.guest.devices) - self.unplugs + self.new_virtio

    @property
    def boot(self) -> Linear:
        """Boot memory of all cells."""
        return sum(cell.boot for cell in self.cells)

    @property
    def maximum(self) -> Linear:
        """maxMemory: of a running guest as it is, else everything plugged, the devices outside the
        cells, and what virtio-mem devices have and do not give."""
        facts = self.facts
        if facts.running:
            return facts.guest.maximum_size // MiB
        last = len(facts.stages) - 1
        moved = [v for cell in self.cells for v in cell.virtio]
        idle = sum(v.size - v.requested(last) for v in moved)
        idle = idle + facts.idle_but({v.facts.index for v in moved})
        return self.memory_of_cells(last) + facts.outside + idle

    @property
    def least_maximum(self) -> int:
        """The smallest maxMemory on the grid of sizes that is large enough."""
        top = self.facts.stages[-1]
        if self.running:
            return 0
        known = self.facts.stages[0].memory or self.facts.stages[1].memory or 0
        grain = min(cell.facts.grain for cell in self.cells)
        return (top.memory or 0) + (known - (top.memory or 0)) % grain + self.facts.outside

    @property
    def most_memory(self) -> int:
        """An upper bound of any cell's memory."""
        return max(high for cell in self.cells for _, high, _ in cell.windows)

    def boot_regions(self) -> Linear:
        """Memory regions of boot memory, which is known or to be chosen."""
        if isinstance(self.boot, int):
            return self.facts.boot_regions(self.boot)
        few, many = self.facts.boot_regions(0), self.facts.boot_regions(self.facts.boot_at_most)
        if few == many:
            return few
        above, edge = self.new_bool(), self.facts.platform.large_ram // MiB
        self.model.add(self.boot < edge).only_enforce_if(~above)
        return few + (many - few) * above

    def memory_of_cells(self, stage: int) -> Linear:
        """The memory of all cells at a stage."""
        known = self.facts.stages[stage]
        if known.memory is not None and known.exact:
            return known.memory
        return sum(cell.totals[stage] for cell in self.cells)

    @property
    def balanced_stages(self) -> list[int]:
        """Stages at which balance is the solver's: boot only where its split is free."""
        boot_known = all(cell.facts.boot is not None for cell in self.cells)
        if self.facts.running:
            first = 1 if self.facts.running.wanted_cells is None else 2
            return list(range(first, len(self.facts.stages)))
        return [
            place
            for place, stage in enumerate(self.facts.stages)
            if stage.cells is None and not (place == 0 and boot_known)
        ]

    @property
    def stages_to_balance(self) -> list[int]:
        """The balanced stages from the target on; boot where its split is free, and where it is a
        target that is not given for each cell."""
        boot, target = self.facts.stages[0], self.facts.target_stage
        first = [0] if "target" in boot.name and boot.cells is None else []
        later = [stage for stage in self.balanced_stages if stage == 0 or stage >= target]
        return sorted({*first, *later})

    def own_stage(self, stage: int) -> tuple[Literal, ...]:
        """Literals under which a stage is one of its own: boot memory that is all of a first size
        given for each cell is that size, so its split is not free."""
        given = any(following.cells is not None for following in self.facts.stages[1:2])
        free = stage == 0 and self.facts.boot is None and not self.running
        return (self._boot_is_less,) if free and given else ()

    @cached_property
    def _boot_is_less(self) -> Literal:
        less = self.new_bool()
        self.model.add(
            sum(cell.totals[0] for cell in self.cells) == sum(cell.totals[1] for cell in self.cells)
        ).only_enforce_if(~less)
        return less

    def imbalance(self) -> Linear:
        """The spread of every balanced stage; of boot memory that is split freely only what exceeds
        both one unit and the spread of the next stage: a DIMM is no price for less."""
        stages = self.balanced_stages
        if self.running:
            return self.spread(1) if 1 in stages else 0
        if 0 not in stages or self.facts.stages[0].name != "boot":
            return sum(self.spread(stage) for stage in stages)
        spreads = {stage: self.spread(stage) for stage in stages}
        unit = min(cell.facts.unit for cell in self.cells)
        most = self.most_memory * (len(self.cells) + 1)
        allowed, beyond = self.new_int(0, 2 * most), self.new_int(0, 2 * most)
        by_unit = self.new_bool()
        self.model.add(allowed <= unit).only_enforce_if(by_unit)
        self.model.add(allowed <= spreads.get(1, 0)).only_enforce_if(~by_unit)
        row = self.model.add(beyond >= spreads.pop(0) - allowed)
        if literals := self.own_stage(0):
            row.only_enforce_if(list(literals))
        return sum(spreads.values()) + beyond

    def growth_imbalance(self) -> Linear:
        """The spread of a running guest's stages after its target."""
        later = range(2, len(self.facts.stages)) if self.running else ()
        return sum(self.spread(stage) for stage in later)

    def spread(self, stage: int) -> Linear:
        """How much further above its share the best-off cell is than the worst-off one."""
        memory, whole = self.memory_of_cells(stage), sum(self.facts.shares)
        over: list[Linear] = []
        for cell in self.cells:
            share = self.facts.shares[cell.facts.id]
            if isinstance(memory, int):
                ideal: Linear = memory * share // whole
            elif len(set(self.facts.shares)) == 1:
                ideal = 0
            else:
                ideal = self.new_int(0, self.most_memory * len(self.cells))
                self.model.add(whole * ideal <= memory * share)
                self.model.add(whole * ideal >= memory * share - whole + 1)
            over.append(cell.totals[stage] - ideal)
        if all(isinstance(value, int) for value in over):
            return max(over) - min(over)
        most = self.most_memory * (len(self.cells) + 1)
        top, bottom = self.new_int(-most, most), self.new_int(-most, most)
        for value in over:
            self.model.add(top >= value)
            self.model.add(bottom <= value)
        return top - bottom

    def step(self, floor: int) -> Linear:
        """The largest DIMM, or ``floor`` if that is more."""
        sizes = sorted({s for cell in self.cells for s in cell.sizes if s > floor})
        value: Linear = floor
        below, previous = floor, None
        for size in sizes:
            reached = self.new_bool()
            counts = [n for cell in self.cells for s, _, n in cell.counts() if s == size]
            if counts:
                self.model.add(cp_model.LinearExpr.sum(counts) == 0).only_enforce_if(~reached)
            if previous is not None:
                self.model.add_implication(reached, previous)
            value = value + (size - below) * reached
            below, previous = size, reached
        return value

    def hint(
        self, floor: int, totals: Sequence[Sequence[int]] | None = None
    ) -> Iterator[tuple[cp_model.IntVar, int]]:
        """Variables with the values of a greedy layout, to start the search from.

        ``totals`` are those of the cells at each stage; without them they are balanced.
        """
        if self.running:
            return
        stages = range(len(self.facts.stages))
        totals = totals or [self._hinted_totals(stage) for stage in stages]
        block = self.facts.block_at(sum(totals[0]) - self.facts.existing)
        for number, cell in enumerate(self.cells):
            unit = max(cell.facts.unit, block)
            for stage, variable in cell.free_totals.items():
                low, _, grain = cell.windows[stage]
                yield variable, (totals[stage][number] - low) // grain
            for stage in cell.growth_stages:
                before, total = totals[stage - 1][number], totals[stage][number]
                largest = floor or max(total, 1)
                found = pieces(cell.facts, total - before, before, largest, unit, cell.sizes)
                if found is not None and set(found) <= set(cell.sizes):
                    mine = ((size, n) for size, at, n in cell.counts() if at == stage)
                    yield from ((count, found[size]) for size, count in mine)

    def choices(self) -> Iterator[cp_model.IntVar]:
        """The variables that say how the cells are backed and which memory block comes out."""
        for cls in self.placement.classes:
            yield from (n for n in cls.count.values() if isinstance(n, cp_model.IntVar))
        for cell in self.cells:
            yield from (v for v in cell.page_chosen.values() if isinstance(v, cp_model.IntVar))
        yield from (v for v in self.block_chosen.values() if isinstance(v, cp_model.IntVar))

    def _hinted_totals(self, stage: int) -> list[int]:
        """Totals near balance: every cell's lowest, and what is missing dealt out in grains."""
        totals = [cell.windows[stage][0] for cell in self.cells]
        memory = self.facts.stages[stage].memory
        if memory is None:
            memory = self.facts.stages[stage + 1].memory or 0
        for policy in self.facts.policies if stage == 0 else ():
            memory = policy.most_boot(memory)
        left = memory - sum(totals)
        for place, cell in enumerate(self.cells):
            _, high, grain = cell.windows[stage]
            share = left // (len(self.cells) - place)
            more = max(
                0, min(high - totals[place], -(-share // grain) * grain if share % grain else share)
            )
            totals[place] += more
            left -= more
        return totals

    def distance(self) -> Linear:
        """Guest distance times host distance over the pairs of cells."""
        return self.placement.distance()

    def pages(self) -> Linear:
        """Pages taken at the reserve stage."""
        return self.host_model.pages_of(self)

    def paid(self, cell: int) -> int:
        """Memory (MiB) of a cell that takes none of its pool's pages: devices that are backed
        otherwise. Of a running guest only growth is counted at all."""
        facts = self.facts.cells[cell]
        return 0 if self.running else facts.not_pooled

    @cached_property
    def uniform_distances(self) -> bool:
        """Whether all pairs of cells are equally far apart."""
        cells = self.facts.guest.cells
        return len({a.distance(b.id) for a in cells for b in cells if a.id != b.id}) <= 1

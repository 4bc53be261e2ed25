"""The variables of one cell: boot memory, totals, and counts of DIMMs by size and stage (MiB)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from ortools.sat.python import cp_model

from slotsolver.bounds import ENDLESS, fewest_dimms, fewest_exact, reaches
from slotsolver.cell_facts import CellFacts
from slotsolver.menu import Menu
from slotsolver.open_model import OpenDimms
from slotsolver.virtio_model import VirtioModel

if TYPE_CHECKING:
    from slotsolver.model import GuestModel

Linear = cp_model.LinearExpr | int
Literal = cp_model.LiteralT
Window = tuple[int, int, int]
"""Lowest value, highest value and the grid between them (MiB)."""


class CellModel:
    """A cell's variables.

    ``totals[t]`` is its memory at stage t, ``count(s, t)`` the DIMMs of size s that it gains at
    stage t, ``virtio`` its virtio-mem devices; totals grow by exactly these. ``sizes`` is its menu.
    A running guest's totals start from what stays of its devices and are no variables of their own.
    """

    def __init__(
        self, guest: GuestModel, facts: CellFacts, windows: Sequence[Window], menu: Menu
    ) -> None:
        self.guest = guest
        self.facts = facts
        self.sizes = menu.sizes
        self.growth_stages = range(1, len(windows))
        self.windows = windows
        self.page_chosen: dict[int, Literal] = {}
        self._counts: dict[tuple[int, int], cp_model.IntVar] = {}
        self.open: dict[int, OpenDimms] = {}
        """DIMMs of a running guest whose sizes are left open, by stage."""
        self._open_sizes = menu.open
        self.numbers: dict[int, cp_model.IntVar] = {}
        """How many DIMMs there are up to a stage, where that is a variable of its own."""
        self.free_totals: dict[int, cp_model.IntVar] = {}
        """The grid variables of totals that are not known, by stage."""
        self._used: dict[tuple[int, int], cp_model.IntVar] = {}
        self.fewest = 0
        running = guest.running
        most = max((b[1] - a[0] for a, b in pairwise(windows)), default=0)
        self.virtio = [
            VirtioModel(guest, device, self.growth_stages, most)
            for device in facts.virtio
            if not device.fixed
        ]
        if running:
            self.boot: Linear = facts.boot or 0
            staying = facts.existing - running.leaving(facts.id) - self.lowered
        else:
            self.boot, staying = self._grid(0) - facts.existing, facts.existing
        self.totals: list[Linear] = [self.boot + staying]
        for stage in self.growth_stages:
            self._grow(stage)
        if running and facts.growth_rules and not self.virtio:
            self._reach_rows()
        if facts.exact_step and len(windows) > 1 and not running and not self.virtio:
            least = fewest_exact(facts.exact_step, windows[-1][0] - windows[0][1])
            self.fewest = max(self.fewest, least)
            self.guest.model.add(sum(self._counts.values()) >= least)

    def _grid(self, stage: int) -> Linear:
        low, high, grain = self.windows[stage]
        if low >= high:
            return low
        self.free_totals[stage] = self.guest.new_int(0, (high - low) // grain)
        return low + grain * self.free_totals[stage]

    def _grow(self, stage: int) -> None:
        low, high, _ = self.windows[stage]
        before_low, before_high, _ = self.windows[stage - 1]
        most, least = high - before_low, low - before_high
        for size in self.sizes:
            if size <= most:
                self._counts[size, stage] = self.guest.new_int(0, most // size)
        gained: list[Linear] = [size * n for (size, t), n in self._counts.items() if t == stage]
        if self._open_sizes:
            self.open[stage] = OpenDimms(self.guest, self.facts, max(0, most))
            gained.append(self.open[stage].memory)
        gained += [device.raised[stage] for device in self.virtio]
        total = self.totals[stage - 1] + sum(gained)
        if self.guest.running:
            if self.facts.growth_rules:  # rows about it are long, so it is a variable of its own
                known = self.guest.new_int(0, high)
                self.guest.model.add(known == total)
                total = known
            self.totals.append(total)
            return
        if low == high:
            self.guest.model.add(total == low)
            total = low
        else:
            fixed = self._grid(stage)
            self.guest.model.add(total == fixed)
            total = fixed
        self.totals.append(total)
        if not self.virtio:
            self._bound(stage, least, most, before_high)

    def _bound(self, stage: int, least: int, most: int, before: int) -> None:
        """A redundant row: no fewer DIMMs than the closed form says (proofs need it)."""
        counts = [n for (_, t), n in self._counts.items() if t == stage]
        if least <= 0 or not counts:
            return
        largest = max(size for (size, t) in self._counts if t == stage)
        fewest = fewest_dimms(self.facts, least, before, largest, most)
        if fewest < ENDLESS:
            self.fewest += fewest
            self.guest.model.add(cp_model.LinearExpr.sum(counts) >= fewest)

    def _reach_rows(self) -> None:
        """Redundant rows: few DIMMs reach only so far (proofs need them)."""
        reached = reaches(self.facts, self.windows[0][1], self.windows[-1][1])
        for stage in self.growth_stages:
            number = self.guest.new_int(0, self.guest.facts.slot_limit)
            gained = sum(self.gained(at) for at in self.growth_stages if at <= stage)
            self.guest.model.add(number == gained)
            self.numbers[stage] = number
            for few, most in enumerate(reached):
                beyond = self.guest.new_bool()
                self.guest.model.add(number <= few).only_enforce_if(~beyond)
                self.guest.model.add(number >= few + 1).only_enforce_if(beyond)
                self.guest.model.add(self.totals[stage] <= most).only_enforce_if(~beyond)

    @property
    def lowered(self) -> Linear:
        """What its virtio-mem devices give back first."""
        return sum(device.lowered for device in self.virtio)

    def raised(self, stage: int) -> Linear:
        """What its virtio-mem devices give more at a stage."""
        return sum(device.raised[stage] for device in self.virtio)

    def gained(self, stage: int) -> Linear:
        """How many DIMMs it gains at a stage."""
        counts: list[Linear] = [n for (_, t), n in self._counts.items() if t == stage]
        return sum(counts) + (self.open[stage].number if stage in self.open else 0)

    def all_numbers(self) -> list[cp_model.IntVar]:
        """Variables that sum to all DIMMs that it gains."""
        if self.numbers:
            return [self.numbers[max(self.numbers)]]
        opened = [dimms.number for dimms in self.open.values()]
        return [*(n for _, _, n in self.counts()), *opened]

    def count(self, size: int, stage: int) -> Linear:
        """DIMMs of ``size`` MiB gained at ``stage``; 0 where that cannot be."""
        return self._counts.get((size, stage), 0)

    def most(self, size: int, stage: int) -> int:
        """An upper bound of :meth:`count`."""
        high, before_low = self.windows[stage][1], self.windows[stage - 1][0]
        return max(0, high - before_low) // size if (size, stage) in self._counts else 0

    def counts(self) -> list[tuple[int, int, cp_model.IntVar]]:
        """Every ``(size, stage, count)`` in a fixed order."""
        return [
            (size, stage, n)
            for (size, stage), n in sorted(self._counts.items(), key=lambda i: i[0])
        ]

    def is_used(self, size: int, stage: int) -> Literal:
        """A literal that is true if ``size`` has a count at ``stage``."""
        if (size, stage) not in self._counts:
            return self.guest.model.new_constant(0)
        if (size, stage) not in self._used:
            used = self.guest.new_bool()
            self.guest.model.add(self._counts[size, stage] == 0).only_enforce_if(~used)
            self._used[size, stage] = used
        return self._used[size, stage]

    def units(self) -> list[tuple[tuple[Literal, ...], int]]:
        """Each unit (MiB) the cell may come to have, and the literals under which it has it."""
        found = []
        for page in sorted({b.dimm_page for b in self.facts.backings()}):
            for block in self.facts.blocks:
                literals: list[Literal] = []
                if page in self.page_chosen:
                    literals.append(self.page_chosen[page])
                if len(self.facts.blocks) > 1:
                    literals.append(self.guest.block_chosen[block])
                found.append((tuple(literals), self.facts.unit_for(page, block)))
        return found

    def forbid_partial_units(self) -> None:
        """A DIMM is a multiple of the unit: sizes that are not have no counts under that unit."""
        for literals, unit in self.units():
            for dimms in self.open.values():
                dimms.have_unit(unit, literals)
            wrong = [n for (size, _), n in self._counts.items() if size % unit]
            if not wrong:
                continue
            row = self.guest.model.add(cp_model.LinearExpr.sum(wrong) == 0)
            if literals:
                row.only_enforce_if(list(literals))

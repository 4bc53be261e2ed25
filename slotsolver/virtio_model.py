"""The variables of one virtio-mem device: what is requested of it at each stage (MiB)."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from slotsolver.cell_facts import VirtioFacts
from slotsolver.platforms import virtio_mem_guest_usable
from slotsolver.running import pool_of
from slotsolver.size import MiB

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ortools.sat.python import cp_model

    from slotsolver.cell_model import Linear
    from slotsolver.guest_model import GuestModel


class VirtioModel:
    """A device of a cell; ``raised[t]`` is what it gives more at stage t, ``lowered`` what that of
    a running guest gives back first. ``size`` is its region."""

    def __init__(
        self, guest: GuestModel, facts: VirtioFacts, stages: Iterable[int], most: int
    ) -> None:
        self.guest = guest
        self.facts = facts
        block = facts.block
        top = most if facts.size is None else min(most, facts.size)
        running = guest.facts.running
        down = running is not None and facts.index not in running.stay
        self._up = {stage: guest.new_int(0, top // block) for stage in stages}
        self.down: Linear = guest.new_int(0, facts.before // block) if down else 0
        self.raised: dict[int, Linear] = {t: block * up for t, up in self._up.items()}
        self.lowered: Linear = block * self.down
        self._region(most)
        if down and 1 in self._up:
            guest.model.add(self._up[1] == 0).only_enforce_if(self.is_lowered)

    def _region(self, most: int) -> None:
        """Its region holds all that is ever requested. Of a planned one it is whole memory blocks
        of the guest, which could not use the rest (Linux drivers/virtio/virtio_mem.c)."""
        model, facts = self.guest.model, self.facts
        if facts.size is not None:
            self.size: Linear = facts.size
            most_of_it = max(self._usable(facts.size), facts.before)
            model.add(self.requested(max(self._up, default=0)) <= most_of_it)
            return
        grown = sum(self.raised.values())
        block = max(*self.guest.facts.blocks, facts.block)
        blocks = self.guest.new_int(0, most // block + 1)
        self.size = block * blocks
        model.add(self.size >= grown)
        model.add(self.size <= grown + block - facts.block)

    def _usable(self, size: int) -> int:
        """What the guest can use of a device that it has: the whole memory blocks of the region, as
        far as it is known where that lies (Linux drivers/virtio/virtio_mem.c:virtio_mem_init)."""
        index = self.facts.index
        address = None if index is None else self.guest.facts.guest.devices[index].address
        if not address:
            return size
        block = max(self.guest.facts.blocks) * MiB
        return virtio_mem_guest_usable(address, size * MiB, block) // MiB

    def requested(self, stage: int) -> Linear:
        """What is requested of it at a stage."""
        up = [raised for t, raised in self.raised.items() if t <= stage]
        return self.facts.before - self.lowered + sum(up)

    @property
    def pool(self) -> tuple[int, int] | None:
        """Page size (bytes) and host node of an existing device, where they are certain."""
        facts = self.guest.facts
        if self.facts.index is None:
            return None
        return pool_of(facts.guest, facts.guest.devices[self.facts.index], facts.host)

    @cached_property
    def is_lowered(self) -> cp_model.IntVar:
        """Whether it gives something back."""
        return self._positive(self.down)

    @cached_property
    def is_raised(self) -> cp_model.IntVar:
        """Whether it gives more at the first stage."""
        return self._positive(self._up[1])

    @cached_property
    def is_used(self) -> cp_model.IntVar:
        """Whether it is there at all: a planned one that never grows is left out."""
        return self._positive(sum(self._up.values()))

    def _positive(self, value: Linear) -> cp_model.IntVar:
        if isinstance(value, int):
            return self.guest.model.new_constant(int(value > 0))
        found = self.guest.new_bool()
        self.guest.model.add(value >= 1).only_enforce_if(found)
        self.guest.model.add(value == 0).only_enforce_if(~found)
        return found

    def operations(self, per_step: int | None) -> Linear:
        """How many operations its change now takes, each of at most ``per_step`` MiB."""
        if per_step is None:
            return self.is_lowered + self.is_raised
        most = max(1, per_step // self.facts.block)
        count = self.guest.new_int(0, 1 << 20)
        self.guest.model.add(count * most >= self.down + self._up[1])
        self.guest.model.add(count * most <= self.down + self._up[1] + most - 1)
        return count

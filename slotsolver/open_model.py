"""DIMMs of a running guest whose sizes are left open: how many they are and their sum.

Any sum of multiples of a grain between n times the smallest and n times the largest size is the sum
of n such sizes, so nothing is lost by not naming them, and a terabyte has no more variables than a
gigabyte. Which sizes they are is settled when their places are found (:mod:`slotsolver.refit`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from slotsolver.packing import Kind
from slotsolver.size import MiB

if TYPE_CHECKING:
    from slotsolver.cell_facts import CellFacts
    from slotsolver.cell_model import Linear, Literal
    from slotsolver.guest_model import GuestModel


def kind_of(cell: CellFacts, align: int) -> Kind:
    """What a cell's open DIMMs may be like where addresses and sizes are multiples of ``align``
    (bytes)."""
    grain, smallest, largest = cell.size_range(align // MiB)
    return Kind(align, grain * MiB, smallest * MiB, largest * MiB)


class OpenDimms:
    """The open DIMMs that a cell gains at one stage, ``most`` MiB at most."""

    def __init__(self, guest: GuestModel, cell: CellFacts, most: int) -> None:
        self.model = guest.model
        self.cell = cell
        self.most = most
        grain = cell.size_range(cell.unit)[0]
        self.number = guest.new_int(0, most // grain)
        self._grain = grain
        self._grains = guest.new_int(0, most // grain)
        self.memory: Linear = grain * self._grains

    def hint(self, number: int, memory: int) -> Iterator[tuple[int, int]]:
        """Its variables with the values for so many DIMMs of ``memory`` MiB."""
        yield self.number.index, number
        yield self._grains.index, memory // self._grain

    def have_unit(self, unit: int, literals: Sequence[Literal]) -> None:
        """Their sizes are multiples of ``unit`` (MiB), if the literals hold."""
        grain, smallest, largest = self.cell.size_range(unit)
        rows = [
            self.memory >= smallest * self.number,
            self.memory <= min(largest, self.most) * self.number,
        ]
        if smallest > min(largest, self.most):
            rows = [self.number == 0, self.memory == 0]
        elif grain != self._grain:
            times = self.model.new_int_var(0, self.most // grain, "")
            rows.append(self.memory == grain * times)
        for row in rows:
            added = self.model.add(row)
            if literals:
                added.only_enforce_if(list(literals))

"""A rule for slotsolver: no cell gets more than so many DIMMs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from slotsolver.checker import Violation
from slotsolver.policies import Number, Policy, Scope

if TYPE_CHECKING:
    from slotsolver.checker.subject import PlanSubject
    from slotsolver.model import GuestModel

MOST = 256
"""No machine has more slots."""


class CellDimms(Policy):
    """Each cell gets `at_most` that many new DIMMs, now and later together. What a cell consists of
    has to be unplugged one by one when the cell is to be emptied."""

    kind: Literal["cell-dimms"] = "cell-dimms"
    at_most: int = Field(ge=0, description="DIMMs of each cell")

    treats_alike: ClassVar[bool] = True
    examples: ClassVar[tuple[str, ...]] = (
        "{kind: cell-dimms, at_most: 4}",
        "{kind: cell-dimms, at_most: 2, guests: [db], cells: [0]}",
    )

    def describe(self) -> str:
        """The sentence of conflicts and of the catalogue."""
        return f"each cell gets at most {self.at_most} DIMMs"

    def numbers(self, scope: Scope) -> tuple[Number, ...]:  # noqa: ARG002 - a count, no size
        """What may be changed where there is no plan: one DIMM more, two more, …"""
        return (Number("at_most", range(self.at_most + 1, MOST + 1)),)

    def apply(self, guest: GuestModel) -> None:
        """A row for each cell that is meant: the DIMMs that it gains at all stages."""
        for cell in guest.cells_of(self):
            gained = sum(cell.gained(stage) for stage in cell.growth_stages)
            guest.add(self, gained <= self.at_most)


def check(policy: CellDimms, plan: PlanSubject) -> Iterator[Violation]:
    """The same once more, counted in the finished plan."""
    for guest, cells in plan.concerned(policy):
        found = Counter(dimm.cell for dimm in guest.new_dimms)
        for cell in cells:
            if found[cell] > policy.at_most:
                says = f"cell {cell} gets {found[cell]} DIMMs, at most {policy.at_most} are wanted"
                yield Violation("cell-dimms", "policy", says, guest.place)

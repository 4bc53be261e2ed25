"""Exact: every multiple of g of a cell's growth is the sum of some of its DIMMs.

Brown's rule: a multiset of multiples of g, ascending d1 <= d2 <= ..., reaches every multiple of g
up to its sum by subsets iff each dk <= g + (d1 + ... + d(k-1)). It needs only logarithmically many
slots, but moving between two sizes may need an unplug.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from slotsolver.policies import Number, Policy, Scope
from slotsolver.size import MiB, Size, format_size

if TYPE_CHECKING:
    from slotsolver.facts import GuestFacts
    from slotsolver.model import GuestModel, Linear

MOST_TIMES = 64
"""How many times coarser a grid is offered."""


class Exact(Policy):
    """Every multiple of `size` between boot memory and the maximum is reachable in each cell."""

    kind: Literal["exact"] = "exact"
    size: Size

    def numbers(self, scope: Scope) -> tuple[Number, ...]:
        """A coarser grid; what holds for one need not for the next."""
        coarser = range(2 * self.size, min(scope.most, MOST_TIMES * self.size) + 1, self.size)
        return (Number("size", coarser, nested=False),)

    def describe(self) -> str:
        """State the rule."""
        return f"every multiple of {format_size(self.size)} is the sum of some DIMMs of each cell"

    def restrict(self, facts: GuestFacts) -> None:
        """DIMMs are multiples of the step."""
        facts.limit_sizes(self, self.concerned_cells(facts.guest), multiple=self.size)
        for cell in facts.cells_of(self):
            cell.exact_step = max(cell.exact_step, self.size // MiB)

    def apply(self, guest: GuestModel) -> None:
        """If size s is used at all, the smaller DIMMs of the layout sum to at least s - g."""
        step = self.size // MiB
        for cell in guest.cells_of(self):
            smaller: list[Linear] = []
            for size in cell.sizes:
                count = sum(cell.count(size, stage) for stage in cell.growth_stages)
                if size > step:
                    for stage in cell.growth_stages:
                        used = cell.is_used(size, stage)
                        guest.add(self, sum(smaller) >= size - step, used)
                smaller.append(size * count)

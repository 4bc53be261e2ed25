"""Balance: at every stage each cell has its share of the guest's memory.

With shares w1..wn (sum W) and T the memory of all cells at a stage: |total - T * w / W| < unit
without a tolerance (as near as whole units allow), else <= tolerance.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Literal, Self

from pydantic import Field, model_validator

from slotsolver.policies import Number, Policy, Scope
from slotsolver.size import MiB, SizeOrZero, format_size

if TYPE_CHECKING:
    from slotsolver.facts import GuestFacts
    from slotsolver.model import GuestModel
    from slotsolver.problem import Guest

MOST_SHARES = 128
"""Other shares that are offered."""


class Balance(Policy):
    """Cells have equal memory, memory in proportion to their CPUs, or given shares of it, at every
    stage, within `tolerance`."""

    kind: Literal["balance"] = "balance"
    by: Literal["equal", "cpus"] | tuple[int, ...] = Field(
        default="equal", description="`equal`, `cpus`, or a list of whole-number shares"
    )
    tolerance: SizeOrZero | None = None

    @model_validator(mode="after")
    def _positive(self) -> Self:
        if isinstance(self.by, tuple) and (not self.by or any(s <= 0 for s in self.by)):
            raise ValueError("shares are whole numbers above 0, one for each cell")
        return self

    def numbers(self, scope: Scope) -> tuple[Number, ...]:
        """More tolerance, other shares."""
        tolerance = range((self.tolerance or 0) // MiB * MiB + MiB, scope.most + MiB, MiB)
        return (Number("tolerance", tolerance), Number("by", self._other_shares(), nested=False))

    def _other_shares(self) -> tuple[tuple[int, ...], ...]:
        """Shares of which one is more or less by one, by two, ... up to twice as much."""
        if not isinstance(self.by, tuple):
            return ()
        mine = self.by
        found = (
            (*mine[:place], share + change, *mine[place + 1 :])
            for far in range(1, max(mine) + 1)
            for place, share in enumerate(mine)
            for change in (-far, far)
            if share + change > 0
        )
        return tuple(islice(found, MOST_SHARES))

    def describe(self) -> str:
        """State the rule."""
        how = {"equal": "equally", "cpus": "in proportion to CPUs"}.get(
            self.by if isinstance(self.by, str) else "",
            "in the shares " + ":".join(str(s) for s in self.by),
        )
        within = "" if self.tolerance is None else f" within {format_size(self.tolerance)}"
        return f"memory is spread over the cells {how}{within}"

    def shares(self, guest: Guest) -> tuple[int, ...]:
        """The share of each cell of the guest."""
        if self.by == "equal":
            return (1,) * len(guest.cells)
        if self.by == "cpus":
            return tuple(max(1, len(cell.cpus)) for cell in guest.cells)
        return tuple(int(share) for share in self.by)

    def restrict(self, facts: GuestFacts) -> None:
        """Tell the imbalance objective and the totals' windows what is balanced."""
        facts.set_shares(self, self.shares(facts.guest))

    def apply(self, guest: GuestModel) -> None:
        """Keep each total near its share at every stage that has no target per cell."""
        weights = self.shares(guest.facts.guest)
        whole = sum(weights)
        for stage in guest.stages_to_balance:
            memory = guest.memory_of_cells(stage)
            for cell in guest.cells_of(self):
                off = whole * cell.totals[stage] - weights[cell.facts.id] * memory
                if self.tolerance is not None:
                    reach = whole * self.tolerance // MiB
                    guest.add_between(self, -reach, off, reach, guest.own_stage(stage))
                    continue
                for literals, unit in cell.units():
                    under = (*literals, *guest.own_stage(stage))
                    guest.add_between(self, -whole * unit + 1, off, whole * unit - 1, under)

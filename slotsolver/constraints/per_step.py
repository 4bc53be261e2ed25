"""Per step: how much a running guest changes by at once."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from slotsolver.policies import Number, Policy, Scope
from slotsolver.size import MiB, Size, format_size

if TYPE_CHECKING:
    from slotsolver.facts import GuestFacts


class PerStep(Policy):
    """No operation on a running guest moves more than `size`: no larger DIMM goes or comes, now or
    later, and virtio-mem devices change in steps of at most that (those with larger blocks not at
    all)."""

    kind: Literal["per-step"] = "per-step"
    size: Size

    def numbers(self, scope: Scope) -> tuple[Number, ...]:
        """A larger step."""
        return (Number("size", scope.larger(self.size)),)

    def describe(self) -> str:
        """State the rule."""
        return f"no operation moves more than {format_size(self.size)}"

    def restrict(self, facts: GuestFacts) -> None:
        """Larger DIMMs stay, and larger ones never become variables; a virtio-mem device with
        larger blocks moves none."""
        running = facts.running
        if running is None:
            return
        cells = set(self.concerned_cells(facts.guest))
        facts.limit_sizes(self, tuple(cells), maximum=self.size)
        large = (d.index for d in running.dimms if d.cell in cells and d.size * MiB > self.size)
        running.stay.update(large)
        step = self.size // MiB
        for cell in facts.cells_of(self):
            running.per_step[cell.id] = min(step, running.per_step.get(cell.id, step))
            cell.virtio = tuple(replace(v, fixed=v.fixed or v.block > step) for v in cell.virtio)

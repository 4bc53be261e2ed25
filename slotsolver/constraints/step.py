"""Step: every DIMM d <= g, so plugging alone meets any size from above within g."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from slotsolver.policies import Number, Policy, Scope
from slotsolver.size import Size, format_size

if TYPE_CHECKING:
    from slotsolver.facts import GuestFacts


class Step(Policy):
    """No DIMM is larger than `size`: by plugging alone the guest grows in steps of at most that."""

    kind: Literal["step"] = "step"
    size: Size

    def numbers(self, scope: Scope) -> tuple[Number, ...]:
        """A larger step."""
        return (Number("size", scope.larger(self.size)),)

    def describe(self) -> str:
        """State the rule."""
        return f"every step of growth is at most {format_size(self.size)}"

    def restrict(self, facts: GuestFacts) -> None:
        """Larger DIMMs never become variables."""
        facts.limit_sizes(self, self.concerned_cells(facts.guest), maximum=self.size)

"""Reserve: for which stage the host's pages must be free."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from slotsolver.policies import Number, Policy, Scope

if TYPE_CHECKING:
    from slotsolver.facts import GuestFacts


class Reserve(Policy):
    """Pages are kept for the `target` only, or for all growth up to the `maximum`."""

    kind: Literal["reserve"] = "reserve"
    until: Literal["target", "maximum"]

    def numbers(self, scope: Scope) -> tuple[Number, ...]:  # noqa: ARG002 - a choice
        """Pages for the target only."""
        return (Number("until", ("target",)),) if self.until == "maximum" else ()

    def describe(self) -> str:
        """State the rule."""
        return f"the host has free pages for the guest's {self.until}"

    def restrict(self, facts: GuestFacts) -> None:
        """Choose the stage whose pages count; of several policies the furthest one."""
        for cell in facts.cells_of(self):
            if self.until == "maximum":
                cell.reserve = self.until

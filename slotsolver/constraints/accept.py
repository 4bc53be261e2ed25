"""Accept: how near to its target a running guest has to come.

A running guest changes by whole DIMMs, so that not every size can be met.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, Self

from slotsolver.policies import Policy

if TYPE_CHECKING:
    from slotsolver.facts import GuestFacts


class Accept(Policy):
    """A running guest's target is met exactly (`exact`, as without this policy), or by the nearest
    size `below` it, `above` it, or `nearest` to it. With a target for each cell this is about every
    cell; of several such policies for a guest the last one counts."""

    kind: Literal["accept"] = "accept"
    whole_guest: ClassVar[bool] = True
    distance: Literal["exact", "below", "above", "nearest"]

    def describe(self) -> str:
        """State the rule."""
        if self.distance == "exact":
            return "the target is met exactly"
        if self.distance == "nearest":
            return "the target is met as nearly as possible"
        return f"the target is met, or the nearest size {self.distance} it"

    def relaxed(self) -> Self:
        """It permits; without it less would do."""
        return self

    def restrict(self, facts: GuestFacts) -> None:
        """Tell the target's rows; the last policy counts."""
        if facts.running:
            facts.running.accept, facts.running.accept_given = self.distance, True

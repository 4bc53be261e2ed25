"""Waypoints: each given total is a stage of the guest, met exactly."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from slotsolver.policies import Number, Policy, Scope
from slotsolver.size import Size, format_size

if TYPE_CHECKING:
    from slotsolver.facts import GuestFacts


class Waypoints(Policy):
    """The guest passes through each of `sizes` exactly, by plugging alone."""

    kind: Literal["waypoints"] = "waypoints"
    whole_guest: ClassVar[bool] = True
    sizes: tuple[Size, ...] = Field(min_length=1, max_length=64)

    def numbers(self, scope: Scope) -> tuple[Number, ...]:  # noqa: ARG002 - sizes are left out
        """All but one of the sizes."""
        every = range(len(self.sizes))
        fewer = tuple((*self.sizes[:n], *self.sizes[n + 1 :]) for n in every)
        return (Number("sizes", fewer, nested=False),) if len(fewer) > 1 else ()

    def describe(self) -> str:
        """State the rule."""
        return "the guest passes through " + ", ".join(format_size(s) for s in self.sizes)

    def restrict(self, facts: GuestFacts) -> None:
        """Each size becomes a stage."""
        facts.add_waypoints(self.sizes)

"""Swap: a running guest may unplug some DIMMs and plug others in their place."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, Self

from slotsolver.errors import InputError
from slotsolver.policies import Policy

if TYPE_CHECKING:
    from slotsolver.facts import GuestFacts


class Swap(Policy):
    """DIMMs may be unplugged and others plugged at once, where that brings the guest nearer to its
    target."""

    kind: Literal["swap"] = "swap"
    whole_guest: ClassVar[bool] = True

    def describe(self) -> str:
        """State the rule."""
        return "DIMMs may be exchanged for others"

    def relaxed(self) -> Self:
        """It permits; without it less would do."""
        return self

    def restrict(self, facts: GuestFacts) -> None:
        """Permit it."""
        if facts.running is None:
            return
        if facts.running.no_swap:
            raise InputError(f"policies swap and no-swap both name guest {facts.guest.name}")
        facts.running.swap = True

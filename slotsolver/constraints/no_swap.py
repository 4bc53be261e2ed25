"""No swap: a running guest never unplugs something only to plug something else.

Without policy swap this holds anyway.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from slotsolver.errors import InputError
from slotsolver.policies import Policy

if TYPE_CHECKING:
    from slotsolver.facts import GuestFacts


class NoSwap(Policy):
    """Memory either goes or comes, in each guest (in each cell, where cells have targets). That is
    so without this policy too, unless policy swap permits more."""

    kind: Literal["no-swap"] = "no-swap"
    whole_guest: ClassVar[bool] = True

    def describe(self) -> str:
        """State the rule."""
        return "nothing is unplugged to make room for something else"

    def restrict(self, facts: GuestFacts) -> None:
        """Refuse the opposite wish."""
        if facts.running is None:
            return
        if facts.running.swap:
            raise InputError(f"policies swap and no-swap both name guest {facts.guest.name}")
        facts.running.no_swap = True

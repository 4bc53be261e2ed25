"""Add only: nothing is ever unplugged.

Windows adds DIMMs at run time but does not remove them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from slotsolver.policies import Policy

if TYPE_CHECKING:
    from slotsolver.facts import GuestFacts


class AddOnly(Policy):
    """A running guest only grows: no DIMM is unplugged, no virtio-mem device gives memory back."""

    kind: Literal["add-only"] = "add-only"

    def describe(self) -> str:
        """State the rule."""
        return "memory is only added"

    def restrict(self, facts: GuestFacts) -> None:
        """Nothing may go."""
        if facts.running is None:
            return
        cells = set(self.concerned_cells(facts.guest))
        for index, device in enumerate(facts.guest.devices):
            if (device.cell or 0) in cells:
                facts.running.stay.add(index)

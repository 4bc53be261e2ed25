"""What is always demanded, waived: policies that no problem can name.

Their classes give ``kind`` no default, so no registry knows them. They only permit. A problem with
one of them tells whether what is always demanded takes part in a contradiction; none of them ever
comes into a plan.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from slotsolver.policies import Policy

if TYPE_CHECKING:
    from slotsolver.facts import GuestFacts

MANY_SLOTS = 1 << 16


class AnyNumberOfSlots(Policy):
    """The machine type has as many slots as anybody could want."""

    def restrict(self, facts: GuestFacts) -> None:
        """Lift the machine type's limit, not what the guest or its policies state."""
        given = facts.guest.slots
        facts.slot_limit = MANY_SLOTS if given is None else given


class AnyPagesOfDimms(Policy):
    """The DIMMs of a cell may have other pages than its boot memory."""

    def restrict(self, facts: GuestFacts) -> None:
        """Any pages that the host has."""
        host = facts.host
        if host is not None:
            pages = tuple(page for page in host.page_sizes() if host.has_pool(page))
            for cell in facts.cells_of(self):
                cell.dimm_pages = pages


class AnyTarget(Policy):
    """A guest that does not run has what it boots with, whatever was asked for."""

    def restrict(self, facts: GuestFacts) -> None:
        """Take the target off the stages."""
        for stage in tuple(facts.stages):
            names = [name for name in stage.name.split("+") if name != "target"]
            if names:
                stage.name = "+".join(names)
            else:
                facts.stages.remove(stage)


class AnyPlace(Policy):
    """The DIMMs of a running guest need no place in its address space."""

    def restrict(self, facts: GuestFacts) -> None:
        """Say so."""
        if facts.running is not None:
            facts.running.needs_places = False

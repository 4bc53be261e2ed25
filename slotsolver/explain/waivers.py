"""What is always demanded, waived: policies that no problem can name.

Their classes give ``kind`` no default, so no registry knows them. They only permit. A problem with
one of them tells whether what is always demanded takes part in a contradiction; none of them ever
comes into a plan.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from slotsolver.policies import Policy
from slotsolver.size import MiB

if TYPE_CHECKING:
    from slotsolver.facts import GuestFacts

MANY_SLOTS = 1 << 16


class Waiver(Policy):
    """Something that is always demanded, and is not where this is among the policies. No waiver
    tells equal cells apart, so these are still decided together."""

    treats_alike: ClassVar[bool] = True


class AnyNumberOfSlots(Waiver):
    """The machine type has as many slots as anybody could want."""

    def restrict(self, facts: GuestFacts) -> None:
        """Lift the machine type's limit, not what the guest or its policies state."""
        given = facts.guest.slots
        facts.slot_limit = MANY_SLOTS if given is None else given


class AnyPagesOfDimms(Waiver):
    """The DIMMs of a cell may have other pages than its boot memory."""

    def restrict(self, facts: GuestFacts) -> None:
        """Any pages that the host has; without a host the smallest will do."""
        host = facts.host
        pages: tuple[int, ...] = (facts.platform.base_page,)
        if host is not None:
            pages = tuple(page for page in host.page_sizes() if host.has_pool(page))
        for cell in facts.cells_of(self):
            cell.dimm_pages = pages


class AnyTarget(Waiver):
    """A guest that does not run has what it boots with, whatever was asked for."""

    def restrict(self, facts: GuestFacts) -> None:
        """Take the target off the stages, and a maximum that is only the target. Where nothing else
        is left to grow to, any size up to what was asked for will do: rules may demand growth."""
        gone = {"target", "maximum"} if facts.guest.maximum is None else {"target"}
        left = [stage for stage in facts.stages if _without(stage.name, gone)]
        if len(left) > 1 or len(facts.stages) == 1:
            for stage in left:
                stage.name = _without(stage.name, gone)
            facts.stages[:] = left
            return
        asked, boot = facts.stages[1], facts.stages[0].memory
        if boot is not None:
            asked.least, asked.cells = boot, None
            return
        unit = max(c.unit_for(max(c.pages), max(facts.blocks)) for c in facts.cells)
        most = (asked.memory or 0) - facts.existing
        if most >= unit * len(facts.cells):
            most -= most % unit  # boot memory is counted from here on the grid of sizes
        asked.memory, asked.least, asked.cells = most + facts.existing, 0, None


class AnySize(Waiver):
    """One stage of a guest that does not run, its ``target`` or its ``maximum``, may have any size
    from ``least`` to ``most`` (bytes)."""

    stage: str
    least: int
    most: int

    def restrict(self, facts: GuestFacts) -> None:
        """Open the stage. Where boot memory is open it may be counted from here, so whole units are
        the most."""
        unit = max(c.unit_for(max(c.pages), max(facts.blocks)) for c in facts.cells)
        for stage in facts.stages:
            if self.stage in stage.name.split("+"):
                most = self.most // MiB - facts.outside
                stage.least = self.least // MiB - facts.outside
                if facts.boot is None and most - most % unit >= max(stage.least, unit):
                    most -= most % unit
                stage.memory, stage.cells = most, None


def _without(name: str, gone: set[str]) -> str:
    """The names of a stage but for some."""
    return "+".join(part for part in name.split("+") if part not in gone)


class AnyPlace(Waiver):
    """The DIMMs of a running guest need no place in its address space."""

    def restrict(self, facts: GuestFacts) -> None:
        """Say so."""
        if facts.running is not None:
            facts.running.needs_places = False

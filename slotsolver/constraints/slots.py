"""Slots: how many memory slots the guest's maxMemory may have."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import Field, model_validator

from slotsolver.policies import Number, Policy, Scope

if TYPE_CHECKING:
    from slotsolver.facts import GuestFacts
    from slotsolver.model import GuestModel

MOST_SLOTS = 256
"""The most that any machine type takes (QEMU hw/acpi/memory_hotplug.c, ACPI_MAX_RAM_SLOTS)."""


class Slots(Policy):
    """The layout takes `at_most` that many slots, or `exactly` that many."""

    kind: Literal["slots"] = "slots"
    whole_guest: ClassVar[bool] = True
    at_most: int | None = Field(default=None, ge=0)
    exactly: int | None = Field(default=None, ge=0)

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.at_most is None) == (self.exactly is None):
            raise ValueError("slots takes either at_most or exactly")
        return self

    def numbers(self, scope: Scope) -> tuple[Number, ...]:  # noqa: ARG002 - a count
        """More slots; of an exact number also fewer."""
        if self.exactly is None:
            return (Number("at_most", range((self.at_most or 0) + 1, MOST_SLOTS + 1)),)
        more = Number("exactly", range(self.exactly + 1, MOST_SLOTS + 1), nested=False)
        fewer = Number("exactly", range(self.exactly - 1, -1, -1), nested=False)
        return (more, fewer)

    def describe(self) -> str:
        """State the rule."""
        if self.exactly is not None:
            return f"the layout takes exactly {self.exactly} slots"
        return f"the layout takes at most {self.at_most} slots"

    def restrict(self, facts: GuestFacts) -> None:
        """A smaller slot limit."""
        limit = self.exactly if self.exactly is not None else self.at_most
        assert limit is not None  # noqa: S101 - the validator above
        facts.slot_limit = min(facts.slot_limit, limit)
        if self.exactly is not None:
            facts.slots_written = max(facts.slots_written, self.exactly)

    def apply(self, guest: GuestModel) -> None:
        """Sum the counts."""
        if self.exactly is not None:
            guest.add(self, guest.slots == self.exactly)
        elif self.at_most is not None:
            guest.add(self, guest.slots <= self.at_most)

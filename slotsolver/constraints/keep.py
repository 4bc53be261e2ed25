"""Keep: DIMMs that are never unplugged.

Memory that a Linux guest has onlined outside ZONE_MOVABLE can hardly be taken away again (Linux
Documentation/admin-guide/mm/memory-hotplug.rst).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import field_validator

from slotsolver.errors import InputError
from slotsolver.fields import Ids, format_ids
from slotsolver.policies import Number, Policy, Scope

if TYPE_CHECKING:
    from slotsolver.facts import GuestFacts


class Keep(Policy):
    """The DIMMs in these `slots` stay plugged; without `slots`, every DIMM, and virtio-mem devices
    give nothing back."""

    kind: Literal["keep"] = "keep"
    slots: Ids | None = None

    @field_validator("slots")
    @classmethod
    def _some(cls, slots: Ids | None) -> Ids | None:
        if slots == ():
            raise ValueError("name at least one slot, or leave slots out to keep every DIMM")
        return slots

    @property
    def named_slots(self) -> tuple[int, ...]:
        """All of its slots."""
        return self.slots or ()

    def numbers(self, scope: Scope) -> tuple[Number, ...]:  # noqa: ARG002 - slots are left out
        """All but one of the slots."""
        mine = self.slots or ()
        fewer = tuple(tuple(other for other in mine if other != slot) for slot in mine)
        return (Number("slots", fewer, nested=False),) if len(mine) > 1 else ()

    def describe(self) -> str:
        """State the rule."""
        if self.slots is None:
            return "nothing is unplugged"
        return f"the DIMMs in slots {format_ids(self.slots)} stay"

    def restrict(self, facts: GuestFacts) -> None:
        """Take the DIMMs off those that may go."""
        if facts.running is None:
            return
        cells = set(self.concerned_cells(facts.guest))
        there = {d.slot for d in facts.guest.devices if d.takes_slot}
        for slot in self.slots or ():
            if slot not in there and self.guests is not None:
                raise InputError(
                    f"policy keep names slot {slot}, but guest {facts.guest.name} has no DIMM there"
                )
        for index, device in enumerate(facts.guest.devices):
            wanted = self.slots is None or (device.takes_slot and device.slot in self.slots)
            if wanted and (device.cell or 0) in cells:
                facts.running.stay.add(index)

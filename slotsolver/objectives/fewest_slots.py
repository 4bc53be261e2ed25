"""Fewest slots: as few memory slots as possible."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from slotsolver.policies import Objective

if TYPE_CHECKING:
    from slotsolver.model import HostModel, Linear


class FewestSlots(Objective):
    """Slots taken by all guests, as libvirt counts them: DIMMs and NVDIMMs that are there and DIMMs
    that are planned, before libvirt 9.5 virtio-mem devices too."""

    kind: Literal["fewest-slots"] = "fewest-slots"
    about_dimms: ClassVar[bool] = True
    unit: ClassVar[str] = "slots"

    def describe(self) -> str:
        """Say what is minimised."""
        return "the number of memory slots"

    def least(self, model: HostModel) -> int:
        """What the closed forms say that growth takes at least."""
        return sum(g.least_slots for g in model.guests)

    def expression(self, model: HostModel) -> Linear:
        """Sum the counts."""
        return sum(g.slots for g in model.guests)

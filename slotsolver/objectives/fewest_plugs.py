"""Fewest plugs: as few DIMMs as possible come."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from slotsolver.policies import Objective

if TYPE_CHECKING:
    from slotsolver.model import HostModel, Linear


class FewestPlugs(Objective):
    """DIMMs that running guests get now, and virtio-mem devices that give more memory."""

    kind: Literal["fewest-plugs"] = "fewest-plugs"
    unit: ClassVar[str] = "operations"

    def describe(self) -> str:
        """Say what is minimised."""
        return "the number of DIMMs that are plugged now"

    def expression(self, model: HostModel) -> Linear:
        """Sum over the running guests."""
        return sum(g.running.plugs for g in model.guests if g.running)

"""Fewest unplugs: as few DIMMs as possible go."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from slotsolver.policies import Objective

if TYPE_CHECKING:
    from slotsolver.model import HostModel, Linear


class FewestUnplugs(Objective):
    """DIMMs that running guests unplug, and virtio-mem devices that give memory back."""

    kind: Literal["fewest-unplugs"] = "fewest-unplugs"
    unit: ClassVar[str] = "operations"

    def describe(self) -> str:
        """Say what is minimised."""
        return "the number of DIMMs that are unplugged"

    def expression(self, model: HostModel) -> Linear:
        """Sum over the running guests."""
        return sum(g.running.removals for g in model.guests if g.running)

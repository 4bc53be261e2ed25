"""Planned growth: what was planned once is plugged as it was planned."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from slotsolver.policies import Objective

if TYPE_CHECKING:
    from slotsolver.model import HostModel, Linear


class PlannedGrowth(Objective):
    """Over all running guests, DIMMs that are plugged now and are none of those planned once (same
    slot, size, cell and address), and planned ones that the plan gives up."""

    kind: Literal["planned-growth"] = "planned-growth"
    unit: ClassVar[str] = "DIMMs"

    def describe(self) -> str:
        """Say what is minimised."""
        return "the departures from the growth that was planned once"

    def expression(self, model: HostModel) -> Linear:
        """Sum over the running guests."""
        return sum(g.running.departures for g in model.guests if g.running)

"""Stranded growth: the maximum stays within reach."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from slotsolver.policies import Objective
from slotsolver.size import MiB

if TYPE_CHECKING:
    from slotsolver.model import HostModel, Linear


class StrandedGrowth(Objective):
    """Over all running guests, what can no longer be reached of the growth to the maximum with the
    slots, addresses and steps that are left."""

    kind: Literal["stranded-growth"] = "stranded-growth"
    unit: ClassVar[str] = "bytes"
    scale: ClassVar[int] = MiB
    about_dimms: ClassVar[bool] = True

    def describe(self) -> str:
        """Say what is minimised."""
        return "the growth that can no longer be reached"

    def expression(self, model: HostModel) -> Linear:
        """Sum over the running guests."""
        return sum(g.running.stranded for g in model.guests if g.running)

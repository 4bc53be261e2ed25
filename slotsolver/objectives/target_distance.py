"""Target distance: running guests as near to their targets as they can be."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from slotsolver.policies import Objective
from slotsolver.reachable import least_distance
from slotsolver.size import MiB

if TYPE_CHECKING:
    from slotsolver.model import HostModel, Linear


class TargetDistance(Objective):
    """Over all running guests, how far the size reached is from the target; with a target for each
    cell, the distances of the cells together. It is 0 where targets are to be met exactly."""

    kind: Literal["target-distance"] = "target-distance"
    unit: ClassVar[str] = "bytes"
    scale: ClassVar[int] = MiB

    def describe(self) -> str:
        """Say what is minimised."""
        return "the distance of running guests from their targets"

    def least(self, model: HostModel) -> int:
        """What sums of DIMMs leave at least."""
        return sum(least_distance(g.facts) for g in model.guests)

    def expression(self, model: HostModel) -> Linear:
        """Sum over the running guests."""
        return sum(g.running.distance for g in model.guests if g.running)

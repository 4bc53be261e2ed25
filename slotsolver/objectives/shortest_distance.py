"""Shortest distance: cells near each other on the host."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from slotsolver.policies import Objective

if TYPE_CHECKING:
    from slotsolver.model import HostModel, Linear


class ShortestDistance(Objective):
    """Over the pairs of cells of each guest, guest distance times host distance (the largest
    between the two cells' host nodes)."""

    kind: Literal["shortest-distance"] = "shortest-distance"
    unit: ClassVar[str] = ""

    def describe(self) -> str:
        """Say what is minimised."""
        return "guest distance times host distance over all pairs of cells"

    def expression(self, model: HostModel) -> Linear:
        """Sum over the guests."""
        return sum(g.distance() for g in model.guests)

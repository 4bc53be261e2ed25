"""Least imbalance: cells as near to their share as possible at every stage."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from slotsolver.policies import Objective
from slotsolver.size import MiB

if TYPE_CHECKING:
    from slotsolver.model import HostModel, Linear


class LeastImbalance(Objective):
    """Over all guests and stages, how much further above its share the best-off cell is than the
    worst-off one; with equal shares: the largest cell less the smallest. Boot memory that is split
    freely counts only with what exceeds one unit and the imbalance of the next stage. Of a running
    guest only the target counts."""

    kind: Literal["least-imbalance"] = "least-imbalance"
    unit: ClassVar[str] = "bytes"
    scale: ClassVar[int] = MiB

    def describe(self) -> str:
        """Say what is minimised."""
        return "the difference between the cells at every stage"

    def expression(self, model: HostModel) -> Linear:
        """Sum the spread of each balanced stage."""
        return sum(g.imbalance() for g in model.guests)

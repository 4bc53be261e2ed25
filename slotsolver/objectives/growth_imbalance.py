"""Growth imbalance: later growth is spread evenly too."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from slotsolver.policies import Objective
from slotsolver.size import MiB

if TYPE_CHECKING:
    from slotsolver.model import HostModel, Linear


class GrowthImbalance(Objective):
    """Over all running guests and their sizes after the target, how much further above its share
    the best-off cell is than the worst-off one."""

    kind: Literal["growth-imbalance"] = "growth-imbalance"
    unit: ClassVar[str] = "bytes"
    scale: ClassVar[int] = MiB
    about_dimms: ClassVar[bool] = True

    def describe(self) -> str:
        """Say what is minimised."""
        return "the difference between the cells in later growth"

    def expression(self, model: HostModel) -> Linear:
        """Sum over the running guests."""
        return sum(g.growth_imbalance() for g in model.guests)

"""Lowest maxmem: no more maxMemory than needed."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from slotsolver.policies import Objective
from slotsolver.size import MiB

if TYPE_CHECKING:
    from slotsolver.model import HostModel, Linear


class LowestMaxmem(Objective):
    """The sum of the guests' maxMemory; it can vary where a maximum is given as `at_least`."""

    kind: Literal["lowest-maxmem"] = "lowest-maxmem"
    unit: ClassVar[str] = "bytes"
    scale: ClassVar[int] = MiB

    def describe(self) -> str:
        """Say what is minimised."""
        return "the maxMemory of the guests"

    def least(self, model: HostModel) -> int:
        """The smallest reachable sizes that are large enough."""
        return sum(g.least_maximum for g in model.guests)

    def expression(self, model: HostModel) -> Linear:
        """Sum over the guests."""
        return sum(g.maximum for g in model.guests)

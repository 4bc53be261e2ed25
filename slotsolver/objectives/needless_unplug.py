"""Needless unplug: nothing is unplugged only to make room for something else."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from slotsolver.policies import Objective
from slotsolver.size import MiB

if TYPE_CHECKING:
    from slotsolver.model import HostModel, Linear


class NeedlessUnplug(Objective):
    """Memory that running guests unplug without becoming smaller: of what goes and what comes now
    the lesser, for each guest (for each cell, where cells have targets). It is 0 without policy
    swap."""

    kind: Literal["needless-unplug"] = "needless-unplug"
    unit: ClassVar[str] = "bytes"
    scale: ClassVar[int] = MiB

    def describe(self) -> str:
        """Say what is minimised."""
        return "the memory that is unplugged without making a guest smaller"

    def expression(self, model: HostModel) -> Linear:
        """Sum over the running guests."""
        return sum(g.running.needless for g in model.guests if g.running)

"""Finest step: the largest DIMM of each guest as small as possible."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from slotsolver.policies import Objective
from slotsolver.size import MiB, Size, format_size

if TYPE_CHECKING:
    from slotsolver.model import HostModel, Linear


class FinestStep(Objective):
    """The largest DIMM of each guest, summed over the guests; finer than `down_to` is not worth
    slots. `down_to: default` is the smallest power of two times the guest's memory block that
    takes at most 32 steps to the maximum."""

    kind: Literal["finest-step"] = "finest-step"
    about_dimms: ClassVar[bool] = True
    unit: ClassVar[str] = "bytes"
    scale: ClassVar[int] = MiB
    down_to: Size | Literal["default"] | None = None

    def describe(self) -> str:
        """Say what is minimised."""
        if isinstance(self.down_to, int):
            return f"the largest DIMM, down to {format_size(self.down_to)}"
        return "the largest DIMM" + (", down to 1/32 of the maximum" if self.down_to else "")

    def floor(self, default: int) -> int:
        """The step (MiB) below which nothing is gained, given the guest's default step (MiB)."""
        if self.down_to == "default":
            return default
        return (self.down_to or 0) // MiB

    def expression(self, model: HostModel) -> Linear:
        """Sum each guest's step variable."""
        return sum(g.step(self.floor(g.facts.default_step)) for g in model.guests)

"""Unpaid growth: the pools can pay for the way to the maximum."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from slotsolver.policies import Objective
from slotsolver.size import MiB

if TYPE_CHECKING:
    from slotsolver.model import HostModel, Linear


class UnpaidGrowth(Objective):
    """Over all pools, what running guests would take of them to grow to their maxima and is not
    free once everything is done that is to be done now. Host nodes of which the kernel may choose
    do not count."""

    kind: Literal["unpaid-growth"] = "unpaid-growth"
    unit: ClassVar[str] = "bytes"
    scale: ClassVar[int] = MiB

    def describe(self) -> str:
        """Say what is minimised."""
        return "the growth for which pages are missing"

    def expression(self, model: HostModel) -> Linear:
        """Sum over the pools."""
        return model.unpaid()

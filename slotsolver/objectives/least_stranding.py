"""Least stranding: no leftovers too small for another cell."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from slotsolver.policies import Objective

if TYPE_CHECKING:
    from slotsolver.model import HostModel, Linear


class LeastStranding(Objective):
    """Bytes that stay free in pools with less left than the smallest cell of the problem takes:
    nothing like it can use them."""

    kind: Literal["least-stranding"] = "least-stranding"
    unit: ClassVar[str] = "bytes"

    def describe(self) -> str:
        """Say what is minimised."""
        return "free pages in pieces too small to be used"

    def expression(self, model: HostModel) -> Linear:
        """Sum over the pools."""
        return sum(model.stranded(pool) for pool in model.pools)

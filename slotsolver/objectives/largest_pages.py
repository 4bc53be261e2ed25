"""Largest pages: as few pages as possible back the guests."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from slotsolver.policies import Objective

if TYPE_CHECKING:
    from slotsolver.model import HostModel, Linear


class LargestPages(Objective):
    """Pages of every size taken by all guests; larger pages make fewer."""

    kind: Literal["largest-pages"] = "largest-pages"
    unit: ClassVar[str] = "pages"

    def describe(self) -> str:
        """Say what is minimised."""
        return "the number of pages taken"

    def expression(self, model: HostModel) -> Linear:
        """Sum over the guests."""
        return sum(g.pages() for g in model.guests)

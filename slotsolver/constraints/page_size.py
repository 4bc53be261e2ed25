"""Page size: what backs a cell's memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from slotsolver.policies import Number, Policy, Scope
from slotsolver.size import Size, format_size

if TYPE_CHECKING:
    from slotsolver.facts import GuestFacts


class PageSize(Policy):
    """Cells are backed by pages of `size`; with `preferred` only where that is possible.

    With `of: dimms` only the cell's DIMMs are, and boot memory keeps its own page size: one guest
    node then has mixed pages, which is never done unless asked for.
    """

    kind: Literal["page-size"] = "page-size"
    size: Size
    preferred: bool = False
    of: Literal["memory", "dimms"] = Field(
        default="memory", description="the whole cell, or its DIMMs"
    )

    def numbers(self, scope: Scope) -> tuple[Number, ...]:
        """Other pages of the host, the nearest size first."""
        others = sorted((p for p in scope.pages if p != self.size), key=self._far)
        return () if self.preferred else (Number("size", tuple(others), nested=False),)

    def _far(self, page: int) -> tuple[int, int]:
        return max(page, self.size) // min(page, self.size), page

    def describe(self) -> str:
        """State the rule."""
        verb = "prefers" if self.preferred else "uses"
        what = "each DIMM" if self.of == "dimms" else "each cell"
        return f"{what} {verb} {format_size(self.size)} pages"

    def restrict(self, facts: GuestFacts) -> None:
        """Narrow the page sizes of the cells, or note the wish."""
        for cell in facts.cells_of(self):
            if self.preferred:
                cell.preferred_pages = self.size
            elif self.of == "dimms":
                cell.require_dimm_page(self.size)
            else:
                cell.require_page(self, self.size)

"""Preferred pages: grant the wishes of page-size policies with ``preferred``."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from slotsolver.policies import Objective

if TYPE_CHECKING:
    from slotsolver.model import HostModel, Linear


class PreferredPages(Objective):
    """Cells that do not have the page size that a `page-size` policy prefers for them. Comes first
    of itself where there is such a policy."""

    kind: Literal["preferred-pages"] = "preferred-pages"
    unit: ClassVar[str] = "cells"

    def describe(self) -> str:
        """Say what is minimised."""
        return "cells without their preferred page size"

    def expression(self, model: HostModel) -> Linear:
        """Count the cells of each class whose backing has another page size."""
        return sum(
            count
            for guest in model.guests
            for cls in guest.placement.classes
            for backing, count in cls.count.items()
            if cls.cells[0].facts.preferred_pages not in (None, backing.dimm_page)
        )

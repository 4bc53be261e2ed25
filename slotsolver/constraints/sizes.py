"""Sizes: which DIMM sizes are allowed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Self

from pydantic import Field, model_validator

from slotsolver.policies import Number, Policy, Scope
from slotsolver.size import Size, format_size

if TYPE_CHECKING:
    from slotsolver.facts import GuestFacts
    from slotsolver.model import GuestModel


class Sizes(Policy):
    """New DIMMs have one of the `allowed` sizes, are `powers_of_two`, are `uniform` (one size for
    all), and lie between `minimum` and `maximum`."""

    kind: Literal["sizes"] = "sizes"
    allowed: tuple[Size, ...] | None = Field(default=None, min_length=1, max_length=256)
    powers_of_two: bool = False
    uniform: bool = False
    minimum: Size | None = None
    maximum: Size | None = None

    @model_validator(mode="after")
    def _order(self) -> Self:
        if self.minimum and self.maximum and self.minimum > self.maximum:
            raise ValueError(
                f"minimum {format_size(self.minimum)} is above maximum {format_size(self.maximum)}"
            )
        return self

    def numbers(self, scope: Scope) -> tuple[Number, ...]:
        """A smaller minimum, a larger maximum; without powers of two, without uniformity."""
        found = []
        if self.minimum is not None:
            found.append(Number("minimum", scope.smaller(self.minimum)))
        if self.maximum is not None:
            found.append(Number("maximum", scope.larger(self.maximum)))
        found += [Number(f, (False,)) for f in ("powers_of_two", "uniform") if getattr(self, f)]
        return tuple(found)

    def describe(self) -> str:
        """State the rule."""
        parts = []
        if self.allowed is not None:
            parts.append("one of " + ", ".join(format_size(s) for s in self.allowed))
        if self.powers_of_two:
            parts.append("powers of two")
        if self.uniform:
            parts.append("all of one size")
        if self.minimum is not None:
            parts.append(f"at least {format_size(self.minimum)}")
        if self.maximum is not None:
            parts.append(f"at most {format_size(self.maximum)}")
        return "DIMMs are " + (", ".join(parts) or "of any size")

    def restrict(self, facts: GuestFacts) -> None:
        """Sizes that are not allowed never become variables."""
        facts.limit_sizes(
            self,
            self.concerned_cells(facts.guest),
            minimum=self.minimum,
            maximum=self.maximum,
            allowed=self.allowed,
            powers_of_two=self.powers_of_two,
        )

    def apply(self, guest: GuestModel) -> None:
        """With `uniform`, exactly one size may have counts."""
        if not self.uniform:
            return
        cells = guest.cells_of(self)
        sizes = sorted({size for cell in cells for size in cell.sizes})
        chosen = {size: guest.new_bool() for size in sizes}
        if chosen:
            guest.add(self, sum(chosen.values()) <= 1)
        for cell in cells:
            for stage in cell.growth_stages:
                for size in cell.sizes:
                    count = cell.count(size, stage)
                    guest.add(self, count <= cell.most(size, stage) * chosen[size])

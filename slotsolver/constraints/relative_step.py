"""Relative step: every DIMM d <= max(g, r * L), L the cell's memory before it is plugged.

Fine steps while the cell is small, coarse ones when it is large. DIMMs are plugged stage by stage
and small before large, so ``L`` is the cell's total at the stage before plus the smaller DIMMs of
its own stage. In counts this is one enforced row per cell, stage and size.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, PlainSerializer

from slotsolver.policies import Number, Policy, Scope
from slotsolver.size import MiB, Size, format_size

if TYPE_CHECKING:
    from slotsolver.facts import GuestFacts
    from slotsolver.model import GuestModel, Linear


def _ratio(value: Any) -> Fraction:
    try:
        ratio = Fraction(str(value)).limit_denominator(1_000_000)
    except (ValueError, ZeroDivisionError):
        raise ValueError(f"{value!r} is not a ratio; write 1/8 or 0.125") from None
    if not 0 < ratio <= 1000:
        raise ValueError(f"ratio {value} must be more than 0 and at most 1000")
    return ratio


Ratio = Annotated[Fraction, BeforeValidator(_ratio), PlainSerializer(str, return_type=str)]

MOST_PARTS, MOST_TIMES = 64, 16
"""The smallest and the largest ratio that is offered: 1/64 and 16."""


class RelativeStep(Policy):
    """Each DIMM is at most `ratio` of what its cell has before it is plugged, or `at_least`.
    Without `at_least` one unit of the cell is always allowed: its page, or the guest's memory block
    if that is larger."""

    kind: Literal["relative-step"] = "relative-step"
    ratio: Ratio
    at_least: Size | None = None

    def numbers(self, scope: Scope) -> tuple[Number, ...]:
        """A larger ratio (1/7 instead of 1/8), a larger step that is always allowed."""
        parts = (Fraction(1, n) for n in range(MOST_PARTS, 0, -1))
        ratios = (*parts, *(Fraction(n) for n in range(2, MOST_TIMES + 1)))
        larger = Number("ratio", tuple(ratio for ratio in ratios if ratio > self.ratio))
        return (larger, Number("at_least", scope.larger(self.at_least or scope.unit)))

    def describe(self) -> str:
        """State the rule."""
        floor = " or one unit (its page, or the guest's memory block if that is larger)"
        if self.at_least:
            floor = f" or {format_size(self.at_least)}"
        return f"every step of a cell is at most {self.ratio} of its memory{floor}"

    def floor(self, unit: int) -> int:
        """The step (MiB) that is always allowed: ``at_least``, else one ``unit``."""
        return self.at_least // MiB if self.at_least else unit

    def restrict(self, facts: GuestFacts) -> None:
        """Tell the bounds how far a cell can grow in one step."""
        for cell in facts.cells_of(self):
            cell.growth_rules.append(self.largest_step)

    def largest_step(self, before: int, unit: int) -> int:
        """The largest DIMM (MiB) allowed on a cell that has ``before`` MiB."""
        return max(self.floor(unit), before * self.ratio.numerator // self.ratio.denominator)

    def apply(self, guest: GuestModel) -> None:
        """If size s is used at a stage, then what is there before it is at least s / ratio."""
        for cell in guest.cells_of(self):
            for stage in cell.growth_stages:
                smaller: list[Linear] = []
                for size in cell.sizes:
                    before = cell.totals[stage - 1] + sum(smaller)
                    enough = self.ratio.numerator * before >= self.ratio.denominator * size
                    for literals, unit in cell.units():
                        if size > self.floor(unit):
                            guest.add(self, enough, cell.is_used(size, stage), *literals)
                    smaller.append(size * cell.count(size, stage))

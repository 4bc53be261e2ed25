"""Headroom: pages that stay free on every host node."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, PlainSerializer, model_validator

from slotsolver.policies import Number, Policy, Scope
from slotsolver.size import MiB, Size, format_size

if TYPE_CHECKING:
    from slotsolver.model import HostModel
    from slotsolver.problem import Pool


def _fraction(value: Any) -> Fraction:
    try:
        text = str(value).strip()
        fraction = Fraction(text[:-1]) / 100 if text.endswith("%") else Fraction(text)
    except (ValueError, ZeroDivisionError):
        raise ValueError(f"{value!r} is not a fraction; write 1/10, 0.1 or 10%") from None
    if not 0 <= fraction <= 1:
        raise ValueError(f"fraction {value} must lie between 0 and 1")
    return fraction


Part = Annotated[Fraction, BeforeValidator(_fraction), PlainSerializer(str, return_type=str)]


class Headroom(Policy):
    """On every host node `pages`, a `fraction` of the pool, or `size` bytes stay free in the pool
    of `page_size` (without it: in every pool)."""

    kind: Literal["headroom"] = "headroom"
    page_size: Size | None = None
    pages: int | None = Field(default=None, ge=0)
    fraction: Part | None = None
    size: Size | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(v is not None for v in (self.pages, self.fraction, self.size)) != 1:
            raise ValueError("headroom takes one of pages, fraction or size")
        if self.guests is not None or self.cells is not None:
            raise ValueError("headroom is about the host; it takes no guests and no cells")
        return self

    def numbers(self, scope: Scope) -> tuple[Number, ...]:  # noqa: ARG002 - pages of the host
        """Less of it: pages, MiB, or whole hundredths."""
        if self.pages is not None:
            return (Number("pages", range(self.pages - 1, -1, -1)),)
        if self.size is not None:
            return (Number("size", range((self.size - 1) // MiB * MiB, 0, -MiB)),)
        part = self.fraction or Fraction(0)
        hundredths = range(-(-part.numerator * 100 // part.denominator) - 1, -1, -1)
        return (Number("fraction", tuple(Fraction(n, 100) for n in hundredths)),)

    def describe(self) -> str:
        """State the rule."""
        pool = f"{format_size(self.page_size)} pool" if self.page_size else "pool"
        if self.pages is not None:
            return f"{self.pages} pages of every node's {pool} stay free"
        if self.fraction is not None:
            return f"{self.fraction} of every node's {pool} stays free"
        return f"{format_size(self.size or 0)} of every node's {pool} stay free"

    def kept(self, pool: Pool) -> int:
        """Pages of this pool that stay free."""
        if self.page_size is not None and pool.page_size != self.page_size:
            return 0
        if self.pages is not None:
            return self.pages
        if self.fraction is not None:
            return -(-pool.total * self.fraction.numerator // self.fraction.denominator)
        return -(-(self.size or 0) // pool.page_size)

    def apply_host(self, host: HostModel) -> None:
        """Take the kept pages off each pool's capacity."""
        for pool in host.pools:
            host.limit_pool(self, pool, pool.free - self.kept(pool.pool))

"""Ranges of values, and units of bare numbers, as an axis is written with them."""

# Annotations are no text here, as in `plan.py`: pydantic would have to compile each of them.
from collections.abc import Iterator
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, model_validator

from slotsolver.fields import Seldom
from slotsolver.size import format_size, parse_size, unit_bytes
from slotsolver.study.definition import MOST_CHOICES


def _unit(value: Any) -> Any:
    if isinstance(value, str) and value and unit_bytes(value) is None:
        raise ValueError(f"{value!r} is no unit; known are B, KiB, MiB, GiB, TiB, PiB")
    return value


Unit = Annotated[str, BeforeValidator(_unit)]
"""The unit of a column's bare numbers, such as ``GiB``; empty: they have none."""


class Range(Seldom):
    """Values from one to another, in equal steps (``by``) or each so many ``times`` the last:
    numbers, sizes with a unit or percents."""

    from_: int | str = Field(alias="from")
    to: int | str
    by: int | str | None = None
    times: int | None = Field(default=None, ge=2)

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.by is None) == (self.times is None):
            raise ValueError("a range goes `by` a step or so many `times`; give one of them")
        ends = [end for end in (self.from_, self.to, self.by) if end is not None]
        if len({_sort(end) for end in ends}) > 1:
            raise ValueError(
                "from, to and by are all numbers, all sizes with a unit, or all percents"
            )
        at, by = _number(self.from_), _number(self.by or 0)
        if at < 0 or (by <= 0 if self.times is None else at == 0):
            raise ValueError(
                "a range goes up: from 0 or more, by more than 0; times from more than 0"
            )
        return self

    def values(self) -> Iterator[int | str]:
        """The values, the last one at most ``to``; sizes and percents as text."""
        at, to, by = (_number(end) for end in (self.from_, self.to, self.by or 0))
        for _ in range(MOST_CHOICES + 1):
            if at > to:
                break
            yield _written(at, _sort(self.from_))
            at = at * self.times if self.times else at + by


def _sort(end: int | str) -> str:
    if isinstance(end, str):
        return "percent" if end.rstrip().endswith("%") else "size"
    return "number"


def _written(at: int, sort: str) -> int | str:
    return format_size(at) if sort == "size" else f"{at}%" if sort == "percent" else at


def _number(end: int | str) -> int:
    if not isinstance(end, str):
        return end
    if _sort(end) == "size":
        return parse_size(end)
    number = end.rstrip()[:-1].strip()
    if not (number.isascii() and number.isdecimal() and len(number) < 4):
        raise ValueError(f"{end!r} is no whole number of percents, such as 85%")
    return int(number)

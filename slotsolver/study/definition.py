"""A study as data: a base problem, axes, and the questions asked of each scenario.

An axis is a list of choices; each choice sets one or more fields of the problem. All of it is plain
data that travels with the results, so that any scenario can be made again from them alone.
"""

# Annotations are no text here, as in `plan.py`: pydantic would have to compile each of them.
import json
import math
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from slotsolver.fields import Remembering, Seldom
from slotsolver.size import Size
from slotsolver.study.columns import is_taken
from slotsolver.study.paths import parts_of

MOST_CHOICES = 1_000_000
"""Choices of one axis; all of them are held in memory."""
MOST_SCENARIOS = 100_000_000
"""Scenarios of a study."""
MOST_POINTS = 1 << 62
"""Combinations that a sample is drawn from: their numbers are 64-bit integers in the results."""

Combine = Literal["product", "zip", "sample"]


class PlanQuestion(Seldom):
    """Is there a plan, and what are its figures?"""

    kind: Literal["plan"] = "plan"


class FitsQuestion(Seldom):
    """How many such guests fit on the host, each with its promised growth, and what stops the next
    one?"""

    kind: Literal["fits"] = "fits"


class StepQuestion(Seldom):
    """How fine can steps get, within so many ``slots`` (without: as many as there may be)?"""

    kind: Literal["finest-step"] = "finest-step"
    slots: int | None = Field(default=None, ge=1)


class SlotsQuestion(Seldom):
    """How few slots will do, where no DIMM is larger than ``step`` (without: of any size)?"""

    kind: Literal["fewest-slots"] = "fewest-slots"
    step: Size | None = None


class PoolsQuestion(Seldom):
    """How few free pages of this size on every node will do?"""

    kind: Literal["smallest-pools"] = "smallest-pools"
    page_size: Size


Question = Annotated[
    Annotated[
        PlanQuestion | FitsQuestion | StepQuestion | SlotsQuestion | PoolsQuestion,
        Field(discriminator="kind"),
    ],
    BeforeValidator(
        lambda value: {"kind": value} if isinstance(value, str) else value,
        json_schema_input_type=str | dict[str, Any],
    ),
]
"""One question; its bare kind stands for one without fields."""


class Axis(Seldom):
    """Choices of which each scenario has one. Choice n sets every field of ``sets`` to the n-th of
    its values; ``labels`` are what the results call the choices (``None``: their only value)."""

    name: str = Field(min_length=1, max_length=255)
    sets: dict[str, tuple[Any, ...]] = Field(min_length=1)
    labels: tuple[str, ...] | None = None

    @model_validator(mode="after")
    def _even(self) -> Self:
        lengths = {len(values) for values in self.sets.values()}
        if self.labels is not None:
            lengths.add(len(self.labels))
        if len(lengths) != 1:
            raise ValueError(f"axis {self.name}: its columns differ in length")
        (length,) = lengths
        if not 1 <= length <= MOST_CHOICES:
            raise ValueError(f"axis {self.name} has {length} choices; 1 to {MOST_CHOICES:,} go")
        if self.labels is None and len(self.sets) > 1:
            raise ValueError(f"axis {self.name} sets several fields; its choices need labels")
        if self.labels is not None and len(set(self.labels)) < length:
            twice = Counter(self.labels).most_common(1)[0][0]
            raise ValueError(f"axis {self.name} calls two choices {twice!r}")
        return self

    @model_validator(mode="after")
    def _written(self) -> Self:
        for name in self.columns:
            if "\0" in name:
                raise ValueError(f"{name!r} has a NUL character, which no column's name can have")
        return self

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of its columns in the results, if each of its values goes into one cell."""
        own = () if self.labels is None else tuple(f"{self.name}.{field}" for field in self.sets)
        return (self.name, *own)

    def __len__(self) -> int:
        return len(next(iter(self.sets.values())))


def _differ(what: str, names: Sequence[str], key: Callable[[str], str]) -> None:
    """Raises ``ValueError`` where two names are the same by their keys."""
    seen: dict[str, str] = {}
    for name in names:
        before = seen.get(key(name))
        if before is not None:
            also = "" if before == name else f" (also written {before!r})"
            raise ValueError(f"{what} {name!r}{also}")
        seen[key(name)] = name


class Definition(Remembering):
    """A study. ``problem`` is the base, as its file would have it with every file in it read in;
    sizes may be text with a unit or bytes.

    ``effort`` bounds the search for each answer (CP-SAT's deterministic seconds, the same on every
    machine). ``reasons`` is how much is found out where there is no plan. ``times``: whether rows
    say how long their answers took, the only column that is not the same in every run.
    ``bare_sizes``: whether a number may stand for a size, in bytes; in YAML it may not, there a
    size needs its unit.
    """

    name: str = Field(default="study", min_length=1, max_length=255)
    problem: dict[str, Any]
    axes: tuple[Axis, ...] = Field(default=(), max_length=32)
    combine: Combine = "product"
    count: int | None = Field(default=None, ge=1, le=MOST_SCENARIOS)
    seed: int = 0
    questions: tuple[Question, ...] = Field(default=(PlanQuestion(),), min_length=1, max_length=16)
    effort: float = Field(default=2.0, gt=0, le=3600)
    reasons: Literal["none", "conflict", "remedies"] = "remedies"
    times: bool = True
    bare_sizes: bool = True

    @model_validator(mode="after")
    def _whole(self) -> Self:
        names = [axis.name for axis in self.axes]
        fields = [field for axis in self.axes for field in axis.sets]
        columns = [name for axis in self.axes for name in axis.columns]
        _differ("two axes are called", names, key=str.lower)  # as columns they would be one
        _differ("two axes have the column", columns, key=str.lower)
        _differ("two axes set the field", fields, key=lambda f: ".".join(parts_of(f)))
        for name in filter(is_taken, names):
            raise ValueError(f"an axis cannot be called {name!r}, as a column of the answers is")
        kinds = [question.kind for question in self.questions]
        if len(set(kinds)) < len(kinds):
            raise ValueError("the same question is asked twice; ask it in a study of its own")
        if self.combine == "zip" and len({len(axis) for axis in self.axes}) > 1:
            lengths = ", ".join(f"{axis.name} {len(axis)}" for axis in self.axes)
            raise ValueError(f"zipped axes must be equally long, not {lengths}")
        if (self.combine == "sample") != (self.count is not None):
            raise ValueError("`count` says how many scenarios a sample has; give it with `sample`")
        if self.points > MOST_POINTS:
            raise ValueError(f"the axes have more than {MOST_POINTS} combinations")
        if len(self) > MOST_SCENARIOS:
            raise ValueError(
                f"{len(self):,} scenarios are more than {MOST_SCENARIOS:,}; sample them "
                f"(combine: sample, count: 10000)"
            )
        return self

    @property
    def context(self) -> dict[str, Any]:
        """The pydantic context in which problems are read."""
        return {} if self.bare_sizes else {"units": "required"}

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """How many choices each axis has; zipped axes count as one."""
        if self.combine == "zip":
            return (len(self.axes[0]),) if self.axes else ()
        return tuple(len(axis) for axis in self.axes)

    @property
    def points(self) -> int:
        """How many combinations there are."""
        return math.prod(self.sizes)

    def __len__(self) -> int:
        """How many scenarios."""
        return self.points if self.count is None else min(self.count, self.points)

    @cached_property
    def strides(self) -> tuple[tuple[int, int], ...]:
        """For every axis by how many combinations a choice is apart from the next one, and how many
        choices it has; the last axis changes fastest, zipped axes all change with every one."""
        found, stride = [], 1
        for axis in reversed(self.axes):
            found.append((stride, len(axis)))
            if self.combine != "zip":
                stride *= len(axis)
        return tuple(reversed(found))

    def choices(self, point: int) -> tuple[int, ...]:
        """The choice of every axis at a combination."""
        return tuple([point // stride % size for stride, size in self.strides])

    def text(self) -> str:
        """The definition as JSON: the same text for the same study."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))

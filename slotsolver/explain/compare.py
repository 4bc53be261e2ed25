"""The best values of two problems with the same objectives, one beside the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from slotsolver.errors import InputError
from slotsolver.plan import Effect, ObjectiveValue
from slotsolver.problem import Problem
from slotsolver.size import format_size

Values = tuple[ObjectiveValue, ...]
Verdict = Literal["better", "worse", "same", "open"]
Ask = Callable[[Problem], "Values | bool"]
"""The best values of a problem; ``False`` if it has no plan, ``True`` where none was found."""


@dataclass(frozen=True)
class Comparison:
    """How other values are against those of the plan, and where they differ."""

    verdict: Verdict
    effects: tuple[Effect, ...] = ()


def compare(plan: Sequence[ObjectiveValue], other: Sequence[ObjectiveValue]) -> Comparison:
    """Compare lexicographically. A difference counts where it is proven in its direction; what
    comes after the first difference tells what else changes."""
    effects = tuple(
        Effect(
            kind=mine.kind,
            value=mine.value,
            then=its.value,
            unit=mine.unit,
            proven=_proven(mine) and _proven(its),
        )
        for mine, its in zip(plan, other, strict=False)
        if mine.value != its.value
    )
    for mine, its in zip(plan, other, strict=False):
        if its.value < mine.value:
            return Comparison("better" if _proven(mine) else "open", effects)
        if its.value > mine.value:
            return Comparison("worse" if its.bound > mine.value else "open", effects)
        if not (_proven(mine) and _proven(its)):
            return Comparison("open", effects)
    return Comparison("same")


def _proven(value: ObjectiveValue) -> bool:
    return value.value == value.bound


def effect_text(effect: Effect) -> str:
    """``fewest-slots 8 instead of 16 slots``, ``finest-step 1 GiB instead of 2 GiB``."""
    if effect.unit == "bytes":
        then, value = format_size(effect.then), format_size(effect.value)
    else:
        unit = effect.unit.removesuffix("s") if effect.value == 1 else effect.unit
        then, value = str(effect.then), f"{effect.value} {unit}".strip()
    return f"{effect.kind} {then} instead of {value}"


class Bests:
    """The best values of changed problems, each asked for once, within limits."""

    def __init__(self, ask: Ask, out_of_time: Callable[[], bool]) -> None:
        self._ask = ask
        self._out_of_time = out_of_time
        self._known: dict[str, Values | bool] = {}
        self.refused = False
        """Whether a question stayed open because no time was left for it."""

    @property
    def exhausted(self) -> bool:
        """Whether no time is left for further questions."""
        return self._out_of_time()

    def of(self, problem: Problem) -> Values | bool:
        """The best values; ``False`` for none, ``True`` where that stays open. What the problem
        says may contradict itself; that is no answer either."""
        key = problem.model_dump_json()
        if key not in self._known:
            if self.exhausted:
                self.refused = True
                return True
            try:
                self._known[key] = self._ask(problem)
            except InputError:
                self._known[key] = True
        return self._known[key]

    def compare(self, plan: Values, problem: Problem) -> Comparison | None:
        """The best values of a problem against those of the plan; ``None`` if it has no plan."""
        found = self.of(problem)
        if found is False:
            return None
        return Comparison("open") if found is True else compare(plan, found)

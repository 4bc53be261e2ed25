"""A number that a person can change: the values that it may have instead."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from slotsolver.explain.change import Change
from slotsolver.problem import Problem


@dataclass(frozen=True)
class Lever:
    """What a person can change of a problem, and to what.

    ``values`` go from the one that changes least to the one that asks least; ``nested`` says that
    each permits all that those before it permit. ``apply`` makes the problem with a value, ``to``
    and ``says`` tell of one. ``weight`` is what a change of it costs, compared with others.

    Where a value also takes something away, ``loose`` is what is nested instead: it permits all
    that ``apply`` permits.
    """

    change: str
    from_: str
    values: Sequence[Any]
    apply: Callable[[Problem, Any], Problem]
    to: Callable[[Any], str]
    says: Callable[[Any], str]
    weight: int
    nested: bool = True
    any_of: Callable[[Any, Any], Change] | None = None
    """A problem that permits whatever any value between two of them permits."""
    command: Callable[[Any], str] = lambda _: ""
    amount: Callable[[Any], int] = lambda _: 0
    """How much a value is (bytes), to tell less of the same kind first."""
    loose: Callable[[Problem, Any], Problem] | None = None

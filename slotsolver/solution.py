"""A solution: layouts of all guests, what the objectives come to, and whether that is proven."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from slotsolver.layout import GuestLayout
from slotsolver.plan import ObjectiveValue


@dataclass(frozen=True)
class Solution:
    """Layouts with the values of the objectives; ``proven`` if every one is optimal."""

    layouts: tuple[GuestLayout, ...]
    values: tuple[ObjectiveValue, ...]
    proven: bool


class NoSolution(Enum):
    """Why there is none: it is proven that none exists, or the search ended before that."""

    PROVEN = "proven"
    OPEN = "open"

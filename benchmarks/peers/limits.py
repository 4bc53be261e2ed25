"""How far a peer may search before it is said to have no answer."""

from __future__ import annotations

from math import inf
from time import perf_counter

from benchmarks.peers import OverLimitError

EVERY = 256
"""Steps between two looks at the clock."""


class Budget:
    """Seconds and steps that a search may take; every step of it has to be told."""

    def __init__(self, seconds: float = inf, *, steps: float = inf) -> None:
        self._taken = 0
        self._steps = steps
        self._until = perf_counter() + seconds

    def spend(self) -> None:
        """One step; raises :class:`OverLimitError` when there are none left or the time is over."""
        self._taken += 1
        late = self._taken % EVERY == 0 and perf_counter() > self._until
        if late or self._taken > self._steps:
            raise OverLimitError

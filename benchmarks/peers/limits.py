"""How long a peer may search before it is said to have no answer."""

from __future__ import annotations

from time import perf_counter

from benchmarks.peers import OverLimitError

EVERY = 256
"""Steps between two looks at the clock."""


class Budget:
    """Seconds that a search may take; every step of it has to be told."""

    def __init__(self, seconds: float) -> None:
        self._steps = 0
        self._until = perf_counter() + seconds

    def spend(self) -> None:
        """One step; raises :class:`OverLimitError` when the time is over."""
        self._steps += 1
        if self._steps % EVERY == 0 and perf_counter() > self._until:
            raise OverLimitError

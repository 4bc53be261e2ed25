"""How much time a search may take, and the solver for what is left of it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ortools.sat.python import cp_model

DETERMINISTIC_LIMIT = 30.0
"""Without a time limit the search stops after this much of CP-SAT's deterministic time, which is
the same on every machine (about seconds on a fast one)."""


EXTENSION, EXTENSIONS = 3.0, 5
"""Deterministic time for another search, and how often, where all of it went into a solution whose
DIMMs find no places."""


@dataclass
class Clock:
    """How much time the search may still take, and has taken."""

    limit: float | None
    started: float = field(default_factory=time.monotonic)
    deterministic: float = 0.0
    allowed: float = DETERMINISTIC_LIMIT
    extended: int = 0

    @property
    def wall(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.started

    @property
    def spent(self) -> bool:
        """Whether no time is left."""
        if self.limit is not None:
            return self.wall >= self.limit
        return self.deterministic >= self.allowed

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """What is done meanwhile takes none of the time."""
        before = time.monotonic()
        try:
            yield
        finally:
            self.started += time.monotonic() - before

    def extend(self) -> bool:
        """A little more time, if none was set and none is left; a few times only."""
        if self.limit is not None or self.extended >= EXTENSIONS:
            return False
        self.extended += 1
        self.allowed = max(self.allowed, self.deterministic) + EXTENSION
        return True

    def solver(self, *, presolve: bool = True, limit: float | None = None) -> cp_model.CpSolver:
        """A solver for the time that is left, or for ``limit`` of deterministic time if that is
        less: one worker and a fixed seed make it reproducible."""
        from ortools.sat.python import cp_model  # a clock that runs for no search needs none

        solver = cp_model.CpSolver()
        parameters = solver.parameters
        parameters.num_workers = 1
        parameters.random_seed = 0
        parameters.cp_model_probing_level = 0
        parameters.symmetry_level = 0
        parameters.cp_model_presolve = presolve
        parameters.catch_sigint_signal = False  # an interrupt ends the program, not this search
        left = [] if limit is None else [limit]
        if self.limit is not None:
            parameters.max_time_in_seconds = max(0.001, self.limit - self.wall)
        else:
            left.append(max(1e-3, self.allowed - self.deterministic))
        if left:
            parameters.max_deterministic_time = min(left)
        return solver

"""Asking whether changed problems have plans: within limits, each question once."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from slotsolver.errors import InputError
from slotsolver.explain.change import Change, changed
from slotsolver.problem import Problem

Feasible = Callable[[Problem], bool | None]
"""Whether a problem has a plan; ``None`` where that stays open."""


class Questions:
    """Whether problems have plans, and what may still be asked.

    Once ``out_of_time`` says so, every new question stays open.
    """

    def __init__(self, feasible: Feasible, out_of_time: Callable[[], bool]) -> None:
        self._feasible = feasible
        self._out_of_time = out_of_time
        self._answers: dict[str, bool | None] = {}
        self._senseless: set[str] = set()
        self.asked = 0

    @property
    def exhausted(self) -> bool:
        """Whether no time is left for further questions."""
        return self._out_of_time()

    def ask(self, problem: Problem, changes: Iterable[Change] = ()) -> bool | None:
        """Whether the problem with these changes has a plan; a problem that contradicts itself
        in its input has none, but that is no answer about the rules: ``None``."""
        problem = changed(problem, list(changes))
        key = problem.model_dump_json()
        if key not in self._answers:
            if self.exhausted:
                return None
            self.asked += 1
            try:
                self._answers[key] = self._feasible(problem)
            except InputError:
                self._answers[key] = None
                self._senseless.add(key)
        return self._answers[key]

    def is_senseless(self, problem: Problem) -> bool:
        """Whether the problem was asked about and found to contradict itself in its input."""
        return problem.model_dump_json() in self._senseless

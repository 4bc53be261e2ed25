"""A sign of life while a call takes long, and an interrupt that is heard at once.

The call runs in a thread of its own: CP-SAT gives the interpreter free while it searches, so the
main thread can draw, and can end the program when it is interrupted.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

PATIENCE = 2.0
"""Seconds before anything is shown."""

Result = TypeVar("Result")


class _Job(threading.Thread, Generic[Result]):
    """A call in a thread that does not keep the program alive; keeps its result or its error."""

    def __init__(self, call: Callable[[], Result]) -> None:
        super().__init__(daemon=True)
        self.call = call
        self.results: list[Result] = []
        self.error: BaseException | None = None

    def run(self) -> None:
        """Make the call."""
        try:
            self.results.append(self.call())
        except BaseException as error:
            self.error = error


def patiently(call: Callable[[], Result], says: str) -> Result:
    """The result of ``call``, or its exception.

    From the third second on ``says`` is shown on standard error, if that is a terminal.
    """
    job = _Job(call)
    job.start()
    job.join(PATIENCE)
    if job.is_alive() and sys.stderr is not None and sys.stderr.isatty():
        from rich.console import Console

        with Console(stderr=True).status(says):
            job.join()
    job.join()
    if job.error is not None:
        raise job.error
    return job.results[0]

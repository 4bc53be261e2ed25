"""A sign of life while a call takes long, and an interrupt that is heard at once.

The call runs in a thread of its own: CP-SAT gives the interpreter free while it searches, so the
main thread can draw, and can end the program when it is interrupted.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from slotsolver.explain.explain import Told
    from slotsolver.explain.why_not import Step

PATIENCE, TICK = 2.0, 0.1
"""Seconds before anything is shown, and between two looks."""

Result = TypeVar("Result")
Seen = TypeVar("Seen", bound="Step | Told")


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


class Progress(Generic[Seen]):
    """How far a call has come: it tells ``see``, step by step. ``says`` is what it is then at."""

    def __init__(self, says: str = "looking for what would help") -> None:
        self.says = says
        self.last: Seen | None = None

    def see(self, step: Seen) -> None:
        """Keep the last step."""
        self.last = step


def abandoned() -> bool:
    """Whether a call goes on that nobody waits for any more, because of an interrupt."""
    return any(isinstance(thread, _Job) for thread in threading.enumerate())


def patiently(
    call: Callable[[], Result], says: str, progress: Progress[Any] | None = None
) -> Result:
    """The result of ``call``, or its exception.

    From the third second on ``says`` is shown on standard error, if that is a terminal, and once
    ``progress`` has seen a step, how far the search for what would help has come.
    """
    job = _Job(call)
    job.start()
    job.join(PATIENCE)
    if job.is_alive() and sys.stderr is not None and sys.stderr.isatty():
        _show(job, says, progress or Progress())
    job.join()
    if job.error is not None:
        raise job.error
    return job.results[0]


def _show(job: _Job[Result], says: str, progress: Progress[Any]) -> None:
    """Draw until the job is done: a pulse, then a bar."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TextColumn
    from rich.progress import Progress as Bars

    columns = (SpinnerColumn(), TextColumn("{task.description}"))
    console = Console(stderr=True)
    with Bars(*columns, console=console, transient=True) as bars:
        bars.add_task(says, total=None)
        while job.is_alive() and progress.last is None:
            job.join(TICK)
    hint = TextColumn("Ctrl-C shows what is known")
    more = (BarColumn(), MofNCompleteColumn(), hint)
    with Bars(*columns, *more, console=console, transient=True) as bars:
        task = bars.add_task(progress.says)
        while job.is_alive() and progress.last is not None:
            bars.update(task, completed=progress.last.done, total=progress.last.total)
            job.join(TICK)

"""What a worker does: answer a chunk of problems. Everything that a worker imports is here."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Sequence
from multiprocessing import connection, parent_process

from slotsolver.problem import Problem
from slotsolver.study.answers import Asking, Columns, answered
from slotsolver.version import VERSION, ortools_version

Task = tuple[str, Problem]
"""The key of a normal form, and the problem to be answered for it."""
Done = tuple[str, Columns, float]
"""The key, the columns of the answer, and the seconds that it took."""


def answer_all(asking: Asking, tasks: Sequence[Task]) -> list[Done]:
    """Answer one problem after the other."""
    return [(key, *answered(asking, problem)) for key, problem in tasks]


def versions() -> tuple[str, str]:
    """What answers here."""
    return VERSION, ortools_version()


def begin() -> None:
    """Start of a worker process: Ctrl-C is for its parent to hear, and with its parent it ends,
    however that ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    connection.wait([sentinel])
    os._exit(1)

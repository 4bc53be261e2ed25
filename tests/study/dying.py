"""The program, killed at a certain moment: ``dying.py CALL before|after N ARGUMENTS…``."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

CALLS = {
    "scenarios": ("store", "Store.add_scenarios"),
    "answers": ("store", "Store.add_answers"),
    "write": ("run", "write_table"),
    "settle": ("table", "settle"),
    "remove": ("run", "remove"),
}
"""Calls by their short names: the module of ``slotsolver.study`` and the name in it."""


def die_at(call: str, when: str, count: int) -> None:
    """Have this process killed before or after so many calls."""
    import importlib

    module, name = CALLS[call]
    holder: Any = importlib.import_module(f"slotsolver.study.{module}")
    *outer, last = name.split(".")
    for part in outer:
        holder = getattr(holder, part)
    setattr(holder, last, _deadly(getattr(holder, last), when, count))


def _deadly(function: Callable[..., Any], when: str, count: int) -> Callable[..., Any]:
    calls = 0

    def called(*args: Any) -> Any:
        nonlocal calls
        calls += 1
        if when == "before" and calls == count:
            os.kill(os.getpid(), signal.SIGKILL)
        found = function(*args)
        if when == "after" and calls == count:
            os.kill(os.getpid(), signal.SIGKILL)
        return found

    return called


if __name__ == "__main__":
    from slotsolver.cli import main

    die_at(sys.argv[1], sys.argv[2], int(sys.argv[3]))
    sys.exit(main(sys.argv[4:]))

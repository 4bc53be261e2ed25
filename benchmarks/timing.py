"""Clocks, quantiles, the empty CP-SAT call, a progress bar, and what the machine is."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import version
from pathlib import Path
from time import perf_counter
from typing import TypeVar

from ortools.sat.python import cp_model
from rich.console import Console
from rich.progress import track

T = TypeVar("T")
ROOT = Path(__file__).parent.parent


def seconds(work: Callable[[], object]) -> float:
    """Wall time of one call."""
    started = perf_counter()
    work()
    return perf_counter() - started


def empty_call() -> None:
    """Build and solve a model of two variables, with one worker."""
    model = cp_model.CpModel()
    x, y = model.new_int_var(0, 9, ""), model.new_int_var(0, 9, "")
    model.add(x + y == 9)
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.solve(model)


def quantile(values: Sequence[float], share: float) -> float:
    """The least of the values that at least ``share`` of them do not exceed (nearest rank).

    Of fewer than 100 values the 99th percentile is the largest one."""
    ordered = sorted(values)
    rank = -int(-share * len(ordered) // 1)  # rounded up
    return ordered[max(rank, 1) - 1]


def progress(items: Iterable[T], label: str, total: int | None = None) -> Iterable[T]:
    """The items one after the other, with a bar on a terminal (stderr), gone when done."""
    return track(items, label, total=total, console=Console(stderr=True), transient=True)


def milliseconds(value: float) -> str:
    """Seconds as milliseconds with three digits that count."""
    shown = value * 1000
    digits = 0 if shown >= 100 else 1 if shown >= 10 else 2
    return f"{shown:.{digits}f}"


def counted(number: int, what: str) -> str:
    """``1 cell``, ``2 cells``."""
    return f"{number} {what}{'s' * (number != 1)}"


def machine() -> dict[str, object]:
    """Where and with what it was measured."""
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
        "system": platform.platform(),
        "python": platform.python_version(),
        "ortools": version("ortools"),
        "pydantic": version("pydantic"),
        "slotsolver": f"{version('slotsolver')}, {_revision()}",
    }


def _cpu() -> str:
    """The model of the CPU, as Linux names it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((x.split(":", 1)[1].strip() for x in lines if x.startswith("model name")), "")


def _revision() -> str:
    """The commit measured, with a plus where files differ from it."""
    try:
        head = _git("rev-parse", "--short", "HEAD")
        changed = _git("status", "--porcelain", "slotsolver")
    except OSError:
        return "revision unknown"
    return f"revision {head or 'unknown'}{'+' if changed else ''}"


def _git(*arguments: str) -> str:
    """What git says of the project."""
    command = ["git", "-C", str(ROOT), *arguments]
    done = subprocess.run(command, capture_output=True, text=True)  # noqa: S603 - fixed arguments
    return done.stdout.strip()

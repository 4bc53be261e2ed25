"""From the shell to the answer: wall time of new processes, and which large modules they import."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, sleep

from benchmarks.report import Table
from benchmarks.timing import ROOT, milliseconds, progress

HEAVY = ("ortools.sat", "pandas", "numpy", "lxml", "yaml", "rich", "pydantic")
"""Large modules that a command may do without."""
SCRIPT = str(Path(sys.executable).with_name("slotsolver"))
DEMO = "examples/thread-2014/problem.yaml"
CALLS: dict[str, tuple[tuple[str, ...], str]] = {
    "python -c pass": (("-c", "pass"), ""),
    "python -c 'import slotsolver'": (("-c", "import slotsolver"), ""),
    "slotsolver --help": ((SCRIPT, "--help"), "below 150 ms"),
    "slotsolver plan of the demo": ((SCRIPT, "plan", DEMO), "below 1000 ms"),
}
"""What is called, with which arguments of Python, and the goal."""
RUNS, QUICK_RUNS = 10, 3
PLAIN = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
"""The environment of the processes, in which they may keep what they compile."""
CACHES = Path("/proc/sys/vm/drop_caches")


def run(quick: bool) -> Table:
    """Start each command several times; once with nothing in the page cache, where permitted."""
    with TemporaryDirectory() as compiled:
        return _run(quick, {**PLAIN, "PYTHONPYCACHEPREFIX": compiled})


def _run(quick: bool, environment: Mapping[str, str]) -> Table:
    start = partial(timed, environment)
    rows: list[tuple[object, ...]] = []
    raw: dict[str, object] = {}
    for name, (arguments, goal) in progress(CALLS.items(), "start-up"):
        start(arguments)  # compiles
        times = [start(arguments) for _ in range(QUICK_RUNS if quick else RUNS)]
        cold = start(arguments) if drop_caches() else None
        modules = imported(environment, arguments)
        heavy = [name for name in HEAVY if name in modules]
        found = {"seconds": times, "cold": cold, "heavy": heavy, "modules": len(modules)}
        rows.append(
            (
                name,
                milliseconds(statistics.median(times)),
                milliseconds(max(times)),
                "-" if cold is None else milliseconds(cold),
                goal,
                len(modules),
                ", ".join(heavy) or "none",
            )
        )
        raw[name] = found
    return Table(
        "Start-up",
        ("command", "median ms", "worst ms", "cold ms", "goal", "modules", "large ones imported"),
        tuple(rows),
        raw,
        (
            "a new process each time, its modules compiled before, as pip does at installation; "
            "its files are in the page cache, but for the cold one",
            "cold: once, after /proc/sys/vm/drop_caches; a dash where that is not permitted",
        ),
    )


def timed(environment: Mapping[str, str], arguments: Sequence[str]) -> float:
    """Wall time of one new Python process."""
    started = perf_counter()
    call(environment, arguments)
    return perf_counter() - started


def call(environment: Mapping[str, str], arguments: Sequence[str]) -> str:
    """Run Python with these arguments; what it writes to stderr. Raises
    ``subprocess.CalledProcessError`` if it fails."""
    command = [sys.executable, *arguments]
    done = subprocess.run(  # noqa: S603 - this Python, with arguments of ours
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    return done.stderr


def imported(environment: Mapping[str, str], arguments: Sequence[str]) -> set[str]:
    """Names of all modules that the process imports (``-X importtime`` lists them on stderr)."""
    lines = call(environment, ("-X", "importtime", *arguments)).splitlines()
    return {x.rsplit("|", 1)[1].strip() for x in lines if x.startswith("import time:")}


def drop_caches() -> bool:
    """Empty the page cache; whether that was permitted."""
    try:
        os.sync()
        CACHES.write_text("3\n")
    except OSError:
        return False
    sleep(0.1)
    return True

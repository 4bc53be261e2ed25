"""Studies whose scenarios take a moment each, and rules by which some of them go wrong."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Executor, Future
from contextlib import suppress
from pathlib import Path
from typing import Any

import duckdb
import psutil
import yaml

from slotsolver.study.definition import Definition
from slotsolver.study.reading import read_study
from tests.own_rules import CHECKS, POLICIES, Site

Rows = list[dict[str, Any]]
PATIENCE = 60.0
"""Seconds after which something that has to happen is given up; it happens in a few at most."""

NODES = [
    {"id": node, "cpus": f"{8 * node}-{8 * node + 7}", "memory": "64 GiB", "free": "60 GiB"}
    for node in (0, 1)
]
PROBLEM = {
    "host": {"nodes": NODES},
    "guests": [
        {
            "name": "db",
            "cells": [{"cpus": "0-1"}, {"cpus": "2-3"}],
            "target": "8 GiB",
            "maximum": "32 GiB",
        }
    ],
    "policies": [{"kind": "step", "size": "4 GiB"}],
}
USUAL = {
    "name": "usual",
    "problem": PROBLEM,
    "axes": [
        {"field": "cells", "values": [1, 2, 4]},
        {"field": "target", "values": ["4 GiB", "6 GiB", "9 GiB", "12 GiB", "20 GiB"]},
        {"field": "maximum", "values": ["16 GiB", "24 GiB", "48 GiB"]},
        {"field": "slots", "values": [4, 8, 32]},
        {"name": "free", "field": "host.nodes.0.free", "values": ["8 GiB", "60 GiB", "61 GiB"]},
    ],
    "reasons": "none",
    "times": False,
}
"""405 scenarios; of 16 GiB at most and 20 GiB now none is a problem, of 48 GiB in steps of 4 GiB
many are infeasible, and what is free beyond 60 GiB makes no difference to most."""

FATES = '''
import os, signal, sys, time
from typing import Literal

from slotsolver.policies import Policy


class Fate(Policy):
    """What becomes of who asks."""

    kind: Literal["fate"] = "fate"
    does: str
    gate: str = ""

    def describe(self):
        return f"it {self.does}"

    def restrict(self, facts):
        if self.does == "raises":
            raise ValueError("no such luck")
        if self.does == "exits":
            os._exit(7)
        if self.does == "is killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.does == "leaves":
            sys.exit(3)
        while self.does == "waits" and os.path.exists(self.gate):
            time.sleep(0.02)


def check(policy, plan):
    return iter(())
'''


def install_fates(site: Site) -> None:
    """The policy ``fate`` as another distribution brings it."""
    groups = {POLICIES: {"fate": "fates:Fate"}, CHECKS: {"fate": "fates:check"}}
    site.install("fates", groups, FATES)


def fateful(fates: dict[int, dict[str, str]], count: int = 40) -> dict[str, Any]:
    """A study of so many scenarios, some of which (by number) meet a fate."""
    sets = {}
    for number in range(count):
        sets[f"s{number}"] = {"target": f"{8 * 1024 + 128 * (number // 2)} MiB"}
        if number in fates:
            sets[f"s{number}"]["policies.fate"] = fates[number]  # type: ignore[assignment]
    axes = [{"name": "which", "sets": sets}]
    return {**USUAL, "name": "fateful", "axes": axes}


def written(study: dict[str, Any], path: Path) -> Path:
    """The study as a file."""
    path.write_text(yaml.safe_dump(study, sort_keys=False), encoding="utf-8")
    return path


def definition(study: dict[str, Any], folder: Path) -> Definition:
    """The study as the program reads it."""
    return read_study(str(written(study, folder / "study.yaml")))


def rows(results: Path) -> Rows:
    """The table, row by row."""
    found = duckdb.sql("SELECT * FROM read_parquet($1)", params=[str(results)])
    return [dict(zip(found.columns, row, strict=True)) for row in found.fetchall()]


def statuses(results: Path) -> Counter[str]:
    """How many rows have each status."""
    return Counter(row["status"] for row in rows(results))


def different(results: Path) -> int:
    """How many different problems were solved for a table."""
    select = "SELECT value FROM parquet_kv_metadata($1)"
    found = duckdb.sql(select, params=[str(results)]).fetchall()
    return int(next(json.loads(value)["unique"] for (value,) in found if b"unique" in value))


def answers_in(partial: Path) -> int:
    """How many answers an unfinished run has kept."""
    with duckdb.connect(str(partial)) as database:
        tables = database.execute("SELECT table_name FROM duckdb_tables()").fetchall()
        if not tables:
            return 0
        found = database.execute("SELECT count(*) FROM answers").fetchone()
    return int(found[0]) if found else 0


def program(*arguments: str | Path) -> list[str]:
    """The program with these arguments."""
    return [sys.executable, "-m", "slotsolver", *map(str, arguments)]


def started(*arguments: str | Path, **options: Any) -> subprocess.Popen[bytes]:
    """The program at work; its standard error is kept."""
    return subprocess.Popen(program(*arguments), stderr=subprocess.PIPE, **options)


def told(process: subprocess.Popen[bytes]) -> list[str]:
    """The lines that a program told until it ended."""
    _, error = process.communicate(timeout=PATIENCE)
    return error.decode().splitlines()


def offspring(process: subprocess.Popen[Any]) -> list[psutil.Process]:
    """All processes that it started and they started."""
    with suppress(psutil.NoSuchProcess):
        return psutil.Process(process.pid).children(recursive=True)
    return []


def left_of(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Which of them do not end."""
    _, alive = psutil.wait_procs(processes, timeout=10)
    return alive


def until(happened: Callable[[], bool], meanwhile: subprocess.Popen[Any] | None = None) -> bool:
    """Wait until it has happened; whether it did before that process ended."""
    deadline = time.monotonic() + PATIENCE
    while not happened():
        if meanwhile is not None and meanwhile.poll() is not None:
            return False
        assert time.monotonic() < deadline
        time.sleep(0.002)
    return True


def size_of(path: Path) -> int:
    """Bytes of a file; 0 if there is none."""
    with suppress(FileNotFoundError):
        return path.stat().st_size
    return 0


class Counting(Executor):
    """Another executor, and how many problems it was given."""

    def __init__(self, other: Executor) -> None:
        self.other, self.given = other, 0

    def submit(self, call: Callable[..., Any], /, *args: Any, **options: Any) -> Future[Any]:
        """Pass it on."""
        self.given += len(args[1])
        return self.other.submit(call, *args, **options)


def environment(folder: Path | None = None) -> dict[str, str]:
    """The environment of a program that finds what is installed in a folder."""
    path = [str(folder)] if folder else []
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path)}

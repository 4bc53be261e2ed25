"""Run the benchmarks: ``python -m benchmarks [NAME ...] [--quick] [--json FILE]``.

Without a name all of them run, one after the other in this process. Tables go to stdout, every
number behind them to the JSON file.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from time import perf_counter

from rich.console import Console

from benchmarks.report import Table, as_json, show
from benchmarks.timing import machine

PARTS = {
    "limit": "solve() against an empty CP-SAT call",
    "cases": "single problems, among them the hardest",
    "totals": "sizes met by other programs",
    "placement": "placement by other programs",
    "unplug": "unplugging by other programs",
    "fleet": "guests per host by other programs",
    "startup": "from the shell to the answer",
    "batch": "many scenarios",
    "study": "a study of 10,000 scenarios",
    "formulations": "other models of the same problem",
}
"""The modules with a ``run(quick)``, and what they measure."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run what is named, print the tables, write the JSON."""
    options = parser().parse_args(arguments)
    report: dict[str, object] = {
        "machine": machine(),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "quick": options.quick,
    }
    parts: dict[str, object] = {}
    for name in options.names or PARTS:
        started = perf_counter()
        Console(highlight=False).rule(f"{name}: {PARTS[name]}", align="left")
        tables = run(name, quick=options.quick)
        for table in tables:
            show(table)
        parts[name] = {
            "seconds": perf_counter() - started,
            "tables": [as_json(table) for table in tables],
        }
    options.json.write_text(json.dumps({**report, "parts": parts}, indent=1) + "\n")
    print(f"written: {options.json}")


def parser() -> argparse.ArgumentParser:
    """What the command line takes."""
    lines = "\n".join(f"  {name:14}{what}" for name, what in PARTS.items())
    found = argparse.ArgumentParser(
        prog="benchmarks",
        description=f"Measure slotsolver; without a name everything:\n\n{lines}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    found.add_argument("names", nargs="*", metavar="NAME", type=_part)
    found.add_argument("--quick", action="store_true", help="less of everything, two minutes")
    found.add_argument("--json", type=Path, default=Path("benchmark-results.json"), metavar="FILE")
    return found


def _part(name: str) -> str:
    if name not in PARTS:
        raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(PARTS)}")
    return name


def run(name: str, *, quick: bool) -> tuple[Table, ...]:
    """The tables of one part."""
    found = import_module(f"benchmarks.{name}").run(quick)
    return (found,) if isinstance(found, Table) else tuple(found)


if __name__ == "__main__":
    main()

"""What a benchmark found: a table to read and the raw numbers behind it."""

from __future__ import annotations

from dataclasses import dataclass

from rich import box
from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

WIDTH = 160
"""Columns of the output where it goes to no terminal."""


@dataclass(frozen=True)
class Table:
    """What one benchmark found.

    ``rows`` are cells in the order of ``columns``, as they are shown; ``raw`` has every number that
    they were made of (only what JSON can hold); ``notes`` say what the columns mean.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[object, ...], ...]
    raw: dict[str, object]
    notes: tuple[str, ...] = ()


def show(table: Table, console: Console | None = None) -> None:
    """Print the table and its notes. Columns after the first stand right where all their cells
    begin with a digit."""
    out = console or _console()
    grid = Grid(title=Text(table.title), title_justify="left", box=box.SIMPLE_HEAD)
    for place, column in enumerate(table.columns):
        cells = [str(row[place]) for row in table.rows]
        numbers = place and all(cell[:1].isdigit() or cell in ("", "-") for cell in cells)
        grid.add_column(Text(column), justify="right" if numbers else "left", overflow="fold")
    for row in table.rows:
        grid.add_row(*(Text(str(cell)) for cell in row))
    out.print(grid)
    for note in table.notes:
        out.print(f"* {note}", markup=False)


def _console() -> Console:
    out = Console(highlight=False)
    return out if out.is_terminal else Console(highlight=False, width=WIDTH)


def as_json(table: Table) -> dict[str, object]:
    """The table as JSON holds it."""
    return {
        "title": table.title,
        "columns": list(table.columns),
        "rows": [[*row] for row in table.rows],
        "notes": list(table.notes),
        "raw": table.raw,
    }


def duration(seconds: float) -> str:
    """A time to three digits in the unit that suits it."""
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e6:.3g} us"


def percent(part: int, whole: int) -> str:
    """The share of a whole; anything that is not none or all differs from 0 and 100 %."""
    if not whole:
        return "-"
    share = 100 * part / whole
    if 0 < part < whole:
        share = min(max(share, 0.1), 99.9)
    return f"{share:.3g} %"

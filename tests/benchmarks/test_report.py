"""Tables of results."""

from __future__ import annotations

import io
import json

import pytest
from rich.console import Console

from benchmarks.report import Table, as_json, duration, percent, show

TABLE = Table("A [title]", ("who", "time"), (("x [y]", "3 ms"), ("z", "-")), {"x": [1]}, ("a [b]",))


def test_all_of_it_is_printed() -> None:
    """Brackets too, which rich would take for markup."""
    out = Console(file=io.StringIO(), width=60)
    show(TABLE, out)
    text = out.file.getvalue()  # type: ignore[attr-defined]  # StringIO
    for part in ("A [title]", "who", "x [y]", "3 ms", "* a [b]"):
        assert part in text


def test_numbers_stand_right() -> None:
    """Columns after the first whose cells all begin with a digit."""
    out = Console(file=io.StringIO(), width=60)
    show(TABLE, out)
    lines = out.file.getvalue().splitlines()  # type: ignore[attr-defined]  # StringIO
    cells = [next(line for line in lines if mark in line).rstrip() for mark in ("3 ms", "z")]
    assert len(cells[0]) == len(cells[1])


def test_json() -> None:
    """What is written is what was measured."""
    written = json.loads(json.dumps(as_json(TABLE)))
    assert written["rows"] == [["x [y]", "3 ms"], ["z", "-"]]
    assert written["raw"] == {"x": [1]}


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(12.34, "12.3 s"), (0.5, "500 ms"), (0.001, "1 ms"), (12e-6, "12 us"), (1.5e-7, "0.15 us")],
)
def test_durations(seconds: float, text: str) -> None:
    """Three digits and a unit."""
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [(0, 9, "0 %"), (9, 9, "100 %"), (1, 9999, "0.1 %"), (9998, 9999, "99.9 %"), (0, 0, "-")],
)
def test_shares(part: int, whole: int, text: str) -> None:
    """Some is never shown as none, nor as all."""
    assert percent(part, whole) == text

"""Columns of a CSV or Parquet file."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from slotsolver.errors import InputError
from slotsolver.study.database import connect, exactly, reason
from slotsolver.study.definition import MOST_CHOICES

_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]{0,18})")
_WORDS = {"": None, "true": True, "false": False}

Columns = dict[str, tuple[Any, ...]]


def read_rows(path: Path) -> Columns:
    """The columns of a file by their names, in their order.

    CSV has commas and a line of names (RFC 4180), as UTF-8; its values are read as YAML's would be:
    whole numbers, true and false, else text. What is empty is ``None``. Raises :class:`InputError`
    for what is neither CSV nor Parquet, has no rows, or too many.
    """
    if not path.is_file():
        raise InputError("is no file with rows", source=str(path))
    try:
        names, rows = _parquet(path) if path.suffix.lower() == ".parquet" else _csv(path)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", source=str(path)) from None
    if not rows:
        raise InputError("has no rows", source=str(path))
    if len(rows) > MOST_CHOICES:
        raise InputError(f"has more than {MOST_CHOICES:,} rows", source=str(path))
    return dict(zip(names, zip(*rows, strict=True), strict=True))


def _csv(path: Path) -> tuple[list[str], list[list[Any]]]:
    with path.open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.reader(stream, strict=True, skipinitialspace=True)
        try:
            names = next(reader, [])
            _refuse_names(names)
            return names, list(_rows(reader, len(names)))
        except (csv.Error, InputError) as error:
            place = f"line {max(1, reader.line_num)}"
            raise InputError(str(error), source=str(path), place=place) from None
        except UnicodeDecodeError:
            raise InputError("is not UTF-8 text", source=str(path)) from None


def _rows(reader: Any, cells: int) -> Iterator[list[Any]]:
    for row in reader:
        if not row:
            continue
        if len(row) != cells:
            raise InputError(f"has {len(row)} cells, the names are {cells}; quote what has commas")
        yield [_of_text(text) for text in row]
        if reader.line_num > 2 * MOST_CHOICES:
            return


def _refuse_names(names: list[str]) -> None:
    if not names:
        raise InputError("has no names of columns in its first line")
    for name in names:
        if not name.strip():
            raise InputError("has a column without a name")
        if names.count(name) > 1:
            raise InputError(f"has two columns {name!r}")


def _of_text(text: str) -> Any:
    if text in _WORDS:
        return _WORDS[text]
    return int(text) if _INTEGER.fullmatch(text) else text


def _parquet(path: Path) -> tuple[list[str], list[list[Any]]]:
    import duckdb

    try:
        with connect() as database:
            select = f"SELECT * FROM read_parquet($1) LIMIT {MOST_CHOICES + 1}"  # noqa: S608 - ours
            found = database.execute(select, [exactly(path)])
            names = [column[0] for column in found.description or ()]
            rows = found.fetchall()
    except duckdb.Error as error:
        raise InputError(f"cannot be read: {reason(error)}", source=str(path)) from None
    return names, [[_of_parquet(value) for value in row] for row in rows]


def _of_parquet(value: Any) -> Any:
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)

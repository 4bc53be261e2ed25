"""Columns of a CSV or Parquet file, read with DuckDB."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from slotsolver.errors import InputError
from slotsolver.study.database import connect, reason
from slotsolver.study.definition import MOST_CHOICES

_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]{0,18})")
_WORDS = {"": None, "true": True, "false": False}


def read_rows(path: Path) -> dict[str, tuple[Any, ...]]:
    """The columns of a file by their names, in their order.

    Values of a CSV file are read as YAML's would be: whole numbers, true and false, else text; what
    is empty is ``None``. Raises :class:`InputError` for what is neither CSV nor Parquet, has no
    rows, or too many.
    """
    import duckdb

    if not path.is_file():
        raise InputError("is no file with rows", source=str(path))
    text = path.suffix.lower() != ".parquet"
    read = "read_csv($1, header = true, all_varchar = true)" if text else "read_parquet($1)"
    try:
        with connect() as database:
            found = database.execute(f"SELECT * FROM {read} LIMIT {MOST_CHOICES + 1}", [str(path)])  # noqa: S608 - of two texts
            names = [column[0] for column in found.description or ()]
            rows = found.fetchall()
    except duckdb.Error as error:
        raise InputError(f"cannot be read: {reason(error)}", source=str(path)) from None
    if not rows:
        raise InputError("has no rows", source=str(path))
    if len(rows) > MOST_CHOICES:
        raise InputError(f"has more than {MOST_CHOICES:,} rows", source=str(path))
    value = _of_text if text else _of_parquet
    return {name: tuple(value(row[place]) for row in rows) for place, name in enumerate(names)}


def _of_text(text: str | None) -> Any:
    if text is None or text in _WORDS:
        return _WORDS[text or ""]
    return int(text) if _INTEGER.fullmatch(text) else text


def _of_parquet(value: Any) -> Any:
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)

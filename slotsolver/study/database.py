"""DuckDB as studies use it: one thread, little memory, no extension that is not built in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb

MEMORY_LIMIT = "1GB"
"""What DuckDB keeps in memory at most; what is more goes to files beside the database."""


@contextmanager
def connect(
    path: Path | None = None, *, read_only: bool = False
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A database in a file, or in memory. One thread: rows keep their order, and the same rows
    make the same file."""
    import duckdb

    database = duckdb.connect(
        ":memory:" if path is None else str(path),
        read_only=read_only,
        config={
            "threads": 1,
            "memory_limit": MEMORY_LIMIT,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        },
    )
    try:
        yield database
    finally:
        database.close()


def reason(error: duckdb.Error) -> str:
    """What DuckDB says, in one line without its advice."""
    return str(error).strip().splitlines()[0]


def exactly(path: Path) -> str:
    """The path of a file for DuckDB to read: this one, and not those that its characters may stand
    for in a pattern."""
    return re.sub(r"[*?\[]", r"[\g<0>]", str(path))


def quoted(name: str) -> str:
    """A column's name in SQL."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text in SQL, where it cannot be a parameter."""
    return "'" + text.replace("'", "''") + "'"

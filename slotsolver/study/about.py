"""What a results file says of itself: the study that it is of, and how far that has come."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from slotsolver.errors import InputError
from slotsolver.study.database import connect, exactly, reason
from slotsolver.study.definition import Definition
from slotsolver.study.table import METADATA


def about_of(path: Path) -> dict[str, Any]:
    """The metadata of a results file. Raises :class:`InputError` for any other file."""
    import duckdb

    if not path.is_file():
        what = "is no file" if path.exists() else "there is no such file"
        raise InputError(what, source=str(path))
    try:
        with connect() as database:
            found = database.execute(
                "SELECT value FROM parquet_kv_metadata($1) WHERE key = $2",
                [exactly(path), METADATA.encode()],
            ).fetchall()
    except duckdb.Error as error:
        raise InputError(f"is no Parquet file: {reason(error)}", source=str(path)) from None
    if not found:
        raise InputError(
            "is no study's results: slotsolver study run writes these", source=str(path)
        )
    try:
        about = json.loads(found[0][0])
        if all(
            isinstance(about[name], int) for name in ("scenarios", "done", "answered", "unique")
        ):
            return dict(about)
    except (ValueError, TypeError, KeyError):
        pass
    raise _of_another_version(path)


def definition_of(path: Path, about: Mapping[str, Any]) -> Definition:
    """The study that the metadata tells. Raises :class:`InputError` where it cannot be read."""
    try:
        return Definition.model_validate_json(about["definition"])
    except (ValidationError, KeyError):
        raise _of_another_version(path) from None


def _of_another_version(path: Path) -> InputError:
    return InputError(
        "its metadata cannot be read: it is damaged, or another version of slotsolver wrote it",
        source=str(path),
    )

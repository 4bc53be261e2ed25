"""The results of a study: one Parquet file, made of its store in one go.

One row for each scenario: its number, its choice on every axis, then what was answered. The same
rows make the same file, byte for byte. The definition travels in the file's metadata.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slotsolver.canonical import Normal, told
from slotsolver.errors import InputError
from slotsolver.export.files import settle
from slotsolver.size import parse_size
from slotsolver.study.columns import FIRST_COLUMNS, NUMBERS
from slotsolver.study.database import literal, quoted
from slotsolver.study.definition import Axis, Definition
from slotsolver.study.paths import AS_IT_IS

if TYPE_CHECKING:
    import duckdb

    from slotsolver.study.store import Store

_PERCENT = re.compile(r"\d{1,3}(\.\d{1,9})?%")

METADATA = "slotsolver.study"
"""The key of the Parquet file's metadata under which :class:`About` stands."""


def write_table(definition: Definition, store: Store, results: Path) -> None:
    """Write what is answered so far. The file appears whole or not at all."""
    database = store.database
    database.create_function("told", _told, ["VARCHAR", "VARCHAR"], "VARCHAR")
    try:
        for place, axis in enumerate(definition.axes):
            _add_axis(database, place, axis)
        select = _selection(database, definition)
        about = {"definition": definition.text(), **_counts(database, len(definition))}
        temporary = results.with_name(f".{results.name}.new")  # whoever holds the store writes it
        temporary.unlink(missing_ok=True)
        try:
            database.execute(
                f"COPY ({select}) TO {literal(str(temporary))} (FORMAT parquet, COMPRESSION zstd,"
                f" KV_METADATA {{{literal(METADATA)}: {literal(json.dumps(about))}}})"
            )
            settle(temporary, results)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise InputError(f"cannot be written: {reason}", source=str(results)) from error
    finally:
        database.remove_function("told")


def _told(text: str, nodes: str) -> str:
    return told(text, Normal(b"", tuple(json.loads(nodes))))


def _counts(database: duckdb.DuckDBPyConnection, total: int) -> dict[str, Any]:
    found = database.execute(
        "SELECT count(*), count(s.answer), count(DISTINCT s.answer) FROM scenarios s"
        " LEFT JOIN answers a USING (answer) WHERE s.answer IS NULL OR a.answer IS NOT NULL"
    ).fetchone()
    assert found is not None  # noqa: S101 - one row
    done, answered, unique = found
    return {"scenarios": total, "done": done, "answered": answered, "unique": unique}


def _add_axis(database: duckdb.DuckDBPyConnection, place: int, axis: Axis) -> None:
    """The choices of an axis as a table: what the results call them, and what they set."""
    columns = dict(axis_columns(axis))
    types = ", ".join(f"{quoted(name)} {_type(values)}" for name, values in columns.items())
    database.execute(f"CREATE OR REPLACE TEMP TABLE axis_{place} (choice BIGINT, {types})")
    holes = ", ".join("unnest(?)" for _ in range(len(columns) + 1))
    values = [list(range(len(axis))), *map(list, columns.values())]
    database.execute(f"INSERT INTO axis_{place} SELECT {holes}", values)


def axis_columns(axis: Axis) -> Iterator[tuple[str, Sequence[Any]]]:
    """The columns of an axis in the results, by their names: its labels or its only values, and of
    an axis with labels each field that it sets as ``axis.field``, unless they are more than one
    cell of a table can hold."""
    if axis.labels is None:
        yield axis.name, _even([_plain(value) for value in next(iter(axis.sets.values()))])
        return
    yield axis.name, axis.labels
    for field, values in axis.sets.items():
        if not any(isinstance(value, dict | list) and value != AS_IT_IS for value in values):
            yield f"{axis.name}.{field}", _even([_plain(value) for value in values])


def _plain(value: Any) -> Any:
    """A value as one cell of a table: a size as its bytes, a share as a number from 0 to 1."""
    if value is None or value == AS_IT_IS:
        return None
    if isinstance(value, str) and _PERCENT.fullmatch(value):
        return float(value[:-1]) / 100
    if isinstance(value, str):
        try:
            return parse_size(value)
        except InputError:
            return value
    if isinstance(value, int) and value.bit_length() > 63:
        return str(value)  # more than a column of numbers holds, and no problem anyway
    return value


def _even(values: list[Any]) -> list[Any]:
    """Values of one type."""
    kinds = {type(value) for value in values if value is not None}
    if kinds <= {int} or kinds <= {bool}:
        return values
    if kinds <= {int, float}:
        return [None if value is None else float(value) for value in values]
    return [value if value is None or isinstance(value, str) else str(value) for value in values]


def _type(values: Sequence[Any]) -> str:
    types = {bool: "BOOLEAN", int: "BIGINT", float: "DOUBLE"}
    first = next((value for value in values if value is not None), "")
    return types.get(type(first), "VARCHAR")


def _selection(database: duckdb.DuckDBPyConnection, definition: Definition) -> str:
    """The query that makes the rows."""
    columns = ["s.scenario"]
    joins = ""
    for place, (axis, (stride, size)) in enumerate(
        zip(definition.axes, definition.strides, strict=True)
    ):
        joins += f" JOIN axis_{place} ON axis_{place}.choice = s.point // {stride} % {size}"
        columns += [f"axis_{place}.{quoted(name)}" for name, _ in axis_columns(axis)]
    columns += list(_answer_columns(database, definition))
    columns.append("a.seconds" if definition.times else "CAST(NULL AS DOUBLE) AS seconds")
    return (
        f"SELECT {', '.join(columns)} FROM scenarios s LEFT JOIN answers a USING (answer){joins}"  # noqa: S608 - quoted
        " WHERE s.answer IS NULL OR a.answer IS NOT NULL ORDER BY s.scenario"
    )


def _answer_columns(database: duckdb.DuckDBPyConnection, definition: Definition) -> Iterator[str]:
    """What was answered: a column for each number that a question asks for, and for whatever else
    any answer has."""
    found = dict(
        database.execute(
            "SELECT name, bool_or(json_type(columns, '$.\"' || name || '\"') = 'VARCHAR')"
            " FROM (SELECT columns, unnest(json_keys(columns)) AS name FROM answers)"
            " GROUP BY name"
        ).fetchall()
    )
    found |= dict.fromkeys(("status", "says"), True)
    for question in definition.questions:
        found |= {name: False for name in NUMBERS[question.kind] if name not in found}
    order = {name: place for place, name in enumerate(FIRST_COLUMNS)}
    for name in sorted(found, key=lambda name: (order.get(name, len(order)), name)):
        value = f"(a.columns->>{literal(name)})"
        if found[name]:
            if not name.endswith(("status", "conflict")):
                same = f"s.nodes IS NULL OR {value} IS NULL"
                value = f"CASE WHEN {same} THEN {value} ELSE told({value}, s.nodes) END"
            if name == "status":
                value = f"CASE WHEN s.answer IS NULL THEN 'invalid' ELSE {value} END"
            if name == "says":
                value = f"coalesce(s.says, {value})"
        else:
            value = f"CAST({value} AS BIGINT)"
        yield f"{value} AS {quoted(name)}"

"""Axes as people write them, and every file read in that they name."""

# Annotations are no text here, as in `plan.py`: pydantic would have to compile each of them.
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from slotsolver.errors import InputError
from slotsolver.fields import Seldom, first_error
from slotsolver.ingest.guest import read_guest
from slotsolver.ingest.host import LOCAL, read_host
from slotsolver.study.definition import Axis
from slotsolver.study.paths import AS_IT_IS, path_of
from slotsolver.study.ranges import Range, Unit
from slotsolver.study.rows import read_rows

Values = dict[str, tuple[Any, ...]]

_NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?")


def _keys_as_text(value: Any) -> Any:
    """A mapping whose keys are labels or names, which people may write as numbers."""
    if not isinstance(value, dict):
        return value
    return {str(key).lower() if isinstance(key, bool) else str(key): v for key, v in value.items()}


Labelled = Annotated[dict[str, Any], BeforeValidator(_keys_as_text)]


class Column(Seldom):
    """The field that a column of a file sets; ``unit`` is that of its bare numbers (``GiB``)."""

    field: str
    unit: Unit = ""


AnyColumn = Annotated[
    Column,
    BeforeValidator(
        lambda value: {"field": value} if isinstance(value, str) else value,
        json_schema_input_type=str | Column,
    ),
]
"""A column; the field alone stands for one without a unit."""


class AxisEntry(Seldom):
    """An axis as it is written. One of: ``values`` of one ``field`` (a list, or a mapping from
    labels), a ``range`` of them, ``sets`` (labels, each with fields and values), or the ``rows`` of
    a CSV or Parquet file whose ``columns`` set fields (by default each that is not the ``label``
    sets the field of its name), labelled by the column ``label``. Empty cells leave their fields as
    they are.
    """

    name: str | None = Field(default=None, min_length=1, max_length=255)
    field: str | None = None
    values: list[Any] | Labelled | None = None
    range: Range | None = None
    unit: Unit = ""
    sets: Annotated[dict[str, dict[str, Any]], BeforeValidator(_keys_as_text)] | None = None
    rows: str | None = None
    columns: Annotated[dict[str, AnyColumn], BeforeValidator(_keys_as_text)] | None = None
    label: str | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        given = [k for k in ("values", "range", "sets", "rows") if getattr(self, k) is not None]
        if len(given) != 1:
            raise ValueError("an axis has one of: values, range, sets, rows")
        if (self.field is None) == (given[0] in ("values", "range")):
            raise ValueError("`field` goes with values and range, and these need it")
        if given[0] != "rows" and (self.columns is not None or self.label is not None):
            raise ValueError("`columns` and `label` are about `rows`")
        if given[0] == "sets" and self.unit:
            raise ValueError("`unit` is about bare numbers in values, ranges and rows, not in sets")
        return self


def axis_of(entry: AxisEntry, folder: Path) -> Axis:
    """An axis with every file read in that it names, relative to the folder. Raises
    :class:`InputError`."""
    name = entry.name or entry.field or (Path(entry.rows).stem if entry.rows else "")
    if not name:
        raise InputError("an axis of sets needs a `name`")
    try:
        labels, sets = _columns(entry, folder)
        sets = {field: _with_files(field, values, folder) for field, values in sets.items()}
        return Axis(name=name, sets=sets, labels=labels)
    except ValidationError as error:
        raise InputError(first_error(error).message) from None


def _columns(entry: AxisEntry, folder: Path) -> tuple[tuple[str, ...] | None, Values]:
    """The labels of an axis, and the values of each of its fields."""
    if entry.rows is not None:
        return _of_rows(entry, folder / entry.rows)
    if entry.sets is not None:
        return tuple(entry.sets), _of_sets(entry.sets)
    field = str(entry.field)
    path_of(field)
    values = entry.values if entry.values is not None else list(entry.range.values())  # type: ignore[union-attr]
    found = list(values.values()) if isinstance(values, dict) else values
    sets = {field: tuple(_with_unit(value, entry.unit) for value in found)}
    return tuple(values) if isinstance(values, dict) else _labels(field, found), sets


def _labels(field: str, values: Sequence[Any]) -> tuple[str, ...] | None:
    """What values are called that are no cell of a table: files by their names, others by their
    places, counted from 1."""
    parts = [value for value in values if isinstance(value, dict | list)]
    if not parts and not _names_files(path_of(field)):
        return None
    return tuple(v if isinstance(v, str) else str(n) for n, v in enumerate(values, 1))


def _names_files(path: tuple[str, ...]) -> bool:
    """Whether a text there is the name of a file."""
    return path == ("host",) or (path[0] in ("guests", "also_hosts") and len(path) == 2)


def _of_sets(sets: Mapping[str, Mapping[str, Any]]) -> Values:
    """Values of every field that one of the labelled sets has; the others leave it as it is."""
    fields = dict.fromkeys(field for each in sets.values() for field in each)
    for field in fields:
        path_of(field)
    return {
        field: tuple(each.get(field, AS_IT_IS) for each in sets.values()) for field in fields
    } or {"policies": (AS_IT_IS,) * len(sets)}


def _of_rows(entry: AxisEntry, path: Path) -> tuple[tuple[str, ...], Values]:
    """Labels and values from the rows of a file."""
    rows = read_rows(path)
    label, columns = entry.label, entry.columns
    if label is not None and label not in rows:
        raise InputError(f"has no column {label!r}; it has {', '.join(rows)}", source=str(path))
    if columns is None:
        columns = {name: Column(field=name) for name in rows if name != label}
        for name in columns:
            _insist_on_field(name, path)
    for name in columns:
        if name not in rows:
            raise InputError(f"has no column {name!r}; it has {', '.join(rows)}", source=str(path))
    found: Values = {}
    for name, column in columns.items():
        path_of(column.field)
        if column.field in found:
            raise InputError(f"two of its columns set {column.field!r}", source=str(path))
        unit = column.unit or entry.unit
        found[column.field] = tuple(
            AS_IT_IS if value is None else _with_unit(value, unit) for value in rows[name]
        )
    count = len(next(iter(rows.values())))
    labels = map(_label, rows[label]) if label else (str(n + 1) for n in range(count))
    return tuple(labels), found


def _insist_on_field(name: str, path: Path) -> None:
    try:
        path_of(name)
    except InputError as error:
        message = f"column {name!r} sets no field: {error.message}; `columns` says which set what"
        raise InputError(message, source=str(path)) from None


def _label(value: Any) -> str:
    """A cell of the column of labels as it is written."""
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _with_unit(value: Any, unit: str) -> Any:
    """A bare number with the unit of its column, if that has one; decimals are text."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if isinstance(value, str):
        number = _NUMBER.fullmatch(value) is not None
    return f"{value} {unit}" if unit and number else value


def _with_files(field: str, values: tuple[Any, ...], folder: Path) -> tuple[Any, ...]:
    """Values of a host or a guest as a whole may be files, which are read in here."""
    path = path_of(field)
    if not _names_files(path):
        return values
    read = _guest if path[0] == "guests" else _host
    return tuple(read(value, folder) if isinstance(value, str) else value for value in values)


def _host(source: str, folder: Path) -> Any:
    host = read_host(source if source == LOCAL else str(folder / source))
    return host.model_dump(mode="json", context={"sizes": "text"}, exclude_none=True)


def _guest(source: str, folder: Path) -> Any:
    guest = read_guest(str(folder / source), host=None)
    return guest.model_dump(
        mode="json", context={"sizes": "text"}, exclude_none=True, exclude={"xml"}
    )

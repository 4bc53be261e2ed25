"""A study from YAML (or JSON): every file that it names is read in, relative to its folder."""

# Annotations are no text here, as in `plan.py`: pydantic would have to compile each of them.
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from slotsolver.errors import InputError
from slotsolver.fields import Seldom, first_error
from slotsolver.ingest.files import STDIN, name_of, read_bytes
from slotsolver.ingest.guest import read_guest
from slotsolver.ingest.host import LOCAL, read_host
from slotsolver.ingest.problem import problem_of, read_problem
from slotsolver.ingest.yaml import Document, read_document
from slotsolver.problem import Problem
from slotsolver.size import format_size, parse_size
from slotsolver.study.definition import MOST_CHOICES, Axis, Combine, Definition, Question
from slotsolver.study.paths import AS_IT_IS, path_of
from slotsolver.study.rows import read_rows

Values = dict[str, tuple[Any, ...]]


class Range(Seldom):
    """Values from one to another, in equal steps (``by``) or each so many ``times`` the last."""

    from_: int | str = Field(alias="from")
    to: int | str
    by: int | str | None = None
    times: int | None = Field(default=None, ge=2)

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.by is None) == (self.times is None):
            raise ValueError("a range goes `by` a step or so many `times`; give one of them")
        kinds = {isinstance(end, str) for end in (self.from_, self.to)}
        kinds |= {isinstance(self.by, str)} if self.by is not None else set()
        if len(kinds) > 1:
            raise ValueError("from, to and by are all numbers or all sizes with a unit")
        return self

    def values(self) -> Iterator[int | str]:
        """The values, the last one at most ``to``; sizes as text."""
        sizes = isinstance(self.from_, str)
        at, to, by = (_number(end) for end in (self.from_, self.to, self.by or 0))
        if at <= 0 or (self.times is None and by <= 0):
            raise InputError("a range goes up from more than 0, by more than 0")
        for _ in range(MOST_CHOICES + 1):
            if at > to:
                break
            yield format_size(at) if sizes else at
            at = at * self.times if self.times else at + by


def _number(end: int | str) -> int:
    return parse_size(end) if isinstance(end, str) else end


class Column(Seldom):
    """The field that a column of a file sets; ``unit`` is that of its bare numbers (``GiB``)."""

    field: str
    unit: str = ""


class AxisEntry(Seldom):
    """An axis as it is written. One of: ``values`` of one ``field`` (a list, or a mapping from
    labels), a ``range`` of them, ``sets`` (labels, each with fields and values), or the ``rows`` of
    a CSV or Parquet file whose ``columns`` set fields (by default those that are called as fields
    are), labelled by the column ``label``.
    """

    name: str | None = Field(default=None, min_length=1, max_length=255)
    field: str | None = None
    values: list[Any] | dict[str, Any] | None = None
    range: Range | None = None
    unit: str = ""
    sets: dict[str, dict[str, Any]] | None = None
    rows: str | None = None
    columns: dict[str, str | Column] | None = None
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
        return self


class StudyFile(Seldom):
    """A study as it is written: see :class:`slotsolver.study.definition.Definition`. ``problem`` is
    a problem file, or what would stand in one."""

    name: str = Field(default="", max_length=255)
    problem: str | dict[str, Any]
    axes: list[AxisEntry] = Field(default_factory=list, max_length=32)
    combine: Combine = "product"
    count: int | None = None
    seed: int = 0
    questions: list[Question] | None = None
    effort: float | str = 2.0
    reasons: Literal["none", "conflict", "remedies"] = "remedies"
    times: bool = True


def read_study(source: str) -> Definition:
    """Read a study; ``-`` is standard input. Raises :class:`InputError` with file and line."""
    document = read_document(read_bytes(source), source=name_of(source))
    written = document.validate(StudyFile)
    folder = Path() if source == STDIN else Path(source).parent
    fields = {name: getattr(written, name) for name in written.model_fields_set}
    fields["problem"] = plain(_base(document, written.problem, folder))
    fields["axes"] = [
        _axis(document, entry, place, folder) for place, entry in enumerate(written.axes)
    ]
    fields["bare_sizes"] = not document.context
    fields["name"] = written.name or ("study" if source == STDIN else Path(source).stem)
    return document.validate(Definition, fields)


def plain(problem: Problem) -> dict[str, Any]:
    """A problem as plain data, as its file would have it with no other file: sizes as text."""
    found: dict[str, Any] = problem.model_dump(
        mode="json", context={"sizes": "text"}, exclude_none=True
    )
    for part in (found.get("host"), *found["guests"]):
        if part is not None:
            part.pop("xml", None)
    return found


def _base(document: Document, entry: str | Mapping[str, Any], folder: Path) -> Problem:
    if isinstance(entry, str):
        return read_problem(str(folder / entry))
    return problem_of(document.part("problem"), folder)


def _axis(document: Document, entry: AxisEntry, place: int, folder: Path) -> Axis:
    try:
        return axis_of(entry, folder)
    except InputError as error:
        raise error if error.source else document.locate(error, ("axes", place)) from None


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
    return path == ("host",) or (path[0] == "guests" and len(path) == 2)


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
        columns = {name: name for name in rows if name != label}
    for name in columns:
        if name not in rows:
            raise InputError(f"has no column {name!r}; it has {', '.join(rows)}", source=str(path))
    found: Values = {}
    for name, column in columns.items():
        column = Column(field=column) if isinstance(column, str) else column
        path_of(column.field)
        unit = column.unit or entry.unit
        found[column.field] = tuple(_with_unit(value, unit) for value in rows[name])
    count = len(next(iter(rows.values())))
    labels = [str(x) for x in rows[label]] if label else [str(n + 1) for n in range(count)]
    return tuple(labels), found


def _with_unit(value: Any, unit: str) -> Any:
    """A bare number with the unit of its column, if that has one."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return f"{value} {unit}" if unit and number else value


def _with_files(field: str, values: tuple[Any, ...], folder: Path) -> tuple[Any, ...]:
    """Values of a host or a guest as a whole may be files, which are read in here."""
    path = path_of(field)
    if not _names_files(path):
        return values
    read = _host if path == ("host",) else _guest
    return tuple(read(value, folder) if isinstance(value, str) else value for value in values)


def _host(source: str, folder: Path) -> Any:
    host = read_host(source if source == LOCAL else str(folder / source))
    return host.model_dump(mode="json", context={"sizes": "text"}, exclude_none=True)


def _guest(source: str, folder: Path) -> Any:
    guest = read_guest(str(folder / source), host=None)
    return guest.model_dump(
        mode="json", context={"sizes": "text"}, exclude_none=True, exclude={"xml"}
    )

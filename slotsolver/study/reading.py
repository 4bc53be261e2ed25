"""A study from YAML (or JSON): every file that it names is read in, relative to its folder."""

# Annotations are no text here, as in `plan.py`: pydantic would have to compile each of them.
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from slotsolver.errors import InputError
from slotsolver.fields import Seldom
from slotsolver.ingest.files import STDIN, name_of, read_bytes
from slotsolver.ingest.problem import problem_of, read_problem
from slotsolver.ingest.yaml import Document, read_document
from slotsolver.problem import Problem
from slotsolver.study.axes import AxisEntry, axis_of
from slotsolver.study.definition import Axis, Combine, Definition, Question


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

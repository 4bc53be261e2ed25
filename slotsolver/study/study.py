"""Studies from Python, for notebooks and programs."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ValidationError

from slotsolver.fields import first_error
from slotsolver.problem import Problem
from slotsolver.study.definition import Axis, Combine, Definition
from slotsolver.study.reading import AxisEntry, axis_of, plain, read_study
from slotsolver.study.result import StudyResult
from slotsolver.study.run import Watch, run

Path_ = str | os.PathLike[str]


class Study:
    """A batch what-if: a base problem, axes over its fields, questions.

    ``axes`` maps fields (see :mod:`slotsolver.study.paths`) to their values, or is a list of axes
    as a study file has them: ``{"name": "pages", "sets": {"none": {}, "2M": {"page-size": …}}}``.
    Sizes are text with a unit or bytes; hosts, guests and policies may be objects. The other
    arguments are those of :class:`slotsolver.study.definition.Definition`. Raises
    :class:`slotsolver.errors.InputError` for what is no study.
    """

    def __init__(
        self,
        problem: Problem,
        axes: Mapping[str, Iterable[Any]] | Sequence[Mapping[str, Any]] = (),
        *,
        name: str = "study",
        combine: Combine = "product",
        count: int | None = None,
        seed: int = 0,
        questions: Sequence[Any] = ("plan",),
        effort: float = 2.0,
        reasons: Literal["none", "conflict", "remedies"] = "remedies",
        times: bool = True,
    ) -> None:
        entries = (
            [{"field": field, "values": list(values)} for field, values in axes.items()]
            if isinstance(axes, Mapping)
            else axes
        )
        try:
            self.definition = Definition(
                name=name,
                problem=plain(problem),
                axes=tuple(_axis(entry) for entry in entries),
                combine=combine,
                count=count,
                seed=seed,
                questions=tuple(questions),
                effort=effort,
                reasons=reasons,
                times=times,
            )
        except ValidationError as error:
            raise first_error(error) from None

    @classmethod
    def read(cls, source: Path_) -> Study:
        """The study in a file."""
        study = cls.__new__(cls)
        study.definition = read_study(os.fspath(source))
        return study

    def __len__(self) -> int:
        """How many scenarios."""
        return len(self.definition)

    def run(
        self,
        results: Path_ | None = None,
        executor: Executor | None = None,
        *,
        workers: int | None = None,
        resume: bool = False,
        watch: Watch | None = None,
    ) -> StudyResult:
        """Answer every scenario. The result has the rows as a frame (``result.frame``).

        ``results`` is the Parquet file to write; without one it is a temporary file, which goes
        with the result. ``executor`` is any :class:`concurrent.futures.Executor` (of so many
        ``workers``) whose workers can import slotsolver; by default it is processes on all cores.
        See :func:`slotsolver.study.run.run` for the rest.
        """
        if results is not None:
            path, kept = Path(results), None
        else:
            kept = tempfile.TemporaryDirectory(prefix="slotsolver-study-")
            path = Path(kept.name) / "results.parquet"
        run(self.definition, path, executor=executor, workers=workers, resume=resume, watch=watch)
        return StudyResult(path, kept)


def _axis(entry: Mapping[str, Any]) -> Axis:
    return axis_of(AxisEntry.model_validate(_plainly(dict(entry))), Path())


def _plainly(value: Any) -> Any:
    """Objects of slotsolver's as plain data, wherever they stand."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", context={"sizes": "text"}, exclude_none=True)
    if isinstance(value, Mapping):
        return {str(key): _plainly(each) for key, each in value.items()}
    if isinstance(value, list | tuple | range):
        return [_plainly(each) for each in value]
    return value

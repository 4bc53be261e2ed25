"""Studies from Python, for notebooks and programs."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor
from numbers import Integral, Real
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ValidationError

from slotsolver.errors import InputError
from slotsolver.fields import first_error
from slotsolver.problem import Problem
from slotsolver.study.axes import AxisEntry, axis_of
from slotsolver.study.definition import Axis, Combine, Definition
from slotsolver.study.reading import plain, read_study
from slotsolver.study.result import StudyResult
from slotsolver.study.run import Watch, run

Path_ = str | os.PathLike[str]


class Study:
    """A batch what-if: a base problem, axes over its fields, questions.

    ``axes`` maps fields (see :mod:`slotsolver.study.paths`) to their values (a list, or a mapping
    from labels), or is a list of axes as a study file has them:
    ``{"name": "pages", "sets": {"none": {}, "2M": {"page-size": …}}}``.
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
        try:
            self.definition = Definition(
                name=name,
                problem=plain(problem),
                axes=tuple(_axis(entry) for entry in _entries(axes)),
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
            path = Path(results)
            run(
                self.definition,
                path,
                executor=executor,
                workers=workers,
                resume=resume,
                watch=watch,
            )
            return StudyResult(path)
        folder = Path(tempfile.mkdtemp(prefix="slotsolver-study-"))
        try:
            path = folder / "results.parquet"
            run(self.definition, path, executor=executor, workers=workers, watch=watch)
            return StudyResult(path, folder)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise


def _entries(axes: Any) -> list[Any]:
    """Axes as a study file has them."""
    if not isinstance(axes, Mapping):
        return list(axes)
    for field, values in axes.items():
        if isinstance(values, str | bytes) or not isinstance(values, Iterable):
            raise InputError(f"a list of its values is needed, not {values!r}", place=str(field))
    return [
        {"field": field, "values": values if isinstance(values, Mapping) else list(values)}
        for field, values in axes.items()
    ]


def _axis(entry: Any) -> Axis:
    axis = axis_of(AxisEntry.model_validate(_plainly(entry)), Path())
    try:
        json.dumps(axis.sets)
    except (TypeError, ValueError) as error:
        raise InputError(f"its values are no plain data: {error}", place=axis.name) from None
    return axis


def _plainly(value: Any) -> Any:
    """Objects of slotsolver's, and numbers and paths of whatever kind, as plain data, wherever they
    stand."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", context={"sizes": "text"}, exclude_none=True)
    if isinstance(value, Mapping):
        return {str(key): _plainly(each) for key, each in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, str | bytes):
        return [_plainly(each) for each in value]
    if isinstance(value, Integral) and not isinstance(value, bool):
        return int(value)
    if isinstance(value, Real) and not isinstance(value, int):
        return float(value)
    return os.fspath(value) if isinstance(value, os.PathLike) else value

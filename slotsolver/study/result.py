"""The results of a study: what its Parquet file says, summed up and looked at."""

from __future__ import annotations

import math
import shutil
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slotsolver.errors import InputError
from slotsolver.study.about import about_of, definition_of
from slotsolver.study.columns import FRONT, PLANNED
from slotsolver.study.database import connect, exactly, literal, quoted, reason
from slotsolver.study.table import axis_columns

if TYPE_CHECKING:
    import pandas as pd

    from slotsolver.plan import Infeasible, Plan, Undecided
    from slotsolver.problem import Problem
    from slotsolver.study.scenarios import Scenarios


@dataclass(frozen=True)
class Count:
    """Of so many ``scenarios`` with one value of an axis (or of all), how many have each status."""

    label: str
    statuses: Mapping[str, int]

    @property
    def scenarios(self) -> int:
        """All of them."""
        return sum(self.statuses.values())

    @property
    def infeasible(self) -> float:
        """The share that is proven to have no plan."""
        return self.statuses.get("infeasible", 0) / self.scenarios


@dataclass(frozen=True)
class Spread:
    """The least, the median and the largest value of a column."""

    least: float
    median: float
    most: float


@dataclass(frozen=True)
class Reason:
    """Rules that contradict each other in so many scenarios, one of them, and what would help
    there."""

    conflict: str
    scenarios: int
    example: int
    remedy: str


@dataclass(frozen=True)
class Broken:
    """What makes so many scenarios, one of them the ``example``, invalid or fail."""

    status: str
    says: str
    scenarios: int
    example: int


class StudyResult:
    """The results of a study in a Parquet file. Rows are read when they are asked for."""

    def __init__(self, path: Path, folder: Path | None = None) -> None:
        """``folder`` is one that is to go with this object."""
        self.path = path
        if folder is not None:
            weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        about = about_of(path)
        self.definition = definition_of(path, about)
        self.total: int = about["scenarios"]
        """Scenarios of the study."""
        self.done: int = about["done"]
        """Scenarios that have their rows: less than all after an interrupt."""
        self.answered: int = about["answered"]
        """Those of them that are problems, so that they have an answer."""
        self.unique: int = about["unique"]
        """Different ones among these, which were solved."""

    @property
    def hit_rate(self) -> float:
        """The share of answered scenarios that were the same as others."""
        return 1 - self.unique / self.answered if self.answered else 0.0

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns."""
        with self._asked("SELECT * FROM results LIMIT 0") as found:
            return tuple(column[0] for column in found.description or ())

    @cached_property
    def frame(self) -> pd.DataFrame:
        """All rows as a pandas frame."""
        with self._asked("SELECT * FROM results") as found:
            frame: pd.DataFrame = found.df()
            return frame

    def __len__(self) -> int:
        return self.done

    def __getitem__(self, column: Any) -> Any:
        """A column, or whatever else the frame has under this."""
        return self.frame[column]

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """The rows of an SQL query; the results are the table ``results``. Raises
        :class:`InputError` with what DuckDB says against it."""
        with self._asked(sql, parameters) as found:
            rows: list[tuple[Any, ...]] = found.fetchall()
            return rows

    @contextmanager
    def _asked(self, sql: str, parameters: Sequence[Any] = ()) -> Iterator[Any]:
        import duckdb

        try:
            with connect() as database:
                yield database.execute(_from(self.path, sql), list(parameters))
        except duckdb.Error as error:
            raise InputError(reason(error), source=str(self.path)) from None

    def statuses(self) -> Count:
        """How many scenarios have each status."""
        return Count(
            "all", dict(self.query("SELECT status, count(*) FROM results GROUP BY 1 ORDER BY 1"))
        )

    def shares(self) -> Iterator[tuple[str, list[Count]]]:
        """For every axis and each of its values, in their order, how many scenarios have each
        status."""
        for axis in self.definition.axes:
            name = quoted(axis.name)
            found: dict[Any, dict[str, int]] = {}
            for value, status, count in self.query(
                f"SELECT {name}, status, count(*) FROM results GROUP BY ALL ORDER BY min(scenario)"  # noqa: S608 - quoted
            ):
                found.setdefault(value, {})[status] = count
            labels = self.labels_of(axis.name)
            yield (
                axis.name,
                [Count(text, found[value]) for value, text in labels.items() if value in found],
            )

    def labels_of(self, axis: str) -> dict[Any, str]:
        """The values that the column of an axis has, and how people write each."""
        (found,) = [each for each in self.definition.axes if each.name == axis]
        _, values = next(axis_columns(found))
        written = found.labels or next(iter(found.sets.values()))
        return {value: str(text) for value, text in zip(values, written, strict=True)}

    def spreads(self) -> dict[str, Spread]:
        """How figures are spread over the scenarios that have them."""
        wanted = (*FRONT, "fits", "finest_step", "fewest_slots", "smallest_pools")
        found = {}
        for name in (name for name in wanted if name in self.columns):
            ((least, median, most),) = self.query(
                f"SELECT min({name}), median({name}), max({name}) FROM results"  # noqa: S608 - our names
            )
            if least is not None:
                found[name] = Spread(least, median, most)
        return found

    def front(self) -> list[dict[str, Any]]:
        """The Pareto front: rows with a plan of which no other is as good in every figure of
        :data:`FRONT` and better in one. Of rows that are equal in all of them the first one."""
        figures = [name for name in FRONT if name in self.columns]
        if not figures or "slots_taken" not in figures:
            return []
        names = ", ".join(figures)
        candidates = self.query(
            f"SELECT {names}, min(scenario) FROM results"  # noqa: S608 - our names
            f" WHERE status IN {PLANNED} AND slots_taken IS NOT NULL GROUP BY ALL"
            " ORDER BY ALL NULLS LAST"
        )
        best = [scenario for *_, scenario in _undominated(candidates)]
        return self.rows(best)

    def rows(self, scenarios: Sequence[int]) -> list[dict[str, Any]]:
        """The rows of these scenarios as mappings, in the order in which they are asked for."""
        found = self.query(
            "SELECT * FROM results WHERE scenario IN (SELECT unnest($1::BIGINT[]))",
            [list(scenarios)],
        )
        rows = {row[0]: dict(zip(self.columns, row, strict=True)) for row in found}
        missing = next((number for number in scenarios if number not in rows), None)
        if missing is not None:
            raise InputError(f"has no scenario {missing}", source=str(self.path))
        return [rows[number] for number in scenarios]

    def broken(self, most: int = 20) -> list[Broken]:
        """Why scenarios are no problems, or failed, the most frequent first."""
        found = self.query(
            "SELECT status, says, count(*), min(scenario) FROM results"
            " WHERE status IN ('invalid', 'failed') GROUP BY ALL ORDER BY 3 DESC, 4 LIMIT $1",
            [most],
        )
        return [Broken(*row) for row in found]

    def reasons(self, most: int = 20) -> list[Reason]:
        """Why scenarios have no plan, the most frequent reason first."""
        if "conflict" not in self.columns:
            return []
        found = self.query(
            "SELECT conflict, count(*), min(scenario), arg_min(coalesce(remedy, ''), scenario)"
            " FROM results WHERE conflict <> '' GROUP BY conflict ORDER BY 2 DESC, 1 LIMIT $1",
            [most],
        )
        return [Reason(*row) for row in found]

    @cached_property
    def _scenarios(self) -> Scenarios:
        from slotsolver.study.scenarios import Scenarios  # most looks at results make no problem

        return Scenarios(self.definition)

    def labels(self, scenario: int) -> tuple[str, ...]:
        """The choice of a scenario on every axis, as people write it."""
        choices = self.definition.choices(self._scenarios.point(scenario))
        return tuple(
            str((axis.labels or next(iter(axis.sets.values())))[choice])
            for axis, choice in zip(self.definition.axes, choices, strict=True)
        )

    def problem(self, scenario: int) -> Problem:
        """The problem of a scenario."""
        if not 0 <= scenario < self.total:
            raise InputError(f"has no scenario {scenario}", source=str(self.path))
        return self._scenarios.problem(scenario)

    def answer(self, scenario: int) -> Plan | Infeasible | Undecided:
        """The plan of a scenario, or why it has none: solved anew."""
        from slotsolver.solver import solve

        definition = self.definition
        return solve(self.problem(scenario), effort=definition.effort, reasons=definition.reasons)

    def _repr_html_(self) -> str:
        """For notebooks: the report."""
        from slotsolver.study.report_of import fragment_of

        return fragment_of(self)


def _undominated(candidates: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Those that no other is at least as good as in every figure; they come sorted, each different,
    the scenario's number last. So only one before can dominate one."""
    best: list[tuple[Any, ...]] = []
    for candidate in candidates:
        figures = [_known(figure) for figure in candidate[:-1]]
        if not any(
            all(_known(a) <= b for a, b in zip(other, figures, strict=False)) for other in best
        ):
            best.append(candidate)
    return best


def _known(figure: int | None) -> float:
    """A figure to compare; one that is missing is as bad as can be."""
    return math.inf if figure is None else figure


def _from(path: Path, sql: str) -> str:
    """A query with the file as the table ``results``."""
    return f"WITH results AS (FROM read_parquet({literal(exactly(path))})) {sql}"

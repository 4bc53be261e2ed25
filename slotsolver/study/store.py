"""What a study has found out so far: a DuckDB database beside the results, until they are whole.

Each batch of scenarios and each batch of answers is one transaction, so what was finished before a
crash is there after it. A scenario is known by its number; its answer by the key of its normal
form, which it shares with all scenarios that are the same.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slotsolver.errors import InputError
from slotsolver.study.database import connect, quoted, reason
from slotsolver.study.interrupts import undisturbed

if TYPE_CHECKING:
    import duckdb

LAYOUT = """
CREATE TABLE about (fingerprint VARCHAR);
CREATE TABLE scenarios (
    scenario BIGINT, point BIGINT, answer VARCHAR, nodes VARCHAR, says VARCHAR);
CREATE TABLE answers (answer VARCHAR, columns VARCHAR, seconds DOUBLE);
"""
"""``nodes`` maps the normal form's host nodes to the scenario's own, as a JSON list, where they
differ; ``says`` is why a scenario is no problem, then it has no answer. ``columns`` is JSON."""

TABLES = {"about", "scenarios", "answers"}

KEPT = "what is finished is kept, --resume goes on with it"

_OF_FILE = re.compile(r"""file \\*"[^"]*": ([^"\\]+)""")
_VERSION = re.compile(r"\bstorage version\b")

Row = tuple[int, int, str | None, str | None, str | None]


class Store:
    """An open store. Made by :func:`opened`. An interrupt waits for its queries: DuckDB would make
    errors of it."""

    def __init__(self, database: duckdb.DuckDBPyConnection) -> None:
        self.database = database

    def add_scenarios(self, rows: Sequence[Row]) -> None:
        """Keep scenarios that come after all that are there."""
        names = ("scenario", "point", "answer", "nodes", "says")
        self._insert("scenarios", names, rows, integers=("scenario", "point"))

    def add_answers(self, rows: Iterable[tuple[str, Mapping[str, Any], float]]) -> None:
        """Keep answers by the keys of their normal forms."""
        made = [(key, json.dumps(columns), seconds) for key, columns, seconds in rows]
        self._insert("answers", ("answer", "columns", "seconds"), made)

    @undisturbed()
    def _insert(
        self,
        table: str,
        names: Sequence[str],
        rows: Sequence[Sequence[Any]],
        integers: Sequence[str] = (),
    ) -> None:
        """Rows go in as columns, which takes a tenth of the time of one statement for each."""
        import numpy as np

        if not rows:
            return
        columns = {}
        for name, values in zip(names, zip(*rows, strict=True), strict=True):
            columns[name] = np.empty(len(rows), dtype="int64" if name in integers else "object")
            columns[name][:] = values
        self.database.execute(f"INSERT INTO {table} SELECT * FROM columns")  # noqa: S608 - our own

    @undisturbed()
    def counted(self, planned: Sequence[str]) -> tuple[int, int, int, int]:
        """How many scenarios there are, of them done (answered, or no problem), of these with one
        of the statuses of ``planned``; and how many answers."""
        found = self.database.execute(
            "SELECT count(*), count(*) FILTER (s.answer IS NULL OR a.answer IS NOT NULL),"
            " count(*) FILTER (a.columns->>'status' IN (SELECT unnest($1::VARCHAR[]))),"
            " (SELECT count(*) FROM answers)"
            " FROM scenarios s LEFT JOIN answers a USING (answer)",
            [list(planned)],
        ).fetchone()
        assert found is not None  # noqa: S101 - one row
        return found

    @undisturbed()
    def known(self, keys: Sequence[str]) -> dict[str, str]:
        """Which of these keys have answers, and the status of each."""
        found = self.database.execute(
            "SELECT answer, columns->>'status' FROM answers"
            " WHERE answer IN (SELECT unnest($1::VARCHAR[]))",
            [list(keys)],
        ).fetchall()
        return dict(found)

    @undisturbed()
    def unanswered(self) -> list[tuple[int, str, int]]:
        """Scenarios whose answer is missing: the first of each key, the key, and how many."""
        return self.database.execute(
            "SELECT min(scenario), answer, count(*) FROM scenarios"
            " WHERE answer IS NOT NULL AND answer NOT IN (SELECT answer FROM answers)"
            " GROUP BY answer ORDER BY 1"
        ).fetchall()

    def begun(self) -> bool:
        """Whether there is anything in it."""
        return bool(self._tables())

    @undisturbed()
    def sound(self) -> bool:
        """Whether all that is there can be read; each block has its checksum."""
        found = self._tables()
        for table in found:
            self.database.execute(f"SELECT sum(hash(t)) FROM {quoted(table)} t").fetchone()  # noqa: S608 - ours
        return found in (set(), TABLES)

    def _tables(self) -> set[str]:
        rows = self.database.execute("SELECT table_name FROM duckdb_tables()").fetchall()
        return {name for (name,) in rows}


@contextmanager
def opened(path: Path, fingerprint: str, *, resume: bool) -> Iterator[tuple[Store, bool]]:
    """The store of a study, and whether an older one was damaged and had to be begun anew.

    Raises :class:`InputError` where there is one already and it is not to be resumed, where it is
    another study's, or in use; and for whatever DuckDB cannot do meanwhile, such as write to a full
    disk.
    """
    there = path.exists()
    sound = there and _sound(path)
    if there and not resume:
        raise InputError(
            "holds the unfinished results of a study; --resume goes on with them, or remove it",
            source=str(path),
        )
    if not sound:
        remove(path)
    with _told(path, new=not sound), connect(path) as database:
        store = Store(database)
        _begin(store, path, fingerprint)
        with _told(path, new=False):
            yield store, there and not sound


@contextmanager
def _told(path: Path, *, new: bool) -> Iterator[None]:
    """What DuckDB cannot do is told in one line; of a new store that never was one nothing is
    left."""
    import duckdb

    try:
        yield
    except (duckdb.OperationalError, duckdb.FatalException) as error:
        if new:
            remove(path)
        kept = "" if new else f"; {KEPT}"
        raise InputError(f"cannot be written: {in_short(error)}{kept}", source=str(path)) from None


def in_short(error: duckdb.Error) -> str:
    """What the system says of a file, as DuckDB quotes it; else what DuckDB says."""
    found = _OF_FILE.search(str(error))
    return found[1].strip() if found else reason(error)


def _sound(path: Path) -> bool:
    """Whether a store can be gone on with; raises :class:`InputError` where it is not to be
    touched."""
    import duckdb

    if not path.is_file():
        raise InputError("is no file", source=str(path))
    try:
        with connect(path) as database:
            return Store(database).sound()
    except duckdb.Error as error:
        if "Could not set lock" in str(error):
            raise InputError("is in use by another run", source=str(path)) from None
        if _VERSION.search(str(error)):
            raise InputError(
                f"was written by another version of DuckDB; finish it with that, or remove it "
                f"({reason(error)})",
                source=str(path),
            ) from None
        return False


def _begin(store: Store, path: Path, fingerprint: str) -> None:
    database = store.database
    if not store.begun():
        database.execute(f"BEGIN; {LAYOUT}")
        database.execute("INSERT INTO about VALUES ($1)", [fingerprint])
        database.execute("COMMIT")
        return
    found = database.execute("SELECT fingerprint FROM about").fetchall()
    if found != [(fingerprint,)]:
        raise InputError(
            "was begun by another study, or by another version of slotsolver; finish it with that, "
            "or remove it",
            source=str(path),
        )


def remove(path: Path) -> None:
    """Remove a store and what DuckDB keeps beside it."""
    for name in (path, path.with_name(f"{path.name}.wal")):
        name.unlink(missing_ok=True)
    shutil.rmtree(path.with_name(f"{path.name}.tmp"), ignore_errors=True)

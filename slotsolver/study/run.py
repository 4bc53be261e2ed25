"""Run a study: expand it, answer what is not known yet, keep all of it, write the results."""

from __future__ import annotations

import hashlib
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from slotsolver.canonical import problem_of
from slotsolver.errors import InputError
from slotsolver.study.answers import Asking
from slotsolver.study.columns import PLANNED
from slotsolver.study.definition import Definition
from slotsolver.study.dispatch import Dispatcher
from slotsolver.study.engines import Processes, cores
from slotsolver.study.interrupts import undisturbed
from slotsolver.study.scenarios import Scenarios
from slotsolver.study.store import KEPT, Row, Store, in_short, opened, remove
from slotsolver.study.table import write_table
from slotsolver.version import VERSION, ortools_version

BATCH = 2000
"""Scenarios that are expanded at a time, and kept in one transaction."""


@dataclass
class Progress:
    """How far a run has come. ``done`` scenarios have their rows, ``planned`` of them a plan;
    ``unique`` different ones were answered. ``before`` were done when the run began."""

    total: int
    done: int = 0
    planned: int = 0
    unique: int = 0
    before: int = 0
    damaged: bool = False
    started: float = field(default_factory=time.monotonic)

    @property
    def rate(self) -> float:
        """Scenarios a second, in this run."""
        return (self.done - self.before) / max(1e-9, time.monotonic() - self.started)

    @property
    def seconds_left(self) -> float | None:
        """Seconds until all is done, if the rate stays; ``None`` as long as there is none."""
        return (self.total - self.done) / self.rate if self.done > self.before else None


Watch = Callable[[Progress], None]


def run(
    definition: Definition,
    results: Path,
    *,
    executor: Executor | None = None,
    workers: int | None = None,
    resume: bool = False,
    watch: Watch | None = None,
) -> Progress:
    """Answer every scenario of a study and write its results, one row each, as Parquet.

    ``executor`` does the work with so many ``workers``; without one it is processes on all cores.
    What is found out is kept in ``RESULTS.partial`` until the results are written, and ``resume``
    goes on with what is there. An interrupt writes what is finished, as far as it goes, and is
    raised again. Raises :class:`InputError` where files cannot be read or written, or where an
    executor has no workers any more.
    """
    if not results.absolute().parent.is_dir():
        raise InputError("the folder does not exist", source=str(results.parent))
    partial = results.with_name(f"{results.name}.partial")
    with opened(partial, _fingerprint(definition), resume=resume) as (store, damaged):
        study = _Run(definition, store, watch or (lambda _: None))
        study.progress.damaged = damaged
        try:
            if executor is not None:
                study.answer_all(executor, workers or cores())
            else:
                _on_this_machine(study, workers)
        except KeyboardInterrupt:
            _write(study, results)
            raise
        _write(study, results)
    remove(partial)
    return study.progress


def _write(study: _Run, results: Path) -> None:
    import duckdb

    try:
        with undisturbed():
            write_table(study.definition, study.store, results)
    except (duckdb.OperationalError, duckdb.FatalException) as error:
        message = f"cannot be written: {in_short(error)}; {KEPT}"
        raise InputError(message, source=str(results)) from None


def _on_this_machine(study: _Run, workers: int | None) -> None:
    with Processes(workers) as own:
        try:
            study.answer_all(own, own.workers)
        except BaseException:  # an interrupt does not wait for what takes long
            with undisturbed():
                own.abandon()
            raise


@lru_cache(maxsize=1024)
def _renamed(nodes: tuple[int, ...]) -> str | None:
    """What the nodes of a normal form are called in a scenario, where that is something else."""
    return None if nodes == tuple(range(len(nodes))) else json.dumps(nodes)


def _fingerprint(definition: Definition) -> str:
    """What must be the same for results to go on: the study, and who answers. Whether the results
    say times may change on the way."""
    asked = definition.model_copy(update={"times": True}).text()
    text = json.dumps([asked, VERSION, ortools_version()])
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


class _Run:
    """A study on its way through a dispatcher into its store."""

    def __init__(self, definition: Definition, store: Store, watch: Watch) -> None:
        self.definition, self.store, self.watch = definition, store, watch
        self.scenarios = Scenarios(definition)
        self.progress = Progress(len(self.scenarios))
        self.waiting: Counter[str] = Counter()
        """How many scenarios wait for the answer to a key that is asked for."""

    def answer_all(self, executor: Executor, workers: int) -> None:
        """Expand and answer until every scenario is done."""
        dispatcher = Dispatcher(executor, workers, Asking.of(self.definition))
        try:
            self._answer_all(dispatcher)
        finally:
            dispatcher.abandon()

    def _answer_all(self, dispatcher: Dispatcher) -> None:
        batches = self._batches(dispatcher)
        more = True
        while more or not dispatcher.idle:
            while more and dispatcher.hungry:
                more = next(batches, False)
            for done in dispatcher.answers():
                self.store.add_answers(done)
                for key, columns, _ in done:
                    self._count(columns["status"], self.waiting.pop(key))
                self.progress.unique += len(done)
            self.watch(self.progress)

    def _count(self, status: str, scenarios: int) -> None:
        self.progress.done += scenarios
        self.progress.planned += scenarios * (status in PLANNED)

    def _batches(self, dispatcher: Dispatcher) -> Iterator[bool]:
        """Batch after batch of scenarios comes into the store, and what is new of it to the
        dispatcher; first what an earlier run has left open."""
        there = self._resumed(dispatcher)
        yield True
        for first in range(there, len(self.scenarios), BATCH):
            self._expand(range(first, min(first + BATCH, len(self.scenarios))), dispatcher)
            self.watch(self.progress)
            yield True

    def _resumed(self, dispatcher: Dispatcher) -> int:
        """Take up what is in the store; how many scenarios are there."""
        progress = self.progress
        there, done, planned, progress.unique = self.store.counted(PLANNED)
        progress.done = progress.before = done
        progress.planned = planned
        for number, key, scenarios in self.store.unanswered():
            self._ask(number, key, scenarios, dispatcher)
        return there

    def _expand(self, numbers: range, dispatcher: Dispatcher) -> None:
        rows: list[Row] = []
        fresh: dict[str, int] = {}
        counts: Counter[str] = Counter()
        for number in numbers:
            point = self.scenarios.point(number)
            try:
                found = self.scenarios.asked(number).normal
            except InputError as error:
                rows.append((number, point, None, None, str(error)))
                self._count("invalid", 1)
                continue
            key = found.key.hex()
            rows.append((number, point, key, _renamed(found.nodes), None))
            counts[key] += 1
            fresh.setdefault(key, number)
        self.store.add_scenarios(rows)
        for key, status in self.store.known([k for k in fresh if k not in self.waiting]).items():
            self._count(status, counts.pop(key))
        for key, scenarios in counts.items():
            if key in self.waiting:
                self.waiting[key] += scenarios
            else:
                self._ask(fresh[key], key, scenarios, dispatcher)

    def _ask(self, number: int, key: str, scenarios: int, dispatcher: Dispatcher) -> None:
        asked = self.scenarios.asked(number)
        dispatcher.add((key, problem_of(asked.host, asked.wishes, asked.normal)))
        self.waiting[key] = scenarios

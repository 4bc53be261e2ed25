"""Executors of somebody else's, and what the dispatcher makes of what they do."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from slotsolver.errors import InputError
from slotsolver.study.answers import Asking, Columns
from slotsolver.study.definition import PlanQuestion
from slotsolver.study.dispatch import ATTEMPTS, MOST_IN_CHUNK, Dispatcher
from slotsolver.study.run import Progress, run
from slotsolver.study.work import Done
from tests.study import studies

ASKING = Asking((PlanQuestion(),), 1.0, "none")


def spawned() -> Executor:
    """Processes that inherit nothing."""
    return ProcessPoolExecutor(2, multiprocessing.get_context("spawn"))


@pytest.mark.parametrize("make", [lambda: ThreadPoolExecutor(2), spawned], ids=["threads", "spawn"])
def test_foreign_executor(tmp_path: Path, right: Path, make: Callable[[], Executor]) -> None:
    """It makes the same table, and is left as it was."""
    results = tmp_path / "results.parquet"
    with make() as executor:
        run(studies.definition(studies.USUAL, tmp_path), results, executor=executor, workers=2)
        assert executor.submit(len, "abc").result() == 3
    assert results.read_bytes() == right.read_bytes()


def breaking(executor: Executor, how: str) -> Callable[[Progress], None]:
    """A watch that breaks an executor in the middle."""

    broken: list[str] = []

    def watch(progress: Progress) -> None:
        if progress.done < 60 or broken:
            return
        broken.append(how)
        if how == "shut down":
            executor.shutdown(wait=False)
        else:
            executor.submit(os._exit, 7)

    return watch


@pytest.mark.parametrize("how", ["shut down", "broken"])
def test_executor_that_breaks(tmp_path: Path, right: Path, how: str) -> None:
    """One clear line; what is finished is kept for another one."""
    study, results = studies.definition(studies.USUAL, tmp_path), tmp_path / "results.parquet"
    executor = ProcessPoolExecutor(1, multiprocessing.get_context("spawn"))
    with (
        executor,
        pytest.raises(InputError, match=r"^the workers are gone \(.+can be resumed; .+__main__'$"),
    ):
        run(study, results, executor=executor, workers=1, watch=breaking(executor, how))
    assert not results.exists()
    kept = studies.answers_in(tmp_path / "results.parquet.partial")
    assert kept > 0
    with ThreadPoolExecutor(1) as threads:
        other = studies.Counting(threads)
        run(study, results, executor=other, workers=1, resume=True)
    assert other.given == studies.different(right) - kept
    assert results.read_bytes() == right.read_bytes()


def test_executor_that_never_worked(tmp_path: Path) -> None:
    """One that is shut down from the beginning."""
    executor = ThreadPoolExecutor(1)
    executor.shutdown()
    with pytest.raises(InputError, match="cannot schedule new futures after shutdown"):
        run(
            studies.definition(studies.USUAL, tmp_path),
            tmp_path / "results.parquet",
            executor=executor,
            workers=1,
        )


class Worker(Executor):
    """Answers at once, or fails as it is told to; ``calls`` are the keys of every call."""

    def __init__(self, fails: Callable[[list[str], int], BaseException | None]) -> None:
        self.fails = fails
        self.calls: list[list[str]] = []
        self.pending: list[Future[list[Done]]] = []

    def submit(self, _: Callable[..., Any], /, *args: Any, **__: Any) -> Future[Any]:
        """Fail, or say that every task has a plan."""
        keys = [key for key, _ in args[1]]
        self.calls.append(keys)
        future: Future[list[Done]] = Future()
        error = self.fails(keys, len(self.calls))
        if error is None:
            future.set_result([(key, {"status": "optimal"}, 1e-4) for key in keys])
        else:
            future.set_exception(error)
        return future


class Ended(Exception):  # noqa: N818 - as an executor may call it
    """A worker has ended."""


def all_answers(dispatcher: Dispatcher, count: int) -> dict[str, Columns]:
    """What comes of so many tasks."""
    problem: Any = None
    for number in range(count):
        dispatcher.add((str(number), problem))
    found: dict[str, Columns] = {}
    while not dispatcher.idle:
        for done in dispatcher.answers():
            for key, columns, _ in done:
                assert key not in found
                found[key] = columns
    return found


def test_each_is_answered_once() -> None:
    """Chunks grow, but not for ever."""
    worker = Worker(lambda _keys, _call: None)
    found = all_answers(Dispatcher(worker, 2, ASKING), 1000)
    assert found == {str(number): {"status": "optimal"} for number in range(1000)}
    assert max(map(len, worker.calls)) == MOST_IN_CHUNK
    assert len(worker.calls[0]) == 1


@pytest.mark.parametrize("bad", [{"7"}, {"0", "1", "999"}, {"500", "501", "502", "503"}])
def test_the_ones_to_blame_are_found(bad: set[str]) -> None:
    """Those that fail alone, as often as it takes; no other."""
    worker = Worker(lambda keys, _: Ended("oh") if bad & set(keys) else None)
    found = all_answers(Dispatcher(worker, 2, ASKING), 1000)
    assert {key for key, columns in found.items() if columns["status"] == "failed"} == bad
    assert {found[key]["says"] for key in bad} == {"Ended: oh"}
    for key in bad:
        assert worker.calls.count([key]) in (ATTEMPTS, ATTEMPTS + 1)  # once more among the first


def test_bad_luck_is_no_blame() -> None:
    """What fails now and then is tried again."""
    worker = Worker(lambda _, call: Ended() if call % 3 == 0 else None)
    found = all_answers(Dispatcher(worker, 2, ASKING), 300)
    assert {columns["status"] for columns in found.values()} == {"optimal"}


def test_nothing_works_any_more() -> None:
    """Where even nothing fails, no problem is blamed."""
    worker = Worker(lambda _, call: Ended("no power") if call > 20 else None)
    with pytest.raises(InputError, match=r"the workers are gone \(Ended: no power\)"):
        all_answers(Dispatcher(worker, 2, ASKING), 1000)


def leaves(_: list[str], call: int) -> BaseException | None:
    """Somebody's ``sys.exit()`` in a worker."""
    return SystemExit(3) if call == 2 else None


def test_exit_of_a_worker_is_none_of_ours() -> None:
    """Neither this process ends for it, nor is anything lost."""
    assert len(all_answers(Dispatcher(Worker(leaves), 1, ASKING), 20)) == 20


def test_what_nobody_waits_for_is_cancelled() -> None:
    """What no worker has begun when a study ends early is not begun."""
    given: list[Future[Any]] = []

    class Slow(Executor):
        def submit(self, *_: Any, **__: Any) -> Future[Any]:
            given.append(Future())
            if len(given) == 1:
                given[0].set_exception(Ended())
            return given[-1]

    dispatcher = Dispatcher(Slow(), 1, ASKING)
    dispatcher.add(("a", None))  # type: ignore[arg-type]  # nobody looks at it
    dispatcher.add(("b", None))  # type: ignore[arg-type]
    assert list(dispatcher.answers()) == [[]]
    dispatcher.abandon()
    assert [future.cancelled() for future in given] == [False, True]


def test_nothing_ever_worked() -> None:
    """That is found out soon, however much there is to do."""
    worker = Worker(lambda _keys, _call: Ended("no such module"))
    with pytest.raises(InputError, match="no such module"):
        all_answers(Dispatcher(worker, 2, ASKING), 1000)
    assert len(worker.calls) < 10

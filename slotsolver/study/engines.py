"""Where the work is done: processes on this machine, or the workers of a Dask cluster.

Both are a :class:`concurrent.futures.Executor`, as is whatever else somebody brings.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Any

from slotsolver.errors import InputError
from slotsolver.study import work


def cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Processes(Executor):
    """Processes on this machine that are started anew when one of them has died. What was under way
    then is lost: its futures fail, and whoever submitted it may submit it again."""

    def __init__(self, workers: int | None = None) -> None:
        self.workers = workers or cores()
        self._pool: ProcessPoolExecutor | None = None
        self._processes: set[multiprocessing.process.BaseProcess] = set()

    def submit(self, call: Callable[..., Any], /, *args: Any, **options: Any) -> Future[Any]:
        """Have a worker make the call."""
        before = set(multiprocessing.active_children())
        try:
            return self._running().submit(call, *args, **options)
        except BrokenProcessPool:
            self.shutdown()
            return self._running().submit(call, *args, **options)
        finally:
            self._processes |= set(multiprocessing.active_children()) - before

    def abandon(self) -> None:
        """End the workers at once, whatever they are at."""
        for process in self._processes:
            process.kill()
        self.shutdown(cancel_futures=True)

    def _running(self) -> ProcessPoolExecutor:
        if self._pool is None:
            # Not forked from this process: it has threads, and DuckDB's are not to be copied.
            context = multiprocessing.get_context("forkserver")
            context.set_forkserver_preload([work.__name__])
            self._pool = ProcessPoolExecutor(self.workers, context, work.begin)
        return self._pool

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the workers when they are done with what they are at."""
        if self._pool is not None:
            self._pool.shutdown(wait, cancel_futures=cancel_futures)
            self._pool = None
            self._processes.clear()


@contextmanager
def dask_cluster(scheduler: str | None, workers: int | None) -> Iterator[tuple[Executor, int]]:
    """The executor of a Dask cluster and its number of workers: of the one at an address, or of one
    that is started here and ends with it.

    Raises :class:`InputError` where Dask is missing, nobody answers, or the workers have another
    slotsolver.
    """
    try:
        import distributed
    except ImportError:
        raise InputError(
            "needs Dask: pip install 'slotsolver[dask]'", source="--engine dask"
        ) from None
    with _client(distributed, scheduler, workers) as client:
        threads = sum(client.nthreads().values())
        if not threads:
            raise InputError("has no workers; start some", source=str(scheduler))
        found = client.run(work.versions)
        others = {version for version in found.values() if version != work.versions()}
        if others:
            raise InputError(
                f"its workers have slotsolver and ortools {sorted(others)}, here they are "
                f"{work.versions()}; install the same ones",
                source=str(scheduler),
            )
        yield client.get_executor(pure=False), threads


@contextmanager
def _client(distributed: Any, scheduler: str | None, workers: int | None) -> Iterator[Any]:
    if scheduler is None:
        # One thread each, so that a scenario that ends its worker takes no other with it.
        with (
            distributed.LocalCluster(
                n_workers=workers or cores(),
                threads_per_worker=1,
                dashboard_address=None,
                host="127.0.0.1",
                silence_logs=50,
            ) as cluster,
            distributed.Client(cluster) as client,
        ):
            yield client
        return
    try:
        client = distributed.Client(scheduler, timeout=10, set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        raise InputError(f"nobody answers: {error}", source=scheduler) from None
    with client:
        yield client

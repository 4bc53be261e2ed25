"""Where the work is done: processes on this machine, or the workers of a Dask cluster.

Both are a :class:`concurrent.futures.Executor`, as is whatever else somebody brings.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager
from multiprocessing import forkserver
from typing import Any

from slotsolver.errors import InputError
from slotsolver.study import work
from slotsolver.study.interrupts import deaf


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
            self.abandon()  # one that is just starting may miss the end that the pool asks of it
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
            with deaf():
                forkserver.ensure_running()
            self._pool = ProcessPoolExecutor(self.workers, context, work.begin)
        return self._pool

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the workers when they are done with what they are at."""
        if self._pool is not None:
            self._pool.shutdown(wait, cancel_futures=cancel_futures)
            self._pool = None
            self._processes.clear()


class OnCluster(Executor):
    """The workers of a Dask cluster, as long as its scheduler is there."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self._executor = client.get_executor(pure=False)

    def submit(self, call: Callable[..., Any], /, *args: Any, **options: Any) -> Future[Any]:
        """Have a worker make the call; raises where nobody would ever hear of it."""
        if self.client.status != "running":
            raise ConnectionError("the Dask scheduler is gone")
        future: Future[Any] = self._executor.submit(call, *args, **options)
        return future


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
        yield OnCluster(client), threads


CONNECT_SECONDS = 10
"""How long a Dask scheduler may take to answer."""
_DASK = {
    # A problem that ends its worker is tried again here, alone, and not by Dask among others.
    "distributed.scheduler.allowed-failures": 0,
    # Domains of guests make problems large; that is no mistake of whoever runs the study.
    "distributed.admin.large-graph-warning-threshold": "1 GB",
}


@contextmanager
def _client(distributed: Any, scheduler: str | None, workers: int | None) -> Iterator[Any]:
    import dask

    with dask.config.set(_DASK), ExitStack() as stack:
        if scheduler is not None:
            yield stack.enter_context(_at(distributed, scheduler))
            return
        with deaf():
            # One thread each, so that a scenario that ends its worker takes no other with it.
            cluster = distributed.LocalCluster(
                n_workers=workers or cores(),
                threads_per_worker=1,
                dashboard_address="127.0.0.1:0",  # any port, and not for others
                host="127.0.0.1",
                silence_logs=logging.CRITICAL,
            )
            stack.enter_context(cluster)
            client = stack.enter_context(distributed.Client(cluster, set_as_default=False))
        yield client


def _at(distributed: Any, scheduler: str) -> Any:
    """The client of the cluster whose scheduler is at this address."""
    try:
        distributed.comm.resolve_address(scheduler)  # a client that cannot do it hangs at its end
        return distributed.Client(scheduler, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        raise InputError(f"nobody answers: {error}", source=scheduler) from None

"""Chunks of problems go to an executor, answers come back; what a worker's death took is tried
again, and a problem that ends every worker it meets is found and named.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    wait,
)

from slotsolver.errors import InputError
from slotsolver.study.answers import Asking, failed
from slotsolver.study.work import Done, Task, answer_all

MOST_IN_CHUNK = 64
WANTED_SECONDS = 0.25
"""How long a chunk should take: long enough that handing it out costs nothing, short enough that
little is lost with it."""
ATTEMPTS = 3
"""How many workers a problem may end, each while nothing else was under way."""


class Dispatcher:
    """Hands out problems to an executor with so many workers."""

    def __init__(self, executor: Executor, workers: int, asking: Asking) -> None:
        self.executor, self.asking = executor, asking
        self.waiting: deque[Task] = deque()
        self.under_way: dict[Future[list[Done]], Sequence[Task]] = {}
        self.suspects: deque[Sequence[Task]] = deque()
        self.room = 2 * workers
        self.chunk = 1
        self.failures = 0
        """Chunks that failed since something succeeded."""

    @property
    def idle(self) -> bool:
        """Whether nothing is left to be done."""
        return not (self.waiting or self.under_way or self.suspects)

    @property
    def hungry(self) -> bool:
        """Whether it has less to do than keeps all workers at work."""
        return len(self.waiting) < self.room * self.chunk

    def add(self, task: Task) -> None:
        """A problem to be answered."""
        self.waiting.append(task)

    def answers(self) -> Iterator[list[Done]]:
        """Answers of what is finished next; waits for it if there is anything to wait for. Raises
        :class:`InputError` where the executor does nothing any more."""
        self._hand_out()
        if self.under_way:
            finished, _ = wait(self.under_way, return_when=FIRST_COMPLETED)
            for future in finished:
                yield self._result(future)
        elif self.suspects:
            yield self._alone(self.suspects.popleft())

    def abandon(self) -> None:
        """Nobody waits for answers any more: what no worker has begun is not to be begun."""
        for future in self.under_way:
            future.cancel()
        self.under_way.clear()

    def _hand_out(self) -> None:
        if self.failures >= self.room:
            return  # perhaps nothing works: those that failed come first, and will show it
        while self.waiting and len(self.under_way) < self.room:
            size = min(self.chunk, len(self.waiting))
            tasks = [self.waiting.popleft() for _ in range(size)]
            future = self._submit(tasks)
            self.under_way[future] = tasks

    def _submit(self, tasks: Sequence[Task]) -> Future[list[Done]]:
        try:
            return self.executor.submit(answer_all, self.asking, tasks)
        except Exception as error:  # one that is shut down, or broken for good
            raise _gone(error) from error

    def _result(self, future: Future[list[Done]]) -> list[Done]:
        tasks = self.under_way.pop(future)
        done = _outcome(future)
        if isinstance(done, BaseException):
            self.suspects.append(tasks)
            self.failures += 1
            return []
        self.failures = 0
        self._pace(done)
        return done

    def _pace(self, done: Sequence[Done]) -> None:
        """Chunks that take about as long as they should."""
        each = sum(seconds for _, _, seconds in done) / len(done)
        fitting = int(WANTED_SECONDS / max(each, 1e-6))
        self.chunk = max(1, min(fitting, 2 * self.chunk, MOST_IN_CHUNK))

    def _alone(self, tasks: Sequence[Task]) -> list[Done]:
        """Try a chunk again while nothing else is under way, in halves if it fails again: so the
        one that ends workers is found, and no other is blamed."""
        for _ in range(ATTEMPTS if len(tasks) == 1 else 1):
            done = _outcome(self._submit(tasks))
            if not isinstance(done, BaseException):
                self.failures = 0
                return done
            last = done
        if len(tasks) > 1:
            middle = len(tasks) // 2
            self.suspects.extendleft((tasks[middle:], tasks[:middle]))
            return []
        self._insist_on_workers()
        self.failures = 0
        ((key, _),) = tasks
        return [(key, failed(_blamed(last)), 0.0)]

    def _insist_on_workers(self) -> None:
        """Raises where not even nothing can be done: then no problem is to blame."""
        done = _outcome(self._submit([]))
        if isinstance(done, BaseException):
            raise _gone(done) from done


def _outcome(future: Future[list[Done]]) -> list[Done] | BaseException:
    """What came of it, waiting for that: an interrupt of this process is raised, but whatever ended
    the work is returned, be it somebody's ``sys.exit()``."""
    try:
        error = future.exception()
    except CancelledError as cancelled:
        return cancelled
    return future.result() if error is None else error


def _blamed(error: BaseException) -> str:
    """What to say of a problem that failed each time, and alone."""
    name = type(error).__name__
    if isinstance(error, BrokenExecutor | CancelledError) or name == "KilledWorker":  # Dask's
        return f"ended every worker that tried it ({ATTEMPTS})"
    return f"{name}: {error}"


def _gone(error: BaseException) -> InputError:
    says = " ".join(str(error).split()) or "no more is known"
    return InputError(
        f"the workers are gone ({type(error).__name__}: {says}); what is finished is kept, and can "
        "be resumed; a script that runs a study needs: if __name__ == '__main__'"
    )

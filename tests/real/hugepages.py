"""A few hugepages on host node 0, taken from the kernel for a while and given back.

Pools are the kernel's ``/sys/devices/system/node/node0/hugepages/hugepages-*kB``; writing
``nr_hugepages`` needs root, and a 1 GiB page needs a free contiguous GiB: it may not be permitted.
"""

from __future__ import annotations

import contextlib
import fcntl
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

MIB = 1 << 20
GIB = 1 << 30
NODE = Path("/sys/devices/system/node/node0/hugepages")
LOCK = Path(tempfile.gettempdir()) / "slotsolver-hugepages.lock"

_holding: list[bool] = []


class NotPermittedError(Exception):
    """The kernel did not give the pages; says which and why."""


def pool(page_size: int) -> Path:
    """The sysfs folder of node 0's pool of pages of ``page_size`` bytes."""
    return NODE / f"hugepages-{page_size >> 10}kB"


def total(page_size: int) -> int:
    """Pages in the pool."""
    return int((pool(page_size) / "nr_hugepages").read_text())


def free(page_size: int) -> int:
    """Pages in the pool that nobody uses."""
    return int((pool(page_size) / "free_hugepages").read_text())


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """No other process of this harness changes a pool within the block (this one may, nested)."""
    if _holding:
        yield
        return
    with LOCK.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _holding.append(True)
        try:
            yield
        finally:
            _holding.pop()


@contextlib.contextmanager
def reserved(pages: Mapping[int, int]) -> Iterator[None]:
    """At least ``pages`` (page size in bytes to count) are free on node 0 within the block.

    One process at a time has them, others wait. The old numbers are restored in any case. Raises
    :class:`NotPermittedError`.
    """
    with alone(), contextlib.ExitStack() as stack:
        for page_size, count in pages.items():
            try:
                before = total(page_size)
                _set_total(page_size, before + max(0, count - free(page_size)))
                stack.callback(_set_total, page_size, before)
            except OSError as error:
                raise NotPermittedError(f"{pool(page_size)}: {error.strerror}") from error
            if free(page_size) < count:
                raise NotPermittedError(
                    f"{pool(page_size)}: asked for {count} free pages, got {free(page_size)}"
                )
        yield


def _set_total(page_size: int, count: int) -> None:
    (pool(page_size) / "nr_hugepages").write_text(str(count))

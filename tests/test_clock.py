"""How much time a search may take."""

from __future__ import annotations

from importlib import import_module

import pytest

from slotsolver import clock as clock_module
from slotsolver.clock import Clock


def test_what_is_done_while_it_stands_still_takes_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loading a library is no part of the time for a problem, also where it fails."""
    now = 100.0
    monkeypatch.setattr(clock_module.time, "monotonic", lambda: now)
    clock = Clock(limit=5, started=now)
    now += 2
    with clock.stopped():
        now += 60
    assert clock.wall == 2
    with pytest.raises(ImportError), clock.stopped():
        import_module("slotsolver.nothing_of_that_name")
    now += 2
    assert (clock.wall, clock.spent) == (4, False)
    now += 1
    assert clock.spent

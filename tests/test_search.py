"""How long a search may take."""

from __future__ import annotations

from slotsolver.clock import DETERMINISTIC_LIMIT, EXTENSIONS, Clock


def test_more_time_is_no_less_time_spent() -> None:
    """An extension permits more and says nothing else of what was spent; there are a few only."""
    clock = Clock(None, deterministic=DETERMINISTIC_LIMIT + 1)
    assert clock.spent
    for _ in range(EXTENSIONS):
        assert clock.extend()
        assert not clock.spent
        assert clock.deterministic >= DETERMINISTIC_LIMIT + 1
        clock.deterministic = clock.allowed
        assert clock.spent
    assert not clock.extend()
    assert clock.spent


def test_a_time_limit_is_a_limit() -> None:
    """Nothing is added to what was asked for."""
    clock = Clock(0.0)
    assert clock.spent
    assert not clock.extend()

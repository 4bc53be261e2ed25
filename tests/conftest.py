"""Options and fixtures of all tests."""

from __future__ import annotations

from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--regenerate`` writes the golden files anew instead of comparing with them."""
    parser.addoption("--regenerate", action="store_true", help="write the golden files anew")


class Golden:
    """Compares a text with a file under ``tests/data``, or writes it there."""

    def __init__(self, *, regenerate: bool) -> None:
        self._regenerate = regenerate
        self._folder = Path(__file__).parent / "data"

    def __call__(self, text: str, name: str) -> None:
        """``text`` must be that of the file ``name`` below ``tests/data``, to the byte."""
        path = self._folder / name
        if self._regenerate:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode())
        assert path.is_file(), f"{name} is missing; run pytest with --regenerate and read it"
        assert text.encode() == path.read_bytes()


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Golden:
    """Compare with golden files; see :class:`Golden`."""
    return Golden(regenerate=request.config.getoption("--regenerate"))

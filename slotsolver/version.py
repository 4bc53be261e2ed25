"""Which versions answer. Read from constants: the metadata of installed distributions, where they
stand too, take ten times as long to read as the modules that say them.
"""

from __future__ import annotations

VERSION = "0.1.0"
"""The version of slotsolver; packaging reads it from here (``pyproject.toml``)."""


def ortools_version() -> str:
    """The version of ortools that is installed; loads its outermost package, and no solver."""
    import ortools

    return str(ortools.__version__)  # type: ignore[attr-defined]  # that module has no types

"""Distributions with rules of their own, installed for one test: a module and its entry points."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from slotsolver import kinds
from slotsolver.checker.policies import installed_check

PROJECT = Path(__file__).parents[1]
EXAMPLE = PROJECT / "examples" / "own-rule"
POLICIES, OBJECTIVES = "slotsolver.policies", "slotsolver.objectives"
CHECKS = "slotsolver.checks"

Groups = Mapping[str, Mapping[str, str]]
"""Entry points: group, name, value."""


class Site:
    """A folder of installed distributions on the path of this process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._modules = set(sys.modules)

    def install(self, name: str, groups: Groups, text: str = "", version: str = "1.0") -> None:
        """A distribution with entry points and a module of its name (with underscores)."""
        module = name.replace("-", "_")
        (self.folder / f"{module}.py").write_text(text, encoding="utf-8")
        info = self.folder / f"{module}-{version}.dist-info"
        info.mkdir()
        metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        (info / "METADATA").write_text(metadata, encoding="utf-8")
        lines = [
            line
            for group, entries in groups.items()
            for line in (f"[{group}]", *(f"{entry} = {value}" for entry, value in entries.items()))
        ]
        (info / "entry_points.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
        forget()

    def install_example(self, *, check: bool = True) -> None:
        """The distribution of ``examples/own-rule``, as its ``pyproject.toml`` says it is."""
        project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        groups = {g: e for g, e in project["entry-points"].items() if check or g != CHECKS}
        module = EXAMPLE / "slotsolver_cell_dimms.py"
        self.install(project["name"], groups, module.read_text(encoding="utf-8"))

    def leave(self) -> None:
        """Forget what was imported from the folder."""
        for name in set(sys.modules) - self._modules:
            file = getattr(sys.modules[name], "__file__", None)
            if file and Path(file).is_relative_to(self.folder):
                del sys.modules[name]
        forget()


def forget() -> None:
    """What is installed is looked up anew."""
    for cached in (kinds.registry, kinds._known, installed_check):
        cached.cache_clear()


@contextmanager
def site_in(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A site in a folder, as long as the context lasts."""
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    site = Site(folder)
    try:
        yield site
    finally:
        site.leave()

"""What tests of runs share: the yardstick, and a rule that goes wrong."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from slotsolver.study.run import run
from tests.own_rules import Site, site_in
from tests.study import studies


@pytest.fixture(scope="module")
def right(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of an undisturbed run on this machine's processes."""
    folder = tmp_path_factory.mktemp("undisturbed")
    results = folder / "results.parquet"
    run(studies.definition(studies.USUAL, folder), results, workers=2)
    return results


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A folder of installed distributions, with the rule ``fate``."""
    with site_in(tmp_path / "site", monkeypatch) as site:
        studies.install_fates(site)
        yield site

"""The page for the terminal."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from slotsolver.export.table import _bar, render, render_infeasible
from slotsolver.plan import Conflict, Infeasible, PoolUse, Remedy
from tests.conftest import Golden
from tests.export.cases import CASES


def page(name: str, *, width: int = 80, colour: bool = False) -> str:
    """A case's page."""
    out = io.StringIO()
    system = "standard" if colour else None
    console = Console(file=out, width=width, force_terminal=colour, color_system=system)
    render(*CASES[name](), console)
    return out.getvalue()


@pytest.mark.parametrize("name", CASES)
def test_golden(name: str, golden: Golden) -> None:
    """Each case's page is the one that was looked at and approved."""
    lines = [line.rstrip() for line in page(name).splitlines()]
    golden("\n".join(lines) + "\n", f"export/{name}.table")


@pytest.mark.parametrize("name", CASES)
def test_nothing_is_cut_at_80_columns(name: str) -> None:
    """No cell of a table is too narrow for what stands in it, and no line too long."""
    assert max(len(line) for line in page(name).splitlines()) <= 80
    assert page(name).count("…") == page(name, width=200).count("…")


def test_colour_changes_no_letter() -> None:
    """Colour only adds to what is there without it."""
    plain, coloured = page("thread"), page("thread", colour=True)
    assert "\x1b[" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == plain


def test_lack_of_proof_is_said() -> None:
    """An objective whose bound is lower is not proven, and a feasible plan says so."""
    text = page("waypoints")
    assert "not proven; at least 300" in text
    assert "feasible, not proven to be the best" in text


@pytest.mark.parametrize(
    ("before", "after", "promised", "bar"),
    [
        (100, 100, 0, "░" * 20),
        (0, 0, 0, "█" * 20),
        (50, 25, 25, "█" * 10 + "▓" * 5 + "▒" * 5),
        (100, 99, 0, "▓" + "░" * 19),
        (100, 0, 0, "▓" * 20),
    ],
)
def test_bar(before: int, after: int, promised: int, bar: str) -> None:
    """The bar is 20 marks long, and a page that is taken is seen."""
    pool = PoolUse(
        page_size=4096, total=100, free_before=before, free_after=after, promised=promised
    )
    assert _bar(pool).plain == bar


def test_infeasible(golden: Golden) -> None:
    """Why there is no plan, and what would help."""
    answer = Infeasible(
        conflict=(
            Conflict(rule="slots", says="db1 has at most 8 slots"),
            Conflict(
                rule="step",
                says="every DIMM of db1 is at most 512 MiB, so that any size between 8 GiB and "
                "16 GiB is met from above within 512 MiB",
            ),
        ),
        remedies=(
            Remedy(change="slots", from_="8", to="16", says="with 16 slots there is a plan"),
            Remedy(change="step", from_="512 MiB", to="1 GiB", says="8 DIMMs are enough"),
        ),
    )
    out = io.StringIO()
    render_infeasible(answer, Console(file=out, width=80))
    lines = [line.rstrip() for line in out.getvalue().splitlines()]
    golden("\n".join(lines) + "\n", "export/infeasible.table")

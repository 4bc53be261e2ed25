"""The page for the terminal."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from slotsolver.export.table import render
from slotsolver.export.table_parts import pool_bar
from slotsolver.plan import ObjectiveValue, Plan, PoolUse
from slotsolver.problem import Problem
from slotsolver.size import GiB, MiB
from tests.checker import running
from tests.conftest import Golden
from tests.export.cases import CASES

RUNNING = {
    "running-grow": running.grow,
    "running-shrink": running.shrink,
    "running-swap": running.swap,
    "running-raised": running.raised,
    "running-lowered": running.lowered,
    "running-migrating": running.migrating,
    "virtio-mem-planned": running.planned_virtio,
}
NAMES = [*CASES, *RUNNING]


def case(name: str) -> tuple[Problem, Plan]:
    """A case by its name."""
    return CASES[name]() if name in CASES else posed(RUNNING[name]())


def posed(made: running.Case) -> tuple[Problem, Plan]:
    """The problem and plan of a case of the checker's tests."""
    return Problem.model_validate(made.document), made.plan


def draw(problem: Problem, plan: Plan, *, width: int = 80, colour: bool = False) -> str:
    """The page of a plan."""
    out = io.StringIO()
    system = "standard" if colour else None
    console = Console(file=out, width=width, force_terminal=colour, color_system=system)
    render(problem, plan, console)
    return out.getvalue()


def page(name: str, *, width: int = 80, colour: bool = False) -> str:
    """A case's page."""
    return draw(*case(name), width=width, colour=colour)


def lines_of(made: running.Case) -> list[str]:
    """The lines of the page of a case."""
    return draw(*posed(made), width=200).splitlines()


@pytest.mark.parametrize("name", NAMES)
def test_golden(name: str, golden: Golden) -> None:
    """Each case's page is the one that was looked at and approved."""
    lines = [line.rstrip() for line in page(name).splitlines()]
    golden("\n".join(lines) + "\n", f"export/{name}.table")


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_cut_at_80_columns(name: str) -> None:
    """No cell of a table is too narrow for what stands in it, and no line too long."""
    assert max(len(line) for line in page(name).splitlines()) <= 80
    assert page(name).count("…") == page(name, width=200).count("…")


def test_colour_changes_no_letter() -> None:
    """Colour only adds to what is there without it."""
    for name in ("thread", "running-raised", "running-migrating"):
        plain, coloured = page(name), page(name, colour=True)
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
        (50, 75, 0, "█" * 5 + "▞" * 5 + "░" * 10),
        (0, 1, 100, "█" * 18 + "▞▒"),
        (10, 0, 10, "█" * 17 + "▓" * 2 + "▒"),
        (0, 10, 10, "█" * 17 + "▞" * 2 + "▒"),
        (10, 20, 10, "█" * 16 + "▞" * 2 + "▒" * 2),
    ],
)
def test_bar(before: int, after: int, promised: int, bar: str) -> None:
    """The bar is 20 marks long, and a page that is taken is seen."""
    pool = PoolUse(
        page_size=4096, total=100, free_before=before, free_after=after, promised=promised
    )
    assert pool_bar(pool).plain == bar


def nearest(case: running.Case, *, value: int, bound: int) -> running.Case:
    """The case with a value of objective target-distance, which comes first."""
    distance = ObjectiveValue(kind="target-distance", value=value, bound=bound, unit="bytes")
    return case.answered(objectives=(distance,))


@pytest.mark.parametrize(
    ("wanted", "bound", "line"),
    [
        (5 * GiB, 0, "target met: 5 GiB"),
        (5190 * MiB, 70 * MiB, "below the wanted 5190 MiB (no plan comes nearer)"),
        (5000 * MiB, 120 * MiB, "above the wanted 5000 MiB (no plan comes nearer)"),
        (5000 * MiB, 64 * MiB, "above the wanted 5000 MiB (perhaps not the nearest)"),
    ],
)
def test_target(wanted: int, bound: int, line: str) -> None:
    """By how much the target is missed, in which direction, and what is proven of that."""
    far = abs(5 * GiB - wanted)
    found = lines_of(nearest(running.grow().asked(target=wanted), value=far, bound=bound))
    assert found[0] == "vm  4 GiB -> 5 GiB, up to 8 GiB"
    if far:
        line = f"target missed: 5 GiB, {far // MiB} MiB {line}"
    assert found[1] == line


def test_targets_of_cells() -> None:
    """Each cell that misses its own target is named, even where the sum is right."""
    target = {0: 2 * GiB, 1: 3 * GiB}
    found = lines_of(nearest(running.grow().asked(target=target), value=GiB, bound=GiB))
    assert found[1] == (
        "target missed: cell 0 has 2.5 GiB, 512 MiB above the wanted 2 GiB; "
        "cell 1 has 2.5 GiB, 512 MiB below the wanted 3 GiB (no plan comes nearer)"
    )
    exact = lines_of(running.grow().asked(target={0: 2560 * MiB, 1: 2560 * MiB}))
    assert exact[1] == "target met: 5 GiB"


def test_nearness_is_claimed_only_where_it_comes_first() -> None:
    """After another objective the distance is not the least there is; of several guests it is
    that of all together."""
    missed = running.grow().asked(target=5000 * MiB)
    assert lines_of(missed)[1].endswith("above the wanted 5000 MiB")
    problem, plan = posed(nearest(missed, value=120 * MiB, bound=120 * MiB))
    other = plan.guests[0].model_copy(update={"name": "other"})
    both = plan.model_copy(update={"guests": (plan.guests[0], other)})
    guests = (problem.guests[0], problem.guests[0].model_copy(update={"name": "other"}))
    text = draw(problem.model_copy(update={"guests": guests}), both, width=200)
    assert text.count("(no plan comes nearer, all guests together)") == 2


def test_nothing_to_do() -> None:
    """A guest that stays as it is has no operations, which is said."""
    made = running.shrink().asked(target=4 * GiB)
    dimms = tuple(
        d.model_copy(update={"state": "present"}) if d.state == "unplug" else d
        for d in made.plan.guests[0].dimms
    )
    found = lines_of(made.planned(memory=4 * GiB, operations=(), dimms=dimms))
    assert found[:2] == ["vm  4 GiB, up to 8 GiB", "target met: 4 GiB; nothing to do"]
    assert not any("guest then" in line for line in found)


def test_many_departures_are_counted() -> None:
    """The first are listed, the others counted."""
    departures = tuple(f"slot {n} is new" for n in range(11))
    found = [
        line for line in lines_of(running.grow().planned(departures=departures)) if "•" in line
    ]
    assert found[-2:] == [" • not as planned: slot 7 is new", " • not as planned: 3 more"]


def test_devices_that_count_as_slots() -> None:
    """libvirt before 9.5 counts a virtio-mem as a slot, later ones do not."""
    made = running.raised()
    assert "8 slots: 2 plugged, 1 reserved, 1 for other devices, 4 free" in lines_of(made)
    newer = made.posed(libvirt="9.5")
    assert "8 slots: 2 plugged, 1 reserved, 5 free" in lines_of(newer)


def test_cells_of_several_guests_on_a_destination() -> None:
    """Each row names its guest."""
    problem, plan = posed(running.migrating())
    there = plan.destinations[0]
    other = there.guests[0].model_copy(update={"name": "other"})
    there = there.model_copy(update={"guests": (there.guests[0], other)})
    text = draw(problem, plan.model_copy(update={"destinations": (there,)}))
    rows = text[text.index("destination 1") :].splitlines()
    assert rows[2].split() == ["guest", "cell", "pages", "host", "node"]
    assert [row.split()[:2] for row in rows[4:6]] == [["vm", "0-1"], ["other", "0-1"]]

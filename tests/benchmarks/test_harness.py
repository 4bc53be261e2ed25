"""The benchmarks run, and their tables say what the raw numbers say. No time is judged."""

from __future__ import annotations

import json
import statistics
from importlib import import_module
from itertools import combinations_with_replacement
from pathlib import Path

import pytest

from benchmarks import __main__ as command
from benchmarks import batch, cases, formulations, limit, startup, timing
from benchmarks.draw import Size, problems, scenario
from benchmarks.formulations import Core, Outcome
from benchmarks.limit import Answers
from benchmarks.report import Table
from slotsolver.size import MiB

SOME = Size(cells=4, slots=32, nodes=2, pages=3)
ANSWERS = Answers(
    name="some",
    statuses=("optimal", "infeasible", "optimal", "feasible", "refused"),
    seconds=(0.010, 0.5, 0.030, 0.200, 0.001),
    empty=(0.001, 0.002, 0.003),
    cpu=0.5,
)


def row_of(table: Table, first: str) -> dict[str, object]:
    """The row that begins so, by column."""
    found = next(row for row in table.rows if row[0] == first)
    return dict(zip(table.columns, found, strict=True))


def test_quantile() -> None:
    """The 99th of a hundred, the largest of few."""
    values = [float(n) for n in range(1, 101)]
    assert timing.quantile(values[::-1], 0.99) == 99
    assert timing.quantile(values, 0.5) == 50
    assert timing.quantile([3.0, 1.0], 0.99) == 3
    assert timing.quantile([3.0], 0.0) == 3


def test_milliseconds() -> None:
    """Three digits that count."""
    assert [timing.milliseconds(t) for t in (0.0012, 0.0123, 0.123, 1.5)] == [
        "1.20",
        "12.3",
        "123",
        "1500",
    ]


def test_machine() -> None:
    """What the machine is can be written."""
    assert {"cpu", "cores", "python", "ortools", "slotsolver"} <= timing.machine().keys()
    json.dumps(timing.machine())


def test_seed() -> None:
    """The same seed gives the same problems, another one others."""
    assert problems(SOME, 5) == problems(SOME, 5)
    assert problems(SOME, 5, "other") != problems(SOME, 5)


def test_drawn_problems_differ() -> None:
    """No problem is drawn twice, scenarios hardly ever are."""
    assert len({p.model_dump_json() for p in problems(SOME, 30)}) == 30
    assert len({scenario(n).model_dump_json() for n in range(100)}) > 95


@pytest.mark.parametrize("size", [*limit.sizes(quick=True), *limit.sizes(quick=False)])
def test_size_is_as_asked(size: Size) -> None:
    """Drawn problems have the size that the table says."""
    (problem,) = problems(size, 1)
    assert problem.host
    assert len(problem.host.nodes) == size.nodes
    assert len(problem.host.page_sizes()) == size.pages
    assert len(problem.guests) == size.guests
    assert {len(g.cells) for g in problem.guests} == {size.cells}
    assert {g.slots for g in problem.guests} == {size.slots}
    bare = {g.model_copy(update={"name": "g"}).model_dump_json() for g in problem.guests}
    assert (len(bare) > 1) == (size.different_guests and size.guests > 1)


def test_different_cells_differ() -> None:
    """In boot memory or target."""
    (guest,) = problems(Size(8, 64, 4, 3, different_cells=True), 1)[0].guests
    assert isinstance(guest.target, dict)
    assert len({(c.memory, guest.target[c.id]) for c in guest.cells}) > 4


def test_limit_row() -> None:
    """A row of the table is worked out of the raw numbers."""
    table = limit.size_table("sizes", [ANSWERS])
    row = row_of(table, "some")
    assert row["problems"] == 5
    assert row["p50 ms"] == "30.0"
    assert row["p99 ms"] == "200"
    assert row["p50 / empty"] == "15.0"
    assert row["p99 / p50"] == "6.7"
    assert row["optimal"] == "67%"
    assert row["no plan"] == "1 + 1"
    assert row["no, p50 ms"] == "500"
    assert table.raw["answers"] == [ANSWERS.raw()]


def test_missed_goals_are_named() -> None:
    """Which of them, and by how much."""
    row = row_of(limit.goal_table({Size(4, 64, 4, 3): ANSWERS}), "up to 4 cells and 64 slots")
    assert (row["p50"], row["p99 / p50"], row["goals"]) == ("15.0", "6.7", "missed: p50, proof")


def test_goals_that_hold() -> None:
    """Five empty calls are few enough."""
    good = Answers("good", ("optimal",) * 3, (0.004, 0.005, 0.006), (0.001,) * 3, 0.015)
    row = row_of(limit.goal_table({Size(4, 64, 4, 3): good}), "up to 4 cells and 64 slots")
    assert row["goals"] == "hold"


def test_other_sizes_have_no_part_in_a_goal() -> None:
    """Other host nodes and several guests have none."""
    found = limit.goal_table({Size(4, 64, 8, 3): ANSWERS, Size(2, 8, 2, 1, 10): ANSWERS})
    assert not found.rows


def test_exponent() -> None:
    """1 is linear, 0 is flat."""
    assert limit.exponent((1, 2, 4), (3.0, 6.0, 12.0)) == pytest.approx(1)
    assert limit.exponent((1, 10, 50), (2.0, 2.0, 2.0)) == pytest.approx(0)


@pytest.mark.parametrize("name", limit.FAMILIES)
def test_families_grow_in_one_thing(name: str) -> None:
    """Seeds differ in the host only, values in the guests."""
    values, make, _ = limit.FAMILIES[name]
    one, same, other = make(values[0], 0), make(values[0], 1), make(values[1], 0)
    assert one.guests == same.guests != other.guests
    assert one.host != same.host


def test_limit_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """All of its tables, over few small sizes."""
    small = [Size(1, 8, 1, 1), Size(2, 8, 2, 3)]
    monkeypatch.setattr(limit, "sizes", lambda **_: small)
    monkeypatch.setattr(limit, "FAMILIES", {"slots": ((8, 16, 32), limit.slotted, "flat")})
    monkeypatch.setattr(limit, "RUNNING", ((2, 8, 32, 128),))
    monkeypatch.setattr(limit, "RULES", limit.RULES[:2])
    monkeypatch.setattr(limit, "QUICK", limit.Effort(2, 2, 5.0, 60.0, 2))
    goals, sizes, rules, flat, running = limit.run(quick=True)
    assert {row[0] for row in sizes.rows} == {limit.describe(size) for size in small}
    assert [len(row) for row in flat.rows] == [len(flat.columns)]
    assert len(running.rows) == 2
    assert [row[0] for row in rules.rows][::3] == ["none", "objectives: fewest-slots"]
    for answers in (*sizes.raw["answers"], *running.raw["answers"]):  # type: ignore[misc]  # lists
        assert len(answers["seconds"]) == len(answers["statuses"]) == 2
        assert len(answers["empty"]) == 4
    assert goals.rows


@pytest.mark.parametrize("sign", [1, -1])
def test_running_guest_becomes_larger_or_smaller(sign: int) -> None:
    """Each other one on a host."""
    for seed in (0, 1):
        problem = limit.resize(2, 8, 32, sign, 128, seed)
        (guest,) = problem.guests
        assert (guest.target_size - guest.size_now) * sign > 0
        assert (problem.host is None) == bool(seed % 2)


def test_cases_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first of the cases, with its own numbers."""
    first = dict(list(cases.CASES.items())[:1])
    monkeypatch.setattr(cases, "CASES", first)
    table = cases.run(quick=True)
    ((name, raw),) = table.raw.items()
    assert isinstance(raw, dict)
    median = timing.milliseconds(statistics.median(raw["seconds"]))
    assert row_of(table, name)["median ms"] == median
    assert raw["status"] == "optimal"


def test_imported_modules() -> None:
    """What a process imports is found, what it does not import is not."""
    assert "json" in startup.imported(startup.PLAIN, ("-c", "import json"))
    assert "json" not in startup.imported(startup.PLAIN, ("-c", "pass"))


def test_startup_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands with and without a large module."""
    calls = {"yaml": (("-c", "import yaml"), ""), "pass": (("-c", "pass"), "")}
    monkeypatch.setattr(startup, "CALLS", calls)
    monkeypatch.setattr(startup, "QUICK_RUNS", 2)
    monkeypatch.setattr(startup, "drop_caches", lambda: False)
    table = startup.run(quick=True)
    assert row_of(table, "yaml")["large ones imported"] == "yaml"
    assert row_of(table, "pass")["large ones imported"] == "none"
    assert row_of(table, "pass")["cold ms"] == "-"


def test_speed_rows() -> None:
    """Scenarios a second are those of the raw times."""
    alone = {
        "different": batch.Speed((0.1, 0.3), 0.4, {"optimal": 2}),
        "again": batch.Speed((0.05, 0.05), 0.1, {"optimal": 2}),
    }
    table = batch.speed_rows(alone, {1: 0.5, 2: 0.25})
    assert row_of(table, "different, one process")["a second"] == "5.0"
    assert row_of(table, "the same again")["x the first row"] == "4.00"
    assert row_of(table, "different, handed out to 2 workers")["a second"] == "8.0"
    assert "2.00 times as fast" in table.notes[-1]


def test_memory_is_projected_and_said_to_be() -> None:
    """By the line through the second half of the readings."""
    readings = [(0, 50 * MiB), (100, 90 * MiB), (150, 95 * MiB), (200, 100 * MiB)]
    table = batch.memory_rows(readings, (150, 1200))
    assert table.raw["bytes_per_scenario"] == pytest.approx(0.1 * MiB)
    assert row_of(table, "after 150")["MiB"] == "95.0"
    assert row_of(table, "after 150")["how"] == "measured"
    assert row_of(table, "after 1,200")["MiB"] == "200.0"
    assert row_of(table, "after 1,200")["how"] == "projected"


def test_batch_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """With few scenarios."""
    monkeypatch.setattr(batch, "QUICK_COUNT", 4)
    monkeypatch.setattr(batch, "QUICK_MEMORY_COUNTS", (3,))
    speed, memory = batch.run(quick=True)
    assert [row[1] for row in speed.rows] == [4, 4, 4, 4]
    assert row_of(memory, "after 3")["how"] == "measured"


@pytest.mark.parametrize("totals", [(7, 9), (6,), (23, 5), (11, 6, 4)])
def test_all_models_find_the_least(totals: tuple[int, ...]) -> None:
    """As trying all sets of DIMMs does."""
    fewest = sum(least(total) for total in totals)
    small = Core(totals, fewest + 1)
    outcomes = {name: model(small, 20) for name, model in formulations.MODELS.items()}
    assert {o.dimms for o in outcomes.values()} == {fewest}
    assert {o.status for o in outcomes.values()} == {"optimal"}
    assert formulations.agreement(outcomes) == "yes (3 proven)"


def test_disagreement_is_said() -> None:
    """Of two proofs; what is not proven has no say."""
    outcomes = {
        "a": Outcome(1, "optimal", 3, 1),
        "b": Outcome(1, "optimal", 4, 1),
        "c": Outcome(1, "feasible", 5, 1),
    }
    assert formulations.agreement(outcomes) == "NO (2 proven)"
    assert formulations.shown(outcomes["c"])[2] == "5 >"


def test_formulations_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """The smallest size."""
    monkeypatch.setattr(formulations, "QUICK_CELLS", (1,))
    monkeypatch.setattr(formulations, "QUICK_SLOTS", (8,))
    table = formulations.run(quick=True)
    assert [row[-1] for row in table.rows] == ["yes (3 proven)"] * 2
    rules = ("at most 1 GiB", "every step")
    assert list(table.raw) == [f"1 cell, 8 slots, {rule}" for rule in rules]


def least(total: int) -> int:
    """The fewest DIMMs with this sum whose subsets have every sum up to it, by trying all."""
    return next(
        count
        for count in range(1, total + 1)
        for dimms in combinations_with_replacement(formulations.SIZES, count)
        if sum(dimms) == total and sums(dimms) == set(range(total + 1))
    )


def sums(dimms: tuple[int, ...]) -> set[int]:
    """The sums of all subsets."""
    found = {0}
    for dimm in dimms:
        found |= {one + dimm for one in found}
    return found


def test_writes_what_it_shows(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Tables to the terminal, raw numbers to the file."""
    table = Table("A title", ("what", "ms"), (("this", "3.5"),), {"seconds": [0.0035]})
    monkeypatch.setattr(command, "run", lambda *_, **__: (table,))
    file = tmp_path / "found.json"
    command.main(["batch", "--quick", "--json", str(file)])
    written = json.loads(file.read_text())
    assert written["quick"] is True
    assert written["machine"]["cores"]
    ((name, part),) = written["parts"].items()
    assert name == "batch"
    assert part["tables"][0]["rows"] == [["this", "3.5"]]
    assert part["tables"][0]["raw"] == {"seconds": [0.0035]}
    assert "A title" in capsys.readouterr().out


def test_every_part_can_be_run() -> None:
    """Each has its module."""
    for name in command.PARTS:
        assert callable(import_module(f"benchmarks.{name}").run)


def test_unknown_part(capsys: pytest.CaptureFixture[str]) -> None:
    """Is refused, and the known ones are named."""
    with pytest.raises(SystemExit):
        command.main(["nothing"])
    assert "'nothing' is none of limit" in capsys.readouterr().err

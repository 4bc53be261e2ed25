"""What each use of slotsolver imports: start-up time is the time of imports.

No clock here: which modules a process has in the end is what decides, and does not vary.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import slotsolver
import slotsolver.checker

PROJECT = Path(__file__).parents[2]
DEMO = "examples/thread-2014/problem.yaml"

PROGRAM = """
import sys
from slotsolver.cli import main
code = main(sys.argv[1:])
sys.stdout = sys.stderr
print("modules:", *sys.modules)
sys.exit(code)
"""

LIBRARIES = {
    "pydantic",
    "pydantic_core",
    "ortools",
    "numpy",
    "pandas",
    "lxml",
    "rich",
    "yaml",
    "duckdb",
    "distributed",
}
"""What takes longer to import than slotsolver's own modules."""

SLOW = {*LIBRARIES, "dataclasses", "email", "importlib.metadata", "inspect", "traceback"}
"""With what of the standard library brings many modules along."""


def modules_after(script: str, *arguments: str, code: int = 0) -> set[str]:
    """The modules of a fresh interpreter after a script that prints them last."""
    command = [sys.executable, "-c", script, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=PROJECT)
    assert done.returncode == code, done.stderr
    last = done.stderr.splitlines()[-1]
    assert last.startswith("modules: ")
    return set(last.split()[1:])


def modules_of(statement: str) -> set[str]:
    """The modules of a fresh interpreter after a statement."""
    return modules_after(
        f"import sys; {statement}; print('modules:', *sys.modules, file=sys.stderr)"
    )


@pytest.mark.parametrize(
    "line",
    ["--help", "--version", "plan --help", "schema --help", "study --help", "study run --help"],
)
def test_help_needs_the_parser_only(line: str) -> None:
    """No library, no data of slotsolver's, nothing of any command."""
    loaded = modules_after(PROGRAM, *line.split())
    assert not SLOW & loaded
    others = {name for name in loaded if name.startswith("slotsolver.")}
    own = {"slotsolver.errors", "slotsolver.explain", "slotsolver.lazy", "slotsolver.version"}
    assert {name for name in others if not name.startswith("slotsolver.cli")} == own
    assert not {"slotsolver.cli.inputs", "slotsolver.cli.wishes", "slotsolver.cli.tables"} & others


@pytest.mark.parametrize("line", ["", "plan --no-such", "plan --time-limit soon", "study"])
def test_bad_usage_is_told_without_libraries(line: str) -> None:
    """One line on standard error costs no more than the help."""
    assert not SLOW & modules_after(PROGRAM, *line.split(), code=2)


def test_the_package_loads_next_to_nothing() -> None:
    """Its public names come when they are asked for, and not more than these need."""
    assert not SLOW & modules_of("import slotsolver")
    assert not SLOW & modules_of("from slotsolver import InputError, SizeError, solve, check")
    loaded = modules_of("from slotsolver import format_size; format_size(1)")
    assert "slotsolver.size" in loaded
    assert not {"slotsolver.problem", "slotsolver.plan"} & loaded
    loaded = modules_of("from slotsolver import Plan, Problem")
    assert LIBRARIES & loaded == {"pydantic", "pydantic_core"}
    kinds = ("slotsolver.constraints", "slotsolver.objectives")
    assert not [name for name in loaded if name.startswith(kinds)]


@pytest.mark.parametrize("package", [slotsolver, slotsolver.checker], ids=lambda p: p.__name__)
def test_a_lazy_package_is_like_any_other(package: object) -> None:
    """All names are there, once each, are listed, and there are no others."""
    names = package.__all__  # type: ignore[attr-defined]  # of both
    assert set(names) <= set(dir(package))
    for name in names:
        assert getattr(package, name) is getattr(package, name)
        assert name in vars(package)
    with pytest.raises(AttributeError, match="has no attribute 'Plam'"):
        package.Plam  # type: ignore[attr-defined]  # noqa: B018 - to see it fail


def test_star_and_submodules() -> None:
    """`import *` brings every public name, and submodules are imported as ever."""
    statement = "from slotsolver import *; from slotsolver import kinds, policies; Problem, solve"
    assert {"slotsolver.kinds", "slotsolver.policies", "slotsolver.plan"} <= modules_of(statement)


def test_explain_stays_a_function() -> None:
    """The package of the same name does not take its place, whichever is imported first."""
    check = "assert callable(slotsolver.explain)"
    modules_of(f"import slotsolver.explain.words, slotsolver; {check}")
    modules_of(f"import slotsolver, slotsolver.explain.words; {check}")


@pytest.mark.parametrize("form", ["table", "json", "libvirt", "html"])
def test_a_plan_loads_what_it_is_made_with(form: str) -> None:
    """No CP-SAT, which the demo is solved without; not what is for answers of QMP, running guests,
    other kinds, other formats."""
    loaded = modules_after(PROGRAM, "plan", DEMO, "--format", form)
    assert ("rich" in loaded) == (form == "table")
    assert ("slotsolver.export.documents" in loaded) == (form == "json")
    assert not loaded & {
        "slotsolver.catalogue",
        "slotsolver.checker.migration",
        "slotsolver.cli.tables",
        "slotsolver.explain.explain",
        "slotsolver.export.destination",
        "slotsolver.export.files",
        "slotsolver.export.qemu",
        "slotsolver.export.script",
        "slotsolver.ingest.qmp",
        "ortools.sat.python.cp_model",
        "numpy",
        "pandas",
        "rich._emoji_codes",
        "rich.progress",
    }
    not_asked_for = ("waypoints", "keep", "unplug_order", "memslots", "per_step")
    assert not {f"slotsolver.constraints.{kind}" for kind in not_asked_for} & loaded
    of_running_guests = ("planned_growth", "needless_unplug", "stranded_growth", "fewest_plugs")
    assert not {f"slotsolver.objectives.{kind}" for kind in of_running_guests} & loaded
    asked_for = ("host_nodes", "page_size")
    assert {f"slotsolver.constraints.{kind}" for kind in asked_for} <= loaded


def test_a_study_is_shown_without_the_solver(tmp_path: Path) -> None:
    """Its table needs no CP-SAT and no frames, a run no frames and no Dask; plans no database."""
    results = str(tmp_path / "r.parquet")
    study = tmp_path / "study.yaml"
    study.write_text(f"problem: {PROJECT / DEMO}\naxes: [{{field: slots, values: [8, 16]}}]\n")
    line = ("study", "run", str(study), "-o", results, "--workers", "1")
    ran = modules_after(PROGRAM, *line)
    assert not {"pandas", "distributed", "dask", "rich"} & ran
    shown = modules_after(PROGRAM, "study", "show", results)
    assert {"duckdb", "rich"} <= shown
    unwanted = {"ortools.sat.python.cp_model", "pandas", "distributed", "slotsolver.study.run"}
    assert not unwanted & shown
    assert "duckdb" not in modules_after(PROGRAM, "plan", DEMO, "--format", "json")


def test_xml_is_written_without_the_network() -> None:
    """The standard library's XML escapes come with urllib, http and ssl."""
    loaded = modules_of("import slotsolver.export.libvirt")
    assert not {"urllib.request", "http.client", "ssl"} & loaded


def test_a_domain_is_checked_without_plans() -> None:
    """Nor a plan without what is for domains."""
    domain = modules_of("from slotsolver.checker import check_domain")
    plan = modules_of("from slotsolver.checker import check_plan")
    assert "slotsolver.checker.plans" not in domain
    assert "slotsolver.checker.domains" not in plan
    assert "slotsolver.checker.migration" not in domain | plan


def test_places_are_found_without_the_solver() -> None:
    """Addresses mostly need no search."""
    assert "ortools" not in modules_of("import slotsolver.place, slotsolver.fit")

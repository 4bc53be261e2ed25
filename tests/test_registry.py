"""Everything that a policy or an objective needs is there, and arrows between packages go one way.

A policy is one class, one check, one test file of the same name and its entry in the catalogue.
"""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import slotsolver
from slotsolver.checker.objectives import VALUES
from slotsolver.checker.policies import check_for
from slotsolver.kinds import Declared, is_built_in
from slotsolver.policies import objectives, policies

PACKAGE = Path(slotsolver.__file__).parent
PROJECT = Path(__file__).parents[1]
POLICIES = [kind for kind, cls in policies().items() if is_built_in(cls)]
OBJECTIVES = [kind for kind, cls in objectives().items() if is_built_in(cls)]


def module_name(kind: str) -> str:
    """The file name of a kind, without its ending."""
    return kind.replace("-", "_")


def files_in(package: str) -> set[str]:
    """The names of a package's modules."""
    return {path.stem for path in (PACKAGE / package).glob("*.py")} - {"__init__"}


def test_the_policies_are_these() -> None:
    """Every promised kind is known, and a new one is noticed."""
    promised = (
        "step relative-step exact waypoints slots sizes page-size host-nodes balance reserve "
        "headroom shrinkable-to guest-block memslots memmap "
        "accept keep unplug-order max-operations no-swap swap add-only guest-free per-step device"
    )
    assert set(promised.split()) <= set(POLICIES)


def test_the_objectives_are_these() -> None:
    """Every promised kind is known."""
    promised = (
        "fewest-slots finest-step least-imbalance shortest-distance largest-pages least-stranding "
        "lowest-maxmem preferred-pages target-distance planned-growth needless-unplug "
        "fewest-unplugs fewest-plugs stranded-growth unpaid-growth growth-imbalance"
    )
    assert set(promised.split()) <= set(OBJECTIVES)


@pytest.mark.parametrize("kind", POLICIES)
def test_a_policy_is_complete(kind: str) -> None:
    """Class, check, tests and catalogue entry of one name."""
    name = module_name(kind)
    assert policies()[kind].__module__ == f"slotsolver.constraints.{name}"
    assert check_for(kind).__module__ == f"slotsolver.checker.policies.{name}"
    assert (PROJECT / "tests" / "constraints" / f"test_{name}.py").is_file()


@pytest.mark.parametrize("kind", OBJECTIVES)
def test_an_objective_is_complete(kind: str) -> None:
    """Class, check and tests."""
    name = module_name(kind)
    assert objectives()[kind].__module__ == f"slotsolver.objectives.{name}"
    assert kind in VALUES
    assert (PROJECT / "tests" / "objectives" / f"test_{name}.py").is_file()


@pytest.mark.parametrize("kind", [*POLICIES, *OBJECTIVES])
def test_the_catalogue_knows_it(kind: str) -> None:
    """The catalogue has a heading for every kind."""
    catalogue = (PROJECT / "docs" / "catalogue.md").read_text()
    headings = [line for line in catalogue.splitlines() if line.startswith("#")]
    assert any(f"`{kind}`" in line or line.split()[-1] == kind for line in headings)


@pytest.mark.parametrize("kind", [*POLICIES, *OBJECTIVES])
def test_it_says_what_it_is(kind: str) -> None:
    """The class has a text of its own, which the catalogue is made of, and describes itself."""
    found: dict[str, type[Declared]] = {**policies(), **objectives()}
    assert "__doc__" in vars(found[kind])
    assert vars(found[kind])["__doc__"].strip()
    assert "describe" in vars(found[kind])


def test_there_is_nothing_besides() -> None:
    """No module without its kind, no check or test without its policy."""
    names = {module_name(kind) for kind in POLICIES}
    assert files_in("constraints") == names
    assert files_in("checker/policies") == names
    tests = {path.stem for path in (PROJECT / "tests" / "constraints").glob("test_*.py")}
    assert tests == {f"test_{name}" for name in names}
    assert files_in("objectives") == {module_name(kind) for kind in OBJECTIVES}
    assert set(VALUES) == set(OBJECTIVES)


def loaded_by(statement: str) -> set[str]:
    """The top-level modules that a fresh interpreter has after a statement."""
    script = f"import sys; {statement}; print(*{{name.split('.')[0] for name in sys.modules}})"
    done = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True, cwd=PROJECT
    )
    return set(done.stdout.split())


def test_importing_is_light() -> None:
    """`import slotsolver` loads none of the heavy libraries; only the search loads ortools."""
    heavy = {"ortools", "pandas", "numpy", "lxml", "rich"}
    assert not heavy & loaded_by("import slotsolver")
    assert not heavy & loaded_by("import slotsolver.solver")
    assert "ortools" in loaded_by("import slotsolver.cp_sat")


def test_policies_are_read_without_the_solver() -> None:
    """A problem can be read, and every kind be known, without ortools."""
    statement = "from slotsolver.policies import policies, objectives; policies(); objectives()"
    assert "ortools" not in loaded_by(statement)


def test_a_plan_is_checked_without_the_solver() -> None:
    """Nor does the checker need it."""
    names = ", ".join(f"slotsolver.checker.policies.{module_name(kind)}" for kind in POLICIES)
    assert "ortools" not in loaded_by(f"import slotsolver.checker, {names}")


def imports_of(path: Path) -> Iterator[str]:
    """Every module that a file imports, anywhere in it, also for types only."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path} imports relatively"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


SHARED = (
    "slotsolver.entry_points",
    "slotsolver.errors",
    "slotsolver.fields",
    "slotsolver.lazy",
    "slotsolver.metadata",
    "slotsolver.plan",
    "slotsolver.platforms",
    "slotsolver.problem",
    "slotsolver.size",
)
"""What the checker may have in common with the solver: data and facts, no decisions."""


@pytest.mark.parametrize(
    "path",
    sorted((PACKAGE / "checker").rglob("*.py")),
    ids=lambda path: str(path.relative_to(PACKAGE)),
)
def test_the_checker_shares_nothing_with_the_solver(path: Path) -> None:
    """It would repeat its mistakes: only data, facts and the readers of XML are common."""
    allowed = (*SHARED, "slotsolver.checker", "slotsolver.ingest")
    for name in imports_of(path):
        assert not name.startswith("ortools")
        if name.startswith("slotsolver."):
            assert name.startswith(allowed), f"{path.name} imports {name}"


@pytest.mark.parametrize(
    "name", ["problem", "plan", "policies", "kinds", "size", "errors", "fields"]
)
def test_data_knows_neither_solver_nor_files(name: str) -> None:
    """Arrows go one way: data imports no ortools, no readers, no writers (but for types, and for a
    notebook when it asks for a picture)."""
    text = (PACKAGE / f"{name}.py").read_text()
    tree = ast.parse(text)
    tree.body = [node for node in tree.body if not isinstance(node, ast.If)]
    for node in [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)]:
        node.body = [] if node.name == "_repr_html_" else node.body
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            imported = ast.unparse(node)
            assert not any(word in imported for word in ("ortools", "lxml", "yaml", "rich"))
            assert "slotsolver.ingest" not in imported
            assert "slotsolver.export" not in imported


@pytest.mark.parametrize(
    "path", sorted((PACKAGE / "export").rglob("*.py")), ids=lambda path: path.name
)
def test_writers_decide_nothing(path: Path) -> None:
    """Writers know no solver and no constraints."""
    forbidden = ("ortools", "slotsolver.solver", "slotsolver.model", "slotsolver.constraints")
    for name in imports_of(path):
        assert not name.startswith(forbidden), f"{path.name} imports {name}"


@pytest.mark.parametrize("kind", [*POLICIES, *OBJECTIVES])
def test_a_kind_is_imported_by_its_name(kind: str) -> None:
    """The class can be had from Python by the module of its kind."""
    package = "constraints" if kind in POLICIES else "objectives"
    module = importlib.import_module(f"slotsolver.{package}.{module_name(kind)}")
    assert getattr(module, "".join(word.capitalize() for word in kind.split("-")))

"""A user's own rule: found by its entry point, used everywhere, refused in words if need be."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

import pytest
from pydantic import ValidationError

from slotsolver.catalogue import INSTALLED, catalogue, entry
from slotsolver.checker import check_plan
from slotsolver.checker.subject import subject_of
from slotsolver.cli import main
from slotsolver.errors import DefectError, InputError
from slotsolver.plan import Plan
from slotsolver.policies import Policy, Scope, policies
from slotsolver.problem import Problem
from slotsolver.size import GiB, MiB
from slotsolver.solver import solve
from tests.constraints.builders import (
    B,
    best,
    host,
    new_sizes,
    nodes_of,
    packed,
    problem,
    rules,
    running,
)
from tests.own_rules import CHECKS, EXAMPLE, OBJECTIVES, POLICIES, PROJECT, Site, site_in

if TYPE_CHECKING:
    from slotsolver.facts import GuestFacts
    from slotsolver.model import GuestModel

RULE = '''
from typing import Literal
from slotsolver.policies import Policy

class Idle(Policy):
    """Nothing is asked."""
    kind: Literal["idle"] = "idle"
    def describe(self):
        return "nothing is asked"
'''
"""A rule that asks nothing."""

OBJECTIVE = '''
from typing import Literal
from slotsolver.policies import Objective

class FewestEarly(Objective):
    """DIMMs that are plugged at once."""
    kind: Literal["fewest-early"] = "fewest-early"
    unit = "DIMMs"
    def describe(self):
        return "DIMMs that are plugged at once"
    def expression(self, model):
        return sum(cell.gained(1) for guest in model.guests for cell in guest.cells)
'''

Ran = tuple[int, str, str]


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """An empty folder of distributions."""
    with site_in(tmp_path / "site", monkeypatch) as found:
        yield found


@pytest.fixture
def program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Ran]:
    """The program within this process, in a copy of the example's folder: exit code and output."""
    shutil.copytree(EXAMPLE, tmp_path / "example")
    monkeypatch.chdir(tmp_path / "example")

    def run(*arguments: str) -> Ran:
        code = main(arguments)
        out, err = capsys.readouterr()
        return code, out, err

    return run


def test_what_is_installed_is_not_read_before_a_kind_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither help nor imports look for entry points."""

    def refuse(group: str, **_: object) -> None:
        raise AssertionError(f"entry points of {group} are read")

    monkeypatch.setattr(metadata, "entry_points", refuse)
    for arguments in (["--help"], ["plan", "--help"], ["schema", "--help"], ["--version"]):
        assert main(arguments) == 0
    capsys.readouterr()
    script = (
        "import slotsolver, slotsolver.kinds, slotsolver.problem, slotsolver.checker, "
        "slotsolver.cli.app; print(slotsolver.kinds.registry.cache_info().misses)"
    )
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert done.stdout == "0\n"


REFUSED = {
    "a module that is not there": ("no_such_module:Rule", "", "No module named 'no_such_module'"),
    "a class that is not there": ("broken_rule:Rule", "", "has no attribute 'Rule'"),
    "a module that fails": (
        "broken_rule",
        "x = 1\nprint(1 / 0)\n",
        "ZeroDivisionError: division by zero (broken_rule.py, line 2)",
    ),
    "a syntax error": ("broken_rule", "def\n", "cannot be imported: SyntaxError"),
    "no policy": ("broken_rule:Rule", "class Rule: pass", "is no subclass of"),
    "an objective": (
        "broken_rule:FewestEarly",
        OBJECTIVE,
        "is no subclass of slotsolver.policies.Policy",
    ),
    "a function": ("broken_rule:rule", "def rule(): pass", "is no subclass of"),
    "a module without policies": ("broken_rule", "from slotsolver.policies import *", "no module"),
    "a built-in kind": (
        "broken_rule",
        RULE.replace('"idle"', '"step"'),
        "the kind 'step' is taken by slotsolver",
    ),
    "a kind in capitals": (
        "broken_rule",
        RULE.replace('"idle"', '"myRule"'),
        "Idle has the kind 'myRule'; write it in lower case with hyphens",
    ),
    "a kind with underscores": (
        "broken_rule",
        RULE.replace('"idle"', '"my_rule"'),
        "'my_rule'; write it in lower case",
    ),
    "no kind": (
        "broken_rule:Idle",
        RULE.replace('    kind: Literal["idle"] = "idle"\n', ""),
        "Idle has no kind",
    ),
    "no docstring": (
        "broken_rule",
        RULE.replace('    """Nothing is asked."""\n', ""),
        "Idle has no docstring",
    ),
    "no sentence": ("broken_rule", RULE.replace("describe", "describes"), "Idle has no describe()"),
}


@pytest.mark.parametrize("fault", REFUSED)
def test_an_entry_point_that_cannot_be_used_is_named(
    fault: str, site: Site, program: Callable[..., Ran]
) -> None:
    """One line with the distribution, the entry point and what is wrong; bad input, no defect."""
    value, text, message = REFUSED[fault]
    site.install("broken-rule", {POLICIES: {"mine": value}}, text)
    code, out, err = program("plan", "problem.yaml")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert f"broken-rule 1.0: entry point mine = {value} of slotsolver.policies: " in err
    assert message in err


def test_two_distributions_with_one_kind(site: Site) -> None:
    """The second one is named, and whose the kind is."""
    site.install("one-rule", {POLICIES: {"idle": "one_rule"}}, RULE)
    site.install("two-rule", {POLICIES: {"idle": "two_rule:Idle"}}, RULE)
    with pytest.raises(InputError, match=r"two-rule 1\.0: .* 'idle' is taken by one-rule") as told:
        policies()
    assert "\n" not in str(told.value)


def test_a_module_and_its_class_are_one(site: Site) -> None:
    """A class that two entry points lead to is there once; what a module only imports counts too,
    but for slotsolver's own."""
    site.install("one-rule", {POLICIES: {"module": "one_rule", "idle": "one_rule:Idle"}}, RULE)
    text = "from one_rule import Idle\nfrom slotsolver.constraints.step import Step\n"
    site.install("again", {POLICIES: {"again": "again"}}, text)
    assert policies()["idle"].__module__ == "one_rule"
    assert policies()["step"].__module__ == "slotsolver.constraints.step"


def test_a_file_may_name_it(site: Site, program: Callable[..., Ran]) -> None:
    """In YAML it is a policy like any other, and its check vouches for it."""
    site.install_example()
    code, out, err = program("plan", "problem.yaml", "--format", "json")
    assert (code, err) == (0, "")
    plan = json.loads(out)
    assert [dimm["cell"] for dimm in plan["guests"][0]["dimms"]].count(0) == 4
    assert plan["notes"] == []


def test_unknown_fields_and_values_are_refused_as_usual(
    site: Site, program: Callable[..., Ran]
) -> None:
    """Kinds and fields are suggested, values judged by the class."""
    site.install_example()
    for wish, message in (
        ("cell-dims=3", "did you mean 'cell-dimms'?"),
        ("cell-dimms=most:3", "there is no such field here"),
        ("cell-dimms=-1", "greater than or equal to 0"),
        ("cell-dimms=3,cells:7", "names cell 7, which is not there"),
    ):
        code, out, err = program("plan", "problem.yaml", "--policy", wish)
        assert (code, out) == (2, "")
        assert message in err


def test_the_command_line_may_name_it(site: Site, program: Callable[..., Ran]) -> None:
    """``--policy KIND=VALUE`` takes the place of the file's; its sentence is in the conflict."""
    site.install_example()
    code, out, _ = program("plan", "problem.yaml", "--policy", "cell-dimms=3", "--format", "json")
    assert code == 3
    conflict = {member["rule"]: member["says"] for member in json.loads(out)["conflict"]}
    assert conflict["policy cell-dimms"].startswith("each cell gets at most 3 DIMMs")
    assert "policy step" in conflict
    code, _, _ = program("plan", "problem.yaml", "--policy", "cell-dimms=3,guests:db,cells:0")
    assert code == 3
    code, _, _ = program("plan", "problem.yaml", "--policy", "cell-dimms=4,cells:0")
    assert code == 0


def test_its_number_is_declared(site: Site) -> None:
    """What remedies are computed from."""
    site.install_example()
    policy = policies()["cell-dimms"].model_validate({"at_most": 3})
    (number,) = policy.numbers(Scope(unit=128 * MiB, most=GiB))
    assert (number.field, number.values[0], number.nested) == ("at_most", 4, True)


def test_a_remedy_changes_its_number(site: Site, program: Callable[..., Ran]) -> None:
    """The smallest change of it that helps is said, and it helps."""
    site.install_example()
    code, out, _ = program("plan", "too-few.yaml", "--format", "json")
    assert code == 3
    remedies = {remedy["change"]: remedy for remedy in json.loads(out)["remedies"]}
    mine = remedies["policy cell-dimms at_most"]
    assert (mine["from"], mine["to"]) == ("3", "4")
    assert "`at_most` 4 instead of 3" in mine["says"]
    assert program("plan", "too-few.yaml", "--policy", "cell-dimms=4")[0] == 0


def test_its_check_judges(site: Site, program: Callable[..., Ran]) -> None:
    """A plan that breaks the rule is refused by the check of its distribution."""
    site.install_example()
    assert program("plan", "problem.yaml", "--format", "json", "-o", "plan.json")[0] == 0
    code, out, _ = program("check", "plan.json", "--problem", "problem.yaml")
    assert (code, out) == (0, "everything holds\n")
    code, out, _ = program("check", "plan.json", "--problem", "too-few.yaml")
    assert code == 3
    assert "guest db: cell 0 gets 4 DIMMs, at most 3 are wanted  [cell-dimms]" in out


def test_a_rule_and_a_check_that_differ_are_noticed(site: Site) -> None:
    """A rule that asks nothing of the model does not get past a check that does."""
    check = "def check(policy, plan):\n    yield Violation('idle', 'policy', 'it is not', 'here')\n"
    text = f"{RULE}\nfrom slotsolver.checker import Violation\n{check}"
    site.install(
        "idle-rule", {POLICIES: {"i": "idle_rule"}, CHECKS: {"idle": "idle_rule:check"}}, text
    )
    with pytest.raises(DefectError, match="the plan breaks idle: it is not"):
        solve(problem([1], 1, 2, {"kind": "idle"}))


@pytest.mark.parametrize(
    ("check", "message"),
    [
        ("def check(policy, plan):\n    return policy.nothing\n", "AttributeError"),
        ("def check(policy, plan):\n    pass\n", "TypeError: 'NoneType' object is not iterable"),
        ("def check(policy, plan):\n    yield 'no'\n", "yields 'no', which is no Violation"),
        ("check = 4\n", "is no function"),
    ],
)
def test_a_check_that_fails_is_named(check: str, message: str, site: Site) -> None:
    """It is the fault of its distribution, told in one line."""
    entries = {POLICIES: {"i": "idle_rule"}, CHECKS: {"idle": "idle_rule:check"}}
    site.install("idle-rule", entries, f"{RULE}\n{check}")
    with pytest.raises(InputError, match=r"idle-rule 1\.0: entry point idle = ") as told:
        solve(problem([1], 1, 2, {"kind": "idle"}))
    assert message in str(told.value)


def test_two_checks_of_one_kind(site: Site) -> None:
    """It is not left to chance which one judges."""
    check = "def check(policy, plan):\n    return []\n"
    entries = {CHECKS: {"idle": "one_rule:check"}, POLICIES: {"idle": "one_rule:Idle"}}
    site.install("one-rule", entries, f"{RULE}\n{check}")
    site.install("two-rule", {CHECKS: {"idle": "two_rule:check"}}, check)
    with pytest.raises(InputError, match="another check of that kind, by two-rule"):
        solve(problem([1], 1, 2, {"kind": "idle"}))


def test_a_plan_says_what_nobody_vouches_for(site: Site, program: Callable[..., Ran]) -> None:
    """A rule without a check is no defect, but it is said, by the plan and by ``check``."""
    site.install_example(check=False)
    note = "no independent check vouches for policy cell-dimms"
    assert program("plan", "problem.yaml", "--format", "json", "-o", "plan.json")[0] == 0
    assert json.loads(Path("plan.json").read_text())["notes"] == [note]
    code, out, _ = program("check", "plan.json", "--problem", "problem.yaml")
    assert (code, out) == (0, f"everything holds\n{note}\n")
    code, out, _ = program("check", "plan.json", "--problem", "problem.yaml", "--format", "json")
    assert (code, json.loads(out)) == (0, {"violations": [], "notes": [note]})


def test_the_schema_has_it(site: Site, program: Callable[..., Ran]) -> None:
    """Under its kind, so that its class may be called as one of slotsolver's."""
    text = RULE.replace("Idle", "Guest")
    site.install("idle-rule", {POLICIES: {"idle": "idle_rule"}}, text)
    site.install_example()
    schema = json.loads(program("schema", "problem")[1])
    union, bare = schema["properties"]["policies"]["items"]["anyOf"]
    assert {"$ref": "#/$defs/cell-dimms"} in union["oneOf"]
    assert union["discriminator"]["mapping"]["cell-dimms"] == "#/$defs/cell-dimms"
    assert "idle" in bare["enum"]
    assert schema["$defs"]["cell-dimms"]["required"] == ["kind", "at_most"]
    assert "target" in schema["$defs"]["Guest"]["properties"]
    assert "target" not in schema["$defs"]["idle"]["properties"]


def test_the_catalogue_has_it(site: Site, program: Callable[..., Ran]) -> None:
    """Under a heading of its own, with its fields, its sentence and whose it is."""
    plain = catalogue(installed=False)
    assert INSTALLED not in plain
    site.install_example()
    code, out, _ = program("schema", "catalogue")
    assert code == 0
    head, _, own = out.partition(f"## {INSTALLED}\n")
    assert "### step\n" in head
    assert own.count("### ") == 1
    assert entry("cell-dimms") in own
    assert catalogue(installed=False) == plain
    code, out, _ = program("schema", "catalogue", "cell-dimms")
    assert out == entry("cell-dimms")
    assert "| `at_most` | whole number: DIMMs of each cell | needed |" in out
    assert "Where there is no plan, a remedy may change `at_most`." in out
    assert "- {kind: cell-dimms, at_most: 4}\n  # each cell gets at most 4 DIMMs\n" in out
    assert out.endswith("In `slotsolver_cell_dimms` of slotsolver-cell-dimms 1.0.\n")


def test_the_catalogue_without_examples(site: Site) -> None:
    """A kind that can be written as its bare name is shown as that."""
    site.install("idle-rule", {POLICIES: {"idle": "idle_rule"}}, RULE)
    assert "```yaml\n- idle\n  # nothing is asked\n```" in entry("idle")


def test_an_example_of_something_else(site: Site) -> None:
    """A line of YAML that is not of its kind is refused."""
    text = f"{RULE}    examples = ('{{kind: step, size: 1 GiB}}',)\n"
    site.install("idle-rule", {POLICIES: {"idle": "idle_rule"}}, text)
    with pytest.raises(InputError, match="the line for idle: gives step"):
        entry("idle")


def test_a_kind_that_is_not_there(program: Callable[..., Ran]) -> None:
    """The catalogue suggests what is near; a schema takes no kind."""
    assert program("schema", "catalogue", "stepp")[2].endswith("did you mean 'step'?\n")
    assert program("schema", "problem", "step")[0] == 2


def test_an_objective(site: Site) -> None:
    """Objectives come the same way; no check vouches for their values."""
    site.install("early", {OBJECTIVES: {"early": "early"}}, OBJECTIVE)
    plan = best(problem([1], 3, 5, {"kind": "step", "size": B}, objectives=["fewest-early"]))
    assert (plan.objectives[0].kind, plan.objectives[0].value) == ("fewest-early", 2)
    assert "no independent check vouches for the value of fewest-early" in plan.notes
    assert "Its value is in DIMMs." in entry("fewest-early")


class Within(Policy):
    """A rule of this file alone: what a test asks for."""

    kind: Literal["within"] = "within"
    rows: ClassVar[Callable[[Policy, GuestModel], None] | None] = None
    limits: ClassVar[Callable[[Policy, GuestFacts], None] | None] = None

    def describe(self) -> str:
        """The sentence."""
        return "what this test asks for"

    def restrict(self, facts: GuestFacts) -> None:
        """What the test narrows."""
        if type(self).limits:
            type(self).limits(self, facts)

    def apply(self, guest: GuestModel) -> None:
        """The rows of the test."""
        if type(self).rows:
            type(self).rows(self, guest)


def made(**attributes: object) -> type[Within]:
    """A class of that kind."""
    return type("Made", (Within,), {"__module__": __name__, **attributes})


def with_rule(given: Problem, rule: Policy) -> Problem:
    """The problem with an object as another policy."""
    policies = (*given.policies, rule)
    return Problem.model_validate({**dict(given), "policies": policies})


def test_an_object_needs_no_entry_point() -> None:
    """A class of the same process is used as it is, and comes back from JSON."""
    rule = made(rows=lambda r, g: g.add(r, g.planned <= 1))()
    given = with_rule(problem([1], 3, None, {"kind": "step", "size": B}), rule)
    assert {"policy step", "policy within"} <= set(rules(given))
    again = Problem.model_validate_json(given.model_dump_json())
    assert again.policies[-1].kind == "within"
    assert again == given
    assert Problem.model_validate(given.model_dump()) == given


def test_the_last_class_of_a_kind_is_meant() -> None:
    """A notebook may define its class again."""
    first, last = made(), made()
    found = Problem.model_validate(problem([1], 1).model_dump() | {"policies": ["within"]})
    assert type(found.policies[0]) is last is not first


@pytest.mark.parametrize(
    ("kind", "message"),
    [("step", "taken by slotsolver"), ("Not So", "lower case with hyphens")],
)
def test_an_object_of_a_class_that_cannot_be_a_kind(kind: str, message: str) -> None:
    """What could not be told apart afterwards is refused."""
    rule = made(kind=kind, __annotations__={"kind": str})()
    with pytest.raises(ValidationError, match=message):
        with_rule(problem([1], 1), rule)


@pytest.mark.parametrize("method", ["rows", "limits"])
def test_a_rule_that_fails_is_named(method: str) -> None:
    """With its method and the line, as bad input and not as a defect of slotsolver."""
    rule = made(**{method: lambda _, guest: guest.no_such_thing})()
    name = {"rows": "apply", "limits": "restrict"}[method]
    where = (
        r"within of .*test_own_rules: its {} fails: AttributeError: .* \(test_own_rules.py, line"
    )
    with pytest.raises(InputError, match=where.format(name)):
        solve(with_rule(problem([1], 1, 2), rule))


@pytest.mark.parametrize("method", ["numbers", "describe"])
def test_a_rule_that_fails_to_tell_of_itself_is_named(method: str) -> None:
    """Also where it is only asked why there is no plan."""
    rule = made(**{method: lambda *_: [].pop()})()
    step = {"kind": "step", "size": B}
    given = problem([1], 1, 3, step, {"kind": "slots", "at_most": 1})
    with pytest.raises(InputError, match=f"its {method} fails: IndexError"):
        solve(with_rule(given, rule))


TWO_NODES = host((64, 64), (64, 64))


def test_a_rule_may_tell_equal_host_nodes_apart() -> None:
    """Nothing is lost where a rule is about one of two equal nodes."""
    rule = made(rows=lambda r, g: g.add(r, g.cells_on(0, (0, 1)) == 0))
    given = problem([1, 1], 4, 6, {"kind": "page-size", "size": 4096}, host=TWO_NODES)
    assert nodes_of(with_rule(given, rule())) == [(1,), (1,)]


def test_a_rule_may_tell_equal_cells_apart() -> None:
    """Nor where it is about one of two equal cells."""
    rule = made(rows=lambda r, g: g.add(r, g.cells_on(0, (0,)) == 0))
    given = problem(
        [1, 1], {0: 2, 1: 2}, None, {"kind": "host-nodes", "distinct": True}, host=TWO_NODES
    )
    assert nodes_of(with_rule(given, rule())) == [(1,), (0,)]
    alike = made(rows=rule.rows, treats_alike=True)
    with pytest.raises(InputError, match="cells 0-1 are alike and decided together"):
        solve(with_rule(given, alike()))


def test_a_rule_may_narrow_the_sizes_of_one_cell() -> None:
    """Equal cells share no menu then."""
    rule = made(limits=lambda rule, facts: facts.limit_sizes(rule, (1,), minimum=2 * B))
    given = problem([1, 1], {0: 3, 1: 3}, objectives=["finest-step"])
    assert new_sizes(given) == [[1, 1], [1, 1]]
    assert new_sizes(with_rule(given, rule())) == [[2], [2]]


def test_a_rule_may_count_sizes_of_running_guests() -> None:
    """Their sizes are not left open then, and no size that is forbidden is chosen."""

    def no_three(rule: Policy, guest: GuestModel) -> None:
        for cell in guest.cells:
            for stage in cell.growth_stages:
                guest.add(rule, cell.count(3 * B // MiB, stage) == 0)

    given = running([1], 5, 5, devices=packed(1))
    assert new_plugs(given) == [3]
    rule = made(rows=no_three, about_sizes=True)
    assert sorted(new_plugs(with_rule(given, rule()))) == [1, 2]


def new_plugs(given: Problem) -> list[int]:
    """DIMMs that a running guest gets now, in blocks."""
    return [d.size // B for d in best(given).guests[0].dimms if d.state == "plug"]


def test_without_a_check_nothing_else_is_left_out() -> None:
    """The other rules of a problem with an unvouched one are judged as ever."""
    given = with_rule(problem([1], 3, 3, {"kind": "step", "size": 2 * B}), Within())
    plan = solve(given)
    assert isinstance(plan, Plan)
    assert check_plan(given, plan) == ()
    smaller = with_rule(problem([1], 3, 3, {"kind": "step", "size": B}), Within())
    assert [violation.rule for violation in check_plan(smaller, plan)] == ["step"]


PAGE = (PROJECT / "docs" / "own-rules.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("language", "file"),
    [("python", "slotsolver_cell_dimms.py"), ("toml", "pyproject.toml")],
)
def test_the_page_shows_the_example(language: str, file: str) -> None:
    """Its blocks stand in the example, to the letter."""
    shown = re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    assert shown
    for block in shown:
        assert block in (EXAMPLE / file).read_text(encoding="utf-8")


def names_in(section: str, owner: str) -> set[str]:
    """The attributes of ``owner`` (dotted, perhaps) that a section of the page promises."""
    text = PAGE.partition(f"\n### {section}")[2].partition("\n### ")[0]
    text = "\n".join(line for line in text.splitlines() if line.startswith("|"))
    return set(re.findall(rf"(?<![.\w]){re.escape(owner)}\.(\w+)", text))


@pytest.mark.parametrize("given", ["new", "running"])
def test_what_the_page_promises_is_there(given: str) -> None:
    """Every name that a rule or a check may use."""
    if given == "running":
        asked = running([1], 3, 4, devices=packed(1), host=host((64, 64)))
    else:
        asked = problem([1, 1], 4, 6, {"kind": "page-size", "size": 4096}, host=TWO_NODES)
    seen: dict[tuple[str, str], object] = {}
    narrow = {
        "limits": lambda _, facts: seen.update(
            {("`restrict", "facts"): facts, ("`restrict", "cell"): facts.cells[0]}
        ),
        "rows": lambda _, guest: seen.update(
            {
                ("`apply(", "guest"): guest,
                ("`apply(", "cell"): guest.cells[0],
                ("`apply_host", "host"): guest.host_model,
                ("`apply_host", "pool"): guest.host_model.pools[0],
            }
        ),
    }
    asked = with_rule(asked, made(**narrow)())
    subject = subject_of(asked, best(asked))
    seen |= {("`check", "plan"): subject, ("`check", "guest"): subject.guests[0]}
    if given == "running":
        facts = seen["`restrict", "facts"]
        seen["`restrict", "facts.running"] = facts.running
        seen["`apply(", "guest.running"] = seen["`apply(", "guest"].running
    for (section, owner), thing in seen.items():
        promised = names_in(section, owner)
        assert promised, f"{section} promises nothing of {owner}"
        assert not {name for name in promised if not hasattr(thing, name)}

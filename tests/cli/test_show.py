"""``slotsolver host``, ``guest`` and ``schema``."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml

from slotsolver.ingest.host import read_host
from slotsolver.policies import objectives, policies
from slotsolver.problem import Guest
from slotsolver.size import GiB, MiB

Program = Callable[..., subprocess.CompletedProcess[bytes]]
DATA = Path(__file__).parents[1] / "data" / "ingest"
CAPABILITIES = DATA / "capabilities.xml"


def printed(finished: subprocess.CompletedProcess[bytes]) -> str:
    """The standard output of a run that went well and said nothing else."""
    assert (finished.returncode, finished.stderr) == (0, b"")
    return finished.stdout.decode()


def test_host_table(slotsolver: Program) -> None:
    """A table shows nodes, pools and distances."""
    text = printed(slotsolver("host", "host.yaml"))
    assert text.startswith("2 host nodes; base page 4 KiB\n")
    assert "4000 of 4096" in text
    assert "distance" in text


def test_host_json(slotsolver: Program) -> None:
    """JSON has the documented shape: bytes, and pools in pages."""
    host = json.loads(printed(slotsolver("host", "host.yaml", "--format", "json")))
    node = host["nodes"][1]
    assert node["memory"] == 16 * GiB
    assert node["free"] == 8 * GiB
    assert node["pools"] == [{"page_size": 2 * MiB, "total": 4096, "free": 4000}]
    assert node["distances"] == [21, 10]
    assert {"id", "cpus"} <= set(node)


def test_host_yaml_is_a_host(slotsolver: Program, folder: Path) -> None:
    """What is printed as YAML can be read as a host, and is the same one."""
    text = printed(slotsolver("host", str(CAPABILITIES), "--format", "yaml"))
    (folder / "again.yaml").write_text(text)
    assert read_host(str(folder / "again.yaml")) == read_host(str(CAPABILITIES))


def test_this_machine(slotsolver: Program) -> None:
    """Without a source it is this machine."""
    host = json.loads(printed(slotsolver("host", "--format", "json")))
    assert sum(node["memory"] for node in host["nodes"]) > 0


def test_guest(slotsolver: Program) -> None:
    """A guest is shown as a table, as YAML, and as JSON without its document."""
    text = printed(slotsolver("guest", "domain.xml", "--host", "host.yaml"))
    assert text.startswith("db  pc-q35-7.2, not running\n2 GiB now, up to 8 GiB, 16 slots\n")
    guest = json.loads(printed(slotsolver("guest", "domain.xml", "--format", "json")))
    assert (guest["target"], guest["xml"]) == (2 * GiB, None)
    guest = yaml.safe_load(printed(slotsolver("guest", "domain.xml", "--format", "yaml")))
    assert guest["maximum"] == "8 GiB"


def test_guest_yaml_is_a_guest(slotsolver: Program) -> None:
    """What is printed as YAML can be read as a guest, and is the same one."""
    text = printed(slotsolver("guest", "domain.xml", "--format", "yaml"))
    first = printed(slotsolver("guest", "domain.xml", "--format", "json"))
    again = printed(slotsolver("guest", "-", "--format", "json", stdin=text))
    assert Guest.model_validate_json(again) == Guest.model_validate_json(first)


def test_running_guest(slotsolver: Program) -> None:
    """Its devices are shown with what a virtio-mem has and is to have, and planned growth."""
    running, qmp = str(DATA / "running.xml"), str(DATA / "running.qmp.json")
    text = printed(slotsolver("guest", running, "--qmp", qmp))
    assert text.startswith("web  pc-q35-7.2, running\n3.75 GiB now, up to 8 GiB, 8 slots\n")
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert "dimm dimm0 512 MiB - - 0 0 0x140000000 of its cell of its" in lines
    assert "virtio-mem 1 GiB 256 MiB 0 B 1 - 0x160000000 of its cell of its" in lines
    assert "dimm 1 GiB 0 5 0x1c0000000" in lines
    inactive = str(DATA / "running-inactive.xml")
    assert "not running" in printed(slotsolver("guest", inactive))
    json_of = [
        printed(slotsolver("guest", g, "--qmp", qmp, "--format", "json"))
        for g in (running, inactive)
    ]
    assert json_of[0] == json_of[1]


def test_running_guest_that_is_to_be_larger(slotsolver: Program, folder: Path) -> None:
    """What it has and what is wanted are told apart."""
    text = "name: g\nrunning: true\ncells: [{memory: 1 GiB}]\nmaximum: 4 GiB\ntarget: 2 GiB\n"
    (folder / "g.yaml").write_text(text)
    assert "\n1 GiB now, 2 GiB wanted, up to 4 GiB\n" in printed(slotsolver("guest", "g.yaml"))


def references(schema: Any) -> Iterator[str]:
    """Every ``$ref`` in a schema."""
    if isinstance(schema, dict):
        if isinstance(schema.get("$ref"), str):
            yield schema["$ref"]
        schema = list(schema.values())
    if isinstance(schema, list):
        for part in schema:
            yield from references(part)


def test_schema_of_a_problem(slotsolver: Program) -> None:
    """Every kind of policy and objective is one of the union, and every reference leads on."""
    schema = json.loads(printed(slotsolver("schema", "problem")))
    definitions = schema["$defs"]
    for field, known in (("policies", policies()), ("objectives", objectives())):
        union, bare = schema["properties"][field]["items"]["anyOf"]
        kinds = {
            definitions[part["$ref"].removeprefix("#/$defs/")]["properties"]["kind"]["const"]
            for part in union["oneOf"]
        }
        assert kinds == set(known) == set(union["discriminator"]["mapping"])
        assert set(bare["enum"]) <= kinds
    for reference in references(schema):
        assert reference.removeprefix("#/$defs/") in definitions
    step = definitions["Step"]
    assert step["required"] == ["kind", "size"]
    assert step["properties"]["size"]["exclusiveMinimum"] == 0


def test_problem_has_the_schema(slotsolver: Program, folder: Path) -> None:
    """The fields of a problem, its guests and its policies are those of the schema."""
    schema = json.loads(printed(slotsolver("schema", "problem")))
    definitions = schema["$defs"]
    problem = yaml.safe_load((folder / "problem.yaml").read_text())
    assert set(schema["required"]) <= set(problem) <= set(schema["properties"])
    parts = [(definitions["Guest"], guest) for guest in problem["guests"]]
    parts += [(definitions["Cell"], cell) for guest in problem["guests"] for cell in guest["cells"]]
    named = {
        model["properties"]["kind"]["const"]: model
        for model in definitions.values()
        if "kind" in model["properties"]
    }
    parts += [(named[policy["kind"]], policy) for policy in problem["policies"]]
    for model, value in parts:
        assert set(model.get("required", ())) <= set(value) <= set(model["properties"])


def test_schema_of_a_plan(slotsolver: Program) -> None:
    """A plan has exactly the fields of its schema."""
    schema = json.loads(printed(slotsolver("schema", "plan")))
    plan = json.loads(printed(slotsolver("plan", "problem.yaml", "--format", "json")))
    assert set(plan) == set(schema["properties"])
    assert set(plan["guests"][0]) == set(schema["$defs"]["PlannedGuest"]["properties"])


KINDS = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}


def fits(value: Any, schema: Any, definitions: Any) -> bool:
    """Whether plain data has a JSON schema, as far as the schema of a study goes."""
    if "$ref" in schema:
        return fits(value, definitions[schema["$ref"].removeprefix("#/$defs/")], definitions)
    for union in ("anyOf", "oneOf"):
        if union in schema and not any(fits(value, s, definitions) for s in schema[union]):
            return False
    if "enum" in schema and value not in schema["enum"]:
        return False
    if value != schema.get("const", value):
        return False
    kind = schema.get("type")
    if kind in ("integer", "number"):
        return isinstance(value, int if kind == "integer" else int | float)
    if kind is not None and not isinstance(value, KINDS[kind]):
        return False
    if isinstance(value, list) and "items" in schema:
        return all(fits(item, schema["items"], definitions) for item in value)
    if isinstance(value, dict) and kind == "object":
        others = schema.get("additionalProperties", True)
        known = schema.get("properties", {})
        return set(schema.get("required", ())) <= set(value) and all(
            fits(item, known[name], definitions)
            if name in known
            else others is True or (others is not False and fits(item, others, definitions))
            for name, item in value.items()
        )
    return True


def test_schema_of_a_study(slotsolver: Program) -> None:
    """The example has it, and a study of every sort of axis and question; others have it not."""
    schema = json.loads(printed(slotsolver("schema", "study")))
    definitions = schema["$defs"]
    for reference in references(schema):
        assert reference.removeprefix("#/$defs/") in definitions
    example = Path(__file__).parents[2] / "examples" / "analyst"
    study = yaml.safe_load((example / "capacity.yaml").read_text())
    assert fits(study, schema, definitions)
    study["problem"] = yaml.safe_load((example / "problem.yaml").read_text())
    study["axes"] += [
        {"field": "step", "values": ["1 GiB", "off"]},
        {"field": "host", "values": {"a": "a.yaml"}},
        {"field": "slots", "range": {"from": 1, "to": 8, "times": 2}},
        {"name": "x", "sets": {"none": {}, "some": {"step": "1 GiB"}}},
        {"rows": "x.csv", "label": "l", "columns": {"a": "slots", "b": {"field": "boot"}}},
    ]
    study["questions"] = ["fits", {"kind": "smallest-pools", "page_size": "1 GiB"}]
    assert fits(study, schema, definitions)
    for name, value in {
        "problem": {"guests": 5},
        "axes": [{"feild": "step"}],
        "combine": "mix",
        "questions": [5],
        "times": "no",
        "seeds": 1,
    }.items():
        assert not fits({**study, name: value}, schema, definitions), name

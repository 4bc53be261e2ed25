"""``slotsolver schema``: JSON schemas of a problem, a plan or a study, and the catalogue of kinds.

Pydantic makes the schemas. What a problem's file may hold beyond the model's own JSON is added
here: the kinds of policies and objectives from their registries, file names for hosts and guests,
``pages`` of a host node, and what may be left out.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from slotsolver.cli.output import emit
from slotsolver.errors import InputError

if TYPE_CHECKING:
    from pydantic import BaseModel

    from slotsolver.cli.arguments import Commands
    from slotsolver.kinds import Declared

Schema = dict[str, Any]

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_NAMED = ("problem", "plan", "study", "catalogue")


def add(commands: Commands) -> None:
    """Add the command and its arguments."""
    parser = commands.add_parser(
        "schema",
        help="print the JSON schema of a problem, a plan or a study, or the catalogue",
        description="Print the JSON schema of a problem (also of its YAML) or of a plan; or the "
        "catalogue (Markdown):\nevery policy and objective that may stand in a problem, with those "
        "that are installed besides.",
    )
    parser.add_argument("of", metavar="problem|plan|study|catalogue", help="what to print")
    parser.add_argument(
        "kind", nargs="?", metavar="KIND", help="only what the catalogue says of this kind"
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print what is asked for."""
    if options.of not in _NAMED:
        message = f"there is no schema of {options.of!r}; choose from {', '.join(_NAMED)}"
        raise InputError(message, source="schema")
    if options.of == "catalogue":
        emit(_catalogue(options.kind))
        return 0
    if options.kind is not None:
        message = "takes no KIND; `slotsolver schema catalogue KIND` does"
        raise InputError(message, source=f"schema {options.of}")
    import json

    schemas = {"problem": problem_schema, "plan": plan_schema, "study": study_schema}
    schema = schemas[options.of]()
    emit(json.dumps(schema, indent=2, ensure_ascii=False) + "\n")
    return 0


def _catalogue(kind: str | None) -> str:
    from slotsolver.catalogue import catalogue, entry

    return f"# Policies and objectives\n\n{catalogue()}" if kind is None else entry(kind)


def plan_schema() -> Schema:
    """The schema of what ``slotsolver plan --format json`` prints where there is a plan."""
    from slotsolver.plan import Plan

    return {"$schema": _DIALECT, **Plan.model_json_schema(mode="serialization")}


def study_schema() -> Schema:
    """The schema of a study file; the problem in it is a file's name, or what would stand there."""
    from slotsolver.study.reading import StudyFile

    schema = {"$schema": _DIALECT, **StudyFile.model_json_schema()}
    problem = problem_schema()
    definitions: Schema = schema["$defs"]
    definitions |= problem.pop("$defs")
    problem.pop("$schema")
    definitions["Problem"] = problem
    schema["properties"]["problem"]["anyOf"] = [{"type": "string"}, _ref("Problem")]
    _say_bounds(schema)
    return schema


def problem_schema() -> Schema:
    """The schema of a problem file, with every kind of policy and objective."""
    from slotsolver.ingest.problem import DomainGuest
    from slotsolver.policies import objectives, policies
    from slotsolver.problem import Problem

    schema = {"$schema": _DIALECT, **Problem.model_json_schema()}
    definitions: Schema = schema["$defs"]
    properties: Schema = schema["properties"]
    for field, kinds in (("policies", policies()), ("objectives", objectives())):
        _define(definitions, kinds.values())
        properties[field]["items"] = _union(kinds.values())
    _define(definitions, [DomainGuest])
    properties["guests"]["items"] = {"oneOf": [_ref("Guest"), _ref("DomainGuest")]}
    properties["host"]["anyOf"].append({"type": "string", "description": "a file, or 'local'"})
    properties["free"] = {"type": "string", "description": "output of 'virsh freepages --all'"}
    _optional(definitions)
    _say_bounds(schema)
    return schema


def _define(definitions: Schema, models: Iterable[type[BaseModel]]) -> None:
    """Add the definition of each model, and of those that it uses. What others have written is
    called by its kind, so that their names can be the same as some here."""
    for model in models:
        name = _name(model)
        before = "" if name == model.__name__ else f"{name}."
        own = model.model_json_schema(ref_template=f"#/$defs/{before}{{model}}")
        for inner, definition in own.pop("$defs", {}).items():
            definitions[f"{before}{inner}"] = definition
        definitions[name] = own


def _name(model: type[BaseModel]) -> str:
    from slotsolver.kinds import Declared, is_built_in, kind_of

    if issubclass(model, Declared) and not is_built_in(model):
        return kind_of(model)
    return model.__name__


def _union(kinds: Iterable[type[Declared]]) -> Schema:
    """One of the kinds as a mapping, or, where nothing else is needed, its bare name."""
    kinds = list(kinds)
    names = {cls.model_fields["kind"].default: cls for cls in kinds}
    bare = [
        name
        for name, cls in names.items()
        if not any(field.is_required() for field in cls.model_fields.values())
    ]
    mapping = {
        "oneOf": [_ref(_name(cls)) for cls in kinds],
        "discriminator": {
            "propertyName": "kind",
            "mapping": {name: f"#/$defs/{_name(cls)}" for name, cls in names.items()},
        },
    }
    return {"anyOf": [mapping, {"enum": bare}]}


def _optional(definitions: Schema) -> None:
    """What the readers fill in: ids of cells, free memory, boot memory as the target."""
    for model, name in (("Cell", "id"), ("HostNode", "free"), ("Guest", "target")):
        definitions[model]["required"].remove(name)
    for model in definitions.values():
        if "kind" in model.get("properties", {}):
            model["required"] = ["kind", *model.get("required", ())]
    node = definitions["HostNode"]
    count = {"type": "integer", "minimum": 0}
    free = {"type": "object", "properties": {"total": count, "free": count}, "required": ["total"]}
    node["properties"]["pages"] = {
        "type": "object",
        "additionalProperties": {"anyOf": [count, free]},
        "description": "pools by their page size",
    }


def _say_bounds(schema: Any) -> None:
    """Write ``gt``, which pydantic leaves at sizes, in the words of JSON schema."""
    parts = schema.values() if isinstance(schema, dict) else schema
    if isinstance(schema, dict) and isinstance(schema.get("gt"), int):
        schema["exclusiveMinimum"] = schema.pop("gt")
    for part in list(parts):
        if isinstance(part, dict | list):
            _say_bounds(part)


def _ref(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}

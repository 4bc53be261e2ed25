"""YAML and JSON of people, read safely: plain data only, no aliases, no key twice.

Scalars follow YAML 1.2's core schema, with one difference: a decimal stays text, so that
``qemu: 7.10`` and ``ratio: 0.1`` keep what was written. ``0-3`` and ``on`` are text. In YAML a size
needs its unit; JSON is what programs write, there a size is an integer of bytes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from slotsolver.errors import InputError
from slotsolver.fields import first_error
from slotsolver.ingest.files import decode

LARGEST_YAML = 2 << 20
"""Most characters of YAML that are read; its parser takes seconds for a MiB."""

ModelType = TypeVar("ModelType", bound=BaseModel)


@dataclass(frozen=True)
class Document:
    """Plain data of one document, which knows the lines it came from.

    ``context`` is the pydantic validation context: whether sizes need a unit.
    """

    data: dict[str, Any]
    source: str
    context: dict[str, Any]
    node: yaml.Node | None = None

    def validate(
        self, model: type[ModelType], data: Any = None, *, at: tuple[str | int, ...] = ()
    ) -> ModelType:
        """``data`` (the whole document if ``None``), which stands at ``at``, as a model."""
        try:
            return model.model_validate(self.data if data is None else data, context=self.context)
        except ValidationError as error:
            raise self.locate(first_error(error), at) from None

    def locate(self, error: InputError, at: tuple[str | int, ...] = ()) -> InputError:
        """The error with the document's name, its place below ``at``, and the line."""
        inner = error.place.split(".") if error.place else []
        path = [str(part) for part in (*at, *inner)]
        line = self._line(path)
        place = ", ".join(part for part in (line, ".".join(path)) if part)
        return InputError(error.message, source=error.source or self.source, place=place)

    def part(self, key: str) -> Document:
        """The mapping at ``key`` as a document of its own."""
        node = None if self.node is None else _child(self.node, key)
        return Document(self.data[key], self.source, self.context, node)

    def _line(self, path: Iterable[str]) -> str:
        node = self.node
        if node is None:
            return ""
        for part in path:
            child = _child(node, part)
            if child is None:
                break
            node = child
        return f"line {node.start_mark.line + 1}"


def _child(node: yaml.Node, part: str) -> yaml.Node | None:
    if isinstance(node, yaml.MappingNode):
        return next((value for key, value in node.value if key.value == part), None)
    if isinstance(node, yaml.SequenceNode) and part.isdigit() and int(part) < len(node.value):
        found: yaml.Node = node.value[int(part)]
        return found
    return None


def read_document(data: bytes, *, source: str) -> Document:
    """Read a YAML or JSON document whose top is a mapping.

    Raises :class:`InputError` with the line for anything else, for aliases, for a key that comes
    twice, and for nesting that is too deep.
    """
    text = decode(data, source=source)
    try:
        document = _read_json(text, source) or _read_yaml(text, source)
    except RecursionError:
        raise InputError("is nested too deeply", source=source) from None
    if not isinstance(document.data, dict):
        raise InputError(
            f"a mapping such as 'name: value' is needed, not {_short(document.data)}; "
            f"XML would begin with '<'",
            source=source,
            place="line 1",
        )
    return document


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:40]}…"


def _read_json(text: str, source: str) -> Document | None:
    """The document if it is JSON; ``None`` if it may be YAML."""
    named_json = source.endswith(".json")
    if not named_json and not text.lstrip().startswith("{"):
        return None
    try:
        data = json.loads(text, object_pairs_hook=_unique, parse_float=str, parse_constant=str)
    except json.JSONDecodeError as error:
        if not named_json:
            return None
        place = f"line {error.lineno}"
        raise InputError(f"is not JSON: {error.msg}", source=source, place=place) from None
    except ValueError as error:
        raise InputError(str(error), source=source) from None
    return Document(data, source, {})


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {twice!r} stands twice in one mapping; keep one")
    return result


def _read_yaml(text: str, source: str) -> Document:
    if len(text) > LARGEST_YAML:
        raise InputError(
            f"more than {LARGEST_YAML >> 20} MiB of YAML; give large documents as JSON",
            source=source,
        )
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        data: Any = None if node is None else loader.construct_document(node)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"line {mark.line + 1}" if mark else ""
        raise InputError(
            f"is not the YAML that is read here: {error.problem or error.context}",
            source=source,
            place=place,
        ) from None
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        raise InputError(f"is not the YAML that is read here: {error}", source=source) from None
    if node is None:
        raise InputError("is empty; nothing to read", source=source)
    return Document(data, source, {"units": "required"}, node)


class _Loader(yaml.SafeLoader):
    """Safe YAML with fewer implicit types."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012  # PyYAML's own class attribute

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Refuse aliases: a few of them can stand for gigabytes."""
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]  # no stub
            raise yaml.composer.ComposerError(
                None, None, "aliases (*name) are not taken; write the value again", mark
            )
        node: yaml.Node | None = super().compose_node(parent, index)
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """Refuse a key that comes twice."""
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    raise yaml.constructor.ConstructorError(
                        None,
                        None,
                        f"the key {key.value!r} stands twice in one mapping; keep one",
                        key.start_mark,
                    )
                seen.add(key.value)
        return super().construct_mapping(node, deep)


for _tag, _pattern, _first in (
    ("tag:yaml.org,2002:null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("tag:yaml.org,2002:bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("tag:yaml.org,2002:int", r"[-+]?(0|[1-9][0-9]*)", list("-+0123456789")),
):
    _Loader.add_implicit_resolver(_tag, re.compile(f"(?:{_pattern})\\Z"), _first)

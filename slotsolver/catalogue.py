"""The catalogue: every policy and objective in Markdown, as their own classes describe them.

An entry is the class's docstring, the docstring of its module (the rule in a formula), its fields,
the numbers that a remedy may change, and lines of YAML with what ``describe`` says of them.
"""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from slotsolver.catalogue_lines import GROUPS, INTRODUCTION, LINES, REMARKS
from slotsolver.errors import InputError
from slotsolver.fields import nearest
from slotsolver.ingest.yaml import read_document
from slotsolver.kinds import Declared, is_built_in, origin_of
from slotsolver.order import GROWTH_KINDS, defaults
from slotsolver.policies import Objective, Policy, Scope, objectives, policies
from slotsolver.problem import Problem
from slotsolver.size import GiB, KiB, MiB

WORDS = {
    "Size": "size",
    "SizeOrZero": "size, 0 allowed",
    "int": "whole number",
    "bool": "`true` or `false`",
    "Ids": "ids: `0-3` or a list",
    "Ratio": "ratio: `1/8` or `0.125`",
    "Part": "fraction: `1/10`, `0.1` or `10%`",
    "tuple[int, ...]": "list of whole numbers",
    "tuple[Size, ...]": "list of sizes",
    "tuple[str, ...]": "list of names",
}
"""How a field's type, as its class writes it, reads to somebody who writes YAML."""

INSTALLED = "Installed besides"
"""The heading of kinds that are not slotsolver's own."""

EXAMPLE_SCOPE = Scope(unit=128 * MiB, most=64 * GiB, pages=(4 * KiB, 2 * MiB, GiB), nodes=(0, 1, 2))
"""What the numbers of the examples are measured by."""

_COMMON = ("kind", "guests", "cells")


def example(kind: str, line: str) -> Policy | Objective:
    """The policy or objective that a line of YAML gives, read as a problem file is read."""
    field = "policies" if kind in policies() else "objectives"
    document = read_document(f"{field}:\n  - {line}\n".encode(), source=f"the line for {kind}")
    guest = {"name": "db", "cells": [{}, {}, {}], "target": "1 GiB"}
    problem = document.validate(Problem, {**document.data, "guests": [guest]})
    found: Policy | Objective = getattr(problem, field)[0]
    if found.kind != kind:
        raise InputError(f"gives {found.kind}", source=f"the line for {kind}")
    return found


def catalogue(*, installed: bool = True) -> str:
    """Everything; of what other distributions have ``installed`` only if that is wanted."""
    kinds = _kinds()
    groups = dict(GROUPS)
    others = tuple(kind for kind, cls in kinds.items() if not is_built_in(cls))
    if others and installed:
        groups[INSTALLED] = others
    parts = [INTRODUCTION, *_contents(groups, kinds)]
    for heading, group in groups.items():
        parts.append(f"## {heading}\n")
        if heading == "Objectives":
            parts.append(_default_order())
        elif heading in REMARKS:
            parts.append(_filled(REMARKS[heading]))
        parts += [_entry(kind, kinds[kind]) for kind in group]
    return "\n".join(parts)


def entry(kind: str) -> str:
    """What the catalogue says of one kind; :class:`InputError` names the nearest one."""
    kinds = _kinds()
    if kind not in kinds:
        raise InputError(
            f"there is no policy or objective {kind!r}; {nearest(kind, kinds)}", source="catalogue"
        )
    return _entry(kind, kinds[kind])


def _kinds() -> dict[str, type[Policy] | type[Objective]]:
    return {**policies(), **objectives()}


def _contents(
    groups: Mapping[str, Sequence[str]], kinds: Mapping[str, type[Declared]]
) -> Iterator[str]:
    for heading, group in groups.items():
        yield f"| {heading} | |\n|---|---|"
        for kind in group:
            yield f"| [`{kind}`](#{kind}) | {_first_sentence(kinds[kind])} |"
        yield ""


def _first_sentence(cls: type[Declared]) -> str:
    return re.split(r"(?<=\.)\s", " ".join(_text(cls).split()))[0]


def _text(documented: Any) -> str:
    """A docstring as Markdown."""
    return inspect.cleandoc(documented.__doc__ or "").replace("``", "`")


def _entry(kind: str, cls: type[Policy] | type[Objective]) -> str:
    lines = LINES[kind] if is_built_in(cls) else _own_lines(kind, cls)
    examples = [example(kind, line) for line in lines]
    parts = [f"### {kind}\n", _text(cls), ""]
    rule = _text(inspect.getmodule(cls)).partition("\n\n")
    parts += [f"{rule[0]}\n\n{rule[2]}".strip(), ""] if rule[2] and is_built_in(cls) else []
    parts += _fields(cls)
    if issubclass(cls, Objective) and cls.unit:
        parts += [f"Its value is in {cls.unit}.", ""]
    parts += _changeable(cls, examples)
    if examples:
        shown = (f"- {line}\n  # {e.describe()}" for line, e in zip(lines, examples, strict=True))
        parts += ["```yaml", *shown, "```", ""]
    return "\n".join([*parts, _whence(cls), ""])


def _own_lines(kind: str, cls: type[Declared]) -> Sequence[str]:
    """The lines that a class of somebody else brings; at least its bare name if that is enough."""
    needed = any(field.is_required() for field in cls.model_fields.values())
    return cls.examples or (() if needed else (kind,))


def _whence(cls: type[Declared]) -> str:
    """Where the class stands: a file of slotsolver, or a module of another distribution."""
    origin = origin_of(cls)
    if origin is None:
        return f"In `{cls.__module__.replace('.', '/')}.py`."
    return f"In `{cls.__module__}` of {origin.distribution} {origin.version}."


def _changeable(cls: type[Declared], examples: Sequence[Declared]) -> Iterator[str]:
    """Which fields a remedy may change, in one of the examples at least."""
    numbers = [n for e in examples if isinstance(e, Policy) for n in e.numbers(EXAMPLE_SCOPE)]
    named = {number.field for number in numbers}
    found = [f"`{name}`" for name in cls.model_fields if name in named]
    if found:
        yield f"Where there is no plan, a remedy may change {', '.join(found)}."
        yield ""


def _fields(cls: type[Declared]) -> Iterator[str]:
    own = [name for name in cls.model_fields if name not in _COMMON]
    if not own:
        return
    yield "| field | takes | default |\n|---|---|---|"
    for name in own:
        field = cls.model_fields[name]
        takes = _type(_written(cls, name))
        if field.description:
            takes += f": {field.description}"
        default = "needed" if field.is_required() else _default(field.default)
        yield f"| `{name}` | {takes} | {default} |"
    yield ""


def _written(cls: type[Declared], name: str) -> str:
    """A field's type as the class that has it writes it."""
    own = (inspect.get_annotations(owner) for owner in cls.__mro__)
    found = next(annotations[name] for annotations in own if name in annotations)
    return found if isinstance(found, str) else inspect.formatannotation(found)


def _type(written: str) -> str:
    """The words for a type as Python writes it back: ``Size | Literal['default'] | None``."""
    words = []
    for part in re.split(r" \| (?![^\[]*\])", written):
        if choices := re.fullmatch(r"Literal\[(.*)\]", part):
            words += [f"`{choice}`" for choice in re.findall(r"'([^']*)'", choices[1])]
        elif part != "None":
            words.append(WORDS.get(part, f"`{part}`"))
    return " or ".join(words)


def _default(value: Any) -> str:
    if value is None:
        return "none"
    return f"`{str(value).lower()}`" if isinstance(value, bool) else f"`{value}`"


def _default_order() -> str:
    cut = ", ".join(f"`{kind}`" for kind in sorted(GROWTH_KINDS))
    return _filled(
        f"Where a problem names none, the order is {_order()}, with `finest-step` going "
        "`down_to: default`. Where it names some, they come first and the others follow in that "
        f"order, so that equal answers are told apart. One of the policies {cut} (or a guest's own "
        "waypoints) already says how growth is cut: then `finest-step` is left out of the default "
        "order."
    ) + _filled(
        f"\nFor running guests it is {_order(running=True)}, with `planned-growth` after "
        "`target-distance` where growth was planned once. Those about running guests come before "
        "what a problem names (but for `growth-imbalance`, which is only minimised where it is "
        "named), unless it names them too. Where not all guests run, the rest of the order above "
        "follows."
    )


def _order(*, running: bool = False) -> str:
    guest = {"name": "any", "cells": [{"memory": 1 << 30}], "target": 1 << 30, "running": running}
    kinds = [objective.kind for objective in defaults(Problem.model_validate({"guests": [guest]}))]
    return ", ".join(f"`{kind}`" for kind in kinds)


def _filled(text: str) -> str:
    """Lines of at most 100 characters; a line break at the front stays."""
    start = "\n" if text.startswith("\n") else ""
    return f"{start}{textwrap.fill(text.strip(), 100, break_on_hyphens=False)}\n"

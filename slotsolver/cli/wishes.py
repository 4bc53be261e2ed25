"""Policies and objectives on the command line: ``KIND`` or ``KIND=VALUE``.

``VALUE`` is separated by commas. A part ``field:value`` names a field, a part without a colon
belongs to the field before it; at the front that is the first field of the kind's own. So
``step=512MiB``, ``sizes=1GiB,2GiB,uniform:true``, ``page-size=2MiB,cells:0,2-3`` and
``headroom=pages:4,page_size:2MiB``. Values are read as in YAML: a size needs its unit.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from slotsolver.errors import InputError
from slotsolver.fields import first_error, nearest
from slotsolver.kinds import Declared, find
from slotsolver.policies import Objective, Policy
from slotsolver.problem import AnyObjective, AnyPolicy

_FIELD = re.compile(r"\s*([A-Za-z_]+)\s*:(.*)", re.DOTALL)
_UNITS = {"units": "required"}
_COMMON = ("kind", "guests", "cells")
_POLICY: TypeAdapter[Policy] = TypeAdapter(AnyPolicy)
_OBJECTIVE: TypeAdapter[Objective] = TypeAdapter(AnyObjective)

Kind = TypeVar("Kind", bound=Declared)


def policy_of(text: str) -> Policy:
    """The policy that ``--policy`` names; :class:`InputError` says what would be right."""
    kind, fields = _split(text)
    return _read("--policy", text, kind, fields, find(Policy, kind), _POLICY)


def objective_of(text: str) -> Objective:
    """The objective that ``--objective`` names; :class:`InputError` as for a policy."""
    kind, fields = _split(text)
    return _read("--objective", text, kind, fields, find(Objective, kind), _OBJECTIVE)


def _split(text: str) -> tuple[str, list[tuple[str, str]]]:
    """The kind, and fields with their texts; the first field's name is empty where it has none."""
    kind, equals, rest = text.partition("=")
    fields: list[tuple[str, str]] = []
    for part in rest.split(",") if equals else ():
        if named := _FIELD.fullmatch(part):
            fields.append((named[1], named[2].strip()))
        elif fields:
            fields[-1] = (fields[-1][0], f"{fields[-1][1]},{part.strip()}")
        else:
            fields.append(("", part.strip()))
    return kind.strip(), fields


def _read(
    option: str,
    text: str,
    kind: str,
    fields: list[tuple[str, str]],
    cls: type[Kind] | None,
    reader: TypeAdapter[Kind],
) -> Kind:
    source = f"{option} {text}"
    values: dict[str, Any] = {"kind": kind}
    try:
        if cls is not None:
            for name, value in _named(cls, fields, source):
                values[name] = _value(cls.model_fields[name], value)
        return reader.validate_python(values, context=_UNITS)
    except ValidationError as error:
        told = first_error(error, source=source)
    help_ = f"; {_help(cls)}" if cls is not None else ""
    raise InputError(f"{told.message}{help_}", source=source, place=told.place)


def _named(
    cls: type[Declared], fields: list[tuple[str, str]], source: str
) -> list[tuple[str, str]]:
    """The fields by their names, each once."""
    named = [(name or _main_field(cls), value) for name, value in fields]
    for index, (name, value) in enumerate(named):
        if name not in cls.model_fields or name == "kind":
            known = [field for field in cls.model_fields if field != "kind"]
            message = f"there is no such field here; {nearest(name, known)}"
            raise InputError(f"{message}; {_help(cls)}", source=source, place=name)
        if not value:
            raise InputError(f"has no value; {_help(cls)}", source=source, place=name)
        if name in (other for other, _ in named[:index]):
            raise InputError(f"is given twice; {_help(cls)}", source=source, place=name)
    return named


def _main_field(cls: type[Declared]) -> str:
    """The first field of the kind's own, else ``value``, which no kind has."""
    return next((name for name in cls.model_fields if name not in _COMMON), "value")


def _value(field: FieldInfo, text: str) -> Any:
    """The text as it is (``0-3,8`` is one value), or the list of its parts if the field is one."""
    parts = text.split(",")
    annotated: Any = Annotated[field.annotation, field]
    adapter: TypeAdapter[Any] = TypeAdapter(annotated)
    try:
        adapter.validate_python(text, context=_UNITS)
    except ValidationError:
        try:
            adapter.validate_python(parts, context=_UNITS)
        except ValidationError:
            return parts if len(parts) > 1 else text
        return parts
    return text


def _help(cls: type[Declared]) -> str:
    """How the kind is written."""
    kind = cls.model_fields["kind"].default
    own = [name for name in cls.model_fields if name not in _COMMON]
    if not own:
        return f"write {kind}"
    if len(own) == 1:
        return f"write {kind}={own[0].upper()}"
    return f"write {kind}={own[0].upper()} or {kind}=field:value,… with {', '.join(own)}"

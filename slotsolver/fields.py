"""The pydantic base and the field types that problems, policies and plans share."""

from __future__ import annotations

import difflib
import re
from collections.abc import Generator, Iterable, Iterator
from typing import Annotated, Any, Self, TypeVar, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer, ValidationError

from slotsolver.errors import InputError

MAX_ID = 16383
"""Largest node or CPU id taken: libvirt's VIR_DOMAIN_CPUMASK_LEN less one (conf/domain_conf.h)."""


class Model(BaseModel):
    """Frozen, and refuses fields that it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")


class Seldom(Model):
    """A model that most runs do without. Pydantic builds what it validates with when that is asked
    for, and not at the import that everybody waits for."""

    model_config = ConfigDict(defer_build=True)


class Remembering(Model):
    """A model that keeps what is derived from its fields (``cached_property``). That is no part of
    it, and a copy derives it anew, because its fields may differ."""

    def __copy__(self) -> Self:
        copied = super().__copy__()
        for name in copied.__dict__.keys() - type(self).model_fields.keys():
            del copied.__dict__[name]
        return copied

    def __iter__(self) -> Generator[tuple[str, Any], None, None]:
        fields = type(self).model_fields
        yield from ((name, value) for name, value in self.__dict__.items() if name in fields)


Made = TypeVar("Made", bound=Model)


def made(cls: type[Made], values: dict[str, Any]) -> Made:
    """An object of values that need no validation, because they were computed: those of every
    field, each as validation would leave it. Validating many small objects takes most of the time
    in which a plan is written."""
    found = cls.__new__(cls)
    object.__setattr__(found, "__dict__", values)
    object.__setattr__(found, "__pydantic_fields_set__", set(values))
    object.__setattr__(found, "__pydantic_extra__", None)
    object.__setattr__(found, "__pydantic_private__", None)
    return found


def parse_ids(text: str) -> tuple[int, ...]:
    """Read ids as libvirt writes them: ``0-3,8,^2`` is 0, 1, 3, 8. Sorted, without repeats."""
    chosen = 0  # one bit per id, so that repeats cost little
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\^?)(\d{1,9})(?:-(\d{1,9}))?\s*", part, re.ASCII)
        if match is None:
            raise ValueError(f"{_short(text)} is not a set of ids; write for example '0-3,8'")
        first, last = int(match[2]), int(match[3] or match[2])
        if last < first or last > MAX_ID:
            raise ValueError(f"{part!r} is not a range of ids from 0 to {MAX_ID}")
        bits = (2 << last) - (1 << first)
        chosen = chosen & ~bits if match[1] else chosen | bits
    return tuple(i for i in range(chosen.bit_length()) if chosen >> i & 1)


def format_ids(ids: Iterable[int]) -> str:
    """Write ids as libvirt does, in ascending ranges: ``0-3,8``."""
    runs: list[list[int]] = []
    for number in sorted(set(ids)):
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in runs)


def _ids(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("expected ids such as 0-3")
    if isinstance(value, int):
        value = [value]
    if isinstance(value, str):
        return parse_ids(value) if value.strip() else ()
    if isinstance(value, Iterable) and not isinstance(value, bytes | dict):
        items = list(value)
        if any(isinstance(item, bool) or not isinstance(item, int) for item in items):
            raise ValueError("ids are whole numbers; write for example [0, 1] or '0-3'")
        ids = sorted(set(items))
        if ids and not 0 <= ids[0] <= ids[-1] <= MAX_ID:
            raise ValueError(f"ids go from 0 to {MAX_ID}")
        return tuple(ids)
    return value


_IDS = BeforeValidator(_ids, json_schema_input_type=int | str | tuple[int, ...])

Ids = Annotated[tuple[int, ...], _IDS]
"""Sorted ids; read from ``0-3,8`` or a list, written as a list."""

IdText = Annotated[tuple[int, ...], _IDS, PlainSerializer(format_ids)]
"""Sorted ids; read from ``0-3,8`` or a list, written as ``0-3,8``."""


def first_error(error: ValidationError, *, source: str = "") -> InputError:
    """Turn a pydantic ``ValidationError`` into one :class:`InputError` that names the place.

    Only one problem is told, one clear line beats a list: a field that does not exist before
    anything else, because a misspelt field is also a missing one; else the first.
    """
    details = error.errors()
    unknown = (d for d in details if d["type"] == "extra_forbidden")
    detail = next(unknown, details[0])
    location = _location(detail["loc"])
    cause = detail.get("ctx", {}).get("error")
    message = str(cause) if cause is not None else str(detail["msg"])
    if detail["type"] == "extra_forbidden":
        message = f"there is no such field here; {_nearest(error.title, location)}"
    elif detail["type"] == "missing":
        message = "this field is needed here"
    elif cause is None:
        message = f"{message}, not {_short(detail['input'])}"
    return InputError(message, source=source, place=".".join(location))


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint that names the one of ``known`` that was probably meant, or all of them."""
    known = list(known)
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:80]}…"


def _nearest(title: str, location: list[str]) -> str:
    """Name the field meant by the last part of ``location``, or all that there are."""
    models = [cls for cls in _subclasses(Model) if cls.__name__ == title]
    for part in location[:-1]:
        found = [cls.model_fields[part].annotation for cls in models if part in cls.model_fields]
        models = [cls for annotation in found for cls in _models_in(annotation)] or models
    return nearest(location[-1], sorted({name for cls in models for name in cls.model_fields}))


def _subclasses(cls: type[Model]) -> Iterator[type[Model]]:
    for child in cls.__subclasses__():
        yield child
        yield from _subclasses(child)


def _models_in(annotation: Any) -> Iterator[type[Model]]:
    if isinstance(annotation, type) and issubclass(annotation, Model):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_in(argument)


_UNION_TAGS = {"target": ("total", "per-cell"), "maximum": ("exactly", "bounded")}
"""What pydantic puts into a place after these fields to say which shape it tried."""


def _location(place: tuple[int | str, ...]) -> list[str]:
    """A pydantic location without the names of union branches."""
    before = (None, *place)
    return [
        str(part)
        for part, field in zip(place, before, strict=False)
        if part not in _UNION_TAGS.get(str(field), ()) and "[" not in str(part)
    ]

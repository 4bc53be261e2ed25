"""Which fields a problem can have: a path to another one is refused before any scenario is made."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, get_args, get_origin

from pydantic import BaseModel

from slotsolver.errors import InputError
from slotsolver.fields import nearest
from slotsolver.policies import policies
from slotsolver.problem import HostNode, Problem


def check_path(path: tuple[str, ...]) -> None:
    """Raises :class:`InputError` for a path on which no problem has a field. Names and numbers of
    list items may be anything, for these may come from another axis."""
    if path[0] == "policies":
        _check_policy(path)
        return
    if path[0] == "objectives":  # their fields are those of their kinds, whichever stand there
        return
    model: type[BaseModel] = Problem
    rest = path
    while rest:
        name, rest = rest[0], rest[1:]
        if model is HostNode and name in ("pages", "used"):
            return
        _check(path, name, model.model_fields)
        annotation = model.model_fields[name].annotation
        if get_origin(annotation) is tuple:
            rest = rest[1:]
        inner = next(_models(annotation), None)
        if inner is None:
            return
        model = inner


def _check_policy(path: tuple[str, ...]) -> None:
    if len(path) > 1:
        _check(path, path[1], policies())
    if len(path) > 2:
        _check(path, path[2], policies()[path[1]].model_fields)


def _check(path: tuple[str, ...], name: str, known: Collection[str]) -> None:
    if name not in known:
        raise InputError(f"{'.'.join(path)}: there is no {name!r}; {nearest(name, known)}")


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models(argument)

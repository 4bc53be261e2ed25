"""The scenarios of a study: which there are, and the problem of each.

A problem is put together from two halves, its host and what is wished, because a study combines few
of each in many ways: each half is read, judged and brought into its normal form once.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from random import Random
from typing import Any

from pydantic import ValidationError

from slotsolver.canonical import HostForm, Normal, WishForm, normal, of_host, of_wishes
from slotsolver.errors import InputError
from slotsolver.fields import first_error
from slotsolver.problem import Host, Problem
from slotsolver.study.definition import Definition
from slotsolver.study.paths import AS_IT_IS, assign, in_turn, parts_of

HALVES_KEPT = 16384
"""How many halves of each sort are kept at most."""

GO_BEYOND = ("fits", "smallest-pools")
"""Questions that go beyond the wishes: for these no free page is one too many to matter."""

Choices = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """A scenario in its normal form: what is asked of the solver."""

    host: HostForm
    wishes: WishForm
    normal: Normal


class Scenarios:
    """The scenarios of a study by their numbers from 0, in a fixed order."""

    def __init__(self, definition: Definition) -> None:
        self.definition = definition
        self._points = _sample(definition)
        self._host_axes = _axes(definition, of_host=True)
        self._wish_axes = _axes(definition, of_host=False)
        self._host_strides = [definition.strides[place] for place in self._host_axes]
        self._wish_strides = [definition.strides[place] for place in self._wish_axes]
        self.host_half = lru_cache(HALVES_KEPT)(_or_error(self._read_host))
        self.wish_half = lru_cache(HALVES_KEPT)(_or_error(self._read_wishes))
        self.whole_pools = any(q.kind in GO_BEYOND for q in definition.questions)

    def __len__(self) -> int:
        return len(self.definition)

    def point(self, number: int) -> int:
        """The number of a scenario's combination of choices."""
        return number if self._points is None else self._points[number]

    def problem(self, number: int) -> Problem:
        """A scenario's problem. Raises :class:`InputError` where it cannot be one."""
        (host, _), (wishes, _) = self._halves(number)
        return _problem({**_parts(wishes), "host": host})

    def asked(self, number: int) -> Asked:
        """A scenario in its normal form. Raises :class:`InputError` where it is no problem."""
        (host, host_form), (wishes, form) = self._halves(number)
        if host is None and wishes.also_hosts:
            _problem({**_parts(wishes), "host": None})  # says why that is none
        return Asked(host_form, form, normal(host_form, form))

    def _halves(self, number: int) -> tuple[tuple[Host | None, HostForm], tuple[Problem, WishForm]]:
        """What a scenario is put together from; raises what is wrong with it."""
        point = self.point(number)
        host = _sound(self.host_half(_chosen(point, self._host_strides)))
        return host, _sound(self.wish_half(_chosen(point, self._wish_strides)))

    def _read_host(self, choices: Choices) -> tuple[Host | None, HostForm]:
        tree = self._changed(("host",), self._host_axes, choices)
        host = tree.get("host")
        try:
            found = (
                None if host is None else Host.model_validate(host, context=self.definition.context)
            )
        except ValidationError as error:
            raise first_error(error).at(place="host") from None
        return found, of_host(found)

    def _read_wishes(self, choices: Choices) -> tuple[Problem, WishForm]:
        parts = self.definition.problem.keys() - {"host"}
        tree = self._changed(parts, self._wish_axes, choices)
        if tree.get("also_hosts"):  # these need a host, whichever it is
            tree["host"] = tree["also_hosts"][0]
        wishes = _problem(tree, self.definition.context)
        reasons = self.definition.reasons != "none"
        return wishes, of_wishes(wishes, whole_pools=self.whole_pools, remedies=reasons)

    def _changed(self, parts: Iterable[str], axes: Iterable[int], choices: Choices) -> Any:
        """These parts of the base problem with what the axes set of them."""
        base = self.definition.problem
        tree = json.loads(json.dumps({part: base[part] for part in parts if part in base}))
        fields: dict[str, Any] = {}
        for place, choice in zip(axes, choices, strict=True):
            for field, values in self.definition.axes[place].sets.items():
                if values[choice] != AS_IT_IS:
                    fields[field] = values[choice]
        here = set(parts) | ({"host"} if "host" in parts else _WISHES)
        for path, value in in_turn(fields):
            if path[0] in here:
                assign(tree, path, json.loads(json.dumps(value)), self.definition.context)
        return tree


_WISHES = {"also_hosts", "guests", "policies", "objectives", "qemu", "libvirt"}


def _sample(definition: Definition) -> array[int] | None:
    """The combinations that a sample consists of, in ascending order; ``None``: all of them."""
    if definition.count is None:
        return None
    random = Random(definition.seed)  # noqa: S311 - a sample that anyone can draw again
    return array("q", sorted(random.sample(range(definition.points), len(definition))))


def _axes(definition: Definition, *, of_host: bool) -> tuple[int, ...]:
    """The places of the axes that set something of the host, or of what is wished."""
    return tuple(
        place
        for place, axis in enumerate(definition.axes)
        if any((parts_of(field)[0] == "host") == of_host for field in axis.sets)
    )


def _chosen(point: int, strides: Sequence[tuple[int, int]]) -> Choices:
    """The choices of some axes at a combination: what a half is known by."""
    return tuple([point // stride % size for stride, size in strides])


def _problem(parts: dict[str, Any], context: dict[str, Any] | None = None) -> Problem:
    try:
        return Problem.model_validate(parts, context=context)
    except ValidationError as error:
        raise first_error(error) from None


def _parts(wishes: Problem) -> dict[str, Any]:
    """The fields of a problem as they are, but for its host."""
    return {name: getattr(wishes, name) for name in type(wishes).model_fields if name != "host"}


def _or_error(read: Callable[[Choices], Any]) -> Callable[[Choices], Any]:
    """What is read, or the error as a value: it is kept like any other half."""

    def read_once(choices: Choices) -> Any:
        try:
            return read(choices)
        except InputError as error:
            return error

    return read_once


def _sound(half: Any) -> Any:
    if isinstance(half, InputError):
        raise half
    return half

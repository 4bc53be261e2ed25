"""Carrying out what an answer advises, by its words alone, on the problem's document."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from slotsolver.fields import parse_ids
from slotsolver.problem import Problem
from slotsolver.size import parse_size

Document = dict[str, Any]
SPARED = {"device": {"use": "either"}, "host-nodes": {"nodes": None, "distinct": False}}
"""What is left of policies that permit something besides."""


def carried_out(given: Problem, change: str, from_: str, to: str, says: str = "") -> list[Problem]:
    """The problem with a number changed. Where the words fit several policies of one kind, each of
    the problems that they may mean."""
    document = given.model_dump()
    for pattern, change_it in PLACES.items():
        if match := re.fullmatch(pattern, change):
            change_it(document, given, match.groups(), to, says)
            return [Problem.model_validate(document)]
    return [
        Problem.model_validate(found)
        for found in _policies(document, given, change, from_, to, says)
    ]


def _size(text: str) -> int:
    return 0 if text.startswith("0 ") else parse_size(text)


def _guest(document: Document, name: str) -> Document:
    return next(guest for guest in document["guests"] if guest["name"] == name)


def _node(document: Document, number: str) -> Document:
    return next(node for node in document["host"]["nodes"] if node["id"] == int(number))


def _free(document: Document, _: Problem, names: Any, to: str, __: str) -> None:
    _node(document, names[0])["free"] = _size(to)


def _pages(document: Document, _: Problem, names: Any, to: str, __: str) -> None:
    """Huge pages are made of ordinary memory that is free."""
    size, node = _size(names[0]), _node(document, names[1])
    (pool,) = [p for p in node["pools"] if p["page_size"] == size] or [
        {"page_size": size, "total": 0, "free": 0}
    ]
    more = int(to.removesuffix(" free")) - pool["free"]
    assert node["free"] >= more * size
    others = [p for p in node["pools"] if p["page_size"] != size]
    node["pools"] = [
        *others,
        {"page_size": size, "total": pool["total"] + more, "free": pool["free"] + more},
    ]
    node["free"] -= more * size


def _number(field: str) -> Any:
    def change(document: Document, _: Problem, names: Any, to: str, __: str) -> None:
        _guest(document, names[0])[field] = int(to)

    return change


def _target(document: Document, _: Problem, names: Any, to: str, __: str) -> None:
    _guest(document, names[0])["target"] = _size(to)


def _cell_target(document: Document, _: Problem, names: Any, to: str, __: str) -> None:
    guest = _guest(document, names[1])
    guest["target"] = {**guest["target"], int(names[0]): _size(to)}


def _maximum(document: Document, _: Problem, names: Any, to: str, __: str) -> None:
    guest = _guest(document, names[0])
    bounded = isinstance(guest["maximum"], dict)
    guest["maximum"] = {"at_least": _size(to)} if bounded else _size(to)


def _waypoints(document: Document, _: Problem, names: Any, to: str, __: str) -> None:
    left = [] if to == "none" else [_size(size) for size in to.split(", ")]
    _guest(document, names[0])["waypoints"] = left


def _boot(document: Document, _: Problem, names: Any, to: str, __: str) -> None:
    assert to == "open"
    guest = _guest(document, names[0])
    guest["boot"] = None
    for cell in guest["cells"]:
        cell["memory"] = None


def _cell_page(document: Document, _: Problem, names: Any, to: str, says: str) -> None:
    cells = (
        parse_ids(re.search(r"for cells? ([\d,-]+)", says).group(1)) if says else [int(names[0])]
    )
    for cell in cells:
        _guest(document, names[1])["cells"][cell]["page_size"] = _size(to)


def _cell_node(document: Document, _: Problem, names: Any, to: str, __: str) -> None:
    _guest(document, names[1])["cells"][int(names[0])]["host_nodes"] = [int(to)]


def _add(document: Document, policy: Document) -> None:
    document["policies"] = [*document["policies"], policy]


def _dimm_pages(document: Document, _: Problem, names: Any, to: str, __: str) -> None:
    policy = {"kind": "page-size", "of": "dimms", "size": _size(to), "guests": [names[0]]}
    _add(document, policy)


def _spread(document: Document, _: Problem, names: Any, to: str, __: str) -> None:
    assert to == "several"
    _add(document, {"kind": "host-nodes", "spread": True, "guests": [names[0]]})


def _permit(document: Document, given: Problem, _: Any, to: str, says: str) -> None:
    named = [g.name for g in given.guests if f"guest {g.name}" in says]
    policy = {"kind": "swap"} if to == "swap" else {"kind": "accept", "distance": to.split()[1]}
    _add(document, policy | {"guests": named[:1]})


PLACES = {
    r"free memory of host node (\d+)": _free,
    r"(\d+ \w+) pages of host node (\d+)": _pages,
    r"slots of guest (.+)": _number("slots"),
    r"phys_bits of guest (.+)": _number("phys_bits"),
    r"target of guest (.+)": _target,
    r"target of cell (\d+) of guest (.+)": _cell_target,
    r"maximum of guest (.+)": _maximum,
    r"waypoints of guest (.+)": _waypoints,
    r"boot memory of guest (.+)": _boot,
    r"page size of cell (\d+) of guest (.+)": _cell_page,
    r"host nodes of cell (\d+) of guest (.+)": _cell_node,
    r"pages of the DIMMs of guest (.+)": _dimm_pages,
    r"host nodes of each cell of guest (.+)": _spread,
    r"policy": _permit,
}


def _policies(
    document: Document, given: Problem, change: str, from_: str, to: str, says: str
) -> Iterator[Document]:
    _, kind, *field = change.split()
    for place, policy in enumerate(document["policies"]):
        if policy["kind"] != kind:
            continue
        rest = [*document["policies"]]
        if not field:
            assert to in ("dropped", "loosened")
            if given.policies[place].describe() not in says and says:
                continue
            left = given.policies[place].relaxed()
            rest[place : place + 1] = [] if left is None else [left.model_dump()]
        else:
            if not _same(policy[field[0]], from_):
                continue
            rest[place] = policy | {field[0]: _value(to, policy[field[0]])}
        yield document | {"policies": rest}


def _same(value: Any, text: str) -> bool:
    if isinstance(value, str) and re.fullmatch(r"\d+(/\d+)?", value):
        return Fraction(text) == Fraction(value)
    return bool(_value(text, value) == (tuple(value) if isinstance(value, list) else value))


def _value(text: str, old: Any) -> Any:
    """A value of a policy as its field takes it."""
    if text == "none":
        return None
    if text in ("true", "false"):
        return text == "true"
    if re.fullmatch(r"\d+(\.\d+)? [KMGT]?i?B(, .*)?", text):
        sizes = tuple(_size(size) for size in text.split(", "))
        return sizes if isinstance(old, tuple | list) else sizes[0]
    if re.fullmatch(r"\d+(:\d+)+", text):
        return tuple(map(int, text.split(":")))
    if re.fullmatch(r"\d+/\d+", text):
        return Fraction(text)
    if isinstance(old, tuple | list):
        return tuple(parse_ids(text))
    return int(text) if text.isdigit() else text

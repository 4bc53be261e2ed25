"""Fields of a problem by their paths, and how an axis sets one.

A path goes through the problem as its file has it: ``guests.db1.target``, ``host.nodes.0.free``. In
a list a name, an id or a kind stands for the item that has it, else a number for the item at that
place, and ``*`` for every item. Beside the
problem's own fields there are

* short names for what is changed most (:data:`SHORT`);
* ``policies.KIND`` (a mapping, ``on``, or ``off``: the policy is not there) and
  ``policies.KIND.FIELD``, which adds the policy where there is none of the kind (``off``, too, is
  without the policy);
* ``cells`` of a guest as a number: so many equal cells, over which its CPUs are spread;
* ``pages.SIZE`` of host nodes: so many pages (``40``), or this share of the node's memory
  (``85%``), all of them free and taken from its ordinary free memory;
* ``used`` of host nodes: this share of all their memory, of each pool and of what is ordinary, is
  not free.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any

from pydantic import ValidationError

from slotsolver.errors import InputError
from slotsolver.fields import first_error, format_ids, nearest, parse_ids
from slotsolver.host import Host
from slotsolver.study.known_fields import check_path
from slotsolver.study.node_memory import set_pages, use

Tree = dict[str, Any]
"""A problem, or a part of it, as plain data; sizes are text with a unit or bytes."""

AS_IT_IS = {"": "as it is"}
"""A value that leaves a field as it is; JSON keeps it, and no field has it."""
EVERY = "*"
SHORT = {
    "guest": "guests.0",
    "machine": "guests.*.machine",
    "cells": "guests.*.cells",
    "boot": "guests.*.boot",
    "target": "guests.*.target",
    "maximum": "guests.*.maximum",
    "step": "policies.step.size",
    "slots": "policies.slots.at_most",
    "page-size": "policies.page-size.size",
    "reserve": "policies.reserve.until",
    "used": "host.used",
}
"""Short names of fields."""
TOPS = ("host", "also_hosts", "guests", "policies", "objectives", "qemu", "libvirt")
HOSTS = ("host", "also_hosts")
LATE = {"pages": 1, "used": 2}
"""Fields of host nodes that count on others, and so are set after these, in this order."""


def parts_of(field: str) -> tuple[str, ...]:
    """The parts of a field's path, whether there is such a field or not."""
    parts = tuple(SHORT.get(field, field).split("."))
    if parts[0] == "host" and len(parts) > 1 and parts[1] in LATE:
        return ("host", "nodes", EVERY, *parts[1:])
    return parts


@lru_cache(maxsize=4096)
def path_of(field: str) -> tuple[str, ...]:
    """The parts of a field's path. Raises :class:`InputError` where no problem has such a field."""
    parts = parts_of(field)
    if parts[0] not in TOPS or not all(parts):
        known = nearest(field, (*SHORT, *TOPS))
        raise InputError(f"{field!r} is no field of a problem; {known}")
    check_path(parts)
    return parts


def in_turn(fields: dict[str, Any]) -> list[tuple[tuple[str, ...], Any]]:
    """Paths and values in the order in which they are to be set: wholes before their parts, every
    item of a list before a single one."""
    found = [(path_of(field), value) for field, value in fields.items()]
    return sorted(found, key=lambda each: (_late(each[0]), len(each[0]), -each[0].count(EVERY)))


def _late(path: tuple[str, ...]) -> int:
    return max((LATE.get(part, 0) for part in path[:5] if path[0] in HOSTS), default=0)


def assign(
    problem: Tree, path: tuple[str, ...], value: Any, context: dict[str, Any] | None = None
) -> None:
    """Set a field of a problem. ``context`` is the pydantic context in which hosts are read whose
    pages are set. Raises :class:`InputError` where there is no such field."""
    if path[0] == "policies" and len(path) > 1:
        problem["policies"] = policies = problem.get("policies") or []
        if not isinstance(policies, list):
            raise InputError(f"{'.'.join(path)}: the policies are no list")
        _set_policy(policies, path[1:], value)
        return
    if _late(path) and problem.get(path[0]) is not None:
        hosts = problem[path[0]]
        several = path[0] == "also_hosts" and isinstance(hosts, list)
        problem[path[0]] = (
            [_sound(host, context) for host in hosts] if several else _sound(hosts, context)
        )
    _set(problem, path, value, path)


def _sound(host: Any, context: dict[str, Any] | None) -> Tree:
    """A host of which all is there that is counted on: what is free, and pools."""
    try:
        found = Host.model_validate(host, context=context)
    except ValidationError as error:
        raise first_error(error).at(place="host") from None
    return found.model_dump(mode="json", context={"sizes": "text"}, exclude_none=True)


def _set(tree: Any, path: tuple[str, ...], value: Any, whole: tuple[str, ...]) -> None:
    first, rest = path[0], path[1:]
    if isinstance(tree, list):
        for place in _places(tree, first, whole):
            if rest:
                _set(tree[place], rest, value, whole)
            else:
                tree[place] = value
    elif not isinstance(tree, dict):
        raise InputError(f"{'.'.join(whole)}: there is nothing at {first!r} to be set")
    elif first == "pages" and _late(whole):
        set_pages(tree, rest, value)
    elif first == "used" and _late(whole):
        use(tree, value)
    elif rest:
        if tree.get(first) is None:
            raise InputError(f"{'.'.join(whole)}: the problem has no {first!r}")
        _set(tree[first], rest, value, whole)
    elif first == "cells" and isinstance(value, int) and not isinstance(value, bool):
        tree["cells"] = list(_equal_cells(tree, value))
    else:
        tree[first] = value


def _places(items: list[Any], wanted: str, whole: tuple[str, ...]) -> list[int]:
    """The places of what a part of a path stands for."""
    if wanted == EVERY:
        return list(range(len(items)))
    for key in ("name", "id", "kind"):
        named = [n for n, item in enumerate(items) if _called(item, key) == wanted]
        if named:
            return named
    if wanted.isascii() and wanted.isdecimal() and int(wanted[:9]) < len(items):
        return [int(wanted)]
    known = [_called(item, "name") or _called(item, "id") or str(n) for n, item in enumerate(items)]
    raise InputError(f"{'.'.join(whole)}: there is no {wanted!r}; {nearest(wanted, known)}")


def _called(item: Any, key: str) -> str:
    """What an item of a list is called by this key; a bare text is a kind."""
    if isinstance(item, str):
        return item if key == "kind" else ""
    found = item.get(key) if isinstance(item, dict) else None
    return "" if found is None else str(found)


def _equal_cells(guest: Tree, count: int) -> Iterator[Tree]:
    """So many cells with an equal share of the guest's CPUs each, without memory of their own."""
    if not 1 <= count <= 1024:
        raise InputError(f"a guest has 1 to 1024 cells, not {count}")
    cells = guest.get("cells")
    cpus = [cpu for cell in (cells if isinstance(cells, list) else ()) for cpu in _cpus(cell)]
    if len(cpus) % count:
        cpus = list(range(count))
    share = len(cpus) // count
    for cell in range(count):
        yield {"id": cell, "cpus": format_ids(cpus[share * cell : share * (cell + 1)])}


def _cpus(cell: Any) -> Iterable[int]:
    """The CPUs of a cell as plain data, as far as they can be read."""
    ids = cell.get("cpus") if isinstance(cell, dict) else None
    if isinstance(ids, list):
        return [cpu for cpu in ids if isinstance(cpu, int)]
    try:
        return parse_ids(str(ids)) if ids not in (None, "") else ()
    except ValueError as error:
        raise InputError(str(error)) from None


def _set_policy(policies: list[Any], path: tuple[str, ...], value: Any) -> None:
    """Set a policy, or a field of every policy of its kind."""
    kind, fields = path[0], path[1:]
    there = [n for n, policy in enumerate(policies) if _kind(policy) == kind]
    if len(fields) > 1:
        raise InputError(f"policies.{'.'.join(path)}: a policy has fields, and these no fields")
    if value is None or value == "off" or (value is False and not fields):
        policies[:] = [policy for n, policy in enumerate(policies) if n not in there]
    elif fields:
        for n in there:
            policies[n] = {**_mapping(policies[n]), fields[0]: value}
        if not there:
            policies.append({"kind": kind, fields[0]: value})
    elif isinstance(value, dict):
        policies[:] = [policy for n, policy in enumerate(policies) if n not in there]
        policies.append({"kind": kind, **value})
    elif value is True or value == "on":
        if not there:
            policies.append({"kind": kind})
    else:
        raise InputError(
            f"policies.{kind}: is a mapping of its fields, 'on' or 'off', not {value!r}; one field "
            f"of it is policies.{kind}.FIELD"
        )


def _kind(policy: Any) -> Any:
    return _called(policy, "kind")


def _mapping(policy: Any) -> Tree:
    return {"kind": policy} if isinstance(policy, str) else policy

"""Fields of a problem by their paths, and how an axis sets one.

A path goes through the problem as its file has it: ``guests.db1.target``, ``host.nodes.0.free``. In
a list a name, a kind or an id stands for the item that has it, and ``*`` for every item. Beside the
problem's own fields there are

* short names for what is changed most (:data:`SHORT`);
* ``policies.KIND`` (a mapping, ``on``, or ``off``: the policy is not there) and
  ``policies.KIND.FIELD``, which adds the policy where there is none of the kind;
* ``cells`` of a guest as a number: so many equal cells, over which its CPUs are spread;
* ``pages.SIZE`` of host nodes: so many pages (``40``), or this share of the node's memory
  (``85%``), all of them free and taken from its ordinary free memory;
* ``used`` of host nodes: this share of all their memory, of each pool and of what is ordinary, is
  not free.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from slotsolver.errors import InputError
from slotsolver.fields import format_ids, nearest, parse_ids
from slotsolver.size import KiB, format_size, parse_size

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
LATE = {"pages": 1, "used": 2}
"""Fields that count on others, and so are set after these, in this order."""


def path_of(field: str) -> tuple[str, ...]:
    """The parts of a field's path. Raises :class:`InputError` for a path that begins nowhere."""
    parts = tuple(SHORT.get(field, field).split("."))
    if parts[0] not in TOPS or not all(parts):
        known = nearest(field, (*SHORT, *TOPS))
        raise InputError(f"{field!r} is no field of a problem; {known}")
    if parts[0] == "host" and len(parts) > 1 and parts[1] in LATE:
        parts = ("host", "nodes", EVERY, *parts[1:])
    return parts


def in_turn(fields: dict[str, Any]) -> list[tuple[tuple[str, ...], Any]]:
    """Paths and values in the order in which they are to be set: wholes before their parts."""
    found = [(path_of(field), value) for field, value in fields.items()]
    return sorted(found, key=lambda each: (_late(each[0]), len(each[0])))


def _late(path: tuple[str, ...]) -> int:
    return max((LATE.get(part, 0) for part in path[:5] if path[0] == "host"), default=0)


def assign(problem: Tree, path: tuple[str, ...], value: Any) -> None:
    """Set a field of a problem. Raises :class:`InputError` where there is none such."""
    if path[0] == "policies" and len(path) > 1:
        _set_policy(problem.setdefault("policies", []), path[1:], value)
        return
    _set(problem, path, value, path)


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
    elif first in ("pages", "used") and "memory" in tree:
        _set_memory(tree, path, value)
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
    for key in ("name", "id"):
        named = [n for n, item in enumerate(items) if str(item.get(key)) == wanted]
        if named:
            return named
    if wanted.isdecimal() and int(wanted) < len(items):
        return [int(wanted)]
    known = [str(item.get("name", item.get("id", n))) for n, item in enumerate(items)]
    raise InputError(f"{'.'.join(whole)}: there is no {wanted!r}; {nearest(wanted, known)}")


def _equal_cells(guest: Tree, count: int) -> Iterator[Tree]:
    """So many cells with an equal share of the guest's CPUs each, without memory of their own."""
    if not 1 <= count <= 1024:
        raise InputError(f"a guest has 1 to 1024 cells, not {count}")
    cpus = [cpu for cell in guest.get("cells", ()) for cpu in _cpus(cell.get("cpus"))]
    if len(cpus) % count:
        cpus = list(range(count))
    share = len(cpus) // count
    for cell in range(count):
        yield {"id": cell, "cpus": format_ids(cpus[share * cell : share * (cell + 1)])}


def _cpus(ids: Any) -> tuple[int, ...]:
    return parse_ids(ids) if isinstance(ids, str) and ids else ()


def _set_policy(policies: list[Any], path: tuple[str, ...], value: Any) -> None:
    """Set a policy, or a field of every policy of its kind."""
    kind, fields = path[0], path[1:]
    there = [n for n, policy in enumerate(policies) if _kind(policy) == kind]
    if len(fields) > 1:
        raise InputError(f"policies.{'.'.join(path)}: a policy has fields, and these no fields")
    if value is None or value is False or value == "off":
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
    return policy if isinstance(policy, str) else policy.get("kind")


def _mapping(policy: Any) -> Tree:
    return {"kind": policy} if isinstance(policy, str) else policy


def _set_memory(node: Tree, path: tuple[str, ...], value: Any) -> None:
    """Set the pages of a host node, or how much of it is used."""
    if path == ("used",):
        _use(node, _share(value))
        return
    pools = node.setdefault("pools", [])
    if len(path) not in (2, 3):
        raise InputError("pages need a size: pages.1 GiB, or pages.1 GiB.free")
    page = parse_size(path[1])
    pool = next((pool for pool in pools if _bytes(pool["page_size"]) == page), None)
    if pool is None:
        pool = {"page_size": _text(page), "total": 0, "free": 0}
        pools.append(pool)
    if len(path) == 3:
        pool[path[2]] = value
    else:
        _reserve(node, pool, page, value)


def _reserve(node: Tree, pool: Tree, page: int, value: Any) -> None:
    """Make a pool of so many free pages of the node's free memory."""
    if isinstance(value, str) and value.rstrip().endswith("%"):
        value = int(_bytes(node["memory"]) * _share(value)) // page
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise InputError(f"pages are a number such as 40, or a share such as 85%, not {value!r}")
    free = _bytes(node["free"]) + (pool["free"] - value) * page
    if free < 0:
        raise InputError(
            f"host node {node.get('id')}: {value} pages of {format_size(page)} are "
            f"{format_size(-free)} more than there is free memory for"
        )
    node["free"] = _text(free)
    pool["total"] = pool["free"] = value


def _use(node: Tree, share: float) -> None:
    """Let this share of each pool and of ordinary memory be used."""
    huge = 0
    for pool in node.get("pools") or ():
        pool["free"] = int(pool["total"] * (1 - share))
        huge += pool["total"] * _bytes(pool["page_size"])
    ordinary = max(0, _bytes(node["memory"]) - huge)
    node["free"] = _text(int(ordinary * (1 - share)) // (4 * KiB) * 4 * KiB)


def _share(value: Any) -> float:
    """A share from 0 to 1, or as ``85%``."""
    text = str(value).strip()
    try:
        share = float(text[:-1]) / 100 if text.endswith("%") else float(text)
    except ValueError:
        share = -1.0
    if isinstance(value, bool) or not 0 <= share <= 1:
        raise InputError(f"a share is a number from 0 to 1, or as 85%, not {value!r}")
    return share


def _bytes(size: Any) -> int:
    return parse_size(size) if isinstance(size, str) else int(size)


def _text(size: int) -> str:
    return f"{size} B"

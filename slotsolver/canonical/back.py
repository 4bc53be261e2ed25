"""From the answer to a normal form back to the problem that it was made of."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, TypeVar

from slotsolver.fields import Model, format_ids, made, parse_ids
from slotsolver.host import Host
from slotsolver.plan import (
    Conflict,
    HostUse,
    Infeasible,
    NodeUse,
    Plan,
    PlannedGuest,
    PoolUse,
    Unhelpful,
)
from slotsolver.size import format_size, parse_size

if TYPE_CHECKING:
    from slotsolver.canonical.normal import Normal

NAMES_NODES = re.compile(r"(\bhost nodes? (?:than )?|--cellno )(\d+(?:-\d+)?(?:,\d+(?:-\d+)?)*)")
"""How texts and commands name host nodes: by one id, or by :func:`format_ids`."""

POOL_NUMBER = re.compile(r"(?:free memory|(?P<size>.+) pages) of host node (?P<node>\d+)")
"""What a number of a pool is called (explain/levers.py:pool_levers)."""

Backed = TypeVar("Backed", bound=Model)
Told = TypeVar("Told", bound=Model)


def told(text: str, normal: Normal) -> str:
    """A text about the normal form, with host nodes called as in the problem."""
    if not normal.nodes:
        return text

    def renamed(match: re.Match[str]) -> str:
        return match[1] + format_ids(normal.nodes[i] for i in parse_ids(match[2]))

    return NAMES_NODES.sub(renamed, text)


def restored(plan: Plan, host: Host | None, normal: Normal) -> Plan:
    """The plan of the normal form as a plan of the problem on ``host``."""
    if host is None or plan.host is None:
        return plan
    guests = plan.guests
    if normal.nodes:
        guests = tuple([_guest(guest, normal.nodes) for guest in guests])
    values = dict(plan.__dict__)
    values |= {
        "guests": guests,
        "host": _use(plan.host, host, normal.nodes),
        "notes": tuple([told(note, normal) for note in plan.notes]),
    }
    return made(Plan, values)


def _guest(guest: PlannedGuest, nodes: tuple[int, ...]) -> PlannedGuest:
    return made(
        PlannedGuest,
        {
            **guest.__dict__,
            "cells": _backed(guest.cells, nodes),
            "dimms": _backed(guest.dimms, nodes),
            "virtio_mem": _backed(guest.virtio_mem, nodes),
        },
    )


def _backed(parts: Iterable[Backed], nodes: tuple[int, ...]) -> tuple[Backed, ...]:
    """Parts of a guest, on the nodes of the problem."""
    found = []
    for part in parts:
        values = dict(part.__dict__)
        values["host_nodes"] = tuple(sorted([nodes[node] for node in values["host_nodes"]]))
        found.append(made(type(part), values))
    return tuple(found)


def _use(use: HostUse, host: Host, nodes: tuple[int, ...]) -> HostUse:
    """The same use of pools that may hold more."""
    found = []
    for node in use.nodes:
        node_id = nodes[node.id] if nodes else node.id
        pools = []
        for pool in node.pools:
            mine = host.pool(node_id, pool.page_size)
            numbers = {
                "page_size": pool.page_size,
                "total": mine.total,
                "free_before": mine.free,
                "free_after": mine.free + pool.free_after - pool.free_before,
                "promised": pool.promised,
            }
            pools.append(made(PoolUse, numbers))
        found.append(made(NodeUse, {"id": node_id, "pools": tuple(pools)}))
    return made(HostUse, {"nodes": tuple(sorted(found, key=lambda node: node.id))})


def restored_reasons(answer: Infeasible, host: Host | None, normal: Normal) -> Infeasible:
    """Why the normal form has no plan, as the reason why the problem has none."""
    if host is None:
        return answer
    values = dict(answer.__dict__)
    values |= {
        "conflict": _conflicts(answer.conflict, host, normal),
        "further": tuple([_conflicts(rules, host, normal) for rules in answer.further]),
        "remedies": _told(answer.remedies, normal),
        "together": _told(answer.together, normal),
        "unhelpful": tuple([_unhelpful(part, host) for part in _told(answer.unhelpful, normal)]),
    }
    return made(Infeasible, values)


def _told(parts: Iterable[Told], normal: Normal) -> tuple[Told, ...]:
    """Every text of these, told."""
    found = []
    for part in parts:
        texts = {k: told(v, normal) if isinstance(v, str) else v for k, v in part.__dict__.items()}
        found.append(made(type(part), texts))
    return tuple(found)


def _unhelpful(told: Unhelpful, host: Host) -> Unhelpful:
    """What does not help, told already: of a pool with what it holds in the problem, for pools that
    hold plenty are the first that do not."""
    match = POOL_NUMBER.fullmatch(told.change)
    if match is None:
        return told
    node = int(match["node"])
    now = format_size(host.node(node).free)
    if match["size"] is not None:
        now = f"{host.pool(node, parse_size(match['size'])).free} free"
    return made(Unhelpful, {**told.__dict__, "from_": now})


def _conflicts(rules: Iterable[Conflict], host: Host, normal: Normal) -> tuple[Conflict, ...]:
    """Rules with the pools that they are about as these are in the problem."""
    found = []
    for rule, new in zip(rules, _told(rules, normal), strict=True):
        if rule.pool is None:
            found.append(new)
            continue
        node = normal.nodes[rule.pool.node] if normal.nodes else rule.pool.node
        size, free = rule.pool.page_size, host.pool(node, rule.pool.page_size).free
        pool = rule.pool.model_copy(update={"node": node, "free": free})
        says = new.says
        if (
            free != rule.pool.free
        ):  # a pool that holds plenty, in a conflict that has rules to spare
            says = says.replace(_pages(rule.pool.free, size), _pages(free, size))
        found.append(new.model_copy(update={"pool": pool, "says": says}))
    return tuple(found)


def _pages(free: int, size: int) -> str:
    """How a rule about a pool tells what is free in it (explain/rules.py)."""
    return f"{free} free pages of {format_size(size)} ({format_size(free * size)})"

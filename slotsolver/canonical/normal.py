"""A host and wishes put together: the key of a problem, and its normal form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from slotsolver.canonical.hosts import HostForm, Order, digest, of_host
from slotsolver.canonical.wishes import WishForm, of_wishes
from slotsolver.fields import made
from slotsolver.host import Host, HostNode, Pool
from slotsolver.problem import Guest, Problem


@dataclass(frozen=True, slots=True)
class Normal:
    """What a normal form is known by: ``key``, the same for all problems that have it, and what its
    host nodes are called in this one: normal node ``i`` is node ``nodes[i]``. Without ``nodes``
    they are called as they are."""

    key: bytes
    nodes: tuple[int, ...] = ()


def normal(host: HostForm, wishes: WishForm) -> Normal:
    """The normal form of the problem of these wishes on this host, by its key."""
    if host.host is None or host.host.without_cpus or wishes.as_is:
        return Normal(digest(wishes.key + host.whole))
    rows = _rows(host, wishes)
    order = _order(host, wishes, rows)
    ids = host.ids
    nodes = tuple([ids[place] for place in order.places]) if wishes.relabels else ()
    shown = ([rows[place] for place in order.places], () if nodes else ids)
    data = wishes.key + host.facts + repr(shown).encode()
    return Normal(digest(data + order.distances if wishes.by_distance else data), nodes)


def _rows(host: HostForm, wishes: WishForm) -> list[tuple[Any, ...]]:
    """What can matter of each node."""
    if wishes.demand is None or not host.plain:
        return list(host.raw)
    limits = wishes.limits(host.page_sizes)
    most = limits[0]
    return [
        tuple(map(min, row, limits)) if row[0] < most else (most, 0, *map(min, row[2:], limits[2:]))
        for row in host.rows
    ]


def _order(host: HostForm, wishes: WishForm, rows: list[tuple[Any, ...]]) -> Order:
    """The order of the nodes: as they are, where something names one."""
    if not wishes.relabels:
        return host.as_it_is
    ranks = {row: rank for rank, row in enumerate(sorted(set(rows)))}
    colours = tuple([ranks[row] for row in rows])
    return host.order(colours, by_distance=wishes.by_distance)


def problem_of(host: HostForm, wishes: WishForm, normal: Normal) -> Problem:
    """The problem that is solved for all problems with the key of this one."""
    problem = wishes.problem
    values = {name: getattr(problem, name) for name in Problem.model_fields}
    if wishes.as_is or host.host is None or host.host.without_cpus:
        values["host"] = host.host
    else:
        values["host"] = _host(host.host, host, wishes, normal)
    if not wishes.as_is:
        values["guests"] = tuple(map(_guest, problem.guests))
    return made(Problem, values)


def canonical(problem: Problem, *, whole_pools: bool = False) -> tuple[Problem, Normal]:
    """The normal form of one problem, and its key; see :func:`of_wishes`."""
    host, wishes = of_host(problem.host), of_wishes(problem, whole_pools=whole_pools)
    found = normal(host, wishes)
    return problem_of(host, wishes, found), found


def _guest(guest: Guest) -> Guest:
    """The guest without what its key does not say."""
    first, cells = 0, []
    for cell in guest.cells:
        cpus = tuple(range(first, first + len(cell.cpus)))
        cells.append(cell if cell.cpus == cpus else cell.model_copy(update={"cpus": cpus}))
        first += len(cpus)
    xml = None if guest.xml is None else ""
    return guest.model_copy(update={"cells": tuple(cells), "xml": xml})


def _host(host: Host, form: HostForm, wishes: WishForm, normal: Normal) -> Host:
    """The host with its nodes in normal order, and of each no more than can matter."""
    rows = _rows(form, wishes)
    clamped = wishes.demand is not None and form.plain
    places = [form.ids.index(node) for node in normal.nodes or form.ids]
    nodes = []
    for number, place in enumerate(places):
        node, far = host.nodes[place], form.distances[place]
        values: dict[str, Any] = {
            "id": number if normal.nodes else node.id,
            "cpus": (),
            "memory": node.memory,
            "free": node.free,
            "pools": node.pools,
            "distances": tuple([far[other] for other in places]) if wishes.by_distance else (),
        }
        if clamped:
            values |= _holdings(host, form.page_sizes, rows[place])
        nodes.append(made(HostNode, values))
    values = {name: getattr(host, name) for name in Host.model_fields}
    return made(Host, {**values, "nodes": tuple(nodes), "default_hugepage": None})


def _holdings(host: Host, page_sizes: tuple[int, ...], row: tuple[int, ...]) -> dict[str, Any]:
    """Memory and pools of a node of which no more is known than its row. A pool of a size that the
    host has holds one page at least, so that it has them still."""
    free, used, *counts = row
    pools = []
    for size, count in zip(page_sizes[1:], counts, strict=True):
        total = max(count, 1) if size in host.usable_pages else count
        pools.append(made(Pool, {"page_size": size, "total": total, "free": count}))
    memory = free + used + sum(pool.total * pool.page_size for pool in pools)
    return {"memory": memory, "free": free, "pools": tuple(pools)}

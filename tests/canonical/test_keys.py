"""Every field of a problem is in its key, or stands here with the reason why not."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pytest

from slotsolver.canonical import canonical, of_host, of_wishes
from slotsolver.canonical.plenty import Demand
from slotsolver.catalogue import example
from slotsolver.catalogue_lines import LINES
from slotsolver.constraints.step import Step
from slotsolver.host import Host, HostNode, Pool
from slotsolver.kinds import find
from slotsolver.policies import Objective, Policy
from slotsolver.problem import Cell, Device, Guest, Problem, ReservedDimm
from slotsolver.size import GiB, KiB, MiB
from tests.running_guests import document as running

Document = dict[str, Any]

HOST_LEFT_OUT = {
    ("Host", "default_hugepage"): "says what pages without a size are in a domain XML",
    ("HostNode", "cpus"): "no rule asks for host CPUs",
}
LEFT_OUT = {
    ("Cell", "cpus"): "only their number counts, see below",
    ("Guest", "xml"): "only that there is one counts, see below",
    **HOST_LEFT_OUT,
}

CHANGES: dict[type, dict[str, Any]] = {
    Problem: {
        "also_hosts": ({"nodes": [{"id": 0, "memory": GiB, "free": GiB}]},),
        "policies": ("balance",),
        "objectives": ("fewest-slots",),
        "qemu": "8.0",
        "libvirt": "9.5",
    },
    Host: {"base_page": 64 * KiB, "phys_bits": 46, "cpu_vendor": "amd", "free_known": False},
    HostNode: {
        "id": 7,
        "memory": 9 * GiB,
        "free": 3 * GiB,
        "pools": (),
        "distances": (10, 31),
    },
    Pool: {"page_size": 16 * MiB, "total": 700, "free": 300},
    Guest: {
        "name": "other",
        "machine": "pc",
        "phys_bits": 44,
        "cpu_vendor": "amd",
        "host_passthrough": True,
        "pci_hole64": GiB,
        "boot": 2 * GiB,
        "target": 3 * GiB,
        "waypoints": (4 * GiB,),
        "maximum": 6 * GiB,
        "slots": 9,
        "host_nodes": (0,),
        "mode": "preferred",
        "running": True,
        "immediate": True,
        "emulator_cpus": (0,),
    },
    Cell: {
        "id": None,  # they are numbered
        "memory": 2 * GiB,
        "page_size": 2 * MiB,
        "host_nodes": (1,),
        "mode": "preferred",
        "distances": {1: 31},
    },
    Device: {
        "model": "virtio-mem",
        "size": 512 * MiB,
        "cell": 1,
        "slot": 3,
        "address": 8 * GiB,
        "page_size": 2 * MiB,
        "host_nodes": (1,),
        "block": 4 * MiB,
        "requested": 2 * MiB,
        "current": 2 * MiB,
        "label": 2 * MiB,
        "alias": "dimm9",
        "backend": "mem9",
    },
    ReservedDimm: {"slot": 5, "size": 512 * MiB, "cell": 1, "address": 9 * GiB},
}
"""Another value for every field that is in the key; fields with models in them change by theirs."""

HOLDERS = {
    ("Problem", "host"),
    ("Problem", "guests"),
    ("Host", "nodes"),
    ("Guest", "cells"),
    ("Guest", "devices"),
    ("Guest", "growth"),
}


def base(**guest: Any) -> Document:
    """A problem with something of everything; pools hold too little to be clamped, but for the last
    node's, and something is used of all."""
    node = {"memory": 8 * GiB, "free": 4 * GiB, "distances": [10, 21], "cpus": [0, 1]}
    pools = [{"page_size": 2 * MiB, "total": 600, "free": 400}]
    device = {"size": GiB, "cell": 0, "slot": 0, "address": 5 * GiB}
    reserved = {"slot": 1, "size": GiB, "cell": 0, "address": 6 * GiB}
    return {
        "host": {
            "nodes": [
                {**node, "id": 0, "pools": pools},
                {**node, "id": 1, "distances": [21, 10], "pools": pools},
            ]
        },
        "guests": [
            {
                "name": "vm",
                "cells": [{"cpus": [0, 1]}, {"cpus": [2, 3]}],
                "target": 4 * GiB,
                "maximum": 8 * GiB,
                "devices": [device],
                "growth": [reserved],
                **guest,
            }
        ],
    }


def key(problem: Problem) -> bytes:
    """Its key."""
    return canonical(problem)[1].key


def with_field(problem: Problem, cls: type, name: str, value: Any) -> Problem:
    """The problem with another value in one field of the first object of a class, valid or not."""
    update = {name: value}
    host, guest = problem.host, problem.guests[0]
    assert host is not None
    if cls is Problem:
        return problem.model_copy(
            update={name: getattr(Problem.model_validate({**base(), **update}), name)}
        )
    if cls in (Host, HostNode, Pool):
        node = host.nodes[0]
        if cls is Pool:
            pools = (node.pools[0].model_copy(update=update),)
            node = node.model_copy(update={"pools": pools})
        elif cls is HostNode:
            node = node.model_copy(update=update)
        host = host.model_copy(update={"nodes": (node, *host.nodes[1:])})
        if cls is Host:
            host = host.model_copy(update=update)
        return problem.model_copy(update={"host": host})
    fields = {Cell: "cells", Device: "devices", ReservedDimm: "growth"}
    if cls in fields:
        first, *rest = getattr(guest, fields[cls])
        update = {fields[cls]: (first.model_copy(update=update), *rest)}
    return problem.model_copy(update={"guests": (guest.model_copy(update=update),)})


def test_every_field_is_spoken_of() -> None:
    """A field that is new has to be thought about."""
    for cls, changes in CHANGES.items():
        left = {name for owner, name in LEFT_OUT if owner == cls.__name__}
        held = {name for owner, name in HOLDERS if owner == cls.__name__}
        assert set(changes) | left | held == set(cls.model_fields), cls


@pytest.mark.parametrize(
    ("cls", "name"), [(cls, name) for cls, changes in CHANGES.items() for name in changes]
)
def test_every_field_changes_the_key(cls: type, name: str) -> None:
    """A problem that differs in one field is another one."""
    value = CHANGES[cls][name]
    if value is None or (cls, name) == (HostNode, "id"):
        return  # ids of host nodes are the first thing that the form takes away
    problem = Problem.model_validate(base())
    other = with_field(problem, cls, name, value)
    assert key(other) != key(problem)


@pytest.mark.parametrize(("cls", "name"), [(HostNode, "id"), (Pool, "total"), (HostNode, "memory")])
def test_ids_and_totals_count_where_something_asks_for_them(cls: type, name: str) -> None:
    """Ids where a guest names nodes, totals beside headroom."""
    guest = {"host_nodes": [0, 1]} if name == "id" else {}
    document = base(**guest)
    document["policies"] = [{"kind": "headroom", "fraction": "1/10"}] if name != "id" else []
    problem = Problem.model_validate(document)
    assert key(with_field(problem, cls, name, CHANGES[cls][name])) != key(problem)


def test_totals_count_beside_headroom_only() -> None:
    """A tenth of a larger pool is more; where nothing asks for totals, used pages are no matter."""
    for policies, same in (([], True), ([{"kind": "headroom", "fraction": "1/10"}], False)):
        problem = Problem.model_validate({**base(), "policies": policies})
        more = with_field(problem, Pool, "total", 700)
        more = with_field(more, HostNode, "memory", 8 * GiB + 200 * MiB)
        assert (key(more) == key(problem)) is same


def test_pools_can_be_filled_from_plenty_of_ordinary_memory() -> None:
    """What is left of it then is plenty still: remedies make pages of it."""
    sizes = (4 * KiB, 2 * MiB, GiB)
    demand = Demand(memory=8 * GiB, pieces=4, share=2 * GiB)
    ordinary, used, small, large = demand.limits(sizes)
    assert demand.limits(sizes[:1]) == (18 * GiB + 9 * MiB,) * 2
    assert (small, large) == (2 * (4096 + 4) + 1025, 2 * (8 + 4) + 3)
    assert ordinary == used == 18 * GiB + 9 * MiB + 2 * 4100 * 2 * MiB + 2 * 12 * GiB


def test_what_is_left_out_changes_nothing() -> None:
    """Fields that no answer depends on, whatever is in them."""
    problem = Problem.model_validate(base())
    same = [
        with_field(problem, Host, "default_hugepage", GiB),
        with_field(problem, HostNode, "cpus", (5, 6)),
        with_field(problem, Cell, "cpus", (7, 9)),
    ]
    assert {key(other) for other in same} == {key(problem)}
    assert all(canonical(other)[0] == canonical(problem)[0] for other in same)
    texts = [with_field(problem, Guest, "xml", text) for text in ("<domain/>", "<domain></domain>")]
    assert key(texts[0]) == key(texts[1]) != key(problem)
    assert canonical(texts[0])[0] == canonical(texts[1])[0]
    fewer = with_field(problem, Cell, "cpus", (0,))
    assert key(fewer) != key(problem)


def test_a_running_guest_is_left_as_it_is() -> None:
    """Nothing is taken away beside a running guest: it says where its memory is."""
    guest = running([GiB, GiB], [(0, GiB, 0, 0)], 4 * GiB, maximum=8 * GiB, slots=4)
    problem = Problem.model_validate({**base(), "guests": [guest]})
    form, found = canonical(problem)
    assert form == problem
    assert not found.nodes
    every = {**CHANGES[HostNode], "cpus": (8, 9)}
    others = [with_field(problem, HostNode, name, value) for name, value in every.items()]
    others.append(with_field(problem, Pool, "total", 700))
    others.append(with_field(problem, Guest, "xml", "<domain/>"))
    others.append(with_field(problem, Guest, "xml", "<domain></domain>"))
    assert len({key(other) for other in (problem, *others)}) == 1 + len(others)


def test_rules_of_others_are_left_alone() -> None:
    """What another's rule looks at is not known, nor what it does tomorrow."""

    class Odd(Step):
        """As step, and odd."""

    rule = Odd(size=GiB)
    problem = Problem.model_validate({**base(), "policies": [rule]})
    assert canonical(problem)[0] == problem
    own = Problem.model_validate({**base(), "policies": [Step(size=GiB)]})
    assert key(own) != key(problem) == key(problem.model_copy())


def test_policies_and_objectives_differ_by_every_example() -> None:
    """All lines of the catalogue are told apart."""
    rules: list[Policy | Objective] = []
    for kind, lines in LINES.items():
        rules += [example(kind, line) for line in lines]
    kinds = {rule.kind for rule in rules}
    assert len(kinds) > 30
    problem, keys = Problem.model_validate(base()), set()
    for rule in rules:
        field = "policies" if find(Policy, rule.kind) else "objectives"
        keys.add(of_wishes(problem.model_copy(update={field: (rule,)})).key)
    assert len(keys) == len({rule.model_dump_json() for rule in rules})
    for rule in rules:
        assert not [n for n, field in type(rule).model_fields.items() if field.exclude]


def test_wishes_do_not_look_at_the_host() -> None:
    """The same wishes are used for every host."""
    problem = Problem.model_validate(base())
    assert of_wishes(problem).key == of_wishes(problem.model_copy(update={"host": None})).key


def test_the_order_of_things_counts() -> None:
    """Policies and objectives have an order; guests and cells keep theirs."""
    rules = [{"kind": "step", "size": GiB}, "balance"]
    problems = [Problem.model_validate({**base(), "policies": p}) for p in (rules, rules[::-1])]
    assert key(problems[0]) != key(problems[1])


def test_hosts_without_a_pool_and_with_an_empty_one_are_the_same() -> None:
    """Unless no node has pages of that size at all."""
    has, empty = {"page_size": 2 * MiB, "total": 9, "free": 9}, {"page_size": 2 * MiB}
    node = {"memory": 8 * GiB, "free": 4 * GiB}
    hosts = [
        Host.model_validate({"nodes": [{**node, "id": 0, "pools": a}, {**node, "id": 1, **b}]})
        for a, b in (
            ([has], {}),
            ([has], {"pools": [{**empty, "total": 0, "free": 0}]}),
            ([has], {"pools": [{**empty, "total": 5, "free": 0}], "memory": 8 * GiB + 10 * MiB}),
            ([{**has, "free": 0}], {}),
            ([{**has, "free": 0, "total": 0}], {}),
        )
    ]
    problem = Problem.model_validate(base())
    keys = [key(problem.model_copy(update={"host": host})) for host in hosts]
    assert keys[0] == keys[1] == keys[2]
    assert all(one != other for one, other in combinations(keys[2:], 2))
    assert of_host(hosts[0]).facts != of_host(hosts[4]).facts

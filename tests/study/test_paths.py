"""Fields by their paths: what each kind of path changes of a problem, and what it refuses."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slotsolver.errors import InputError
from slotsolver.problem import Host, Problem
from slotsolver.size import GiB, MiB
from slotsolver.study.paths import assign, in_turn

BASE: dict[str, Any] = {
    "host": {
        "nodes": [
            {"id": 2, "memory": "64 GiB", "free": "30 GiB", "pools": []},
            {
                "id": 5,
                "memory": "64 GiB",
                "free": "20 GiB",
                "pools": [{"page_size": "2 MiB", "total": 100, "free": 60}],
            },
        ]
    },
    "guests": [
        {
            "name": "db",
            "cells": [{"id": 0, "cpus": "0-2"}, {"id": 1, "cpus": "3-5"}],
            "target": "8 GiB",
            "maximum": "16 GiB",
        },
        {"name": "web", "cells": [{"id": 0}], "target": "2 GiB", "maximum": "4 GiB"},
    ],
    "policies": [{"kind": "step", "size": "1 GiB"}, "no-swap"],
    "objectives": [{"kind": "finest-step"}, "fewest-slots"],
}


def changed(**_: Any) -> dict[str, Any]:
    """The base problem."""
    return json.loads(json.dumps(BASE))  # type: ignore[no-any-return]


def after(fields: dict[str, Any], base: dict[str, Any] | None = None) -> dict[str, Any]:
    """The base problem with these fields set, as a study sets them."""
    tree = changed() if base is None else base
    for path, value in in_turn(fields):
        assign(tree, path, value)
    return tree


def at(tree: Any, path: str) -> Any:
    """What stands there."""
    for part in path.split("."):
        tree = tree[int(part)] if isinstance(tree, list) else tree[part]
    return tree


@pytest.mark.parametrize(
    ("field", "value", "where"),
    [
        ("guests.db.target", "9 GiB", "guests.0.target"),
        ("guests.web.target", "9 GiB", "guests.1.target"),
        ("guests.1.target", "9 GiB", "guests.1.target"),
        ("guest", {"name": "x"}, "guests.0"),
        ("host.nodes.5.memory", "70 GiB", "host.nodes.1.memory"),
        ("host.nodes.0.memory", "70 GiB", "host.nodes.0.memory"),
        ("guests.db.cells.1.memory", "1 GiB", "guests.0.cells.1.memory"),
        ("objectives.finest-step.down_to", "default", "objectives.0.down_to"),
        ("objectives.fewest-slots", "finest-step", "objectives.1"),
        ("qemu", "8.0", "qemu"),
        ("policies", [], "policies"),
        ("step", "2 GiB", "policies.0.size"),
    ],
)
def test_one_field(field: str, value: Any, where: str) -> None:
    """It is set there, and nothing else changes."""
    found = after({field: value})
    assert at(found, where) == value
    *parent, last = where.split(".")
    expected = changed()
    place = at(expected, ".".join(parent)) if parent else expected
    place[int(last) if isinstance(place, list) else last] = value
    assert found == expected


@pytest.mark.parametrize("name", ["target", "maximum", "boot", "machine"])
def test_short_names_are_of_every_guest(name: str) -> None:
    """As ``*`` is."""
    found = after({name: "3 GiB"})
    assert [guest[name] for guest in found["guests"]] == ["3 GiB", "3 GiB"]
    assert found == after({f"guests.*.{name}": "3 GiB"})


@pytest.mark.parametrize(
    ("fields", "policies"),
    [
        ({"policies.step": "off"}, ["no-swap"]),
        ({"policies.step": False}, ["no-swap"]),
        ({"policies.step": None}, ["no-swap"]),
        ({"step": "off"}, ["no-swap"]),
        ({"policies.no-swap": "off"}, [{"kind": "step", "size": "1 GiB"}]),
        ({"policies.step": "on"}, BASE["policies"]),
        ({"policies.balance": True}, [*BASE["policies"], {"kind": "balance"}]),
        ({"policies.step": {"size": "4 GiB"}}, ["no-swap", {"kind": "step", "size": "4 GiB"}]),
        ({"slots": 9}, [*BASE["policies"], {"kind": "slots", "at_most": 9}]),
        ({"page-size": "2 MiB"}, [*BASE["policies"], {"kind": "page-size", "size": "2 MiB"}]),
        ({"reserve": "target"}, [*BASE["policies"], {"kind": "reserve", "until": "target"}]),
        (
            {"policies.page-size": {"size": "2 MiB"}, "policies.page-size.preferred": False},
            [*BASE["policies"], {"kind": "page-size", "size": "2 MiB", "preferred": False}],
        ),
        (
            {"policies.no-swap.guests": ["db"]},
            [{"kind": "step", "size": "1 GiB"}, {"kind": "no-swap", "guests": ["db"]}],
        ),
    ],
)
def test_policies(fields: dict[str, Any], policies: list[Any]) -> None:
    """On, off, as a mapping, or a field of it; ``false`` is off only where it is no field's."""
    assert after(fields)["policies"] == policies


@pytest.mark.parametrize("before", [None, []])
def test_policies_where_there_are_none(before: Any) -> None:
    """A policy is the first one."""
    base = {**changed(), "policies": before}
    assert after({"step": "1 GiB"}, base)["policies"] == [{"kind": "step", "size": "1 GiB"}]


@pytest.mark.parametrize(
    ("count", "cpus"),
    [(1, ["0-5"]), (2, ["0-2", "3-5"]), (3, ["0-1", "2-3", "4-5"]), (4, ["0", "1", "2", "3"])],
)
def test_cells_as_a_number(count: int, cpus: list[str]) -> None:
    """The CPUs are spread over them evenly, or each has one."""
    (cells, one) = (guest["cells"] for guest in after({"cells": count})["guests"])
    assert [cell["cpus"] for cell in cells] == cpus
    assert [cell["id"] for cell in cells] == list(range(count))
    assert len(one) == count


def test_cells_of_a_guest_that_an_axis_brings() -> None:
    """Its CPUs may be ids in any form."""
    guest = {"name": "x", "cells": [{"cpus": [0, 1]}, {"cpus": 2}, {"cpus": "3"}, {}]}
    cells = after({"cells": 2, "guests.0": guest})["guests"][0]["cells"]
    assert [cell["cpus"] for cell in cells] == ["0-1", "2-3"]


def host(fields: dict[str, Any]) -> Host:
    """The host that comes of it."""
    return Host.model_validate(after(fields)["host"])


def test_pages_as_a_number() -> None:
    """They are taken from the ordinary free memory, and what was free in the pool goes there."""
    found = host({"host.pages.2 MiB": 40})
    assert found.node(2).pools[0].free == found.node(2).pools[0].total == 40
    assert found.node(2).free == 30 * GiB - 80 * MiB
    assert (found.node(5).pools[0].free, found.node(5).pools[0].total) == (40, 40)
    assert found.node(5).free == 20 * GiB + 40 * MiB  # 60 pages were free, 40 are


def test_pages_of_one_node() -> None:
    """And of another size, beside those that are there."""
    found = host({"host.nodes.5.pages.1 GiB": 7})
    assert not found.node(2).pools
    assert [(p.page_size, p.free) for p in found.node(5).pools] == [(2 * MiB, 60), (GiB, 7)]
    assert found.node(5).free == 13 * GiB


def test_pages_as_a_share() -> None:
    """Of all memory of the node, rounded down to whole pages."""
    assert [n.pools[-1].free for n in host({"host.pages.1 GiB": "30%"}).nodes] == [19, 19]
    assert host({"host.pages.1 GiB": "12.5%"}).node(2).pools[0].free == 8


def test_fields_of_a_pool() -> None:
    """Each may be set alone."""
    pool = host({"host.nodes.5.pages.2 MiB.free": 3}).node(5).pools[0]
    assert (pool.free, pool.total) == (3, 100)


@pytest.mark.parametrize("written", [0.9, "0.9", "90%", " 90 % "])
def test_used(written: Any) -> None:
    """That share of each pool and of what is ordinary is not free: exactly."""
    found = host({"used": written})
    assert found.node(5).pools[0].free == 10  # of 100, though 100 * (1 - 0.9) is less in floats
    ordinary = 64 * GiB - 100 * 2 * MiB
    assert found.node(5).free == ordinary // 10 // 4096 * 4096
    assert found.node(2).free == 64 * GiB // 10 // 4096 * 4096


@pytest.mark.parametrize(("used", "free"), [(0, 64), (1, 0), ("100%", 0), ("0.5", 32)])
def test_used_in_all(used: Any, free: int) -> None:
    """From nothing to everything."""
    assert host({"used": used}).node(2).free == free * GiB


@pytest.mark.parametrize("turn", [1, -1])
def test_order_of_setting(turn: int) -> None:
    """Wholes before their parts, pages before ``used``, however they are written."""
    fields = {
        "host.used": "50%",
        "host.pages.1 GiB": 10,
        "host.nodes.0.memory": "32 GiB",
        "host": {"nodes": [{"id": 0, "memory": "64 GiB"}]},
        "guests.db.target": "5 GiB",
        "target": "3 GiB",
    }
    tree = after(dict(list(fields.items())[::turn]))
    node = Host.model_validate(tree["host"]).node(0)
    assert node.memory == 32 * GiB
    assert [(p.total, p.free) for p in node.pools] == [(10, 5)]
    assert node.free == 11 * GiB
    assert [guest["target"] for guest in tree["guests"]] == ["5 GiB", "3 GiB"]


def test_a_host_that_an_axis_brings() -> None:
    """Its pools may be ``pages``, and what is free may be left out."""
    small = {"nodes": [{"id": 0, "memory": "10 GiB", "pages": {"1 GiB": 4}}]}
    node = host({"host": small, "used": 0.5}).node(0)
    assert (node.pools[0].total, node.pools[0].free, node.free) == (4, 2, 3 * GiB)
    assert host({"host": small, "host.pages.1 GiB": 5}).node(0).free == 5 * GiB


def test_also_hosts() -> None:
    """Have pages and used memory too."""
    base = {**changed(), "also_hosts": [changed()["host"]]}
    tree = after({"also_hosts.0.nodes.*.used": 0.5, "also_hosts.*.nodes.*.pages.2 MiB": 10}, base)
    node = Host.model_validate(tree["also_hosts"][0]).node(5)
    assert (node.pools[0].total, node.pools[0].free) == (10, 5)
    assert tree["host"] == BASE["host"]


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("taget", 1, "'taget' is no field of a problem; did you mean 'target'?"),
        ("", 1, "'' is no field"),
        ("host..free", 1, "'host..free' is no field"),
        ("guests.db.targett", 1, "there is no 'targett'; did you mean 'target'?"),
        ("guests.*.cells.0.memroy", 1, "there is no 'memroy'; did you mean 'memory'?"),
        ("host.nodes.0.fre", 1, "there is no 'fre'; did you mean 'free'?"),
        ("host.node.0.free", 1, "there is no 'node'; did you mean 'nodes'?"),
        ("policies.stepp.size", 1, "there is no 'stepp'; did you mean 'step'?"),
        ("policies.step.sise", 1, "there is no 'sise'; did you mean 'size'?"),
        ("policies.step.size.x", 1, "a policy has fields, and these no fields"),
        ("policies.step", 5, "is a mapping of its fields, 'on' or 'off', not 5; one field"),
        ("guests.bd.target", 1, "guests.bd.target: there is no 'bd'; did you mean 'db'?"),
        ("guests.2.target", 1, "there is no '2'; known are db, web"),
        ("host.nodes.7.free", 1, "there is no '7'; known are 2, 5"),
        ("guests.0.boot.x", 1, "the problem has no 'boot'"),
        ("guests.0.target.x", 1, "there is nothing at 'x' to be set"),
        ("host.pages", 40, "pages need a size: pages.1 GiB"),
        ("host.pages.1 GiB", -1, "pages are a number such as 40, or a share such as 85%, not -1"),
        ("host.pages.1 GiB", True, "not True"),
        ("host.pages.1 GiB", "x%", "a share is a number from 0 to 1, or as 85%, not 'x%'"),
        ("host.pages.1 GiB", 40, "host node 2: 40 pages of 1 GiB are 10 GiB more than there is"),
        ("host.pages.4", 1, "size '4' has no unit"),
        ("host.pages.0 MiB", 1, "more than 0"),
        ("used", 1.5, "a share is a number from 0 to 1, or as 85%, not 1.5"),
        ("used", "101%", "not '101%'"),
        ("used", "-1%", "not '-1%'"),
        ("used", True, "not True"),
        ("used", "1e999999999", "not '1e999999999'"),
        ("used", float("nan"), "not nan"),
        ("cells", 0, "a guest has 1 to 1024 cells, not 0"),
        ("cells", 10**9, "a guest has 1 to 1024 cells"),
    ],
)
def test_refused(field: str, value: Any, says: str) -> None:
    """With the rule, and what was probably meant."""
    with pytest.raises(InputError) as caught:
        after({field: value})
    assert says in str(caught.value)


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["x", "1 GiB", "", "50%"]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(["name", "nodes", "kind", "cells", "memory", "cpus", "id", "pools"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=5,
)
FIELDS = (
    "host",
    "used",
    "host.pages.2 MiB",
    "host.nodes",
    "host.nodes.0",
    "host.nodes.5.pages.2 MiB.total",
    "host.nodes.*.pools",
    "guests",
    "guests.0",
    "guests.*.cells",
    "cells",
    "guests.0.cells.0.memory",
    "also_hosts",
    "also_hosts.0.nodes.*.used",
    "policies",
    "policies.step",
    "step",
    "objectives",
    "objectives.0.down_to",
    "target",
)


@given(st.dictionaries(st.sampled_from(FIELDS), JUNK, min_size=1, max_size=4))
def test_whatever_is_set_is_refused_in_words(fields: dict[str, Any]) -> None:
    """No value at any path makes another error than bad input."""
    try:
        tree = after(fields)
    except InputError:
        return
    try:
        Problem.model_validate(tree)
    except ValueError:
        return

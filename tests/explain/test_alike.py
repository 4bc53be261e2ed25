"""Which host nodes can change places without changing the problem."""

from __future__ import annotations

from typing import Any

import pytest

from slotsolver.explain.alike import Alike
from slotsolver.explain.rules import Rule, rules_of
from slotsolver.problem import Problem
from tests.constraints.builders import HUGE, SMALL, host, problem

FAR = [[10, 20, 30], [20, 10, 30], [30, 30, 10]]
"""Nodes 0 and 1 are near each other and as far from node 2."""
CHAIN = [[10, 20, 30], [20, 10, 20], [30, 20, 10]]
"""Node 1 lies between the others."""


def alike(given: Problem) -> set[tuple[int, int]]:
    """The pairs of nodes that can change places."""
    assert given.host is not None
    ids = [node.id for node in given.host.nodes]
    found = Alike(given)
    pairs = {(a, b) for a in ids for b in ids if a < b and found.nodes(a, b)}
    assert pairs == {(a, b) for a in ids for b in ids if a < b and found.nodes(b, a)}
    return pairs


def three(*nodes: tuple[int, int], far: list[list[int]] | None = None, **guest: Any) -> Problem:
    """A guest on a host."""
    return problem(guest.pop("cells", [2]), 2, 4, host=host(*nodes, far=far), **guest)


def test_equal_nodes() -> None:
    """The same memory and pools, and nothing names them."""
    assert alike(three((9, 3), (9, 3), (9, 3))) == {(0, 1), (0, 2), (1, 2)}


@pytest.mark.parametrize("other", [(9, 2), (8, 3)])
def test_unlike_pools(other: tuple[int, int]) -> None:
    """One page more or less, of any size, makes a node another one."""
    assert alike(three((9, 3), other, (9, 3))) == {(0, 2)}


def test_distances() -> None:
    """Equal nodes in unlike places are not alike; mirror images are."""
    same = [(9, 3)] * 3
    assert alike(three(*same, far=FAR)) == {(0, 1)}
    assert alike(three(*same, far=CHAIN)) == {(0, 2)}


@pytest.mark.parametrize(
    "named",
    [
        {"host_nodes": [0, 1]},
        {"cells": [{"memory": 2 << 27, "host_nodes": [0]}]},
    ],
)
def test_named_by_the_guest(named: dict[str, Any]) -> None:
    """A node that is bound to is unlike any other, even if both are named."""
    found = alike(three((9, 3), (9, 3), (9, 3), **named))
    assert found == ({(1, 2)} if "cells" in named else set())


def test_named_by_a_policy() -> None:
    """Or by a policy."""
    wish = {"kind": "host-nodes", "nodes": [2]}
    given = problem([2], 2, 4, wish, host=host((9, 3), (9, 3), (9, 3)))
    assert alike(given) == {(0, 1)}


def test_no_host() -> None:
    """Nothing is alike where there is nothing."""
    assert not Alike(problem([2], 2, 4)).nodes(0, 1)


def test_pools_of_one_size() -> None:
    """Rules about pools go together if their nodes do and the pages are of one size."""
    given = three((9, 3), (9, 3), (9, 2))
    pools = {(r.pool.node, r.pool.page_size): r for r in rules_of(given) if r.pool is not None}
    found = Alike(given)
    assert found.pools(pools[0, HUGE], pools[1, HUGE])
    assert not found.pools(pools[0, HUGE], pools[1, SMALL])
    assert not found.pools(pools[0, HUGE], pools[2, HUGE])
    other = Rule("slots", "", "", lambda p: p)
    assert not found.pools(pools[0, HUGE], other)

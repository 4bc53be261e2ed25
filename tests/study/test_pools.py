"""The smallest pools that suffice, against a closed form and against trying one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slotsolver import Plan, solve
from slotsolver.errors import InputError
from slotsolver.problem import Problem
from slotsolver.study.pools import smallest_pools

Fields = dict[str, Any]
GIB = 1 << 30
APART = {"kind": "host-nodes", "distinct": True}
ALL_LARGE = {"kind": "page-size", "size": "1 GiB"}


def problem(
    nodes: Sequence[Fields], targets: Sequence[int], policies: Sequence[Any] = ()
) -> Problem:
    """A guest with a target (GiB) for each cell and 1 GiB of boot memory in each."""
    cells = [{"memory": "1 GiB"} for _ in targets]
    target = {cell: size * GIB for cell, size in enumerate(targets)}
    guest = {"name": "g", "cells": cells, "target": target}
    host = {"nodes": [{"id": number, **node} for number, node in enumerate(nodes)]}
    return Problem.model_validate({"host": host, "guests": [guest], "policies": list(policies)})


def with_pages(nodes: Sequence[Fields], pages: int) -> list[Fields]:
    """The nodes with so many free 1 GiB pages, or as many as their memory holds."""
    found = []
    for node in nodes:
        number = min(pages, int(node["memory"].removesuffix(" GiB")))
        found.append({**node, "pages": {"1 GiB": {"total": number}}})
    return found


def scanned(nodes: Sequence[Fields], targets: Sequence[int], policies: Sequence[Any]) -> int | None:
    """The smallest number that helps, by trying all."""
    most = max(int(node["memory"].removesuffix(" GiB")) for node in nodes)
    for pages in range(most + 1):
        try:
            tried = problem(with_pages(nodes, pages), targets, policies)
            if isinstance(solve(tried, reasons="none"), Plan):
                return pages
        except InputError as error:
            assert "no pool" in error.message  # noqa: PT017 - no page, no pool
    return None


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(st.integers(1, 4), st.integers(1, 8), st.integers(1, 6), st.booleans())
def test_equal_cells_need_what_the_fullest_node_holds(
    cells: int, each: int, count: int, apart: bool
) -> None:
    """As few of them on a node as there can be, each with its memory in 1 GiB pages."""
    nodes = [{"memory": "64 GiB", "free": "0 B"}] * count
    rules = [ALL_LARGE, *([APART] if apart else [])]
    found = smallest_pools(problem(nodes, [each] * cells, rules), GIB, effort=5)
    fullest = -(-cells // count)
    if apart and fullest > 1:
        assert (found.pages, found.proven, found.taken) == (None, True, {})
        assert found.least == 65
        return
    assert (found.pages, found.proven) == (fullest * each, True)
    assert sum(found.taken.values()) == cells * each
    assert max(found.taken.values()) == found.pages


@settings(max_examples=25, deadline=None, derandomize=True, database=None)
@given(
    st.lists(st.tuples(st.integers(2, 9), st.integers(0, 3)), min_size=1, max_size=3),
    st.lists(st.integers(1, 5), min_size=1, max_size=3),
    st.lists(
        st.sampled_from([0, 1, 2]).map(
            [APART, ALL_LARGE, {"kind": "headroom", "page_size": "1 GiB", "pages": 1}].__getitem__
        ),
        max_size=2,
        unique_by=lambda rule: rule["kind"],
    ),
)
def test_no_smaller_number_suffices(
    sizes: list[tuple[int, int]], targets: list[int], rules: list[Fields]
) -> None:
    """Uneven nodes with ordinary memory beside the pools, uneven cells."""
    nodes = [{"memory": f"{m} GiB", "free": f"{f} GiB" if f else "0 B"} for m, f in sizes]
    nodes = [
        {**node, "free": node["free"] if f <= m else f"{m} GiB"}
        for node, (m, f) in zip(nodes, sizes, strict=True)
    ]
    found = smallest_pools(problem(nodes, targets, rules), GIB, effort=5)
    assert found.proven
    assert found.pages == scanned(nodes, targets, rules)


def test_pages_in_use_stay_so() -> None:
    """Three of the pool's pages are used; of 8 GiB five more can be."""
    nodes = [{"memory": "8 GiB", "free": "0 B", "pages": {"1 GiB": {"total": 4, "free": 1}}}]
    found = smallest_pools(problem(nodes, [5], [ALL_LARGE]), GIB, effort=5)
    assert (found.pages, found.taken) == (5, {0: 5})
    assert smallest_pools(problem(nodes, [6], [ALL_LARGE]), GIB, effort=5).pages is None


def test_other_pools_take_room_from_a_new_one() -> None:
    """6 of 8 GiB are in 2 MiB pages: there is room for two of 1 GiB."""
    nodes = [{"memory": "8 GiB", "free": "0 B", "pages": {"2 MiB": {"total": 3072, "free": 0}}}]
    assert smallest_pools(problem(nodes, [2]), GIB, effort=5).pages == 2
    assert smallest_pools(problem(nodes, [3]), GIB, effort=5).pages is None


def test_a_guest_that_needs_no_such_pages_gets_none() -> None:
    """Ordinary memory suffices."""
    found = smallest_pools(problem([{"memory": "8 GiB", "free": "4 GiB"}], [3]), GIB, effort=5)
    assert (found.pages, found.least, found.proven, found.taken) == (0, 0, True, {})


def test_ordinary_memory_is_a_pool_too() -> None:
    """The base page: how much has to be free."""
    found = smallest_pools(problem([{"memory": "8 GiB", "free": "0 B"}], [3]), 4096, effort=5)
    assert found.pages == 3 * GIB // 4096
    assert found.taken == {0: 3 * GIB // 4096}


def test_promised_growth_is_paid_as_it_is_reserved() -> None:
    """The maximum counts where a policy reserves it."""
    guest = {"name": "g", "cells": [{"memory": "1 GiB"}], "target": "2 GiB", "maximum": "5 GiB"}
    host = {"nodes": [{"id": 0, "memory": "8 GiB", "free": "0 B"}]}
    fields = {"host": host, "guests": [guest]}
    assert smallest_pools(Problem.model_validate(fields), GIB, effort=5).pages == 2
    fields["policies"] = [{"kind": "reserve", "until": "maximum"}]
    assert smallest_pools(Problem.model_validate(fields), GIB, effort=5).pages == 5


def test_what_makes_no_sense_is_refused() -> None:
    """No host, no page size."""
    one = problem([{"memory": "8 GiB", "free": "0 B"}], [3])
    with pytest.raises(InputError, match="no host"):
        smallest_pools(one.model_copy(update={"host": None}), GIB, effort=1)
    for page in (3 << 20, 1024):
        with pytest.raises(InputError, match="no page size"):
            smallest_pools(one, page, effort=1)

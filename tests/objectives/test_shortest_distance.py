"""`shortest-distance`: cells near each other on the host."""

from __future__ import annotations

from typing import Any

from slotsolver.objectives.shortest_distance import ShortestDistance
from tests.constraints.builders import (
    SMALL,
    B,
    host,
    make_guest,
    nodes_of,
    objective_line,
    problem,
    refusal,
    two_guests,
    values,
)

ORDER = ["shortest-distance"]
DISTINCT = {"kind": "host-nodes", "distinct": True}
LINE = [[10, 11, 30], [11, 10, 12], [30, 12, 10]]
"""Node 1 is near both others, which are far from each other."""


def distance(*args: Any, **kwargs: Any) -> int:
    """The value where it comes first."""
    kwargs.setdefault("objectives", ORDER)
    return values(problem(*args, **kwargs))["shortest-distance"]


def test_line() -> None:
    """The bare kind is the class."""
    objective = objective_line("shortest-distance")
    assert objective == ShortestDistance()
    assert objective.describe() == "guest distance times host distance over all pairs of cells"
    assert "has no field 'size'" in refusal("{kind: shortest-distance, size: 1}", "objectives")


def test_values() -> None:
    """A pair on one node is 20 times 10, on two nodes 20 times 20, three pairs three times that."""
    two = host((9, 0), (9, 0))
    assert distance([2, 2], 4, host=two) == 20 * 10
    assert distance([2, 2], 4, None, DISTINCT, host=two) == 20 * 20
    assert distance([2, 2, 2], 6, host=two) == 3 * 20 * 10
    assert distance([2], 2, host=two) == 0
    assert distance([2, 2], 4) == 0


def test_pools_push_cells_apart() -> None:
    """Three cells of two blocks on nodes of four and two: one pair together, two pairs apart."""
    assert distance([2, 2, 2], 6, host=host((4, 0), (2, 0))) == 20 * (10 + 20 + 20)


def test_near_nodes_are_chosen() -> None:
    """Two distinct cells on the two nearest of three nodes."""
    given = problem(
        [2, 2], 4, None, DISTINCT, host=host((9, 0), (9, 0), (9, 0), far=LINE), objectives=ORDER
    )
    assert values(given)["shortest-distance"] == 20 * 11
    assert sorted(nodes_of(given)) == [(0,), (1,)]


def test_far_cells_get_near_nodes() -> None:
    """Guest distances 15, 40 and 20 matched with 30, 11 and 12: the largest with the smallest."""
    cells: list[Any] = [{"memory": 2 * B} for _ in range(3)]
    cells[0]["distances"] = {1: 15, 2: 40}
    where = host((9, 0), (9, 0), (9, 0), far=LINE)
    assert distance(cells, 6, None, DISTINCT, host=where) == 40 * 11 + 20 * 12 + 15 * 30


def test_distances_that_differ_by_direction() -> None:
    """The larger of the two ways between two nodes counts."""
    where = host((9, 0), (9, 0), far=[[10, 17], [25, 10]])
    assert distance([2, 2], 4, None, DISTINCT, host=where) == 20 * 25


def test_sets_of_nodes() -> None:
    """A cell on nodes 0 and 2 is as far from one on node 1 as the farther of them."""
    cells: list[Any] = [
        {"memory": 2 * B, "host_nodes": [0, 2], "page_size": SMALL},
        {"memory": 2 * B, "host_nodes": [1]},
    ]
    where = host((9, 0), (9, 0), (9, 0), far=LINE)
    assert distance(cells, 4, host=where) == 20 * 12


def test_guests_add_up() -> None:
    """Each guest's cells among themselves; cells of different guests do not matter."""
    guest = make_guest([2, 2], 4)
    given = two_guests(guest, guest, host=host((4, 0), (4, 0)), objectives=ORDER)
    assert values(given)["shortest-distance"] == 2 * 20 * 10


def test_the_order_matters() -> None:
    """Near cells on small pages, or far ones on large pages."""
    where = host((4, 2), (0, 2))
    near = values(problem([2, 2], 4, host=where, objectives=["shortest-distance"]))
    large = values(problem([2, 2], 4, host=where, objectives=["largest-pages"]))
    assert near["shortest-distance"] == 20 * 10
    assert large["shortest-distance"] == 20 * 20
    assert near["largest-pages"] > large["largest-pages"]

"""`host-nodes`: where the memory of a cell may lie."""

from __future__ import annotations

from typing import Any

import pytest

from slotsolver.constraints.host_nodes import HostNodes
from slotsolver.errors import InputError
from slotsolver.solver import solve
from tests.constraints.builders import (
    HUGE,
    B,
    best,
    host,
    make_guest,
    nodes_of,
    policy_line,
    pool_of,
    problem,
    refusal,
    rules,
    slots,
    two_guests,
)

TWO, THREE = host((9, 0), (9, 0)), host((9, 0), (9, 0), (9, 0))


def rule(**fields: Any) -> dict[str, Any]:
    """A line of this policy."""
    return {"kind": "host-nodes", **fields}


def test_line() -> None:
    """The lines of YAML are the class, and say every part of their rule."""
    policy = policy_line("{kind: host-nodes, nodes: 0-2, distinct: true, spread: true}")
    assert policy == HostNodes(nodes=(0, 1, 2), distinct=True, spread=True)
    assert policy == policy_line(
        "{kind: host-nodes, nodes: [2, 0, 1], distinct: true, spread: true}"
    )
    assert policy.describe() == (
        "each cell lies on one of the host nodes 0-2; no two cells of a guest share a host node; "
        "the DIMMs of a cell may lie on different host nodes"
    )
    assert policy_line("host-nodes").describe() == "each cell lies on one host node"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("{kind: host-nodes, nodes: a-b}", "'a-b' is not a set of ids"),
        ("{kind: host-nodes, nodes: 3-1}", "'3-1' is not a range of ids"),
        ("{kind: host-nodes, nodes: [0, -1]}", "ids go from 0 to 16383"),
        ("{kind: host-nodes, nodes: [0.5]}", "ids are whole numbers"),
        ("{kind: host-nodes, distinct: 7}", "distinct: Input should be a valid boolean"),
        ("{kind: host-nodes, node: 0}", "did you mean 'nodes'?"),
    ],
)
def test_refused_lines(line: str, says: str) -> None:
    """A bad line is refused with its place and what would help."""
    assert says in refusal(line)


def test_nodes() -> None:
    """Without the policy the first of equal nodes, with it the one named."""
    assert nodes_of(problem([2, 2], 4, 6, host=TWO)) == [(0,), (0,)]
    given = problem([2, 2], 4, 6, rule(nodes=[1]), host=TWO)
    assert nodes_of(given) == [(1,), (1,)]
    assert {d.host_nodes for d in best(given).guests[0].dimms} == {(1,)}


def test_nodes_boundary() -> None:
    """Nine blocks lie on one node of nine; ten do not, though the other node would hold them."""
    assert slots(problem([5], 9, None, rule(nodes=[0]), host=host((9, 0), (20, 0)))) == 1
    given = problem([5], 10, None, rule(nodes=[0]), host=host((9, 0), (20, 0)))
    assert "policy host-nodes" in rules(given)
    assert nodes_of(problem([5], 10, None, host=host((9, 0), (20, 0)))) == [(1,)]


def test_distinct() -> None:
    """Two cells lie on two nodes then, and three cells find no third."""
    assert nodes_of(problem([2, 2], 4, None, rule(distinct=True), host=TWO)) == [(0,), (1,)]
    assert slots(problem([2] * 3, 6, None, rule(distinct=True), host=TWO)) is None
    assert slots(problem([2] * 3, 6, None, rule(distinct=True), host=THREE)) == 0


def test_distinct_among_the_cells_named() -> None:
    """Cells that are not named may lie beside them; here as near as they can."""
    found = nodes_of(problem([2] * 3, 6, None, rule(distinct=True, cells=[0, 2]), host=TWO))
    assert found[0] != found[2]
    assert found[1] in (found[0], found[2])


def test_distinct_within_each_guest() -> None:
    """Cells of different guests may share a node."""
    guest = make_guest([2, 2], 4)
    plan = best(two_guests(guest, guest, rule(distinct=True), host=TWO))
    for planned in plan.guests:
        assert {c.host_nodes for c in planned.cells} == {(0,), (1,)}


def test_two_policies_meet() -> None:
    """Of {0, 1} and {1, 2} node 1 is left, of {0} and {2} nothing is."""
    both = (rule(nodes=[0, 1]), rule(nodes=[1, 2]))
    assert nodes_of(problem([2], 2, None, *both, host=THREE)) == [(1,)]
    with pytest.raises(InputError, match="leaves cell 0 no host node: it allows 2, the domain"):
        solve(problem([2], 2, None, rule(nodes=[0]), rule(nodes=[2]), host=THREE))


def test_the_domain_is_not_overruled() -> None:
    """What <numatune> binds elsewhere cannot be asked for here."""
    with pytest.raises(InputError, match="policy host-nodes leaves cell 0 no host node"):
        solve(problem([2], 2, None, rule(nodes=[1]), host=TWO, host_nodes=[0]))


def test_absent_nodes() -> None:
    """A node that the host does not have leaves no node, or is left out beside others."""
    with pytest.raises(InputError, match="leaves cell 0 no host node: it allows 7"):
        solve(problem([2], 2, None, rule(nodes=[7]), host=TWO))


def test_spread() -> None:
    """Three pieces of a cell on nodes of two blocks each, where one node holds not all of it."""
    where = host((0, 2), (0, 2), (0, 2))
    step = {"kind": "step", "size": 2 * B}
    assert slots(problem([2], 6, None, step, host=where)) is None
    plan = best(problem([2], 6, None, step, rule(spread=True), host=where))
    guest = plan.guests[0]
    pieces = [guest.cells[0].host_nodes, *(d.host_nodes for d in guest.dimms)]
    assert sorted(pieces) == [(0,), (1,), (2,)]
    assert [pool_of(plan, node, HUGE).free_after for node in (0, 1, 2)] == [0, 0, 0]


def test_spread_splits_no_piece() -> None:
    """A DIMM of two blocks does not lie on two nodes with one block each; two DIMMs do."""
    where = host((0, 2), (0, 1), (0, 1))
    one = {"kind": "slots", "exactly": 1}
    assert slots(problem([2], 4, None, rule(spread=True), one, host=where)) is None
    assert slots(problem([2], 4, None, rule(spread=True), host=where)) == 2


def test_cells_and_guests() -> None:
    """Only the cells and guests named."""
    assert nodes_of(problem([2, 2], 4, None, rule(nodes=[1], cells=[1]), host=host((2, 0), (9, 0))))
    given = problem([2, 2], 4, None, rule(nodes=[1], cells=[1]), rule(distinct=True), host=TWO)
    assert nodes_of(given) == [(0,), (1,)]
    guest = make_guest([2], 2)
    pair = two_guests(
        guest, guest, rule(nodes=[1], guests=["one"]), rule(nodes=[0], guests=["two"]), host=TWO
    )
    assert (nodes_of(pair, 0), nodes_of(pair, 1)) == ([(1,)], [(0,)])


def test_without_a_host() -> None:
    """Where nothing is placed the rule has nothing to hold."""
    assert slots(problem([2, 2], 4, 6, rule(nodes=[1], distinct=True))) == 1

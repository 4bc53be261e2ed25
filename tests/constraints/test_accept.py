"""`accept`: how near to its target a running guest has to come."""

from __future__ import annotations

from typing import Any

import pytest

from slotsolver.constraints.accept import Accept
from slotsolver.plan import Infeasible, Plan
from slotsolver.problem import Problem
from slotsolver.solver import solve
from tests.constraints.builders import (
    B,
    best,
    done,
    input_error,
    packed,
    policy_line,
    problem,
    refusal,
    rules,
    running,
    slots,
    two_running,
)

DISTANCES = ["exact", "below", "above", "nearest"]


def rule(distance: str, **fields: Any) -> dict[str, Any]:
    """A line of this policy."""
    return {"kind": "accept", "distance": distance, **fields}


def reached(target: int, *policies: dict[str, Any]) -> int:
    """The size in blocks of a guest with 2, 1 and 4 that can become 2, 3, 6 or 7."""
    plan = best(running([2], target, 16, *policies, devices=packed(1, 4)))
    return plan.guests[0].memory // B


def half_a_block_more(*policies: dict[str, Any]) -> Problem:
    """A guest that has two blocks and shall have half a one more."""
    given = running([2], 3, 9, *policies)
    guest = given.guests[0].model_copy(update={"target": 5 * B // 2})
    return given.model_copy(update={"guests": (guest,)})


@pytest.mark.parametrize(
    ("distance", "says"),
    [
        ("exact", "the target is met exactly"),
        ("below", "the target is met, or the nearest size below it"),
        ("above", "the target is met, or the nearest size above it"),
        ("nearest", "the target is met as nearly as possible"),
    ],
)
def test_line(distance: str, says: str) -> None:
    """The line of YAML is the class, and says its rule."""
    policy = policy_line(f"{{kind: accept, distance: {distance}}}")
    assert policy == Accept(distance=distance)
    assert policy.describe() == says


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("{kind: accept}", "distance: this field is needed here"),
        ("{kind: accept, distance: near}", "'below', 'above' or 'nearest', not 'near'"),
        ("{kind: accept, distances: below}", "did you mean 'distance'?"),
        ("{kind: accept, distance: below, cells: [0]}", "is about whole guests; it takes no cells"),
    ],
)
def test_refused_lines(line: str, says: str) -> None:
    """A bad line is refused with its place and what would help."""
    assert says in refusal(line)


@pytest.mark.parametrize(
    ("target", "below", "above", "nearest"), [(4, 3, 6, 3), (5, 3, 6, 6), (6, 6, 6, 6)]
)
def test_distances(target: int, below: int, above: int, nearest: int) -> None:
    """The nearest of the sizes that it can have, on the side that is accepted."""
    given = [reached(target, rule(d)) for d in DISTANCES[1:]]
    assert given == [below, above, nearest]


@pytest.mark.parametrize("policies", [(), (rule("exact"),)], ids=["default", "named"])
def test_exactly_is_the_default(policies: tuple[dict[str, Any], ...]) -> None:
    """Where a target cannot be met there is no plan, whether exactness is named or not."""
    assert reached(6, *policies) == 6
    assert slots(running([2], 5, 16, *policies, devices=packed(1, 4))) is None
    assert set(rules(running([2], 5, 16, *policies, devices=packed(1, 4)))) == {"target", "no-swap"}


def test_the_last_one_counts() -> None:
    """Of several the last, also in what is to blame."""
    assert reached(5, rule("exact"), rule("below")) == 3
    given = running([2], 5, 16, rule("nearest"), rule("exact"), devices=packed(1, 4))
    assert set(rules(given)) == {"target", "no-swap"}


@pytest.mark.parametrize(
    ("distance", "says"), [("exact", "exactly"), ("below", "at most"), ("above", "at least")]
)
def test_the_side_is_to_blame(distance: str, says: str) -> None:
    """What keeps a guest from coming to a side of its target is told with that side; from staying
    as it is nothing keeps it."""
    policies = [{"kind": "max-operations", "count": 0}, rule(distance)]
    for target in (3, 9):
        answer = solve(running([2], target, 16, *policies, devices=packed(1, 4)))
        if (distance, target) in (("below", 9), ("above", 3)):
            assert isinstance(answer, Plan)
            continue
        assert isinstance(answer, Infeasible)
        named = {member.rule: member.says for member in answer.conflict}
        assert set(named) == {"target", "policy max-operations"}
        assert f"which has 896 MiB, is to have {says}" in named["target"]
    assert reached(3, policies[0], rule("nearest")) == 7


def test_it_is_no_rule_to_leave_out() -> None:
    """It permits: without it the target would be one more thing that cannot be. Cell 0 has 6
    blocks and cell 1 has 2, which could be even without it, or with a slot more."""
    policies = [{"kind": "add-only"}, {"kind": "balance"}, rule("nearest")]
    given = running([2, 2], 7, 16, *policies, devices=packed(4), slots=1)
    assert set(rules(given)) == {"slots", "policy add-only", "policy balance"}


def test_sizes_between_blocks() -> None:
    """Growth comes in blocks: half a block more is a whole one, or none."""
    given = [half_a_block_more(*p) for p in ((), (rule("above"),), (rule("below"),))]
    assert "--accept nearest (or below, above) takes one" in input_error(given[0])
    assert done(given[1]) == [("plug", 0, 1)]
    assert done(given[2]) == []


def test_cells_one_by_one() -> None:
    """With targets per cell each is met from the side that is accepted: 5 by 2, and 4 by 3."""
    given = running([2, 2], {0: 5, 1: 4}, 16, rule("below"), devices=packed((0, 4), (1, 1), (1, 2)))
    assert [c // B for c in best(given).guests[0].stages[1].cells] == [2, 4]
    given = running([2, 2], {0: 5, 1: 4}, 16, rule("above"), devices=packed((0, 4), (1, 1), (1, 2)))
    assert [c // B for c in best(given).guests[0].stages[1].cells] == [6, 4]


def test_guests() -> None:
    """Only the guests named."""
    one, two = ((1, 4), 5), ((1, 4), 5)
    assert slots(two_running(one, two, rule("below", guests=["one"]))) is None
    plan = best(two_running(one, ((1, 4), 6), rule("below", guests=["one"])))
    assert [g.memory // B for g in plan.guests] == [3, 6]


def test_new_guests_meet_their_target() -> None:
    """A guest that does not run is planned for its target, whatever is accepted."""
    assert best(problem([2], 5, 9, rule("below"))).guests[0].memory == 5 * B

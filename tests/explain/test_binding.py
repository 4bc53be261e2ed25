"""What holds a plan back and why its cells lie where they lie: hand-derived, and solved again."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, note, settings

import slotsolver
from slotsolver.errors import InputError
from slotsolver.explain import explain as explaining
from slotsolver.explain.explain import Told, explain
from slotsolver.explain.why_not import Step
from slotsolver.plan import (
    Binding,
    Conflict,
    Elsewhere,
    Explanation,
    Infeasible,
    ObjectiveValue,
    Placing,
    Plan,
    Undecided,
)
from slotsolver.problem import Problem
from slotsolver.size import GiB, MiB
from slotsolver.solver import solve
from tests.constraints.builders import (
    HUGE,
    PAGES,
    B,
    done,
    host,
    make_guest,
    packed,
    problem,
    running,
    two_guests,
)
from tests.explain.taking_back import without
from tests.strategies import small_problems

Document = dict[str, Any]
STEP = {"kind": "step", "size": 2 * B}
ON_HUGE = {"kind": "page-size", "size": HUGE}
DISTINCT = {"kind": "host-nodes", "distinct": True}


def explained(given_problem: Problem) -> Explanation:
    """The whole explanation of a problem that has a plan."""
    answer = explain(given_problem)
    assert isinstance(answer, Explanation), answer
    assert answer.complete
    return answer


def rule(answer: Explanation, name: str, says: str = "") -> Binding:
    """The one rule of that name (that says something)."""
    (found,) = (r for r in answer.rules if r.rule == name and says in r.says)
    return found


def gains(binding: Binding) -> dict[str, tuple[int, int]]:
    """Value and value without the rule, by objective, in their order."""
    return {effect.kind: (effect.value, effect.then) for effect in binding.effects}


def elsewhere(place: Placing) -> dict[tuple[int, ...], str]:
    """What would be on other host nodes."""
    return {other.host_nodes: other.outcome for other in place.elsewhere}


# --- rules ---


def test_a_step_costs_slots() -> None:
    """8 blocks of growth in steps of 2: 4 DIMMs; without the step one DIMM does. The largest one is
    2 blocks, so one block less and this plan would break the step."""
    answer = explained(problem([2], 2, 10, STEP))
    step = rule(answer, "policy step")
    assert step.binds is True
    assert next(iter(gains(step).items())) == ("fewest-slots", (4, 1))
    assert all(effect.proven for effect in step.effects)
    assert (step.tight, step.uses) == (True, "the largest DIMM is 256 MiB, as much as it may be")


def test_a_rule_that_costs_nothing_does_not_bind() -> None:
    """A step as large as the growth forbids nothing, and one block less would forbid the DIMM."""
    step = rule(explained(problem([2], 2, 10, STEP | {"size": 8 * B})), "policy step")
    assert (step.binds, step.effects, step.tight) == (False, (), True)
    step = rule(explained(problem([2], 2, 10, STEP | {"size": 9 * B})), "policy step")
    assert (step.binds, step.effects, step.tight) == (False, (), False)


@pytest.mark.parametrize(("slots", "tight"), [(4, True), (5, False)])
def test_slots_can_be_used_up(slots: int, tight: bool) -> None:
    """4 slots are taken; more would be no use."""
    answer = explained(problem([2], 2, 10, STEP, slots=slots))
    found = rule(answer, "slots")
    assert (found.binds, found.tight) == (False, tight)
    assert found.uses == f"4 of {slots} slots are used"


def test_slots_hold_steps_back() -> None:
    """4 slots for 8 blocks: no finer than 2 blocks each. With slots enough the step is a block, for
    which 8 slots are paid."""
    limit = {"kind": "slots", "at_most": 4}
    given_problem = problem([2], 2, 10, limit, objectives=["finest-step", "fewest-slots"])
    found = rule(explained(given_problem), "policy slots")
    assert found.binds is True
    assert (found.tight, found.uses) == (True, "all 4 slots are used")
    assert gains(found) == {"finest-step": (2 * B, B), "fewest-slots": (4, 8)}


def test_waypoints_have_a_price() -> None:
    """Two sizes to pass through on the way: 3 DIMMs instead of one."""
    found = rule(explained(problem([2], 2, 10, waypoints=[4 * B, 6 * B])), "waypoints")
    assert found.binds is True
    assert gains(found)["fewest-slots"] == (3, 1)


def test_what_is_asked_for_is_no_rule() -> None:
    """With another target or maximum it is another guest."""
    names = {found.rule for found in explained(problem([2], 4, 10, STEP)).rules}
    assert names.isdisjoint({"target", "maximum", "boot"})


def test_each_guest_has_its_rules() -> None:
    """The step of one guest does not hold the other back."""
    guest = make_guest([2], 2, 6)
    steps = [STEP | {"guests": ["one"]}, STEP | {"size": 4 * B, "guests": ["two"]}]
    answer = explained(two_guests(guest, guest, *steps))
    assert gains(rule(answer, "policy step", "one"))["fewest-slots"] == (3, 2)
    assert rule(answer, "policy step", "two").binds is False


@pytest.mark.parametrize(("kept", "tight"), [(2 * PAGES, True), (2 * PAGES - 1, False)])
def test_headroom_and_its_pool_are_used_up_together(kept: int, tight: bool) -> None:
    """4 of 6 blocks are taken and 2 stay free: as many as must, or one page more."""
    headroom = {"kind": "headroom", "page_size": HUGE, "pages": kept}
    answer = explained(problem([4], 4, None, ON_HUGE, headroom, host=host((0, 6))))
    assert rule(answer, "pool", "2 MiB").tight is tight
    assert rule(answer, "policy headroom").tight is tight


# --- pools and places ---


def test_a_full_pool_puts_a_cell_on_another_node() -> None:
    """Two cells of 4 blocks; node 0 has 7, so one lies on node 1. With pages enough on either node
    both lie there, 10 apart instead of 20: 10 x 20 / 10 x 10, each pair weighed with 20."""
    answer = explained(
        problem(
            [4, 4], 8, None, ON_HUGE, objectives=["shortest-distance"], host=host((0, 7), (0, 7))
        )
    )
    for node in (0, 1):
        pool = rule(answer, "pool", f"host node {node} has {7 * PAGES} free pages of 2 MiB")
        assert pool.binds is True
        assert gains(pool)["shortest-distance"] == (400, 200)
        assert pool.tight is False
        assert pool.uses == f"{4 * PAGES} pages of 2 MiB are taken, {3 * PAGES} stay free"
    ((one, two),) = [answer.places]
    assert (one.cells, one.host_nodes, elsewhere(one)) == ((0,), (0,), {(1,): "as-good"})
    assert (two.cells, two.host_nodes, elsewhere(two)) == ((1,), (1,), {(0,): "as-good"})


def test_a_pool_to_the_last_page() -> None:
    """A page less and the cell would not fit."""
    answer = explained(problem([4], 4, None, ON_HUGE, host=host((0, 4))))
    pool = rule(answer, "pool", "2 MiB")
    assert (pool.binds, pool.tight) == (False, True)
    assert pool.uses == "all its free pages of 2 MiB are taken"
    (place,) = answer.places
    assert (place.bound, place.elsewhere) == ("the host has no other node", ())


def test_nodes_that_are_alike_are_as_good() -> None:
    """Nodes 0 to 2 have the same; node 3 has too little for the cell."""
    nodes = host((9, 6), (9, 6), (9, 6), (9, 3))
    answer = explained(problem([4], 4, None, ON_HUGE, host=nodes))
    (place,) = answer.places
    assert place.host_nodes == (0,)
    assert elsewhere(place) == {(1, 2): "as-good", (3,): "impossible"}
    impossible = place.elsewhere[1]
    assert {"pool", "policy page-size"} <= {member.rule for member in impossible.conflict}
    assert f"host node 3 has {3 * PAGES} free pages of 2 MiB (384 MiB)" in impossible.says
    pools = {found.pool.node: found.group for found in answer.rules if found.pool is not None}
    assert pools[0] == pools[1] == pools[2] != pools[3]


def test_a_node_that_is_further_away_is_worse() -> None:
    """Both cells on node 0; one of them on the other node is 21 away instead of 10."""
    far = [[10, 21], [21, 10]]
    given_problem = problem(
        [4, 4],
        8,
        None,
        ON_HUGE,
        objectives=["shortest-distance"],
        host=host((0, 8), (0, 7), far=far),
    )
    (place,) = explained(given_problem).places
    assert (place.cells, place.host_nodes) == ((0, 1), (0,))
    (other,) = place.elsewhere
    assert other.outcome == "worse"
    assert other.says == "worse: shortest-distance 420 instead of 200"


def test_cells_that_are_bound() -> None:
    """By the domain, or by a policy that leaves one node."""
    cells: list[int | Document | None] = [{"memory": 2 * B, "host_nodes": [1]}, 2]
    only = {"kind": "host-nodes", "nodes": [0], "cells": [1]}
    answer = explained(problem(cells, 4, None, only, host=host((9, 0), (9, 0))))
    bound = {place.cells: place.bound for place in answer.places}
    assert bound == {
        (0,): "bound to host node 1 (<numatune>)",
        (1,): "bound to host node 0 (policy host-nodes)",
    }


def test_without_a_host_nothing_is_placed() -> None:
    """No pools, no places."""
    answer = explained(problem([2, 2], 4, 8, STEP))
    assert answer.places == ()
    assert "pool" not in {found.rule for found in answer.rules}


# --- running guests ---


def test_what_a_running_guest_may_do() -> None:
    """2 + 1 + 1 of 3 DIMMs, one block less: with a single operation allowed it goes; all of it is
    used. That nothing is exchanged costs nothing."""
    count = {"kind": "max-operations", "count": 1}
    given_problem = running([2], 5, 16, count, devices=packed(2, 1, 1))
    assert [step[0] for step in done(given_problem)] == ["unplug"]
    answer = explained(given_problem)
    operations = rule(answer, "policy max-operations")
    assert (operations.binds, operations.tight) == (False, True)
    assert operations.uses == "all 1 operations are used"
    assert rule(answer, "no-swap").binds is False


def test_a_small_step_costs_operations() -> None:
    """4 blocks more in steps of 2: two plugs instead of one."""
    step = {"kind": "per-step", "size": 2 * B}
    answer = explained(running([2], 8, 16, step, devices=packed(2)))
    found = rule(answer, "policy per-step")
    assert found.binds is True
    assert gains(found)["fewest-plugs"] == (2, 1)
    assert found.tight is True


# --- the answer as a whole ---


def test_a_problem_without_a_plan() -> None:
    """The answer is that of ``solve``."""
    given_problem = problem([2], 2, 10, STEP, slots=3)
    answer = explain(given_problem)
    assert isinstance(answer, Infeasible)
    assert answer == solve(given_problem)


def test_the_public_entrance() -> None:
    """The same answer, JSON and back; its steps count up to all questions."""
    given_problem = problem([2, 2], 4, 12, STEP, ON_HUGE, host=host((0, 9), (0, 8)))
    steps: list[Step | Told] = []
    answer = slotsolver.explain(given_problem, watch=steps.append)
    assert isinstance(answer, Explanation)
    assert Explanation.model_validate_json(answer.model_dump_json()) == answer
    assert steps[-1].answer == answer
    counts = [step.done for step in steps]
    assert counts == sorted(counts)
    assert counts[0] == 0
    assert counts[-1] == steps[-1].total > 0
    assert not any(step.answer.complete for step in steps[:-1])
    answers = [step.answer for step in steps if isinstance(step.answer, Explanation)]
    assert all(r.binds is None for r in answers[0].rules)
    assert answers[0].plan == answer.plan


def test_twice_the_same() -> None:
    """What is not a time is reproducible."""
    given_problem = problem([2, 2], 4, 12, STEP, ON_HUGE, host=host((0, 9), (0, 8)))
    one, two = explained(given_problem), explained(given_problem)
    assert (one.rules, one.places) == (two.rules, two.places)


def test_it_can_be_ended() -> None:
    """What ``watch`` raises comes out."""

    def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        explain(problem([2], 2, 10, STEP), watch=interrupt)


def test_time_that_is_up_leaves_an_incomplete_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """The plan and what it uses up are known; what the rules cost was not asked."""
    monkeypatch.setattr(explaining, "EXPLANATION_LIMIT", 0.0)
    answer = explain(problem([2], 2, 10, STEP, host=host((20, 0), (9, 9))))
    assert isinstance(answer, Explanation)
    assert not answer.complete
    step = rule(answer, "policy step")
    assert (step.binds, step.tight) == (None, True)
    assert answer.places == ()


def test_input_that_contradicts_itself() -> None:
    """As in ``solve``."""
    with pytest.raises(InputError):
        explain(problem([3, 5], 8, None, {"kind": "sizes", "allowed": [B]}, waypoints=[8 * B + 1]))


# --- solved again ---


def named(given_problem: Problem, plan: Plan) -> Problem:
    """The problem with every objective of its plan named: the usual ones hang on its policies."""
    own = {objective.kind: objective.model_dump() for objective in given_problem.objectives}
    usual = {"finest-step": {"kind": "finest-step", "down_to": "default"}}
    kinds = [objective.kind for objective in plan.objectives]
    order = [own.get(kind, usual.get(kind, kind)) for kind in kinds]
    return Problem.model_validate(given_problem.model_dump() | {"objectives": order})


def values(problems: Iterable[Problem], count: int) -> list[int] | None:
    """The best values of the first objectives over some problems, ``None`` if none has a plan."""
    found = []
    for one in problems:
        try:
            answer = solve(one)
        except InputError:
            continue
        if isinstance(answer, Plan):
            assert answer.status == "optimal"
            found.append([o.value for o in answer.objectives[:count]])
    return min(found, default=None)


def expected(objectives: Iterable[ObjectiveValue], found: Binding | Elsewhere) -> list[int]:
    """The values under the condition that an explanation is about."""
    changed = {effect.kind: effect.then for effect in found.effects}
    return [changed.get(objective.kind, objective.value) for objective in objectives]


def is_stranded(own: list[int], other: list[int], plan: Plan) -> bool:
    """Whether nothing but what is stranded in pools is better, which does not count of pools."""
    kinds = [o.kind for o, a, b in zip(plan.objectives, own, other, strict=True) if a != b]
    return kinds[0] == "least-stranding"


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(small_problems())
def test_solved_again(given_problem: Problem) -> None:
    """Any small problem: each rule taken out of its document, and each cell bound to each other
    node there, gives the values that the explanation states."""
    try:
        answer = explain(given_problem)
    except InputError:
        assume(False)
        return
    assume(isinstance(answer, Explanation))
    assert isinstance(answer, Explanation)
    note(given_problem.model_dump_json())
    given_problem = named(given_problem, answer.plan)
    objectives = answer.plan.objectives
    own = [objective.value for objective in objectives]
    for found in answer.rules:
        conflict = Conflict(rule=found.rule, says=found.says, pool=found.pool)
        best = values(without(given_problem, [conflict]), len(own))
        assert best is not None, found
        if found.binds:
            assert best == expected(objectives, found), found
            assert best < own, found
        elif best < own:
            assert found.pool is not None, found
            assert is_stranded(own, best, answer.plan), found
        else:
            assert found.binds is False, found
    for place in answer.places:
        for other in place.elsewhere:
            for node in other.host_nodes:
                check_place(given_problem, answer.plan, place, other, node)


def check_place(
    given_problem: Problem, plan: Plan, place: Placing, other: Elsewhere, node: int
) -> None:
    """Bind each of the cells to the node and solve."""
    own = [objective.value for objective in plan.objectives]
    for cell in place.cells:
        document = given_problem.model_dump()
        (guest,) = (guest for guest in document["guests"] if guest["name"] == place.guest)
        guest["cells"][cell]["host_nodes"] = [node]
        best = values([Problem.model_validate(document)], len(own))
        if other.outcome == "impossible":
            assert best is None, (place, node)
            assert other.conflict
        elif other.outcome == "worse":
            assert best == expected(plan.objectives, other), (place, node)
            assert best > own
        else:
            assert other.outcome == "as-good"
            assert best == own, (place, node)


def test_the_exact_numbers_of_the_thread() -> None:
    """The 2014 thread's guest of four cells, 8 to 16 GiB in steps of 512 MiB, each cell on a node
    of its own: 16 slots instead of 4; six pairs of cells 21 apart instead of 10."""
    pages = {"page_size": 2 * MiB, "total": 8192, "free": 6144}
    nodes = [
        {
            "id": n,
            "memory": 64 * GiB,
            "pools": [pages],
            "distances": [10 if n == m else 21 for m in range(4)],
        }
        for n in range(4)
    ]
    guest = {"name": "thread", "cells": [{}] * 4, "target": 8 * GiB, "maximum": 16 * GiB}
    policies = [ON_HUGE, DISTINCT, {"kind": "step", "size": 512 * MiB}]
    answer = explained(
        Problem.model_validate({"host": {"nodes": nodes}, "guests": [guest], "policies": policies})
    )
    assert gains(rule(answer, "policy step"))["fewest-slots"] == (16, 4)
    apart = gains(rule(answer, "policy host-nodes"))["shortest-distance"]
    assert apart == (6 * 20 * 21, 6 * 20 * 10)
    assert all(set(elsewhere(place).values()) == {"as-good"} for place in answer.places)
    assert not isinstance(answer, Undecided)

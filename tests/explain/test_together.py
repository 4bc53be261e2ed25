"""Changes that help together where none does alone, and conflicts that share no rule."""

from __future__ import annotations

from itertools import combinations, product
from typing import Any

from slotsolver.explain.lever import Lever
from slotsolver.explain.rules import rules_of
from slotsolver.plan import Infeasible, Remedy
from slotsolver.problem import Problem
from slotsolver.solver import solve
from tests.constraints.builders import B, host, make_guest, problem, two_guests
from tests.explain.attacks import check
from tests.explain.taking_back import has_plan

BACKED = {"kind": "page-size", "size": 2 << 20}


def step_and_slots(name: str) -> list[dict[str, Any]]:
    """From 2 to 10 blocks in steps of 2 with 3 slots."""
    return [
        {"kind": "step", "size": 2 * B, "guests": [name]},
        {"kind": "slots", "at_most": 3, "guests": [name]},
    ]


def two_conflicts() -> Problem:
    """Two guests, each of which cannot be, for reasons of its own."""
    guest = make_guest([2], 2, 10)
    return two_guests(guest, guest, *step_and_slots("one"), *step_and_slots("two"))


def split(*nodes: tuple[int, int]) -> Problem:
    """Two cells bound to nodes that each lack a block of pages."""
    nodes = nodes or ((1, 1), (1, 1))
    cells: list[Any] = [{"memory": 2 * B, "page_size": 2 << 20, "host_nodes": [n]} for n in (0, 1)]
    return problem(cells, 4, None, host=host(*nodes))


def explained(given: Problem) -> Infeasible:
    """The answer."""
    answer = solve(given)
    assert isinstance(answer, Infeasible)
    return answer


def test_conflicts_that_share_no_rule() -> None:
    """One for each guest, and no change alone helps."""
    answer = explained(two_conflicts())
    assert len(answer.further) == 1
    first, second = answer.conflict, answer.further[0]
    assert {m.rule for m in first} == {m.rule for m in second}
    assert {m.rule for m in first} == {"maximum", "policy step", "policy slots"}
    assert not [member for member in first if member in second]
    assert answer.remedies == ()


def test_one_of_each() -> None:
    """A number of either guest, each as little changed as will do; every claim holds."""
    given = two_conflicts()
    answer = explained(given)
    assert len(answer.together) == 2
    assert {r.change for r in answer.together} <= {"policy step size", "policy slots at_most"}
    assert {r.to for r in answer.together} <= {"384 MiB", "4"}
    assert {name for r in answer.together for name in ("one", "two") if name in r.says} == {
        "one",
        "two",
    }
    check(given, answer)


def test_pages_on_two_nodes() -> None:
    """A block on each: the cheapest, for it asks nothing of the guest."""
    given = split()
    answer = explained(given)
    assert not answer.remedies
    assert [(r.change, r.to) for r in answer.together] == [
        ("2 MiB pages of host node 0", "128 free"),
        ("2 MiB pages of host node 1", "128 free"),
    ]
    check(given, answer)


def test_not_made_of_the_same_memory_twice() -> None:
    """A node with one free block cannot give a block to each of two cells."""
    cells: list[Any] = [{"memory": 2 * B, "page_size": 2 << 20, "host_nodes": [0]}] * 2
    given = problem(cells, 4, None, host=host((1, 2)))
    answer = explained(given)
    assert "2 MiB pages of host node 0" not in {r.change for r in answer.remedies}
    check(given, answer)


def of(given: Problem, remedy: Remedy) -> Lever:
    """The lever that a remedy is a change of."""
    levers = [lever for rule in rules_of(given) for lever in rule.levers]
    return next(
        lever
        for lever in levers
        if (lever.change, lever.from_) == (remedy.change, remedy.from_)
        and remedy.to in map(lever.to, lever.values)
    )


def test_no_cheaper_pair() -> None:
    """One node has no memory to make pages of. Of all pairs of numbers none that costs less gives a
    plan, whatever their values."""
    given = split((0, 1), (2, 1))
    answer = explained(given)
    cost = sum(of(given, remedy).weight for remedy in answer.together)
    levers = [lever for rule in rules_of(given) for lever in rule.levers if lever.values]
    cheaper = [pair for pair in combinations(levers, 2) if sum(x.weight for x in pair) < cost]
    assert cheaper
    for one, two in cheaper:
        first = one.values[-1:] if one.nested else one.values[:16]
        second = two.values[-1:] if two.nested else two.values[:16]
        for value, other in product(first, second):
            assert not has_plan(two.apply(one.apply(given, value), other)), (one, two)

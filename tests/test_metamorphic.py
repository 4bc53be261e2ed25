"""What must not change, or not get worse, when a problem is changed in a way whose effect is known.

Values are compared in the order of the objectives, as the solver reports them. All problems are
small ones with any policies, feasible or not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, currently_in_test_context, given, note, settings
from hypothesis import strategies as st

from slotsolver.errors import InputError
from slotsolver.gather import gather
from slotsolver.objectives.finest_step import FinestStep
from slotsolver.order import in_order
from slotsolver.plan import Infeasible, Plan
from slotsolver.problem import Problem
from slotsolver.size import MiB
from slotsolver.solver import solve
from tests.strategies import small_problems

B = 128 * MiB
Document = dict[str, Any]
Values = list[tuple[str, int]]

several = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
"""Enough problems to meet every policy, few enough for half a minute."""


def values(problem: Problem) -> Values | None:
    """Objectives with their values in order; ``None`` where there is no plan."""
    if currently_in_test_context():
        note(problem.model_dump_json())
    try:
        answer = solve(problem, reasons="none")
    except InputError:
        return None
    if isinstance(answer, Infeasible):
        return None
    assert isinstance(answer, Plan)
    assert answer.status == "optimal"
    return [(o.kind, o.value) for o in answer.objectives]


def before(found: Values | None, kinds: Sequence[str]) -> Values | None:
    """The values up to the first of these kinds."""
    if found is None:
        return None
    place = next((i for i, (kind, _) in enumerate(found) if kind in kinds), len(found))
    return found[:place]


def changed(problem: Problem, change: Callable[[Document], object]) -> Problem:
    """The problem with its document changed in place, objectives named one by one."""
    document = problem.model_dump()
    change(document)
    return Problem.model_validate(document)


def explicit(problem: Problem) -> Problem:
    """The same problem with all its objectives named, so that no default depends on its policies:
    policies that cut growth leave `finest-step` out, here it comes last then."""
    try:
        order = in_order(problem, gather(problem))
    except InputError:
        assume(False)
    if not any(objective.kind == "finest-step" for objective in order):
        order = (*order, FinestStep(down_to="default"))
    return problem.model_copy(update={"objectives": order})


def no_worse(new: Values | None, old: Values | None, *, until: Sequence[str] = ()) -> None:
    """What had a plan still has one, whose values up to the kinds ``until`` are no larger."""
    if old is None:
        return
    assert new is not None
    left, right = before(new, until), before(old, until)
    assert left is not None
    assert right is not None
    assert [kind for kind, _ in left] == [kind for kind, _ in right]
    assert left <= right


# --- names do not matter -------------------------------------------------------------------------


def renamed_nodes(document: Document, new: Sequence[int]) -> None:
    """Give host node ``old`` the id ``new[old]``, everywhere."""
    host = document["host"]
    nodes = host["nodes"]
    places = {new[node["id"]]: place for place, node in enumerate(nodes)}
    order = [places[n] for n in sorted(places)]
    for node in nodes:
        node["id"] = new[node["id"]]
        if node["distances"]:
            node["distances"] = [node["distances"][place] for place in order]
    host["nodes"] = [nodes[place] for place in order]

    def rename(holder: Document, field: str) -> None:
        if holder.get(field) is not None:
            holder[field] = sorted(new[n] for n in holder[field])

    for guest in document["guests"]:
        for holder in (guest, *guest["cells"], *guest["devices"]):
            rename(holder, "host_nodes")
    for policy in document["policies"]:
        if policy["kind"] == "host-nodes":
            rename(policy, "nodes")


@several
@given(st.data())
def test_ids_of_host_nodes_do_not_matter(data: st.DataObject) -> None:
    """A host whose nodes are numbered otherwise gives the same values."""
    problem = data.draw(small_problems(hosted=True))
    assert problem.host is not None
    new = data.draw(st.permutations(range(len(problem.host.nodes))))
    other = changed(problem, lambda document: renamed_nodes(document, new))
    assert values(other) == values(problem)


def renumbered_cells(document: Document, new: Sequence[Sequence[int]]) -> None:
    """Give cell ``old`` of guest ``i`` the id ``new[i][old]``; policies name no cells."""
    for guest, numbers in zip(document["guests"], new, strict=True):
        cells = guest["cells"]
        apart = {
            (a, b): cells[a]["distances"].get(b, 20) for a, b in combinations(range(len(cells)), 2)
        }
        for cell in cells:
            cell["distances"] = {}
        for (a, b), distance in apart.items():
            cells[a]["distances"][numbers[b]] = cells[b]["distances"][numbers[a]] = distance
        for cell in cells:
            cell["id"] = numbers[cell["id"]]
        guest["cells"] = sorted(cells, key=lambda cell: int(cell["id"]))
        for device in guest["devices"]:
            device["cell"] = numbers[device["cell"]]
        if isinstance(guest["target"], dict):
            guest["target"] = {numbers[cell]: size for cell, size in guest["target"].items()}


@several
@given(st.data())
def test_ids_of_cells_do_not_matter(data: st.DataObject) -> None:
    """A guest whose cells are numbered otherwise gives the same values."""
    problem = data.draw(small_problems())
    assume(all(policy.cells is None for policy in problem.policies))
    new = [data.draw(st.permutations(range(len(guest.cells)))) for guest in problem.guests]
    other = changed(problem, lambda document: renumbered_cells(document, new))
    assert values(other) == values(problem)


@several
@given(small_problems())
def test_order_of_guests_does_not_matter(problem: Problem) -> None:
    """Guests named in another order give the same values."""
    other = problem.model_copy(update={"guests": problem.guests[::-1]})
    assert values(other) == values(problem)


@several
@given(st.data())
def test_order_of_policies_does_not_matter(data: st.DataObject) -> None:
    """Policies are all to be kept, whichever is named first."""
    problem = explicit(data.draw(small_problems()))
    order = data.draw(st.permutations(problem.policies))
    assert values(problem.model_copy(update={"policies": tuple(order)})) == values(problem)


# --- more room is never worse --------------------------------------------------------------------


CAPACITY = ("least-stranding",)
"""With more capacity every plan stays possible with the same values, but for what is left over in
the pools: `least-stranding`, and with it whatever is decided after it, may become worse."""


@several
@given(st.data())
def test_more_free_pages_are_never_worse(data: st.DataObject) -> None:
    """Pages that are free besides, in the pool and out of use."""
    problem = data.draw(small_problems(hosted=True))

    def grow(document: Document) -> None:
        for node in document["host"]["nodes"]:
            for pool in node["pools"]:
                more = data.draw(st.integers(0, 2 * B // pool["page_size"] + 1))
                pool["total"] += more
                pool["free"] += more
                node["memory"] += more * pool["page_size"]

    no_worse(values(changed(problem, grow)), values(problem), until=CAPACITY)


@several
@given(st.data())
def test_pages_that_become_free_are_never_worse(data: st.DataObject) -> None:
    """Pages of the pools that others held until now."""
    problem = data.draw(small_problems(hosted=True))

    def free(document: Document) -> None:
        for node in document["host"]["nodes"]:
            for pool in node["pools"]:
                pool["free"] = data.draw(st.integers(pool["free"], pool["total"]))

    no_worse(values(changed(problem, free)), values(problem), until=CAPACITY)


@several
@given(st.data())
def test_more_ordinary_memory_is_never_worse(data: st.DataObject) -> None:
    """Memory of a node besides, all of it free."""
    problem = data.draw(small_problems(hosted=True))

    def grow(document: Document) -> None:
        for node in document["host"]["nodes"]:
            more = data.draw(st.integers(0, 6)) * B // 2
            node["memory"] += more
            node["free"] += more

    no_worse(values(changed(problem, grow)), values(problem), until=CAPACITY)


@several
@given(small_problems(hosted=True), st.integers(0, 6), st.integers(0, 6), st.integers(11, 40))
def test_one_more_node_is_never_worse(
    problem: Problem, ordinary: int, huge: int, distance: int
) -> None:
    """A node that nothing has to use, at any distance."""

    def grow(document: Document) -> None:
        nodes = document["host"]["nodes"]
        stated = bool(nodes[0]["distances"])
        for node in nodes if stated else ():
            node["distances"] = [*node["distances"], distance]
        pages = huge * B // (2 * MiB)
        node = {
            "id": len(nodes),
            "memory": (ordinary + huge) * B,
            "free": ordinary * B,
            "pools": [{"page_size": 2 * MiB, "total": pages, "free": pages}],
            "distances": [distance] * len(nodes) + [10] if stated else [],
        }
        document["host"]["nodes"] = [*nodes, node]

    no_worse(values(changed(problem, grow)), values(problem), until=CAPACITY)


@several
@given(small_problems(), st.integers(1, 6), st.integers(1, 4))
def test_more_slots_are_never_worse(problem: Problem, slots: int, more: int) -> None:
    """A larger limit of the domain and of the policies; the host is the same, so that stranding
    counts too. Slots need room to grow into."""
    assume(all(guest.maximum_size > guest.target_size for guest in problem.guests))

    def limited(most: int) -> Problem:
        def limit(document: Document) -> None:
            for guest in document["guests"]:
                guest["slots"] = most
            for policy in document["policies"]:
                if policy["kind"] == "slots" and policy["at_most"] is not None:
                    policy["at_most"] += most

        return changed(problem, limit)

    no_worse(values(limited(slots + more)), values(limited(slots)))


# --- fewer rules are never worse -----------------------------------------------------------------


def redefines(policy: Any, problem: Problem) -> bool:
    """Whether a policy also says what an objective's value means: shares, the unit that boot memory
    comes in, the wish that is counted. Without it other values would be compared."""
    if policy.kind == "balance":
        return bool(policy.by != "equal")
    if policy.kind == "page-size":
        return bool(policy.preferred or policy.size > B or problem.host is None)
    return bool(policy.kind == "guest-block")


@several
@given(st.data())
def test_without_a_policy_nothing_is_worse(data: st.DataObject) -> None:
    """Each policy only forbids plans. Without `reserve` fewer pages are taken of the same plan,
    so that what is left over is another matter."""
    problem = explicit(data.draw(small_problems()))
    removable = [p for p in problem.policies if not redefines(p, problem)]
    assume(removable)
    dropped = data.draw(st.sampled_from(removable))
    kept = tuple(policy for policy in problem.policies if policy is not dropped)
    until = CAPACITY if dropped.kind == "reserve" else ()
    no_worse(values(problem.model_copy(update={"policies": kept})), values(problem), until=until)


@several
@given(st.data())
def test_a_looser_limit_is_never_worse(data: st.DataObject) -> None:
    """A step, a list of sizes or a number of regions that allows more."""
    problem = explicit(data.draw(small_problems()))
    loosened = 0

    def loosen(document: Document) -> None:
        nonlocal loosened
        for policy in document["policies"]:
            for kind, field in (
                ("step", "size"),
                ("memmap", "free"),
                ("memslots", "limit"),
                ("shrinkable-to", "size"),
                ("relative-step", "at_least"),
                ("sizes", "maximum"),
            ):
                if policy["kind"] == kind and policy.get(field) is not None:
                    policy[field] *= 2
                    loosened += 1

    other = changed(problem, loosen)
    assume(loosened)
    no_worse(values(other), values(problem))


# --- twice of everything -------------------------------------------------------------------------


SCALED = ("finest-step", "least-imbalance", "least-stranding", "lowest-maxmem")
"""Objectives that are counted in bytes."""


def doubled(document: Document) -> None:
    """Twice every size: guests, policies, memory and pages of the host. Counts stay, pages too,
    because each is twice as large."""
    for guest in document["guests"]:
        _double(guest, "boot", "waypoints")
        _double(guest, "target", "maximum")
        for cell in guest["cells"]:
            _double(cell, "memory", "page_size")
        for device in guest["devices"]:
            _double(device, "size")
    for policy in document["policies"]:
        if policy["kind"] != "waypoints":
            _double(policy, "size", "at_least", "allowed", "minimum", "maximum", "tolerance")
        _double(policy, "free", "page_size", "sizes")
    for objective in document["objectives"]:
        if isinstance(objective.get("down_to"), int):
            _double(objective, "down_to")
    if document["host"] is not None:
        document["host"]["base_page"] *= 2
        for node in document["host"]["nodes"]:
            _double(node, "memory", "free")
            for pool in node["pools"]:
                _double(pool, "page_size")


def _double(holder: Document, *fields: str) -> None:
    for field in fields:
        value = holder.get(field)
        if isinstance(value, dict):
            holder[field] = {key: 2 * size for key, size in value.items()}
        elif isinstance(value, list | tuple):
            holder[field] = [2 * size for size in value]
        elif value is not None:
            holder[field] = 2 * value


@several
@given(small_problems())
def test_everything_twice_as_large(problem: Problem) -> None:
    """Values in bytes are doubled then, counts stay; without a host its pages do not grow along.
    The guest's memory block is stated, because a real one would not grow along; `memslots` depends
    on where 4 GiB are, and shares of CPUs round to whole MiB, so that both are left out."""
    assume(not any(p.kind == "memslots" for p in problem.policies))
    assume(not any(getattr(p, "by", "equal") != "equal" for p in problem.policies))

    def state_block(document: Document) -> None:
        if not any(policy["kind"] == "guest-block" for policy in document["policies"]):
            document["policies"] = [*document["policies"], {"kind": "guest-block", "size": B}]

    stated = changed(problem, state_block)
    assume(all(p.guests is None for p in stated.policies if p.kind == "guest-block"))
    once, twice = values(stated), values(changed(stated, doubled))
    if once is None:
        assert twice is None
        return
    scaled = SCALED if problem.host else (*SCALED, "largest-pages")
    assert twice == [(kind, value * (2 if kind in scaled else 1)) for kind, value in once]


# --- a plan agrees with itself -------------------------------------------------------------------


@several
@given(small_problems())
def test_a_plans_own_layout_is_still_a_plan(problem: Problem) -> None:
    """Allowed are just the sizes that were used, and just that many slots: the values stay."""
    try:
        plan = solve(problem)
    except InputError:
        assume(False)
    assume(isinstance(plan, Plan))
    assert isinstance(plan, Plan)
    rules: list[Document] = []
    for guest in plan.guests:
        new = sorted({d.size for d in guest.dimms if d.state != "present"})
        rules.append({"kind": "slots", "exactly": len(guest.dimms), "guests": [guest.name]})
        if new:
            rules.append({"kind": "sizes", "allowed": new, "guests": [guest.name]})

    def fix(document: Document) -> None:
        document["policies"] = [*document["policies"], *rules]

    assert values(changed(problem, fix)) == [(o.kind, o.value) for o in plan.objectives]


@several
@given(small_problems())
def test_a_limit_at_the_best_value_changes_nothing(problem: Problem) -> None:
    """Where few slots come first, allowing no more than the best plan takes leaves its values;
    one less leaves no plan."""
    problem = problem.model_copy(update={"objectives": ()})
    first = changed(problem, lambda document: document.update(objectives=["fewest-slots"]))
    assume(len(first.guests) == 1)
    found = values(first)
    assume(found is not None)
    assert found is not None
    fewest = dict(found)["fewest-slots"]

    def at_most(limit: int) -> Problem:
        rule = {"kind": "slots", "at_most": limit}
        return changed(
            first, lambda document: document.update(policies=[*document["policies"], rule])
        )

    if not any(kind == "lowest-maxmem" for kind, _ in found[:1]):
        assert values(at_most(fewest)) == found
        if fewest:
            assert values(at_most(fewest - 1)) is None


@pytest.mark.parametrize("count", [2, 3])
def test_equal_guests_cost_equal_slots(count: int) -> None:
    """Several equal guests on a host with room for all take several times what one takes."""

    def guests(number: int) -> Values | None:
        guest = {"cells": [{"memory": 2 * B}] * 2, "target": 6 * B, "maximum": 13 * B}
        document = {"guests": [guest | {"name": f"guest{i}"} for i in range(number)]}
        return values(Problem.model_validate(document))

    one, all_of_them = guests(1), guests(count)
    assert one is not None
    assert all_of_them == [(kind, count * value) for kind, value in one]

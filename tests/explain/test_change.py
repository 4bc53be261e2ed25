"""Small changes of a problem: what each changes, and that it changes nothing else."""

from __future__ import annotations

from slotsolver.constraints.step import Step
from slotsolver.constraints.swap import Swap
from slotsolver.explain.change import (
    changed,
    guest_named,
    with_added_pages,
    with_cells,
    with_endless_pool,
    with_first_policy,
    with_guest,
    with_instead,
    with_more_free,
    with_more_pages,
    with_policy,
    with_swaps,
    without_destination,
)
from slotsolver.problem import HostNode, Problem
from slotsolver.size import MiB
from tests.constraints.builders import GIANT, HUGE, PAGES, SMALL, B, host, problem, two_running

STEP = {"kind": "step", "size": B}


def node(given: Problem, number: int) -> HostNode:
    """A node of the host."""
    assert given.host is not None
    return given.host.node(number)


def test_one_guest_and_its_cells() -> None:
    """The other guest stays as it is."""
    given = two_running(((1,), 3), ((1,), 3))
    other = changed(given, [with_guest("two", slots=9), with_cells("two", [0], page_size=HUGE)])
    assert guest_named(other, "one") == guest_named(given, "one")
    two = guest_named(other, "two")
    assert (two.slots, two.cells[0].page_size) == (9, HUGE)
    assert guest_named(given, "two").slots == 8


def test_policies() -> None:
    """First, last, in the place of one; of two equal ones only that one."""
    given = problem([2], 2, 4, STEP, STEP)
    one, two = given.policies
    more = Step(size=2 * B)
    assert with_policy(more)(given).policies == (one, two, more)
    assert with_first_policy(more)(given).policies == (more, one, two)
    assert with_instead(two, more)(given).policies == (one, more)
    assert len(with_instead(one, None)(given).policies) == 1
    assert with_instead(more, None)(given) == given


def test_swaps_of_one_guest() -> None:
    """What forbids them to both forbids them to the other from then on."""
    given = two_running(((1,), 3), ((1,), 3), {"kind": "no-swap"}, STEP)
    other = with_swaps("one")(given)
    no, step, swap = other.policies
    assert (no.kind, no.guests) == ("no-swap", ("two",))
    assert step == given.policies[1]
    assert swap == Swap(guests=("one",))
    alone = with_swaps("two")(other)
    assert [policy.kind for policy in alone.policies] == ["step", "swap", "swap"]


def test_destinations() -> None:
    """One of two hosts."""
    given = problem([2], 2, 4, host=host((9, 3)))
    document = given.model_dump() | {"also_hosts": [host((9, 3)), host((8, 3))]}
    given = Problem.model_validate(document)
    first, second = given.also_hosts
    assert without_destination(second)(given).also_hosts == (first,)


def test_pools_without_end() -> None:
    """Of one size on one node; a pool that is not there comes to be."""
    given = problem([2], 2, 4, host=host((9, 3), (9, 3)))
    for page in (HUGE, GIANT):
        other = with_endless_pool(1, page)(given)
        assert node(other, 0) == node(given, 0)
        assert node(other, 1).free == node(given, 1).free
        assert other.host is not None
        assert other.host.pool(1, page).free > 1 << 20
        sizes = [pool.page_size for pool in node(other, 1).pools]
        assert sizes == sorted({HUGE, page})
    small = with_endless_pool(1, SMALL)(given)
    assert node(small, 1).free > 1 << 40
    assert node(small, 1).pools == node(given, 1).pools


def test_more_free_memory() -> None:
    """In bytes, of ordinary memory."""
    given = problem([2], 2, 4, host=host((9, 3), (9, 3)))
    other = with_more_free(1, MiB)(given)
    assert node(other, 1).free == node(given, 1).free + MiB
    assert node(other, 1).pools == node(given, 1).pools
    assert node(other, 0) == node(given, 0)


def test_more_huge_pages_are_made_of_free_memory() -> None:
    """As much ordinary memory goes as pages come; made of nothing, none does."""
    given = problem([2], 2, 4, host=host((9, 3), (9, 3)))
    other = with_more_pages(1, HUGE, PAGES)(given)
    (pool,) = node(other, 1).pools
    assert (pool.total, pool.free) == (4 * PAGES, 4 * PAGES)
    assert node(other, 1).free == 8 * B
    assert node(other, 1).memory == node(given, 1).memory
    added = with_added_pages(1, HUGE, PAGES)(given)
    assert node(added, 1).pools == node(other, 1).pools
    assert node(added, 1).free == 9 * B

"""The exhaustive search itself, against answers worked out by hand.

Sizes in the tests are in blocks of 128 MiB (``B``) unless they say otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings

from slotsolver.problem import Problem
from slotsolver.size import GiB, KiB, MiB
from tests.oracle import best, compositions, multisets
from tests.oracle_rules import Unsupported, default_step
from tests.strategies import problems, small_problems

B = 128 * MiB
PAGES = 64
"""2 MiB pages in a block."""


def problem(
    cells: Sequence[int | None],
    target: Any,
    maximum: Any = None,
    *policies: dict[str, Any],
    host: dict[str, Any] | None = None,
    **guest: Any,
) -> Problem:
    """One q35 guest: boot memory of its cells (``None``: free), target and maximum in blocks."""
    scaled = {c: size * B for c, size in target.items()} if isinstance(target, dict) else target * B
    document = {
        "name": "guest",
        "cells": [{} if size is None else {"memory": size * B} for size in cells],
        "target": scaled,
        **guest,
    }
    if maximum is not None:
        at_least = isinstance(maximum, dict)
        document["maximum"] = {"at_least": maximum["at_least"] * B} if at_least else maximum * B
    return Problem.model_validate({"host": host, "guests": [document], "policies": policies})


def host(*nodes: tuple[int, int], far: list[list[int]] | None = None) -> dict[str, Any]:
    """A host: (free blocks of ordinary memory, free blocks of 2 MiB pages) by node."""
    found: list[dict[str, Any]] = []
    for number, (ordinary, huge) in enumerate(nodes):
        pools = [{"page_size": 2 * MiB, "total": huge * PAGES, "free": huge * PAGES}]
        memory = (ordinary + huge) * B
        node = {"id": number, "memory": memory, "free": ordinary * B, "pools": pools}
        found.append(node | ({"distances": far[number]} if far else {}))
    return {"nodes": found}


UNEVEN = host((0, 10), (0, 2))


def slots(*args: Any, **kwargs: Any) -> int | None:
    """The fewest slots of a :func:`problem`."""
    found = best(problem(*args, **kwargs), layers=["fewest-slots"])
    return None if found is None else found[0]


def test_compositions_are_all_and_each_once() -> None:
    """Six blocks over three cells of units 1, 1 and 2 blocks: 7 + 5 + 3 + 1 ways."""
    found = list(compositions(6, [1, 1, 2]))
    assert len(set(found)) == len(found) == 16
    assert all(sum(parts) == 6 and parts[2] % 2 == 0 for parts in found)


def test_multisets_are_the_partitions() -> None:
    """The partitions of 8 are 22, those into powers of two are 10."""
    assert len(set(multisets(8, tuple(range(1, 9))))) == 22
    assert len(multisets(8, (1, 2, 4, 8))) == 10


def test_default_step_is_the_rfc_guests() -> None:
    """For 16 GiB and 128 MiB blocks it is 512 MiB, one byte more takes 1 GiB."""
    assert default_step(16 * GiB, B) == 512 * MiB
    assert default_step(16 * GiB + 1, B) == GiB


def test_rfc_guest_scaled_down() -> None:
    """Four cells, 8 blocks growing to 16: two DIMMs of one block for each cell, balanced, a page
    for each 4 KiB of the target, all cells together on one node."""
    given = problem([2] * 4, 8, 16, host=host((16, 0), (16, 0)))
    shortest = 6 * 20 * 10
    assert best(given) == (0, B, 8, shortest, 8 * B // (4 * KiB), 0, 16 * B)


def test_default_step_coarsens_with_the_maximum() -> None:
    """Up to 33 blocks the default step is two blocks, so that three DIMMs take five blocks."""
    assert best(problem([28], 28, 33)) == (0, 2 * B, 3, 0, 28 * B // (4 * KiB), 0, 33 * B)


@pytest.mark.parametrize("growth", range(1, 12))
def test_exact_needs_logarithmically_many(growth: int) -> None:
    """To reach every block of n blocks takes as many DIMMs as n has binary digits."""
    policy = {"kind": "exact", "size": B}
    assert slots([2], 2, 2 + growth, policy) == growth.bit_length()


def test_exact_cannot_grow_by_half_a_step() -> None:
    """Three blocks of growth are no multiple of two."""
    assert slots([2], 2, 5, {"kind": "exact", "size": 2 * B}) is None


@pytest.mark.parametrize(
    ("ratio", "least", "expected"),
    [("1/2", 1, 3), ("1/4", 1, 6), ("1/4", 2, 4), ("2", 1, 1), ("1/100", 1, 8)],
)
def test_relative_step(ratio: str, least: int, expected: int) -> None:
    """From 4 to 12 blocks: 2 + 3 + 3; 1 + 1 + 1 + 1 + 2 + 2; 2 + 2 + 2 + 2; 8; eight times 1."""
    policy = {"kind": "relative-step", "ratio": ratio, "at_least": least * B}
    assert slots([4], 4, 12, policy) == expected


def test_relative_step_counts_the_stage_before() -> None:
    """Through 8 blocks, half steps take 2 + 2 and then 4, which only the waypoint's 8 allow."""
    policy = {"kind": "relative-step", "ratio": "1/2"}
    assert slots([4], 4, 12, policy, waypoints=[8 * B]) == 3
    assert slots([4], 4, 12, policy, waypoints=[11 * B]) == 4


def test_step_and_slots_contradict() -> None:
    """Eight blocks in steps of two take four slots, not three."""
    step = {"kind": "step", "size": 2 * B}
    assert slots([2], 2, 10, step, {"kind": "slots", "at_most": 4}) == 4
    assert slots([2], 2, 10, step, {"kind": "slots", "at_most": 3}) is None


def test_slots_exactly() -> None:
    """Four blocks can be one to four DIMMs, never five."""
    assert slots([2], 2, 6, {"kind": "slots", "exactly": 3}) == 3
    assert slots([2], 2, 6, {"kind": "slots", "exactly": 5}) is None


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"powers_of_two": True}, 3),
        ({"uniform": True, "maximum": 6 * B}, 7),
        ({"allowed": [3 * B, 2 * B]}, 3),
        ({"allowed": [4 * B]}, None),
        ({"maximum": 3 * B}, 3),
        ({"minimum": 4 * B}, 1),
    ],
)
def test_sizes(fields: dict[str, Any], expected: int | None) -> None:
    """Seven blocks of growth: 4 + 2 + 1; seven times 1; 2 + 2 + 3; no way; 3 + 3 + 1; 7."""
    assert slots([2], 2, 9, {"kind": "sizes", **fields}) == expected


def test_uniform_holds_across_cells() -> None:
    """Cells that grow by 2 and 3 blocks have only DIMMs of one block in common."""
    shares = {"kind": "balance", "by": [4, 5]}
    uniform = {"kind": "sizes", "uniform": True}
    assert slots([2, 2], 2 * 2, 9, shares, {**uniform, "cells": [0]}) == 2
    assert slots([2, 2], 2 * 2, 9, shares, uniform) == 5


def test_balance_allows_less_than_a_unit() -> None:
    """Nine blocks over two cells are 4 and 5; with no tolerance at all they are nothing."""
    balance = {"kind": "balance"}
    assert slots([4, 4], 8, 9, balance) == 1
    assert slots([3, 5], 8, 9, balance) is None
    assert slots([4, 4], 8, 9, {**balance, "tolerance": 0}) is None
    assert slots([4, 4], 8, 9, {**balance, "tolerance": B // 2}) == 1


def test_balance_by_cpus() -> None:
    """Three CPUs against one: of eight blocks, six."""
    guest: dict[str, Any] = {"name": "guest", "target": 4 * B, "maximum": 8 * B}
    guest["cells"] = [{"cpus": "0-2", "memory": 3 * B}, {"cpus": "3", "memory": B}]
    document = {"guests": [guest], "policies": [{"kind": "balance", "by": "cpus"}]}
    found = best(Problem.model_validate(document), layers=["least-imbalance", "fewest-slots"])
    assert found == (0, 2)


def test_imbalance_sums_over_the_stages() -> None:
    """Cells of 1 and 4 blocks, to 6 and 8: 2 against 4 is 2 off, 4 against 4 is even."""
    given = problem([1, 4], 6, 8)
    assert best(given, layers=["least-imbalance"]) == (2 * B,)


def test_imbalance_of_free_boot_memory_counts() -> None:
    """Boot memory counts only with what exceeds one block: three blocks over two cells are one
    off, which is forgiven, while their target of four is none off."""
    given = problem([None, None], 4, 4, boot=3 * B)
    assert best(given, layers=["least-imbalance", "fewest-slots"]) == (0, 1)


def test_free_boot_memory_saves_slots() -> None:
    """All of the target can be there at boot; `shrinkable-to` forbids it."""
    shrink = {"kind": "shrinkable-to", "size": 3 * B}
    assert slots([None, None], 6) == 0
    assert slots([None, None], 6, None, shrink) == 1
    assert slots([None, None], 6, None, {**shrink, "size": B}) is None


def test_target_per_cell() -> None:
    """Cell 0 stays at 2 blocks and cell 1 goes to 5, however uneven that is."""
    layers = ["least-imbalance", "fewest-slots"]
    assert best(problem([2, 2], {0: 2, 1: 5}), layers=layers) == (0, 1)
    assert best(problem([2, 2], {0: 2, 1: 5}, 10), layers=layers) == (0, 2)


def test_waypoints_are_met_exactly() -> None:
    """Each waypoint cuts a DIMM in two; the policy's are stages as the guest's are."""
    policy = {"kind": "waypoints", "sizes": [4 * B, 6 * B]}
    assert slots([2], 2, 8) == 1
    assert slots([2], 2, 8, policy) == 3
    assert slots([2], 2, 8, policy, waypoints=[4 * B, 7 * B]) == 4


def test_maximum_at_least() -> None:
    """DIMMs of two blocks overshoot three blocks of growth by one."""
    sizes = {"kind": "sizes", "allowed": [2 * B]}
    layers = ["lowest-maxmem", "fewest-slots"]
    assert best(problem([2], 2, 5, sizes), layers=layers) is None
    assert best(problem([2], 2, {"at_least": 5}, sizes), layers=layers) == (6 * B, 2)


def test_existing_devices_take_slots_and_memory() -> None:
    """A DIMM that is there is half of the growth; an NVDIMM takes a slot and counts for no cell."""
    dimm = {"model": "dimm", "size": 2 * B, "cell": 0, "slot": 0}
    assert slots([2], 4, 6, devices=[dimm]) == 2
    nvdimm = {**dimm, "model": "nvdimm", "slot": 1}
    assert slots([2], 6, 8, {"kind": "slots", "at_most": 3}, devices=[dimm, nvdimm]) == 3
    assert slots([2], 6, 8, {"kind": "slots", "at_most": 2}, devices=[dimm, nvdimm]) is None


def test_guest_block_and_memmap() -> None:
    """Blocks of 256 MiB forbid odd growth; 6 MiB of free guest memory carry three blocks."""
    block = {"kind": "guest-block", "size": 2 * B}
    assert slots([2], 2, 6, block) == 1
    assert slots([2], 2, 5, block) is None
    assert slots([2], 2, 8, {"kind": "memmap", "free": 6 * MiB}) == 2


def test_memslots_count_memory_above_4_gib() -> None:
    """2.75 GiB of boot memory put RAM above 4 GiB on q35, which takes a third region."""
    policy = {"kind": "memslots", "limit": 3}
    assert slots([21], 21, 25, policy) == 1
    assert slots([22], 22, 25, policy) is None
    assert slots([22], 22, 25, policy, machine="pc") == 1


def test_uneven_pools_force_uneven_cells() -> None:
    """Ten blocks of huge pages and two: distinct cells of twelve blocks are 10 and 2."""
    pages = {"kind": "page-size", "size": 2 * MiB}
    distinct = {"kind": "host-nodes", "distinct": True}
    layers = ["least-imbalance", "shortest-distance", "largest-pages"]
    given = problem([1, 1], 12, None, pages, distinct, host=UNEVEN)
    assert best(given, layers=layers) == (8 * B, 20 * 20, 12 * PAGES)
    balanced = problem([1, 1], 12, None, pages, distinct, {"kind": "balance"}, host=UNEVEN)
    assert best(balanced, layers=layers) is None


@pytest.mark.parametrize(("until", "fits"), [("target", True), ("maximum", False)])
def test_reserve(until: str, *, fits: bool) -> None:
    """Four blocks are free: enough for the target, not for the maximum."""
    given = problem([2], 4, 5, {"kind": "reserve", "until": until}, host=host((4, 0)))
    assert (best(given, layers=["fewest-slots"]) == (2,)) is fits


@pytest.mark.parametrize(
    "kept", [{"pages": 128}, {"size": 2 * B}, {"size": 2 * B - MiB}, {"fraction": "1/3"}]
)
def test_headroom(kept: dict[str, Any]) -> None:
    """Of six blocks of huge pages two stay free: four fit, five do not."""
    policy = {"kind": "headroom", "page_size": 2 * MiB, **kept}
    assert slots([4], 4, None, policy, host=host((0, 6))) == 0
    assert slots([5], 5, None, policy, host=host((0, 6))) is None
    assert slots([5], 5, None, policy, host=host((5, 6))) == 0


def test_headroom_leaves_short_pools_alone() -> None:
    """A pool with less than the headroom may be there, only nothing comes from it."""
    policy = {"kind": "headroom", "pages": 3 * PAGES, "page_size": 2 * MiB}
    assert slots([2], 2, None, policy, host=host((0, 1), (0, 5))) == 0
    assert slots([3], 3, None, policy, host=host((0, 1), (0, 5))) is None


def test_two_guests_share_the_pools() -> None:
    """Two guests of three blocks do not fit on five blocks, and need one node each on 3 and 3."""
    guest = {"cells": [{"memory": 3 * B}], "target": 3 * B}
    guests = [{**guest, "name": "one"}, {**guest, "name": "two"}]
    tight = Problem.model_validate({"host": host((5, 0)), "guests": guests})
    apart = Problem.model_validate({"host": host((3, 0), (3, 0)), "guests": guests})
    assert best(tight) is None
    assert best(apart, layers=["largest-pages"]) == (2 * 3 * B // (4 * KiB),)


def test_shortest_distance_matches_far_with_near() -> None:
    """Three distinct cells: the largest guest distance goes to the smallest host distance."""
    far = [[10, 11, 30], [11, 10, 12], [30, 12, 10]]
    distinct = {"kind": "host-nodes", "distinct": True}
    given = problem([1, 1, 1], 3, None, distinct, host=host((3, 0), (3, 0), (3, 0), far=far))
    document = given.model_dump()
    document["guests"][0]["cells"][0]["distances"] = {1: 15, 2: 40}
    layers = ["shortest-distance"]
    assert best(Problem.model_validate(document), layers=layers) == (40 * 11 + 20 * 12 + 15 * 30,)
    together = {**document, "policies": []}
    assert best(Problem.model_validate(together), layers=layers) == ((40 + 20 + 15) * 10,)


def test_largest_pages() -> None:
    """Two GiB are two pages where a pool of 1 GiB pages has two, and 1024 of 2 MiB where not."""
    for pages, expected in ((2, 2), (1, 1024)):
        document = host((20, 16))
        node = document["nodes"][0]
        node["memory"] += pages * GiB
        node["pools"].append({"page_size": GiB, "total": pages, "free": pages})
        assert best(problem([16], 16, host=document), layers=["largest-pages"]) == (expected,)


def test_large_pages_make_large_units() -> None:
    """On 1 GiB pages growth comes in GiB, and boot memory is whole pages."""
    document = host((0, 0))
    node = document["nodes"][0]
    node["memory"] += 4 * GiB
    node["pools"].append({"page_size": GiB, "total": 4, "free": 4})
    assert slots([16], 24, host=document) == 1
    assert slots([16], 23, host=document) is None
    assert slots([12], 20, host=document) is None


def test_preferred_pages_come_first() -> None:
    """Huge pages for one of two cells: one goes without, however short the distances could be."""
    wish = {"kind": "page-size", "size": 2 * MiB, "preferred": True}
    given = problem([2, 2], 4, None, wish, host=host((4, 0), (0, 3)))
    assert best(given, layers=["shortest-distance"]) == (1, 20 * 20)
    assert best(problem([2, 2], 4, None, wish), layers=["shortest-distance"]) == (2, 0)


def test_least_stranding() -> None:
    """A cell of four blocks leaves one or four; one is too few for another like it."""
    layers = ["least-stranding"]
    assert best(problem([4], 4, host=host((8, 0), (5, 0))), layers=layers) == (0,)
    assert best(problem([4], 4, host=host((7, 0), (5, 0))), layers=layers) == (B,)
    assert best(problem([4], 4, host=host((7, 0), (5, 3))), layers=layers) == (4 * B,)


def test_finest_step_goes_no_finer_than_asked() -> None:
    """Down to two blocks is fine enough: the slots decide then."""
    given = problem([2], 2, 8)
    layers = ["finest-step", "fewest-slots"]
    assert best(given, layers=layers, down_to=0) == (B, 6)
    assert best(given, layers=layers, down_to=2 * B) == (2 * B, 3)
    document = {**given.model_dump(), "objectives": [{"kind": "finest-step", "down_to": 4 * B}]}
    assert best(Problem.model_validate(document), layers=layers) == (4 * B, 2)


def test_what_is_not_covered_is_refused() -> None:
    """A running guest is no answer of the oracle, right or wrong."""
    with pytest.raises(Unsupported):
        best(problem([2], 4, running=True))


@settings(max_examples=25, deadline=None)
@given(small_problems())
def test_small_problems_are_small(given_problem: Problem) -> None:
    """Everything drawn for the oracle is answered, with one value for each objective."""
    try:
        found = best(given_problem)
    except Unsupported:
        return
    preferred = any(p.kind == "page-size" and p.preferred for p in given_problem.policies)  # type: ignore[attr-defined]
    assert found is None or len(found) == (len(given_problem.objectives) or 7) + preferred


@settings(max_examples=25, deadline=None)
@given(small_problems())
def test_fewer_policies_are_never_worse(given_problem: Problem) -> None:
    """Without its hard policies a problem has an answer at least as good. Kept are those that
    change what the values or the grain of boot memory mean."""
    keep = [p for p in given_problem.policies if p.kind in ("page-size", "guest-block")]
    freed = given_problem.model_copy(update={"policies": tuple(keep)})
    layers = ["fewest-slots", "shortest-distance"]
    try:
        before, after = best(given_problem, layers=layers), best(freed, layers=layers)
    except Unsupported:
        return
    assert before is None or (after is not None and after <= before)


@settings(max_examples=50, deadline=None)
@given(problems())
def test_problems_for_real_runs_are_plausible(given_problem: Problem) -> None:
    """They have one host node that could hold every guest, and grow in whole blocks."""
    assert given_problem.host is not None
    node = given_problem.host.nodes[0]
    guest = given_problem.guests[0]
    assert node.id == 0
    assert guest.maximum_size <= min([node.free, *(p.free * p.page_size for p in node.pools)])
    assert guest.maximum_size % B == guest.target_size % B == 0

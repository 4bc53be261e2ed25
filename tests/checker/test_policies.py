"""Every policy's check: one line of YAML that the good plan keeps, and one that it breaks."""

from __future__ import annotations

from typing import Any

import pytest

from slotsolver.checker import check_plan
from slotsolver.checker.policies import check_for
from slotsolver.errors import DefectError
from slotsolver.kinds import is_built_in
from slotsolver.plan import HostUse, Plan
from slotsolver.policies import policies
from slotsolver.size import GiB, MiB
from tests.checker.builders import good_plan, good_problem, with_cell, with_dimm
from tests.checker.test_running_policies import BROKEN as RUNNING_BROKEN
from tests.checker.test_running_policies import KEPT as RUNNING_KEPT

GOOD = good_plan()


def rules(plan: Plan, *lines: dict[str, Any], **changes: Any) -> set[str]:
    """The codes of the rules that the plan breaks under these policies."""
    return {v.rule for v in check_plan(good_problem(*lines, **changes), plan)}


KEPT: list[dict[str, Any]] = [
    {"kind": "step", "size": "1 GiB"},
    {"kind": "step", "size": "512 MiB", "guests": ["vm"], "cells": []},
    {"kind": "relative-step", "ratio": "1"},
    {"kind": "relative-step", "ratio": "1/8", "at_least": "1 GiB"},
    {"kind": "exact", "size": "1 GiB"},
    {"kind": "waypoints", "sizes": ["4 GiB"]},
    {"kind": "slots", "at_most": 4},
    {"kind": "slots", "exactly": 4},
    {"kind": "sizes", "allowed": ["1 GiB", "2 GiB"], "powers_of_two": True, "uniform": True},
    {"kind": "sizes", "minimum": "1 GiB", "maximum": "1 GiB"},
    {"kind": "page-size", "size": "2 MiB"},
    {"kind": "page-size", "size": "1 GiB", "preferred": True},
    {"kind": "host-nodes", "nodes": "0-1", "distinct": True},
    {"kind": "balance"},
    {"kind": "balance", "by": "cpus", "tolerance": 0},
    {"kind": "balance", "by": [2, 1], "tolerance": "1 GiB"},
    {"kind": "reserve", "until": "target"},
    {"kind": "headroom", "page_size": "2 MiB", "pages": 3072},
    {"kind": "headroom", "fraction": "3/4", "page_size": "2 MiB"},
    {"kind": "headroom", "size": "6 GiB"},
    {"kind": "shrinkable-to", "size": "2 GiB"},
    {"kind": "guest-block", "size": "128 MiB"},
    {"kind": "memslots", "limit": 6},
    {"kind": "memmap", "free": "16 MiB"},
]

BROKEN: list[dict[str, Any]] = [
    {"kind": "step", "size": "512 MiB"},
    {"kind": "step", "size": "512 MiB", "cells": [1]},
    {"kind": "relative-step", "ratio": "1/2"},
    {"kind": "exact", "size": "512 MiB"},
    {"kind": "exact", "size": "768 MiB"},
    {"kind": "waypoints", "sizes": ["5 GiB"]},
    {"kind": "slots", "at_most": 3},
    {"kind": "slots", "exactly": 5},
    {"kind": "sizes", "allowed": ["2 GiB"]},
    {"kind": "sizes", "minimum": "2 GiB"},
    {"kind": "sizes", "maximum": "512 MiB"},
    {"kind": "page-size", "size": "1 GiB"},
    {"kind": "page-size", "size": "1 GiB", "of": "dimms"},
    {"kind": "host-nodes", "nodes": "1"},
    {"kind": "balance", "by": [2, 1]},
    {"kind": "balance", "by": [2, 1], "tolerance": "512 MiB"},
    {"kind": "headroom", "page_size": "2 MiB", "pages": 3073},
    {"kind": "headroom", "fraction": "76%"},
    {"kind": "headroom", "size": "7 GiB"},
    {"kind": "shrinkable-to", "size": "1 GiB"},
    {"kind": "guest-block", "size": "256 MiB"},
    {"kind": "memslots", "limit": 5},
    {"kind": "memmap", "free": "15 MiB"},
]


@pytest.mark.parametrize("line", KEPT, ids=str)
def test_a_policy_that_is_kept(line: dict[str, Any]) -> None:
    """The good plan keeps the policy."""
    assert rules(GOOD, line) == set()


@pytest.mark.parametrize("line", BROKEN, ids=str)
def test_a_policy_that_is_broken(line: dict[str, Any]) -> None:
    """The good plan breaks the policy, and the rule reported is the policy's kind."""
    found = check_plan(good_problem(line), GOOD)
    assert line["kind"] in {v.rule for v in found if v.stage == "policy"}


def test_sizes_must_be_powers_of_two_and_equal() -> None:
    """A DIMM of 1.5 GiB is no power of two, and not the size of the others."""
    plan = with_dimm(GOOD, 0, size=3 * GiB // 2)
    assert "sizes" in rules(plan, {"kind": "sizes", "powers_of_two": True})
    assert "sizes" in rules(plan, {"kind": "sizes", "uniform": True})
    assert "sizes" not in rules(plan, {"kind": "sizes", "uniform": True, "cells": [1]})


def test_exact_wants_small_dimms_first() -> None:
    """With DIMMs of 512 MiB and 1.5 GiB, 1 GiB of growth cannot be had."""
    plan = with_dimm(with_dimm(GOOD, 0, size=512 * MiB), 2, size=3 * GiB // 2)
    broken = {"kind": "exact", "size": "512 MiB", "cells": [0]}
    assert "exact" in rules(plan, broken)
    assert "exact" not in rules(with_dimm(plan, 2, size=GiB), broken)


def test_relative_step_goes_by_plug_order() -> None:
    """A DIMM is judged by what its cell has then: 2 GiB may come third, not second."""
    line = {"kind": "relative-step", "ratio": "2/3", "at_least": "1 GiB"}
    assert "relative-step" not in rules(with_dimm(GOOD, 2, size=4 * GiB // 3 - 128 * MiB), line)
    assert "relative-step" in rules(with_dimm(GOOD, 2, size=3 * GiB // 2), line)


def test_cells_on_one_node_are_not_distinct() -> None:
    """Two cells on host node 0 break ``distinct`` and nothing else of the policy."""
    plan = with_cell(GOOD, 1, host_nodes=(0,))
    assert "host-nodes" in rules(plan, {"kind": "host-nodes", "distinct": True})
    assert "host-nodes" not in rules(plan, {"kind": "host-nodes", "nodes": [0, 1]})


def test_a_spread_cell_may_have_its_dimms_elsewhere() -> None:
    """Without ``spread`` a DIMM lies on its cell's node, with it on any one node."""
    plan = with_dimm(GOOD, 2, host_nodes=(1,))
    assert "one-node" in rules(plan)
    assert "one-node" not in rules(plan, {"kind": "host-nodes", "spread": True})


def test_dimms_with_pages_of_their_own() -> None:
    """Only ``of: dimms`` lets DIMMs have other pages than their cell's boot memory."""
    plan = with_dimm(GOOD, 2, page_size=4096)
    line = {"kind": "page-size", "size": "4 KiB", "of": "dimms", "cells": [0]}
    assert "one-page-size" in rules(plan)
    assert "one-page-size" not in rules(plan, line)


def test_reserve_until_the_maximum() -> None:
    """All growth is taken from the pools: 1536 pages a node, none promised beyond."""
    line = {"kind": "reserve", "until": "maximum"}
    assert GOOD.host is not None
    nodes = tuple(
        n.model_copy(
            update={
                "pools": (
                    n.pools[0],
                    n.pools[1].model_copy(update={"free_after": 2560, "promised": 0}),
                )
            }
        )
        for n in GOOD.host.nodes
    )
    assert rules(GOOD.model_copy(update={"host": HostUse(nodes=nodes)}), line) == set()
    problem = good_problem(line)
    assert problem.host is not None
    poor = tuple(
        n.model_copy(update={"pools": (n.pools[0].model_copy(update={"free": 1535}),)})
        for n in problem.host.nodes
    )
    problem = problem.model_copy(update={"host": problem.host.model_copy(update={"nodes": poor})})
    assert {"reserve", "host-pages"} <= {v.rule for v in check_plan(problem, GOOD)}


def test_headroom_spares_only_pools_that_are_used() -> None:
    """A pool with less free than the headroom is no violation as long as nothing is taken."""
    line = {"kind": "headroom", "page_size": "4 KiB", "size": "60 GiB"}
    assert rules(GOOD, line) == set()
    taken = with_dimm(GOOD, 0, page_size=4096)
    assert "headroom" in rules(taken, line)


def test_a_policy_of_another_guest_says_nothing() -> None:
    """Policies hold for the guests that they name."""
    problem = good_problem({"kind": "step", "size": "512 MiB", "guests": ["vm"]})
    other = problem.policies[0].model_copy(update={"guests": ("other",)})
    problem = problem.model_copy(update={"policies": (other,)})
    assert check_plan(problem, GOOD) == ()


@pytest.mark.parametrize("kind", [kind for kind, cls in policies().items() if is_built_in(cls)])
def test_every_policy_kind_has_a_check(kind: str) -> None:
    """No policy can be added without its check."""
    assert callable(check_for(kind))
    running = {kind for _, kind, _ in (*RUNNING_KEPT, *RUNNING_BROKEN)}
    assert {line["kind"] for line in (*KEPT, *BROKEN)} | running >= {kind}


def test_a_kind_without_a_check_is_a_defect() -> None:
    """An unknown kind is no matter of input: the plan would go unchecked."""
    with pytest.raises(DefectError, match="no-such-policy"):
        check_for("no-such-policy")

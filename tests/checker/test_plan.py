"""Every rule about a plan itself: the good plan passes, one change is found by its rule."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slotsolver.checker import check_plan
from slotsolver.plan import HostUse, ObjectiveValue, Operation, Plan, Stage
from slotsolver.size import GiB, MiB
from tests.checker.builders import (
    BASE,
    PAGE,
    good_plan,
    good_problem,
    with_cell,
    with_dimm,
    with_guest,
)

GOOD = good_plan()


def rules(plan: Plan, *policies: dict[str, Any], **changes: Any) -> set[str]:
    """The codes of the rules that the plan breaks."""
    return {v.rule for v in check_plan(good_problem(*policies, **changes), plan)}


def stages(*sizes: int) -> tuple[Stage, ...]:
    """Stages with other totals than the good plan has."""
    named = zip(("boot", "target", "maximum"), sizes, strict=True)
    return tuple(Stage(name=n, memory=s, cells=(s // 2, s // 2)) for n, s in named)


def pools(**changes: int) -> HostUse:
    """The good host table with fields of node 1's 2 MiB pool replaced."""
    assert GOOD.host is not None
    first, second = GOOD.host.nodes
    pool = second.pools[1].model_copy(update=changes)
    return HostUse(nodes=(first, second.model_copy(update={"pools": (second.pools[0], pool)})))


def objective(**fields: Any) -> tuple[ObjectiveValue, ...]:
    """One reported objective."""
    return (ObjectiveValue(**fields),)


def test_the_good_plan_is_good() -> None:
    """Nothing is wrong with the plan that the other tests change."""
    assert check_plan(good_problem(), GOOD) == ()


OPERATION = Operation(do="plug", slot=0, device="dimm0", cell=0, size=GiB, memory=5 * GiB)

BROKEN: list[tuple[str, Plan]] = [
    ("plan-guests", with_guest(GOOD, name="other")),
    ("plan-cells", with_guest(GOOD, cells=GOOD.guests[0].cells[:1])),
    ("plan-stages", with_guest(GOOD, stages=())),
    ("plan-dimm", with_dimm(GOOD, 0, cell=2)),
    ("plan-dimm", with_dimm(GOOD, 0, stage=3)),
    ("plan-dimm", with_dimm(GOOD, 0, size=0)),
    ("plan-boot", with_cell(GOOD, 0, boot=2 * GiB)),
    ("libvirt-S3", with_dimm(GOOD, 0, slot=1)),
    ("libvirt-S2", with_dimm(GOOD, 0, slot=4)),
    ("libvirt-S2", with_guest(GOOD, slots=3)),
    ("libvirt-S4", with_guest(GOOD, slots=3)),
    ("plan-existing", with_dimm(GOOD, 0, state="present", stage=0)),
    ("plan-totals", with_dimm(GOOD, 0, size=2 * GiB)),
    ("plan-totals", with_guest(GOOD, stages=stages(2 * GiB, 4 * GiB, 8 * GiB))),
    ("plan-stages", with_guest(GOOD, stages=stages(2 * GiB, 4 * GiB, 5 * GiB))),
    ("plan-state", with_dimm(GOOD, 0, state="reserved")),
    ("plan-state", with_dimm(GOOD, 2, state="plugged")),
    ("plan-operation", with_guest(GOOD, operations=(OPERATION,))),
    ("plan-memory", with_guest(GOOD, memory=6 * GiB)),
    ("plan-maximum", with_guest(GOOD, maximum=7 * GiB)),
    ("plan-step", with_guest(GOOD, step=2 * GiB)),
    ("plan-block", with_guest(GOOD, block=256 * MiB)),
    ("libvirt-M9", with_cell(GOOD, 0, boot=0)),
    ("libvirt-A1", with_cell(GOOD, 0, boot=GiB + 4096)),
    ("libvirt-A7", with_cell(GOOD, 0, page_size=2 * GiB)),
    ("qemu-1.3", with_guest(GOOD, maximum=GiB)),
    ("qemu-1.4", with_guest(GOOD, maximum=2 * GiB)),
    ("qemu-board", with_guest(GOOD, slots=257)),
    ("qemu-board", with_guest(GOOD, maximum=2 << 40)),
    ("qemu-3.2-size", with_dimm(GOOD, 0, size=GiB + MiB)),
    ("qemu-3.2-address", with_dimm(GOOD, 0, address=BASE + 4096)),
    ("guest-block", with_dimm(GOOD, 0, size=GiB + 2 * MiB)),
    ("guest-block", with_dimm(GOOD, 3, address=BASE + 3 * GiB + 2 * MiB)),
    ("qemu-3.2-space", with_dimm(GOOD, 0, size=2 * GiB)),
    ("qemu-3.2-range", with_dimm(GOOD, 0, address=2 * GiB)),
    ("qemu-3.2-range", with_dimm(GOOD, 0, address=BASE + 8 * GiB)),
    ("qemu-3.2-overlap", with_dimm(GOOD, 0, address=BASE + GiB + 128 * MiB)),
    ("qemu-3.2-region", with_guest(GOOD, maximum=2 * GiB)),
    ("libvirt-H10", with_cell(GOOD, 0, host_nodes=(7,))),
    ("libvirt-H4", with_cell(GOOD, 0, page_size=64 * MiB)),
    ("required-page-size", with_cell(GOOD, 0, page_size=4096)),
    ("one-page-size", with_dimm(GOOD, 0, page_size=4096)),
    ("one-node", with_dimm(GOOD, 0, host_nodes=(1,))),
    ("one-node", with_cell(GOOD, 0, host_nodes=(0, 1))),
    ("one-node", with_cell(GOOD, 0, host_nodes=())),
    ("plan-host", GOOD.model_copy(update={"host": None})),
    ("plan-host", GOOD.model_copy(update={"host": pools(free_after=3073)})),
    ("plan-host", GOOD.model_copy(update={"host": pools(promised=0)})),
    ("plan-host", GOOD.model_copy(update={"host": pools(total=9000)})),
    (
        "objective-value",
        GOOD.model_copy(update={"objectives": objective(kind="fewest-slots", value=3, bound=3)}),
    ),
    (
        "objective-bound",
        GOOD.model_copy(update={"objectives": objective(kind="fewest-slots", value=4, bound=5)}),
    ),
    (
        "objective-bound",
        GOOD.model_copy(update={"objectives": objective(kind="fewest-slots", value=4, bound=3)}),
    ),
]


@pytest.mark.parametrize(("rule", "plan"), BROKEN)
def test_a_broken_plan_is_found(rule: str, plan: Plan) -> None:
    """The rule that the change breaks is among those reported."""
    assert rule in rules(plan)


def test_a_feasible_plan_may_have_a_gap() -> None:
    """Only an optimal plan has to have bounds equal to its values."""
    gap = objective(kind="fewest-slots", value=4, bound=3)
    assert rules(GOOD.model_copy(update={"status": "feasible", "objectives": gap})) == set()


def test_a_named_objective_is_reported() -> None:
    """An objective of the problem that the plan does not report is missed."""
    problem = good_problem().model_copy(
        update={"objectives": good_problem_objectives("lowest-maxmem")}
    )
    assert "objective-missing" in {v.rule for v in check_plan(problem, GOOD)}


def good_problem_objectives(kind: str) -> tuple[Any, ...]:
    """Objectives as a problem holds them."""
    data = good_problem().model_dump() | {"objectives": [kind]}
    return type(good_problem()).model_validate(data).objectives


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("fewest-slots", 4),
        ("finest-step", GiB),
        ("least-imbalance", 0),
        ("shortest-distance", 20 * 21),
        ("largest-pages", 2048),
        ("least-stranding", 0),
        ("lowest-maxmem", 6 * GiB),
        ("preferred-pages", 0),
    ],
)
def test_objective_values(kind: str, value: int) -> None:
    """Each objective's value is computed from the plan; one off is reported."""
    right = objective(kind=kind, value=value, bound=value)
    wrong = objective(kind=kind, value=value + 1, bound=value + 1)
    assert rules(GOOD.model_copy(update={"objectives": right})) == set()
    assert rules(GOOD.model_copy(update={"objectives": wrong})) == {"objective-value"}


def test_stranded_pages() -> None:
    """What is left of a pool counts as stranded where it is less than half of the target."""
    problem = good_problem()
    assert problem.host is not None
    assert GOOD.host is not None
    nodes = tuple(
        n.model_copy(update={"pools": (n.pools[0].model_copy(update={"free": 1500}),)})
        for n in problem.host.nodes
    )
    host = problem.host.model_copy(update={"nodes": nodes})
    use = tuple(
        n.model_copy(
            update={
                "pools": (
                    n.pools[0],
                    n.pools[1].model_copy(update={"free_before": 1500, "free_after": 476}),
                )
            }
        )
        for n in GOOD.host.nodes
    )
    value = 2 * 476 * PAGE
    plan = GOOD.model_copy(
        update={
            "host": HostUse(nodes=use),
            "objectives": objective(kind="least-stranding", value=value, bound=value),
        }
    )
    assert check_plan(problem.model_copy(update={"host": host}), plan) == ()


def test_pages_that_are_not_there() -> None:
    """More pages than a pool has free are a violation in the host's stage, with both numbers."""
    problem = good_problem()
    assert problem.host is not None
    poor = problem.host.nodes[1].model_copy(
        update={"pools": (problem.host.nodes[1].pools[0].model_copy(update={"free": 1000}),)}
    )
    host = problem.host.model_copy(update={"nodes": (problem.host.nodes[0], poor)})
    found = check_plan(problem.model_copy(update={"host": host}), GOOD)
    (shortage,) = [v for v in found if v.rule == "host-pages"]
    assert shortage.stage == "host"
    assert shortage.says == "1024 pages of 2 MiB are needed on host node 1, 1000 are free"


def test_a_cell_on_two_nodes_where_the_domain_says_so() -> None:
    """A node set that the guest requires is taken as a whole, and its pages are summed."""
    cells = [
        {"id": 0, "cpus": "0-1", "memory": GiB, "page_size": PAGE, "host_nodes": "0-1"},
        {"id": 1, "cpus": "2-3", "memory": GiB, "page_size": PAGE},
    ]
    plan = with_cell(GOOD, 0, host_nodes=(0, 1))
    for place in (0, 2):
        plan = with_dimm(plan, place, host_nodes=(0, 1))
    assert rules(plan, cells=cells) == set()
    assert "plan-host" in rules(
        plan.model_copy(update={"host": pools(free_after=3000)}), cells=cells
    )
    assert "required-nodes" in rules(with_cell(plan, 0, host_nodes=(2,)), cells=cells)


def test_a_target_per_cell() -> None:
    """Where the target is given per cell, each cell has it."""
    assert rules(GOOD, target={0: 2 * GiB, 1: 2 * GiB}) == set()
    assert "plan-target" in rules(GOOD, target={0: GiB, 1: 3 * GiB})


def test_a_maximum_that_may_be_exceeded() -> None:
    """``at_least`` lets the last stage be larger, never smaller."""
    assert rules(GOOD, maximum={"at_least": 5 * GiB}) == set()
    assert "plan-stages" in rules(GOOD, maximum={"at_least": 7 * GiB})


def test_memory_that_no_dimm_can_reach() -> None:
    """Every wanted size is a stage: a waypoint that was left out is missed."""
    assert "plan-stages" in rules(GOOD, waypoints=[5 * GiB])


def test_virtio_mem_without_an_address_needs_room() -> None:
    """A device that QEMU will place itself finds a gap beside the plan's DIMMs, or is reported. It
    counts with what is requested of it, but its whole region has to fit maxMemory."""
    device = {"model": "virtio-mem", "size": 2 * GiB, "cell": 0, "block": 2 * MiB, "requested": 0}
    changes = {"devices": [device]}
    plan = with_guest(GOOD, maximum=8 * GiB, slots=5)
    value = objective(kind="fewest-slots", value=5, bound=5)
    plan = plan.model_copy(update={"objectives": value})
    assert rules(plan, **changes) == set()
    apart = plan
    for place in range(4):
        apart = with_dimm(apart, place, address=BASE + (11 + 19 * place) * 128 * MiB)
    assert "qemu-3.2-fragmented" in rules(apart, **changes)


def change_of_address(slot: int, blocks: int) -> tuple[Plan, bool]:
    """A DIMM moved to another block; whether it then meets another DIMM or leaves the window."""
    address = BASE + blocks * 128 * MiB
    others = [BASE + i * GiB for i in range(4) if i != slot]
    meets = any(abs(address - other) < GiB for other in others)
    return with_dimm(GOOD, slot, address=address), meets or address + GiB > BASE + 8 * GiB


@given(slot=st.integers(0, 3), blocks=st.integers(0, 80))
def test_any_address_is_judged(slot: int, blocks: int) -> None:
    """A moved DIMM is reported exactly where it overlaps another or leaves the window."""
    plan, bad = change_of_address(slot, blocks)
    expected = {"qemu-3.2-overlap", "qemu-3.2-range"} if bad else set()
    found = rules(plan)
    assert found <= expected
    assert bool(found) == bad


@given(slot=st.integers(0, 3), size=st.integers(1, 64).map(lambda n: n * 16 * MiB))
def test_any_size_is_judged(slot: int, size: int) -> None:
    """A DIMM of another size makes totals wrong, and is refused by the guest if it is no block."""
    found = rules(with_dimm(GOOD, slot, size=size))
    assert ("plan-totals" in found) == (size != GiB)
    assert ("guest-block" in found) == bool(size % (128 * MiB))


@given(slot=st.integers(0, 3), stage=st.integers(0, 2), cell=st.integers(0, 1))
def test_any_move_is_judged(slot: int, stage: int, cell: int) -> None:
    """A DIMM at another stage or in another cell breaks the plan's totals."""
    dimm = GOOD.guests[0].dimms[slot]
    moved = (stage, cell) != (dimm.stage, dimm.cell)
    assert ("plan-totals" in rules(with_dimm(GOOD, slot, stage=stage, cell=cell))) == moved


def test_texts_follow_the_versions() -> None:
    """A plan for newer programs is told in their words."""
    plan = with_guest(GOOD, slots=3, maximum=2 * GiB)
    for libvirt, qemu, texts in (
        ("9.0", "7.2", ("memory device count '4'", "please specify the maxmem option")),
        ("9.5", "8.2", ("requiring memory slots '4'", "is not prepared for memory devices")),
    ):
        problem = good_problem().model_copy(update={"libvirt": libvirt, "qemu": qemu})
        says = " ".join(v.says for v in check_plan(problem, plan))
        assert all(text in says for text in texts)

"""Running guests, virtio-mem and destinations in a plan: good plans pass, one change is found."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slotsolver.plan import HostUse, ObjectiveValue
from slotsolver.size import GiB, MiB
from tests.checker.running import (
    BASE,
    DEVICES,
    HALF,
    PAGE,
    VIRTIO,
    Case,
    dimm,
    dimm_operation,
    grow,
    lowered,
    migrating,
    planned_virtio,
    raised,
    resize,
    shrink,
    stages,
    swap,
    use,
)

SHAPES: dict[str, Callable[[], Case]] = {
    "grow": grow,
    "shrink": shrink,
    "swap": swap,
    "raised": raised,
    "lowered": lowered,
    "planned-virtio": planned_virtio,
    "migrating": migrating,
}
GROW, SHRINK, SWAP, MOVED = grow(), shrink(), swap(), migrating()
RAISED, LOWERED, NEW = raised(), lowered(), planned_virtio()

Broken = list[tuple[str, Case]]


@pytest.mark.parametrize("shape", SHAPES)
def test_a_good_plan_is_good(shape: str) -> None:
    """Nothing is wrong with the plans that the other tests change."""
    assert SHAPES[shape]().rules() == set()


KEPT: Broken = [
    ("plan-slots", GROW.planned(slots=9)),
    ("plan-slots", GROW.asked(slots=9)),
    ("plan-maximum", GROW.planned(maximum=9 * GiB)),
    ("plan-boot", GROW.part("cells", 0, boot=2 * GiB)),
    ("plan-kept", GROW.part("cells", 1, host_nodes=(0,))),
    ("plan-wanted", GROW.planned(wanted=4 * GiB)),
    ("plan-wanted", GROW.planned(wanted=None)),
    ("plan-stranded", GROW.planned(stranded=0)),
    ("plan-departures", GROW.planned(departures=())),
    ("plan-departures", SHRINK.planned(departures=("slot 0 is gone",))),
    ("plan-memory", GROW.planned(memory=4 * GiB)),
    ("plan-step", GROW.planned(step=HALF)),
]
"""What a running guest keeps, and what is told of it."""

DIMMS: Broken = [
    ("plan-existing", GROW.without("dimms", 0)),
    ("plan-existing", GROW.part("dimms", 0, slot=2)),
    ("plan-existing", GROW.part("dimms", 0, address=BASE + 6 * GiB)),
    ("plan-existing", GROW.part("dimms", 0, size=HALF)),
    ("plan-existing", GROW.part("dimms", 0, cell=1)),
    ("plan-existing", GROW.part("dimms", 0, page_size=4096)),
    ("plan-existing", GROW.part("dimms", 0, host_nodes=(1,))),
    ("plan-existing", GROW.part("dimms", 0, stage=1)),
    ("plan-existing", GROW.part("dimms", 3, state="present", stage=0)),
    ("plan-existing", GROW.part("dimms", 3, state="unplug", stage=0)),
    ("plan-state", GROW.part("dimms", 3, stage=2)),
    ("plan-state", GROW.part("dimms", 3, stage=0)),
    ("plan-state", GROW.part("dimms", 3, state="plugged")),
    ("plan-state", GROW.part("dimms", 5, state="plug")),
    ("plan-state", GROW.part("dimms", 5, stage=1)),
    ("libvirt-S2", GROW.part("dimms", 7, slot=8)),
    ("libvirt-S3", GROW.part("dimms", 3, slot=0)),
    ("libvirt-S3", GROW.part("dimms", 7, slot=2)),
    ("qemu-3.2-overlap", GROW.part("dimms", 3, address=BASE + GiB)),
    ("qemu-3.2-overlap", GROW.part("dimms", 7, address=BASE + 3 * GiB)),
    ("qemu-3.2-range", GROW.part("dimms", 7, address=BASE + 20 * GiB)),
    ("qemu-3.2-space", GROW.part("dimms", 7, size=3 * GiB)),
    ("guest-block", GROW.part("dimms", 7, address=BASE + 4 * GiB + 64 * MiB)),
]
"""Devices that are there, and those that are added."""

STAGES: Broken = [
    ("plan-totals", GROW.part("dimms", 3, size=GiB)),
    ("plan-totals", GROW.part("stages", 1, cells=(2 * GiB, 3 * GiB))),
    ("plan-totals", GROW.part("stages", 1, memory=6 * GiB)),
    ("plan-stages", GROW.part("stages", 0, name="boot")),
    ("plan-stages", GROW.part("stages", 1, name="kept")),
    ("plan-stages", GROW.part("stages", 2, name="maximum")),
    ("plan-stages", GROW.asked(waypoints=[])),
    ("plan-stages", GROW.asked(waypoints=[13 * HALF])),
    ("plan-stages", GROW.asked(waypoints=[11 * HALF, 6 * GiB])),
    ("plan-stages", GROW.asked(maximum=13 * HALF)),
    ("plan-dimm", GROW.planned(stages=GROW.plan.guests[0].stages[:1])),
    ("plan-stages", RAISED.part("virtio_mem", 0, stages=(GiB, 3 * HALF, 0))),
    ("plan-target", GROW.asked(target=9 * HALF)),
    ("plan-target", SWAP.asked(target={0: GiB, 1: 3 * GiB})),
    ("plan-swap", SWAP.posed(policies=[])),
]
"""The sizes that it passes."""

OPERATIONS: Broken = [
    ("plan-operation", GROW.without("operations", 1)),
    ("plan-operation", GROW.planned(operations=())),
    ("plan-operation", GROW.part("operations", 0, slot=5)),
    ("plan-operation", GROW.part("operations", 0, cell=1)),
    ("plan-operation", GROW.part("operations", 0, size=GiB)),
    ("plan-operation", GROW.part("operations", 0, device="dimm3")),
    ("plan-operation", GROW.part("operations", 0, number=0)),
    ("plan-operation", GROW.part("operations", 0, do="unplug")),
    ("plan-operation", SHRINK.part("operations", 0, do="plug")),
    ("plan-operation", SHRINK.planned(operations=SHRINK.plan.guests[0].operations * 2)),
    ("plan-operation", SHRINK.part("operations", 0, device="ua-first")),
    ("plan-operation", SHRINK.asked(devices=[{**DEVICES[0], "alias": "ua"}, *DEVICES[1:]])),
    ("plan-operation-memory", GROW.part("operations", 0, memory=5 * GiB)),
    ("plan-operation-memory", SHRINK.part("operations", 0, memory=4 * GiB)),
    ("plan-operation-memory", LOWERED.part("operations", 0, memory=4 * GiB)),
    ("plan-operation-order", SWAP.ordered(2, 0, 1)),
    ("plan-operation-order", SWAP.ordered(0, 2, 1)),
    ("plan-operation-order", RAISED.planned(operations=(resize(3 * HALF, 0), resize(HALF, 0)))),
    ("plan-operation-refused", SWAP.ordered(2, 0, 1)),
    ("plan-operation-refused", SWAP.ordered(1, 2, 0)),
    ("plan-operation-refused", SHRINK.planned(operations=SHRINK.plan.guests[0].operations * 2)),
    ("plan-operation-refused", GROW.asked(slots=4).planned(slots=4)),
    ("plan-operation", RAISED.without("operations", 1)),
    ("plan-operation", RAISED.part("operations", 1, number=1)),
    ("plan-operation", RAISED.part("operations", 1, device="virtiomem1")),
    ("plan-operation", RAISED.part("operations", 1, slot=1)),
    ("plan-operation", RAISED.part("operations", 1, cell=0)),
    ("plan-operation", RAISED.part("operations", 1, size=2 * GiB)),
    ("plan-operation", LOWERED.without("operations", 0)),
    ("plan-operation", LOWERED.part("operations", 0, size=769 * MiB)),
    ("plan-operation", LOWERED.part("operations", 0, size=700 * MiB)),
    ("plan-operation", LOWERED.posed(policies=[])),
]
"""What is done to it."""

VIRTIO_MEM: Broken = [
    ("plan-virtio-mem", RAISED.planned(virtio_mem=())),
    ("plan-virtio-mem", RAISED.planned(virtio_mem=RAISED.plan.guests[0].virtio_mem * 2)),
    ("plan-virtio-mem", RAISED.part("virtio_mem", 0, number=1)),
    ("plan-virtio-mem", RAISED.part("virtio_mem", 0, cell=2)),
    ("plan-virtio-mem", RAISED.part("virtio_mem", 0, stages=(GiB, 3 * HALF))),
    ("plan-virtio-mem", RAISED.part("virtio_mem", 0, block=0)),
    ("plan-virtio-mem", RAISED.part("virtio_mem", 0, cell=0)),
    ("plan-virtio-mem", RAISED.part("virtio_mem", 0, size=5 * GiB)),
    ("plan-virtio-mem", RAISED.part("virtio_mem", 0, before=HALF)),
    ("plan-virtio-mem", RAISED.part("virtio_mem", 0, before=None)),
    ("plan-virtio-mem", RAISED.part("virtio_mem", 0, block=4 * MiB)),
    ("plan-virtio-mem", RAISED.part("virtio_mem", 0, address=BASE + 2 * GiB)),
    ("plan-virtio-mem", RAISED.part("virtio_mem", 0, page_size=4096)),
    ("plan-virtio-mem", RAISED.part("virtio_mem", 0, host_nodes=(0,))),
    ("plan-virtio-mem", RAISED.part("virtio_mem", 0, alias=None)),
    ("plan-virtio-mem", RAISED.part("virtio_mem", 0, requested=2 * GiB)),
    ("plan-virtio-mem", RAISED.part("virtio_mem", 0, stages=(HALF, 3 * HALF, 4 * GiB))),
    ("plan-virtio-mem", RAISED.part("virtio_mem", 0, stages=(GiB, 3 * HALF, GiB))),
    ("plan-virtio-mem", RAISED.part("virtio_mem", 0, stages=(GiB, 3 * HALF, 5 * GiB))),
    ("plan-virtio-mem", RAISED.part("virtio_mem", 0, stages=(GiB, 3 * HALF, 2 * GiB + MiB))),
    ("plan-totals", RAISED.part("virtio_mem", 0, stages=(GiB, 3 * HALF, 2 * GiB))),
    ("qemu-3.2-overlap", RAISED.part("dimms", 1, address=BASE + 4 * GiB)),
    ("qemu-3.2-space", RAISED.part("dimms", 2, size=GiB)),
    ("libvirt-S4", RAISED.asked(slots=3).planned(slots=3)),
    ("plan-host", RAISED.answered(host=use([(256, 256), (256, 0)]))),
    ("plan-host", LOWERED.answered(host=use([(0, 512), (0, 1792)]))),
    ("plan-virtio-mem", NEW.part("virtio_mem", 0, number=2)),
    ("plan-virtio-mem", NEW.part("virtio_mem", 0, before=0)),
    ("plan-virtio-mem", NEW.part("virtio_mem", 0, alias="virtiomem0")),
    ("plan-virtio-mem", NEW.part("virtio_mem", 0, block=3 * MiB)),
    ("plan-virtio-mem", NEW.part("virtio_mem", 0, block=MiB)),
    ("plan-virtio-mem", NEW.part("virtio_mem", 0, page_size=GiB)),
    ("plan-virtio-mem", NEW.part("virtio_mem", 0, host_nodes=(1,))),
    ("plan-virtio-mem", NEW.part("virtio_mem", 0, size=2 * GiB - 64 * MiB)),
    ("plan-virtio-mem", NEW.part("virtio_mem", 0, size=3 * GiB)),
    ("plan-virtio-mem", NEW.part("virtio_mem", 0, stages=(HALF, GiB, 2 * GiB - 64 * MiB))),
    ("plan-virtio-mem", NEW.part("virtio_mem", 0, address=BASE + GiB + MiB)),
    ("plan-virtio-mem-address", NEW.part("virtio_mem", 0, address=BASE + 5 * GiB)),
    ("plan-virtio-mem", NEW.asked(machine="pseries")),
    ("plan-virtio-mem", NEW.part("cells", 0, boot=0).asked(cells=[{"id": 0}, {"id": 1}])),
    ("guest-virtio-mem", NEW.part("virtio_mem", 0, address=BASE + GiB + 64 * MiB)),
    ("qemu-3.2-overlap", NEW.part("virtio_mem", 1, address=BASE + 2 * GiB)),
    ("qemu-3.2-range", NEW.part("virtio_mem", 1, address=BASE + 16 * GiB)),
    ("qemu-3.2-fragmented", NEW.part("virtio_mem", 1, size=64 * GiB)),
    ("libvirt-S4", NEW.planned(slots=2)),
    ("plan-maximum", NEW.planned(maximum=7 * GiB - 128 * MiB)),
    ("plan-host", NEW.answered(host=use([(512, 480), (1024, 480)]))),
]
"""virtio-mem devices, those that are there and those that come."""

NOT_RUNNING: Broken = [
    ("plan-operation", NEW.planned(operations=(dimm_operation("plug", 0, GiB, 0, 5 * GiB),))),
    ("plan-state", NEW.part("dimms", 0, state="plug")),
    ("plan-state", NEW.part("dimms", 0, state="unplug")),
    ("plan-not-running", NEW.planned(wanted=5 * GiB)),
    ("plan-not-running", NEW.planned(stranded=GiB)),
    ("plan-not-running", NEW.planned(departures=("none",))),
]
"""What is said of running guests only."""

POOLS: Broken = [
    ("plan-host", GROW.answered(host=use([(255, 768), (256, 256)]))),
    ("plan-host", GROW.answered(host=use([(256, 768), (256, 0)]))),
    ("plan-host", SHRINK.answered(host=use([(0, 2560), (0, 0)]))),
    ("plan-host", SHRINK.answered(host=use([(0, 2560), (-512, 0)]))),
    ("plan-host", SWAP.answered(host=use([(0, 0), (512, 0)]))),
]
"""What comes out of pools and goes back."""


def destination(**changes: Any) -> Case:
    """The migrating guest with fields of its destination replaced."""
    (there,) = MOVED.plan.destinations
    return MOVED.answered(destinations=(there.model_copy(update=changes),))


def moved_guest(**changes: Any) -> Case:
    """The same, of the guest there."""
    (guest,) = MOVED.plan.destinations[0].guests
    return destination(guests=(guest.model_copy(update=changes),))


def moved_cell(**changes: Any) -> Case:
    """The same, of its first cell there."""
    first, second = MOVED.plan.destinations[0].guests[0].cells
    return moved_guest(cells=(first.model_copy(update=changes), second))


def moved_device(**changes: Any) -> Case:
    """The same, of its first device there."""
    first, *others = MOVED.plan.destinations[0].guests[0].devices
    return moved_guest(devices=(first.model_copy(update=changes), *others))


def moved_pool(**changes: Any) -> Case:
    """The same, of the 2 MiB pool there."""
    (node,) = MOVED.plan.destinations[0].use.nodes
    pool = node.pools[1].model_copy(update=changes)
    return destination(
        use=HostUse(nodes=(node.model_copy(update={"pools": (node.pools[0], pool)}),))
    )


def other_host(**changes: Any) -> Case:
    """The same, with fields of the node there replaced."""
    node = {"id": 3, "memory": 24 * GiB, "pages": {"2 MiB": {"total": 4096, "free": 3000}}}
    return MOVED.posed(also_hosts=[{"nodes": [{**node, **changes}]}])


DESTINATIONS: Broken = [
    ("plan-destinations", MOVED.answered(destinations=())),
    ("plan-destinations", MOVED.answered(destinations=MOVED.plan.destinations * 2)),
    ("plan-destinations", destination(host=1)),
    ("plan-destinations", destination(guests=())),
    ("destination-cells", moved_guest(cells=())),
    ("destination-cells", moved_cell(boot=2 * GiB)),
    ("destination-cells", moved_cell(page_size=GiB)),
    ("destination-node", moved_cell(host_nodes=(0,))),
    ("destination-node", moved_cell(host_nodes=())),
    ("destination-devices", moved_device(page_size=4096)),
    ("destination-devices", moved_device(host_nodes=(0,))),
    ("destination-devices", moved_device(slot=1)),
    ("destination-devices", moved_device(slot=8)),
    ("destination-devices", moved_device(slot=None, number=0)),
    ("destination-devices", moved_guest(devices=())),
    ("plan-host", moved_pool(free_after=441)),
    ("plan-host", moved_pool(promised=0)),
    ("plan-host", moved_pool(total=5000)),
    ("destination-pages-free", other_host(pages={"2 MiB": {"total": 4096, "free": 2559}})),
    (
        "destination-board",
        MOVED.posed(also_hosts=[{"nodes": [{"id": 3, "memory": GiB}], "phys_bits": 35}]).asked(
            host_passthrough=True
        ),
    ),
    (
        "destination-board",
        MOVED.posed(also_hosts=[{"nodes": [{"id": 3, "memory": GiB}], "cpu_vendor": "amd"}])
        .asked(phys_bits=46, maximum=1010 * GiB)
        .planned(maximum=1010 * GiB),
    ),
]
"""Where it may move to."""

TABLES = {
    "kept": KEPT,
    "dimms": DIMMS,
    "stages": STAGES,
    "operations": OPERATIONS,
    "virtio-mem": VIRTIO_MEM,
    "not-running": NOT_RUNNING,
    "pools": POOLS,
    "destinations": DESTINATIONS,
}


BROKEN = [
    pytest.param(rule, case, id=f"{table}-{number}-{rule}")
    for table, cases in TABLES.items()
    for number, (rule, case) in enumerate(cases)
]


@pytest.mark.parametrize(("rule", "case"), BROKEN)
def test_a_broken_plan_is_found(rule: str, case: Case) -> None:
    """The rule that the change breaks is among those reported."""
    assert rule in case.rules()


def test_a_device_without_an_alias_gets_libvirts() -> None:
    """The alias of a live device is used; where it is not known, it is that of its slot."""
    devices = [{**DEVICES[0], "alias": "ua-first"}, *DEVICES[1:]]
    assert SHRINK.asked(devices=devices).part("operations", 0, device="ua-first").rules() == set()
    devices = [{k: v for k, v in d.items() if k != "alias"} for d in DEVICES]
    assert SHRINK.asked(devices=devices).rules() == set()


@given(order=st.permutations(range(3)))
def test_any_order_of_operations_is_judged(order: list[int]) -> None:
    """Of a swap only the orders with both unplugs first are legal, whatever sizes are told."""
    steps = {0: -HALF, 1: -HALF, 2: GiB}
    case, memory = SWAP.ordered(*order), 4 * GiB
    for place, number in enumerate(order):
        memory += steps[number]
        case = case.part("operations", place, memory=memory)
    assert ("plan-operation-order" in case.rules()) == (order[2] != 2)
    assert (case.rules() == set()) == (order[2] == 2)


@given(slot=st.integers(3, 7), blocks=st.integers(0, 100))
def test_any_address_is_judged(slot: int, blocks: int) -> None:
    """A new DIMM is reported exactly where it meets another device or leaves the window."""
    dimms = GROW.plan.guests[0].dimms
    moved, address = dimms[slot], BASE + blocks * 128 * MiB
    others = [d for d in dimms if d is not moved]
    meets = any(address < d.address + d.size and d.address < address + moved.size for d in others)
    outside = address + moved.size > BASE + 14 * GiB
    found = GROW.part("dimms", slot, address=address).rules()
    assert ("qemu-3.2-overlap" in found) == meets
    assert ("qemu-3.2-range" in found) == outside


@given(size=st.integers(0, 2100).map(lambda n: n * PAGE), first=st.integers(0, 2))
def test_any_request_is_judged(size: int, first: int) -> None:
    """What is requested at the target is what the operations lead to, and nothing else."""
    given = (GiB, size, 4 * GiB)
    case = RAISED.part("virtio_mem", 0, requested=size, stages=given)
    found = case.part("operations", 1, size=size + first * PAGE).rules()
    assert (found == set()) == ((size, first) == (3 * HALF, 0))


def test_the_host_gets_back_only_what_is_known() -> None:
    """Pages return to a pool where their size is known and they were bound to one node, strictly;
    then they can be taken again at once."""
    empty = {"memory": 48 * GiB, "free": 40 * GiB, "pages": {"2 MiB": {"total": 4096, "free": 0}}}
    host = {"nodes": [{"id": n, **empty} for n in (0, 1)]}
    table = use([(0, 0), (0, 0)])
    nodes = tuple(
        node.model_copy(
            update={
                "pools": (
                    node.pools[0],
                    node.pools[1].model_copy(update={"free_before": 0, "free_after": 0}),
                )
            }
        )
        for node in table.nodes
    )
    case = SWAP.posed(host=host).answered(host=HostUse(nodes=nodes))
    assert case.rules() == set()
    cells = case.document["guests"][0]["cells"]
    for cell in (
        {**cells[1], "mode": "preferred"},
        {k: v for k, v in cells[1].items() if k != "page_size"},
        {**cells[1], "host_nodes": [0, 1]},
        {k: v for k, v in cells[1].items() if k != "host_nodes"},
    ):
        assert {"host-pages", "plan-host"} <= case.asked(cells=[cells[0], cell]).rules()
    bound = {k: v for k, v in cells[1].items() if k != "host_nodes"}
    assert case.asked(cells=[cells[0], bound], host_nodes=[1]).rules() == set()
    loosely = case.asked(cells=[cells[0], bound], host_nodes=[1], mode="preferred")
    assert "host-pages" in loosely.rules()
    own = [*DEVICES[:1], *({**d, "host_nodes": [1], "page_size": PAGE} for d in DEVICES[1:])]
    assert case.asked(cells=[cells[0], bound], devices=own).rules() == set()


def test_new_virtio_mem_lies_where_it_is_put() -> None:
    """Before libvirt 9.4 QEMU decides; then any free range in whole memory blocks is legal."""
    moved = NEW.part("virtio_mem", 0, address=BASE + 5 * GiB)
    assert moved.posed(libvirt="9.3").rules() == {"plan-virtio-mem-address"}
    assert moved.posed(libvirt="9.4").rules() == set()


def test_slots_count_as_libvirt_counts() -> None:
    """From 9.5 on virtio-mem takes no slot, neither there nor planned."""
    assert "libvirt-S4" in RAISED.asked(slots=3).planned(slots=3).rules()
    assert RAISED.asked(slots=3).planned(slots=3).posed(libvirt="9.5").rules() == set()
    assert NEW.planned(slots=1).posed(libvirt="9.5").rules() == set()


def test_a_part_of_a_block_that_is_there_stays() -> None:
    """What is requested now need not be whole blocks as long as it is left alone."""
    odd = [DEVICES[0], {**VIRTIO, "requested": GiB + MiB}]
    case = RAISED.asked(devices=odd).part("virtio_mem", 0, before=GiB + MiB)
    assert "plan-virtio-mem" in case.rules()
    case = case.part("virtio_mem", 0, stages=(GiB + MiB, 3 * HALF, 4 * GiB))
    assert "plan-virtio-mem" not in case.rules()


def test_memory_that_the_guest_cannot_use() -> None:
    """Of a region that is not in whole memory blocks, more than these is never requested; what is
    requested already is not the plan's doing."""
    odd = {**VIRTIO, "address": BASE + GiB + 64 * MiB}
    case = RAISED.asked(devices=[DEVICES[0], odd]).part(
        "virtio_mem", 0, address=BASE + GiB + 64 * MiB
    )
    assert "guest-virtio-mem" in case.rules()
    case = case.part("virtio_mem", 0, stages=(GiB, 3 * HALF, 4 * GiB - 128 * MiB))
    assert "guest-virtio-mem" not in case.rules()
    full = case.asked(devices=[DEVICES[0], {**odd, "requested": 4 * GiB}])
    full = full.part("virtio_mem", 0, before=4 * GiB, stages=(4 * GiB,) * 3, requested=4 * GiB)
    assert "guest-virtio-mem" not in full.rules()


OBJECTIVES = [
    (GROW, "target-distance", 0),
    (GROW, "planned-growth", 2),
    (GROW, "needless-unplug", 0),
    (GROW, "fewest-unplugs", 0),
    (GROW, "fewest-plugs", 2),
    (GROW, "least-imbalance", 0),
    (GROW, "stranded-growth", GiB),
    (GROW, "growth-imbalance", GiB),
    (GROW, "fewest-slots", 8),
    (GROW, "finest-step", GiB),
    (GROW, "lowest-maxmem", 8 * GiB),
    (GROW, "largest-pages", 512),
    (SHRINK, "least-imbalance", GiB),
    (SHRINK, "needless-unplug", 0),
    (SHRINK, "fewest-unplugs", 1),
    (SHRINK, "planned-growth", 0),
    (SWAP, "needless-unplug", GiB),
    (SWAP, "fewest-unplugs", 2),
    (SWAP, "fewest-plugs", 1),
    (SWAP, "least-imbalance", 0),
    (RAISED, "fewest-plugs", 2),
    (RAISED, "growth-imbalance", 2 * GiB),
    (RAISED, "fewest-slots", 4),
    (RAISED, "least-imbalance", 0),
    (LOWERED, "fewest-unplugs", 1),
    (LOWERED, "fewest-plugs", 0),
    (LOWERED, "least-imbalance", HALF),
    (LOWERED, "stranded-growth", 0),
    (NEW, "fewest-slots", 3),
    (NEW, "target-distance", 0),
]


@pytest.mark.parametrize(("case", "kind", "value"), OBJECTIVES)
def test_objective_values(case: Case, kind: str, value: int) -> None:
    """Each objective's value is computed from the plan; one off is reported."""
    for off, rules in ((0, set()), (1, {"objective-value"})):
        said = ObjectiveValue(kind=kind, value=value + off, bound=value + off)
        assert case.answered(objectives=(said,)).rules() == rules


def test_the_distance_to_a_target_per_cell() -> None:
    """It is summed over the cells: the guest has its size, no cell has its own."""
    case = SWAP.asked(target={0: 3 * HALF, 1: 5 * HALF})
    said = ObjectiveValue(kind="target-distance", value=GiB, bound=GiB)
    accept = {"kind": "accept", "distance": "nearest"}
    assert case.answered(objectives=(said,)).rules(accept) == set()
    assert case.rules({**accept, "distance": "below"}) == {"accept"}


def test_a_swap_between_cells_is_one_of_the_guest_only() -> None:
    """With a target per cell one cell may shrink while the other grows."""
    plan = {
        "dimms": (
            *SHRINK.plan.guests[0].dimms[:3],
            dimm(2, GiB, 1, 4 * GiB, "plug", 1),
        ),
        "memory": 4 * GiB,
        "step": GiB,
        "stages": stages((GiB, 2 * GiB), (GiB, 3 * GiB), (GiB, 3 * GiB)),
        "operations": (
            dimm_operation("unplug", 0, GiB, 0, 3 * GiB),
            dimm_operation("plug", 2, GiB, 1, 4 * GiB),
        ),
        "wanted": 4 * GiB,
        "stranded": 4 * GiB,
    }
    case = SHRINK.planned(**plan).answered(host=use([(-512, 0), (512, 0)]))
    assert case.asked(target={0: GiB, 1: 3 * GiB}).rules() == set()
    assert case.asked(target=4 * GiB).rules() == {"plan-swap"}

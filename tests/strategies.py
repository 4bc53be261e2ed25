"""Hypothesis strategies for hosts, guests and problems.

:func:`small_problems` draws what :mod:`tests.oracle` can search: few cells, few blocks of growth,
every kind of policy, feasible or not. :func:`problems` draws plausible guests for real runs on a
host with one node, most of them feasible. Neither draws input that slotsolver refuses as bad.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import strategies as st

from slotsolver.policies import policies
from slotsolver.problem import Guest, Host, Problem
from slotsolver.size import GiB, KiB, MiB

Draw = Callable[[st.SearchStrategy[Any]], Any]
Document = dict[str, Any]

BLOCK = 128 * MiB
OBJECTIVES = (
    "fewest-slots",
    "finest-step",
    "least-imbalance",
    "shortest-distance",
    "largest-pages",
    "least-stranding",
    "lowest-maxmem",
)


# --- hosts -------------------------------------------------------------------------------------


@st.composite
def _host_document(draw: Draw, pages: Sequence[int], most_nodes: int) -> Document:
    count = draw(st.integers(1, most_nodes))
    ordinary = st.integers(0, 14).map(lambda n: n * BLOCK)
    nodes = []
    for node in range(count):
        pools = []
        for page in pages:
            total = draw(st.integers(0, 14)) * max(1, BLOCK // page) + draw(st.integers(0, 1))
            pools.append({"page_size": page, "total": total, "free": draw(st.integers(0, total))})
        free = draw(ordinary | ordinary.map(lambda n: n + 64 * MiB))
        huge = sum(p["total"] * p["page_size"] for p in pools)
        nodes.append({"id": node, "memory": free + huge, "free": free, "pools": pools})
    if draw(st.booleans()):
        far = {(a, b): draw(st.sampled_from([20, 21, 32])) for a in range(count) for b in range(a)}
        for a, item in enumerate(nodes):
            pairs = [(max(a, b), min(a, b)) for b in range(count)]
            item["distances"] = [far.get(pair, 10) for pair in pairs]
    return {"nodes": nodes}


def small_hosts(*, pages: Sequence[int] = (2 * MiB,)) -> st.SearchStrategy[Host]:
    """One to three nodes with up to 1.8 GiB of ordinary memory and up to 14 blocks of each page
    size, of which any part is free."""
    return _host_document(pages, 3).map(Host.model_validate)


# --- guests ------------------------------------------------------------------------------------


@st.composite
def _small_guest_document(
    draw: Draw, name: str, unit: int, most_cells: int, most_growth: int
) -> Document:
    count = draw(st.integers(1, most_cells))
    cells: list[Document] = [{"cpus": [2 * i]} for i in range(count)]
    if draw(st.booleans()):
        cells[0]["cpus"] = [0, 1]
    if count > 1 and draw(st.booleans()):
        cells[0]["distances"] = {1: draw(st.sampled_from([15, 30]))}
    guest: Document = {
        "name": name,
        "machine": draw(st.sampled_from(["q35", "pc"])),
        "cells": cells,
    }
    boots = [draw(st.integers(1, 2)) for _ in cells]
    boot = sum(boots)
    form = draw(st.sampled_from(["cells", "total", "free"]))
    odd = 0
    if form == "cells":
        odd = draw(st.sampled_from([0, 0, 0, MiB, 65 * MiB]))
        for cell, size in zip(cells, boots, strict=True):
            cell["memory"] = size * unit
        cells[0]["memory"] += odd
    elif form == "total":
        guest["boot"] = boot * unit
    devices = [
        {"model": model, "size": unit, "cell": draw(st.integers(0, count - 1)), "slot": slot}
        for slot, model in enumerate(draw(st.lists(st.sampled_from(["dimm"]), max_size=1)))
    ]
    guest["devices"] = devices
    now = boot + len(devices)
    target = now + draw(st.integers(0, most_growth // 2))
    maximum = target + draw(st.integers(0, most_growth - (target - now)))
    guest["target"] = target * unit + odd
    guest["maximum"] = maximum * unit + odd
    if form == "cells" and not devices and draw(st.integers(0, 4)) == 0:
        rest = target - boot
        guest["target"] = {i: cell["memory"] for i, cell in enumerate(cells)}
        guest["target"][draw(st.integers(0, count - 1))] += rest * unit
    if maximum > target and draw(st.integers(0, 4)) == 0:
        guest["maximum"] = {"at_least": guest["maximum"]}
    elif maximum > now and draw(st.integers(0, 2)) == 0:
        guest["waypoints"] = [draw(st.integers(now, maximum)) * unit + odd]
    return guest


def small_guests() -> st.SearchStrategy[Guest]:
    """One to three cells, at most six blocks of growth, at most three stages after boot."""
    return _small_guest_document("guest", BLOCK, 3, 6).map(Guest.model_validate)


# --- policies ----------------------------------------------------------------------------------


def _sizes_policy(unit: int) -> st.SearchStrategy[Document]:
    sizes = st.integers(1, 6).map(lambda n: n * unit)
    return st.one_of(
        st.fixed_dictionaries({"allowed": st.lists(sizes, min_size=1, max_size=3, unique=True)}),
        st.just({"powers_of_two": True}),
        st.just({"uniform": True}),
        st.fixed_dictionaries({"minimum": st.just(2 * unit)}),
        st.fixed_dictionaries({"maximum": sizes}),
    )


def _policy_fields(unit: int, host: Document | None) -> dict[str, st.SearchStrategy[Document]]:
    """For each kind its fields; `waypoints` depend on the guest, see :func:`_waypoints`."""
    sizes = st.integers(1, 6).map(lambda n: n * unit)
    fields: dict[str, st.SearchStrategy[Document]] = {
        "step": st.fixed_dictionaries({"size": sizes}),
        "relative-step": st.fixed_dictionaries(
            {"ratio": st.sampled_from(["1/8", "1/4", "1/2", "1", 0.75])},
            optional={"at_least": sizes},
        ),
        "exact": st.fixed_dictionaries({"size": st.sampled_from([unit, 2 * unit])}),
        "slots": st.fixed_dictionaries({"at_most": st.integers(2, 8)})
        | st.fixed_dictionaries({"exactly": st.integers(1, 6)}),
        "sizes": _sizes_policy(unit),
        "balance": st.fixed_dictionaries(
            {"by": st.sampled_from(["equal", "cpus"])},
            optional={"tolerance": st.integers(0, 2).map(lambda n: n * unit)},
        ),
        "shrinkable-to": st.fixed_dictionaries({"size": st.integers(2, 8).map(lambda n: n * unit)}),
        "guest-block": st.fixed_dictionaries({"size": st.sampled_from([BLOCK, 2 * BLOCK])}),
        "memslots": st.fixed_dictionaries({"limit": st.integers(4, 11)}),
        "memmap": st.fixed_dictionaries({"free": sizes.map(lambda n: n // 64)}),
        "reserve": st.fixed_dictionaries({"until": st.sampled_from(["target", "maximum"])}),
    }
    if host is not None:
        ids = [node["id"] for node in host["nodes"]]
        pages = [4 * KiB, *(pool["page_size"] for pool in host["nodes"][0]["pools"])]
        fields["page-size"] = st.fixed_dictionaries(
            {"size": st.sampled_from(pages), "preferred": st.booleans()}
        )
        fields["host-nodes"] = st.fixed_dictionaries(
            {"distinct": st.booleans()},
            optional={"nodes": st.lists(st.sampled_from(ids), min_size=1, unique=True)},
        )
        fields["headroom"] = st.fixed_dictionaries(
            {}, optional={"page_size": st.sampled_from(pages)}
        ).flatmap(
            lambda fixed: st.one_of(
                st.integers(0, 70).map(lambda n: {**fixed, "pages": n}),
                st.sampled_from(["1/10", 0.25]).map(lambda f: {**fixed, "fraction": f}),
                st.sampled_from([MiB, 200 * MiB]).map(lambda s: {**fixed, "size": s}),
            )
        )
    return fields


@st.composite
def _waypoints(draw: Draw, guest: Document, unit: int) -> Document:
    """One more stage of one guest, at least what it cannot unplug and below its maximum."""
    maximum, now = guest["maximum"], guest.get("boot", 0)
    most = maximum["at_least"] - unit if isinstance(maximum, dict) else maximum
    now = now or sum(cell.get("memory", unit) for cell in guest["cells"])
    now += sum(device["size"] for device in guest["devices"])
    steps = draw(st.integers(0, max(0, most - now) // unit))
    return {"kind": "waypoints", "guests": [guest["name"]], "sizes": [now + steps * unit]}


@st.composite
def _policy_documents(
    draw: Draw, guests: list[Document], host: Document | None, unit: int, most: int
) -> list[Document]:
    fields = _policy_fields(unit, host)
    kinds = [kind for kind in ("waypoints", *fields) if kind in policies()]
    found = []
    for kind in draw(st.lists(st.sampled_from(kinds), max_size=most, unique=True)):
        if kind == "waypoints":
            found.append(draw(_waypoints(draw(st.sampled_from(guests)), unit)))
            continue
        policy = {"kind": kind, **draw(fields[kind])}
        if kind not in ("headroom", "balance", "reserve") and draw(st.integers(0, 3)) == 0:
            policy["guests"] = [draw(st.sampled_from(guests))["name"]]
        if kind in ("step", "relative-step", "exact", "sizes", "page-size", "host-nodes", "memmap"):
            policy |= draw(st.sampled_from([{}, {}, {}, {"cells": [0]}]))
        found.append(policy)
    return found


# --- problems ----------------------------------------------------------------------------------


@st.composite
def _objectives(draw: Draw) -> list[Any]:
    """None (the default ones), or any of them in any order."""
    kinds = draw(st.just([]) | st.lists(st.sampled_from(OBJECTIVES), min_size=1, unique=True))
    if draw(st.booleans()):
        return list(kinds)
    finest = {"kind": "finest-step", "down_to": draw(st.sampled_from(["default", 2 * BLOCK]))}
    return [finest if kind == "finest-step" else kind for kind in kinds]


@st.composite
def small_problems(
    draw: Draw,
    *,
    most_guests: int = 2,
    most_policies: int = 3,
    hosted: bool | None = None,
    large_pages: bool | None = None,
) -> Problem:
    """Problems that the oracle answers in about a second, feasible or not.

    With ``large_pages`` totals come in whole GiB, the guest's memory block is 512 MiB (finer DIMMs
    would be too many to try), and the host has 1 GiB pages besides; with ``hosted`` false there is
    no host. ``None`` draws both kinds.
    """
    large = draw(st.integers(0, 4)) == 0 if large_pages is None else large_pages
    unit = GiB if large else BLOCK
    host = None
    if hosted or (hosted is None and draw(st.integers(0, 9)) > 0):
        host = draw(_host_document((2 * MiB, GiB) if large else (2 * MiB,), 3))
        for node in host["nodes"] if large else ():
            _scale_node(node, unit // BLOCK)
    count = draw(st.integers(1, most_guests))
    limits = (3, 6) if count == 1 and not large else (2, 4)
    names = ["one", "two", "three", "four"][:count]
    guests = [draw(_small_guest_document(name, unit, *limits)) for name in names]
    wishes = draw(_policy_documents(guests, host, unit, most_policies))
    if large:
        wishes = [w for w in wishes if w["kind"] != "guest-block"]
        wishes.append({"kind": "guest-block", "size": 512 * MiB})
    if host is not None:
        _require_backing(draw, guests, host, {wish["kind"] for wish in wishes})
    objectives = draw(_objectives())
    if any(isinstance(guest["maximum"], dict) for guest in guests):
        # Otherwise any objective may be bought with any excess, and the search has no end.
        rest = [o for o in objectives or OBJECTIVES if o != "lowest-maxmem"]
        objectives = ["lowest-maxmem", *rest]
    document = {
        "host": host,
        "guests": guests,
        "policies": wishes,
        "objectives": objectives,
        "libvirt": draw(st.sampled_from(["9.0", "10.0"])),
    }
    return Problem.model_validate(document)


def _scale_node(node: Document, factor: int) -> None:
    """Make a node as much larger as the guests are; pools of 1 GiB pages are large already."""
    node["free"] *= factor
    for pool in node["pools"]:
        if pool["page_size"] < GiB:
            pool["total"] *= factor
            pool["free"] *= factor
    node["memory"] = node["free"] + sum(p["total"] * p["page_size"] for p in node["pools"])


def _require_backing(draw: Draw, guests: list[Document], host: Document, kinds: set[str]) -> None:
    """Let some cells say their page size and host node, where no policy says it too."""
    ids = [node["id"] for node in host["nodes"]]
    for guest in guests:
        if "host-nodes" not in kinds and draw(st.integers(0, 4)) == 0:
            guest["host_nodes"] = draw(st.lists(st.sampled_from(ids), min_size=1, unique=True))
        for cell in guest["cells"]:
            if "page-size" not in kinds and draw(st.integers(0, 4)) == 0:
                cell["page_size"] = draw(st.sampled_from([4 * KiB, 2 * MiB]))
            if "host-nodes" not in kinds and draw(st.integers(0, 5)) == 0:
                cell["host_nodes"] = [draw(st.sampled_from(ids))]


@st.composite
def problems(
    draw: Draw, *, page_sizes: Sequence[int] = (4 * KiB, 2 * MiB), largest: int = 16 * GiB
) -> Problem:
    """One plausible new guest (q35 or pc, one to four cells, one of ``page_sizes``) on a host with
    node 0 alone, large enough for all of it. ``largest`` bounds the guest's maximum (bytes)."""
    count = draw(st.integers(1, 4))
    per_cell = largest // count // BLOCK
    boot = draw(st.integers(2, max(2, per_cell // 4))) * BLOCK
    target = boot + draw(st.integers(0, max(0, per_cell // 4))) * BLOCK
    maximum = target + draw(st.integers(0, max(0, (per_cell * BLOCK - target) // BLOCK))) * BLOCK
    cells: list[Document] = [{"cpus": [i]} for i in range(count)]
    guest: Document = {
        "name": "guest",
        "machine": draw(st.sampled_from(["q35", "pc"])),
        "cells": cells,
        "target": target * count,
        "maximum": maximum * count,
    }
    form = draw(st.sampled_from(["cells", "total", "free"]))
    page = draw(st.sampled_from(page_sizes))
    for cell in cells:
        cell["page_size"] = page
        if form == "cells":
            cell["memory"] = boot
    if form == "total":
        guest["boot"] = boot * count
    pools = [
        {"page_size": p, "total": 2 * largest // p, "free": 2 * largest // p}
        for p in page_sizes
        if p > 4 * KiB
    ]
    memory = 2 * largest * (len(pools) + 1)
    node = {"id": 0, "memory": memory, "free": 2 * largest, "pools": pools}
    return Problem.model_validate(
        {
            "host": {"nodes": [node]},
            "guests": [guest],
            "policies": draw(_plausible(maximum * count)),
        }
    )


@st.composite
def _plausible(draw: Draw, maximum: int) -> list[Document]:
    """Policies that a person would ask for, few of which contradict each other."""
    step = st.sampled_from([BLOCK, 2 * BLOCK, 512 * MiB, GiB])
    choices: list[st.SearchStrategy[Document]] = [
        step.map(lambda s: {"kind": "step", "size": max(s, maximum // 64 // BLOCK * BLOCK)}),
        st.sampled_from(["1/8", "1/4", "1/2"]).map(lambda r: {"kind": "relative-step", "ratio": r}),
        st.just({"kind": "exact", "size": BLOCK}),
        st.just({"kind": "sizes", "powers_of_two": True}),
        st.just({"kind": "balance"}),
        st.just({"kind": "reserve", "until": "maximum"}),
        st.just({"kind": "slots", "at_most": 128}),
        st.just({"kind": "host-nodes", "nodes": [0]}),
    ]
    chosen = draw(st.lists(st.sampled_from(range(len(choices))), max_size=2, unique=True))
    wishes = [draw(choices[i]) for i in chosen]
    return [wish for wish in wishes if wish["kind"] in policies()]

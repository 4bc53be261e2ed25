"""Problems for real programs, and what these should say of the plans.

The problems are those of a person with a host of one node, which is all that the machines have on
which the tests run. Guests are drawn in three scales, because QEMU and Linux treat them apart: some
GiB, boot memory around 64 GiB (where a Linux guest's memory blocks grow), and TiB (where phys-bits
and AMD's hole near 1 TiB matter).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import assume, note
from hypothesis import strategies as st

from slotsolver import InputError, Plan
from slotsolver.export.layout import Layout
from slotsolver.plan import PlannedDimm, PlannedGuest
from slotsolver.problem import Problem
from slotsolver.size import GiB, KiB, MiB, TiB
from slotsolver.solver import solve
from tests.real.conftest import POOLS
from tests.strategies import OBJECTIVES, problems

Draw = Callable[[st.SearchStrategy[Any]], Any]
Document = dict[str, Any]

MACHINES = (
    *("q35", "pc", "pc-q35-7.2", "pc-q35-7.0", "pc-q35-6.2", "pc-q35-4.0.1", "pc-q35-2.4"),
    *("pc-i440fx-7.1", "pc-i440fx-5.1", "pc-i440fx-2.12", "pc-i440fx-2.3", "pc-i440fx-2.1"),
)
"""The aliases and versions on either side of what changed: AMD's hole came with 7.1, ``mem=`` went
with 5.1, the window counts against phys-bits from 2.5 on, slots have slack from 2.2 on."""

PAGES = (4 * KiB, 2 * MiB, GiB)
VENDORS = {"intel": "GenuineIntel", "amd": "AuthenticAMD"}
"""CPUID vendors by ``cpu_vendor``."""

SECONDS = 2.0
"""Time for one plan. What is good, but not proven to be the best, must be taken as well."""


# --- problems ----------------------------------------------------------------------------------


def any_problems() -> st.SearchStrategy[Problem]:
    """Guests of every scale, machine type and page size, and those of tests/strategies.py."""
    plain = problems(page_sizes=PAGES, largest=64 * GiB)
    return st.one_of(*(_problems(scale) for scale in _SCALES), plain)


@st.composite
def _problems(draw: Draw, scale: Callable[..., st.SearchStrategy[Document]]) -> Problem:
    guest = draw(scale())
    host = {
        "nodes": [
            {
                "id": 0,
                "memory": 192 * TiB,
                "free": 64 * TiB,
                "pools": [
                    {"page_size": page, "total": 64 * TiB // page, "free": 64 * TiB // page}
                    for page in PAGES[1:]
                ],
            }
        ]
    }
    # Otherwise any objective may be bought with any excess of a maximum that is only bounded.
    first = ["lowest-maxmem"] if isinstance(guest["maximum"], dict) else []
    kinds = draw(st.just([]) | st.lists(st.sampled_from(OBJECTIVES), min_size=1, unique=True))
    rest = [kind for kind in kinds or OBJECTIVES if kind not in first]
    return Problem.model_validate(
        {
            "host": host,
            "guests": [guest],
            "policies": draw(_policies(guest)),
            "objectives": [*first, *rest] if first or kinds else [],
        }
    )


@st.composite
def _guest(
    draw: Draw, unit: int, boot: tuple[int, int], growth: tuple[int, int], bits: Sequence[int]
) -> Document:
    """A guest of one to four cells; boot memory and growth are in units, of the whole guest."""
    count = draw(st.integers(1, 4))
    at_boot = max(count, draw(st.integers(*boot)))
    now = at_boot + draw(st.integers(0, growth[1] // 2))
    most = max(now, at_boot + draw(st.integers(*growth)))
    odd = draw(st.sampled_from([0, 0, 0, MiB, 77 * MiB]))
    cells: list[Document] = [{"cpus": [2 * i, 2 * i + 1]} for i in range(count)]
    guest: Document = {
        "name": "guest",
        "machine": draw(st.sampled_from(MACHINES)),
        "phys_bits": draw(st.sampled_from(bits)) or None,
        "cpu_vendor": draw(st.sampled_from([None, *VENDORS])),
        "cells": cells,
        "target": now * unit + odd,
        "maximum": most * unit + odd,
    }
    form = draw(st.sampled_from(["cells", "total", "free"]))
    if form == "cells":
        for i, cell in enumerate(cells):
            cell["memory"] = (at_boot // count + (i < at_boot % count)) * unit
        cells[0]["memory"] += odd
    elif form == "total":
        guest["boot"] = at_boot * unit + odd
    if draw(st.integers(0, 5)) == 0:
        guest["maximum"] = {"at_least": guest["maximum"]}
    elif most > now and draw(st.booleans()):
        guest["waypoints"] = [draw(st.integers(now, most)) * unit + odd]
    page = draw(st.sampled_from([None, *PAGES]))
    for cell in cells:
        cell["page_size"] = page if draw(st.integers(0, 4)) else draw(st.sampled_from(PAGES))
    if count > 1 and draw(st.booleans()):
        cells[0]["distances"] = {1: draw(st.sampled_from([15, 30]))}
    if draw(st.integers(0, 4)) == 0:
        guest["host_nodes"] = [0]
    return guest


def _some_gib() -> st.SearchStrategy[Document]:
    block = _guest(128 * MiB, (1, 32), (0, 64), (0, 40))
    return block | _guest(GiB, (1, 16), (0, 32), (0, 48))


def _around_64_gib() -> st.SearchStrategy[Document]:
    """Boot memory ends at 64 GiB with 62 GiB of it on q35 and 63 GiB on pc."""
    coarse = _guest(GiB, (60, 67), (0, 64), (0, 46))
    return coarse | _guest(128 * MiB, (61 * 8, 66 * 8), (0, 64), (0, 46))


def _some_tib() -> st.SearchStrategy[Document]:
    """The 40 bits that are the default do for less than 1 TiB, a process's 47 bits for much."""
    coarse = _guest(256 * GiB, (1, 12), (0, 24), (46, 48))
    return coarse | _guest(32 * GiB, (1, 24), (0, 32), (0, 42, 48))


_SCALES = (_some_gib, _around_64_gib, _some_tib)


@st.composite
def small_problems(draw: Draw, pages: Sequence[Sequence[int | None]], blocks: int) -> Problem:
    """Guests for libvirt, which reserves and preallocates what it backs with huge pages.

    ``pages`` are choices for the page sizes of the cells, in their order; ``blocks`` (128 MiB each,
    or one page where that is more) bounds the maximum. The host has the pools of
    :data:`tests.real.conftest.POOLS`, free for all of the growth.
    """
    sizes = draw(st.sampled_from(pages))
    unit = max(128 * MiB, *(size or 0 for size in sizes))
    most = max(len(sizes), blocks * 128 * MiB // unit)
    at_boot = draw(st.integers(len(sizes), max(len(sizes), most * 2 // 3)))
    now = draw(st.integers(at_boot, most))
    guest: Document = {
        "name": "guest",
        "machine": draw(st.sampled_from([m for m in MACHINES if m != "pc-i440fx-2.1"])),
        "cells": [{"cpus": [i], "page_size": size} for i, size in enumerate(sizes)],
        "target": now * unit,
        "maximum": draw(st.integers(now, most)) * unit,
    }
    form = draw(st.sampled_from(["cells", "total", "free"]))
    if form == "cells":
        for i, cell in enumerate(guest["cells"]):
            cell["memory"] = (at_boot // len(sizes) + (i < at_boot % len(sizes))) * unit
    elif form == "total":
        guest["boot"] = at_boot * unit
    if draw(st.booleans()):
        guest["host_nodes"] = [0]
    pools = [{"page_size": size, "total": n, "free": n} for size, n in POOLS.items()]
    node = {"id": 0, "memory": 66 * GiB, "free": 60 * GiB, "pools": pools}
    return Problem.model_validate(
        {
            "host": {"nodes": [node], "default_hugepage": 2 * MiB},
            "guests": [guest],
            "policies": [{"kind": "reserve", "until": "maximum"}, *draw(_policies(guest))],
        }
    )


@st.composite
def _policies(draw: Draw, guest: Document) -> list[Document]:
    """At most two policies that a person would ask for."""
    maximum = guest["maximum"]
    growth = maximum["at_least"] if isinstance(maximum, dict) else maximum
    step = st.sampled_from([growth // 8, growth // 32, growth // 100]).map(
        lambda size: {"kind": "step", "size": max(size // (128 * MiB), 8) * 128 * MiB}
    )
    choices: list[st.SearchStrategy[Document]] = [
        step,
        st.sampled_from(["1/8", "1/4", "1/2"]).map(lambda r: {"kind": "relative-step", "ratio": r}),
        st.sampled_from([128 * MiB, GiB]).map(lambda s: {"kind": "exact", "size": s}),
        st.just({"kind": "sizes", "powers_of_two": True}),
        st.just({"kind": "sizes", "uniform": True}),
        st.just({"kind": "sizes", "minimum": GiB}),
        st.just({"kind": "balance", "tolerance": GiB}),
        st.just({"kind": "balance", "by": "cpus"}),
        st.just({"kind": "reserve", "until": "maximum"}),
        st.sampled_from([4, 32, 256]).map(lambda n: {"kind": "slots", "at_most": n}),
        st.just({"kind": "host-nodes", "nodes": [0]}),
        st.just({"kind": "memslots", "limit": 64}),
        st.just({"kind": "page-size", "size": GiB, "preferred": True}),
        st.sampled_from([512 * MiB, 2 * GiB]).map(lambda s: {"kind": "guest-block", "size": s}),
        st.just({"kind": "shrinkable-to", "size": guest["target"] // 2 // MiB * MiB or MiB}),
    ]
    picked = draw(st.lists(st.sampled_from(range(len(choices))), max_size=2, unique=True))
    return [draw(choices[i]) for i in picked]


def planned(problem: Problem) -> Plan:
    """The problem's plan, proven or not; another problem is drawn where there is none."""
    note(problem.model_dump_json(exclude_unset=True))
    try:
        answer = solve(problem, time_limit=SECONDS)
    except InputError:
        assume(False)
    if not isinstance(answer, Plan):
        assume(False)
    assert isinstance(answer, Plan)
    return answer


# --- what QEMU should say ----------------------------------------------------------------------


def in_qemu(dimm: PlannedDimm) -> Document:
    """What ``query-memory-devices`` says of a DIMM."""
    return {
        "slot": dimm.slot,
        "node": dimm.cell,
        "addr": dimm.address,
        "size": dimm.size,
        "id": f"dimm{dimm.slot}",
    }


def plugged_devices(guest: PlannedGuest, *, until: int | None = None) -> list[Document]:
    """What QEMU should say of the DIMMs that are there, by address: those plugged at boot, and the
    reserved ones up to slot ``until``."""
    return [
        in_qemu(dimm)
        for dimm in sorted(guest.dimms, key=lambda d: d.address)
        if dimm.state != "reserved" or (until is not None and dimm.slot <= until)
    ]


def devices_of_qemu(running: Any) -> list[Document]:
    """What QEMU says of them."""
    keys = ("slot", "node", "addr", "size", "id")
    return [{key: device[key] for key in keys} for device in running.memory_devices()]


def backend(layout: Layout, dimm: PlannedDimm, name: str) -> Document:
    """``object-add``'s arguments for a DIMM's memory, neither reserved nor preallocated."""
    properties: Document = {"id": name, "size": dimm.size, "reserve": False}
    if dimm.page_size == layout.base_page:
        return {"qom_type": "memory-backend-ram", **properties}
    hugetlb = {"hugetlb": True, "hugetlbsize": dimm.page_size}
    return {"qom_type": "memory-backend-memfd", **properties, **hugetlb}


def hot_plug(running: Any, layout: Layout, dimm: PlannedDimm) -> None:
    """Plug a DIMM into a running QEMU, at its slot and address."""
    name = f"dimm{dimm.slot}"
    running.execute("object-add", **backend(layout, dimm, f"mem{name}"))
    device = {"node": dimm.cell, "memdev": f"mem{name}", "slot": dimm.slot, "addr": dimm.address}
    running.execute("device_add", driver="pc-dimm", id=name, **device)

"""Pages that just suffice, and one page less: rows that ease proofs must not refuse the former.

Totals of the cells are open in each, so that what a cell takes is no number but a variable.
"""

from __future__ import annotations

from typing import Any

import pytest

from slotsolver.clock import Clock
from slotsolver.problem import Problem
from slotsolver.size import GiB, MiB
from slotsolver.solver import feasible, solve

Document = dict[str, Any]
SMALL, LARGE = "2 MiB", "1 GiB"


def host(free: list[int], pages: list[Document]) -> Document:
    """Nodes with so much ordinary memory free (MiB), and so many pages of each size."""
    nodes = []
    for node, (memory, pools) in enumerate(zip(free, pages, strict=True)):
        sizes = {SMALL: 2 * MiB, LARGE: GiB}
        held = [{"page_size": sizes[s], "total": n, "free": n} for s, n in pools.items()]
        huge = sum(p["page_size"] * p["total"] for p in held)
        known = {"id": node, "free": memory * MiB, "memory": memory * MiB + huge, "pools": held}
        nodes.append(known)
    return {"nodes": nodes}


def guest(cells: int, target: str, **more: Any) -> Document:
    """A guest of cells with 1 GiB of boot memory each."""
    return {
        "name": "g",
        "phys_bits": 46,
        "cells": [{"cpus": str(cell), "memory": "1 GiB"} for cell in range(cells)],
        "target": target,
        "maximum": target,
        **more,
    }


def device(**more: Any) -> Document:
    """A DIMM of 1 GiB in the first cell that is there from the start."""
    return {"model": "dimm", "size": "1 GiB", "cell": 0, "slot": 0, **more}


def answer(nodes: Document, wanted: Document, *policies: Document) -> bool | None:
    """Whether there is a plan."""
    mapping = {"host": nodes, "guests": [wanted], "policies": list(policies)}
    return feasible(Problem.model_validate(mapping), Clock(None))


@pytest.mark.parametrize(("short", "fits"), [(0, True), (1, False)])
def test_ordinary_memory(short: int, fits: bool) -> None:
    """Two cells that grow to 6 GiB on nodes of 2 and 4 GiB."""
    nodes = host([2048 - short, 4096], [{}, {}])
    assert answer(nodes, guest(2, "6 GiB")) is fits


@pytest.mark.parametrize(("small", "free", "fits"), [(512, 3072, True), (511, 3072, False)])
def test_a_device_on_pages_of_its_own(small: int, free: int, fits: bool) -> None:
    """It takes none of its cell's pages, and these need not hold it."""
    nodes = host([free], [{SMALL: small}])
    base = {"kind": "page-size", "size": "4 KiB"}
    wanted = guest(2, "4 GiB", devices=[device(page_size=SMALL)])
    assert answer(nodes, wanted, base) is fits
    assert answer(host([free - 1], [{SMALL: small}]), wanted, base) is False


@pytest.mark.parametrize(("large", "fits"), [(2, True), (1, False)])
def test_cells_choose_their_pages(large: int, fits: bool) -> None:
    """A cell on 1 GiB pages takes whole ones, and the other one what is left of small ones."""
    nodes = host([0], [{SMALL: 1536, LARGE: large}])
    assert answer(nodes, guest(2, "5 GiB")) is fits


@pytest.mark.parametrize(("small", "fits"), [(1536, True), (1535, False)])
def test_dimms_on_other_pages(small: int, fits: bool) -> None:
    """Boot memory and DIMMs are paid by pools of different pages."""
    nodes = host([2048], [{SMALL: small}])
    dimms = {"kind": "page-size", "size": SMALL, "of": "dimms"}
    boot = {"kind": "page-size", "size": "4 KiB"}
    assert answer(nodes, guest(2, "5 GiB"), dimms) is fits
    assert answer(host([2047], [{SMALL: small}]), guest(2, "5 GiB"), dimms, boot) is False


@pytest.mark.parametrize(("short", "fits"), [(0, True), (128, False)])
def test_cells_over_several_nodes(short: int, fits: bool) -> None:
    """A cell that the kernel may back from either node takes the sum of both."""
    nodes = host([2048, 3072 - short], [{}, {}])
    wanted = guest(1, "5 GiB")
    wanted["cells"][0]["host_nodes"] = [0, 1]
    assert answer(nodes, wanted) is fits


@pytest.mark.parametrize(("short", "fits"), [(0, True), (128, False)])
def test_a_spread_cell(short: int, fits: bool) -> None:
    """Its DIMMs lie on any node; only its boot memory is bound to lie on one."""
    nodes = host([2048, 2048, 1024 - short], [{}, {}, {}])
    spread = {"kind": "host-nodes", "spread": True}
    assert answer(nodes, guest(1, "5 GiB"), spread) is fits


@pytest.mark.parametrize(("short", "fits"), [(0, True), (1, False)])
def test_as_many_large_pools_as_cells(short: int, fits: bool) -> None:
    """Four small pools beside are of no use to two cells."""
    nodes = host([4096, 4096 - short] + [2048] * 4, [{}] * 6)
    assert answer(nodes, guest(2, "8 GiB")) is fits


def running(name: str, target: str) -> Document:
    """A running guest of one cell with a DIMM that may go."""
    devices = [device(address=8 * GiB)]
    more = {"name": name, "maximum": "8 GiB", "running": True, "slots": 8, "devices": devices}
    return guest(1, target, **more)


def bound(wanted: Document) -> Document:
    """Its cell lies on node 0, on 2 MiB pages."""
    wanted["cells"][0].update(host_nodes=[0], page_size=SMALL)
    return wanted


def used_host(free: int, nodes: int = 1) -> Document:
    """Node 0 has so many of its 2 MiB pages free; others have none at all."""
    found = host([0] * nodes, [{SMALL: 8192}, *[{SMALL: 0}] * (nodes - 1)])
    found["nodes"][0]["pools"][0]["free"] = free
    return found


@pytest.mark.parametrize(("free", "fits"), [(512, True), (511, False)])
def test_what_one_running_guest_unplugs_another_gains(free: int, fits: bool) -> None:
    """One gives 1 GiB back on the node where the other one gains 2 GiB."""
    guests = [bound(running("gives", "1 GiB")), bound(running("takes", "4 GiB"))]
    mapping = {"host": used_host(free), "guests": guests}
    assert feasible(Problem.model_validate(mapping), Clock(None)) is fits


@pytest.mark.parametrize(("free", "fits"), [(1536, True), (1535, False)])
def test_what_a_running_guest_unplugs_holds_a_new_one(free: int, fits: bool) -> None:
    """The new guest needs 4 GiB on some node, and no node has that before the other one shrinks."""
    guests = [bound(running("gives", "1 GiB")), guest(1, "4 GiB", name="new")]
    pages = {"kind": "page-size", "size": SMALL, "guests": ["new"]}
    mapping = {"host": used_host(free, 2), "guests": guests, "policies": [pages]}
    assert feasible(Problem.model_validate(mapping), Clock(None)) is fits


def test_a_maximum_that_no_pool_holds_is_no_obstacle() -> None:
    """Pages for what a running guest may gain some day need not be free, wherever it lies."""
    wanted = running("grows", "4 GiB")
    wanted["cells"][0]["page_size"] = SMALL
    nodes = host([0, 0], [{SMALL: 1024}, {SMALL: 1024}])
    plan = solve(Problem.model_validate({"host": nodes, "guests": [wanted]}))
    assert plan.status == "optimal"

"""Problems that closed forms may answer, drawn from a seed: usual ones, tight ones, odd ones."""

from __future__ import annotations

import random
from typing import Any

from slotsolver.problem import Problem
from slotsolver.size import GiB, MiB

Document = dict[str, Any]

POLICIES: tuple[Document, ...] = (
    {"kind": "balance"},
    {"kind": "reserve", "until": "maximum"},
    {"kind": "host-nodes", "distinct": True},
    {"kind": "step", "size": "1 GiB"},
    {"kind": "step", "size": "384 MiB"},
    {"kind": "relative-step", "ratio": "1/4"},
    {"kind": "relative-step", "ratio": "1/2", "at_least": "512 MiB"},
    {"kind": "exact", "size": "256 MiB"},
    {"kind": "exact", "size": "1 GiB"},
    {"kind": "balance", "by": "cpus"},
    {"kind": "memmap", "free": "16 MiB"},
    {"kind": "balance", "tolerance": "256 MiB"},
    {"kind": "balance", "tolerance": "1 GiB"},
    {"kind": "memslots", "limit": 8},
    {"kind": "memslots", "limit": 5},
    {"kind": "shrinkable-to", "size": "4 GiB"},
    {"kind": "sizes", "powers_of_two": True},
    {"kind": "sizes", "minimum": "512 MiB"},
    {"kind": "sizes", "allowed": ["256 MiB", "1 GiB", "3 GiB"]},
    {"kind": "page-size", "size": "2 MiB"},
    {"kind": "headroom", "fraction": "1/10"},
    {"kind": "headroom", "pages": 1, "page_size": "1 GiB"},
    {"kind": "guest-block", "size": "512 MiB"},
)


def problem(
    seed: int, *, most_cells: int = 4, most_nodes: int = 4, most_guests: int = 3
) -> Problem:
    """A problem; the same for the same seed."""
    drawn = random.Random(seed)  # noqa: S311 - a problem to be solved, no secret
    grain = drawn.choice((128 * MiB, 128 * MiB, 512 * MiB, GiB, 13 * GiB // 2))
    count = drawn.choice((1, 1, 1, *range(2, most_guests + 1)))
    guests = [_guest(drawn, n, grain, most_cells) for n in range(count)]
    document: Document = {"guests": guests, "policies": _policies(drawn, guests)}
    if drawn.random() < 0.9:
        document["host"] = _host(drawn, guests, most_nodes)
    else:
        document["policies"] = [p for p in document["policies"] if p["kind"] != "page-size"]
    return Problem.model_validate(document)


def _guest(drawn: random.Random, number: int, grain: int, most_cells: int) -> Document:
    cells = drawn.randint(1, most_cells)
    target = (
        cells * drawn.randint(1, 12) * grain + drawn.choice((0, 0, drawn.randint(0, 8))) * grain
    )
    maximum = target + drawn.choice((0, cells, 1, drawn.randint(0, 40))) * grain
    guest: Document = {
        "name": f"g{number}",
        "phys_bits": drawn.choice((40, 48)),
        "cells": [{} for _ in range(cells)],
        "target": f"{target} B",
        "maximum": f"{maximum} B",
    }
    way = drawn.random()
    if way < 0.4:
        _boot_of_cells(drawn, guest, target, grain)
    elif way < 0.55:
        guest["boot"] = f"{drawn.randint(1, target // grain) * grain} B"
    if drawn.random() < 0.2:
        guest["slots"] = drawn.randint(1, 12)
    if drawn.random() < 0.2 and maximum > target:
        guest["waypoints"] = [f"{drawn.randint(target // grain, maximum // grain) * grain} B"]
    if drawn.random() < 0.1:
        _distances(drawn, guest["cells"])
    return guest


def _boot_of_cells(drawn: random.Random, guest: Document, target: int, grain: int) -> None:
    """Boot memory of each cell: equal, or not, or of the whole target; some targets per cell."""
    cells = guest["cells"]
    share = target // grain // len(cells)
    alike = drawn.random() < 0.5
    first = drawn.randint(1, share)
    sizes = [first if alike else drawn.randint(1, share) for _ in cells]
    for cell, size in zip(cells, sizes, strict=True):
        cell["memory"] = f"{size * grain} B"
    if drawn.random() < 0.3:
        guest["target"] = f"{sum(sizes) * grain} B"
    elif drawn.random() < 0.2:
        guest["target"] = {n: f"{s * grain} B" for n, s in enumerate(sizes)}


def _distances(drawn: random.Random, cells: list[Document]) -> None:
    far = {(a, b): drawn.choice((11, 20, 30)) for b in range(len(cells)) for a in range(b)}
    for one, cell in enumerate(cells):
        others = (other for other in range(len(cells)) if other != one)
        cell["distances"] = {other: far[min(one, other), max(one, other)] for other in others}


def _host(drawn: random.Random, guests: list[Document], most_nodes: int) -> Document:
    nodes = drawn.randint(1, most_nodes)
    wanted = sum(_bytes(guest) for guest in guests)
    each = max(GiB, int(wanted * drawn.choice((0.6, 1.1, 1.5, 2.5, 4)) / nodes / MiB) * MiB)
    shape = drawn.choice(("none", "equal", "sockets", "random"))
    pages = drawn.choice(((), ("2 MiB",), ("1 GiB",), ("2 MiB", "1 GiB")))
    found = []
    for here in range(nodes):
        memory = int(each * drawn.choice((1, 1, 1, 0.5, 1.5)) / MiB) * MiB
        node: Document = {"id": here, "memory": f"{memory + GiB} B", "pages": {}}
        for size in pages:
            page = 2 * MiB if size == "2 MiB" else GiB
            part = drawn.choice((0.3, 0.5, 1)) / len(pages)
            total = int(memory * part) // page
            node["pages"][size] = {"total": total, "free": drawn.choice((total, total // 2))}
        found.append(node)
    _node_distances(drawn, found, shape)
    return {"nodes": found}


def _bytes(guest: Document) -> int:
    target = guest["target"]
    sizes = target.values() if isinstance(target, dict) else [target]
    return sum(int(size.split()[0]) for size in sizes)


def _node_distances(drawn: random.Random, nodes: list[Document], shape: str) -> None:
    far = {(a, b): drawn.choice((12, 15, 21)) for b in range(len(nodes)) for a in range(b)}
    for here, node in enumerate(nodes):
        if shape == "equal":
            node["distances"] = [10 if here == n else 21 for n in range(len(nodes))]
        elif shape == "sockets":
            near = [12 if here // 2 == n // 2 else 21 for n in range(len(nodes))]
            node["distances"] = [10 if here == n else d for n, d in enumerate(near)]
        elif shape == "random":
            node["distances"] = [
                10 if here == n else far[min(here, n), max(here, n)] for n in range(len(nodes))
            ]


def _policies(drawn: random.Random, guests: list[Document]) -> list[Document]:
    some = drawn.sample(POLICIES, drawn.choice((0, 0, 1, 1, 2, 3)))
    if drawn.random() < 0.4:
        some.append({"kind": "slots", "at_most": drawn.choice((2, 4, 8, 16, 32))})
    if drawn.random() < 0.1:
        some.append({"kind": "host-nodes", "nodes": [0]})
    if drawn.random() < 0.1:
        name = drawn.choice(guests)["name"]
        some.append({"kind": "page-size", "size": "2 MiB", "guests": [name]})
    return some

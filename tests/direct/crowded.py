"""Guests for which a host has room, but often not where their cells are even; drawn from a seed."""

from __future__ import annotations

import random
from typing import Any

from slotsolver.problem import Problem
from slotsolver.size import GiB, MiB

Document = dict[str, Any]

RULES: tuple[Document, ...] = (
    {"kind": "reserve", "until": "maximum"},
    {"kind": "host-nodes", "distinct": True},
    {"kind": "host-nodes", "distinct": True},
    {"kind": "step", "size": "512 MiB"},
    {"kind": "step", "size": "2 GiB"},
    {"kind": "page-size", "size": "2 MiB"},
    {"kind": "page-size", "size": "1 GiB"},
    {"kind": "headroom", "fraction": "1/10"},
    {"kind": "sizes", "powers_of_two": True},
)


def problem(
    seed: int, *, counts: tuple[int, ...] = (1, 2, 2, 3, 3, 4), most_nodes: int = 4
) -> Problem:
    """A problem of one guest with equal cells; the same for the same seed."""
    drawn = random.Random(seed)  # noqa: S311 - a problem to be solved, no secret
    cells = drawn.choice(counts)
    grain = drawn.choice((128 * MiB, 512 * MiB, GiB))
    large = drawn.random() < 0.15  # boot memory from which Linux takes larger blocks
    share = drawn.randint(2, 12) * grain + (64 * GiB // cells if large else 0)
    target = cells * share + drawn.choice((0, 0, 1)) * grain
    maximum = target + drawn.choice((0, cells, drawn.randint(0, 24))) * grain
    guest: Document = {
        "name": "a",
        "phys_bits": 48,
        "cells": [{} for _ in range(cells)],
        "target": f"{target} B",
        "maximum": f"{maximum} B",
    }
    if drawn.random() < 0.5:
        boot = drawn.choice((grain, share // grain // 2 * grain or grain, share))
        guest["cells"] = [{"memory": f"{boot} B"} for _ in range(cells)]
    if drawn.random() < 0.3:
        guest["slots"] = drawn.randint(cells, 16)
    if drawn.random() < 0.15 and maximum > target:
        way = drawn.randint(target // grain, maximum // grain)
        guest["waypoints"] = [f"{way * grain} B"]
    rules = drawn.sample(RULES, drawn.choice((0, 1, 1, 2, 3)))
    host = {"nodes": _nodes(drawn, cells, maximum // cells, most_nodes)}
    return Problem.model_validate({"guests": [guest], "host": host, "policies": rules})


def _nodes(drawn: random.Random, cells: int, share: int, most: int) -> list[Document]:
    """Nodes of which some hold about a cell, some about two, and some hardly any."""
    nodes = []
    for here in range(drawn.randint(max(1, min(cells - 1, most)), most)):
        parts = [int(share * drawn.uniform(0, drawn.choice((0.4, 1.1, 2.2)))) for _ in range(3)]
        pages: Document = {}
        if drawn.random() < 0.7:
            pages["2 MiB"] = {"total": parts[1] // (2 * MiB)}
        if drawn.random() < 0.6:
            pages["1 GiB"] = {"total": -(-parts[2] // GiB)}
        free = parts[0] // MiB * MiB
        huge = sum(parts[1:]) + 2 * GiB
        nodes.append(
            {"id": here, "memory": f"{free + huge} B", "free": f"{free} B", "pages": pages}
        )
    if drawn.random() < 0.5:
        for here, node in enumerate(nodes):
            near = [12 if here // 2 == other // 2 else 21 for other in range(len(nodes))]
            node["distances"] = [10 if other == here else far for other, far in enumerate(near)]
    return nodes

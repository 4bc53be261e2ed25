"""Problems that users would have, drawn with a seed.

Sizes of guests are those that clouds sell (the last lines of each table are the odd ones, which few
block sizes divide), nodes of hosts those of real servers:

* guests: Nova's default flavors; AWS m5, r4, r5, x1, x2idn and High Memory; Azure Esv5, Mdsv4;
* hosts: topologies in the tests of hwloc 2.9 (46, 126 and 128 GiB a node), AWS metal instances and
  SAP servers (384 GiB to 3 TiB a socket), halves and quarters of them for SNC and NPS;
* cells: one to 64 GiB, two to 512 GiB, four to 2 TiB, eight and more above, as such servers have
  sockets. No public trace says how many NUMA nodes guests have, or how much is in hugepages.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from slotsolver import Problem

EVEN: tuple[float, ...] = (
    0.5,
    1,
    2,
    4,
    8,
    16,
    32,
    64,
    128,
    192,
    256,
    384,
    512,
    768,
    1024,
    1536,
    2048,
    3072,
    4096,
)
EVEN += (6144, 9216, 12288, 18432, 24576)
ODD = (30.5, 61, 122, 160, 244, 488, 672, 976, 1952, 3892)
BANDS = {1: (0.5, 64), 2: (4, 512), 4: (32, 2048), 8: (256, 8192), 16: (512, 24576)}
"""The least and the largest guest (GiB) of so many cells."""
NODES = (46, 64, 96, 126, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048, 3072, 4096, 8192)
"""Memory of a host node (GiB)."""
UNIT = 0.125
"""The memory block of most guests (GiB)."""

Fields = dict[str, Any]


@dataclass(frozen=True)
class Size:
    """How large a problem is."""

    cells: int
    slots: int
    nodes: int
    pages: int
    guests: int = 1
    different_cells: bool = False
    different_guests: bool = False


def gib(size: float) -> str:
    """A size of so many GiB, as a problem file has it."""
    return f"{round(size * 1024)} MiB"


def problems(size: Size, count: int, seed: str = "") -> list[Problem]:
    """So many different problems of this size; the same ones for the same seed."""
    random = Random(f"{size} {seed}")  # noqa: S311 - problems to be timed, no secret
    found: dict[str, Problem] = {}
    while len(found) < count:
        problem = Problem.model_validate(fields(size, random))
        found.setdefault(problem.model_dump_json(), problem)
    return list(found.values())


def fields(size: Size, random: Random) -> Fields:
    """One problem of this size, as a file would give it."""
    first = guest(size, random)
    if size.different_guests:
        guests = [first, *(guest(size, random) for _ in range(size.guests - 1))]
    else:
        guests = [first] * size.guests
    guests = [{**each, "name": f"g{place}"} for place, each in enumerate(guests)]
    wishes = policies(size, guests, random)
    return {"host": host(size, guests, random), "guests": guests, "policies": wishes}


def guest(size: Size, random: Random) -> Fields:
    """A guest of so many cells and slots: boot memory given or to be chosen, a target, a maximum
    twice to eight times the boot memory."""
    sizes = _sizes(size.cells, random)
    target = random.choice(sizes)
    maximum = random.choice([s for s in (*EVEN, *ODD) if target <= s <= 4 * target])
    cells: list[Fields] = [{"cpus": f"{2 * c}-{2 * c + 1}"} for c in range(size.cells)]
    found = {"phys_bits": 48, "cells": cells, "slots": size.slots}
    if size.different_cells:
        return {**found, **_different(size.cells, target, random)}
    boot = random.choice((None, None, target, target / 2, target / 4))
    if boot is not None:
        share = max(UNIT, boot / size.cells // UNIT * UNIT)
        for cell in cells:
            cell["memory"] = gib(share)
    return {**found, "target": gib(target), "maximum": gib(maximum)}


def _sizes(cells: int, random: Random) -> list[float]:
    """What a guest of so many cells may be; one in three times the odd sizes only."""
    least, most = BANDS[max(count for count in BANDS if count <= cells)]
    sizes = ODD if random.random() < 1 / 3 else EVEN
    return [s for s in sizes if least <= s <= most] or [s for s in EVEN if least <= s <= most]


def _different(cells: int, target: float, random: Random) -> Fields:
    """Cells that differ in boot memory and target, from once to twice an equal share."""
    share = target / cells
    boots = [_blocks(share * random.uniform(0.25, 0.5)) for _ in range(cells)]
    targets = [boot + _blocks(share * random.uniform(0.5, 1.5)) for boot in boots]
    return {
        "cells": [
            {"cpus": f"{2 * c}-{2 * c + 1}", "memory": gib(boot)} for c, boot in enumerate(boots)
        ],
        "target": {c: gib(each) for c, each in enumerate(targets)},
        "maximum": gib(2 * sum(targets)),
    }


def _blocks(size: float) -> float:
    """A size (GiB) in whole blocks of 128 MiB, of 2 GiB where it is large."""
    unit = 2 if size >= 16 else UNIT
    return max(unit, size // unit * unit)


def policies(size: Size, guests: Sequence[Fields], random: Random) -> list[Fields]:
    """Up to three of the usual policies."""
    usual: list[Fields] = [
        {"kind": "slots", "at_most": size.slots - random.choice((0, 0, size.slots // 4))},
        {"kind": "step", "size": gib(_step(guests, size.slots, random))},
        {"kind": "reserve", "until": "maximum"},
    ]
    if size.nodes >= size.cells:
        usual.append({"kind": "host-nodes", "distinct": True})
    if not size.different_cells:
        usual.append({"kind": "balance"})
    if size.pages > 1:
        usual.append({"kind": "page-size", "size": random.choice(("2 MiB", "1 GiB"))})
    return random.sample(usual, random.choice((0, 1, 1, 2, 2, 3)))


def _step(guests: Sequence[Fields], slots: int, random: Random) -> float:
    """A step (GiB) for which the slots are enough, one time in ten half of it."""
    growth = max(_number(each["maximum"]) * 3 / 4 for each in guests)
    step = UNIT
    while growth / step > slots:
        step *= 2
    return step / 2 if random.random() < 1 / 10 and step > UNIT else step


def _number(text: str) -> float:
    """GiB of what :func:`gib` wrote."""
    return int(text.removesuffix(" MiB")) / 1024


def host(size: Size, guests: Sequence[Fields], random: Random) -> Fields:
    """A host that usually holds the guests: its nodes are partly used, now and then one is
    smaller than the others."""
    most = max(_number(each["maximum"]) / size.cells for each in guests)
    share = sum(_number(each["maximum"]) for each in guests) / size.nodes
    wanted = max(most, share) * random.uniform(1.5, 4) * (1 if size.pages == 1 else 1.5)
    memory = next((m for m in NODES if m >= wanted), round(wanted))
    small = random.randrange(size.nodes) if random.random() < 1 / 4 else None
    nodes = []
    for place in range(size.nodes):
        has = memory * 3 // 4 if place == small else memory
        used = random.uniform(0, 0.6)
        node = {"id": place, "cpus": f"{8 * place}-{8 * place + 7}", "memory": f"{has} GiB"}
        node["distances"] = _distances(place, size.nodes)
        nodes.append({**node, **_pools(size.pages, has, used, random)})
    return {"nodes": nodes}


def _distances(here: int, nodes: int) -> list[int]:
    """Four nodes to a socket: 10 to itself, 12 within the socket, 21 beyond."""
    return [10 if here == n else 12 if here // 4 == n // 4 else 21 for n in range(nodes)]


def _pools(pages: int, memory: int, used: float, random: Random) -> Fields:
    """What is free of a node: ordinary memory only, or beside it most in 1 GiB or 2 MiB pages."""
    if pages == 1:
        return {"free": gib(memory * (1 - used))}
    huge = random.choice(((0.85, 0.05), (0.5, 0.4), (0.05, 0.85)))
    large, small = int(memory * huge[0]), int(memory * huge[1] * 512)
    found: Mapping[str, object] = {
        "1 GiB": {"total": large, "free": int(large * (1 - used))},
        "2 MiB": {"total": small, "free": int(small * (1 - used))},
    }
    return {"pages": found, "free": gib(memory * 0.05)}


SHAPES = (1, 1, 1, 1, 1, 2, 2, 2, 4, 4, 8)
"""Cells of a guest of a what-if study, in their shares: most guests are small."""


def scenario(number: int) -> Problem:
    """A scenario of a what-if study: one guest, host, target and set of policies each; the same
    one for the same number."""
    random = Random(f"scenario {number}")  # noqa: S311 - problems to be timed, no secret
    cells = random.choice(SHAPES)
    slots = max(cells, random.choice((8, 16, 32, 64)))
    size = Size(cells, slots, random.choice((2, 2, 4, 8)), random.choice((1, 3, 3)))
    return Problem.model_validate(fields(size, random))

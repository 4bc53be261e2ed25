"""Problems at the edges of what closed forms answer, drawn from a seed.

Each is of one family: small units that do not divide, boot memory near the size from which Linux
takes larger blocks, pools that several guests just fill, address spaces that slots just fill,
nodes that only some cells may use.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from slotsolver.problem import Problem
from slotsolver.size import GiB, MiB

Document = dict[str, Any]


def problem(seed: int) -> Problem:
    """A problem; the same for the same seed."""
    drawn = random.Random(seed)  # noqa: S311 - a problem to be solved, no secret
    return Problem.model_validate(drawn.choice(FAMILIES)(drawn))


def _bytes(size: int) -> str:
    return f"{size} B"


def _stages(drawn: random.Random, guest: Document, low: int, grain: int, most: int) -> None:
    """Target, maximum and perhaps waypoints above ``low`` bytes, by ``grain`` bytes."""
    target = low + grain * drawn.choice((0, drawn.randint(0, most)))
    top = target + grain * drawn.choice((0, drawn.randint(0, most), drawn.randint(0, 4 * most)))
    guest["target"], guest["maximum"] = _bytes(target), _bytes(top)
    ways = drawn.choice((0, 0, 1, 2))
    if ways and top > target:
        steps = sorted(drawn.randint(0, (top - target) // grain) for _ in range(ways))
        guest["waypoints"] = [_bytes(target + grain * step) for step in steps]


def _boot(drawn: random.Random, guest: Document, each: int, grain: int) -> int:
    """Boot memory: of every cell, only its sum, or free. What it comes to at least (bytes)."""
    cells = guest["cells"]
    way = drawn.choice(("cells", "equal", "sum", "free"))
    if way == "free":
        return each * len(cells)
    if way == "sum":
        total = each * len(cells) + grain * drawn.randint(0, len(cells))
        guest["boot"] = _bytes(total)
        return total
    some = [each + (grain * drawn.randint(0, 2) if way == "cells" else 0) for _ in cells]
    for cell, size in zip(cells, some, strict=True):
        cell["memory"] = _bytes(size)
    return sum(some)


def _target_of_cells(drawn: random.Random, guest: Document, grain: int) -> None:
    """Perhaps the target cell by cell, as evenly as may be or not."""
    cells = guest["cells"]
    total = int(guest["target"].split()[0])
    if drawn.random() < 0.8:
        return
    parts = [total // len(cells) // grain * grain for _ in cells]
    for _ in range((total - sum(parts)) // grain):
        parts[drawn.randrange(len(parts))] += grain
    parts[-1] += total - sum(parts)
    guest["target"] = {n: _bytes(part) for n, part in enumerate(parts)}


def _fine(drawn: random.Random) -> Document:
    """Little memory in small units: what does not divide, at several stages."""
    unit = drawn.choice((128, 128, 256)) * MiB
    guest: Document = {"name": "a", "cells": [{} for _ in range(drawn.randint(1, 4))]}
    guest["machine"] = drawn.choice(("q35", "q35", "q35", "pc", "virt", "pseries"))
    grain = 256 * MiB if guest["machine"] == "pseries" else unit
    low = _boot(drawn, guest, grain * drawn.randint(1, 4), grain)
    _stages(drawn, guest, low, grain, 8)
    _target_of_cells(drawn, guest, grain)
    some: list[Document] = drawn.sample(_rules(drawn), drawn.choice((0, 1, 1, 2)))
    if drawn.random() < 0.3:
        some.append({"kind": "guest-block", "size": drawn.choice(("256 MiB", "512 MiB"))})
    document: Document = {"guests": [guest], "policies": some}
    if drawn.random() < 0.6:
        document["host"] = _host(drawn, drawn.randint(1, 3), drawn.choice((2, 4, 16)))
    return document


def _rules(drawn: random.Random) -> list[Document]:
    return [
        {"kind": "balance"},
        {"kind": "balance", "by": "cpus"},
        {"kind": "reserve", "until": "maximum"},
        {"kind": "reserve", "until": "maximum", "cells": [0]},
        {"kind": "step", "size": drawn.choice(("256 MiB", "384 MiB", "1 GiB"))},
        {"kind": "relative-step", "ratio": drawn.choice(("1/4", "1/2", "1", "2"))},
        {"kind": "relative-step", "ratio": "1/8", "at_least": "384 MiB"},
        {"kind": "relative-step", "ratio": "1/2", "cells": [0]},
        {"kind": "exact", "size": drawn.choice(("128 MiB", "256 MiB", "512 MiB"))},
        {"kind": "memmap", "free": drawn.choice(("4 MiB", "16 MiB"))},
        {"kind": "sizes", "powers_of_two": True},
        {"kind": "sizes", "minimum": drawn.choice(("256 MiB", "512 MiB"))},
        {"kind": "sizes", "maximum": drawn.choice(("384 MiB", "640 MiB"))},
        {"kind": "sizes", "allowed": ["256 MiB", "384 MiB", "1 GiB"]},
        {"kind": "sizes", "allowed": ["128 MiB", "640 MiB"], "cells": [0]},
        {"kind": "slots", "at_most": drawn.randint(1, 12)},
        {"kind": "host-nodes", "distinct": True},
        {"kind": "host-nodes", "distinct": True, "cells": [0]},
    ]


def _host(drawn: random.Random, nodes: int, most: int) -> Document:
    """Nodes with pools of up to ``most`` GiB of each page size."""
    sizes = drawn.choice(((), ("2 MiB",), ("1 GiB",), ("2 MiB", "1 GiB"), ("2 MiB", "1 GiB")))
    far = {(a, b): drawn.choice((11, 12, 21)) for b in range(nodes) for a in range(b)}
    levels = drawn.random() < 0.5
    found = []
    for here in range(nodes):
        node: Document = {"id": here, "memory": f"{4 * most} GiB", "pages": {}}
        for size in sizes:
            page = 2 * MiB if size == "2 MiB" else GiB
            total = drawn.randint(0, 8 * most) * (GiB // 8) // page
            node["pages"][size] = {"total": total, "free": drawn.randint(total // 2, total)}
        near = [12 if here // 2 == n // 2 else 21 for n in range(nodes)]
        free = [far.get((min(here, n), max(here, n)), 10) for n in range(nodes)]
        row = near if levels else free
        node["distances"] = [10 if here == n else d for n, d in enumerate(row)]
        found.append(node)
    host: Document = {"nodes": found}
    if drawn.random() < 0.2:
        host["cpu_vendor"] = drawn.choice(("amd", "intel"))
    return host


def _cliff(drawn: random.Random) -> Document:
    """Boot memory near 64 GiB, from where the guest may take memory blocks of up to 2 GiB."""
    cells = drawn.randint(1, 4)
    machine = drawn.choice(("q35", "pc"))
    guest: Document = {"name": "a", "machine": machine, "phys_bits": 46}
    guest["cells"] = [{} for _ in range(cells)]
    guest["cpu_vendor"] = drawn.choice(("intel", "intel", "amd"))
    grain = drawn.choice((128 * MiB, 512 * MiB, GiB, GiB, 2 * GiB))
    middle = (62 if machine == "q35" else 63) * GiB + drawn.choice((0, 0, GiB, 2 * GiB, 4 * GiB))
    target = middle // grain * grain + grain * drawn.randint(-2, 8)
    if drawn.random() < 0.6:
        target = target // (cells * grain) * cells * grain
    top = target + grain * drawn.choice((0, 1, cells, drawn.randint(0, 40)))
    guest["target"], guest["maximum"] = _bytes(target), _bytes(top)
    if drawn.random() < 0.3:
        guest["waypoints"] = [_bytes(target + grain * drawn.randint(0, (top - target) // grain))]
    if drawn.random() < 0.2:
        guest["boot"] = _bytes(max(grain, target - grain * drawn.randint(0, 8)))
    rules = [p for p in _rules(drawn) if p["kind"] in ("balance", "slots", "sizes", "step")]
    if drawn.random() < 0.3:
        return {"guests": [guest], "policies": drawn.sample(rules, 1)}
    document: Document = {"guests": [guest]}
    if drawn.random() < 0.6:
        document["host"] = _host(drawn, drawn.randint(1, 2), 80)
    return document


def _full(drawn: random.Random) -> Document:
    """Several guests, some alike, on pools that they may just fill."""
    nodes = drawn.randint(1, 4)
    sizes = [drawn.randint(1, 3) * GiB for _ in range(drawn.randint(1, 2))]
    guests: list[Document] = []
    for number in range(drawn.randint(1, 4)):
        each = drawn.choice(sizes)
        guest: Document = {"name": f"g{number}", "cells": [{} for _ in range(drawn.randint(1, 3))]}
        if drawn.random() < 0.5:
            for cell in guest["cells"]:
                cell["memory"] = _bytes(each)
        total = each * len(guest["cells"]) + drawn.choice((0, 0, GiB // 2, GiB))
        guest["target"], guest["maximum"] = _bytes(total), _bytes(total + drawn.choice((0, GiB)))
        if drawn.random() < 0.2:
            guest["cells"][0]["host_nodes"] = [drawn.randrange(nodes)]
        if drawn.random() < 0.1:
            guest["cells"][-1]["page_size"] = "2 MiB"
        guests.append(guest)
    rules: list[Document] = [
        {"kind": "headroom", "pages": 1, "page_size": "1 GiB"},
        {"kind": "headroom", "fraction": "1/7"},
        {"kind": "headroom", "size": "300 MiB"},
        {"kind": "reserve", "until": "maximum"},
        {"kind": "host-nodes", "distinct": True},
        {"kind": "host-nodes", "distinct": True, "cells": [0, 1]},
        {"kind": "page-size", "size": "1 GiB"},
        {"kind": "page-size", "size": "2 MiB"},
    ]
    if max(len(guest["cells"]) for guest in guests) < 2:
        rules = [rule for rule in rules if "cells" not in rule]
    chosen = drawn.sample(rules, drawn.choice((0, 1, 2)))
    return {"guests": guests, "policies": chosen, "host": _host(drawn, nodes, drawn.choice((2, 4)))}


def _addresses(drawn: random.Random) -> Document:
    """An address space that slots just fill; slots stated or not."""
    guest: Document = {"name": "a", "machine": drawn.choice(("q35", "pc", "virt"))}
    guest["cells"] = [{} for _ in range(drawn.randint(1, 3))]
    guest["phys_bits"] = drawn.choice((35, 36, 36, 37, 40))
    guest["cpu_vendor"] = drawn.choice(("intel", "amd"))
    room = 1 << guest["phys_bits"]
    if drawn.random() < 0.4:
        guest["pci_hole64"] = drawn.choice(("1 GiB", "2 GiB"))
    grain = drawn.choice((GiB // 2, GiB))
    low = _boot(drawn, guest, grain * drawn.randint(1, 3), grain)
    top = max(low, int(room * drawn.choice((0.1, 0.3, 0.5, 0.7))) // grain * grain)
    guest["target"] = _bytes(drawn.choice((low, top, (low + top) // 2 // grain * grain)))
    guest["maximum"] = _bytes(top)
    if drawn.random() < 0.4:
        guest["slots"] = drawn.choice((1, 4, 16, 40, 100))
    document: Document = {"guests": [guest]}
    if drawn.random() < 0.5:
        kind = drawn.choice(("step", "exact"))
        size = drawn.choice(("512 MiB", "1 GiB")) if kind == "exact" else "1 GiB"
        document["policies"] = [{"kind": kind, "size": size}]
    return document


def _apart(drawn: random.Random) -> Document:
    """Cells of several kinds, some bound to nodes, guest distances that are no levels."""
    cells, nodes = drawn.randint(2, 5), drawn.randint(2, 4)
    guest: Document = {"name": "a", "cells": []}
    far = {(a, b): drawn.choice((11, 20, 20, 30)) for b in range(cells) for a in range(b)}
    given = drawn.random() < 0.5
    for here in range(cells):
        cell: Document = {"memory": f"{drawn.choice((1, 1, 2))} GiB"}
        if given:
            pairs = {n: (min(here, n), max(here, n)) for n in range(cells) if n != here}
            cell["distances"] = {n: far[pair] for n, pair in pairs.items()}
        if drawn.random() < 0.2:
            cell["host_nodes"] = [drawn.randrange(nodes)]
        guest["cells"].append(cell)
    total = sum(int(cell["memory"].split()[0]) for cell in guest["cells"])
    guest["target"] = guest["maximum"] = f"{total} GiB"
    rules: list[Document] = [
        {"kind": "host-nodes", "nodes": sorted(drawn.sample(range(nodes), 2)), "cells": [0, 1]},
        {"kind": "host-nodes", "distinct": True},
        {"kind": "host-nodes", "distinct": True, "cells": [0, 1]},
        {"kind": "page-size", "size": "2 MiB", "cells": [1]},
        {"kind": "headroom", "pages": 1},
    ]
    chosen = drawn.sample(rules, drawn.choice((0, 0, 1, 2)))
    return {
        "guests": [guest],
        "policies": chosen,
        "host": _host(drawn, nodes, drawn.choice((2, 4))),
    }


FAMILIES: tuple[Callable[[random.Random], Document], ...] = (
    _fine,
    _fine,
    _cliff,
    _full,
    _addresses,
    _apart,
)

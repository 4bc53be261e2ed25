"""Writes ``docs/catalogue.md``: every policy and objective, as their own classes describe them.

``make docs`` runs it. What stands in the catalogue is the class's docstring, the docstring of its
module (the rule in a formula), its fields, and the lines of YAML below with what ``describe`` says
of them. A kind without a line here is an error, and so is a line that does not parse.
"""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from slotsolver.ingest.yaml import read_document
from slotsolver.order import GROWTH_KINDS, defaults
from slotsolver.policies import Declared, Objective, Policy, objectives, policies
from slotsolver.problem import Problem

CATALOGUE = Path(__file__).with_name("catalogue.md")

GROUPS: dict[str, tuple[str, ...]] = {
    "Growth": (
        "step",
        "relative-step",
        "exact",
        "waypoints",
        "sizes",
        "slots",
        "device",
        "guest-block",
        "shrinkable-to",
        "memslots",
        "memmap",
    ),
    "Cells and host": ("balance", "page-size", "host-nodes", "reserve", "headroom"),
    "Running guests": (
        "accept",
        "swap",
        "no-swap",
        "add-only",
        "keep",
        "unplug-order",
        "max-operations",
        "per-step",
        "guest-free",
    ),
    "Objectives": (
        "least-imbalance",
        "finest-step",
        "fewest-slots",
        "shortest-distance",
        "largest-pages",
        "least-stranding",
        "lowest-maxmem",
        "preferred-pages",
    ),
    "Objectives of running guests": (
        "target-distance",
        "planned-growth",
        "needless-unplug",
        "fewest-unplugs",
        "fewest-plugs",
        "stranded-growth",
        "unpaid-growth",
        "growth-imbalance",
    ),
}
"""Every kind under its heading, in the order in which a reader may want them."""

REMARKS = {
    "Growth": "What a guest grows by, and in which steps. They hold for running guests too.",
    "Cells and host": "How memory is spread over the cells, and where on the host it comes from.",
    "Running guests": (
        "What may be done to a guest that runs, now. Guests that do not run are not concerned. "
        "Without any of these the target is met exactly, nothing is exchanged for something else, "
        "and any DIMM may go."
    ),
}
"""What stands below a heading."""

LINES = {
    "accept": [
        "{kind: accept, distance: nearest}",
        "{kind: accept, distance: below, guests: [db]}",
    ],
    "add-only": ["add-only", "{kind: add-only, guests: [db], cells: [0]}"],
    "balance": [
        "{kind: balance}",
        "{kind: balance, by: cpus, tolerance: 1 GiB}",
        "{kind: balance, by: [2, 1, 1]}",
    ],
    "device": [
        "{kind: device, use: virtio-mem, block: 4 MiB}",
        "{kind: device, use: dimm, cells: [0]}",
    ],
    "exact": ["{kind: exact, size: 1 GiB}"],
    "guest-block": ["{kind: guest-block, size: 256 MiB}"],
    "guest-free": ["{kind: guest-free, size: 2 GiB}"],
    "headroom": [
        "{kind: headroom, fraction: 10%}",
        "{kind: headroom, page_size: 1 GiB, pages: 4}",
        "{kind: headroom, page_size: 4 KiB, size: 2 GiB}",
    ],
    "host-nodes": [
        "{kind: host-nodes, nodes: 0-1}",
        "{kind: host-nodes, distinct: true}",
        "{kind: host-nodes, spread: true, cells: [0]}",
    ],
    "keep": ["{kind: keep, slots: 0-3}", "keep"],
    "max-operations": ["{kind: max-operations, count: 4}"],
    "memmap": ["{kind: memmap, free: 256 MiB}"],
    "memslots": ["{kind: memslots, limit: 64}"],
    "no-swap": ["no-swap"],
    "page-size": [
        "{kind: page-size, size: 2 MiB}",
        "{kind: page-size, size: 1 GiB, preferred: true}",
        "{kind: page-size, size: 2 MiB, of: dimms, cells: [0]}",
    ],
    "per-step": ["{kind: per-step, size: 4 GiB}"],
    "relative-step": [
        "{kind: relative-step, ratio: 1/8}",
        "{kind: relative-step, ratio: 0.25, at_least: 1 GiB}",
    ],
    "reserve": ["{kind: reserve, until: maximum}"],
    "shrinkable-to": ["{kind: shrinkable-to, size: 4 GiB}"],
    "sizes": [
        "{kind: sizes, allowed: [1 GiB, 2 GiB, 8 GiB]}",
        "{kind: sizes, powers_of_two: true, maximum: 16 GiB}",
        "{kind: sizes, uniform: true, minimum: 512 MiB}",
    ],
    "slots": ["{kind: slots, at_most: 32}", "{kind: slots, exactly: 16}"],
    "step": ["{kind: step, size: 512 MiB}", "{kind: step, size: 1 GiB, guests: [db]}"],
    "swap": ["swap"],
    "unplug-order": [
        "{kind: unplug-order, order: highest-slot}",
        "{kind: unplug-order, order: [3, 0]}",
    ],
    "waypoints": ["{kind: waypoints, sizes: [96 GiB, 128 GiB]}"],
    "fewest-plugs": ["fewest-plugs"],
    "fewest-slots": ["fewest-slots"],
    "fewest-unplugs": ["fewest-unplugs"],
    "finest-step": [
        "finest-step",
        "{kind: finest-step, down_to: 1 GiB}",
        "{kind: finest-step, down_to: default}",
    ],
    "growth-imbalance": ["growth-imbalance"],
    "largest-pages": ["largest-pages"],
    "least-imbalance": ["least-imbalance"],
    "least-stranding": ["least-stranding"],
    "lowest-maxmem": ["lowest-maxmem"],
    "needless-unplug": ["needless-unplug"],
    "planned-growth": ["planned-growth"],
    "preferred-pages": ["preferred-pages"],
    "shortest-distance": ["shortest-distance"],
    "stranded-growth": ["stranded-growth"],
    "target-distance": ["target-distance"],
    "unpaid-growth": ["unpaid-growth"],
}
"""Lines of YAML for every kind, as they stand below ``policies:`` or ``objectives:``."""

WORDS = {
    "Size": "size",
    "SizeOrZero": "size, 0 allowed",
    "int": "whole number",
    "bool": "`true` or `false`",
    "Ids": "ids: `0-3` or a list",
    "Ratio": "ratio: `1/8` or `0.125`",
    "Part": "fraction: `1/10`, `0.1` or `10%`",
    "tuple[int, ...]": "list of whole numbers",
    "tuple[Size, ...]": "list of sizes",
    "tuple[str, ...]": "list of names",
}
"""How a field's type, as its class writes it, reads to somebody who writes YAML."""

INTRODUCTION = """\
# Policies and objectives

*Written by `make docs` from the classes themselves; change those, not this file.*

A policy is one line below `policies:` of a problem. It is hard unless it says otherwise, and holds
for every guest and every cell unless it names `guests: [names]` or `cells: [ids]` (both may be
added to every policy but `headroom`, which is about the host). A kind whose fields can all be left
out may be written as its bare name. Sizes need a unit: `512 MiB`, `1.5 GiB`.

An objective is one line below `objectives:`. Objectives are lexicographic: the first one is brought
to its best value and proven, then held there while the next one is.
"""


def example(kind: str, line: str) -> Policy | Objective:
    """The policy or objective that a line of YAML gives, read as a problem file is read."""
    field = "policies" if kind in policies() else "objectives"
    document = read_document(f"{field}:\n  - {line}\n".encode(), source=f"the line for {kind}")
    guest = {"name": "db", "cells": [{}, {}, {}], "target": "1 GiB"}
    problem = document.validate(Problem, {**document.data, "guests": [guest]})
    found: Policy | Objective = getattr(problem, field)[0]
    return found


def catalogue() -> str:
    """The whole page."""
    kinds: dict[str, type[Policy] | type[Objective]] = {**policies(), **objectives()}
    parts = [INTRODUCTION, *_contents(kinds)]
    for heading, group in GROUPS.items():
        parts.append(f"## {heading}\n")
        if heading == "Objectives":
            parts.append(_default_order())
        elif heading in REMARKS:
            parts.append(_filled(REMARKS[heading]))
        parts += [_entry(kind, kinds[kind]) for kind in group]
    return "\n".join(parts)


def _contents(kinds: Mapping[str, type[Declared]]) -> Iterator[str]:
    for heading, group in GROUPS.items():
        yield f"| {heading} | |\n|---|---|"
        for kind in group:
            yield f"| [`{kind}`](#{kind}) | {_first_sentence(kinds[kind])} |"
        yield ""


def _first_sentence(cls: type[Declared]) -> str:
    return re.split(r"(?<=\.)\s", " ".join(_text(cls).split()))[0]


def _text(documented: Any) -> str:
    """A docstring as Markdown."""
    return inspect.cleandoc(documented.__doc__ or "").replace("``", "`")


def _entry(kind: str, cls: type[Policy] | type[Objective]) -> str:
    module = inspect.getmodule(cls)
    path = f"{cls.__module__.replace('.', '/')}.py"
    parts = [f"### {kind}\n", _text(cls), ""]
    rule = _text(module).partition("\n\n")
    parts += [f"{rule[0]}\n\n{rule[2]}".strip(), ""] if rule[2] else []
    parts += _fields(cls)
    if issubclass(cls, Objective) and cls.unit:
        parts += [f"Its value is in {cls.unit}.", ""]
    parts += ["```yaml"]
    for line in LINES[kind]:
        says = example(kind, line).describe()
        parts += [f"- {line}", f"  # {says}"]
    parts += ["```", "", f"In `{path}`.", ""]
    return "\n".join(parts)


def _fields(cls: type[Declared]) -> Iterator[str]:
    own = [name for name in cls.model_fields if name not in ("kind", "guests", "cells")]
    if not own:
        return
    yield "| field | takes | default |\n|---|---|---|"
    for name in own:
        field = cls.model_fields[name]
        takes = _type(cls.__annotations__[name])
        if field.description:
            takes += f": {field.description}"
        default = "needed" if field.is_required() else _default(field.default)
        yield f"| `{name}` | {takes} | {default} |"
    yield ""


def _type(written: str) -> str:
    """The words for a type as Python writes it back: ``Size | Literal['default'] | None``."""
    words = []
    for part in written.split(" | "):
        if choices := re.fullmatch(r"Literal\[(.*)\]", part):
            words += [f"`{choice}`" for choice in re.findall(r"'([^']*)'", choices[1])]
        elif part != "None":
            words.append(WORDS[part])
    return " or ".join(words)


def _default(value: Any) -> str:
    if value is None:
        return "none"
    return f"`{str(value).lower()}`" if isinstance(value, bool) else f"`{value}`"


def _default_order() -> str:
    cut = ", ".join(f"`{kind}`" for kind in sorted(GROWTH_KINDS))
    return _filled(
        f"Where a problem names none, the order is {_order()}, with `finest-step` going "
        "`down_to: default`. Where it names some, they come first and the others follow in that "
        f"order, so that equal answers are told apart. One of the policies {cut} (or a guest's own "
        "waypoints) already says how growth is cut: then `finest-step` is left out of the default "
        "order."
    ) + _filled(
        f"\nFor running guests it is {_order(running=True)}, with `planned-growth` after "
        "`target-distance` where growth was planned once. Those about running guests come before "
        "what a problem names (but for `growth-imbalance`, which is only minimised where it is "
        "named), unless it names them too. Where not all guests run, the rest of the order above "
        "follows."
    )


def _order(*, running: bool = False) -> str:
    guest = {"name": "any", "cells": [{"memory": 1 << 30}], "target": 1 << 30, "running": running}
    kinds = [objective.kind for objective in defaults(Problem.model_validate({"guests": [guest]}))]
    return ", ".join(f"`{kind}`" for kind in kinds)


def _filled(text: str) -> str:
    """Lines of at most 100 characters; a line break at the front stays."""
    start = "\n" if text.startswith("\n") else ""
    return f"{start}{textwrap.fill(text.strip(), 100, break_on_hyphens=False)}\n"


if __name__ == "__main__":
    CATALOGUE.write_text(catalogue(), encoding="utf-8")

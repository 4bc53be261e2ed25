"""What the catalogue says of slotsolver's own kinds besides what their classes say.

The headings that they stand under, and lines of YAML: at least one for each kind. A kind of
somebody else has its lines in its class, as ``examples``.
"""

from __future__ import annotations

INTRODUCTION = """\
A policy is one line below `policies:` of a problem. It is hard unless it says otherwise, and holds
for every guest and every cell unless it names `guests: [names]` or `cells: [ids]` (both may be
added to every policy but `headroom`, which is about the host). A kind whose fields can all be left
out may be written as its bare name. Sizes need a unit: `512 MiB`, `1.5 GiB`.

An objective is one line below `objectives:`. Objectives are lexicographic: the first one is brought
to its best value and proven, then held there while the next one is.
"""

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

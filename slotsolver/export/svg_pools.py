"""The picture of the host's pools: what is used and free before the plan and after it."""

from __future__ import annotations

from collections.abc import Sequence

from slotsolver.export.markup import Html, element, join
from slotsolver.export.svg_parts import box, chip, hatched, hatching, hue
from slotsolver.export.wording import rough
from slotsolver.plan import NodeUse, PoolUse
from slotsolver.size import format_size

_BEFORE, _AFTER = 8, 16
"""Heights in CSS pixels of the bars."""


def pools(nodes: Sequence[NodeUse], page_sizes: Sequence[int]) -> Html:
    """The pools that the plan touches, each with its two bars; others are counted."""
    cards, untouched, returned = [], 0, False
    for node in nodes:
        for pool in node.pools:
            taken = pool.free_before - pool.free_after
            if taken or pool.promised:
                cards.append(_card(node.id, pool, page_sizes))
                returned = returned or taken < 0
            else:
                untouched += pool.total > 0
    plural = "s" if untouched > 1 else ""
    others = f"{untouched} other pool{plural} not touched" if untouched else None
    return join(
        _legend(returned) if cards else None,
        cards,
        element("p", others, class_="aside") if others else None,
    )


def parts_of(pool: PoolUse) -> dict[str, int]:
    """The pages of a pool after the plan by what becomes of them; together they are all. Of those
    promised no more are drawn than are left beside what is given back."""
    before, after = pool.free_before, pool.free_after
    left = min(before, after)
    promised = min(pool.promised, left)
    return {
        "used": pool.total - max(before, after),
        "returned": max(after - before, 0),
        "taken": max(before - after, 0),
        "promised": promised,
        "free": left - promised,
    }


def _card(node: int, pool: PoolUse, page_sizes: Sequence[int]) -> Html:
    parts = parts_of(pool)
    title = join(
        chip(f"band {hue(node)}", hatching(pool.page_size, page_sizes)),
        element("b", f"node {node}"),
        f", {format_size(pool.page_size)} pages",
    )
    before = {"used": pool.total - pool.free_before, "free": pool.free_before}
    return element(
        "div",
        element("h3", title),
        _bar(before, pool, node, _BEFORE, "before"),
        _bar(parts, pool, node, _AFTER, "after"),
        element("dl", _numbers(pool)),
        class_="pool",
        data_node=node,
        data_page=pool.page_size,
    )


def _bar(parts: dict[str, int], pool: PoolUse, node: int, height: int, when: str) -> Html:
    drawn, at = [], 0
    for name, pages in parts.items():
        if pages <= 0:
            continue
        says = f"{when}: {pages} pages {name}, {rough(pages * pool.page_size)}"
        inner = [
            element("title", says),
            box(at, pages, pool.total, 0, height, f"share {name} {hue(node)}"),
        ]
        if name in ("promised", "returned"):
            pattern = "growth" if name == "promised" else "dotted"
            inner.append(hatched(at, pages, pool.total, 0, height, pattern))
        drawn.append(element("g", inner, data_part=name, data_pages=pages, data_when=when))
        at += pages
    picture = element("svg", drawn, width="100%", height=height, role="img", aria_label=when)
    head = element("span", when, class_="when")
    return element("div", head, element("div", picture, class_="bar"), class_="state")


def _numbers(pool: PoolUse) -> list[Html]:
    taken = pool.free_before - pool.free_after
    entries = [
        ("free before", pool.free_before),
        ("taken now" if taken >= 0 else "given back", abs(taken)),
        ("promised", pool.promised),
        ("free after", pool.free_after),
    ]
    return [
        element(
            "div",
            element("dt", name),
            element("dd", rough(pages * pool.page_size), element("small", f"{pages} pages")),
        )
        for name, pages in entries
    ]


def _legend(returned: bool) -> Html:
    entries = [("share used", "plain", "used before")]
    if returned:
        entries.append(("share returned h0", "dotted", "given back"))
    entries += [
        ("share taken h0", "plain", "taken now"),
        ("share promised h0", "growth", "promised to growth"),
        ("share free", "plain", "free"),
    ]
    items = [element("li", chip(look, pattern), says) for look, pattern, says in entries]
    return element("ul", items, class_="legend")

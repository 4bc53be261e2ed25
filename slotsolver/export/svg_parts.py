"""What the pictures share: hues, hatchings, places in percent, chips of legends.

Hues are those of Okabe and Ito, which colour-blind people can tell apart
(https://jfly.uni-koeln.de/color/); no meaning hangs on a hue alone. A bar has no view box: places
are shares of its width and text keeps its size, whatever the width of the window.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from slotsolver.export.markup import Html, element, join
from slotsolver.plan import Plan

HUES = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442")
"""The hue of the Nth cell or host node is that of N modulo their number."""
DARK_HUES = ("#0072b2",)
"""Hues on which white is read better than black."""
HATCHINGS = ("plain", "slanted", "dotted", "upright", "crossed")
"""Those of page sizes, the smallest first."""
WIDTHS = (200, 250, 300, 350, 400, 450, 500, 600, 700, 800, 900, 1000)
"""Widths of a bar (CSS pixels) from which on some label has room."""

_LETTER, _MARGIN = 6.8, 8
"""CSS pixels: the widest letter of a label, usually; what is free beside it."""


def hue(number: int) -> str:
    """The class that gives an element the hue of a cell or host node."""
    return f"h{number % len(HUES)}"


def hatching(page_size: int, page_sizes: Sequence[int]) -> str:
    """The name of a page size's hatching among those of a plan, which ascend."""
    return HATCHINGS[min(page_sizes.index(page_size), len(HATCHINGS) - 1)]


def page_sizes_of(plan: Plan) -> tuple[int, ...]:
    """Every page size that backs something or has a pool, ascending."""
    sizes = {cell.page_size for guest in plan.guests for cell in guest.cells}
    sizes |= {dimm.page_size for guest in plan.guests for dimm in guest.dimms}
    sizes |= {device.page_size for guest in plan.guests for device in guest.virtio_mem}
    uses = [plan.host] if plan.host else []
    uses += [place.use for place in plan.destinations]
    sizes |= {pool.page_size for use in uses for node in use.nodes for pool in node.pools}
    return tuple(sorted(sizes))


def percent(part: int, whole: int) -> str:
    """A share of the width, as SVG takes it."""
    return f"{100 * part / whole:.5f}".rstrip("0").rstrip(".") + "%"


def box(start: int, size: int, whole: int, y: float, height: float, class_: str) -> Html:
    """A box whose place and width are shares of ``whole``."""
    return element(
        "rect",
        x=percent(start, whole),
        width=percent(size, whole),
        y=f"{y:g}",
        height=f"{height:g}",
        class_=class_,
    )


def hatched(start: int, size: int, whole: int, y: float, height: float, hatching: str) -> Html:
    """The hatching over a box; nothing for the plain one."""
    if hatching == "plain":
        return Html("")
    return element(
        "rect",
        x=percent(start, whole),
        width=percent(size, whole),
        y=f"{y:g}",
        height=f"{height:g}",
        fill=f"url(#slotsolver-{hatching})",
    )


def label(middle: int, whole: int, y: int, text: str, class_: str) -> Html:
    """Text around a place that is a share of ``whole``."""
    return element("text", text, x=percent(middle, whole), y=y, class_=class_.strip())


def width_for(texts: Iterable[str], part: int, whole: int) -> int | None:
    """The width from which on all of the texts fit into a part of a bar; ``None``: none has it."""
    need = (max(map(len, texts)) * _LETTER + _MARGIN) * whole / part
    return next((width for width in WIDTHS if width >= need), None)


def chip(class_: str, hatching: str = "plain") -> Html:
    """A small box for legends."""
    boxes = element("rect", x="0.5", y="0.5", width="21", height="11", class_=class_)
    inner = join(boxes, hatched(0, 1, 1, 0, 12, hatching))
    return element("svg", inner, class_="chip", width=22, height=12, aria_hidden="true")


def _pattern(name: str, size: int, content: str) -> str:
    return (
        f'<pattern id="slotsolver-{name}" width="{size}" height="{size}" '
        f'patternUnits="userSpaceOnUse" class="hatching">{content}</pattern>'
    )


PATTERNS = Html(
    '<svg class="patterns" width="0" height="0" aria-hidden="true"><defs>'
    + _pattern("slanted", 6, '<path d="M-1,1 l2,-2 M0,6 l6,-6 M5,7 l2,-2"/>')
    + _pattern("dotted", 5, '<circle cx="2.5" cy="2.5" r="1.3"/>')
    + _pattern("upright", 4, '<path d="M2,0 v4"/>')
    + _pattern("crossed", 6, '<path d="M0,0 l6,6 M0,6 l6,-6"/>')
    + _pattern("growth", 7, '<path d="M-1,1 l2,-2 M0,7 l7,-7 M6,8 l2,-2"/>')
    + "</defs></svg>"
)
"""The hatchings, once on a page, before the first picture and never hidden."""

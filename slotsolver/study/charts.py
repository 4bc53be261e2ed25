"""Charts of a study for the browser: shares as bars, heat maps, points. Plain numbers go in.

As in the pictures of plans, places are shares of the width, text keeps its size, and no meaning
hangs on a hue alone: cells hold their numbers, parts of bars are hatched or named.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from slotsolver.export.markup import Html, element, join
from slotsolver.export.svg_parts import box, chip, hatched

PARTS = {
    "plan": ("plan", "plain", "a plan"),
    "infeasible": ("infeasible", "slanted", "no plan, proven"),
    "undecided": ("undecided", "dotted", "undecided"),
    "broken": ("broken", "crossed", "no problem, or failed"),
}
"""Parts of a bar: look, hatching, name."""
SHADES = 9
"""Steps of a heat map's scale."""

_LEFT, _WIDTH = 16, 78
"""Percent of the width: where points begin, and how far they go."""
_HIGH, _TOP, _FOOT = 300, 14, 26
"""CSS pixels: height of the points' field, margin above and below it."""
_RATIO_FOR_LOGARITHM = 16


@dataclass(frozen=True)
class Share:
    """A value of an axis (or all scenarios) and how many scenarios of each part it has."""

    label: str
    parts: Mapping[str, int]

    @property
    def scenarios(self) -> int:
        """All of them."""
        return sum(self.parts.values())


def share_bars(shares: Sequence[Share]) -> Html:
    """A bar for each; its parts are shares of that value's scenarios."""
    return element("div", [_share(share) for share in shares], class_="shares")


def share_legend(shares: Sequence[Share]) -> Html:
    """What the parts of bars mean, those that are there."""
    there = [part for part in PARTS if any(share.parts.get(part) for share in shares)]
    items = [
        element("li", chip(f"part {PARTS[part][0]}", PARTS[part][1]), PARTS[part][2])
        for part in there
    ]
    return element("ul", items, class_="legend")


def _share(share: Share) -> Html:
    whole, at, drawn = share.scenarios, 0, []
    for part, (look, pattern, name) in PARTS.items():
        count = share.parts.get(part, 0)
        if not count:
            continue
        inner = [element("title", f"{share.label}: {count} of {whole} {name}")]
        inner.append(box(at, count, whole, 0, 14, f"part {look}"))
        inner.append(hatched(at, count, whole, 0, 14, pattern))
        drawn.append(element("g", inner, data_part=part, data_count=count))
        at += count
    feasible = share.parts.get("plan", 0)
    says = f"{feasible} of {whole}"
    picture = element("svg", drawn, width="100%", height=14, role="img", aria_label=says)
    return element(
        "div",
        element("span", share.label, class_="value", title=share.label),
        element("div", picture, class_="bar"),
        element("span", f"{_percent(feasible, whole)} ", element("small", says), class_="share-of"),
        class_="one-share",
        data_value=share.label,
    )


def _percent(part: int, whole: int) -> str:
    """A share that says 0 % and 100 % only where it is exactly that."""
    if part in (0, whole) or not whole:
        return f"{100 if whole and part else 0} %"
    share = 100 * part / whole
    return "<1 %" if share < 1 else ">99 %" if share > 99 else f"{share:.0f} %"


@dataclass(frozen=True)
class Heat:
    """A table of numbers by two axes. ``values`` has them by row and column (both from 0),
    ``texts`` what is written into the cells, ``says`` what the numbers are."""

    row_axis: str
    column_axis: str
    rows: Sequence[str]
    columns: Sequence[str]
    values: Mapping[tuple[int, int], float]
    texts: Mapping[tuple[int, int], str]
    says: str


def label(name: str) -> Html:
    """A name of somebody's choosing, which may be long."""
    return element("span", name, class_="label")


def heat_map(heat: Heat) -> Html:
    """A table whose cells are shaded from the least number to the largest."""
    least, most = min(heat.values.values(), default=0), max(heat.values.values(), default=0)
    head = [element("th", label(f"{heat.row_axis} \\ {heat.column_axis}"), class_="corner")]
    head += [element("th", label(column), scope="col") for column in heat.columns]
    lines = [element("tr", head)]
    for row, name in enumerate(heat.rows):
        cells = [element("th", label(name), scope="row")]
        cells += [_cell(heat, row, n, least, most) for n in range(len(heat.columns))]
        lines.append(element("tr", cells))
    table = element("table", lines, class_="heat")
    scale = element("p", heat.says, class_="aside")
    return join(scale, element("div", table, class_="wide"))


def _cell(heat: Heat, row: int, column: int, least: float, most: float) -> Html:
    value = heat.values.get((row, column))
    where = f"{heat.row_axis} {heat.rows[row]}, {heat.column_axis} {heat.columns[column]}"
    if value is None:
        return element("td", "–", class_="none", title=f"{where}: nothing")  # noqa: RUF001 - a dash
    text = heat.texts[row, column]
    shade = shade_of(value, least, most)
    return element("td", text, class_=f"shade{shade}", title=f"{where}: {text}")


def shade_of(value: float, least: float, most: float) -> int:
    """The step of the scale from ``least`` to ``most``; the first one where all are alike."""
    if most <= least:
        return 0
    return min(int(SHADES * (value - least) / (most - least)), SHADES - 1)


@dataclass(frozen=True)
class Point:
    """A point of a chart: where it is, how large (0 to 1), whether it is full or hollow."""

    x: float
    y: float
    says: str
    href: str
    size: float = 0.5
    hollow: bool = False


@dataclass(frozen=True)
class Scale:
    """Where values lie between the least and the largest one, from 0 to 1."""

    least: float
    most: float
    logarithmic: bool

    @classmethod
    def of(cls, values: Sequence[float]) -> Scale:
        """A logarithmic one where values lie far apart."""
        least, most = min(values), max(values)
        return cls(least, most, least > 0 and most / least >= _RATIO_FOR_LOGARITHM)

    def place(self, value: float) -> float:
        """Where a value lies; in the middle where there is only one."""
        if self.most == self.least:
            return 0.5
        if self.logarithmic:
            return math.log(value / self.least) / math.log(self.most / self.least)
        return (value - self.least) / (self.most - self.least)


def points(
    marks: Sequence[Point],
    x_name: str,
    y_name: str,
    x_ticks: Sequence[tuple[float, str]],
    y_ticks: Sequence[tuple[float, str]],
) -> Html:
    """A field of points, each a link; ticks are values and what they are called."""
    across = Scale.of([mark.x for mark in marks])
    up = Scale.of([mark.y for mark in marks])
    drawn = [*_grid(x_ticks, y_ticks, across, up)]
    drawn += [_mark(mark, across, up) for mark in marks]
    height = _TOP + _HIGH + _FOOT
    says = f"{y_name} by {x_name}"
    picture = element("svg", drawn, width="100%", height=height, role="group", aria_label=says)
    return element(
        "figure",
        element("p", f"↑ {y_name}", class_="axis"),
        element("div", picture, class_="bar"),
        element("p", f"{x_name} →", class_="axis right"),
        class_="points",
    )


def _x(value: float, scale: Scale) -> str:
    return f"{_LEFT + _WIDTH * scale.place(value):.3f}%"


def _y(value: float, scale: Scale) -> str:
    return f"{_TOP + _HIGH * (1 - scale.place(value)):.2f}"


def _grid(
    x_ticks: Sequence[tuple[float, str]],
    y_ticks: Sequence[tuple[float, str]],
    across: Scale,
    up: Scale,
) -> list[Html]:
    drawn = []
    for value, name in y_ticks:
        y = _y(value, up)
        drawn.append(element("line", x1="0", x2="100%", y1=y, y2=y, class_="grid"))
        over = f"{float(y) - 3:.2f}"
        drawn.append(element("text", name, x="0", y=over, class_="bare start"))
    for value, name in x_ticks:
        drawn.append(element("text", name, x=_x(value, across), y=_TOP + _HIGH + 20, class_="bare"))
    return drawn


def _mark(mark: Point, across: Scale, up: Scale) -> Html:
    look = "point hollow" if mark.hollow else "point"
    radius = f"{4 + 5 * math.sqrt(mark.size):.2f}"
    circle = element("circle", cx=_x(mark.x, across), cy=_y(mark.y, up), r=radius, class_=look)
    return element("a", element("title", mark.says), circle, href=mark.href)


CHART_STYLE = """
.slotsolver {
  .part { stroke: var(--paper); stroke-width: 1 }
  .part.plan { fill: #009e73 } .part.infeasible { fill: #d55e00 }
  .part.undecided { fill: #f0e442 } .part.broken { fill: var(--used) }
  .one-share { display: grid; align-items: center; gap: 0 1em; margin: 3px 0;
               grid-template-columns: minmax(0, 11em) minmax(0, 1fr) 9.5em; break-inside: avoid }
  .one-share .value { overflow-wrap: anywhere }
  .share-of { font-variant-numeric: tabular-nums } .share-of small { color: var(--soft) }
  .heat { border-collapse: separate; border-spacing: 2px }
  .heat th, .heat td { border: 0; padding: .35em .6em; text-align: center; font-size: 12px }
  .heat th[scope="row"], .heat .corner { text-align: left }
  .heat td { min-width: 3.2em; font-variant-numeric: tabular-nums; print-color-adjust: exact;
             -webkit-print-color-adjust: exact }
  .heat .none { color: var(--soft) }
  .choices { border: 0; margin: .4em 0; padding: 0; display: flex; flex-wrap: wrap;
             gap: .3em 1.1em }
  .choices legend { color: var(--soft); float: left; padding: 0; margin-right: 1em }
  .choices label { overflow-wrap: anywhere; min-width: 0; cursor: pointer }
  .label { display: inline-block; white-space: normal; overflow-wrap: anywhere; max-width: 11em }
  .one-heat { display: none }
  .points { margin: .8em 0 1.5em; max-width: 900px }
  .points .axis { color: var(--soft); font-size: 12px; max-width: none }
  .points .right { text-align: right }
  .points a { cursor: pointer }
  .grid { stroke: var(--line); stroke-width: 1 }
  .point { fill: #0072b2; fill-opacity: .75; stroke: var(--ink); stroke-width: 1 }
  .point.hollow { fill: var(--paper); stroke: #d55e00; stroke-width: 2.5 }
  a:hover .point, a:focus .point { stroke-width: 4 }
  svg text.start { text-anchor: start }
  a { color: light-dark(#0058a3, #7cc0ff) }
  .figures { display: flex; flex-wrap: wrap; gap: .6em 2.4em; margin: 1em 0; padding: 0 }
  .figures div { min-width: 7em }
  .figures dt { color: var(--soft); font-size: 12px }
  .figures dd { margin: 0; font-size: 1.5em; font-weight: 500; font-variant-numeric: tabular-nums }
  .scenario { display: none; border-top: 3px solid var(--line); margin-top: 2em; padding-top: .5em }
  .scenario:target { display: block }
  .long { display: inline-block; white-space: normal; min-width: 14em; max-width: 36em }
  .two { display: grid; grid-template-columns: minmax(0, 1fr); gap: 0 3em }
}
@container page (min-width: 1000px) {
  .slotsolver .two { grid-template-columns: repeat(2, minmax(0, 1fr)) }
}
@media print { .slotsolver .heat td { min-width: 2.4em; padding: .3em } }
@container page (max-width: 520px) {
  .slotsolver .one-share { grid-template-columns: minmax(0, 1fr) auto }
  .slotsolver .one-share .bar { grid-column: 1 / -1; grid-row: 2 }
}
"""
"""Beside the style of plans."""

_SHADES = (
    "#f7fbff",
    "#deebf7",
    "#c6dbef",
    "#9ecae1",
    "#7db8da",
    "#5ba3cf",
    "#2f74b3",
    "#155a9c",
    "#08306b",
)
SHADE_STYLE = "".join(
    f".slotsolver .shade{step}{{background:{shade};color:{'#111' if step < 6 else '#fff'}}}"
    for step, shade in enumerate(_SHADES)
)
"""Blues from light to dark, after ColorBrewer (https://colorbrewer2.org), which the colour-blind
can tell apart; numbers stand in every cell."""

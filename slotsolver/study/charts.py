"""Charts of a study for the browser: shares as bars, heat maps. Plain numbers go in.

As in the pictures of plans, places are shares of the width, text keeps its size, and no meaning
hangs on a hue alone: cells hold their numbers, parts of bars are hatched or named.
"""

from __future__ import annotations

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
        inner = [element("title", f"{share.label}: {count:,} of {whole:,} {name}")]
        inner.append(box(at, count, whole, 0, 14, f"part {look}"))
        inner.append(hatched(at, count, whole, 0, 14, pattern))
        drawn.append(element("g", inner, data_part=part, data_count=count))
        at += count
    feasible = share.parts.get("plan", 0)
    says = f"{feasible:,} of {whole:,}"
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
    ``texts`` what is written into the cells, ``says`` what the numbers are. Shades go from the
    least to the largest number, or, where a ``scale`` is given, from one end of it to the other."""

    row_axis: str
    column_axis: str
    rows: Sequence[str]
    columns: Sequence[str]
    values: Mapping[tuple[int, int], float]
    texts: Mapping[tuple[int, int], str]
    says: str
    scale: tuple[float, float] | None = None


def label(name: str) -> Html:
    """A name of somebody's choosing, which may be long."""
    return element("span", name, class_="label")


def heat_map(heat: Heat) -> Html:
    """A table whose cells are the darker the larger their numbers."""
    numbers = heat.scale or heat.values.values() or (0,)
    least, most = min(numbers), max(numbers)
    head = [element("th", label(f"{heat.row_axis} \\ {heat.column_axis}"), class_="corner")]
    head += [element("th", label(column), scope="col") for column in heat.columns]
    lines = [element("tr", head)]
    for row, name in enumerate(heat.rows):
        cells = [element("th", label(name), scope="row")]
        cells += [_cell(heat, row, n, least, most) for n in range(len(heat.columns))]
        lines.append(element("tr", cells))
    table = element("table", lines, class_="heat")
    return join(element("p", heat.says, class_="aside"), element("div", table, class_="wide"))


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

"""The Pareto front in a report: its points, and its rows with links to what is drawn."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from slotsolver.export.html_tables import table
from slotsolver.export.markup import Child, Html, element, join
from slotsolver.size import format_size
from slotsolver.study.chart_points import Point, points, ticks
from slotsolver.study.charts import label

_MOST_COLUMNS = 5
"""Axes that have a column each."""
_MOST_NUMBERS = 8
"""Scenarios at one place whose numbers are told."""


@dataclass(frozen=True)
class FrontRow:
    """A scenario of which none is better in all figures; ``None`` is no figure of it."""

    scenario: int
    labels: Sequence[str]
    slots: int
    step: int
    imbalance: int | None
    pages: int | None


def front(
    rows: Sequence[FrontRow], axes: Sequence[str], shown: Collection[int], left_out: int
) -> Html:
    """The section: a chart, and a table with a column for each of the ``axes``. Scenarios that are
    ``shown`` on the page are links; ``left_out`` rows are not listed."""
    figures = "slots taken, largest DIMM, imbalance, pages taken"
    head = element("h2", "Pareto front ", element("small", figures))
    if not rows:
        none = element("p", "No scenario has a plan with these figures.")
        return element("section", head, none, id="front")
    says = "Of scenarios with a plan, none is better than one of these in every figure: fewer "
    says += "slots, smaller DIMMs, less imbalance, fewer pages. Of equal ones the first is here."
    says += " A number leads to the memory map." if shown else ""
    names = axes if len(axes) <= _MOST_COLUMNS else ["values"]
    columns = ["scenario", *map(label, names), *figures.split(", ")]
    more = f"{left_out} more are not listed." if left_out else None
    return element(
        "section",
        head,
        element("p", says),
        _chart(rows, shown),
        table(columns, [_row(row, axes, shown) for row in rows], right=4),
        element("p", more, class_="aside") if more else None,
        id="front",
    )


def _row(row: FrontRow, axes: Sequence[str], shown: Collection[int]) -> list[Child]:
    values: list[Child] = [label(value) for value in row.labels]
    if len(axes) > _MOST_COLUMNS:
        values = [element("span", named(axes, row.labels), class_="long")]
    imbalance = None if row.imbalance is None else format_size(row.imbalance)
    pages = None if row.pages is None else f"{row.pages:,}"
    figures = [str(row.slots), format_size(row.step), imbalance or "-", pages or "-"]
    return [link(row.scenario, shown), *values, *figures]


def named(axes: Sequence[str], labels: Sequence[str]) -> Html:
    """The values of a scenario, each with its axis."""
    pairs = enumerate(zip(axes, labels, strict=True))
    return join(
        [[", " if n else "", element("bdi", f"{axis} {value}")] for n, (axis, value) in pairs]
    )


def link(scenario: int, shown: Collection[int]) -> Html:
    """A scenario's number, which leads to its memory map where that is on the page."""
    if scenario not in shown:
        return element("span", scenario)
    return element("a", scenario, href=f"#scenario-{scenario}")


def _chart(rows: Sequence[FrontRow], shown: Collection[int]) -> Html:
    """Slots by step. Scenarios at the same place share a point, which leads to the first."""
    places: dict[tuple[int, int], list[FrontRow]] = {}
    for row in rows:
        places.setdefault((row.slots, row.step), []).append(row)
    most = max((row.pages or 0 for row in rows), default=0)
    marks = [_point(each, shown, most) for each in places.values()]
    legend = "The larger a point, the more pages; hollow ones are not balanced."
    return join(
        points(
            marks,
            ("slots taken", [(value, str(value)) for value in ticks([p.x for p in marks])]),
            ("largest DIMM", [(v, format_size(int(v))) for v in ticks([p.y for p in marks])]),
        ),
        element("p", legend, class_="aside"),
    )


def _point(rows: Sequence[FrontRow], shown: Collection[int], most: int) -> Point:
    first = next((row for row in rows if row.scenario in shown), rows[0])
    numbers = ", ".join(str(row.scenario) for row in rows[:_MOST_NUMBERS])
    if len(rows) > _MOST_NUMBERS:
        numbers += f" and {len(rows) - _MOST_NUMBERS} more"
    says = f"{first.slots} slots, largest DIMM {format_size(first.step)}: scenario {numbers}"
    href = f"#scenario-{first.scenario}" if first.scenario in shown else None
    size = (first.pages or 0) / most if most else 0
    return Point(first.slots, first.step, says, href, size, bool(first.imbalance))

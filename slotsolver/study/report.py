"""A study's results as one page for a browser: shares, heat maps, the Pareto front, memory maps.

The page holds no script. What one chooses on it (axes, a scenario) are radio buttons and links that
its style obeys, so it works wherever a page can be read, and printed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from slotsolver.export.html import answer_body, page
from slotsolver.export.html_tables import sentence, table
from slotsolver.export.markup import Child, Html, element, join
from slotsolver.plan import Infeasible, Plan, Undecided
from slotsolver.problem import Problem
from slotsolver.size import format_size
from slotsolver.study.charts import (
    CHART_STYLE,
    SHADE_STYLE,
    Heat,
    Point,
    Share,
    heat_map,
    label,
    points,
    share_bars,
    share_legend,
)

_MOST_COLUMNS = 5
"""Axes that have a column each."""


@dataclass(frozen=True)
class AxisShares:
    """How the values of an axis do; ``left_out`` values are not shown."""

    name: str
    shares: Sequence[Share]
    left_out: int = 0


@dataclass(frozen=True)
class FrontRow:
    """A scenario of which none is better in all figures; ``None`` is no figure of it."""

    scenario: int
    labels: Sequence[str]
    slots: int
    step: int
    imbalance: int | None
    pages: int | None


@dataclass(frozen=True)
class Reason:
    """Rules that contradict each other, in how many scenarios, and what would help in one."""

    conflict: str
    scenarios: int
    example: int
    remedy: str


@dataclass(frozen=True)
class Shown:
    """A scenario with its problem and answer, to be drawn."""

    scenario: int
    labels: Sequence[str]
    problem: Problem
    answer: Plan | Infeasible | Undecided


@dataclass(frozen=True)
class Report:
    """What the page says.

    ``figures`` are large numbers with their names, ``axes`` the names of the axes, ``heats`` for
    each pair of axes a heat map of each figure (by their names), ``front_left_out`` rows of the
    front that are not listed.
    """

    name: str
    about: str
    figures: Sequence[tuple[str, str]]
    all_scenarios: Share
    axes: Sequence[str]
    shares: Sequence[AxisShares]
    heats: Mapping[tuple[str, str], Mapping[str, Heat]]
    front: Sequence[FrontRow]
    front_left_out: int
    reasons: Sequence[Reason]
    shown: Sequence[Shown]


def report_page(report: Report) -> str:
    """The page."""
    shown = {each.scenario for each in report.shown}
    return page(
        f"Study: {report.name}",
        element(
            "header",
            element("h1", element("bdi", report.name)),
            element("p", report.about, class_="facts"),
        ),
        _summary(report),
        _front(report, shown),
        _heats(report),
        _shares(report),
        _reasons(report, shown),
        [_scenario(each, report.axes) for each in report.shown],
        style=f"{CHART_STYLE}{SHADE_STYLE}{_choice_style(report)}",
    )


def _summary(report: Report) -> Html:
    entries = [
        element("div", element("dt", name), element("dd", figure))
        for name, figure in report.figures
    ]
    whole = [report.all_scenarios]
    return element(
        "section",
        element("dl", entries, class_="figures"),
        share_legend(whole),
        share_bars(whole),
        id="summary",
    )


def _shares(report: Report) -> Html:
    parts = []
    for axis in report.shares:
        more = f"{axis.left_out} more values are not shown." if axis.left_out else None
        note = element("p", more, class_="aside") if more else None
        bars = share_bars(axis.shares)
        parts.append(element("div", element("h3", axis.name), bars, note, data_axis=axis.name))
    legend = share_legend([report.all_scenarios])
    head = element("h2", "Scenarios with a plan, by the values of each axis")
    return element("section", head, legend, element("div", parts, class_="two"), id="shares")


def _front(report: Report, shown: set[int]) -> Html:
    head = element("h2", "Pareto front ", element("small", "slots, step, imbalance, pages"))
    if not report.front:
        none = element("p", "No scenario has a plan with these figures.")
        return element("section", head, none, id="front")
    says = "Of scenarios with a plan, none is better than one of these in every figure: fewer "
    says += "slots, smaller steps, less imbalance, fewer pages. A number leads to the memory map."
    rows: list[list[Child]] = [
        [
            _link(row.scenario, shown),
            *_values(report, row.labels),
            str(row.slots),
            format_size(row.step),
            "–" if row.imbalance is None else format_size(row.imbalance),  # noqa: RUF001 - a dash
            "–" if row.pages is None else f"{row.pages:,}",  # noqa: RUF001 - a dash
        ]
        for row in report.front
    ]
    names = ["scenario", *_axes(report), "slots", "step", "imbalance", "pages"]
    more = f"{report.front_left_out} more are not listed." if report.front_left_out else None
    return element(
        "section",
        head,
        element("p", says),
        _front_points(report, shown),
        table(names, rows, right=4),
        element("p", more, class_="aside") if more else None,
        id="front",
    )


def _axes(report: Report) -> list[Html]:
    """The axes as columns, or, where there are too many for a page's width, as one."""
    return list(map(label, report.axes if len(report.axes) <= _MOST_COLUMNS else ["values"]))


def _values(report: Report, labels: Sequence[str]) -> list[Html]:
    """The values of a scenario, in these columns."""
    if len(labels) <= _MOST_COLUMNS:
        return list(map(label, labels))
    return [element("span", _named(report.axes, labels), class_="long")]


def _named(axes: Sequence[str], labels: Sequence[str]) -> Html:
    named = enumerate(zip(axes, labels, strict=True))
    return join(
        [[", " if n else "", element("bdi", f"{axis} {value}")] for n, (axis, value) in named]
    )


def _link(scenario: int, shown: set[int]) -> Html:
    if scenario not in shown:
        return element("span", scenario)
    return element("a", scenario, href=f"#scenario-{scenario}")


def _front_points(report: Report, shown: set[int]) -> Html:
    """Slots by step. Scenarios at the same place share a point, which leads to the first."""
    places: dict[tuple[int, int], list[FrontRow]] = {}
    for row in report.front:
        places.setdefault((row.slots, row.step), []).append(row)
    most = max((row.pages or 0 for row in report.front), default=0)
    marks = []
    for (slots, step), rows in places.items():
        first = next((row for row in rows if row.scenario in shown), rows[0])
        numbers = ", ".join(str(row.scenario) for row in rows[:8])
        numbers += f" and {len(rows) - 8} more" if len(rows) > 8 else ""
        says = f"{slots} slots, steps of {format_size(step)}: scenario {numbers}"
        target = f"#scenario-{first.scenario}" if first.scenario in shown else "#front"
        size = (first.pages or 0) / most if most else 0
        marks.append(Point(slots, step, says, target, size, bool(first.imbalance)))
    legend = "The larger a point, the more pages; hollow ones are not balanced."
    return join(
        points(marks, "slots", "step", _slot_ticks(places), _step_ticks(places)),
        element("p", legend, class_="aside"),
    )


def _slot_ticks(places: Mapping[tuple[int, int], object]) -> list[tuple[float, str]]:
    slots = sorted({slots for slots, _ in places})
    return [(value, str(value)) for value in _spread(slots, 5)]


def _step_ticks(places: Mapping[tuple[int, int], object]) -> list[tuple[float, str]]:
    steps = sorted({step for _, step in places})
    return [(value, format_size(value)) for value in _spread(steps, 5)]


def _spread(values: Sequence[int], count: int) -> list[int]:
    """The least, the largest, and some between whose places lie apart on either scale."""
    chosen = [values[0]]
    ratio = (values[-1] / values[0]) ** (1 / count) if values[0] > 0 else 1
    for value in values[1:-1]:
        apart = (value - chosen[-1]) * count >= values[-1] - values[0]
        if (apart or value >= chosen[-1] * ratio) and value * ratio <= values[-1]:
            chosen.append(value)
    return chosen if len(values) == 1 else [*chosen, values[-1]]


def _heats(report: Report) -> Html | None:
    if not report.heats:
        return None
    pairs = [_names(*pair) for pair in report.heats]
    figures = [_names(figure) for figure in next(iter(report.heats.values()))]
    choices = join(
        _choices("axes", pairs, "axes", 0),
        _choices("figure", figures, "figure", 0) if len(figures) > 1 else None,
    )
    maps = [
        element("div", heat_map(heat), class_="one-heat", id=f"heat-{pair}-{figure}")
        for pair, heats in enumerate(report.heats.values())
        for figure, heat in enumerate(heats.values())
    ]
    return element("section", element("h2", "Any two axes"), choices, maps, id="heats")


def _names(*names: str) -> Html:
    """Names of somebody's choosing side by side, whichever way they are written."""
    return join([[" by " if place else "", element("bdi", n)] for place, n in enumerate(names)])


def _choices(what: str, names: Sequence[Html], legend: str, chosen: int) -> Html:
    """Radio buttons, of which the style knows the one that is chosen."""
    buttons = [
        element(
            "label",
            element(
                "input",
                type="radio",
                name=what,
                id=f"{what}-{number}",
                checked=number == chosen,
                autocomplete="off",
            ),
            " ",
            name,
        )
        for number, name in enumerate(names)
    ]
    return element("fieldset", element("legend", legend), buttons, class_="choices")


def _choice_style(report: Report) -> str:
    """Which heat map is there by which buttons are pressed."""
    rules = []
    for pair, heats in enumerate(report.heats.values()):
        for figure in range(len(heats)):
            pressed = f":has(#axes-{pair}:checked)"
            pressed += f":has(#figure-{figure}:checked)" if len(heats) > 1 else ""
            rules.append(f"#heats{pressed} #heat-{pair}-{figure}{{display:block}}")
    return "".join(rules)


def _reasons(report: Report, shown: set[int]) -> Html | None:
    if not report.reasons:
        return None
    rows: list[list[Child]] = [
        [
            f"{reason.scenarios:,}",
            element("span", reason.conflict, class_="long"),
            _link(reason.example, shown),
            element("span", sentence(reason.remedy), class_="long"),
        ]
        for reason in report.reasons
    ]
    head = ["scenarios", "rules that contradict each other", "for example", "what helps there"]
    body = table(head, rows)
    return element("section", element("h2", "Why there is no plan"), body, id="reasons")


def _scenario(each: Shown, axes: Sequence[str]) -> Html:
    head = element("small", _named(axes, each.labels))
    return element(
        "section",
        element("h2", f"Scenario {each.scenario} ", head),
        element("p", element("a", "back to the front", href="#front")),
        answer_body(each.answer, each.problem, brief=True),
        id=f"scenario-{each.scenario}",
        class_="scenario",
    )

"""A study's results as one page for a browser: shares, heat maps, the Pareto front, memory maps.

The page holds no script. What one chooses on it (axes, a scenario) are radio buttons and links that
its style obeys, so it works wherever a page can be read, and printed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from slotsolver.export.html import answer_body, fragment, page
from slotsolver.export.html_tables import sentence, table
from slotsolver.export.markup import Child, Html, element, join
from slotsolver.study.chart_style import CHART_STYLE, SHADE_STYLE
from slotsolver.study.charts import Heat, Share, heat_map, share_bars, share_legend
from slotsolver.study.report_front import FrontRow, front, link, named

if TYPE_CHECKING:
    from slotsolver.plan import Infeasible, Plan, Undecided
    from slotsolver.problem import Problem
    from slotsolver.study.result import Reason


@dataclass(frozen=True)
class AxisShares:
    """How the values of an axis do; ``left_out`` values are not shown."""

    name: str
    shares: Sequence[Share]
    left_out: int = 0


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
        front(report.front, report.axes, shown, report.front_left_out),
        _heats(report),
        _shares(report),
        _reasons(report, shown),
        _index(report),
        [_scenario(each, report.axes) for each in report.shown],
        style=f"{CHART_STYLE}{SHADE_STYLE}{_choice_style(report)}",
    )


def report_fragment(report: Report) -> str:
    """The summary, the front and the shares, to be put into a page of others."""
    short = replace(report, heats={}, shown=())
    return fragment(
        element("h2", element("bdi", report.name)),
        element("p", report.about, class_="facts"),
        _summary(short),
        front(report.front, report.axes, (), report.front_left_out),
        _shares(short),
        _reasons(short, set()),
        style=CHART_STYLE,
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
            link(reason.example, shown),
            element("span", sentence(reason.remedy), class_="long"),
        ]
        for reason in report.reasons
    ]
    head = ["scenarios", "rules that contradict each other", "for example", "what helps there"]
    body = table(head, rows)
    return element("section", element("h2", "Why there is no plan"), body, id="reasons")


def _index(report: Report) -> Html | None:
    """The scenarios whose memory maps are here."""
    if not report.shown:
        return None
    rows: list[list[Child]] = [
        [
            element("a", each.scenario, href=f"#scenario-{each.scenario}"),
            element("span", named(report.axes, each.labels), class_="long"),
            each.answer.status,
        ]
        for each in report.shown
    ]
    body = table(["scenario", "values", "answer"], rows)
    return element("section", element("h2", "Memory maps"), body, id="maps")


def _scenario(each: Shown, axes: Sequence[str]) -> Html:
    head = element("small", named(axes, each.labels))
    return element(
        "section",
        element("h2", f"Scenario {each.scenario} ", head),
        element("p", element("a", "back to the front", href="#front")),
        answer_body(each.answer, each.problem, brief=True),
        id=f"scenario-{each.scenario}",
        class_="scenario",
    )

"""From the results of a study to its report: what is asked of the table, what is drawn.

Of a million rows only what is shown comes into memory. Scenarios that are drawn are solved anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any, TypeVar

from slotsolver.size import format_size
from slotsolver.study.charts import Heat, Share
from slotsolver.study.columns import FRONT, PLANNED, SIZES
from slotsolver.study.database import quoted
from slotsolver.study.report import AxisShares, Report, Shown, report_fragment, report_page
from slotsolver.study.report_front import FrontRow
from slotsolver.study.result import Count, Reason, StudyResult

Value = TypeVar("Value")

MOST_VALUES = 40
"""Values of an axis that have a bar."""
MOST_DOWN, MOST_ACROSS = 30, 14
"""Values of an axis that a heat map shows, down and across."""
MOST_PAIRS = 15
"""Pairs of axes that have heat maps: all of the first six axes."""
MOST_FRONT, MOST_DRAWN, MOST_REASONS, MOST_REFUSED = 100, 40, 20, 5
"""Rows of the front that are listed, and that are drawn; reasons that are listed, and of which an
example is explained."""

HEAT_FIGURES = {
    "slots_taken": "slots",
    "largest_dimm": "largest DIMM",
    "imbalance": "imbalance",
    "pages_taken": "pages",
    "fits": "guests that fit",
    "finest_step": "finest step",
    "fewest_slots": "fewest slots",
    "smallest_pools": "smallest pools",
}
"""Figures that have heat maps where they differ between scenarios, and what they are called."""


def page_of(result: StudyResult) -> str:
    """The report as a page that stands alone."""
    return report_page(report_of(result))


def fragment_of(result: StudyResult) -> str:
    """The report for a notebook: without what takes a page of its own."""
    return report_fragment(report_of(result, drawn=False))


def report_of(result: StudyResult, *, drawn: bool = True) -> Report:
    """What the report says; without scenarios, which are solved anew, unless they are ``drawn``."""
    axes = [axis.name for axis in result.definition.axes]
    front = result.front()
    reasons = result.reasons(MOST_REASONS)
    return Report(
        name=result.definition.name,
        about=_about(result),
        figures=tuple(_figures(result)),
        all_scenarios=_share(result.statuses()),
        axes=axes,
        shares=[
            AxisShares(
                name,
                [_share(count) for count in spread(counts, MOST_VALUES)],
                max(0, len(counts) - MOST_VALUES),
            )
            for name, counts in result.shares()
        ],
        heats=dict(_heats(result)),
        front=[_front_row(result, row) for row in front[:MOST_FRONT]],
        front_left_out=len(front[MOST_FRONT:]),
        reasons=reasons,
        shown=list(_shown(result, front, reasons)) if drawn else [],
    )


def spread(values: Sequence[Value], most: int) -> Sequence[Value]:
    """At most so many of the values, from the first to the last, evenly spread."""
    if len(values) <= most:
        return values
    return [values[place * (len(values) - 1) // (most - 1)] for place in range(most)]


def _about(result: StudyResult) -> str:
    definition = result.definition
    how = {"product": "every combination of", "zip": "side by side, of", "sample": "a sample of"}
    axes = len(definition.axes)
    of = f": {how[definition.combine]} {axes} {'axis' if axes == 1 else 'axes'}" if axes else ""
    questions = ", ".join(question.kind for question in definition.questions)
    scenarios = f"{result.total:,} scenario{'' if result.total == 1 else 's'}"
    return f"{scenarios}{of}; asked: {questions}."


def _figures(result: StudyResult) -> Iterator[tuple[str, str]]:
    """Large numbers with their names."""
    yield "scenarios", f"{result.done:,}"
    if result.done < result.total:
        yield "still to do", f"{result.total - result.done:,}"
    yield "different ones, solved", f"{result.unique:,}"
    yield "the same as others", f"{100 * result.hit_rate:.3g} %"
    ((median, most),) = result.query("SELECT median(seconds), max(seconds) FROM results")
    if median is not None:
        yield "median time of an answer", _time(median)
        yield "longest", _time(most)


def _time(seconds: float) -> str:
    return f"{seconds:.3g} s" if seconds >= 1 else f"{1000 * seconds:.3g} ms"


def _share(count: Count) -> Share:
    """Statuses as the parts of a bar."""
    parts: dict[str, int] = {}
    for status, scenarios in count.statuses.items():
        part = status if status in ("infeasible", "undecided") else "broken"
        part = "plan" if status in PLANNED else part
        parts[part] = parts.get(part, 0) + scenarios
    return Share(count.label, parts)


def _front_row(result: StudyResult, row: Mapping[str, Any]) -> FrontRow:
    slots, step, imbalance, pages = (row.get(figure) for figure in FRONT)
    number = row["scenario"]
    return FrontRow(number, result.labels(number), slots or 0, step or 0, imbalance, pages)


def _shown(
    result: StudyResult, front: Sequence[Mapping[str, Any]], reasons: Sequence[Reason]
) -> Iterator[Shown]:
    """The front's scenarios, an example of each of the most frequent reasons, and of all
    others that have a plan as many as there is room for, evenly spread."""
    numbers = [row["scenario"] for row in front[:MOST_DRAWN]]
    numbers += [reason.example for reason in reasons[:MOST_REFUSED]]
    others = result.query(
        f"SELECT scenario FROM results WHERE status IN {PLANNED} ORDER BY ALL"  # noqa: S608 - our own
    )
    room = max(0, MOST_DRAWN - len(set(numbers)))
    if room > 1:
        numbers += [number for (number,) in spread(others, room)]
    for number in sorted(set(numbers)):
        problem, answer = result.problem(number), result.answer(number)
        yield Shown(number, result.labels(number), problem, answer)


def _heats(result: StudyResult) -> Iterator[tuple[tuple[str, str], dict[str, Heat]]]:
    """For each pair of axes that vary the share without a plan, and the mean of each figure."""
    labels = {axis.name: result.labels_of(axis.name) for axis in result.definition.axes}
    several = [name for name, found in labels.items() if len(found) > 1]
    figures = _that_differ(result)
    for one, other in list(combinations(several, 2))[:MOST_PAIRS]:
        down, across = (one, other) if len(labels[one]) >= len(labels[other]) else (other, one)
        yield (one, other), dict(_pair(result, down, across, labels, figures))


def _that_differ(result: StudyResult) -> list[str]:
    """Figures that are not the same in all scenarios that have them."""
    there = [name for name in HEAT_FIGURES if name in result.columns]
    spans = ", ".join(f"min({name}) < max({name})" for name in there) or "true"
    (differ,) = result.query(f"SELECT {spans} FROM results")  # noqa: S608 - our names
    return [name for name, varies in zip(there, differ, strict=False) if varies]


def _pair(
    result: StudyResult,
    down: str,
    across: str,
    labels: Mapping[str, Mapping[Any, str]],
    figures: Sequence[str],
) -> Iterator[tuple[str, Heat]]:
    rows = spread(list(labels[down]), MOST_DOWN)
    columns = spread(list(labels[across]), MOST_ACROSS)
    means = "".join(f", avg({name})" for name in figures)
    found = result.query(
        f"SELECT {quoted(down)}, {quoted(across)}, avg(CAST(status = 'infeasible' AS INT)){means}"  # noqa: S608 - quoted
        " FROM results GROUP BY 1, 2"
    )
    row_of = {value: place for place, value in enumerate(rows)}
    column_of = {value: place for place, value in enumerate(columns)}
    names = [labels[down][value] for value in rows], [labels[across][value] for value in columns]
    cut = len(labels[down]) > len(rows) or len(labels[across]) > len(columns)
    shown = list(enumerate(["infeasible", *figures], 2))
    if len({row[2] for row in found}) == 1:  # what is the same everywhere is looked at last
        shown.append(shown.pop(0))
    for number, figure in shown:
        values = {
            (row_of[row[0]], column_of[row[1]]): float(row[number])
            for row in found
            if row[0] in row_of and row[1] in column_of and row[number] is not None
        }
        texts = {place: _written(figure, value) for place, value in values.items()}
        says = _says(figure) + (" Not every value is shown." if cut else "")
        called = HEAT_FIGURES.get(figure, "share without a plan")
        scale = (0, 1) if figure == "infeasible" else None
        yield called, Heat(down, across, *names, values, texts, says, scale)


def _says(figure: str) -> str:
    if figure == "infeasible":
        return "The share of scenarios that are proven to have no plan."
    return f"{HEAT_FIGURES[figure].capitalize()}: the mean over scenarios that have the figure."


def _written(figure: str, value: float) -> str:
    """A number short enough for a cell."""
    if figure == "infeasible":
        return f"{100 * value:.0f} %"
    if figure in SIZES:
        return _short_size(value)
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _short_size(size: float) -> str:
    """Three digits of a size; less than a MiB exactly."""
    for power, unit in ((40, "TiB"), (30, "GiB"), (20, "MiB")):
        if size >= 1 << power:
            return f"{size / (1 << power):.4g} {unit}"
    return format_size(round(size))

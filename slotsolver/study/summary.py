"""A study's results in short: for the terminal, and as plain data for programs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.text import Text

from slotsolver.export.table_parts import new_table, print_entry
from slotsolver.size import format_size
from slotsolver.study.columns import FRONT, PLANNED, SIZES
from slotsolver.study.result import Count, StudyResult

if TYPE_CHECKING:
    from rich.console import Console

MOST_ROWS = 24
"""Rows of a table for the terminal; the JSON and the page have all."""
BAR = 20
"""Marks of a bar of shares."""


def summary_of(result: StudyResult) -> dict[str, Any]:
    """The summary as plain data: sizes in bytes, shares from 0 to 1."""
    return {
        "name": result.definition.name,
        "scenarios": result.total,
        "done": result.done,
        "unique": result.unique,
        "hit_rate": result.hit_rate,
        "statuses": dict(result.statuses().statuses),
        "axes": [
            {
                "axis": axis,
                "values": [
                    {
                        "value": count.label,
                        "scenarios": count.scenarios,
                        "infeasible": count.infeasible,
                        "statuses": dict(count.statuses),
                    }
                    for count in counts
                ],
            }
            for axis, counts in result.shares()
        ],
        "figures": {
            name: {"least": spread.least, "median": spread.median, "most": spread.most}
            for name, spread in result.spreads().items()
        },
        "front": result.front(),
        "reasons": [asdict(reason) for reason in result.reasons()],
        "broken": [asdict(broken) for broken in result.broken()],
    }


def draw_summary(result: StudyResult, console: Console) -> None:
    """Print the summary."""
    _print_head(result, console)
    _print_shares(result.shares(), console)
    _print_figures(result, console)
    _print_front(result, console)
    _print_reasons(result, console)
    _print_broken(result, console)


def _print_head(result: StudyResult, console: Console) -> None:
    statuses = result.statuses().statuses
    counts = ", ".join(f"{count:,} {status}" for status, count in statuses.items())
    name = one_line(result.definition.name)
    console.print(f"{name}  {result.total:,} scenarios", highlight=False, markup=False)
    if result.done < result.total:
        console.print(
            f"only {result.done:,} of them are finished; 'study run … --resume' goes on",
            style="yellow",
            highlight=False,
        )
    console.print(counts, highlight=False)
    console.print(
        f"{result.unique:,} different ones were solved; {result.hit_rate:.1%} were the same as "
        f"others",
        highlight=False,
    )
    console.print()


def _print_shares(shares: Iterable[tuple[str, list[Count]]], console: Console) -> None:
    table = new_table("axis", "value", "scenarios", "infeasible", "", right=("scenarios",))
    table.columns[3].justify = "right"
    for axis, counts in shares:
        for place, count in enumerate(counts[:MOST_ROWS]):
            name = text(axis if place == 0 else "")
            share = f"{count.infeasible:.1%}"
            table.add_row(name, text(count.label), f"{count.scenarios:,}", share, _bar(count))
        if len(counts) > MOST_ROWS:
            table.add_row("", f"… {len(counts) - MOST_ROWS} more", "", "", "")
        table.add_section()
    if table.row_count:
        console.print(table)
        console.print(" █ infeasible  ▒ open, invalid or failed  ░ with a plan", highlight=False)
        console.print()


def _bar(count: Count) -> str:
    """Shares of scenarios in :data:`BAR` marks; one that is not nothing shows at least one."""
    planned = sum(count.statuses.get(status, 0) for status in PLANNED)
    none = count.statuses.get("infeasible", 0)
    widths = [
        max(round(part * BAR / count.scenarios), 1 if part else 0)
        for part in (none, count.scenarios - none - planned, planned)
    ]
    while sum(widths) > BAR:
        widths[widths.index(max(widths))] -= 1
    while sum(widths) < BAR:
        widths[widths.index(max(widths))] += 1
    return "".join(mark * width for mark, width in zip("█▒░", widths, strict=True))


def _print_figures(result: StudyResult, console: Console) -> None:
    spreads = result.spreads()
    if not spreads:
        return
    names = ("least", "median", "largest")
    table = new_table("figure", *names, right=names)
    for name, spread in spreads.items():
        values = (spread.least, spread.median, spread.most)
        table.add_row(name, *(shown(name, value) for value in values))
    console.print(table)
    console.print()


def _print_front(result: StudyResult, console: Console) -> None:
    front = result.front()
    if not front:
        return
    axes = [one_line(axis.name) for axis in result.definition.axes][:4]
    console.print(
        "Pareto front: with a plan, and no other is better in one and as good in all of",
        ", ".join(FRONT),
        highlight=False,
    )
    table = new_table("scenario", *map(escape, axes), *FRONT, right=("scenario", *FRONT))
    for row in front[:MOST_ROWS]:
        labels = map(text, result.labels(row["scenario"])[: len(axes)])
        figures = (shown(name, row.get(name)) for name in FRONT)
        table.add_row(str(row["scenario"]), *labels, *figures)
    if len(front) > MOST_ROWS:
        table.add_row("…", *[""] * len(axes), *[""] * len(FRONT))
    console.print(table)
    if len(front) > MOST_ROWS:
        console.print(f" {len(front) - MOST_ROWS} more are not shown", highlight=False)
    console.print()


def _print_reasons(result: StudyResult, console: Console) -> None:
    reasons = result.reasons()
    if not reasons:
        return
    console.print("Rules that contradict each other", highlight=False)
    for reason in reasons[:MOST_ROWS]:
        helps = f"; in scenario {reason.example} this would help: {reason.remedy}"
        says = f"{reason.scenarios:,} times: {reason.conflict}{helps if reason.remedy else ''}"
        print_entry(console, one_line(says))
    console.print()


def _print_broken(result: StudyResult, console: Console) -> None:
    found = result.broken()
    if not found:
        return
    console.print("Scenarios that are no problems, or failed", highlight=False)
    for broken in found[:MOST_ROWS]:
        says = f"{broken.scenarios:,} times {broken.status}, such as scenario {broken.example}"
        print_entry(console, one_line(f"{says}: {broken.says}"))
    console.print()


def text(label: str) -> Text:
    """What somebody has called something, in a cell of a table: as it is, but on one line."""
    return Text(one_line(label))


def one_line(label: str) -> str:
    """What cannot be printed is escaped."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in label)


def shown(name: str, value: float | None) -> str:
    """A figure for people: bytes as a size."""
    if value is None:
        return "-"
    if name in SIZES:
        return format_size(int(value))
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.1f}"

"""A report made by hand, of a study of three axes."""

from __future__ import annotations

from slotsolver.solver import solve
from slotsolver.study.charts import Heat, Share
from slotsolver.study.report import AxisShares, Report, Shown
from slotsolver.study.report_front import FrontRow
from slotsolver.study.result import Reason
from tests.export.pages import HOSTILE, answered, thread

AXES = ("target", HOSTILE, "page size")
LABELS = (("8 GiB", "16 GiB", "24 GiB"), ("1", "<b>2</b>"), ("4 KiB", "2 MiB"))
PARTS = (
    {"plan": 4},
    {"plan": 2, "infeasible": 1, "undecided": 1},
    {"infeasible": 3, "broken": 1},
)
"""Of the targets."""


def heat(row: int, column: int, *, share: bool) -> Heat:
    """A heat map whose numbers grow down and to the right; its last cell has none."""
    rows, columns = LABELS[row], LABELS[column]
    values = {
        (r, c): (r + c) / 3 if share else 10.0 * (r + 1) * (c + 1)
        for r in range(len(rows))
        for c in range(len(columns))
    }
    del values[len(rows) - 1, len(columns) - 1]
    texts = {at: f"{value:.0%}" if share else f"{value:g}" for at, value in values.items()}
    return Heat(AXES[row], AXES[column], rows, columns, values, texts, "What it is.")


def report() -> Report:
    """The report: two scenarios of the front and one without a plan can be clicked."""
    pairs = [(0, 1), (0, 2), (1, 2)]
    problem, plan = answered("thread")
    refused, why = answered("impossible")
    front = [
        FrontRow(3, ("8 GiB", "1", "4 KiB"), 16, 512 << 20, 0, 8192),
        FrontRow(7, ("16 GiB", "1", "2 MiB"), 4, 2 << 30, 1 << 30, 4096),
        FrontRow(8, ("16 GiB", "<b>2</b>", "2 MiB"), 4, 2 << 30, None, None),
    ]
    two = thread()
    return Report(
        name=HOSTILE,
        about="12 scenarios: every combination of 3 axes.",
        figures=(("scenarios", "12"), ("solved", "9"), ("already known", "25 %")),
        all_scenarios=Share("all", {"plan": 6, "infeasible": 4, "undecided": 1, "broken": 1}),
        axes=AXES,
        shares=(
            AxisShares(
                AXES[0], [Share(name, p) for name, p in zip(LABELS[0], PARTS, strict=True)], 5
            ),
            AxisShares(AXES[1], [Share(name, {"plan": 3}) for name in LABELS[1]]),
        ),
        heats={
            (AXES[a], AXES[b]): {
                "infeasible": heat(a, b, share=True),
                "slots": heat(a, b, share=False),
            }
            for a, b in pairs
        },
        front=front,
        front_left_out=2,
        reasons=(Reason("slots, maximum", 3, 9, "guest box: `slots` 15 instead of 10"),),
        shown=(
            Shown(3, front[0].labels, problem, plan),
            Shown(7, front[1].labels, two, solve(two)),
            Shown(9, ("24 GiB", "1", "4 KiB"), refused, why),
        ),
    )

"""A plan, or why there is none, as one page for a browser, and as a fragment for notebooks.

The page needs nothing but itself: no script, no file, no network, and a Content-Security-Policy
forbids all of it. The study's report is put together from the same parts.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence

from slotsolver.export import html_tables, wording
from slotsolver.export.address_space import address_space
from slotsolver.export.html_style import PAGE_STYLE, STYLE
from slotsolver.export.layout import Layout
from slotsolver.export.markup import Child, Html, element, join
from slotsolver.export.svg_memory import boot_strip, memory_map
from slotsolver.export.svg_parts import PATTERNS, page_sizes_of
from slotsolver.export.svg_pools import pools
from slotsolver.plan import Infeasible, Plan, PlannedGuest, Undecided
from slotsolver.problem import Problem
from slotsolver.version import VERSION


def html_page(problem: Problem, answer: Plan | Infeasible | Undecided) -> str:
    """The page of an answer: HTML that stands alone."""
    title = f"Memory plan: {', '.join(guest.name for guest in problem.guests)}"
    return page(title, answer_body(answer, problem))


def page(title: str, *body: Child, style: str = "") -> str:
    """A page that stands alone, with some more ``style``. No script may run in it."""
    style = f"{STYLE}{PAGE_STYLE}{style}"
    policy = f"default-src 'none'; style-src {_digest(style)}; base-uri 'none'; form-action 'none'"
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=policy),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("meta", name="generator", content=f"slotsolver {VERSION}"),
        element("title", title),
        element("style", Html(style)),
    )
    inner = element("body", element("main", PATTERNS, body, class_="slotsolver"))
    return f"<!doctype html>\n{element('html', head, inner, lang='en')}\n"


def _digest(text: str) -> str:
    """What a Content-Security-Policy knows a style by."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def plan_fragment(plan: Plan, problem: Problem | None = None) -> str:
    """A plan as HTML to be put into a page of others, with a style for itself only.

    Without its problem the machine type is not known: then boot memory and holes have no address.
    """
    return fragment(answer_body(plan, problem))


def answer_fragment(answer: Infeasible | Undecided) -> str:
    """The same for the other answers."""
    return fragment(answer_body(answer))


def fragment(*body: Child, style: str = "") -> str:
    """Parts to be put into a page of others, with our style and some more ``style``."""
    return element(
        "div", element("style", Html(f"{STYLE}{style}")), PATTERNS, body, class_="slotsolver"
    )


def answer_body(
    answer: Plan | Infeasible | Undecided, problem: Problem | None = None, *, brief: bool = False
) -> Html:
    """An answer without style and hatchings, which a page has once. ``brief``, for one of many on
    a page: no list of every DIMM, and not how long it took."""
    if isinstance(answer, Plan):
        return _plan(answer, problem, brief=brief)
    if isinstance(answer, Infeasible):
        head = element("p", "No plan exists; that is proven.", class_="verdict bad")
        return element("article", element("h2", _names(problem)), head, html_tables.why_not(answer))
    says = f"No plan after {answer.seconds:.1f} s: {answer.says}; a longer time limit may help."
    return element("article", element("h2", _names(problem)), element("p", says, class_="verdict"))


def _names(problem: Problem | None) -> list[Child]:
    if problem is None:
        return ["No plan"]
    names = [element("bdi", guest.name) for guest in problem.guests]
    return [join(", " if place else "", name) for place, name in enumerate(names)]


def _plan(plan: Plan, problem: Problem | None, *, brief: bool) -> Html:
    sizes = page_sizes_of(plan)
    guests = []
    for planned in plan.guests:
        layout = Layout.of(problem, plan, planned.name) if problem is not None else None
        guests.append(_guest(plan, planned, layout, sizes, brief=brief))
    beside = [_pools(plan, sizes), html_tables.objectives(plan), html_tables.notes(plan)]
    beside.append(_verdict(plan, brief=brief))
    columns = join(element("div", guests), element("aside", beside))
    return element("article", element("div", columns, class_="sides"), _destinations(plan))


def _pools(plan: Plan, sizes: Sequence[int]) -> Html | None:
    if plan.host is None:
        return None
    return element("section", element("h2", "Host nodes"), pools(plan.host.nodes, sizes))


def _verdict(plan: Plan, *, brief: bool) -> Html:
    look = "verdict good" if plan.status == "optimal" else "verdict open"
    line = element("b", wording.verdict(plan))
    solver = plan.solver
    took = None if brief else f" in {solver.wall_seconds:.2f} s ({solver.version})"
    return element("p", line, took, class_=look)


def _guest(
    plan: Plan,
    planned: PlannedGuest,
    layout: Layout | None,
    sizes: Sequence[int],
    *,
    brief: bool,
) -> Html:
    space = address_space(planned, layout)
    picture = memory_map(space, sizes, whole=layout is not None)
    return element(
        "section",
        _headline(planned, layout),
        _facts(plan, planned, layout),
        html_tables.operations(planned),
        html_tables.cells(planned, sizes),
        element("h3", "Memory map"),
        boot_strip(planned, sizes) if layout is None else None,
        picture,
        html_tables.growth(planned),
        html_tables.dimms(planned, sizes),
        None if brief else html_tables.every_dimm(planned, sizes),
        html_tables.virtio_mem(planned, sizes),
        class_="guest",
    )


def _headline(planned: PlannedGuest, layout: Layout | None) -> Html:
    line = wording.size_line(layout) if layout else wording.planned_line(planned)
    return element("h2", element("bdi", planned.name), " ", element("small", line))


def _facts(plan: Plan, planned: PlannedGuest, layout: Layout | None) -> Html:
    lines: list[Child] = []
    if layout is not None and layout.guest.running:
        missed = wording.target_missed(plan, layout)
        target = missed or wording.target_met(layout)
        lines.append(element("p", target, class_="open" if missed else "good"))
    if layout is not None and (planned.dimms or planned.virtio_mem):
        says = f"{layout.guest.machine}; {wording.slot_use(layout)}; {wording.sizes(layout)}"
        lines.append(element("p", says, class_="facts"))
    return join(lines)


def _destinations(plan: Plan) -> Html:
    sizes = page_sizes_of(plan)
    sections = [
        element(
            "section",
            element("h2", f"Destination {place.host + 1} ", element("small", "to migrate to")),
            html_tables.destination(place, sizes),
            pools(place.use.nodes, sizes),
        )
        for place in plan.destinations
    ]
    return join(sections)

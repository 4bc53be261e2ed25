"""The page of a study: every number is where it belongs, every link leads somewhere."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace

import lxml.html
import pytest

from slotsolver.study.chart_points import Scale, ticks
from slotsolver.study.charts import SHADES, shade_of
from slotsolver.study.report import report_page
from tests.export.pages import SHOWN_HOSTILE
from tests.study.reports import LABELS, PARTS, report

Element = lxml.html.HtmlElement


@pytest.fixture(scope="module")
def root() -> Element:
    """The page of the report."""
    return lxml.html.document_fromstring(report_page(report()))


def cells(table: Element) -> list[list[str]]:
    """The body of a table as text."""
    return [[td.text_content() for td in tr] for tr in table.cssselect("tbody tr")]


def test_it_needs_nothing_and_may_do_nothing(root: Element) -> None:
    """No script, no address but places on the page, and a policy that knows its style."""
    assert not root.cssselect("script, img, link, iframe, object, embed, form, base")
    for element in root.iter(lxml.html.etree.Element):
        assert not [key for key in element.attrib if key.startswith("on") or key == "style"]
        assert element.get("href", "#").startswith("#")
        assert element.get("src") is None
    [style] = root.cssselect("style")
    digest = base64.b64encode(hashlib.sha256(style.text.encode()).digest()).decode()
    [policy] = root.cssselect('meta[http-equiv="Content-Security-Policy"]')
    assert policy.get("content").startswith(f"default-src 'none'; style-src 'sha256-{digest}'; ")


def test_strangers_names_are_names(root: Element) -> None:
    """Of the study, of axes, of their values."""
    assert root.cssselect("h1 bdi")[0].text_content() == SHOWN_HOSTILE
    assert SHOWN_HOSTILE in {h3.text_content() for h3 in root.cssselect("#shares h3")}
    assert not root.cssselect("#shares b, #front td b")


def test_every_link_leads_somewhere(root: Element) -> None:
    """To a scenario that is drawn, once, or to the front; every drawn scenario has a link."""
    ids = [element.get("id") for element in root.cssselect("[id]")]
    targets = {a.get("href").removeprefix("#") for a in root.cssselect("a")}
    assert targets <= set(ids)
    scenarios = [name for name in ids if name.startswith("scenario-")]
    assert scenarios == ["scenario-3", "scenario-7", "scenario-9"]
    assert set(scenarios) <= targets
    own = [name for name in ids if not name.startswith("slotsolver-")]
    assert len(set(own)) == len(own)
    assert len(root.cssselect("pattern")) == len({p.get("id") for p in root.cssselect("pattern")})


def test_the_front(root: Element) -> None:
    """Its rows with all figures; points by slots and step, those at one place together."""
    [table] = root.cssselect("#front table")
    assert cells(table) == [
        ["3", "8 GiB", "1", "4 KiB", "16", "512 MiB", "0 B", "8,192"],
        ["7", "16 GiB", "1", "2 MiB", "4", "2 GiB", "1 GiB", "4,096"],
        ["8", "16 GiB", "<b>2</b>", "2 MiB", "4", "2 GiB", "-", "-"],
    ]
    assert "2 more are not listed" in root.cssselect("#front")[0].text_content()
    links = root.cssselect("#front svg a")
    assert [a.get("href") for a in links] == ["#scenario-3", "#scenario-7"]
    assert [a.findtext("title") for a in links] == [
        "16 slots, largest DIMM 512 MiB: scenario 3",
        "4 slots, largest DIMM 2 GiB: scenario 7, 8",
    ]
    first, second = (a.cssselect("circle")[0] for a in links)
    assert float(first.get("cx")[:-1]) > float(second.get("cx")[:-1])
    assert float(first.get("cy")) > float(second.get("cy"))  # smaller steps lie lower
    assert float(first.get("r")) > float(second.get("r"))
    assert [c.get("class") for c in (first, second)] == ["point", "point hollow"]
    assert not [a for a in root.cssselect("#front td a") if a.text == "8"]


def test_shares(root: Element) -> None:
    """Bars of each value, their parts to scale, and the share with a plan."""
    [axis] = [d for d in root.cssselect("#shares [data-axis]") if d.get("data-axis") == "target"]
    bars = axis.cssselect(".one-share")
    assert [bar.get("data-value") for bar in bars] == list(LABELS[0])
    for bar, parts in zip(bars, PARTS, strict=True):
        drawn = {g.get("data-part"): int(g.get("data-count")) for g in bar.cssselect("g")}
        assert drawn == parts
        at = 0.0
        for group in bar.cssselect("g"):
            box = group.cssselect("rect")[0]
            width = int(group.get("data-count")) / 4 * 100
            assert float(box.get("x")[:-1]) == pytest.approx(at)
            assert float(box.get("width")[:-1]) == pytest.approx(width)
            at += width
    said = [bar.cssselect(".share-of")[0].text_content() for bar in bars]
    assert said == ["100 % 4 of 4", "50 % 2 of 4", "0 % 0 of 4"]
    assert "5 more values are not shown" in axis.text_content()


def test_heat_maps(root: Element) -> None:
    """One of each pair and figure: numbers in their cells, darker the larger they are."""
    maps = root.cssselect("#heats .one-heat")
    assert [m.get("id") for m in maps] == [f"heat-{p}-{f}" for p in range(3) for f in range(2)]
    [table] = maps[1].cssselect("table")
    rows = [[cell.text_content() for cell in tr] for tr in table.cssselect("tr")]
    assert rows[0] == [f"target \\ {SHOWN_HOSTILE}", *LABELS[1]]
    assert rows[1:] == [["8 GiB", "10", "20"], ["16 GiB", "20", "40"], ["24 GiB", "30", "\u2013"]]
    looks = [td.get("class") for td in table.cssselect("td")]
    assert looks == ["shade0", "shade3", "shade3", f"shade{SHADES - 1}", "shade6", "none"]
    assert [c.get("id") for c in root.cssselect("#heats input[checked]")] == ["axes-0", "figure-0"]
    [style] = root.cssselect("style")
    for pair in range(3):
        for figure in range(2):
            rule = f"#heats:has(#axes-{pair}:checked):has(#figure-{figure}:checked) "
            assert f"{rule}#heat-{pair}-{figure}{{display:block}}" in style.text


def test_reasons(root: Element) -> None:
    """How often, which rules, an example, what helps there."""
    [table] = root.cssselect("#reasons table")
    assert cells(table) == [["3", "slots, maximum", "9", "guest box: slots 15 instead of 10"]]


def test_scenarios(root: Element) -> None:
    """Each with its map, or why there is none; nothing that another run would have otherwise."""
    first, _, third = root.cssselect(".scenario")
    slots = {g.get("data-slot") for g in first.cssselect("g[data-slot]")}
    assert slots == {str(slot) for slot in range(16)}
    assert third.cssselect(".conflict li")
    assert not third.cssselect("svg")
    assert not re.search(r"in \d+\.\d\d s", root.text_content())


def test_a_study_without_axes_or_plans() -> None:
    """What there is nothing of is left out."""
    empty = replace(
        report(), axes=(), shares=(), heats={}, front=(), reasons=(), shown=(), front_left_out=0
    )
    root = lxml.html.document_fromstring(report_page(empty))
    assert "No scenario has a plan" in root.cssselect("#front")[0].text_content()
    assert not root.cssselect("#heats, #reasons, .scenario, #front table")


def test_many_axes_share_a_column() -> None:
    """So that the front stays as wide as a page."""
    full = report()
    axes = tuple("abcdefgh")
    row = replace(full.front[0], labels=tuple("12345678"))
    many = replace(full, axes=axes, front=(row,), shown=())
    root = lxml.html.document_fromstring(report_page(many))
    [table] = root.cssselect("#front table")
    head = [th.text_content() for th in table.cssselect("th")]
    figures = ["slots taken", "largest DIMM", "imbalance", "pages taken"]
    assert head == ["scenario", "values", *figures]
    assert cells(table)[0][1] == "a 1, b 2, c 3, d 4, e 5, f 6, g 7, h 8"


def test_one_figure_needs_no_choice() -> None:
    """Nor one pair."""
    full = report()
    first = next(iter(full.heats))
    one = replace(full, heats={first: {"infeasible": full.heats[first]["infeasible"]}})
    root = lxml.html.document_fromstring(report_page(one))
    assert len(root.cssselect("#heats input")) == 1
    assert "#heats:has(#axes-0:checked) #heat-0-0{display:block}" in root.cssselect("style")[0].text


def test_shades_and_scales() -> None:
    """From the least to the largest number; far apart on a logarithmic scale."""
    assert [shade_of(value, 0, 9) for value in (0, 0.9, 1, 8.9, 9)] == [0, 0, 1, 8, 8]
    assert shade_of(5, 5, 5) == 0
    linear = Scale.of([1, 4, 10])
    assert [linear.place(value) for value in (1, 4, 10)] == pytest.approx([0, 1 / 3, 1])
    far = Scale.of([1, 4, 64])
    assert [far.place(value) for value in (1, 4, 64)] == pytest.approx([0, 1 / 3, 1])
    assert Scale.of([0, 1000]).place(500) == 0.5
    assert Scale.of([7]).place(7) == 0.5
    assert ticks([1, 10, 2, 5, 10]) == [1, 5, 10]
    assert ticks([3, 3]) == [3]
    assert ticks([1, 2, 4, 64]) == [1, 2, 4, 64]

"""Pages of plans in a real browser: nothing is cut off, unreadable or fetched."""

from __future__ import annotations

import io
from pathlib import Path

import pypdf
import pytest

from slotsolver.export.html import html_page
from slotsolver.plan import Plan
from tests.export.pages import SHOWN_HOSTILE, answered, planned
from tests.real.browser import PRINTED_WIDTH, Browser

SHOWN = ("thread", "two-guests", "wide", "huge", "virtio", "swapped", "spread", "waypoints")
WIDTHS = (1280, 820, 390)
PRINTED = ("thread", "two-guests", "wide", "huge", "spread", "impossible")
READABLE = 4.5
"""The least contrast of text (WCAG 2.2, 1.4.3)."""


@pytest.fixture(params=(*SHOWN, "impossible"))
def shown(request: pytest.FixtureRequest, browser: Browser, tmp_path: Path) -> str:
    """The name of an answer whose page the browser shows."""
    file = tmp_path / "page.html"
    file.write_text(html_page(*answered(request.param)), encoding="utf-8")
    browser.open(file)
    return str(request.param)


def test_a_page_is_readable(shown: str, browser: Browser) -> None:
    """At every width, by day and by night: labels lie in their boxes and apart, text has contrast,
    the window does not scroll sideways. Nothing is fetched, nothing complains."""
    for width in WIDTHS:
        for dark in (False, True):
            browser.look(width, dark=dark)
            seen = browser.measure()
            where = f"{shown} at {width} px, {'dark' if dark else 'light'}"
            assert seen["contrast"][0] >= READABLE, (where, seen["contrast"])
            assert not seen["overlaps"], (where, seen["overlaps"][:5])
            assert not seen["outside"], (where, seen["outside"][:5])
            assert not seen["wide"], (where, seen["wide"][:5])
            assert seen["scroll"] <= width, where
            assert seen["resources"] == []
    assert browser.messages() == []


@pytest.mark.parametrize("shown", ["thread"], indirect=True)
@pytest.mark.usefixtures("shown")
def test_by_night_it_is_dark(browser: Browser) -> None:
    """The ground follows the reader's wish, and print is black on white."""
    ground = "return getComputedStyle(document.querySelector('main')).backgroundColor"
    browser.look(1280)
    assert browser.run(ground) == "rgb(255, 255, 255)"
    browser.look(1280, dark=True)
    assert browser.run(ground) == "rgb(21, 24, 29)"
    browser.look(PRINTED_WIDTH, dark=True, printed=True)
    assert browser.run(ground) == "rgb(255, 255, 255)"


@pytest.mark.parametrize("shown", PRINTED, indirect=True)
def test_printed(shown: str, browser: Browser) -> None:
    """Paper holds every slot with its address and is wide enough for all."""
    browser.look(PRINTED_WIDTH, printed=True)
    seen = browser.measure()
    assert not seen["wide"], seen["wide"][:5]
    assert seen["scroll"] <= PRINTED_WIDTH
    _, answer = answered(shown)
    text = " ".join(
        page.extract_text() for page in pypdf.PdfReader(io.BytesIO(browser.printed())).pages
    )
    if isinstance(answer, Plan):
        for dimm in (dimm for guest in answer.guests for dimm in guest.dimms):
            assert f"{dimm.address:#x} - {dimm.address + dimm.size - 1:#x}" in text
    else:
        assert "No plan exists" in text


@pytest.mark.parametrize("shown", ["thread", "family", "wide"], indirect=True)
def test_every_slot_has_its_label(shown: str, browser: Browser) -> None:
    """On a desk the number of every slot can be read in the picture."""
    browser.look(1280)
    labels = browser.run(
        "return [...document.querySelectorAll('g[data-slot]')].filter(g =>"
        " [...g.querySelectorAll('text')].some(t => t.checkVisibility()"
        " && t.textContent.match(/\\d+/)[0] === g.dataset.slot)).map(g => +g.dataset.slot)"
    )
    _, plan = planned(shown)
    assert set(labels) == {dimm.slot for dimm in plan.guests[0].dimms}


@pytest.mark.parametrize("shown", ["virtio", "impossible"], indirect=True)
@pytest.mark.usefixtures("shown")
def test_a_hostile_name_is_a_name(browser: Browser) -> None:
    """It is read as it is written, and no script of it runs."""
    assert browser.run("return document.title").endswith(SHOWN_HOSTILE)
    assert browser.run("return document.querySelector('h2 bdi').textContent") == SHOWN_HOSTILE
    assert browser.run("return document.querySelectorAll('script, img').length") == 0


def test_the_policy_holds(browser: Browser, tmp_path: Path) -> None:
    """Even if markup got in, no script, style or picture of it would count."""
    bad = (
        "<script>document.title = 'run'</script><p id=bad style='color: red'>x</p>"
        "<img src='data:image/gif;base64,R0lGODlhAQABAAAAACw=' onerror='document.title = \"run\"'>"
    )
    text = html_page(*answered("thread")).replace("</main>", f"{bad}</main>")
    file = tmp_path / "bad.html"
    file.write_text(text, encoding="utf-8")
    browser.open(file)
    assert browser.run("return document.title") == "Memory plan: thread-2014"
    colour = "return getComputedStyle(document.getElementById('bad')).color"
    assert browser.run(colour) != "rgb(255, 0, 0)"
    assert len(browser.messages()) >= 3


def test_a_fragment_in_a_page_of_others(browser: Browser, tmp_path: Path) -> None:
    """A notebook's own style stays what it is, and ours is whole within ours."""
    _, plan = planned("thread")
    own = "<!doctype html><title>n</title><h2 id=own>theirs</h2><table><tr><td id=cell>x</table>"
    file = tmp_path / "notebook.html"
    style = (
        "return ['own', 'cell'].map(i => {const s = getComputedStyle(document.getElementById(i));"
    )
    style += " return [s.font, s.color, s.margin, s.padding, s.borderBottomWidth]})"
    file.write_text(own, encoding="utf-8")
    browser.open(file)
    before = browser.run(style)
    file.write_text(own + plan._repr_html_() + plan._repr_html_(), encoding="utf-8")
    browser.open(file)
    assert browser.run(style) == before
    assert browser.run(
        "return [...document.querySelectorAll('.slotsolver')].map(e =>"
        " getComputedStyle(e.querySelector('g[data-slot] rect')).fill)"
    ) == 2 * ["color(srgb 0.7 0.834118 0.909412)"]
    assert browser.messages() == []

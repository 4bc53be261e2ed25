"""The report of a study in a real browser: read, clicked and printed, without a script."""

from __future__ import annotations

import io
from pathlib import Path

import pypdf
import pytest
from selenium.webdriver.common.by import By

from slotsolver.study.report import report_page
from tests.real.browser import PRINTED_WIDTH, Browser
from tests.real.test_html_browser import READABLE, WIDTHS
from tests.study.reports import report


@pytest.fixture
def page(browser: Browser, tmp_path: Path) -> Path:
    """The report, which the browser shows."""
    file = tmp_path / "report.html"
    file.write_text(report_page(report()), encoding="utf-8")
    browser.open(file)
    return file


def shown(browser: Browser, selector: str) -> list[str]:
    """The ids of the elements that are there for a reader."""
    found: list[str] = browser.run(
        "return [...document.querySelectorAll(arguments[0])]"
        ".filter(e => e.checkVisibility()).map(e => e.id)",
        selector,
    )
    return found


@pytest.mark.parametrize("fragment", ["", "#scenario-3", "#scenario-9"])
def test_it_is_readable(browser: Browser, page: Path, fragment: str) -> None:
    """With and without a scenario that was clicked, at every width, by day and by night."""
    browser.open(page, fragment=fragment)
    for width in WIDTHS:
        for dark in (False, True):
            browser.look(width, dark=dark)
            seen = browser.measure()
            where = f"{fragment} at {width} px, {'dark' if dark else 'light'}"
            assert seen["contrast"][0] >= READABLE, (where, seen["contrast"])
            assert not seen["overlaps"], (where, seen["overlaps"][:5])
            assert not seen["wide"], (where, seen["wide"][:5])
            assert seen["scroll"] <= width, where
            assert seen["resources"] == []
    assert browser.messages() == []


@pytest.mark.usefixtures("page")
def test_a_click_on_a_point_shows_its_memory_map(browser: Browser) -> None:
    """That scenario and no other, in sight; another click, another one."""
    assert shown(browser, ".scenario") == []
    for place, scenario in enumerate(("scenario-3", "scenario-7")):
        points = browser.driver.find_elements(By.CSS_SELECTOR, "#front svg a")
        points[place].find_element(By.CSS_SELECTOR, "circle").click()
        assert shown(browser, ".scenario") == [scenario]
        labels = browser.run(
            "return document.querySelectorAll(arguments[0] + ' g[data-slot]').length",
            f"#{scenario}",
        )
        assert labels >= 16
        browser.driver.find_element(By.CSS_SELECTOR, f"#{scenario} a[href='#front']").click()
    browser.driver.find_element(By.LINK_TEXT, "9").click()
    assert shown(browser, ".scenario") == ["scenario-9"]


@pytest.mark.usefixtures("page")
def test_axes_and_figure_are_chosen(browser: Browser) -> None:
    """By buttons that need no script: one heat map at a time."""
    assert shown(browser, ".one-heat") == ["heat-0-0"]
    browser.driver.find_element(By.ID, "axes-2").click()
    assert shown(browser, ".one-heat") == ["heat-2-0"]
    browser.driver.find_element(By.ID, "figure-1").click()
    assert shown(browser, ".one-heat") == ["heat-2-1"]


@pytest.mark.usefixtures("page")
def test_printed(browser: Browser) -> None:
    """The front, a heat map, shares and reasons; nothing is cut off, shades are there."""
    browser.look(PRINTED_WIDTH, printed=True)
    seen = browser.measure()
    assert not seen["wide"], seen["wide"][:5]
    assert seen["scroll"] <= PRINTED_WIDTH
    adjust = "getComputedStyle(document.querySelector('.heat td')).printColorAdjust"
    assert browser.run(f"return {adjust}") == "exact"
    pages = pypdf.PdfReader(io.BytesIO(browser.printed())).pages
    text = " ".join(" ".join(page.extract_text() for page in pages).split())
    for part in ("Pareto front", "4,096", "16 GiB", "2 of 4", "slots, maximum", "33%"):
        assert part in text

"""A real browser, Debian's Chromium without a window, and what it sees of a page.

It is driven through its own driver, never one that is downloaded, and asks nothing of the network.
"""

from __future__ import annotations

import base64
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

ARGUMENTS = (
    "--headless",
    "--no-sandbox",  # tests may run as root
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PRINTED_WIDTH = 703
"""CSS pixels between the margins of A4, which the page sets to 12 mm."""

MEASURE = """
const seen = element => element.checkVisibility({visibilityProperty: true});
const name = element => `${element.tagName}.${element.getAttribute('class')}: ` +
  element.textContent.slice(0, 60);
const rgb = text => {
  const n = (text.match(/[-\\d.]+/g) || []).map(Number);
  return text.startsWith('color(') ? [...n.slice(0, 3).map(v => v * 255), n[3] ?? 1]
                                   : [...n.slice(0, 3), n[3] ?? 1];
};
const light = c => {
  const [r, g, b] = c.map(v => v / 255).map(v => v <= .04045 ? v / 12.92
                                                             : ((v + .055) / 1.055) ** 2.4);
  return .2126 * r + .7152 * g + .0722 * b;
};
const contrast = (a, b) => {
  const [x, y] = [light(a), light(b)].sort((p, q) => q - p);
  return (x + .05) / (y + .05);
};
const ground = element => {
  for (let e = element; e; e = e.parentElement) {
    const c = rgb(getComputedStyle(e).backgroundColor);
    if (c[3] > .99) return c;
  }
  return [255, 255, 255];
};
const behind = (x, y, text) => {
  for (const e of document.elementsFromPoint(x, y)) {
    if (e.tagName !== 'rect' && e.tagName !== 'circle') continue;
    const fill = getComputedStyle(e).fill;
    if (fill !== 'none' && !fill.startsWith('url')) return rgb(fill);
  }
  return ground(text.ownerSVGElement);
};
const contrasts = [], overlaps = [], outside = [], wide = [];
const width = document.documentElement.clientWidth;
for (const svg of document.querySelectorAll('main svg')) {
  const boxes = [...svg.querySelectorAll('text')].filter(seen)
    .map(t => [t, t.getBoundingClientRect()]);
  boxes.forEach(([t, b], i) => {
    const own = (t.parentElement.querySelector('rect') || svg).getBoundingClientRect();
    if (b.left < own.left - 1 || b.right > own.right + 1) outside.push(name(t));
    for (const [u, c] of boxes.slice(i + 1))
      if (b.left < c.right - 1 && c.left < b.right - 1 && b.top < c.bottom - 4 &&
          c.top < b.bottom - 4) overlaps.push(name(t) + ' / ' + name(u));
    const ink = rgb(getComputedStyle(t).fill), middle = (b.top + b.bottom) / 2;
    for (const [x, y] of [[(b.left + b.right) / 2, middle], [b.left + 1, middle],
                          [b.right - 1, middle], [(b.left + b.right) / 2, b.top + 3],
                          [(b.left + b.right) / 2, b.bottom - 3]])
      contrasts.push([contrast(ink, behind(x, y, t)), name(t)]);
  });
}
const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
for (let node; node = walk.nextNode();) {
  const e = node.parentElement;
  if (!node.data.trim() || e.closest('svg, style, script, option') || !seen(e)) continue;
  contrasts.push([contrast(rgb(getComputedStyle(e).color), ground(e)), name(e)]);
  const range = document.createRange();
  range.selectNodeContents(node);
  const b = range.getBoundingClientRect(), scroller = e.closest('.wide');
  if (b.right > width + 1 && !(scroller && getComputedStyle(scroller).overflowX === 'auto'))
    wide.push(name(e));
}
for (const e of document.querySelectorAll('main *'))
  if (seen(e) && !e.closest('svg, .wide') && e.scrollWidth > e.clientWidth + 1 && e.clientWidth)
    wide.push('overflows ' + name(e));
contrasts.sort((a, b) => a[0] - b[0]);
return {
  contrast: contrasts[0], labels: document.querySelectorAll('main svg text').length,
  shown: [...document.querySelectorAll('main svg text')].filter(seen).length,
  overlaps, outside, wide, scroll: document.documentElement.scrollWidth,
  resources: performance.getEntriesByType('resource').map(e => e.name),
};
"""


def missing() -> str:
    """Why no browser can be had, or ''."""
    names = [name for name in ("chromium", "chromedriver") if shutil.which(name) is None]
    return (
        f"{' and '.join(names)} not found; scripts/real-programs.sh installs them" if names else ""
    )


class Browser:
    """A browser with one page."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        self.driver = driver

    def open(self, file: Path, *, fragment: str = "") -> None:
        """Load a file and look at it as on a desk, by day."""
        self.look(1280)
        self.driver.get(f"{file.as_uri()}{fragment}")

    def look(self, width: int, *, dark: bool = False, printed: bool = False) -> None:
        """Have so wide a window (CSS pixels) that is as high as the page."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        media = {"media": "print" if printed else "screen", "features": [scheme]}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
        for height in (900, None):
            high = height or int(
                self.driver.execute_script("return document.documentElement.scrollHeight")
            )
            size = {"width": width, "height": high, "deviceScaleFactor": 1, "mobile": False}
            self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)

    def measure(self) -> dict[str, Any]:
        """What is on the page: contrasts, labels, overflows, what was loaded."""
        found: dict[str, Any] = self.driver.execute_script(MEASURE)
        return found

    def run(self, script: str, *arguments: object) -> Any:
        """The value of a script."""
        return self.driver.execute_script(script, *arguments)

    def messages(self) -> list[str]:
        """What it complained of since the last time, violations of the page's policy included."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def printed(self) -> bytes:
        """The page as PDF, as a browser prints it: without backgrounds."""
        answer = self.driver.execute_cdp_cmd("Page.printToPDF", {"preferCSSPageSize": True})
        return base64.b64decode(answer["data"])


@contextmanager
def running(profile: Path) -> Iterator[Browser]:
    """A browser whose profile is an empty folder."""
    options = Options()
    options.binary_location = str(shutil.which("chromium"))
    for argument in (*ARGUMENTS, f"--user-data-dir={profile}"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(str(shutil.which("chromedriver"))))
    try:
        yield Browser(driver)
    finally:
        driver.quit()

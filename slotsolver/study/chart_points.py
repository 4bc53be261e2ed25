"""Points of a study's chart: scenarios by two figures, each a link."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from slotsolver.export.markup import Html, element

_LEFT, _WIDTH = 16, 78
"""Percent of the width: where points begin, and how far they go."""
_HIGH, _TOP, _FOOT = 300, 14, 26
"""CSS pixels: height of the points' field, margin above and below it."""
_RATIO_FOR_LOGARITHM = 16
_APART = 0.14
"""Of the field: how far apart the names of values have to be."""


@dataclass(frozen=True)
class Point:
    """A point of a chart: where it is, where it leads, how large it is (0 to 1), whether hollow."""

    x: float
    y: float
    says: str
    href: str | None
    size: float = 0.5
    hollow: bool = False


@dataclass(frozen=True)
class Scale:
    """Where values lie between the least and the largest one, from 0 to 1."""

    least: float
    most: float
    logarithmic: bool

    @classmethod
    def of(cls, values: Sequence[float]) -> Scale:
        """A logarithmic one where values lie far apart."""
        least, most = min(values), max(values)
        return cls(least, most, least > 0 and most / least >= _RATIO_FOR_LOGARITHM)

    def place(self, value: float) -> float:
        """Where a value lies; in the middle where there is only one."""
        if self.most == self.least:
            return 0.5
        if self.logarithmic:
            return math.log(value / self.least) / math.log(self.most / self.least)
        return (value - self.least) / (self.most - self.least)


def ticks(values: Sequence[float]) -> list[float]:
    """The least value, the largest, and some between that lie apart."""
    different = sorted(set(values))
    scale, chosen = Scale.of(different), different[:1]
    for value in different[1:-1]:
        place = scale.place(value)
        if min(place - scale.place(chosen[-1]), 1 - place) >= _APART:
            chosen.append(value)
    return chosen + different[1:][-1:]


Axis = tuple[str, Sequence[tuple[float, str]]]
"""What a direction shows, and values with what they are called."""


def points(marks: Sequence[Point], along: Axis, up: Axis) -> Html:
    """A field of points, those with an address as links."""
    scales = Scale.of([mark.x for mark in marks]), Scale.of([mark.y for mark in marks])
    drawn = [*_grid(along[1], up[1], *scales), *(_mark(mark, *scales) for mark in marks)]
    says, height = f"{up[0]} by {along[0]}", _TOP + _HIGH + _FOOT
    picture = element("svg", drawn, width="100%", height=height, role="group", aria_label=says)
    return element(
        "figure",
        element("p", f"↑ {up[0]}", class_="axis"),
        element("div", picture, class_="bar"),
        element("p", f"{along[0]} →", class_="axis right"),
        class_="points",
    )


def _x(value: float, scale: Scale) -> str:
    return f"{_LEFT + _WIDTH * scale.place(value):.3f}%"


def _y(value: float, scale: Scale) -> str:
    return f"{_TOP + _HIGH * (1 - scale.place(value)):.2f}"


def _grid(
    x_ticks: Sequence[tuple[float, str]],
    y_ticks: Sequence[tuple[float, str]],
    across: Scale,
    up: Scale,
) -> list[Html]:
    drawn = []
    for value, name in y_ticks:
        y = _y(value, up)
        drawn.append(element("line", x1="0", x2="100%", y1=y, y2=y, class_="grid"))
        over = f"{float(y) - 3:.2f}"
        drawn.append(element("text", name, x="0", y=over, class_="bare start"))
    for value, name in x_ticks:
        drawn.append(element("text", name, x=_x(value, across), y=_TOP + _HIGH + 20, class_="bare"))
    return drawn


def _mark(mark: Point, across: Scale, up: Scale) -> Html:
    look = "point hollow" if mark.hollow else "point"
    radius = f"{4 + 5 * math.sqrt(mark.size):.2f}"
    circle = element("circle", cx=_x(mark.x, across), cy=_y(mark.y, up), r=radius, class_=look)
    tag = "g" if mark.href is None else "a"
    return element(tag, element("title", mark.says), circle, href=mark.href)

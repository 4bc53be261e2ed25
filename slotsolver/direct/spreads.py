"""The least spread of cells' sizes where pools limit them, and all sizes that have it.

Sizes are whole numbers of a grain. Cells on large pages have multiples of a ``step`` of grains.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from slotsolver.direct.rooms import Undecided

MOST_TRIES = 4
"""By how many steps the spread may be above what sums alone permit before this is given up."""

ENDLESS = 1 << 43


@dataclass(frozen=True)
class Group:
    """Cells whose sizes are multiples of ``step`` and come to at most ``most`` together."""

    cells: int
    step: int
    most: int = ENDLESS

    def least(self, low: int) -> int:
        """What they come to at least where none has less than ``low``."""
        return -(-low // self.step) * self.step * self.cells

    def highest(self, high: int) -> int:
        """What they come to at most where none has more than ``high``."""
        return min(high // self.step * self.step * self.cells, self.most // self.step * self.step)

    def sizes(self, total: int, low: int, high: int) -> Iterator[tuple[int, ...]]:
        """Every way in which they come to ``total`` (a multiple of the step), largest first."""
        yield from _parts(
            self.cells, total // self.step, -(-low // self.step), high // self.step, self.step
        )


def _parts(count: int, total: int, low: int, high: int, step: int) -> Iterator[tuple[int, ...]]:
    if not count:
        yield ()
        return
    first, last = max(-(-total // count), low), min(high, total - (count - 1) * low)
    for size in range(last, first - 1, -1):
        for rest in _parts(count - 1, total - size, low, size, step):
            yield (size * step, *rest)


@dataclass(frozen=True)
class Spread:
    """How far sizes are apart at least, and the least sizes with which they can be so near."""

    width: int
    lows: tuple[int, ...]


def narrowest(groups: Sequence[Group], total: int, least: int) -> Spread | None:
    """The least spread of sizes of at least ``least`` that come to ``total``; ``None`` where there
    are none. Raises :class:`slotsolver.direct.rooms.Undecided`."""
    cells = sum(group.cells for group in groups)

    def lowest(low: int) -> int:
        sums = [group.least(low) for group in groups]
        fits = all(own <= group.most for own, group in zip(sums, groups, strict=True))
        return sum(sums) if fits else ENDLESS

    def highest(high: int) -> int:
        return sum(group.highest(high) for group in groups)

    # The least size is at most ``top``, the largest one at least ``bottom``.
    top = bisect_right(range(least, total // cells + 1), total, key=lowest) + least - 1
    bottom = bisect_left(range(total + 1), total, key=highest)
    step = max(group.step for group in groups)
    if top < least or bottom > total or not _reaches(groups, total, least, total):
        return None
    narrow = max(0, bottom - top)
    for width in range(narrow, narrow + MOST_TRIES * step):
        span = range(max(least, bottom - width), top + 1)
        lows = tuple(low for low in span if _reaches(groups, total, low, low + width))
        if lows:
            return Spread(width, lows)
    raise Undecided


def _reaches(groups: Sequence[Group], total: int, low: int, high: int) -> bool:
    """Whether sizes from ``low`` to ``high`` can come to ``total``. Those of groups of the larger
    step come to any multiple of it within their bounds, the others to whatever is left."""
    step = max(group.step for group in groups)
    first, last, rest_least, rest_most = 0, 0, 0, 0
    for group in groups:
        least, most = group.least(low), group.highest(high)
        if least > most:
            return False
        if group.step == step:
            first, last = first + least, last + most
        else:
            rest_least, rest_most = rest_least + least, rest_most + most
    first, last = max(first, total - rest_most), min(last, total - rest_least)
    return -(-first // step) * step <= last


def every_way(
    groups: Sequence[Group], total: int, low: int, high: int
) -> Iterator[tuple[tuple[int, ...], ...]]:
    """All sizes from ``low`` to ``high`` that come to ``total``, group by group."""
    if not groups:
        if total == 0:
            yield ()
        return
    group, rest = groups[0], groups[1:]
    first = max(group.least(low), total - sum(other.highest(high) for other in rest))
    last = min(group.highest(high), total - sum(other.least(low) for other in rest))
    for own in range(-(-first // group.step) * group.step, last + 1, group.step):
        for sizes in group.sizes(own, low, high):
            for others in every_way(rest, total - own, low, high):
                yield (sizes, *others)

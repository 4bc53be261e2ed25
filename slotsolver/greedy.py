"""A first layout by closed forms, to start the search from; see ``bounds`` for why it is short.

For one cell and one stage: the largest DIMM that the rules allow, again and again, the last one
cut to what is left. Sorted, that still obeys the growth rules: the cut DIMM lies between two
others, and every larger one then has more memory before it than it had.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence

from slotsolver.bounds import ENDLESS
from slotsolver.cell_facts import CellFacts


def pieces(
    cell: CellFacts,
    growth: int,
    before: int,
    largest: int,
    unit: int,
    menu: Sequence[int] | None = None,
) -> Counter[int] | None:
    """DIMM sizes (MiB) with their counts that add ``growth`` to ``before``, none above ``largest``
    and all multiples of ``unit``; only sizes of the ascending ``menu`` where one is given.

    ``None`` where this simple rule finds nothing; then the search has to.
    """
    found: Counter[int] = Counter()
    if cell.exact_step:
        return _doubling(cell.exact_step, growth, largest)
    left = growth
    while left > 0:
        limit = min([left, largest, *(rule(before, unit) for rule in cell.growth_rules)])
        size = cell.largest_up_to(limit, unit)
        if menu is not None:
            fits = (s for s in reversed(menu[: bisect_right(menu, limit)]) if s % unit == 0)
            size = next(fits, 0)
        if size <= 0:
            return None
        times = 1 if cell.growth_rules and size < largest else left // size
        if sum(found.values()) + times > ENDLESS:
            return None
        found[size] += times
        before, left = before + size * times, left - size * times
    return found


def _doubling(step: int, growth: int, largest: int) -> Counter[int] | None:
    found: Counter[int] = Counter()
    size, left = step, growth
    while left > 0:
        part = min(size, left, largest)
        if part % step:
            return None
        found[part] += 1
        left -= part
        size *= 2
    return found

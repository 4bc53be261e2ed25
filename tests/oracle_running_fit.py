"""Whether DIMMs fit between others, decided by trying every order in every gap.

In one gap a set of DIMMs fits if and only if it does so in some order, each at the first aligned
address behind the one before: moving a DIMM down to there never takes room from the next. So the
earliest end of every subset of the DIMMs is known from those of smaller subsets, and a second pass
over the gaps covers all of them. Nothing is shared with the solver. Any one unit of size.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import pairwise

Gap = tuple[int, int]
"""First address and the one behind the last."""
Piece = tuple[int, int]
"""Alignment and size."""


def gaps(window: Gap | None, taken: Sequence[Gap]) -> tuple[Gap, ...]:
    """What is free of a window; ``taken`` lies in it and does not overlap."""
    if window is None:
        return ()
    found, here = [], window[0]
    for start, end in sorted(taken):
        if start > here:
            found.append((here, start))
        here = end
    if window[1] > here:
        found.append((here, window[1]))
    return tuple(found)


def apart(taken: Sequence[Gap]) -> bool:
    """Whether no two ranges overlap."""
    return all(one[1] <= other[0] for one, other in pairwise(sorted(taken)))


@cache
def fits(free: tuple[Gap, ...], pieces: tuple[Piece, ...]) -> bool:
    """Whether all pieces find a place in the gaps."""
    everything = (1 << len(pieces)) - 1
    reached = {0}
    for gap in free:
        inside = _subsets(gap, pieces)
        reached |= {one | other for one in reached for other in inside if not one & other}
        if everything in reached:
            return True
    return everything in reached


@cache
def _subsets(gap: Gap, pieces: tuple[Piece, ...]) -> tuple[int, ...]:
    """The subsets of the pieces (as bits) that fit into one gap."""
    start, end = gap
    earliest = {0: start}
    for subset in range(1, 1 << len(pieces)):
        ends = []
        for number, (align, size) in enumerate(pieces):
            rest = subset & ~(1 << number)
            if rest != subset and rest in earliest:
                ends.append(-(-earliest[rest] // align) * align + size)
        if ends and min(ends) <= end:
            earliest[subset] = min(ends)
    return tuple(earliest)

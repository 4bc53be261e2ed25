"""An address space cut into rows of equal length, like the lines of a page.

Every row has the same scale, so areas are true everywhere. What would be many rows of one thing
alone is left out but for its first row, and said.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from slotsolver.export.address_space import AddressSpace, Piece

FEW_ROWS = 14
"""So many rows are seen at a glance: with no more, rows are not made longer."""
MOST_ROWS = 30
"""With more rows they are made longer, even if the smallest DIMMs become slivers."""
_LEAST, _MOST = 2, 16
"""So many of the smallest DIMMs a row holds: fewer waste room, of more no label can be read."""


@dataclass(frozen=True)
class Part:
    """What of a piece lies in one row: ``start`` and ``size`` in bytes."""

    piece: Piece
    start: int
    size: int


@dataclass(frozen=True)
class Row:
    """A row of the picture: what lies in it, and DIMMs that leave."""

    start: int
    parts: tuple[Part, ...]
    leaving: tuple[Part, ...]


@dataclass(frozen=True)
class LeftOut:
    """Rows that are not drawn, which all hold one piece; ``None``: nothing at all."""

    start: int
    rows: int
    piece: Piece | None


def row_size(space: AddressSpace) -> int:
    """How long a row is: a power of two, bytes."""
    sizes = [p.size for p in (*space.pieces, *space.leaving) if p.kind in ("dimm", "virtio-mem")]
    smallest = _power_of_two(min(sizes, default=max(space.end // 32, 1)))
    size = _LEAST * smallest
    while size < space.end:
        rows = sum(1 for _ in _places(space, size))
        if rows <= FEW_ROWS or (size >= _MOST * smallest and rows <= MOST_ROWS):
            break
        size *= 2
    return size


def rows(space: AddressSpace, size: int) -> Iterator[Row | LeftOut]:
    """The rows of ``size`` bytes, and those left out, in address order."""
    for start, count in _places(space, size):
        if count > 1:
            over = [p for p in space.pieces if p.start <= start < p.end]
            yield LeftOut(start, count, over[0] if over else None)
        else:
            parts = tuple(_cut(p, start, size) for p in space.pieces if _meets(p, start, size))
            gone = tuple(_cut(p, start, size) for p in space.leaving if _meets(p, start, size))
            yield Row(start, parts, gone)


def _places(space: AddressSpace, size: int) -> Iterator[tuple[int, int]]:
    """Where rows start and for how many rows one thing goes on that is left out (1: it is not)."""
    cuts = {p.start for p in (*space.pieces, *space.leaving)}
    cuts |= {p.end for p in (*space.pieces, *space.leaving)}
    places = [(start, 1) for start in {cut - cut % size for cut in cuts if cut % size}]
    for start, end in pairwise(sorted(cuts)):
        first = -(-start // size)
        whole = end // size - first
        drawn = whole if whole <= 2 else 1
        places += [((first + n) * size, 1) for n in range(drawn)]
        if whole > drawn:
            places.append(((first + drawn) * size, whole - drawn))
    return iter(sorted(places))


def _meets(piece: Piece, start: int, size: int) -> bool:
    return piece.start < start + size and start < piece.end


def _cut(piece: Piece, start: int, size: int) -> Part:
    first, end = max(piece.start, start), min(piece.end, start + size)
    return Part(piece, first, end - first)


def _power_of_two(size: int) -> int:
    """The largest power of two up to ``size``."""
    return 1 << (size.bit_length() - 1)

"""Rows of one scale: nothing is missing or drawn twice, and what is left out is one thing."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from slotsolver.export.address_rows import FEW_ROWS, MOST_ROWS, LeftOut, Row, row_size, rows
from slotsolver.export.address_space import AddressSpace, Piece
from slotsolver.size import GiB, MiB

BLOCK = 128 * MiB


@st.composite
def spaces(draw: st.DrawFn) -> AddressSpace:
    """Pieces one behind the other, with gaps; some DIMMs leave."""
    at, pieces, leaving = draw(st.integers(0, 64)) * BLOCK, [], []
    for number in range(draw(st.integers(1, 40))):
        size = draw(st.sampled_from([1, 3, 4, 8, 8, 8, 64, 513, 4096])) * BLOCK
        kind = draw(st.sampled_from(["dimm", "dimm", "dimm", "window", "hole", "boot", "gone"]))
        if kind == "gone":
            leaving.append(Piece(at, size, "dimm", f"gone {number}", slot=number))
        else:
            pieces.append(Piece(at, size, kind, f"piece {number}"))  # type: ignore[arg-type]  # one of them
        at += size
    return AddressSpace(tuple(pieces), tuple(leaving))


@given(spaces())
def test_rows_tell_it_all_once(space: AddressSpace) -> None:
    """Rows ascend and are whole; each piece lies in its rows, or where they are left out."""
    size = row_size(space)
    assert size & (size - 1) == 0
    found = list(rows(space, size))
    ends = [(r.start, r.start + size * (r.rows if isinstance(r, LeftOut) else 1)) for r in found]
    assert all(a[1] <= b[0] for a, b in pairwise(ends))
    assert all(start % size == 0 for start, _ in ends)
    for piece in (*space.pieces, *space.leaving):
        drawn = sum(
            part.size
            for row in found
            if isinstance(row, Row)
            for part in (*row.parts, *row.leaving)
            if part.piece is piece
        )
        gaps = [(r.start, r.rows * size) for r in found if isinstance(r, LeftOut)]
        missing = [
            max(0, min(start + length, piece.end) - max(start, piece.start))
            for start, length in gaps
        ]
        assert drawn + sum(missing) == piece.size
    for row in found:
        if isinstance(row, LeftOut):
            assert row.rows >= 2
            end = row.start + row.rows * size
            inside = [p for p in space.pieces if p.start < end and row.start < p.end]
            assert inside == ([row.piece] if row.piece else [])
            assert not row.piece or (row.piece.start <= row.start and end <= row.piece.end)


def many(size: int, count: int) -> AddressSpace:
    """Equal DIMMs side by side."""
    return AddressSpace(
        tuple(Piece(4 * GiB + n * size, size, "dimm", "", slot=n) for n in range(count))
    )


def drawn(space: AddressSpace) -> int:
    """How many rows and gaps a picture has."""
    return len(list(rows(space, row_size(space))))


def test_pictures_stay_small() -> None:
    """Few DIMMs make few rows; 256 make more, so that each has room for its number."""
    assert drawn(many(GiB, 8)) <= FEW_ROWS
    wide = many(GiB, 256)
    assert FEW_ROWS < drawn(wide) <= MOST_ROWS
    assert row_size(wide) == 16 * GiB


def test_one_small_dimm_does_not_make_a_long_picture() -> None:
    """It becomes a sliver beside large ones."""
    large = many(512 * GiB, 60).pieces
    small = Piece(1024 * MiB, BLOCK, "dimm", "", slot=99)
    assert drawn(AddressSpace((small, *large))) <= MOST_ROWS


def test_nothing_but_boot_memory() -> None:
    """A guest that cannot grow."""
    space = AddressSpace((Piece(0, GiB, "boot", "boot memory of cell 0"),))
    assert sum(isinstance(row, Row) for row in rows(space, row_size(space))) >= 1

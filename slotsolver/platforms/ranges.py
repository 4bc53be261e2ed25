"""Address ranges and the 64-bit arithmetic in which QEMU computes them."""

from __future__ import annotations

from typing import NamedTuple

KiB, MiB, GiB, TiB = 1 << 10, 1 << 20, 1 << 30, 1 << 40

_TWO_64 = 1 << 64


def wrap64(value: int) -> int:
    """``value`` as a C ``uint64_t``: QEMU's sums wrap, and its error texts show it."""
    return value % _TWO_64


def align_up(value: int, alignment: int) -> int:
    """The next multiple of ``alignment``, wrapping at 2^64 (QEMU include/qemu/osdep.h:ROUND_UP)."""
    return wrap64(value + alignment - 1) // alignment * alignment


def align_down(value: int, alignment: int) -> int:
    """The multiple of ``alignment`` at or below ``value`` (QEMU_ALIGN_DOWN)."""
    return value // alignment * alignment


class Range(NamedTuple):
    """Guest-physical bytes ``base`` up to, but not including, ``end``."""

    base: int
    size: int

    @property
    def end(self) -> int:
        """The first byte after the range."""
        return self.base + self.size

    def overlaps(self, other: Range) -> bool:
        """Whether the two share a byte (QEMU include/qemu/range.h:range_overlaps_range)."""
        return self.base < other.end and other.base < self.end

    def contains(self, other: Range) -> bool:
        """Whether ``other`` lies wholly inside (range.h:range_contains_range)."""
        return self.base <= other.base and other.end <= self.end

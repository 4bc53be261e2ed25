"""Memmap: the guest kernel needs size/64 of free memory to add a DIMM.

64 bytes of ``struct page`` for each 4 KiB page, taken from memory that is there already; where it
does not fit, the guest panics (Linux mm/memory_hotplug.c; seen with 64 GiB into a 512 MiB guest).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from slotsolver.policies import Number, Policy, Scope
from slotsolver.size import MiB, Size, format_size

if TYPE_CHECKING:
    from slotsolver.facts import GuestFacts

PAGES_PER_MEMMAP = 64
"""Bytes of memory for each byte of memmap: 4096 / 64."""


class Memmap(Policy):
    """The guest has `free` memory when a DIMM is plugged: no DIMM needs more than that for its page
    structures."""

    kind: Literal["memmap"] = "memmap"
    free: Size

    def numbers(self, scope: Scope) -> tuple[Number, ...]:
        """More free memory."""
        enough = scope.most // PAGES_PER_MEMMAP + MiB
        return (Number("free", range(self.free + MiB, enough + 1, MiB)),)

    def describe(self) -> str:
        """State the rule."""
        return f"1/64 of each DIMM fits into {format_size(self.free)} of free guest memory"

    def restrict(self, facts: GuestFacts) -> None:
        """Larger DIMMs never become variables."""
        largest = self.free * PAGES_PER_MEMMAP
        facts.limit_sizes(self, self.concerned_cells(facts.guest), maximum=largest)

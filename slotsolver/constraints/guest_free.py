"""Guest free: what the guest has free inside bounds what can be plugged and unplugged.

A DIMM costs the guest 1/64 of its size in page structures before it is of use (64 bytes for each 4
KiB page), and what is used of a DIMM that goes has to be moved elsewhere. Where there is no room
for either, the guest does not refuse but panics (Linux 6.1 and 6.12, seen: "System is deadlocked on
memory") or tries for ever.

Elsewhere is another node, if the guest has several, however much is free on the DIMM's own
(mm/memory_hotplug.c:do_migrate_range; seen with Linux 6.1: 512 MiB never go with 700 MiB free on
their own node and 100 MiB on the other). Page structures do not go into movable memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from slotsolver.policies import Number, Policy, Scope
from slotsolver.size import MiB, Size, format_size

if TYPE_CHECKING:
    from slotsolver.model import GuestModel

MEMMAP_SHARE = 64
"""Bytes of memory for each byte of page structures: 4096 / 64."""


class GuestFree(Policy):
    """Inside the running guest `size` is free: less than that is unplugged, and 1/64 of all that is
    plugged fits into what is left.

    Free movable memory is of no use for what is plugged. Of a guest with several cells, `size` is
    what is free outside the cell that gives memory (the least, where several give): Linux moves
    what a DIMM holds to other nodes only.
    """

    kind: Literal["guest-free"] = "guest-free"
    whole_guest: ClassVar[bool] = True
    size: Size

    def numbers(self, scope: Scope) -> tuple[Number, ...]:
        """More free memory."""
        return (Number("size", range(self.size + MiB, scope.most + 2 * MiB, MiB)),)

    def describe(self) -> str:
        """State the rule."""
        return f"the guest has {format_size(self.size)} of free memory to give or to manage DIMMs"

    def apply(self, guest: GuestModel) -> None:
        """Bound what goes, and what comes; new memory counts for nothing here, because movable
        memory cannot hold page structures."""
        if not guest.running:
            return
        going, coming = guest.running.unplugged, guest.running.plugged
        guest.add(self, coming + MEMMAP_SHARE * going <= MEMMAP_SHARE * self.size // MiB)
        some = guest.new_bool()
        guest.add(self, going == 0, ~some)
        guest.add(self, going <= -(-self.size // MiB) - 1, some)

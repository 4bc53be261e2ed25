"""How much of a pool can matter: what is beyond that changes no answer.

Let D be the pages of a size that all guests together could ever take, and P one more than the
pages of the smallest cell's share. A pool in which 2 D + P are free never runs out, and has P left,
whatever is done. So with more of them free

* the same plans are possible, and so are those of every problem that an explanation asks about:
  no rule of slotsolver reads free pages but to see whether enough are there; headroom does (it may
  be a fraction of the total), so nothing is clamped beside it;
* objectives have the same values: of a pool only `least-stranding` looks at what is left, and P or
  more of it is not stranded; `unpaid-growth` does too, but is about running guests, for which
  nothing is clamped;
* conflicts have the same rules, since such a pool takes part in none;
* remedies are the same: those that raise a target or a maximum take at most D (that is why D counts
  the steps by which they may be raised, see :func:`_raised`); those that make pages take them of
  ordinary memory, which is why that is clamped at what all pools could be given besides.

Totals matter to headroom, and to whether the host has pages of a size at all, which is kept. Memory
that is used matters only where some of it is freed, and no more is ever freed than can be taken;
nor is any where ordinary memory is clamped, since that never runs out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from slotsolver.problem import AtLeast, Guest, Problem
from slotsolver.size import GiB, MiB

RAISED_STEPS = 64
"""By how many steps a remedy raises a target or a maximum at most (explain/levers.py:MORE_GRAINS).
"""

SMALL_BLOCK, LARGE_BLOCK = 128 * MiB, 2 * GiB
"""Memory blocks of Linux guests (x86 arch/x86/mm/init_64.c:probe_memory_block_size): the small one
below 64 GiB, else at most the large one. Other architectures' lie between them but for 512 MiB."""

SMALL_RAM, LOW_RAM = 48 * GiB, 512 * GiB
"""Below the first no target comes to 64 GiB by 64 small blocks; below the second nothing is moved
beyond the 1 TiB where AMD has a hole, which also makes blocks large."""

ROUNDINGS = 4
"""Pieces of a cell that are rounded up to whole pages at most: boot memory, DIMMs, a virtio-mem
device that is planned, and one to spare."""


@dataclass(frozen=True)
class Demand:
    """What guests could take together (bytes): memory, pieces of it that are rounded up to pages,
    and the share of the smallest cell."""

    memory: int
    pieces: int
    share: int
    remedies: bool = True
    """Whether changed problems may be asked about too; else D itself is enough."""

    def limits(self, page_sizes: Sequence[int]) -> tuple[int, ...]:
        """The most that can matter of a node: free ordinary memory, used memory (bytes), and free
        pages of every size but the first, which is that of ordinary memory."""
        grains = [max(size, MiB) for size in page_sizes]
        times = 2 if self.remedies else 1
        most = [times * (-(-self.memory // grain) + self.pieces) for grain in grains]
        rest = [-(-self.share // grain) + 1 for grain in grains]
        made = sum([pages * grain for pages, grain in zip(most[1:], grains[1:], strict=True)])
        ordinary = (most[0] + rest[0]) * grains[0] + (made if self.remedies else 0)
        pools = zip(page_sizes[1:], grains[1:], most[1:], rest[1:], strict=True)
        return (
            ordinary,
            ordinary,
            *[(pages + left) * (grain // size) for size, grain, pages, left in pools],
        )


ENDLESS = Demand(1 << 80, 0, 0)
"""More than any pool holds."""


def demand_of(problem: Problem, *, remedies: bool = True) -> Demand | None:
    """What guests that do not run could take; ``None`` where a rule asks for more than what is
    free."""
    if any(policy.kind == "headroom" for policy in problem.policies):
        return None
    kept = [p for p in problem.policies if getattr(p, "until", None) == "maximum"]
    memory = pieces = 0
    for guest in problem.guests:
        paid = any(policy.concerns(guest) for policy in kept)
        if paid and isinstance(guest.maximum, AtLeast):
            return ENDLESS
        memory += guest.maximum_size + sum([device.size for device in guest.devices])
        if remedies and (paid or guest.maximum is None):
            memory += _raised(problem, guest)
        pieces += ROUNDINGS * len(guest.cells) + 2 * len(guest.devices)
    share = min([guest.target_size // len(guest.cells) for guest in problem.guests])
    return Demand(memory, pieces, share, remedies)


def _raised(problem: Problem, guest: Guest) -> int:
    """By how much (bytes) a remedy may raise what the guest takes, where pages are kept for its
    maximum or where that is not given: so many steps of its sizes, which are its memory block or
    the pages that something names. Else what it takes stays below its maximum."""
    small = guest.target_size < SMALL_RAM and guest.maximum_size < LOW_RAM
    x86 = guest.machine.startswith(("q35", "pc"))
    step = SMALL_BLOCK if small and x86 else LARGE_BLOCK
    named = [cell.page_size for cell in guest.cells]
    named += [device.block for device in guest.devices]
    named += [getattr(p, "size", None) for p in problem.policies if p.kind in SIZED]
    return RAISED_STEPS * max([step, *[size for size in named if size is not None]])


SIZED = ("page-size", "guest-block")
"""Policies whose size is one that all sizes of DIMMs are multiples of."""

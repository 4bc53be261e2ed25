"""What a running guest can become instead, where its target cannot be met exactly."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from slotsolver.constraints.accept import Accept
from slotsolver.constraints.swap import Swap
from slotsolver.errors import InputError
from slotsolver.plan import Remedy
from slotsolver.platforms import platform_for
from slotsolver.policies import Policy
from slotsolver.problem import Guest, Problem
from slotsolver.size import format_size

Sizes = Callable[[Problem], tuple[int, ...] | None]
"""The sizes (bytes) that the guests of a problem come to have as near to their targets as they can,
``None`` where there is no plan or none was found."""


_NOT = {"below": "above", "above": "below"}


def nearest_sizes(problem: Problem, sizes: Sizes) -> tuple[Remedy, ...]:
    """For every running guest whose target has to be met exactly: the nearest sizes below and above
    that can be met, and whether exchanging DIMMs or more slots would let it be met. All are solved
    for."""
    found: list[Remedy] = []
    for place, guest in enumerate(problem.guests):
        if guest.running and not guest.is_as_wanted and _exact(problem, guest):
            found += _around(problem, guest, place, sizes)
            found += _swapped(problem, guest, sizes)
            found += _more_slots(problem, guest, sizes)
    return tuple(found)


def wanted_text(guest: Guest) -> str:
    """The target of a guest, of each cell where cells have targets."""
    if isinstance(guest.target, dict):
        return _cells_text(guest.target)
    return format_size(guest.target)


def has_text(guest: Guest) -> str:
    """What a guest has, said as its target is."""
    if isinstance(guest.target, dict):
        return _cells_text(guest.cells_now)
    return format_size(guest.size_now)


def _cells_text(sizes: Mapping[int, int]) -> str:
    return ", ".join(f"{format_size(size)} in cell {cell}" for cell, size in sorted(sizes.items()))


def _exact(problem: Problem, guest: Guest) -> bool:
    named = [p for p in problem.policies if isinstance(p, Accept) and p.concerns(guest)]
    return not named or named[-1].distance == "exact"


def _around(problem: Problem, guest: Guest, place: int, sizes: Sizes) -> Iterator[Remedy]:
    for side in ("below", "above"):
        accept = Accept(distance=side, guests=(guest.name,))
        reached = _try(_with(problem, accept), sizes)
        if reached is None:
            continue
        size = format_size(reached[place])
        if isinstance(guest.target, dict):
            yield Remedy(
                change="policy",
                from_="accept exact",
                to=f"accept {side}",
                says=f"with no cell of guest {guest.name} {_NOT[side]} its target it comes to "
                f"{size} in all: --accept {side}",
            )
        else:
            now = ", which it has" if reached[place] == guest.size_now else ""
            yield Remedy(
                change=f"target of guest {guest.name}",
                from_=format_size(guest.target_size),
                to=size,
                says=f"the nearest size {side} that it can have{now}: ask for that, or "
                f"--accept {side}",
            )


def _swapped(problem: Problem, guest: Guest, sizes: Sizes) -> Iterator[Remedy]:
    if any(p.kind in ("swap", "no-swap") and p.concerns(guest) for p in problem.policies):
        return
    if _try(_with(problem, Swap(guests=(guest.name,))), sizes) is not None:
        yield Remedy(
            change="policy",
            from_="no-swap",
            to="swap",
            says=f"guest {guest.name} can have exactly {wanted_text(guest)} if DIMMs "
            f"may be exchanged: --policy swap",
        )


def _more_slots(problem: Problem, guest: Guest, sizes: Sizes) -> Iterator[Remedy]:
    """How many slots would do, if more would; a guest has them from its start on."""
    if guest.slots is None:
        return

    def enough(slots: int) -> bool:
        return _try(_with_slots(problem, guest, slots), sizes) is not None

    low, high = guest.slots, platform_for(guest.machine).max_slots
    if low >= high or not enough(high):
        return
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    yield Remedy(
        change=f"slots of guest {guest.name}",
        from_=str(guest.slots),
        to=str(high),
        says=f"it can have exactly {wanted_text(guest)} with {high} slots, but only "
        f"once it is started anew with them (virsh edit)",
    )


def _with_slots(problem: Problem, guest: Guest, slots: int) -> Problem:
    more = guest.model_copy(update={"slots": slots})
    guests = tuple(more if g is guest else g for g in problem.guests)
    return problem.model_copy(update={"guests": guests})


def _with(problem: Problem, policy: Policy) -> Problem:
    return problem.model_copy(update={"policies": (*problem.policies, policy)})


def _try(problem: Problem, sizes: Sizes) -> tuple[int, ...] | None:
    try:
        return sizes(problem)
    except InputError:
        return None

"""What a running guest can become instead, where its target cannot be met exactly."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from slotsolver.constraints.accept import Accept
from slotsolver.errors import InputError
from slotsolver.explain.change import with_policy
from slotsolver.explain.words import wanted_text
from slotsolver.plan import Remedy
from slotsolver.problem import Guest, Problem
from slotsolver.size import format_size

Sizes = Callable[[Problem], tuple[int, ...] | None]
"""The sizes (bytes) that the guests of a problem come to have as near to their targets as they can,
``None`` where there is no plan or none was found."""


_NOT = {"below": "above", "above": "below"}


def nearest_sizes(problem: Problem, guest: Guest, sizes: Sizes) -> Iterator[Remedy]:
    """The nearest sizes below and above that a running guest can have whose target has to be met
    exactly. Both are solved for."""
    place = problem.guests.index(guest)
    for side in ("below", "above"):
        accept = Accept(distance=side, guests=(guest.name,))
        reached = _try(with_policy(accept)(problem), sizes)
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
                from_=wanted_text(guest),
                to=size,
                says=f"guest {guest.name} to {size}, the nearest size {side} that it can "
                f"have{now}: ask for that, or --accept {side}",
            )


def _try(problem: Problem, sizes: Sizes) -> tuple[int, ...] | None:
    try:
        return sizes(problem)
    except InputError:
        return None

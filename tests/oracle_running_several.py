"""The exhaustive search for several SMALL running guests on one host.

All values are sums over guests, and lexicographic order survives adding the same vector on both
sides. So of a guest's choices that take the same of the same pools only the best can be part of a
best answer, and these are tried in every combination. Policies may not reserve pages for later
growth, and what that growth lacks (`unpaid-growth`) is not looked at: both depend on all guests.
"""

from __future__ import annotations

from collections.abc import Iterator

from slotsolver.problem import Problem
from slotsolver.size import MiB
from tests.oracle_running import IN_BYTES, LAYERS, Search
from tests.oracle_running_rules import Pool, Unsupported, Vector

KNOWN = LAYERS.index("unpaid-growth")
"""How many of the layers are searched."""
Usage = frozenset[tuple[Pool, int]]


def best_of_several(problem: Problem) -> Vector | None:
    """The smallest values of the first :data:`KNOWN` layers, ``None`` if there is no plan."""
    if any(p.kind == "reserve" for p in problem.policies) or problem.host is None:
        raise Unsupported
    searches = [Search(single) for single in _singles(problem)]
    tables = [list(_table(search).items()) for search in searches]
    found: Vector | None = None
    reached: list[tuple[dict[Pool, int], Vector]] = [({}, (0,) * KNOWN)]
    for table in tables:
        reached = [
            (_sum(usage, dict(more)), tuple(map(sum, zip(values, own, strict=True))))
            for usage, values in reached
            for more, own in table
        ]
    for usage, values in reached:
        if (found is None or values < found) and not searches[0].missing(usage):
            found = values
    if found is None:
        return None
    scaled = zip(found, IN_BYTES, strict=False)
    return tuple(value * MiB if in_bytes else value for value, in_bytes in scaled)


def _singles(problem: Problem) -> Iterator[Problem]:
    for guest in problem.guests:
        mine = tuple(p for p in problem.policies if p.guests is None or guest.name in p.guests)
        yield problem.model_copy(update={"guests": (guest,), "policies": mine})


def _table(search: Search) -> dict[Usage, Vector]:
    """The best values of a guest for each use of the pools."""
    found: dict[Usage, Vector] = {}
    for values, choice in sorted(search.choices(), key=lambda pair: pair[0]):
        usage = frozenset(search.usage(choice).items())
        if usage in found and found[usage][: len(values)] < values:
            continue
        end = search.end(choice)
        if end is not None:
            found[usage] = min(found.get(usage, (*values, end[0])), (*values, end[0]))
    return found


def _sum(usage: dict[Pool, int], more: dict[Pool, int]) -> dict[Pool, int]:
    return {pool: usage.get(pool, 0) + more.get(pool, 0) for pool in {*usage, *more}}

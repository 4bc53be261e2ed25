"""An exhaustive search that says how good the best plan of a SMALL problem is.

It tries everything: every split of free boot memory, every way through the stages, every multiset
of DIMMs, every page size, every host node, and asks :mod:`tests.oracle_rules` what is allowed.

Reductions, each exact:

* The pages a cell takes depend on its boot memory and total alone, not on which DIMMs make it up.
* All values but `least-stranding` are sums over guests, and lexicographic order survives adding the
  same vector on both sides. So among a guest's answers that take the same pages of the same pools
  only the lexicographically smallest can be part of a best answer.

Not covered (:class:`tests.oracle_rules.Unsupported`): running guests, cells and devices with their
own sets of host nodes or pages, addresses of devices, `spread`, page sizes of DIMMs alone, other
machines than q35, pc and virt, guests above 32 GiB. Below that addresses never decide: QEMU's
window has 1 GiB to spare for each slot (hw/i386/pc.c:pc_get_device_memory_range).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from itertools import combinations, pairwise, product
from math import ceil, gcd
from typing import Any

from slotsolver.problem import AtLeast, Guest, Problem
from tests.oracle_rules import Rules, Unsupported, Vector, all_policies, fits, stranded

PREFERRED = "preferred-page"
"""The layer before all others where a page size is preferred: cells that do not have it."""
DEFAULT_LAYERS = (
    "least-imbalance",
    "finest-step",
    "fewest-slots",
    "shortest-distance",
    "largest-pages",
    "least-stranding",
    "lowest-maxmem",
)
Usage = frozenset[tuple[tuple[int, int], int]]
"""Pages taken by pool; a pool is (host node, page size)."""
Need = tuple[Vector, Vector]
"""Boot memory by cell, and the totals for which pages are needed."""
Outcome = tuple[int, int, frozenset[int]]
"""What matters of a cell's new DIMMs: how many, the largest (bytes), which sizes."""


@dataclass(frozen=True)
class Settings:
    """What the search minimises, in order, and how fine it looks (see :func:`best`)."""

    layers: tuple[str, ...]
    down_to: int | None
    boot_unit: int | None
    excess: int | None


def best(
    problem: Problem,
    *,
    layers: Sequence[str] | None = None,
    boot_unit: int | None = None,
    down_to: int | None = None,
    excess: int | None = None,
) -> Vector | None:
    """The lexicographically smallest objective values (reported units), ``None`` if infeasible.

    ``layers`` are kinds of objectives; without them the problem's own, without those the default
    ones. A first value, the number of cells without it, stands before all others where a policy
    prefers a page size. ``boot_unit`` is what free boot memory is a multiple of in every cell, and
    at least that (bytes; without it the smallest unit that the guest's DIMMs can have; sizes that
    leave a remainder are :class:`Unsupported`). ``down_to`` is `finest-step`'s (bytes, 0: none);
    without it the objective's own, and the default step for the default objectives. ``excess`` is
    how far a maximum of the form ``at_least`` may be exceeded (bytes; without it the sum of the
    smallest DIMMs that the cells may have, or as many of the largest of these as `slots` wants
    exactly, which is enough where `lowest-maxmem` comes first).

    Fixed here: boot memory is free where no cell states its own, even if the guest states the sum.
    Free boot memory and devices are at most the smallest stage. Where boot and target are one
    stage, `balance` holds there, and `least-imbalance` counts it (once) only if boot memory is
    free. A cell is at least one page. The smallest cell, for `least-stranding`, is that of evenly
    split targets. Without a host, distances and stranding are 0, and pages are those of the base
    page where no other is required.
    """
    given: list[Any] = list(problem.objectives)
    names = tuple(layers) if layers is not None else tuple(o.kind for o in given) or DEFAULT_LAYERS
    if any(p.kind == "page-size" and p.preferred for p in all_policies(problem)):
        names = (PREFERRED, *names)
    if down_to is None and given:
        own = next((o.down_to for o in given if o.kind == "finest-step"), None)
        listed = any(o.kind == "finest-step" for o in given)
        down_to = None if own == "default" or not listed else own or 0
    settings = Settings(names, down_to, boot_unit, excess)
    return _join(problem, names, [_Search(problem, g, settings).answers() for g in problem.guests])


def compositions(total: int, units: Sequence[int]) -> Iterator[Vector]:
    """Every way to write ``total`` as a sum of one multiple (0 included) of each unit."""
    if len(units) == 1:
        if total >= 0 and total % units[0] == 0:
            yield (total,)
        return
    for first in range(0, total + 1, units[0]):
        for rest in compositions(total - first, units[1:]):
            yield (first, *rest)


@cache
def multisets(total: int, menu: Vector) -> tuple[Vector, ...]:
    """Every multiset of sizes from the ascending ``menu`` with this sum, each ascending."""
    if total == 0:
        return ((),)
    return tuple(
        (size, *rest)
        for place, size in enumerate(menu)
        if size <= total
        for rest in multisets(total - size, menu[place:])
    )


class _Search:
    """All answers of one guest, reduced to the best one for each use of the host."""

    def __init__(self, problem: Problem, guest: Guest, settings: Settings) -> None:
        self.problem, self.guest, self.settings = problem, guest, settings
        self.rules = Rules(problem, guest)
        self.outcomes: dict[tuple[int, int, Vector], set[Outcome]] = {}

    def vector(self, **values: int) -> Vector:
        """The values in the order of the layers, 0 for what is not told."""
        told = {name.replace("_", "-"): value for name, value in values.items()}
        return tuple(told.get(name, 0) for name in self.settings.layers)

    # --- boot memory and the way through the stages ---

    def boots(self) -> Iterator[Vector]:
        """Every boot memory by cell."""
        cells, most = self.guest.cells, self.rules.sizes[0] - self.rules.all_devices
        unit = self.settings.boot_unit or self.rules.smallest_unit
        if not self.rules.free_boot:
            yield tuple(c.memory or 0 for c in cells)
            return
        sums = [self.guest.boot] if self.guest.boot else range(0, most + 1, unit)
        if (self.guest.boot or most) % unit:
            raise Unsupported(f"boot memory in multiples of {unit} bytes leaves a remainder")
        for total in sums:
            for split in compositions(total - len(cells) * unit, [unit] * len(cells)):
                yield tuple(unit + part for part in split)

    def stage_sizes(self, now: int, units: Vector) -> Iterator[list[int]]:
        """The sizes of the stages after boot; several where the maximum may be exceeded."""
        sizes = [size for size in self.rules.sizes if size > now]
        if not sizes or not isinstance(self.guest.maximum, AtLeast):
            yield sizes
            return
        if self.guest.maximum_size == self.guest.target_size:
            raise Unsupported("a maximum of at least the target")
        reach = self.settings.excess
        if reach is None:
            smallest = [self.rules.smallest_dimm(c, unit) for c, unit in enumerate(units)]
            exactly = max((p.exactly or 0 for p in self.rules.of("slots")), default=0)
            reach = max(sum(smallest), exactly * max(smallest))
        for more in range(0, reach + 1, gcd(min(units), sizes[-1])):
            yield [*sizes[:-1], sizes[-1] + more]

    def paths(self, totals: Vector, sizes: list[int], units: Vector) -> Iterator[list[Vector]]:
        """Every sequence of the cells' totals through the stages, the given one first."""
        if not self.rules.target_met(totals):
            return
        if not sizes:
            yield [totals]
            return
        growth = sizes[0] - self.rules.other_devices - sum(totals)
        for parts in compositions(growth, units):
            grown = tuple(t + p for t, p in zip(totals, parts, strict=True))
            for rest in self.paths(grown, sizes[1:], units):
                yield [totals, *rest]

    # --- DIMMs ---

    def layouts(self, cell: int, unit: int, totals: Vector) -> set[Outcome]:
        """The outcomes of every choice of DIMMs that takes the cell through its totals."""
        key = (cell, unit, totals)
        if key not in self.outcomes:
            growths = [after - before for before, after in pairwise(totals)]
            sizes = range(unit, sum(growths) + 1, unit)
            menu = tuple(s for s in sizes if self.rules.size_allowed(cell, s))
            found = set()
            for stages in product(*(multisets(growth, menu) for growth in growths)):
                dimms = [size for stage in stages for size in stage]
                if self.rules.reachable(cell, unit, totals[0], dimms):
                    found.add((len(dimms), max(dimms, default=0), frozenset(dimms)))
            self.outcomes[key] = found
        return self.outcomes[key]

    def combine(self, path: list[Vector], units: Vector) -> set[tuple[int, int]]:
        """(count, largest) of every choice of DIMMs for the whole guest."""
        uniform = [p for p in self.rules.of("sizes") if p.uniform]
        states = {(0, 0, (frozenset[int](),) * len(uniform))}
        for cell, unit in enumerate(units):
            concerned = [p.cells is None or cell in p.cells for p in uniform]
            outcomes = self.layouts(cell, unit, tuple(totals[cell] for totals in path))
            grown = {
                (
                    count + more,
                    max(largest, other),
                    tuple(s | sizes if c else s for s, c in zip(seen, concerned, strict=True)),
                )
                for count, largest, seen in states
                for more, other, sizes in outcomes
            }
            states = {state for state in grown if all(len(sizes) <= 1 for sizes in state[2])}
        return {(count, largest) for count, largest, _ in states}

    def values(self, boot: int, path: list[Vector], units: Vector) -> Iterator[Vector]:
        """The values of every choice of DIMMs for one way through the stages."""
        least, imbalance = self.settings.down_to, self.rules.imbalance(path)
        for count, largest in self.combine(path, units):
            if self.rules.slots_allowed(boot, count):
                yield self.vector(
                    fewest_slots=self.rules.slot_devices + count,
                    finest_step=max(largest, self.rules.default_step if least is None else least),
                    least_imbalance=imbalance,
                    lowest_maxmem=sum(path[-1]) + self.rules.other_devices,
                )

    def layouts_by_need(self, units: Vector) -> dict[Need, Vector]:
        """The best values for each need of pages."""
        found: dict[Need, Vector] = {}
        for boot in filter(self.rules.boot_allowed, self.boots()):
            start = tuple(size + self.rules.devices(cell) for cell, size in enumerate(boot))
            for sizes in self.stage_sizes(sum(start) + self.rules.other_devices, units):
                for path in self.paths(start, sizes, units):
                    if self.rules.balanced(path, units):
                        for value in self.values(sum(boot), path, units):
                            _keep(found, (boot, self.rules.needed(path)), value)
        return found

    # --- pages and host nodes ---

    def answers(self) -> dict[Usage, Vector]:
        """The best values of the guest for each way to take pages."""
        found: dict[Usage, Vector] = {}
        by_units: dict[Vector, dict[Need, Vector]] = {}
        for pages in product(*(self.rules.pages_of(c) for c in self.guest.cells)):
            units = tuple(self.rules.unit(page) for page in pages)
            if units not in by_units:
                by_units[units] = self.layouts_by_need(units)
            needs: dict[Vector, Vector] = {}
            for (boot, totals), value in by_units[units].items():
                if self.rules.backed(boot, pages):
                    _keep(needs, _counts(boot, totals, pages), value)
            for nodes, part in self.placements(pages):
                for counts, value in needs.items():
                    taken: dict[tuple[int, int], int] = {}
                    for node, page, count in zip(nodes, pages, counts, strict=True):
                        taken[node, page] = taken.get((node, page), 0) + count
                    if fits(self.problem, taken.items()):
                        total = _sum(value, part, self.vector(largest_pages=sum(taken.values())))
                        _keep(found, frozenset(taken.items()), total)
        return found

    def placements(self, pages: Vector) -> list[tuple[Vector, Vector]]:
        """Every host node by cell (-1 where there is no host), with its part of the values."""
        cells, host = self.guest.cells, self.problem.host
        missed = self.rules.missed(pages)
        if host is None:
            return [((-1,) * len(cells), self.vector(preferred_page=missed))]
        found = []
        for nodes in product(*(self.rules.nodes_of(c, host) for c in cells)):
            distance = sum(
                a.distance(b.id) * host.distance(nodes[a.id], nodes[b.id])
                for a, b in combinations(cells, 2)
            )
            if self.rules.apart(nodes):
                values = self.vector(preferred_page=missed, shortest_distance=distance)
                found.append((nodes, values))
        return found


def _counts(boot: Vector, totals: Vector, pages: Vector) -> Vector:
    """Pages by cell: boot memory rounds up to whole pages, the devices are whole pages."""
    cells = zip(boot, totals, pages, strict=True)
    return tuple(ceil(Fraction(b, page)) + (total - b) // page for b, total, page in cells)


def _keep(found: dict[Any, Vector], key: object, value: Vector) -> None:
    """Keep the smallest value seen for a key."""
    found[key] = min(value, found.get(key, value))


def _sum(*vectors: Vector) -> Vector:
    return tuple(sum(column) for column in zip(*vectors, strict=True))


def _join(
    problem: Problem, layers: Sequence[str], answers: list[dict[Usage, Vector]]
) -> Vector | None:
    """The best sum over the guests whose pages fit on the host together."""
    if not all(answers):
        return None
    tables = [sorted(answer.items(), key=lambda item: item[1]) for answer in answers]
    rest = [(0,) * len(layers)]
    for table in reversed(tables):
        rest.insert(0, _sum(rest[0], table[0][1]))
    found: Vector | None = None

    def search(place: int, taken: dict[tuple[int, int], int], value: Vector) -> None:
        nonlocal found
        if place == len(tables):
            left = stranded(problem, taken)
            named = zip(layers, value, strict=True)
            whole = tuple(left if name == "least-stranding" else v for name, v in named)
            found = whole if found is None else min(found, whole)
            return
        for usage, more in tables[place]:
            total = _sum(value, more)
            # Sorted, stranding still counts 0, and the other guests add at least `rest`.
            if found is not None and _sum(total, rest[place + 1]) > found:
                return
            joined = dict(taken)
            for pool, count in usage:
                joined[pool] = joined.get(pool, 0) + count
            if fits(problem, joined.items()):
                search(place + 1, joined, total)

    search(0, {}, rest[-1])
    return found

"""An exhaustive search that says how good the best plan of a SMALL running guest is.

It tries every set of DIMMs that may go, every multiset of DIMMs that may come, everything that may
be requested of virtio-mem devices, every page size and host node, every way to follow the growth
that was planned once, and all growth that may come later; whether DIMMs find a place is decided by
:mod:`tests.oracle_running_fit`, what is allowed by :mod:`tests.oracle_running_rules`.

The values are those of :data:`LAYERS`, in bytes where they are memory. Later growth has the least
priority, so of all choices for now with the same values those are looked at only that are the best;
where later sizes are demanded (waypoints, balance), the next best follow.

Not covered (:class:`tests.oracle_running_rules.Unsupported`): several guests, other hosts, sets of
host nodes, virtio-pmem and SGX, guests above 32 GiB. Of the policies `exact`, `headroom`, `memmap`,
`memslots`, `page-size`, `host-nodes` and `slots` are not known here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby, product

from slotsolver.problem import Device, Problem, ReservedDimm
from slotsolver.size import MiB
from tests.oracle_running_fit import Gap, Piece, apart, fits, gaps
from tests.oracle_running_rules import Dimm, Dimms, Pool, Rules, Vector

LAYERS = (
    "target-distance",
    "planned-growth",
    "needless-unplug",
    "fewest-unplugs",
    "fewest-plugs",
    "least-imbalance",
    "stranded-growth",
    "unpaid-growth",
    "growth-imbalance",
)
"""What is minimised, in order."""
IN_BYTES = (True, False, True, False, False, True, True, True, True)
DROPPED = -1


@dataclass(frozen=True)
class Choice:
    """Everything that is decided now. ``stages[r]`` is when the planned DIMM r comes: 0 now, 1 and
    so on at later stages, :data:`DROPPED` never."""

    units: Vector
    pages: Vector
    nodes: Vector
    now: Dimms
    stages: Vector


@dataclass(frozen=True)
class Later:
    """A guest on its way to the maximum: totals, what is requested of virtio-mem, DIMMs with no
    place yet, all new DIMMs, how many DIMMs have come."""

    totals: Vector
    requested: tuple[tuple[int, int], ...]
    open: tuple[Dimm, ...]
    new: tuple[Dimm, ...]
    spreads: int = 0


def best(problem: Problem) -> Vector | None:
    """The lexicographically smallest values of :data:`LAYERS`, ``None`` if there is no plan."""
    search = Search(problem)
    paid = (pair for pair in search.choices() if not search.missing(search.usage(pair[1])))
    choices = sorted(paid, key=lambda pair: pair[0])
    for values, group in groupby(choices, key=lambda pair: pair[0]):
        ends = [end for _, choice in group if (end := search.end(choice)) is not None]
        if ends:
            scaled = zip((*values, *min(ends)), IN_BYTES, strict=True)
            return tuple(value * MiB if in_bytes else value for value, in_bytes in scaled)
    return None


@cache
def multisets(total: int, menu: tuple[tuple[int, int], ...], most: int) -> tuple[Vector, ...]:
    """Every multiset of at most ``most`` entries of a menu of ``(size, mark)`` whose sizes sum to
    at most ``total``; as places in the menu, ascending."""
    found: list[Vector] = [()]
    for place, (size, _) in enumerate(menu):
        if size <= total and most:
            rests = multisets(total - size, menu[place:], most - 1)
            found += [(place, *(place + other for other in rest)) for rest in rests]
    return tuple(found)


class Search:
    """All choices of one guest."""

    def __init__(self, problem: Problem) -> None:
        self.rules = Rules(problem)
        self.problem, self.guest = problem, problem.guests[0]
        self.growth: tuple[ReservedDimm, ...] = tuple(dict.fromkeys(self.guest.growth))
        self.later_sizes: list[int | None] = [*self.rules.waypoints(), None]

    # --- now ---

    def choices(self) -> Iterator[tuple[Vector, Choice]]:
        """Every legal choice with its values, wherever DIMMs find their places."""
        for pages, nodes in self.rules.backings():
            units = tuple(self.rules.unit(page) for page in pages)
            for now in self._dimms(units):
                for value in self._values(now, units):
                    for stages in self._plans(now, units):
                        choice = Choice(units, pages, nodes, now, stages)
                        yield (value[0], self._departures(now, stages), *value[1:]), choice

    def _dimms(self, units: Vector) -> Iterator[Dimms]:
        rules = self.rules
        may = rules.removable()
        devices = list(rules.virtio)
        for bits in range(1 << len(may)):
            gone = frozenset(index for place, index in enumerate(may) if bits >> place & 1)
            if not rules.in_order(gone):
                continue
            for requests in product(*(rules.requests(i) for i in devices)):
                requested = dict(zip(devices, requests, strict=True))
                room = rules.room - sum(self._totals(gone, requested))
                room = min(room, self._space(gone), self._most_new(gone, requested))
                for new in self._new(room, units, self._free_slots(gone)):
                    yield Dimms(gone, new, requested)

    def _most_new(self, gone: frozenset[int], requested: Mapping[int, int]) -> int:
        """More new memory is never legal, by the target and the exchanges of the guest alone."""
        if self.rules.per_cell:
            return self.guest.target_size // MiB
        if gone and not self.rules.of("swap"):
            return 0
        named = self.rules.of("accept")
        if named and named[-1].distance not in ("exact", "below"):
            return self.rules.room
        there = sum(self._totals(gone, requested)) + self.rules.outside
        return self.guest.target_size // MiB - there

    def _new(self, room: int, units: Vector, slots: int) -> Iterator[tuple[Dimm, ...]]:
        """Every multiset of at most so many new DIMMs, with at most ``room``."""
        if room < 0 or slots < 0:
            return
        menu = tuple(
            (size, cell)
            for cell, unit in enumerate(units)
            for size in range(unit, room + 1, unit)
            if self.rules.size_allowed(cell, size)
        )
        for places in multisets(room, menu, slots):
            yield tuple(sorted((menu[p][1], menu[p][0]) for p in places))

    def _free_slots(self, gone: frozenset[int]) -> int:
        """How many DIMMs may come, below 0 where there are too many devices already."""
        count = -1
        while self.rules.slots_suffice(len(gone), count + 1) and count < 64:
            count += 1
        return count

    def _space(self, gone: frozenset[int]) -> int:
        """What QEMU leaves to further devices: maxMemory less boot memory less all regions."""
        there = sum(d.size // MiB for i, d in enumerate(self.guest.devices) if i not in gone)
        return self.guest.maximum_size // MiB - sum(self.rules.boot) - there

    def _totals(self, gone: frozenset[int], requested: Mapping[int, int]) -> Vector:
        """The cells' totals without new DIMMs."""
        totals = list(self.rules.boot)
        for index, device in enumerate(self.guest.devices):
            if device.model == "dimm" and index not in gone:
                totals[device.cell or 0] += device.size // MiB
        for index, size in requested.items():
            totals[self.guest.devices[index].cell or 0] += size
        return tuple(totals)

    def _flows(self, now: Dimms) -> tuple[Vector, Vector, int, int]:
        """What goes and comes by cell, and how many unplugs and plugs that takes."""
        cells = range(len(self.guest.cells))
        goes, comes = [0 for _ in cells], [0 for _ in cells]
        for index in now.gone:
            device = self.guest.devices[index]
            goes[device.cell or 0] += device.size // MiB
        for cell, size in now.new:
            comes[cell] += size
        unplugs, plugs = len(now.gone), len(now.new)
        for index, size in now.requested.items():
            change = size - self.guest.devices[index].memory // MiB
            (goes if change < 0 else comes)[self.guest.devices[index].cell or 0] += abs(change)
            unplugs, plugs = unplugs + (change < 0), plugs + (change > 0)
        return tuple(goes), tuple(comes), unplugs, plugs

    def _values(self, now: Dimms, units: Vector) -> Iterator[Vector]:
        """The values of what is done now, none if it is not legal."""
        rules = self.rules
        before = self._totals(now.gone, now.requested)
        totals = _add(before, now.new)
        goes, comes, unplugs, plugs = self._flows(now)
        distance, needless = rules.off_target(totals), rules.needless(goes, comes)
        kept = tuple(t - c for t, c in zip(totals, comes, strict=True))
        steps = sum(rules.steps(i, size) for i, size in now.requested.items())
        operations = len(now.gone) + len(now.new) + steps
        if (
            distance is not None
            and needless is not None
            and all(operations <= p.count for p in rules.of("max-operations"))
            and rules.guest_has_room(sum(goes), sum(comes))
            and (rules.per_cell or rules.balanced(totals, units))
            and rules.gradual(kept, now.new, units)
            and rules.uniform(now.new)
        ):
            imbalance = 0 if rules.per_cell else rules.spread(totals)
            yield distance, needless, unplugs, plugs, imbalance

    # --- growth that was planned once ---

    def _plans(self, now: Dimms, units: Vector) -> Iterator[Vector]:
        """When each of the planned DIMMs comes: those that come now are among the new ones."""
        options = [DROPPED, *range(len(self.later_sizes) + 1)]
        usable = [self._usable(dimm, now.gone, units) for dimm in self.growth]
        for stages in product(*(options if use else [DROPPED] for use in usable)):
            left = list(now.new)
            for dimm, stage in zip(self.growth, stages, strict=True):
                if stage == 0 and (dimm.cell, dimm.size // MiB) in left:
                    left.remove((dimm.cell, dimm.size // MiB))
                elif stage == 0:
                    break
            else:
                yield stages

    def _usable(self, dimm: ReservedDimm, gone: frozenset[int], units: Vector) -> bool:
        """Whether a planned DIMM can come as it was planned, once what goes is gone."""
        staying = [d for i, d in enumerate(self.guest.devices) if i not in gone]
        start, end = dimm.address, dimm.address + dimm.size
        window = self.rules.window
        return (
            dimm.cell < len(units)
            and dimm.slot < (self.guest.slots or 0)
            and window is not None
            and window[0] * MiB <= start <= end <= window[1] * MiB
            and not start % (units[dimm.cell] * MiB)
            and not dimm.size % (units[dimm.cell] * MiB)
            and self.rules.size_allowed(dimm.cell, dimm.size // MiB)
            and all(d.model == "virtio-mem" or d.slot != dimm.slot for d in staying)
            and not any(
                start < (d.address or 0) + d.size and (d.address or 0) < end for d in staying
            )
        )

    def _departures(self, now: Dimms, stages: Vector) -> int:
        if not self.growth:
            return 0
        return len(now.new) - sum(s == 0 for s in stages) + sum(s == DROPPED for s in stages)

    # --- places ---

    def _placed(self, choice: Choice, dimms: Sequence[Dimm]) -> bool:
        """Whether DIMMs find places beside what stays and what comes as it was planned."""
        devices = enumerate(self.guest.devices)
        taken: list[Gap] = [
            ((d.address or 0) // MiB, ((d.address or 0) + d.size) // MiB)
            for i, d in devices
            if i not in choice.now.gone
        ]
        planned = [
            dimm for dimm, stage in zip(self.growth, choice.stages, strict=True) if stage != DROPPED
        ]
        taken += [(d.address // MiB, (d.address + d.size) // MiB) for d in planned]
        slots = [d.slot for d in planned]
        if not apart(taken) or len(set(slots)) < len(slots):
            return False
        pieces: list[Piece] = sorted((choice.units[cell], size) for cell, size in dimms)
        return fits(gaps(self.rules.window, taken), tuple(pieces))

    # --- pools ---

    def _grown(self, choice: Choice) -> tuple[Vector, Vector]:
        """What each cell has of what was there, and at the target."""
        now = choice.now
        least = {
            i: min(size, self.guest.devices[i].memory // MiB) for i, size in now.requested.items()
        }
        kept = self._totals(now.gone, least)
        return kept, _add(self._totals(now.gone, now.requested), now.new)

    def usage(self, choice: Choice, totals: Vector | None = None) -> dict[Pool, int]:
        """What growth to some totals, or to those at the target, takes of each pool, less what goes
        back to it."""
        taken: dict[Pool, int] = {}
        if self.problem.host is None:
            return taken
        devices = self.guest.devices
        gone = [(devices[i], devices[i].size) for i in choice.now.gone]
        for index, size in choice.now.requested.items():
            gone.append((devices[index], max(0, devices[index].memory - size * MiB)))
        for device, size in gone:
            pool = self.rules.origin(device)
            if pool is not None:
                taken[pool] = taken.get(pool, 0) - size // MiB
        kept, target = self._grown(choice)
        growth = [t - k for t, k in zip(totals or target, kept, strict=True)]
        for node, page, more in zip(choice.nodes, choice.pages, growth, strict=True):
            taken[node, page] = taken.get((node, page), 0) + more
        return taken

    def missing(self, usage: Mapping[Pool, int]) -> int:
        """How much of what is taken the pools do not have."""
        host = self.problem.host
        free = {pool: host.pool(*pool).free * pool[1] // MiB for pool in usage} if host else {}
        return sum(max(0, taken - free[pool]) for pool, taken in usage.items())

    # --- later ---

    def end(self, choice: Choice) -> Vector | None:
        """How much of the maximum is out of reach at least, how much growth to it lacks pages, and
        the least imbalance on the way there; ``None`` where the choice has no place or later sizes
        cannot be met."""
        totals = self._grown(choice)[1]
        left = list(choice.now.new)
        for dimm, stage in zip(self.growth, choice.stages, strict=True):
            if stage == 0:
                left.remove((dimm.cell, dimm.size // MiB))
        if not self._placed(choice, left):
            return None
        requested = tuple(sorted(choice.now.requested.items()))
        start = Later(totals, requested, tuple(left), choice.now.new)
        return self._onwards(choice, start, 1)

    def _onwards(self, choice: Choice, here: Later, stage: int) -> Vector | None:
        """The best way through this stage and those after it."""
        last = stage == len(self.later_sizes)
        found: Vector | None = None
        for option in sorted(self._options(choice, here, stage), key=lambda o: -sum(o.totals)):
            if not last:
                if self._placed(choice, option.open):
                    rest = self._onwards(choice, option, stage + 1)
                    found = min(found or rest, rest) if rest is not None else found
                continue
            unpaid = self.missing(self.usage(choice, option.totals))
            values = (self.rules.room - sum(option.totals), unpaid, option.spreads)
            if found is not None and values >= found:
                continue
            if self._placed(choice, option.open) and self._ends_well(choice, option):
                found = values
        return found

    def _ends_well(self, choice: Choice, there: Later) -> bool:
        """Whether the pools hold the maximum of the cells for which that is wanted."""
        promised = [self.rules.reserved_to_the_end(c) for c in range(len(there.totals))]
        pairs = zip(there.totals, self._grown(choice)[1], strict=True)
        totals = tuple(pair[not promise] for pair, promise in zip(pairs, promised, strict=True))
        return not any(promised) or not self.missing(self.usage(choice, totals))

    def _options(self, choice: Choice, here: Later, stage: int) -> Iterator[Later]:
        """Every growth of one later stage."""
        rules, size = self.rules, self.later_sizes[stage - 1]
        planned = tuple(
            (dimm.cell, dimm.size // MiB)
            for dimm, when in zip(self.growth, choice.stages, strict=True)
            if when == stage
        )
        devices = dict(here.requested)
        slots = self._free_slots(choice.now.gone) - len(here.new) - len(planned)
        space = self._space(choice.now.gone) - sum(s for _, s in (*here.new, *planned))
        if slots < 0 or space < 0:
            return
        for requests in product(*(self._raises(i, now) for i, now in here.requested)):
            requested = tuple(zip(devices, requests, strict=True))
            raised = _raised(here, requested, self.guest.devices)
            room = rules.room - sum(raised) - sum(s for _, s in planned)
            for more in self._new(min(room, space), choice.units, slots):
                totals = _add(raised, (*planned, *more))
                new = (*here.new, *planned, *more)
                if (
                    size in (None, sum(totals))
                    and sum(totals) <= rules.room
                    and rules.balanced(totals, choice.units)
                    and rules.gradual(here.totals, (*planned, *more), choice.units)
                    and rules.uniform(new)
                ):
                    spreads = here.spreads + rules.spread(totals)
                    yield Later(totals, requested, (*here.open, *more), new, spreads)

    def _raises(self, index: int, now: int) -> list[int]:
        """What may be requested of a virtio-mem device later."""
        return sorted({now, *(size for size in self.rules.requests(index) if size > now)})


def _add(totals: Vector, dimms: Sequence[Dimm]) -> Vector:
    found = list(totals)
    for cell, size in dimms:
        found[cell] += size
    return tuple(found)


def _raised(here: Later, requested: Sequence[tuple[int, int]], devices: Sequence[Device]) -> Vector:
    """The totals once more is requested of virtio-mem devices."""
    before = dict(here.requested)
    changes = [(devices[index].cell or 0, size - before[index]) for index, size in requested]
    return _add(here.totals, changes)

"""Whether DIMMs find places in the gaps between others, as rows of a model: exact, also where their
sizes are still open.

In one gap DIMMs can be put in order without taking more room: those with the largest alignment next
to each other, around them those with the next smaller one, and so on. What lies between two DIMMs
of the largest alignment is a multiple of it long, so it can be moved behind the second of them, and
everything keeps its alignment; the same then holds of the next alignment on both sides. So a gap is
one run of DIMMs for its largest alignment, and two for every smaller one; what counts of a run is
how long it is. Bytes outside, units of the smallest alignment inside.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ortools.sat.python import cp_model

    Linear = cp_model.LinearExpr | int

PROOF_LIMIT = 5.0
"""Deterministic time for the proof that DIMMs fit nowhere."""


@dataclass
class Gap:
    """A free part of the device memory window, bytes."""

    start: int
    end: int


@dataclass(frozen=True, order=True)
class Kind:
    """What DIMMs may be like (bytes): addresses are multiples of ``align``, sizes multiples of
    ``grain`` (itself one of ``align``) from ``smallest`` to ``largest``."""

    align: int
    grain: int
    smallest: int
    largest: int


def of_size(align: int, size: int) -> Kind:
    """DIMMs of one size."""
    return Kind(align, size, size, size)


def split(kind: Kind, number: int, memory: int) -> list[int]:
    """``memory`` bytes as that many DIMMs, the largest first."""
    sizes = []
    for left in range(number - 1, -1, -1):
        sizes.append(min(kind.largest, memory - left * kind.smallest))
        memory -= sizes[-1]
    return sizes


@dataclass(frozen=True)
class _Part:
    """DIMMs of the kind at ``place`` in a run; ``memory`` in units."""

    place: int
    number: cp_model.IntVar
    memory: Linear


class Packing:
    """Variables for how many DIMMs of each kind lie in each gap, and rows so that they fit there.

    They hold whatever else is decided; what is there in total is up to the caller
    (:meth:`total`).
    """

    def __init__(self, model: cp_model.CpModel, gaps: Sequence[Gap], kinds: Sequence[Kind]) -> None:
        self.model = model
        self.kinds = kinds
        self.unit = min((kind.align for kind in kinds), default=1)
        self._runs: list[tuple[Linear, list[_Part]]] = []
        for gap in gaps:
            self._fill(gap)

    def total(self, place: int) -> tuple[Linear, Linear]:
        """How many DIMMs of a kind there are, and their memory in units."""
        mine = [part for _, parts in self._runs for part in parts if part.place == place]
        return sum(part.number for part in mine), sum(part.memory for part in mine)

    def _fill(self, gap: Gap) -> None:
        fitting = [
            place
            for place, kind in enumerate(self.kinds)
            if _up(gap.start, kind.align) + kind.smallest <= gap.end
        ]
        levels = sorted({self.kinds[place].align for place in fitting})
        if levels:
            low = _up(gap.start, levels[0]) // self.unit
            self._level(gap, levels, fitting, low, gap.end // self.unit)

    def _level(
        self, gap: Gap, levels: Sequence[int], fitting: Sequence[int], low: Linear, high: Linear
    ) -> None:
        """DIMMs of the smallest of some alignments, before and behind those of the others; alone
        they need not leave room for a boundary of the others."""
        mine = [place for place in fitting if self.kinds[place].align == levels[0]]
        if len(levels) == 1:
            self.model.add(low + self._run(gap, mine, low) <= high)
            return
        step = levels[1] // self.unit
        first, last = -(-gap.start // levels[1]), gap.end // levels[1]
        start = step * self.model.new_int_var(first, last, "")
        end = step * self.model.new_int_var(first, last, "")
        before, runs = self._run(gap, mine, low), len(self._runs)
        self.model.add(start <= end)
        behind = self._run(gap, mine, end)
        self._level(gap, levels[1:], fitting, start, end)
        others = self.model.new_bool_var("")
        self.model.add(low + before <= start).only_enforce_if(others)
        self.model.add(end + behind <= high).only_enforce_if(others)
        self.model.add(low + before <= high).only_enforce_if(~others)
        for _, parts in self._runs[runs:]:
            for part in parts:
                self.model.add(part.number == 0).only_enforce_if(~others)

    def _run(self, gap: Gap, places: Sequence[int], start: Linear) -> Linear:
        """DIMMs next to each other from ``start`` on; how long they are."""
        parts = [self._part(gap, place) for place in places]
        self._runs.append((start, parts))
        return sum(part.memory for part in parts)

    def _part(self, gap: Gap, place: int) -> _Part:
        kind = self.kinds[place]
        room = gap.end - gap.start
        number = self.model.new_int_var(0, room // kind.smallest, "")
        if kind.smallest == kind.largest:
            return _Part(place, number, kind.smallest // self.unit * number)
        grains = self.model.new_int_var(0, room // kind.grain, "")
        self.model.add(grains >= kind.smallest // kind.grain * number)
        self.model.add(grains <= min(kind.largest, room) // kind.grain * number)
        return _Part(place, number, kind.grain // self.unit * grains)

    def places(self, solver: cp_model.CpSolver) -> Iterator[tuple[int, int, int]]:
        """Every DIMM of a solution: the place of its kind, its address and its size."""
        for start, parts in self._runs:
            address = solver.value(start) * self.unit
            for part in parts:
                memory = solver.value(part.memory) * self.unit
                for size in split(self.kinds[part.place], solver.value(part.number), memory):
                    yield part.place, address, size
                    address += size


@dataclass(frozen=True)
class Need:
    """DIMMs that need places: their kind, how many they are, and what they have together."""

    kind: Kind
    number: int
    memory: int


@dataclass(frozen=True)
class Packed:
    """``(address, size)`` of the DIMMs of each need, ``None`` where they do not fit; ``proven`` is
    whether that is certain."""

    dimms: tuple[tuple[tuple[int, int], ...], ...] | None
    proven: bool = True


def pack(gaps: Sequence[Gap], needs: Sequence[Need]) -> Packed:
    """Places for all DIMMs in the gaps, if there are any."""
    # Here, because every plan has addresses and few need a search for them.
    from ortools.sat.python import cp_model

    model = cp_model.CpModel()
    packing = Packing(model, gaps, [need.kind for need in needs])
    for place, need in enumerate(needs):
        number, memory = packing.total(place)
        for found, wanted in ((number, need.number), (memory, need.memory // packing.unit)):
            if isinstance(found, int):
                if found != wanted:
                    return Packed(None)
            else:
                model.add(found == wanted)
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = 0
    solver.parameters.max_deterministic_time = PROOF_LIMIT
    status = solver.solve(model)
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return Packed(None, proven=status == cp_model.INFEASIBLE)
    dimms: list[list[tuple[int, int]]] = [[] for _ in needs]
    for place, address, size in packing.places(solver):
        dimms[place].append((address, size))
    return Packed(tuple(map(tuple, dimms)))


def _up(address: int, align: int) -> int:
    return -(-address // align) * align

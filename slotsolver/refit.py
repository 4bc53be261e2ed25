"""The DIMMs of a running guest's layout: their sizes, where these are open, and whether they find
places between those that stay.

The model decides which DIMMs go, how many come, and what these have together. Where no sizes and
places are found for that, it is told what room there is (:class:`slotsolver.running_model.Cut`):
for everything that stays, and for as little of it as is in the way.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from slotsolver.fit import Item, gaps_between, in_turn
from slotsolver.layout import CellLayout, GuestLayout, NewDimm, OpenLayout
from slotsolver.open_model import kind_of
from slotsolver.packing import Gap, Kind, Need, Packed, of_size, pack, split
from slotsolver.place import alignment, device_window, settle_devices
from slotsolver.platforms import Range
from slotsolver.problem import Device, ReservedDimm
from slotsolver.running_model import Cut
from slotsolver.size import MiB


@dataclass(frozen=True)
class _Trial:
    """Devices that stay, planned DIMMs that come to their places, and others that need places."""

    window: Range | None
    stay: tuple[tuple[int, Device], ...]
    taken: tuple[ReservedDimm, ...]
    needs: tuple[Need, ...]

    def gaps(self) -> list[Gap]:
        """What is free."""
        if self.window is None:
            return []
        ranges = [(d.address, d.address + d.size) for _, d in self.stay if d.address]
        ranges += [(d.address, d.address + d.size) for d in self.taken]
        return gaps_between(self.window.base, self.window.end, ranges)

    def packed(self) -> Packed:
        """Sizes and places, if there are any."""
        return pack(self.gaps(), self.needs)

    def reduced(self, fixed: Sequence[int]) -> _Trial:
        """The least part that is certainly in the way: every device but ``fixed`` ones (places in
        ``Guest.devices``, which cannot go) and every planned DIMM is left out in turn."""
        trial = self
        for entry in self.stay:
            if entry[0] not in fixed:
                stay = tuple(other for other in trial.stay if other is not entry)
                trial = _if_it_fails(replace(trial, stay=stay), trial)
        for dimm in self.taken:
            taken = tuple(other for other in trial.taken if other is not dimm)
            trial = _if_it_fails(replace(trial, taken=taken), trial)
        return trial


def _if_it_fails(trial: _Trial, other: _Trial) -> _Trial:
    found = trial.packed()
    return trial if found.dimms is None and found.proven else other


def settle(layout: GuestLayout) -> GuestLayout | tuple[Cut, ...]:
    """The layout with sizes for all of its DIMMs that find places, or what is in their way."""
    facts = layout.facts
    if facts.running is None:
        return layout
    slots, block = facts.slots_written, facts.blocks[0] * MiB
    window = device_window(facts, layout.boot * MiB, layout.maximum * MiB, slots)
    devices = enumerate(settle_devices(facts, window, slots))
    stay = tuple((index, device) for index, device in devices if index not in layout.gone)
    aligns = tuple(alignment(layout, cell, block) for cell in range(len(layout.cells)))
    loose = [
        Need(of_size(aligns[cell], size * MiB), number, number * size * MiB)
        for (cell, size), number in sorted(_loose(layout).items())
    ]
    opened = [(cell, dimms) for cell, own in enumerate(layout.cells) for dimms in own.open]
    kinds = [kind_of(facts.cells[cell], aligns[cell]) for cell, _ in opened]
    needs = [
        Need(kind, dimms.number, dimms.memory * MiB)
        for kind, (_, dimms) in zip(kinds, opened, strict=True)
    ]
    taken = tuple(dimm for _, dimm in layout.taken)
    trial = _Trial(window, stay, taken, (*loose, *needs))
    sizes = _as_preferred(layout, trial, opened, kinds)
    if sizes is None:
        found = trial.packed()
        if found.dimms is None:
            return tuple(_cuts(layout, trial, aligns, proven=found.proven))
        sizes = [[size for _, size in dimms] for dimms in found.dimms[len(loose) :]]
    return _with_sizes(layout, opened, sizes)


def _loose(layout: GuestLayout) -> Counter[tuple[int, int]]:
    """DIMMs by cell and size (MiB) whose sizes are known and places are not."""
    counts = Counter((cell, d.size) for cell, own in enumerate(layout.cells) for d in own.dimms)
    return counts - Counter((dimm.cell, dimm.size // MiB) for _, dimm in layout.taken)


def _as_preferred(
    layout: GuestLayout,
    trial: _Trial,
    opened: Sequence[tuple[int, OpenLayout]],
    kinds: Sequence[Kind],
) -> list[list[int]] | None:
    """Sizes (bytes) as large as they may be now, and later steps of the usual size, if there are
    places for them."""
    sizes = [
        split(_preferred(layout, dimms, kind), dimms.number, dimms.memory * MiB)
        for (_, dimms), kind in zip(opened, kinds, strict=True)
    ]
    items = [
        Item(need.kind.align, need.kind.largest)
        for need in trial.needs[: len(trial.needs) - len(opened)]
        for _ in range(need.number)
    ]
    items += [
        Item(kind.align, size) for kind, own in zip(kinds, sizes, strict=True) for size in own
    ]
    gaps = trial.gaps()
    for best in (True, False):
        if in_turn(gaps, items, best=best) is not None:
            return sizes
    return None


def _preferred(layout: GuestLayout, dimms: OpenLayout, kind: Kind) -> Kind:
    """The kind with the largest size that is preferred."""
    if dimms.stage <= layout.facts.target_stage or not dimms.number:
        return kind
    even = -(-dimms.memory // dimms.number)
    least = max(even, layout.facts.default_step) * MiB
    largest = min(kind.largest, -(-least // kind.grain) * kind.grain)
    return replace(kind, largest=max(kind.smallest, largest))


def _with_sizes(
    layout: GuestLayout, opened: Sequence[tuple[int, OpenLayout]], sizes: Sequence[Sequence[int]]
) -> GuestLayout:
    cells: list[CellLayout] = [replace(cell, open=()) for cell in layout.cells]
    for (number, dimms), own in zip(opened, sizes, strict=True):
        cell = cells[number]
        new = [NewDimm(dimms.stage, size // MiB, cell.backing.nodes) for size in own]
        cells[number] = replace(cell, dimms=tuple(sorted([*cell.dimms, *new])))
    return replace(layout, cells=tuple(cells))


def _cuts(
    layout: GuestLayout, trial: _Trial, aligns: tuple[int, ...], *, proven: bool
) -> Iterator[Cut]:
    """What the trial tells the model: of as little as is in the way, and of all of it."""
    running = layout.facts.running
    trials = [trial]
    if proven and running is not None:
        removable = {dimm.index for dimm in running.removable}
        trials.insert(0, trial.reduced([i for i, _ in trial.stay if i not in removable]))
    for one in dict.fromkeys(trials):
        yield Cut(
            stay=frozenset(index for index, _ in one.stay),
            taken=frozenset(one.taken),
            pages=tuple(cell.backing.dimm_page for cell in layout.cells),
            elsewhere=tuple(tuple(b.page for b in backings) for backings in layout.elsewhere),
            aligns=aligns,
            gaps=tuple((gap.start, gap.end) for gap in one.gaps()),
        )

"""What of a running guest's layout finds no place, reduced to what is to blame.

The model counts DIMMs and decides which ones go; whether the new ones fit between those that stay
is found out here. A layout that does not fit is cut off: with fewer DIMMs to stay or fewer to come
it might fit, so what is cut off is as little as still does not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from slotsolver.layout import GuestLayout
from slotsolver.place import Row, alignment, device_window, fit_rows, numbered
from slotsolver.platforms import Range
from slotsolver.problem import Device
from slotsolver.running_model import Cut
from slotsolver.size import MiB


@dataclass(frozen=True)
class _Trial:
    """Devices that stay and DIMMs that come; whether these find a place."""

    window: Range | None
    stay: tuple[tuple[int, Device], ...]
    rows: tuple[Row, ...]

    def fails(self) -> bool:
        """Whether it is certain that they do not."""
        found = fit_rows(self.window, [device for _, device in self.stay], self.rows)
        return found.addresses is None and found.proven

    def reduced(self, fixed: Sequence[int]) -> _Trial:
        """The least part that fails as well: every device but ``fixed`` ones (places in
        ``Guest.devices``, which cannot go) and every DIMM is left out in turn."""
        trial = self
        for entry in self.stay:
            if entry[0] not in fixed:
                stay = tuple(other for other in trial.stay if other is not entry)
                without = _Trial(self.window, stay, trial.rows)
                trial = without if without.fails() else trial
        for row in self.rows:
            rows = tuple(other for other in trial.rows if other is not row)
            without = _Trial(self.window, trial.stay, rows)
            trial = without if without.fails() else trial
        return trial


def misfit(layout: GuestLayout) -> tuple[Cut, bool] | None:
    """Why a running guest's layout has no addresses, and whether that is proven; ``None`` if it has
    them."""
    facts = layout.facts
    running = facts.running
    if running is None:
        return None
    slots, block = facts.slots_written, facts.blocks[0] * MiB
    window = device_window(facts, layout.boot * MiB, layout.maximum * MiB, slots)
    stay = tuple(
        (index, device)
        for index, device in enumerate(facts.guest.devices)
        if index not in layout.gone
    )
    rows = tuple(numbered(layout, [device for _, device in stay], slots, block))
    trial = _Trial(window, stay, rows)
    found = fit_rows(window, [device for _, device in stay], rows)
    if found.addresses is not None:
        return None
    if found.proven:
        removable = {dimm.index for dimm in running.removable}
        trial = trial.reduced([index for index, _ in stay if index not in removable])
    return _cut(layout, trial), found.proven


def _cut(layout: GuestLayout, trial: _Trial) -> Cut:
    """The trial as a cut: cells with the same alignment are interchangeable."""
    block = layout.facts.blocks[0] * MiB
    aligns = [alignment(layout, cell, block) for cell in range(len(layout.cells))]
    needs: dict[tuple[tuple[int, ...], int], int] = {}
    fixed = {row.address for row in trial.rows if row.address is not None}
    for row in trial.rows:
        if row.address is None:
            same = tuple(cell for cell, align in enumerate(aligns) if align == row.align)
            needs[same, row.dimm.size] = needs.get((same, row.dimm.size), 0) + 1
    return Cut(
        stay=frozenset(index for index, _ in trial.stay),
        taken=frozenset(dimm for _, dimm in layout.taken if dimm.address in fixed),
        pages={n: cell.backing.dimm_page for n, cell in enumerate(layout.cells)},
        needs=needs,
    )

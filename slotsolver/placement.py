"""Where the cells of a guest lie: how many cells of each class have each backing.

Cells that are alike and whose memory is known form a class, and only how many of the class have a
backing is decided, not which: without that, every permutation of equal cells would have to be
refuted. Cells whose totals are still open are classes of their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ortools.sat.python import cp_model

from slotsolver.cell_facts import Backing
from slotsolver.cell_model import CellModel, Linear
from slotsolver.size import granule

if TYPE_CHECKING:
    from slotsolver.model import GuestModel


@dataclass
class CellClass:
    """Cells that are alike: ``count[backing]`` of them have that backing."""

    cells: list[CellModel]
    count: dict[Backing, Linear]

    def on(self, nodes: tuple[int, ...]) -> Linear:
        """How many of the cells lie on exactly this set of host nodes."""
        return sum(n for backing, n in self.count.items() if backing.nodes == nodes)


class Placement:
    """The backings of one guest's cells and the pages they take at the reserve stage."""

    def __init__(self, guest: GuestModel) -> None:
        self.guest = guest
        self.classes = [self._new_class(cells) for cells in self._alike()]
        self.pieces: dict[tuple[int, int, int, int], Linear] = {}
        """For spread cells: DIMMs by cell, size, stage and host node."""
        for cls in self.classes:
            self._choose_pages(cls)
            self._page_holds_boot(cls)
        for cell in guest.cells:
            if cell.facts.spread:
                self._spread(cell)

    def _alike(self) -> list[list[CellModel]]:
        groups: dict[object, list[CellModel]] = {}
        for cell in self.guest.cells:
            groups.setdefault(self._signature(cell), []).append(cell)
        return list(groups.values())

    def _signature(self, cell: CellModel) -> object:
        facts, guest = cell.facts, self.guest
        total = cell.totals[guest.facts.reserve_stage(facts)]
        same_pages = all(b.page == b.dimm_page for b in facts.backings())
        known = isinstance(total, int) and (same_pages or isinstance(cell.boot, int))
        mixed = len(facts.pages) * len(facts.dimm_pages) > 1
        apart = cell.virtio and (not same_pages or any(v.facts.own for v in cell.virtio))
        alone = guest.running or not known or mixed or apart or facts.spread
        policies = guest.facts.policies
        alone = alone or any(policy.tells_apart for policy in policies)
        if alone or not guest.uniform_distances:
            return facts.id
        covered = tuple(facts.id in p.concerned_cells(guest.facts.guest) for p in policies)
        boot = cell.boot if isinstance(cell.boot, int) else None
        paid = guest.paid(facts.id)
        wishes = (facts.preferred_pages, facts.elsewhere, covered)
        return (total, boot, facts.existing, paid, facts.backings(), wishes)

    def _new_class(self, cells: list[CellModel]) -> CellClass:
        backings = cells[0].facts.backings()
        if len(backings) == 1:
            return CellClass(cells, {backings[0]: len(cells)})
        count: dict[Backing, Linear] = {}
        for backing in backings:
            count[backing] = self.guest.new_int(0, len(cells))
        self.guest.model.add(sum(count.values()) == len(cells))
        return CellClass(cells, count)

    def _choose_pages(self, cls: CellClass) -> None:
        """Tie each cell's page size to its class; equal cells take their pages in order."""
        pages = sorted({b.dimm_page for b in cls.count})
        if len(pages) == 1:
            return
        model = self.guest.model
        for cell in cls.cells:
            cell.page_chosen = {page: self.guest.new_bool() for page in pages}
            model.add_exactly_one(cell.page_chosen.values())
        for page in pages:
            chosen = sum(cell.page_chosen[page] for cell in cls.cells)
            model.add(chosen == sum(n for b, n in cls.count.items() if b.dimm_page == page))
        for left, right in zip(cls.cells, cls.cells[1:], strict=False):
            for place in range(1, len(pages)):
                finer = pages[:place]
                model.add(
                    sum(left.page_chosen[p] for p in finer)
                    >= sum(right.page_chosen[p] for p in finer)
                )

    def _page_holds_boot(self, cls: CellClass) -> None:
        """Boot memory is whole pages: QEMU 10 refuses anything else, and a memfd always did
        ("failed to resize memfd"). Given boot memory has been seen to already."""
        for cell in cls.cells:
            if cell.facts.boot is not None:
                continue
            for page in sorted({backing.page for backing in cls.count}):
                grain = granule(page)
                pages = self.guest.new_int(1, self.guest.most_memory // grain + 1)
                row = self.guest.model.add(cell.boot == grain * pages)
                if page in cell.page_chosen and not cell.facts.dimm_pages:
                    row.only_enforce_if(cell.page_chosen[page])
                elif len({backing.page for backing in cls.count}) > 1:
                    chosen = [n for b, n in cls.count.items() if b.page == page]
                    row.only_enforce_if(self._any(chosen))

    def _any(self, counts: list[Linear]) -> cp_model.IntVar:
        """A literal that is true if one of the counts of a class of one cell is 1."""
        found = self.guest.new_bool()
        self.guest.model.add(sum(counts) == found)
        return found

    def _spread(self, cell: CellModel) -> None:
        """Give every DIMM of a spread cell a host node of its own."""
        nodes = sorted({n for b in cell.facts.backings() for n in b.nodes})
        for size, stage, count in cell.counts():
            parts = []
            for node in nodes:
                part = self.guest.new_int(0, cell.most(size, stage))
                self.pieces[cell.facts.id, size, stage, node] = part
                parts.append(part)
                self._keep_off(cell, node, part)
            self.guest.model.add(sum(parts) == count)

    def _keep_off(self, cell: CellModel, node: int, part: cp_model.IntVar) -> None:
        """No DIMM lies where its pages cannot be preallocated."""
        facts = cell.facts
        pages = {b.dimm_page for b in facts.backings()}
        for page in sorted(pages) if node in facts.no_prealloc else ():
            if facts.preallocates(page):
                row = self.guest.model.add(part == 0)
                if page in cell.page_chosen:
                    row.only_enforce_if(cell.page_chosen[page])

    def parts(self, cell: int, size: int, stage: int) -> list[tuple[int, Linear]]:
        """The DIMMs of one size and stage of a spread cell, by host node."""
        mine = (key for key in self.pieces if key[:3] == (cell, size, stage))
        return [(key[3], self.pieces[key]) for key in sorted(mine)]

    def usage(self, cls: CellClass, backing: Backing, stage: int) -> dict[int, Linear]:
        """Granules that the cells of a class with this backing take by a stage, by page size. What
        virtio-mem devices give is backed as boot memory is."""
        cell, count = cls.cells[0], cls.count[backing]
        own = sum(raised for _, raised in self.own_growth(cell, stage))
        virtio = sum(cell.raised(at) for at in cell.growth_stages if at <= stage) - own
        dimms = cell.totals[stage] - cell.totals[0] - own - virtio
        there = virtio if self.guest.running else cell.totals[0] + virtio
        paid = self.guest.paid(cell.facts.id)
        if backing.page == backing.dimm_page and not cell.facts.spread:
            total = cell.totals[stage] - own  # not there + dimms: a sum that is known stays known
            total = total - cell.totals[0] if self.guest.running else total
            return {backing.page: self._granules(total, paid, backing.page, count)}
        found = {backing.page: self._granules(there, paid, backing.page, count)}
        if not cell.facts.spread:
            found[backing.dimm_page] = self._granules(dimms, 0, backing.dimm_page, count)
        return found

    def least(self, cell: CellModel, stage: int) -> Linear:
        """What a cell has by a stage of what is backed as the cell is and not paid for, of a
        running guest what it gains: less than that is not taken, whatever the backing (for a
        redundant row; proofs need it)."""
        own = sum(raised for _, raised in self.own_growth(cell, stage))
        there: Linear = cell.totals[0] if self.guest.running else 0
        return cell.totals[stage] - there - own - self.guest.paid(cell.facts.id)

    def own_growth(self, cell: CellModel, last: int) -> list[tuple[int, Linear]]:
        """virtio-mem devices of a cell that have a backing of their own (places in
        ``Guest.devices``), and what they give more by the stage ``last``."""
        return [
            (device.facts.index, sum(up for stage, up in device.raised.items() if stage <= last))
            for device in cell.virtio
            if device.facts.own and device.facts.index is not None
        ]

    def own_usage(self, page: int, raised: Linear, count: Linear) -> Linear:
        """Granules that such a device takes where its cell has a backing ``count`` times."""
        return self._granules(raised, 0, page, count)

    def _granules(self, memory: Linear, paid: int, page: int, count: Linear) -> Linear:
        """``count`` times the granules of ``memory`` less what is paid for already."""
        grain = granule(page)
        if isinstance(memory, int):
            return max(0, -(-memory // grain) - paid // grain) * count
        model, most = self.guest.model, self.guest.most_memory // grain + 1
        taken = self.guest.new_int(0, most)
        if isinstance(count, int):
            chosen = model.new_constant(1)
        else:
            chosen = self.guest.new_bool()
            model.add(count == chosen)
        need = memory - paid // grain * grain
        model.add(grain * taken >= need).only_enforce_if(chosen)
        model.add(grain * taken <= need + grain - 1).only_enforce_if(chosen)
        model.add(taken == 0).only_enforce_if(~chosen)
        return taken

    def spread_usage(self, cell: CellModel, page: int, node: int, last: int) -> Linear:
        """Granules that a spread cell's DIMMs take in a pool by the stage ``last``."""
        grain = granule(page)
        mine = [
            size * part
            for (owner, size, stage, on), part in self.pieces.items()
            if owner == cell.facts.id and on == node and stage <= last
        ]
        pages = sorted({b.dimm_page for b in cell.facts.backings()})
        if page not in pages or not mine:
            return 0
        taken = self.guest.new_int(0, self.guest.most_memory // grain + 1)
        row = self.guest.model.add(grain * taken == sum(mine))
        if len(pages) > 1:
            row.only_enforce_if(cell.page_chosen[page])
            self.guest.model.add(taken == 0).only_enforce_if(~cell.page_chosen[page])
        return taken

    def spread_on(self, cell: CellModel, node: int) -> Linear:
        """1 if any piece of a spread cell lies on a host node."""
        on_node = self.guest.new_bool()
        parts = [
            part for key, part in self.pieces.items() if (key[0], key[3]) == (cell.facts.id, node)
        ]
        if parts:
            self.guest.model.add(sum(parts) == 0).only_enforce_if(~on_node)
        boot = self.cells_on(node, (cell.facts.id,))
        self.guest.model.add(boot <= on_node)
        return on_node

    def cells_on(self, node: int, ids: tuple[int, ...]) -> Linear:
        """How many of the cells with these ids touch a host node."""
        return sum(
            n
            for cls in self.classes
            if cls.cells[0].facts.id in ids
            for backing, n in cls.count.items()
            if node in backing.nodes
        )

    def distance(self) -> Linear:
        """Sum over pairs of cells of guest distance times host distance.

        For each class and node set S, e(S) is the distance-weighted count of all cells seen from
        there; the sum over classes of count(S) * e(S), less each cell's distance to itself, counts
        every pair twice.
        """
        host = self.guest.host_model.problem.host
        if host is None or len(self.guest.cells) < 2:
            return 0
        sets = sorted({b.nodes for cls in self.classes for b in cls.count})
        apart = {
            (a, b): max(max(host.distance(x, y), host.distance(y, x)) for x in a for y in b)
            for a in sets
            for b in sets
        }
        twice: list[Linear] = []
        least = 0
        for cls in self.classes:
            lows = []
            for here in sets:
                count = cls.on(here)
                if isinstance(count, int) and count == 0:
                    continue
                seen = self._seen(cls, here, sets, apart)
                lows.append(seen[1] - self._inner(cls, cls) * apart[here, here])
                twice.append(self._product(count, len(cls.cells), seen))
                twice.append(-self._inner(cls, cls) * apart[here, here] * count)
            least += len(cls.cells) * min(lows)
        total = self.guest.new_int(-(-least // 2), 1 << 40)
        self.guest.model.add(2 * total == sum(twice))
        return total

    def _inner(self, left: CellClass, right: CellClass) -> int:
        """Guest distance between cells of two classes; 0 inside a class of one cell."""
        if left is right:
            if len(left.cells) == 1:
                return 0
            return left.cells[0].facts.cell.distance(left.cells[1].facts.id)
        a, b = left.cells[0].facts, right.cells[0].facts
        first, second = (a, b) if a.id < b.id else (b, a)
        return first.cell.distance(second.id)

    def _seen(
        self,
        cls: CellClass,
        here: tuple[int, ...],
        sets: list[tuple[int, ...]],
        apart: dict[tuple[tuple[int, ...], tuple[int, ...]], int],
    ) -> tuple[Linear, int, int]:
        """Weighted distance from ``here`` to all cells, with a lower and an upper bound."""
        seen: Linear = 0
        low = high = 0
        for other in self.classes:
            weight = self._inner(cls, other)
            if weight == 0:
                continue
            seen = seen + weight * sum(apart[here, there] * other.on(there) for there in sets)
            near = sorted((apart[here, t], t) for t in sets)
            left = len(other.cells)
            for far, there in near:
                fits = min(left, self._capacity(other, there))
                low, left = low + weight * far * fits, left - fits
            high += weight * near[-1][0] * len(other.cells)
        return seen, low, max(low, high)

    def _capacity(self, cls: CellClass, nodes: tuple[int, ...]) -> int:
        """How many cells of a class can lie on a node set, by its free pages alone."""
        return self.guest.host_model.capacity(self.guest, cls, nodes)

    def _product(self, count: Linear, most: int, seen: tuple[Linear, int, int]) -> Linear:
        """``count * seen``, linearised; exact where it is minimised."""
        value, low, high = seen
        if isinstance(count, int):
            return count * value
        if isinstance(value, int):
            return value * count
        model = self.guest.model
        product = self.guest.new_int(0, most * high)
        model.add(product >= low * count)
        if most == 1:
            chosen = self.guest.new_bool()
            model.add(count == chosen)
            model.add(product == value).only_enforce_if(chosen)
            model.add(product == 0).only_enforce_if(~chosen)
            return product
        factor, weight = self.guest.new_int(0, most), self.guest.new_int(0, high)
        model.add(factor == count)
        model.add(weight == value)
        model.add_multiplication_equality(product, [factor, weight])
        return product

"""The rules of small running guests, written down a second time for :mod:`tests.oracle_running`.

Each is the definition itself, as a yes or no about a finished choice: nothing of the model, the
policies' rows or the checker is used. Sizes and addresses are MiB.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import product
from typing import Any

from slotsolver.problem import Cell, Device, Problem
from slotsolver.size import MiB
from tests.oracle_running_fit import Gap

GiB = 1024
BLOCKS = {"q35": 128, "pc": 128, "virt": 128, "pseries": 256}
"""Memory block of a Linux guest with less than 64 GiB (arch/x86/mm/init_64.c,
arch/arm64/include/asm/sparsemem.h, property ibm,lmb-size)."""
Vector = tuple[int, ...]
Pool = tuple[int, int]
"""Host node and page size (bytes)."""
Dimm = tuple[int, int]
"""Cell and size."""


class Unsupported(Exception):  # noqa: N818  # no error: the problem is outside of the oracle's reach
    """The problem is outside of what the oracle covers."""


@dataclass(frozen=True)
class Dimms:
    """What is done now: devices that go (places in ``Guest.devices``), DIMMs that come (ascending),
    and what is requested of each virtio-mem device from now on."""

    gone: frozenset[int]
    new: tuple[Dimm, ...]
    requested: Mapping[int, int]


class Rules:
    """What the only guest of a problem may have. Cells go by their id."""

    def __init__(self, problem: Problem) -> None:
        self.problem, self.guest = problem, problem.guests[0]
        self.cells = self.guest.cells
        self.devices = self.guest.devices
        sets = [c.host_nodes for c in self.cells] + [d.host_nodes for d in self.devices]
        if (
            len(problem.guests) > 1
            or problem.also_hosts
            or not self.guest.running
            or self.guest.machine not in BLOCKS
            or any(nodes is not None and len(nodes) != 1 for nodes in sets)
            or any(d.model in ("virtio-pmem", "sgx-epc") for d in self.devices)
            or any(d.host_nodes or d.page_size for d in self.devices if d.model == "virtio-mem")
            or self.guest.maximum_size > 32 * GiB * MiB
        ):
            raise Unsupported
        self.room = self.guest.maximum_size // MiB - self.outside

    def of(self, kind: str, cell: int | None = None) -> list[Any]:
        """The policies of a kind (that concern the cell)."""
        every: list[Any] = list(self.problem.policies)
        mine = [p for p in every if p.kind == kind]
        return [p for p in mine if cell is None or p.cells is None or cell in p.cells]

    # --- what the guest is ---

    @cached_property
    def boot(self) -> Vector:
        """Boot memory by cell."""
        return tuple((c.memory or 0) // MiB for c in self.cells)

    @cached_property
    def outside(self) -> int:
        """Memory of devices in no cell."""
        return sum(d.size // MiB for d in self.devices if d.model == "nvdimm")

    @cached_property
    def virtio(self) -> dict[int, Device]:
        """The virtio-mem devices by their place."""
        return {i: d for i, d in enumerate(self.devices) if d.model == "virtio-mem"}

    @cached_property
    def block(self) -> int:
        """The guest's memory block."""
        given = [p.size // MiB for p in self.of("guest-block")]
        return int(max(given, default=BLOCKS[self.guest.machine]))

    def unit(self, page: int) -> int:
        """What new DIMMs' sizes and addresses are multiples of."""
        return max(256 if self.guest.machine == "pseries" else 2, page // MiB, self.block)

    @cached_property
    def window(self) -> Gap | None:
        """Device memory (QEMU 7.2 hw/i386/pc.c:pc_get_device_memory_range, pc_q35.c, pc_piix.c,
        hw/arm/virt.c:virt_set_memmap, hw/ppc/spapr.c)."""
        ram, top = sum(self.boot), self.guest.maximum_size // MiB
        if top <= ram:
            return None
        slack = (self.guest.slots or 0) * GiB
        if self.guest.machine == "pseries":
            end, slack = ram, 0
        elif self.guest.machine == "virt":
            end = GiB + ram
        else:
            edge, low = (0xB00, 0x800) if self.guest.machine == "q35" else (0xE00, 0xC00)
            end = 4 * GiB + (ram - low if ram >= edge else 0)
        base = -(-end // GiB) * GiB
        return base, base + top - ram + slack

    # --- backing ---

    def backings(self) -> Iterator[tuple[Vector, Vector]]:
        """Page sizes (bytes) and host nodes by cell, in every way; -1 where there is no host."""
        host = self.problem.host
        if host is None:
            yield tuple(c.page_size or 4096 for c in self.cells), (-1,) * len(self.cells)
            return
        pages = [self._pages(cell) for cell in self.cells]
        everywhere = [n.id for n in host.nodes]
        allowed = [c.host_nodes or self.guest.host_nodes or everywhere for c in self.cells]
        yield from product(product(*pages), product(*allowed))

    def _pages(self, cell: Cell) -> list[int]:
        """Pages that the cell may have; what it has is whole pages."""
        host = self.problem.host
        if cell.page_size or host is None:
            return [cell.page_size or 4096]
        mine = [d for d in self.devices if (d.cell or 0) == cell.id and d.page_size is None]
        sizes = [cell.memory or 0, *(d.size for d in mine if d.model == "dimm")]
        sizes += [d.block or 2 * MiB for d in mine if d.model == "virtio-mem"]
        pages = [p for p in host.page_sizes() if host.has_pool(p)]
        return [p for p in pages if not any(size % p for size in sizes)]

    def origin(self, device: Device) -> Pool | None:
        """The pool that a device's memory came from, where that is certain."""
        host, cell = self.problem.host, self.cells[device.cell or 0]
        page = device.page_size or cell.page_size
        if host is None or page is None:
            return None
        if len(host.nodes) == 1:
            return host.nodes[0].id, page
        nodes, mode = device.host_nodes or cell.host_nodes, cell.mode
        if not nodes:
            nodes, mode = self.guest.host_nodes, self.guest.mode
        return (nodes[0], page) if nodes and len(nodes) == 1 and mode == "strict" else None

    def reserved_to_the_end(self, cell: int) -> bool:
        """Whether pages for all growth of the cell must be free."""
        return any(p.until == "maximum" for p in self.of("reserve", cell))

    # --- what may go and come ---

    def removable(self) -> list[int]:
        """The DIMMs that may go (places in ``Guest.devices``)."""
        found = []
        for index, device in enumerate(self.devices):
            cell = device.cell or 0
            kept = [p for p in self.of("keep", cell) if p.slots is None or device.slot in p.slots]
            large = [p for p in self.of("per-step", cell) if device.size > p.size]
            if device.model == "dimm" and not (kept or large or self.of("add-only", cell)):
                found.append(index)
        return found

    def in_order(self, gone: frozenset[int]) -> bool:
        """Whether what goes goes in the order of every policy about it."""
        may = self.removable()
        for policy in self.of("unplug-order"):
            cells = [c.id for c in self.cells if policy.cells is None or c.id in policy.cells]
            ranked = [i for i in may if (self.devices[i].cell or 0) in cells]
            for one in ranked:
                for other in ranked:
                    first = self._rank(policy.order, one) < self._rank(policy.order, other)
                    if first and other in gone and one not in gone:
                        return False
        return True

    def _rank(self, order: Any, index: int) -> int:
        slot, size = self.devices[index].slot or 0, self.devices[index].size
        if isinstance(order, tuple):
            return order.index(slot) if slot in order else len(order)
        return {"highest-slot": -slot, "lowest-slot": slot, "largest": -size}.get(order, size)

    def requests(self, index: int) -> list[int]:
        """What may be requested of a virtio-mem device from now on: whole blocks more or less, what
        the guest can use of it (Linux drivers/virtio/virtio_mem.c: whole memory blocks)."""
        device = self.devices[index]
        cell, block = device.cell or 0, (device.block or 2 * MiB) // MiB
        now, address = device.memory // MiB, (device.address or 0) // MiB
        end = (address + device.size // MiB) // self.block * self.block
        usable = max(now, end - -(-address // self.block) * self.block)
        kept = any(p.slots is None for p in self.of("keep", cell)) or self.of("add-only", cell)
        fixed = any(p.use == "dimm" for p in self.of("device", cell))
        fixed = fixed or any(p.size < block * MiB for p in self.of("per-step", cell))
        low = now if kept or fixed else now % block
        return list(range(low, (now if fixed else usable) + 1, block))

    def steps(self, index: int, requested: int) -> int:
        """How many operations take a virtio-mem device there."""
        device = self.devices[index]
        block, change = (device.block or 2 * MiB) // MiB, abs(requested - device.memory // MiB)
        limits = [p.size // MiB // block * block for p in self.of("per-step", device.cell or 0)]
        return -(-change // min(limits)) if limits and change else int(change > 0)

    def size_allowed(self, cell: int, size: int) -> bool:
        """Whether a new DIMM of the cell may have this size, by the policies."""
        exact = size * MiB
        for p in self.of("sizes", cell):
            if p.allowed is not None and exact not in p.allowed:
                return False
            if p.powers_of_two and size.bit_count() != 1:
                return False
            if exact < (p.minimum or 0) or exact > (p.maximum or exact):
                return False
        if any(p.use == "virtio-mem" for p in self.of("device", cell)):
            return False
        return all(exact <= p.size for kind in ("step", "per-step") for p in self.of(kind, cell))

    def uniform(self, dimms: Sequence[Dimm]) -> bool:
        """Whether all new DIMMs have one size where that is wanted."""
        return all(
            len({size for cell, size in dimms if p.cells is None or cell in p.cells}) <= 1
            for p in self.of("sizes")
            if p.uniform
        )

    def gradual(self, before: Vector, dimms: Sequence[Dimm], units: Vector) -> bool:
        """Whether DIMMs that come at one stage (ascending) obey `relative-step`."""
        for cell in self.cells:
            for p in self.of("relative-step", cell.id):
                had = before[cell.id]
                for size in sorted(size for c, size in dimms if c == cell.id):
                    floor = p.at_least // MiB if p.at_least else units[cell.id]
                    if size > floor and size > Fraction(p.ratio) * had:
                        return False
                    had += size
        return True

    # --- targets, balance, operations ---

    def off_target(self, totals: Vector) -> int | None:
        """The distance from the target, ``None`` where that is not accepted."""
        target = self.guest.target
        if isinstance(target, dict):
            pairs = [(totals[c], target[c] // MiB) for c in target]
        else:
            pairs = [(sum(totals) + self.outside, target // MiB)]
        named = self.of("accept")
        accept = named[-1].distance if named else "exact"
        for has, wanted in pairs:
            legal = {"exact": has == wanted, "below": has <= wanted, "above": has >= wanted}
            if not legal.get(accept, True):
                return None
        return sum(abs(has - wanted) for has, wanted in pairs)

    def needless(self, gone: Vector, come: Vector) -> int | None:
        """What is exchanged, by cells where these have targets; ``None`` where it may not be."""
        if isinstance(self.guest.target, dict):
            found = sum(min(pair) for pair in zip(gone, come, strict=True))
        else:
            found = min(sum(gone), sum(come))
        return None if found and not self.of("swap") else found

    def guest_has_room(self, gone: int, come: int) -> bool:
        """Whether the guest's free memory suffices for what goes and comes."""
        return all(
            (not gone or gone * MiB < p.size) and come * MiB <= 64 * (p.size - gone * MiB)
            for p in self.of("guest-free")
        )

    def shares(self, policy: Any) -> list[Fraction]:
        """Shares of the cells, with sum 1."""
        weights = [1] * len(self.cells)
        if policy is not None and policy.by == "cpus":
            weights = [max(1, len(c.cpus)) for c in self.cells]
        elif policy is not None and policy.by != "equal":
            weights = list(policy.by)
        return [Fraction(w, sum(weights)) for w in weights]

    def balanced(self, totals: Vector, units: Vector) -> bool:
        """Whether every balance policy holds at a stage."""
        for policy in self.of("balance"):
            for cell, share in enumerate(self.shares(policy)):
                if policy.cells is not None and cell not in policy.cells:
                    continue
                off = abs(totals[cell] - sum(totals) * share)
                if policy.tolerance is None:
                    if off >= units[cell]:
                        return False
                elif off * MiB > policy.tolerance:
                    return False
        return True

    def spread(self, totals: Vector) -> int:
        """How much further above its share one cell is than another, in whole MiB."""
        named = self.of("balance")
        shares = self.shares(named[-1] if named else None)
        off = [t - int(sum(totals) * s) for t, s in zip(totals, shares, strict=True)]
        return max(off) - min(off)

    @property
    def per_cell(self) -> bool:
        """Whether each cell has a target of its own."""
        return isinstance(self.guest.target, dict)

    def waypoints(self) -> list[int]:
        """Sizes between the target and the maximum that are met exactly, without what is outside of
        the cells."""
        named = [*self.guest.waypoints, *(s for p in self.of("waypoints") for s in p.sizes)]
        later = {s for s in named if s > self.guest.target_size}
        return sorted(s // MiB - self.outside for s in later)

    def slots_suffice(self, gone: int, new: int) -> bool:
        """Whether libvirt counts no more devices than slots: all before 9.5, then DIMMs only."""
        version = tuple(int(part) for part in self.problem.libvirt.split(".")[:2])
        counted = [d for d in self.devices if version < (9, 5) or d.model != "virtio-mem"]
        return len(counted) - gone + new <= (self.guest.slots or 0)

"""Proxmox VE's ladder against its own golden files and the figures known of it."""

from __future__ import annotations

import pytest

from benchmarks.peers import Module, RefusedError, proxmox

GIB = 1024


def test_the_golden_guest() -> None:
    """src/test/cfg2cmd/memory-hotplug.conf: 66560 MiB, two sockets."""
    modules = proxmox.plan(66560, 2)
    assert len(modules) == 72
    assert modules[-1] == Module(cell=1, size=2048)
    assert sum(m.size for m in modules) == 66560 - 1024


def test_the_golden_guest_on_1_gib_pages() -> None:
    """src/test/cfg2cmd/memory-hotplug-hugepages.conf: 18432 MiB, two sockets."""
    modules = proxmox.plan(18432, 2, gigantic=True)
    assert modules == [Module(n % 2, 1024) for n in range(16)]


def test_reachable_totals() -> None:
    """257, up to 4,178,944 MiB; 177 whole GiB up to 1 TiB; 193 multiples of 512 MiB of 2047."""
    totals = proxmox.totals(1)
    assert len(set(totals)) == 257
    assert totals[-1] == 4_178_944
    assert sum(total % GIB == 0 and total <= 1024 * GIB for total in totals) == 177
    assert sum(total % 512 == 0 and total <= 1024 * GIB for total in totals) == 193


@pytest.mark.parametrize("size", [64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048, 3072])
def test_round_sizes_that_are_no_step(size: int) -> None:
    """Off the ladder the guest cannot boot."""
    with pytest.raises(RefusedError, match="aligned"):
        proxmox.plan(size * GIB, 1)


@pytest.mark.parametrize(("size", "modules"), [(16, 30), (32, 47), (48, 63)])
def test_round_sizes_that_are(size: int, modules: int) -> None:
    """With as many DIMMs as the ladder has until there."""
    assert len(proxmox.plan(size * GIB, 1)) == modules


@pytest.mark.parametrize(("cells", "modules"), [(2, 47), (4, 46)])
def test_64_gib_on_1_gib_pages(cells: int, modules: int) -> None:
    """Two or four sockets reach it, one does not."""
    assert len(proxmox.plan(64 * GIB, cells, gigantic=True)) == modules
    with pytest.raises(RefusedError):
        proxmox.plan(64 * GIB, 1, gigantic=True)


def test_the_last_module_has_no_slot() -> None:
    """256 DIMMs, 255 slots: 4,113,408 MiB is the most."""
    *_, last, beyond = proxmox.totals(1)
    assert last == 4_113_408
    assert len(proxmox.plan(last, 1)) == proxmox.SLOTS
    with pytest.raises(RefusedError, match="slot"):
        proxmox.plan(beyond, 1)
    assert proxmox.next_total(beyond, 1) is None
    assert proxmox.next_total(last - 1, 1) == last


@pytest.mark.parametrize(("cells", "worst"), [(2, 64), (3, 127.5), (4, 64), (5, 127.5), (8, 64)])
def test_imbalance(cells: int, worst: float) -> None:
    """Over all sizes, the largest cell less the smallest (GiB)."""
    memory, found = [0] * cells, 0
    for step in proxmox.ladder(cells):
        memory[step.cell] += step.size
        found = max(found, max(memory) - min(memory))
    assert found == worst * GIB


def test_the_threads_guest_from_8_to_16_gib() -> None:
    """16 DIMMs on 14; the cells differ by 512 MiB."""
    steps = proxmox.plugged(8 * GIB, 16 * GIB, 4)
    assert [step.number for step in steps] == list(range(14, 30))
    memory = [256] * 4
    for module in proxmox.plan(16 * GIB, 4):
        memory[module.cell] += module.size
    assert memory == [4352, 4352, 3840, 3840]


def test_live_growth_overshoots() -> None:
    """To a size off the ladder it plugs one DIMM too large."""
    assert proxmox.plugged(48 * GIB, 51 * GIB, 1)[-1].total == 52224


def test_unplug_takes_the_highest_first() -> None:
    """Until the guest is no larger than it shall be, though a lower one alone would be exact."""
    assert proxmox.unplugged([1024, 512, 2048], 1024) == [2]
    assert proxmox.unplugged([1024, 512, 2048], 2049) == [2, 1]
    assert proxmox.unplugged([1024], 0) == []


def test_largest_memory() -> None:
    """By address bits, never above 4 TiB."""
    assert proxmox.max_memory(40) == 512 * GIB
    assert proxmox.max_memory(52) == 4096 * GIB


def test_any_page_size() -> None:
    """1 GiB where it divides and the host has it."""
    assert proxmox.page_size(2048) == 1024
    assert proxmox.page_size(1536) == 2
    assert proxmox.page_size(2048, has_gigantic=False) == 2

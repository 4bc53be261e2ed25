"""Those who plug what is asked for: oVirt, Incus, Kata, OpenNebula."""

from __future__ import annotations

from random import Random

import pytest

from benchmarks import referee
from benchmarks.peers import Module, OverLimitError, RefusedError, incus, kata, opennebula, ovirt
from benchmarks.peers.limits import Budget


def test_all_of_it_on_the_first_cell() -> None:
    """oVirt and OpenNebula: the thread's guest becomes 10, 2, 2, 2 GiB."""
    assert ovirt.plan(8192, 16384) == [Module(0, 8192)]
    assert opennebula.plan(8192, 16384) == [Module(0, 8192)]
    assert ovirt.plan(8192, 8192) == opennebula.plan(8192, 8192) == []


def test_ovirt_refuses() -> None:
    """A 17th device, and what is no multiple of 128 MiB."""
    with pytest.raises(RefusedError, match="taken"):
        ovirt.plan(8192, 16384, devices=16)
    with pytest.raises(RefusedError, match="128"):
        ovirt.plan(8192, 8192 + 64)


def test_incus_shares_it_out() -> None:
    """Equal parts; four cells take half of its slots at once, and none is above 1 TiB."""
    assert incus.plan(8192, 16384, 4) == [Module(cell, 2048) for cell in range(4)]
    assert len(incus.plan(8192, 16384, 4, taken=4)) == 4
    with pytest.raises(RefusedError, match="slot"):
        incus.plan(8192, 16384, 4, taken=5)
    with pytest.raises(RefusedError, match="maximum"):
        incus.plan(8192, 1024 * 1024 + 1024, 2)


def test_kata_grows_48_fold() -> None:
    """256 MiB to 100 GiB takes two DIMMs; sizes are rounded up to the guest's block."""
    assert [m.size for m in kata.plan(256, 100 * 1024)] == [12288, 89856]
    assert [m.size for m in kata.plan(2048, 2049)] == [128]
    with pytest.raises(RefusedError, match="slots"):
        kata.plan(1024, 2048, taken=10)


def test_ovirt_unplugs_greedily() -> None:
    """The largest that fits forbids the two that would be exact."""
    assert ovirt.unplugged([1280, 768, 768], 1536) == [0]
    assert ovirt.unplugged([8192], 4096) == []
    assert ovirt.unplugged([512, 1024, 512], 2048) == [1, 0, 2]


def test_ovirt_pins_depth_first() -> None:
    """It takes a choice back, and tries the last node first; a cell without nodes is skipped."""
    assert ovirt.pin([(10, [0, 1]), (10, [1])], {0: 10, 1: 10}, Budget()) == {0: 0, 1: 1}
    assert ovirt.pin([(5, [0, 1]), (5, [0, 1])], {0: 10, 1: 10}, Budget()) == {0: 1, 1: 1}
    assert ovirt.pin([(10, []), (5, [0])], {0: 5}, Budget()) == {1: 0}
    assert ovirt.pin([(10, [0, 1]), (10, [1])], {0: 5, 1: 10}, Budget()) is None


def test_ovirt_pins_exactly_where_cells_may_share() -> None:
    """It finds a placement where there is one."""
    random = Random(1)  # noqa: S311 - no secret
    for _ in range(500):
        free = [random.randint(0, 12) for _ in range(random.randint(1, 4))]
        cells = [random.randint(1, 8) for _ in range(random.randint(1, 4))]
        nodes = list(range(len(free)))
        found = ovirt.pin([(cell, nodes) for cell in cells], dict(enumerate(free)), Budget())
        assert (found is None) == (referee.packing(cells, free) is None)
        if found is not None:
            places = [found[cell] for cell in range(len(cells))]
            assert referee.holds(cells, free, places, shared=True)


def test_a_search_ends() -> None:
    """By steps and by the clock."""
    nodes = list(range(8))
    cells = [(1, nodes)] * 8 + [(9, nodes)]
    for budget in (Budget(steps=100), Budget(seconds=0)):
        with pytest.raises(OverLimitError):
            ovirt.pin(cells, dict.fromkeys(nodes, 8), budget)


def test_opennebula_takes_near_memory() -> None:
    """Its own node first, whichever has the CPUs."""
    host = [
        opennebula.HostNode(8, 4096, (0, 1)),
        opennebula.HostNode(8, 8192, (1, 0)),
    ]
    assert opennebula.schedule([(4, 8192), (4, 4096)], host) == [(1, 1), (0, 0)]


def test_opennebula_takes_nothing_back() -> None:
    """The small cell takes the large node, and the large one has no place."""
    host = [opennebula.HostNode(8, 8192, (0, 1)), opennebula.HostNode(4, 4096, (1, 0))]
    assert opennebula.schedule([(4, 4096), (4, 8192)], host) is None
    assert opennebula.schedule([(4, 8192), (4, 4096)], host) == [(0, 0), (1, 1)]


def test_opennebula_gives_memory_twice() -> None:
    """Remote memory is booked on the CPU node: the second cell gets the same 8 GiB again."""
    host = [
        opennebula.HostNode(0, 8192, (0, 1, 2)),
        opennebula.HostNode(4, 0, (1, 0, 2)),
        opennebula.HostNode(4, 0, (2, 0, 1)),
    ]
    cells = [(4, 8192), (4, 8192)]
    assert opennebula.schedule(cells, host) == [(2, 0), (1, 0)]
    assert opennebula.schedule(cells, host, mended=True) is None


def test_opennebula_counts_pages() -> None:
    """Of the size that is asked for."""
    host = [opennebula.HostNode(8, 8192, (0,), pages=1024)]
    assert opennebula.schedule([(1, 2048)], host, page=2048) == [(0, 0)]
    assert opennebula.schedule([(1, 2050)], host, page=2048) is None

"""Nova's permutations: exact without caches; with them wrong where cells differ."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import pytest

from benchmarks import referee
from benchmarks.peers import OverLimitError, nova
from benchmarks.peers.limits import Budget

PAGE = 2048
CASES = 2000


def host(free: Sequence[int]) -> list[nova.HostCell]:
    """Host cells with as much in 2 MiB pages (MiB)."""
    return [nova.HostCell(n, {PAGE: nova.Pages(f // 2)}, f) for n, f in enumerate(free)]


def places(cells: Sequence[int], free: Sequence[int], *, caches: bool) -> list[int] | None:
    """Where Nova puts the cells (MiB)."""
    found = nova.place(host(free), cells, PAGE, Budget(), caches=caches)
    return None if found is None else [node for node, _ in found]


def drawn(number: int, *, symmetric: bool) -> tuple[list[int], list[int]]:
    """Cells and free memory (MiB) that just fit or just do not."""
    random = Random(number)  # noqa: S311 - no secret
    free = [random.randint(1, 5) * 1024 for _ in range(random.randint(2, 5))]
    count = random.randint(2, min(4, len(free)))
    sizes = [random.randint(1, 5) * 1024 for _ in range(count)]
    return [sizes[0]] * count if symmetric else sizes, free


def right(cells: Sequence[int], free: Sequence[int], answer: Sequence[int] | None) -> bool:
    """Whether the answer is what the matching says."""
    if answer is None:
        return referee.matching(cells, free) is None
    return referee.holds(cells, free, answer, shared=False)


@pytest.mark.parametrize("symmetric", [True, False])
def test_exact_without_caches(symmetric: bool) -> None:
    """Every answer is right."""
    for number in range(CASES):
        cells, free = drawn(number, symmetric=symmetric)
        assert right(cells, free, places(cells, free, caches=False)), (cells, free)


def test_caches_do_no_harm_to_equal_cells() -> None:
    """Every answer is right."""
    for number in range(CASES):
        cells, free = drawn(number, symmetric=True)
        assert right(cells, free, places(cells, free, caches=True)), (cells, free)


def test_caches_mislead_where_cells_differ() -> None:
    """Feasible guests are refused, impossible ones accepted, and possible ones put wrongly."""
    wrong = set()
    for number in range(CASES):
        cells, free = drawn(number, symmetric=False)
        answer = places(cells, free, caches=True)
        if not right(cells, free, answer):
            feasible = referee.matching(cells, free) is not None
            wrong.add((feasible, answer is not None))
    assert wrong == {(True, False), (False, True), (True, True)}


def test_a_cell_of_a_pib_is_accepted() -> None:
    """Four cells on four host cells, the last one asks for 1 PiB."""
    cells, free = [1024, 1024, 1024, 1 << 30], [4096] * 4
    assert places(cells, free, caches=False) is None
    assert places(cells, free, caches=True) == [0, 2, 3, 1]


def test_page_sizes_by_name() -> None:
    """small is the smallest only; large all but it, any all, from the largest down."""
    one = nova.HostCell(0, {4: nova.Pages(1 << 20), PAGE: nova.Pages(512), 1 << 20: nova.Pages(1)})
    assert nova.page_for(one, 1024, "small") == 4
    assert nova.page_for(one, 1024, "large") == 1 << 20
    assert nova.page_for(one, 512, "large") == PAGE
    assert nova.page_for(one, 513, "any") == 4
    assert nova.page_for(one, 513, "large") is None
    assert nova.page_for(one, 1024, 16) is None


def test_without_a_wish_memory_is_overcommitted() -> None:
    """Used pages of the smallest size do not count."""
    one = nova.HostCell(0, {4: nova.Pages(1 << 18, used=1 << 18)})
    assert nova.page_for(one, 1024, None) == 4
    assert nova.page_for(one, 1024, "small") is None


def test_the_emptiest_host_cell_first() -> None:
    """Where there are more of them than cells; with ``pack`` the fullest."""
    assert places([1024], [2048, 4096], caches=True) == [1]
    packed = nova.place(host([2048, 4096]), [1024], PAGE, Budget(), pack=True)
    assert packed == [(0, PAGE)]
    assert places([1024, 1024], [2048, 4096], caches=True) == [0, 1]


def test_fewer_host_cells_than_cells() -> None:
    """None can be shared."""
    assert places([1024] * 3, [4096] * 2, caches=True) is None


def test_a_no_walks_every_permutation() -> None:
    """Two of eight cells need the same one of 16: 500 million ways (bug 1978372)."""
    cells, free = [2] * 6 + [8] * 2, [4] * 15 + [8]
    for caches in (True, False):
        with pytest.raises(OverLimitError):
            nova.place(host(free), cells, PAGE, Budget(steps=5000), caches=caches)
    assert referee.matching(cells, free) is None

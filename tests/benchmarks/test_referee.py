"""The referee against trying everything; it shares nothing with those whom it judges."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Sequence
from itertools import chain, combinations, permutations, product
from pathlib import Path
from random import Random

from benchmarks import referee
from benchmarks.peers import vmcap


def test_it_imports_nobody() -> None:
    """Neither slotsolver nor the peers."""
    tree = ast.parse(Path(referee.__file__).read_text())
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert imported <= {"__future__", "collections", "collections.abc"}
    assert not any(isinstance(node, ast.Import) for node in ast.walk(tree))


def drawn(number: int) -> tuple[list[int], list[int]]:
    """Cells and free memory."""
    random = Random(number)  # noqa: S311 - no secret
    free = [random.randint(0, 9) for _ in range(random.randint(1, 5))]
    return [random.randint(1, 8) for _ in range(random.randint(1, 4))], free


def exists(cells: Sequence[int], free: Sequence[int], *, shared: bool) -> bool:
    """Whether any placement is one."""
    nodes = range(len(free))
    ways = product(nodes, repeat=len(cells)) if shared else permutations(nodes, len(cells))
    for way in ways:
        taken = Counter[int]()
        for cell, node in zip(cells, way, strict=True):
            taken[node] += cell
        if all(size <= free[node] for node, size in taken.items()):
            return True
    return False


def test_matching_and_packing() -> None:
    """They find a placement that is one, exactly where there is any."""
    seen = Counter[tuple[bool, bool]]()
    for number in range(3000):
        cells, free = drawn(number)
        for shared, method in ((False, referee.matching), (True, referee.packing)):
            found = method(cells, free)
            assert (found is not None) == exists(cells, free, shared=shared), (cells, free)
            assert found is None or referee.holds(cells, free, found, shared=shared)
            seen[shared, found is None] += 1
    assert min(seen.values()) > 300


def test_what_holds() -> None:
    """Too much on a node, or a shared one where none may be, is no placement."""
    assert referee.holds([3, 2], [5, 2], [0, 1], shared=False)
    assert not referee.holds([3, 2], [5, 2], [0, 0], shared=False)
    assert referee.holds([3, 2], [5, 2], [0, 0], shared=True)
    assert not referee.holds([3, 3], [5, 2], [0, 0], shared=True)
    assert not referee.holds([3, 3], [5, 2], [0, 1], shared=False)


def test_sums() -> None:
    """The nearest sum, and the largest that is not above."""
    random = Random(2)  # noqa: S311 - no secret
    for _ in range(500):
        sizes = [random.randint(1, 9) for _ in range(random.randint(1, 6))]
        wanted = random.randint(1, 40)
        subsets = chain.from_iterable(combinations(sizes, n) for n in range(len(sizes) + 1))
        sums = {sum(subset) for subset in subsets}
        assert referee.sums(sizes) == sorted(sums)
        assert referee.nearest(sizes, wanted) == min(abs(s - wanted) for s in sums)
        assert referee.below(sizes, wanted) == min(wanted - s for s in sums if s <= wanted)


def most_guests(units: tuple[int, ...], cells: int) -> int:
    """How many guests fit, by trying every set of nodes for the next one."""
    best = 0
    for nodes in combinations(range(len(units)), cells):
        if all(units[node] for node in nodes):
            left = tuple(sorted(u - (n in nodes) for n, u in enumerate(units)))
            best = max(best, 1 + most_guests(left, cells))
    return best


def test_the_closed_form_of_equal_guests() -> None:
    """VMCAP against trying everything."""
    assert vmcap.capacity((4, 4, 1), 2) == 4
    random = Random(3)  # noqa: S311 - no secret
    for _ in range(300):
        units = tuple(random.randint(0, 3) for _ in range(random.randint(1, 4)))
        for cells in range(1, len(units) + 1):
            assert vmcap.capacity(units, cells) == most_guests(units, cells), (units, cells)

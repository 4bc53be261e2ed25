"""Nested groups of nodes: found exactly where distances have levels."""

from __future__ import annotations

import random
from itertools import permutations, product

import pytest

from slotsolver.direct.nests import Distances, Nest, nest_of, packed


def has_levels(far: Distances) -> bool:
    """No way round is nearer at its farthest step than the direct one (nodes' own distances aside):
    what makes a distance an ultrametric."""
    return all(
        far[a][c] <= max(far[a][b], far[b][c]) for a, b, c in permutations(range(len(far)), 3)
    )


def symmetric(nodes: int, pairs: dict[tuple[int, int], int], own: tuple[int, ...]) -> Distances:
    """A table from the distance of each pair and of each node from itself."""
    return tuple(
        tuple(own[a] if a == b else pairs[min(a, b), max(a, b)] for b in range(nodes))
        for a in range(nodes)
    )


def leaves(nest: Nest) -> list[int]:
    """The nodes of a group."""
    if not nest.parts:
        return [nest.node]
    return [node for part in nest.parts for node in leaves(part)]


def judge(nest: Nest, far: Distances) -> None:
    """Nodes of different parts are as far apart as the group says, one alone as from itself."""
    if not nest.parts:
        assert nest.far == far[nest.node][nest.node]
        return
    assert len(nest.parts) > 1
    groups = [leaves(part) for part in nest.parts]
    for one, other in permutations(groups, 2):
        assert {far[a][b] for a, b in product(one, other)} == {nest.far}
    for part in nest.parts:
        judge(part, far)


def agree(far: Distances) -> bool:
    """Whether there are groups; they are there exactly where there are levels, and true."""
    nest = nest_of(far)
    assert (nest is not None) == has_levels(far), far
    if nest is not None:
        assert sorted(leaves(nest)) == list(range(len(far)))
        judge(nest, far)
    return nest is not None


@pytest.mark.parametrize("nodes", [1, 2, 3, 4])
def test_levels_are_found_in_every_small_table(nodes: int) -> None:
    """Every table of up to four nodes and three distances, that of 10 to others among them."""
    pairs = [(a, b) for b in range(nodes) for a in range(b)]
    found = {
        agree(symmetric(nodes, dict(zip(pairs, values, strict=True)), (10,) * nodes))
        for values in product((10, 20, 30), repeat=len(pairs))
    }
    assert found == ({True} if nodes < 3 else {True, False})


def test_levels_are_found_in_larger_tables() -> None:
    """Drawn trees, half of them with one distance changed; own distances differ."""
    found = []
    for seed in range(300):
        drawn = random.Random(seed)  # noqa: S311 - no secret
        nodes = drawn.randint(3, 12)
        path = [tuple(drawn.randrange(2) for _ in range(3)) for _ in range(nodes)]
        pairs = {(a, b): _level(path[a], path[b]) for b in range(nodes) for a in range(b)}
        if drawn.random() < 0.5:
            pairs[drawn.choice(list(pairs))] = drawn.choice((11, 12, 20, 31))
        own = tuple(drawn.choice((10, 10, 40)) for _ in range(nodes))
        found.append(agree(symmetric(nodes, pairs, own)))
    assert 100 < sum(found) < 290


def _level(one: tuple[int, ...], other: tuple[int, ...]) -> int:
    common = next((n for n, (a, b) in enumerate(zip(one, other, strict=True)) if a != b), 3)
    return (31, 21, 12, 11)[common]


def test_packed_counts_add_up() -> None:
    """Sums of packed counts are the packed sums, for as many cells as a guest may have."""
    for one, other in [((1, 2), (3, 4)), ((128, 0), (0, 128)), ((64, 127), (64, 1))]:
        both = tuple(a + b for a, b in zip(one, other, strict=True))
        assert packed(one) + packed(other) == packed(both)
    assert len({packed(c) for c in product((0, 1, 127, 128), repeat=2)}) == 16

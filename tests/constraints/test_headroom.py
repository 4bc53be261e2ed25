"""`headroom`: pages that stay free on every host node."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from slotsolver.constraints.headroom import Headroom
from slotsolver.size import GiB, MiB
from tests.constraints.builders import (
    HUGE,
    PAGES,
    SMALL,
    B,
    best,
    host,
    nodes_of,
    policy_line,
    pool_of,
    problem,
    refusal,
    rules,
    slots,
)


def rule(**fields: Any) -> dict[str, Any]:
    """A line of this policy."""
    return {"kind": "headroom", **fields}


def test_lines() -> None:
    """The lines of YAML are the class, and say their rules."""
    policy = policy_line("{kind: headroom, page_size: 2 MiB, pages: 100}")
    assert policy == Headroom(page_size=2 * MiB, pages=100)
    assert policy.describe() == "100 pages of every node's 2 MiB pool stay free"
    size = policy_line("{kind: headroom, size: 1 GiB}")
    assert size.describe() == "1 GiB of every node's pool stay free"
    assert Headroom(size=GiB) == size


@pytest.mark.parametrize("written", ["1/10", "0.1", "10%", "'0.10'"])
def test_fractions(written: str) -> None:
    """A tenth, however it is written."""
    policy = policy_line(f"{{kind: headroom, fraction: {written}}}")
    assert policy == Headroom(fraction=Fraction(1, 10))
    assert policy.describe() == "1/10 of every node's pool stays free"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("headroom", "headroom takes one of pages, fraction or size"),
        ("{kind: headroom, pages: 1, size: 1 GiB}", "takes one of pages, fraction or size"),
        ("{kind: headroom, pages: -1}", "pages: Input should be greater than or equal to 0"),
        ("{kind: headroom, fraction: 1.5}", "fraction 1.5 must lie between 0 and 1"),
        ("{kind: headroom, fraction: some}", "'some' is not a fraction; write 1/10, 0.1 or 10%"),
        ("{kind: headroom, fraction: 1/0}", "is not a fraction"),
        ("{kind: headroom, size: 1}", "size 1 has no unit"),
        ("{kind: headroom, pages: 1, cells: 0}", "it takes no guests and no cells"),
        ("{kind: headroom, pages: 1, guests: [guest]}", "it takes no guests and no cells"),
        ("{kind: headroom, pagesize: 2 MiB, pages: 1}", "did you mean 'page_size'?"),
    ],
)
def test_refused_lines(line: str, says: str) -> None:
    """A bad line is refused with its place and what would help."""
    assert says in refusal(line)


@pytest.mark.parametrize(
    ("kept", "holds"),
    [
        ({"pages": 2 * PAGES}, True),
        ({"pages": 2 * PAGES + 1}, False),
        ({"size": 2 * B}, True),
        ({"size": 2 * B + 1}, False),
        ({"size": 2 * B - HUGE + 1}, True),
        ({"fraction": "1/3"}, True),
        ({"fraction": "0.3334"}, False),
        ({"fraction": 0}, True),
        ({"fraction": 1}, False),
    ],
)
def test_boundary(kept: dict[str, Any], *, holds: bool) -> None:
    """Four of six blocks of huge pages are taken: two stay free, and a page more does not.
    Bytes and fractions are rounded up to whole pages."""
    given = problem([4], 4, None, rule(page_size=HUGE, **kept), host=host((0, 6)))
    assert (slots(given) == 0) is holds


def test_without() -> None:
    """Without headroom all six blocks are there to take, and the conflict names it."""
    assert slots(problem([6], 6, None, host=host((0, 6)))) == 0
    given = problem([6], 6, None, rule(page_size=HUGE, pages=1), host=host((0, 6)))
    assert "policy headroom" in rules(given)


def test_every_pool_without_a_page_size() -> None:
    """Where no page size is named ordinary memory keeps its headroom too."""
    six = host((6, 6))
    assert slots(problem([6], 6, None, rule(page_size=HUGE, size=B), host=six)) == 0
    assert slots(problem([6], 6, None, rule(size=B), host=six)) is None
    plan = best(problem([5], 5, None, rule(size=B), host=six))
    assert pool_of(plan, 0, HUGE).free_after == PAGES


def test_another_nodes_pool_is_taken_instead() -> None:
    """Every node keeps its own headroom, so the node with more is chosen."""
    given = host((0, 4), (0, 5))
    assert nodes_of(problem([4], 4, None, host=given)) == [(0,)]
    kept = rule(page_size=HUGE, pages=1)
    assert nodes_of(problem([4], 4, None, kept, host=given)) == [(1,)]


def test_a_pool_that_is_short_already_is_left_alone() -> None:
    """A pool with less than its headroom is no contradiction; nothing is taken from it."""
    kept = rule(page_size=HUGE, pages=3 * PAGES)
    where = host((0, 1), (0, 5))
    assert nodes_of(problem([2], 2, None, kept, host=where)) == [(1,)]
    assert slots(problem([3], 3, None, kept, host=where)) is None


def test_small_pages_count_in_pages() -> None:
    """One 4 KiB page of headroom is as good as none that cannot be split from a block."""
    kept = rule(page_size=SMALL, pages=1)
    assert slots(problem([6], 6, None, kept, host=host((6, 0)))) is None
    assert slots(problem([5], 5, None, kept, host=host((6, 0)))) == 0


def test_fraction_is_of_the_whole_pool() -> None:
    """Half of eight blocks, of which five are free: one may be taken."""
    where = host((0, 8))
    where["nodes"][0]["pools"][0]["free"] = 5 * PAGES
    half = rule(page_size=HUGE, fraction="50%")
    assert slots(problem([1], 1, None, half, host=where)) == 0
    assert slots(problem([2], 2, None, half, host=where)) is None

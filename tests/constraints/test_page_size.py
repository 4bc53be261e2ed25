"""`page-size`: what backs a cell's memory."""

from __future__ import annotations

from typing import Any

import pytest

from slotsolver.constraints.page_size import PageSize
from slotsolver.errors import InputError
from slotsolver.size import GiB, MiB
from slotsolver.solver import solve
from tests.constraints.builders import (
    GIANT,
    HUGE,
    PAGES,
    SMALL,
    B,
    best,
    host,
    make_guest,
    new_sizes,
    policy_line,
    pool_of,
    problem,
    refusal,
    rules,
    slots,
    two_guests,
    values,
)

G = GiB // B
"""Blocks in 1 GiB."""


def rule(size: int, **fields: Any) -> dict[str, Any]:
    """A line of this policy."""
    return {"kind": "page-size", "size": size, **fields}


def pages(*args: Any, **kwargs: Any) -> list[int]:
    """The page size of each cell of the first guest."""
    return [cell.page_size for cell in best(problem(*args, **kwargs)).guests[0].cells]


def test_line() -> None:
    """The lines of YAML are the class, and say their rules."""
    assert policy_line("{kind: page-size, size: 2 MiB}") == PageSize(size=2 * MiB)
    policy = policy_line("{kind: page-size, size: 1 GiB, preferred: true, of: dimms, cells: 0-1}")
    assert policy == PageSize(size=GiB, preferred=True, of="dimms", cells=(0, 1))
    assert policy.describe() == "each DIMM prefers 1 GiB pages"
    assert PageSize(size=HUGE).describe() == "each cell uses 2 MiB pages"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("{kind: page-size}", "size: this field is needed here"),
        ("{kind: page-size, size: 2048}", "size 2048 has no unit"),
        ("{kind: page-size, size: 2 MiB, preferred: often}", "preferred: Input should be a valid"),
        ("{kind: page-size, size: 2 MiB, of: boot}", "of: Input should be 'memory' or 'dimms'"),
        ("{kind: page-size, size: 2 MiB, cells: first}", "'first' is not a set of ids"),
        ("{kind: page-size, size: 2 MiB, prefered: true}", "did you mean 'preferred'?"),
    ],
)
def test_refused_lines(line: str, says: str) -> None:
    """A bad line is refused with its place and what would help."""
    assert says in refusal(line)


def test_with_and_without() -> None:
    """Fewer pages win unless others are asked for; DIMMs have their cell's."""
    where = host((16, 16, 4))
    assert pages([G], G, 2 * G, host=where) == [GIANT]
    assert pages([G], G, 2 * G, rule(HUGE), host=where) == [HUGE]
    plan = best(problem([G], G, 2 * G, rule(SMALL), host=where))
    assert {d.page_size for d in plan.guests[0].dimms} == {SMALL}
    assert pool_of(plan, 0, SMALL).free_before - pool_of(plan, 0, SMALL).free_after == GiB // SMALL


def test_boundary() -> None:
    """As many huge pages as the target takes are enough; a block less is not."""
    assert slots(problem([2], 4, 4, rule(HUGE), host=host((9, 4)))) == 1
    short = problem([2], 4, 4, rule(HUGE), host=host((9, 3)))
    assert set(rules(short)) == {"target", "policy page-size", "pool", "one-page-size"}
    assert slots(problem([2], 4, 4, host=host((9, 3)))) == 1


def test_large_pages_make_large_units() -> None:
    """On 1 GiB pages DIMMs are whole GiB, and so is boot memory that is free."""
    where = host((0, 0, 4))
    assert new_sizes(problem([G], 2 * G, 4 * G, rule(GIANT), host=where)) == [[G, 2 * G]]
    odd = problem([G], G + 1, None, rule(GIANT), host=host((16, 0, 4)))
    assert set(rules(odd)) == {"target", "policy page-size", "one-page-size"}
    boots = best(problem([None, None], 4 * G, None, rule(GIANT), host=where)).guests[0].cells
    assert [cell.boot % GiB for cell in boots] == [0, 0]


@pytest.mark.parametrize("boot", [1, G + 4])
def test_boot_memory_is_whole_pages(boot: int) -> None:
    """Half a GiB of boot memory is no page of one: smaller pages are taken, whatever is free."""
    assert pages([boot], boot + G, host=host((16, 32, 9))) == [HUGE]
    given: list[Any] = [{"memory": boot * B, "page_size": GIANT}]
    with pytest.raises(InputError, match="must be whole pages of 1 GiB"):
        solve(problem(given, boot + G, host=host((16, 32, 9))))


@pytest.mark.parametrize("boot", [1, G + 4])
def test_boot_memory_that_is_not_whole_pages_cannot_be_asked_for(boot: int) -> None:
    """The policy is refused as the domain's own backing is."""
    with pytest.raises(InputError, match="whole pages of 1 GiB"):
        solve(problem([boot], boot + G, None, rule(GIANT), host=host((0, 0, 9))))


def test_of_dimms() -> None:
    """Boot memory keeps its own pages; only the DIMMs come from the other pool."""
    mixed = rule(GIANT, of="dimms")
    cells: list[Any] = [{"memory": 4 * B, "page_size": HUGE}]
    plan = best(problem(cells, 4 + G, None, mixed, host=host((0, 4, 1))))
    guest = plan.guests[0]
    assert [(c.page_size, c.boot) for c in guest.cells] == [(HUGE, 4 * B)]
    assert [(d.page_size, d.size) for d in guest.dimms] == [(GIANT, GiB)]
    assert pool_of(plan, 0, HUGE).free_after == pool_of(plan, 0, GIANT).free_after == 0
    assert slots(problem(cells, 4 + G, None, mixed, host=host((0, 4, 1), (0, 4, 0)))) == 1
    assert slots(problem(cells, 4 + G, None, mixed, host=host((0, 3, 1)))) is None


@pytest.mark.parametrize(("huge", "expected"), [(4, HUGE), (3, SMALL)])
def test_preferred(huge: int, expected: int) -> None:
    """A wish is granted where the pool has enough, and no reason to have no plan."""
    assert pages([4], 4, None, rule(HUGE, preferred=True), host=host((9, huge))) == [expected]


def test_a_wish_comes_before_the_objectives() -> None:
    """Small pages are preferred, against `largest-pages`; the value counts cells without them."""
    wish = rule(SMALL, preferred=True)
    order = ["largest-pages"]
    given = problem([4, 4], 8, None, wish, host=host((5, 9)), objectives=order)
    found = values(given)
    assert list(found)[:2] == ["preferred-pages", "largest-pages"]
    assert found["preferred-pages"] == 1
    assert found["largest-pages"] == 4 * PAGES + 4 * B // SMALL


def test_cells() -> None:
    """Only the cells named; the others have what is best."""
    given = [rule(SMALL, cells=[1])]
    assert pages([4, 4], 8, None, *given, host=host((9, 9))) == [HUGE, SMALL]


def test_guests() -> None:
    """Only the guests named."""
    guest = make_guest([2], 2)
    plan = best(two_guests(guest, guest, rule(SMALL, guests=["two"]), host=host((9, 9))))
    assert [g.cells[0].page_size for g in plan.guests] == [HUGE, SMALL]


def test_no_pool() -> None:
    """A host without such pages is told, with what it has."""
    with pytest.raises(InputError, match="no pool of 1 GiB pages; it has 4 KiB, 2 MiB"):
        solve(problem([G], G, None, rule(GIANT), host=host((9, 9))))


def test_two_requirements() -> None:
    """What the domain requires, or another policy, is not overruled in silence."""
    bound: list[Any] = [{"memory": 2 * B, "page_size": SMALL}]
    with pytest.raises(InputError, match="its memory backing requires 4 KiB; drop one of the two"):
        solve(problem(bound, 2, None, rule(HUGE), host=host((9, 9))))
    with pytest.raises(InputError, match="policy page-size asks for 2 MiB; drop one of the two"):
        solve(problem([2], 2, None, rule(HUGE), rule(SMALL), host=host((9, 9))))


def test_requirements_of_the_cell_and_of_its_dimms() -> None:
    """Pages for the whole cell, others for its DIMMs: an exception that both know, or refused."""
    mixed = (rule(GIANT, of="dimms"), rule(HUGE))
    try:
        assert slots(problem([4], 4 + G, None, *mixed, host=host((0, 4, 1)))) == 1
    except InputError:
        return

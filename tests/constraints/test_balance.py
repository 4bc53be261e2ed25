"""`balance`: each cell has its share of the guest's memory at every stage."""

from __future__ import annotations

from typing import Any

import pytest

from slotsolver.constraints.balance import Balance
from slotsolver.errors import InputError
from slotsolver.size import MiB
from slotsolver.solver import solve
from tests.constraints.builders import (
    B,
    best,
    make_guest,
    new_sizes,
    policy_line,
    problem,
    refusal,
    slots,
    two_guests,
)


def rule(**fields: Any) -> dict[str, Any]:
    """A line of this policy."""
    return {"kind": "balance", **fields}


def totals(*args: Any, **kwargs: Any) -> list[tuple[int, ...]]:
    """The cells' totals at every stage of the best plan, in blocks."""
    stages = best(problem(*args, **kwargs)).guests[0].stages
    return [tuple(cell // B for cell in stage.cells) for stage in stages]


def test_line() -> None:
    """The lines of YAML are the class, and say their rules."""
    assert policy_line("balance") == Balance() == policy_line("{kind: balance, by: equal}")
    policy = policy_line("{kind: balance, by: [1, 3], tolerance: 256 MiB}")
    assert policy == Balance(by=(1, 3), tolerance=256 * MiB)
    assert policy.describe() == "memory is spread over the cells in the shares 1:3 within 256 MiB"
    assert Balance().describe() == "memory is spread over the cells equally"
    assert Balance(by="cpus").describe().endswith("in proportion to CPUs")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("{kind: balance, by: memory}", "Input should be 'equal' or 'cpus'"),
        ("{kind: balance, by: []}", "shares are whole numbers above 0, one for each cell"),
        ("{kind: balance, by: [0, 1]}", "shares are whole numbers above 0"),
        ("{kind: balance, by: [-1, 1]}", "shares are whole numbers above 0"),
        ("{kind: balance, tolerance: 512}", "size 512 has no unit"),
        ("{kind: balance, tolerance: -1 MiB}", "is negative"),
        ("{kind: balance, tolerence: 1 MiB}", "did you mean 'tolerance'?"),
    ],
)
def test_refused_lines(line: str, says: str) -> None:
    """A bad line is refused with its place and what would help."""
    assert says in refusal(line)


def test_with_and_without() -> None:
    """Two blocks are one DIMM where few slots are all that counts, and two when balanced."""
    assert slots(problem([4, 4], 8, 10)) == 1
    assert new_sizes(problem([4, 4], 8, 10, rule())) == [[1], [1]]


def test_every_stage_is_balanced() -> None:
    """The target, the waypoint and the maximum each have equal cells."""
    found = totals([1, 1], 4, 12, rule(), waypoints=[8 * B])
    assert found == [(1, 1), (2, 2), (4, 4), (6, 6)]


def test_less_than_a_unit_is_allowed() -> None:
    """Nine blocks over two cells are half a block off; over cells of 3 and 6 they are not."""
    assert slots(problem([4, 4], 8, 9, rule())) == 1
    assert slots(problem([3, 5], 8, 9, rule())) is None


def test_a_whole_unit_is_not_allowed() -> None:
    """Cells of 3 and 5 are a whole block off at their target, which nothing can mend."""
    assert slots(problem([3, 5], 8, None, rule())) is None
    assert slots(problem([3, 4], 7, None, rule())) == 0


@pytest.mark.parametrize(("tolerance", "holds"), [(B, True), (B - MiB, False), (0, False)])
def test_tolerance_boundary(tolerance: int, *, holds: bool) -> None:
    """Cells of 3 and 5 blocks are one block off; that much must be tolerated."""
    found = slots(problem([3, 5], 8, None, rule(tolerance=tolerance)))
    assert (found == 0) is holds


def test_no_tolerance_means_exactly_even() -> None:
    """With `tolerance: 0` ten blocks are 5 and 5, and nine are nothing."""
    assert totals([3, 4], 10, None, rule(tolerance=0)) == [(3, 4), (5, 5)]
    assert slots(problem([3, 4], 9, None, rule(tolerance=0))) is None


def test_shares() -> None:
    """A quarter and three quarters of 8 and of 16 blocks."""
    found = totals([1, 2], 8, 16, rule(by=[1, 3]))
    assert found == [(1, 2), (2, 6), (4, 12)]


def test_shares_of_free_boot_memory() -> None:
    """Boot memory that is free follows the shares too."""
    found = totals([None, None], 12, 24, rule(by=[1, 2]))
    assert found == [(4, 8), (8, 16)]


def test_by_cpus() -> None:
    """Three CPUs against one."""
    cells: list[Any] = [{"cpus": "0-2", "memory": 3 * B}, {"cpus": "3", "memory": B}]
    assert totals(cells, 4, 8, rule(by="cpus")) == [(3, 1), (6, 2)]


def test_a_target_per_cell_is_not_balanced() -> None:
    """Where each cell's target is given it is met, however uneven; the maximum is balanced."""
    found = totals([2, 2], {0: 2, 1: 5}, 10, rule())
    assert found == [(2, 2), (2, 5), (5, 5)]


def test_nor_where_it_is_what_the_guest_boots_with() -> None:
    """Boot memory that is the target of each cell may be as uneven."""
    assert totals([2, 1], {0: 2, 1: 1}, 4, rule()) == [(2, 1), (2, 2)]


def test_cells() -> None:
    """Only the cell named keeps its share; the others may differ, here for fewer slots."""
    assert slots(problem([2, 2, 2], 6, 12, rule())) == 3
    found = totals([2, 2, 2], 6, 12, rule(cells=[0]))
    assert found[-1][0] == 4
    assert slots(problem([2, 2, 2], 6, 12, rule(cells=[0]))) == 2


def test_guests() -> None:
    """Only the guests named."""
    guest = make_guest([2, 2], 4, 8)
    given = two_guests(guest, guest, rule(guests=["two"]))
    assert [len(g.dimms) for g in best(given).guests] == [1, 2]


def test_wrong_number_of_shares() -> None:
    """One share for each cell, or it is told."""
    with pytest.raises(InputError, match="gives 3 shares, but guest guest has 2 cells"):
        solve(problem([2, 2], 4, None, rule(by=[1, 2, 3])))


def test_tolerance_of_less_than_a_mib() -> None:
    """512 MiB over three cells of 171, 171 and 170 MiB are at most 2/3 MiB off."""
    cells: list[Any] = [{"memory": size * MiB} for size in (171, 171, 170)]
    assert slots(problem(cells, 4, None, rule(tolerance=700 * 1024))) == 0

"""Remedies: the smallest changes, worked out by hand, and how the smallest one is searched for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from slotsolver.errors import InputError
from slotsolver.explain.change import with_guest
from slotsolver.explain.lever import Lever
from slotsolver.explain.questions import Questions
from slotsolver.explain.remedies import MOST_TRIED, Tried, smallest
from slotsolver.plan import Infeasible, Remedy
from slotsolver.problem import Problem
from slotsolver.solver import solve
from tests.constraints.builders import (
    GIANT,
    HUGE,
    PAGES,
    B,
    host,
    make_guest,
    packed,
    problem,
    running,
    two_guests,
)

STEP = {"kind": "step", "size": 2 * B}
BACKED = {"kind": "page-size", "size": HUGE}


def remedies(given: Problem) -> dict[str, list[str]]:
    """What each number can change to."""
    answer = solve(given)
    assert isinstance(answer, Infeasible)
    assert answer.complete
    assert all(remedy.smallest for remedy in answer.remedies)
    found: dict[str, list[str]] = {}
    for remedy in answer.remedies:
        found.setdefault(remedy.change, []).append(remedy.to)
    return found


def unhelpful(given: Problem) -> set[str]:
    """The numbers of which no change helps."""
    answer = solve(given)
    assert isinstance(answer, Infeasible)
    return {number.change for number in answer.unhelpful}


# --- worked out by hand ---


def test_slots_step_and_maximum() -> None:
    """8 blocks in steps of 2 take 4 slots, in 3 slots steps of 3; 3 slots of 2 reach 8."""
    given = problem([2], 2, 10, STEP, slots=3)
    assert remedies(given) == {
        "slots of guest guest": ["4"],
        "policy step size": ["384 MiB"],
        "maximum of guest guest": ["1 GiB"],
        "policy step": ["dropped"],
    }
    assert {"phys_bits of guest guest", "boot memory of guest guest"} <= unhelpful(given)


def test_pages() -> None:
    """One block of pages more, or a target that is a block less, or smaller pages for all of it or
    for its DIMMs."""
    given = problem([2], 4, 4, BACKED, host=host((9, 3)))
    assert remedies(given) == {
        "2 MiB pages of host node 0": [f"{4 * PAGES} free"],
        "policy page-size size": ["4 KiB"],
        "target of guest guest": ["384 MiB"],
        "pages of the DIMMs of guest guest": ["4 KiB"],
        "policy page-size": ["dropped"],
    }


def test_the_command_that_reserves_pages() -> None:
    """As virsh takes it, with what is missing and not with the sum."""
    answer = solve(problem([2], 4, 4, BACKED, host=host((9, 3))))
    assert isinstance(answer, Infeasible)
    commands = {r.change: r.command for r in answer.remedies if r.command}
    command = f"virsh allocpages 2M {PAGES} --cellno 0 --add"
    assert commands == {"2 MiB pages of host node 0": command}


def test_pages_are_made_of_free_memory() -> None:
    """Where the node has none left for a page more, no number of pages helps."""
    assert "2 MiB pages of host node 0" in unhelpful(problem([2], 4, 4, BACKED, host=host((0, 3))))
    assert "2 MiB pages of host node 0" in remedies(problem([2], 4, 4, BACKED, host=host((1, 3))))


def test_pages_that_leave_too_little_memory() -> None:
    """Of 5 free blocks the small cell needs 4, so one block of pages can be made of them; the large
    cell lacks one, or two."""
    cells: list[Any] = [{"memory": 4 * B, "page_size": 4096}, {"memory": 4 * B, "page_size": HUGE}]
    one = problem(cells, 8, None, host=host((5, 3)))
    assert remedies(one)["2 MiB pages of host node 0"] == [f"{4 * PAGES} free"]
    two = problem(cells, 8, None, host=host((5, 2)))
    assert "2 MiB pages of host node 0" not in remedies(two)


def test_a_whole_page_for_a_quarter_of_it() -> None:
    """256 MiB more for a cell of 1 GiB pages: smaller pages, a whole GiB, or DIMMs of other pages
    by an explicit policy."""
    cells: list[Any] = [{"memory": 8 * B, "page_size": GIANT}]
    assert remedies(problem(cells, 10, None, host=host((16, 16, 4)))) == {
        "target of guest guest": ["1 GiB", "2 GiB"],
        "page size of cell 0 of guest guest": ["2 MiB"],
        "pages of the DIMMs of guest guest": ["2 MiB"],
    }


def test_another_node() -> None:
    """The cell is bound where nothing is, and another node has plenty."""
    cells: list[Any] = [{"memory": 4 * B, "page_size": HUGE, "host_nodes": [0]}]
    found = remedies(problem(cells, 4, None, host=host((0, 1), (9, 9))))
    assert found["host nodes of cell 0 of guest guest"] == ["1"]


def test_equal_nodes_are_told_once() -> None:
    """A page more on either of two equal nodes would do: one remedy that names the other."""
    cells: list[Any] = [{"memory": 4 * B, "page_size": HUGE}]
    answer = solve(problem(cells, 4, None, host=host((9, 3), (9, 3))))
    assert isinstance(answer, Infeasible)
    (pages,) = [r for r in answer.remedies if r.change.startswith("2 MiB pages")]
    assert "the same on host node 1 instead" in pages.says


def test_the_guest_is_named() -> None:
    """The step of the guest that cannot be."""
    guest = make_guest([2], 2, 4)
    step = STEP | {"size": B, "guests": ["two"]}
    limit = {"kind": "slots", "at_most": 1, "guests": ["two"]}
    answer = solve(two_guests(guest, guest, step, limit))
    assert isinstance(answer, Infeasible)
    assert answer.remedies
    assert all("two" in remedy.says for remedy in answer.remedies)


def test_a_running_guest() -> None:
    """It has 2, 1 and 4 blocks and shall have 5: 3 and 6 are the nearest, or an exchange."""
    given = running([2], 5, 16, devices=packed(1, 4))
    assert remedies(given) == {
        "target of guest guest": ["384 MiB", "768 MiB"],
        "policy": ["swap"],
    }


def test_those_that_cost_least_come_first() -> None:
    """The host before numbers, numbers before sizes, a policy as a whole last."""
    answer = solve(problem([2], 4, 4, BACKED, host=host((9, 3))))
    assert isinstance(answer, Infeasible)
    changes = [remedy.change for remedy in answer.remedies]
    assert changes[0] == "2 MiB pages of host node 0"
    assert changes[-1] == "policy page-size"


# --- the search ---


def lever(values: Sequence[int], **fields: Any) -> Lever:
    """A target in blocks."""
    return Lever(
        change="target",
        from_="0",
        values=values,
        apply=lambda p, blocks: with_guest("guest", target=blocks * B)(p),
        to=str,
        says=str,
        weight=1,
        **fields,
    )


def tried(
    helps: Callable[[int], bool | None], values: Sequence[int], **fields: Any
) -> tuple[Tried, list[int]]:
    """What comes of a lever, and which targets (blocks) were asked about."""
    asked: list[int] = []

    def feasible(given: Problem) -> bool | None:
        asked.append(given.guests[0].target_size // B)
        return helps(asked[-1])

    near = fields.pop("near", 0)
    questions = Questions(feasible, lambda: False)
    return smallest(problem([2], 2, 8), lever(values, **fields), questions, near=near), asked


def value(result: Tried) -> tuple[int, bool] | None:
    """The value that was found, and whether it is the smallest."""
    return None if result.found is None else (result.found.value, result.found.smallest)


@pytest.mark.parametrize("first", [1, 2, 3, 4, 5, 31, 32, 33, 999, 1000])
@pytest.mark.parametrize("near", [0, 3, 32, 2000])
def test_nested_values(first: int, near: int) -> None:
    """The first that helps, by few questions, whatever was guessed."""
    amount = {"amount": lambda blocks: blocks}
    result, asked = tried(lambda n: n >= first, range(1, 1001), near=near, **amount)
    assert value(result) == (first, True)
    assert len(asked) <= 32


def test_no_value_helps() -> None:
    """Of nested ones the last tells, of others each; open questions leave it open."""
    result, asked = tried(lambda _: False, range(1, 1001))
    assert (result.found, result.hopeless, len(asked)) == (None, True, 2)
    result, asked = tried(lambda _: False, range(1, 9), nested=False)
    assert (result.found, result.hopeless, len(asked)) == (None, True, 8)
    for nested in (True, False):
        result, _ = tried(lambda _: None, range(1, 9), nested=nested)
        assert (result.found, result.hopeless) == (None, False)
    assert tried(lambda _: True, [])[0].hopeless


def test_an_open_question_before_it() -> None:
    """Then it is not known to be the smallest."""
    for nested in (True, False):
        result, _ = tried(lambda n: True if n > 3 else None, range(1, 9), nested=nested)
        assert value(result) == (4, False)


def test_values_that_make_no_sense() -> None:
    """Too much of a nested number is no reason to give it up; one by one they are passed over."""

    def helps(blocks: int) -> bool:
        if blocks > 20:
            raise InputError("too much")
        return blocks >= 5

    result, _ = tried(helps, range(1, 1001))
    assert value(result) is not None
    result, _ = tried(lambda n: helps(25 - n), range(1, 9), nested=False)
    assert value(result) == (5, True)


def test_one_by_one() -> None:
    """The first that helps, though later ones do not."""
    result, asked = tried(lambda n: n == 5, range(1, 9), nested=False)
    assert value(result) == (5, True)
    assert asked == [1, 2, 3, 4, 5]


def test_one_by_one_for_long() -> None:
    """After many the steps become larger, and it is not known to be the smallest."""
    first = MOST_TRIED + 40
    result, asked = tried(lambda n: n >= first, range(1, 1001), nested=False)
    assert value(result) == (first, False)
    assert len(asked) < MOST_TRIED + 20


def test_a_value_that_takes_something_away() -> None:
    """Loosely 5 would do, but each takes away so much that only 8 does."""
    loose = {"loose": lambda p, blocks: with_guest("guest", target=(100 + blocks) * B)(p)}
    result, _ = tried(lambda n: n >= 105 or n == 5, range(1, 20), **loose)
    assert value(result) == (5, True)
    result, _ = tried(lambda n: n >= 105 or 8 <= n < 100, range(1, 20), **loose)
    assert value(result) == (8, False)
    result, _ = tried(lambda n: n >= 105, range(1, 20), **loose)
    assert (result.found, result.hopeless) == (None, False)
    result, _ = tried(lambda n: n < 100, range(1, 20), **loose)
    assert (result.found, result.hopeless) == (None, True)


def test_in_a_form() -> None:
    """A remedy as data: ``from`` is its name in JSON."""
    remedy = Remedy.model_validate({"change": "slots", "from": "3", "to": "4", "says": "more"})
    assert remedy.model_dump(by_alias=True)["from"] == "3"

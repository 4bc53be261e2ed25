"""`preferred-pages`: wishes for page sizes are granted as far as they can be."""

from __future__ import annotations

from typing import Any

from slotsolver.objectives.preferred_pages import PreferredPages
from tests.constraints.builders import (
    HUGE,
    B,
    host,
    make_guest,
    objective_line,
    problem,
    refusal,
    two_guests,
    values,
)

WISH = {"kind": "page-size", "size": HUGE, "preferred": True}


def missed(*args: Any, **kwargs: Any) -> int:
    """The value, and that it stands first of itself."""
    found = values(problem(*args, **kwargs))
    assert next(iter(found)) == "preferred-pages"
    return found["preferred-pages"]


def test_line() -> None:
    """The bare kind is the class."""
    objective = objective_line("preferred-pages")
    assert (objective, objective.unit) == (PreferredPages(), "cells")
    assert objective.describe() == "cells without their preferred page size"
    assert "has no field 'size'" in refusal("{kind: preferred-pages, size: 1}", "objectives")


def test_values() -> None:
    """Cells of two blocks on so many blocks of huge pages: as many as fit have them."""
    for huge, expected in ((6, 0), (5, 1), (4, 1), (3, 2), (1, 3)):
        given = {"host": host((9, huge))}
        assert missed([2, 2, 2], 6, None, WISH, **given) == expected


def test_it_is_absent_without_wishes() -> None:
    """No wish, no value."""
    assert "preferred-pages" not in values(problem([2], 2, host=host((9, 9))))


def test_cells_that_wish_nothing_do_not_count() -> None:
    """The wish of cell 1 is granted, cell 0 takes what is left."""
    assert missed([2, 2], 4, None, WISH | {"cells": [1]}, host=host((9, 2))) == 0


def test_guests_add_up() -> None:
    """One cell of each guest goes without."""
    guest = make_guest([2, 2], 4)
    given = two_guests(guest, guest, WISH, host=host((9, 4)))
    assert values(given)["preferred-pages"] == 2


def test_the_order_matters() -> None:
    """First of itself, at the price of distance; named last, it gives way."""
    where = host((4, 2), (0, 2))
    first = values(problem([2, 2], 4, None, WISH, host=where))
    late = ["shortest-distance", "preferred-pages"]
    last = values(problem([2, 2], 4, None, WISH, host=where, objectives=late))
    assert (first["preferred-pages"], first["shortest-distance"]) == (0, 20 * 20)
    assert (last["preferred-pages"], last["shortest-distance"]) == (1, 20 * 10)
    assert list(last)[:2] == late


def test_a_step_is_no_reason_to_refuse_the_wish() -> None:
    """Slots are a price that a wish is worth; a hard limit is not."""
    wish = WISH | {"size": 1 << 30}
    where = host((64, 0, 4))
    assert missed([8], 16, None, wish, host=where) == 0
    step = {"kind": "step", "size": 4 * B}
    assert missed([8], 16, None, wish, step, host=where) == 1

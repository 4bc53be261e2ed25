"""`step`: no DIMM is larger than its size."""

from __future__ import annotations

import pytest

from slotsolver.constraints.step import Step
from slotsolver.errors import InputError
from slotsolver.size import MiB
from tests.constraints.builders import (
    B,
    make_guest,
    new_sizes,
    policy_line,
    problem,
    refusal,
    rules,
    slots,
    two_guests,
)

STEP = {"kind": "step", "size": 2 * B}


def test_line() -> None:
    """The line of YAML is the class, and says its rule."""
    policy = policy_line("{kind: step, size: 512 MiB}")
    assert policy == Step(size=512 * MiB)
    assert policy.describe() == "every step of growth is at most 512 MiB"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("{kind: step}", "size: this field is needed here"),
        ("{kind: step, size: 512}", "size 512 has no unit; write '512 MiB'"),
        ("{kind: step, size: 0 MiB}", "greater than 0"),
        ("{kind: step, size: -1 GiB}", "is negative"),
        ("{kind: step, sise: 1 GiB}", "policy step has no field 'sise'; did you mean 'size'?"),
        ("{kind: stepp, size: 1 GiB}", "unknown policy 'stepp'; did you mean 'step'?"),
        ("{size: 1 GiB}", "policy needs `kind`"),
    ],
)
def test_refused_lines(line: str, says: str) -> None:
    """A bad line is refused with its place and what would help."""
    assert says in refusal(line)


@pytest.mark.parametrize(
    ("whom", "says"),
    [
        ("guests: [gast]", "policy step names guest 'gast', which is not there"),
        ("cells: [2]", "policy step names cell 2, which is not there"),
    ],
)
def test_whom_it_names_must_be_there(whom: str, says: str) -> None:
    """A policy for a guest or a cell that the problem does not have is a mistake."""
    with pytest.raises(InputError, match=says):
        policy_line(f"{{kind: step, size: 1 GiB, {whom}}}")


def test_with_and_without() -> None:
    """Eight blocks are one DIMM, and four in steps of two."""
    assert new_sizes(problem([2], 2, 10)) == [[8]]
    assert new_sizes(problem([2], 2, 10, STEP)) == [[2, 2, 2, 2]]


def test_a_step_that_does_not_divide() -> None:
    """Seven blocks in steps of two take four DIMMs, one of which is smaller."""
    assert new_sizes(problem([2], 2, 9, STEP)) == [[1, 2, 2, 2]]


def test_boundary() -> None:
    """Four slots just hold eight blocks in steps of two; three do not, because of both rules."""
    limit = {"kind": "slots", "at_most": 4}
    assert slots(problem([2], 2, 10, STEP, limit)) == 4
    assert set(rules(problem([2], 2, 10, STEP, limit | {"at_most": 3}))) == {
        "policy step",
        "policy slots",
        "maximum",
    }


def test_a_step_below_the_unit_leaves_no_growth() -> None:
    """One unit is the smallest step; a byte less is none."""
    assert slots(problem([2], 2, 4, {"kind": "step", "size": B})) == 2
    assert slots(problem([2], 2, 4, {"kind": "step", "size": B - 1})) is None


def test_cells() -> None:
    """Only the cells named grow in steps."""
    balance = {"kind": "balance"}
    given = problem([2, 2], 4, 12, balance, STEP | {"size": B, "cells": [1]})
    assert new_sizes(given) == [[4], [1, 1, 1, 1]]


def test_guests() -> None:
    """Only the guests named grow in steps."""
    guest = make_guest([2], 2, 6)
    given = two_guests(guest, guest, STEP | {"guests": ["two"]})
    assert (new_sizes(given, 0), new_sizes(given, 1)) == ([[4]], [[2, 2]])

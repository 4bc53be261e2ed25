"""The fields that problems, policies and plans share."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from slotsolver.fields import (
    MAX_ID,
    Ids,
    IdText,
    Model,
    first_error,
    format_ids,
    nearest,
    parse_ids,
)
from slotsolver.problem import Problem

ids = st.sets(st.integers(0, MAX_ID), max_size=40)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", (0,)),
        ("0-3", (0, 1, 2, 3)),
        ("8,0-2", (0, 1, 2, 8)),
        ("0-3,^2", (0, 1, 3)),
        ("^2,0-3", (0, 1, 2, 3)),
        ("0-7,^2-5,3", (0, 1, 3, 6, 7)),
        (" 1 , 2 ", (1, 2)),
        ("5,5,5", (5,)),
        ("0,^0", ()),
        (str(MAX_ID), (MAX_ID,)),
    ],
)
def test_ids_as_libvirt_reads_them(text: str, expected: tuple[int, ...]) -> None:
    """Ranges and exclusions, from left to right (libvirt 9.0 util/virbitmap.c:virBitmapParse)."""
    assert parse_ids(text) == expected


@pytest.mark.parametrize(
    "text", ["", ",", "0-", "-3", "a", "0-3-5", "0x1", "1.5", "0,,1", "3-1", "^", str(MAX_ID + 1)]
)
def test_what_are_no_ids(text: str) -> None:
    """Each is told with what was written."""
    with pytest.raises(ValueError, match=r"is not a (set|range) of ids"):
        parse_ids(text)


@given(ids.filter(bool))
def test_ids_round_trip(chosen: set[int]) -> None:
    """What is written reads back, in ascending ranges."""
    text = format_ids(chosen)
    assert parse_ids(text) == tuple(sorted(chosen))
    assert text.count(",") < len(chosen)


@given(ids)
def test_both_fields_take_lists_and_text(chosen: set[int]) -> None:
    """One is written as a list, the other as text; both read either."""
    lists, texts = TypeAdapter(Ids), TypeAdapter(IdText)
    found = tuple(sorted(chosen))
    for fields in (lists, texts):
        assert fields.validate_python(list(chosen)) == found
        assert fields.validate_python(format_ids(chosen)) == found
    assert lists.dump_python(found) == found
    assert texts.dump_python(found) == format_ids(chosen)


@pytest.mark.parametrize(
    "value", [True, None, 1.5, [1.5], [True], ["1"], [-1], [MAX_ID + 1], {1: 2}]
)
def test_fields_refuse_what_are_no_ids(value: Any) -> None:
    """Anything but whole numbers in range."""
    with pytest.raises(ValidationError):
        TypeAdapter(Ids).validate_python(value)


def test_a_single_id() -> None:
    """A bare number is one id."""
    assert TypeAdapter(Ids).validate_python(3) == (3,)


def test_models_are_frozen_and_closed() -> None:
    """No field can be changed, none be added."""

    class Thing(Model):
        size: int

    with pytest.raises(ValidationError, match="frozen"):
        Thing(size=1).size = 2  # type: ignore[misc]  # that is the point
    with pytest.raises(ValidationError, match="Extra inputs"):
        Thing.model_validate({"size": 1, "color": 2})


def told(document: Any) -> tuple[str, str]:
    """Place and message of the one error that is told of a problem."""
    with pytest.raises(ValidationError) as caught:
        Problem.model_validate(document)
    error = first_error(caught.value, source="p.yaml")
    assert error.source == "p.yaml"
    return error.place, error.message


CELLS = [{"memory": 1 << 30}]


@pytest.mark.parametrize(
    ("guest", "place", "says"),
    [
        ({}, "guests.0.cells", "this field is needed here"),
        ({"cells": CELLS, "targte": 1}, "guests.0.targte", "did you mean 'target'?"),
        ({"cells": [{"memroy": 1}]}, "guests.0.cells.0.memroy", "did you mean 'memory'?"),
        ({"cells": []}, "guests.0.cells", "at least 1 item"),
        ({"cells": CELLS, "target": "1"}, "guests.0.target", "has no unit"),
        ({"cells": CELLS, "target": {0: "x"}}, "guests.0.target.0", "'x' is not a size"),
        ({"cells": CELLS, "target": [1]}, "guests.0.target", "[1] is not a size"),
        (
            {"cells": CELLS, "target": 1 << 30, "maximum": {"at_most": 4}},
            "guests.0.maximum.at_most",
            "did you mean 'at_least'?",
        ),
        ({"cells": CELLS, "target": 1 << 30, "slots": -1}, "guests.0.slots", "not -1"),
    ],
)
def test_one_error_is_told_with_its_place(guest: dict[str, Any], place: str, says: str) -> None:
    """Unknown fields first, without the names that pydantic gives to branches."""
    found, message = told({"guests": [{"name": "a", **guest}]})
    assert found == place
    assert says in message
    assert "\n" not in message


def test_a_misspelt_field_is_told_before_the_missing_one() -> None:
    """The cause, not its consequence."""
    assert told({"guest": []}) == ("guest", "there is no such field here; did you mean 'guests'?")


def test_long_input_is_cut() -> None:
    """A message stays a line."""
    _, message = told({"guests": "x" * 5000})
    assert len(message) < 200


def test_nearest() -> None:
    """The likely one, or all of them."""
    assert nearest("stpe", ["step", "slots"]) == "did you mean 'step'?"
    assert nearest("zzz", ["step", "slots"]) == "known are step, slots"

"""Sizes: libvirt's units, read exactly and printed so that they read back."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from slotsolver.errors import InputError, SizeError
from slotsolver.size import (
    LARGEST,
    GiB,
    KiB,
    MiB,
    Size,
    SizeOrZero,
    TiB,
    format_size,
    parse_size,
    unit_bytes,
)

UNITS = {
    "b": 1,
    "byte": 1,
    "bytes": 1,
    "k": 1024,
    "KiB": 1024,
    "KB": 1000,
    "M": 1024**2,
    "MiB": 1024**2,
    "MB": 1000**2,
    "G": 1024**3,
    "GiB": 1024**3,
    "GB": 1000**3,
    "T": 1024**4,
    "TiB": 1024**4,
    "TB": 1000**4,
    "P": 1024**5,
    "PiB": 1024**5,
    "PB": 1000**5,
    "E": 1024**6,
    "EiB": 1024**6,
    "EB": 1000**6,
}
"""libvirt 9.0 util/virutil.c:virScaleInteger."""


@pytest.mark.parametrize(("unit", "size"), UNITS.items())
def test_libvirts_units(unit: str, size: int) -> None:
    """Every unit in any case, with and without a space."""
    for written in (unit, unit.lower(), unit.upper(), unit.swapcase()):
        assert unit_bytes(written) == size
        assert parse_size(f"3{written}") == parse_size(f" 3 {written} ") == 3 * size


@pytest.mark.parametrize("unit", ["", "i", "Ki", "Kb ", "KiBs", "bits", "x", "MiBi", "bb", "kk"])
def test_what_is_no_unit(unit: str) -> None:
    """libvirt refuses these too ("unknown suffix"); the empty one is no unit here."""
    assert unit_bytes(unit) is None


@given(st.integers(0, LARGEST))
@example(12345678901 * KiB)
def test_round_trip(size: int) -> None:
    """What is printed reads back as the same number."""
    assert parse_size(format_size(size)) == size


@given(st.integers(0, 6), st.integers(0, 10**5))
def test_round_trip_of_round_sizes(power: int, number: int) -> None:
    """So do the sizes that people write."""
    size = number * 1024**power
    if size <= LARGEST:
        assert parse_size(format_size(size)) == size


@given(st.integers(0, 6), st.integers(0, 10**6), st.integers(0, 3))
def test_decimals_are_exact(power: int, digits: int, places: int) -> None:
    """A decimal is taken exactly or refused, never rounded."""
    text = f"{digits // 10**places}.{digits % 10**places:0{places}d}" if places else f"{digits}"
    value = Fraction(text) * 1024**power
    written = text + " " + ("B" if not power else f"{'KMGTPE'[power - 1]}iB")
    if value.denominator == 1 and value <= LARGEST:
        assert parse_size(written) == value
    else:
        with pytest.raises(SizeError):
            parse_size(written)


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (1, "1 B"),
        (1023, "1023 B"),
        (KiB, "1 KiB"),
        (1536, "1.5 KiB"),
        (512 * MiB, "512 MiB"),
        (3 * GiB // 2, "1.5 GiB"),
        (TiB + TiB // 4, "1.25 TiB"),
        (MiB + 1, "1048577 B"),
        (5 * MiB // 1024, "5 KiB"),
    ],
)
def test_printed(size: int, text: str) -> None:
    """The largest unit that is exact with two decimals."""
    assert format_size(size) == text


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is not a size"),
        ("MiB", "is not a size"),
        ("1 2 MiB", "is not a size"),
        ("1,5 GiB", "is not a size"),
        (".5 GiB", "is not a size"),
        ("1e3 MiB", "is not a size"),
        ("0x10 MiB", "is not a size"),
        ("\u0661 GiB", "is not a size"),
        ("nan GiB", "is not a size"),
        ("512", "has no unit; write '512 MiB' or '512 GiB'"),
        ("512 mb s", "is not a size"),
        ("5 XiB", "'XiB' in '5 XiB' is not a unit; known are B, KiB"),
        ("-1 GiB", "is negative"),
        ("-0.5 GiB", "is negative"),
        ("0.3 B", "is not a whole number of bytes"),
        ("0.1 KiB", "is not a whole number of bytes"),
        ("8 EiB", "is too large"),
        (f"{LARGEST + 1} B", "is too large"),
        ("9" * 400 + " B", "is too large"),
    ],
)
def test_refused(text: str, says: str) -> None:
    """One line that says what is wrong; a ``ValueError`` too, for pydantic."""
    with pytest.raises(SizeError) as caught:
        parse_size(text)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value, InputError)
    assert isinstance(caught.value, ValueError)


def test_the_largest_and_the_smallest() -> None:
    """The limits themselves are sizes."""
    assert parse_size(f"{LARGEST} B") == LARGEST
    assert parse_size("0 KiB") == 0
    assert parse_size("+2 KiB") == 2048


def test_default_unit() -> None:
    """It stands where there is none, and only there."""
    assert parse_size("4", default_unit="KiB") == 4 * KiB
    assert parse_size("4 M", default_unit="KiB") == 4 * MiB


@pytest.mark.parametrize("value", [True, None, 1.5, [1], {"a": 1}, b"1 GiB"])
def test_fields_take_numbers_and_text_only(value: Any) -> None:
    """Anything else is no size."""
    with pytest.raises(ValidationError, match="is not a size"):
        TypeAdapter(Size).validate_python(value)


def test_fields_of_documents_people_write() -> None:
    """There a number needs its unit; 0 is 0 in every one. Programs write bytes."""
    sizes, needed = TypeAdapter(SizeOrZero), {"units": "required"}
    assert sizes.validate_python(4096) == 4096
    assert sizes.validate_python("4 KiB", context=needed) == 4096
    assert sizes.validate_python(0, context=needed) == 0
    with pytest.raises(ValidationError, match="size 4096 has no unit"):
        sizes.validate_python(4096, context=needed)
    for value in (-1, LARGEST + 1):
        with pytest.raises(ValidationError, match=r"is negative|is too large"):
            sizes.validate_python(value)
    with pytest.raises(ValidationError, match="greater than 0"):
        TypeAdapter(Size).validate_python("0 MiB")


@given(st.integers(0, LARGEST))
@example(12345678901 * KiB)
def test_fields_are_written_as_bytes_or_as_text(size: int) -> None:
    """Both read back."""
    sizes = TypeAdapter(SizeOrZero)
    assert sizes.dump_python(size) == size
    text = sizes.dump_python(size, context={"sizes": "text"})
    assert sizes.validate_python(text, context={"units": "required"}) == size

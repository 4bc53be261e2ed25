"""Sizes: integers of bytes, read and printed with libvirt's units.

``b``, ``byte``, ``bytes`` are bytes; ``k m g t p e`` alone or as ``KiB MiB …`` are powers of 1024;
``KB MB …`` are powers of 1000, all in any case (libvirt 9.0 ``util/virutil.c:virScaleInteger``).
A number without a unit is refused, because the programs around us disagree on what it means: QEMU's
``-m`` takes MiB, its ``maxmem`` takes bytes, libvirt's XML takes KiB.
"""

from __future__ import annotations

import re
from fractions import Fraction
from functools import lru_cache
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, PlainSerializer, SerializationInfo, ValidationInfo

from slotsolver.errors import SizeError

KiB, MiB, GiB, TiB = 1 << 10, 1 << 20, 1 << 30, 1 << 40
LARGEST = (1 << 63) - 1024
"""The largest size taken, in bytes: libvirt refuses ``LLONG_MAX`` and above (virScaleInteger)."""

_LETTERS = "kmgtpe"
_NUMBER = re.compile(r"\s*([-+]?\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*", re.ASCII)


def granule(page_size: int) -> int:
    """The unit (MiB) in which a pool is counted: its page, but at least 1 MiB."""
    return max(1, page_size // MiB)


def unit_bytes(unit: str) -> int | None:
    """Bytes in one ``unit`` by libvirt's rules, ``None`` if libvirt knows no such unit."""
    name = unit.lower()
    if name in ("b", "byte", "bytes"):
        return 1
    if name and name[0] in _LETTERS:
        power = _LETTERS.index(name[0]) + 1
        if name[1:] in ("", "ib"):
            return int(1024**power)
        if name[1:] == "b":
            return int(1000**power)
    return None


@lru_cache(maxsize=4096)  # the same few sizes stand everywhere in a study
def parse_size(text: str, *, default_unit: str = "") -> int:
    """Read a size such as ``512MiB`` or ``1.5 TiB`` into bytes.

    ``default_unit`` stands where the text has none; without it such a text is refused.
    Raises :class:`SizeError` for anything that is not a whole, non-negative number of bytes.
    """
    match = _NUMBER.fullmatch(text)
    if match is None:
        raise SizeError(f"{text!r} is not a size; write for example '512 MiB' or '8GiB'")
    number, unit = match.groups()
    if not unit and not default_unit:
        raise SizeError(f"size {text!r} has no unit; write '{text} MiB' or '{text} GiB'")
    scale = unit_bytes(unit or default_unit)
    if scale is None:
        raise SizeError(f"{unit!r} in {text!r} is not a unit; known are B, KiB, MiB, GiB, TiB, PiB")
    value = Fraction(number) * scale
    if value < 0:
        raise SizeError(f"size {text!r} is negative; a size is at least 0")
    if value.denominator != 1:
        raise SizeError(f"size {text!r} is not a whole number of bytes")
    if value > LARGEST:
        raise SizeError(f"size {text!r} is too large; at most {LARGEST} bytes")
    return int(value)


def format_size(size: int) -> str:
    """Print bytes exactly, in the unit that keeps the text shortest: ``512 MiB``, ``1.5 TiB``."""
    for power in range(len(_LETTERS), 0, -1):
        hundredths, rest = divmod(size * 100, 1024**power)
        if hundredths >= 100 and not rest:
            whole, part = divmod(hundredths, 100)
            decimals = f".{part:02}".rstrip("0") if part else ""
            return f"{whole}{decimals} {_LETTERS[power - 1].upper()}iB"
    return f"{size} B"


def _validate(value: Any, info: ValidationInfo) -> Any:
    if isinstance(value, str):
        return parse_size(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise SizeError(f"{value!r} is not a size; write for example '512 MiB'")
    if (info.context or {}).get("units") == "required" and value:
        raise SizeError(f"size {value} has no unit; write '{value} MiB' or '{value} GiB'")
    if value < 0:
        raise SizeError(f"size {value} is negative; a size is at least 0")
    if value > LARGEST:
        raise SizeError(f"size {value} is too large; at most {LARGEST} bytes")
    return value


def _serialize(value: int, info: SerializationInfo) -> int | str:
    return format_size(value) if (info.context or {}).get("sizes") == "text" else value


_Written = Annotated[int, Field(ge=0)] | Annotated[str, Field(examples=["512 MiB"])]

SizeOrZero = Annotated[
    int,
    BeforeValidator(_validate, json_schema_input_type=_Written),
    PlainSerializer(_serialize),
]
"""A pydantic field of bytes, 0 allowed. Takes ``int`` bytes or text with a unit; with the
validation context ``{"units": "required"}`` (documents people write) a bare number is refused.
With the serialisation context ``{"sizes": "text"}`` it is written as text, otherwise as ``int``."""

Size = Annotated[SizeOrZero, Field(gt=0)]
"""As :data:`SizeOrZero`, but more than 0."""

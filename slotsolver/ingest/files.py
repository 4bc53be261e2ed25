"""Bytes from a file or from standard input, bounded, with one clear error for each way to fail."""

from __future__ import annotations

import sys
from pathlib import Path

from slotsolver.errors import InputError

LARGEST_FILE = 16 << 20
"""Most bytes taken from one file. A libvirt daemon's own answers stay below (16 MiB messages)."""

STDIN = "-"


def read_bytes(source: str) -> bytes:
    """The content of a file, or of standard input where ``source`` is ``-``.

    Raises :class:`InputError` for a file that is missing, unreadable, empty, too large or a folder.
    """
    if "\0" in source:
        raise InputError("a file name cannot hold a NUL character", source=repr(source))
    try:
        if source == STDIN:
            data = sys.stdin.buffer.read(LARGEST_FILE + 1)
        else:
            with Path(source).open("rb") as stream:
                data = stream.read(LARGEST_FILE + 1)
    except OSError as error:
        raise InputError(_reason(error), source=name_of(source)) from None
    if len(data) > LARGEST_FILE:
        raise InputError(
            f"more than {LARGEST_FILE >> 20} MiB; no domain, capabilities or problem is that large",
            source=name_of(source),
        )
    if not data.strip():
        raise InputError("is empty; nothing to read", source=name_of(source))
    return data


def decode(data: bytes, *, source: str) -> str:
    """``data`` as UTF-8 text, a byte order mark left out; :class:`InputError` with the line."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(
            "is not UTF-8 text; give a libvirt XML or YAML file, saved as UTF-8",
            source=source,
            place=f"line {line}",
        ) from None
    if "\0" in text:
        raise InputError("is binary, not text; give a libvirt XML or YAML file", source=source)
    return text


def name_of(source: str) -> str:
    """How messages call the source."""
    return "standard input" if source == STDIN else source


def _reason(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "there is no such file; check the path"
    if isinstance(error, IsADirectoryError):
        return "is a directory; a file is needed here"
    if isinstance(error, PermissionError):
        return "cannot be read: permission denied"
    return f"cannot be read: {error.strerror or error}"

"""How others size and place guest memory, restated in our own words and code.

One module for each; its docstring names the source that was read (repository, path, commit).
Nothing is copied: some of them are AGPL. Sizes are MiB unless a name says otherwise, DIMMs of a
plan are in the order in which they are plugged.
"""

from __future__ import annotations

from typing import NamedTuple


class RefusedError(Exception):
    """The peer refuses; the message is its reason in few words."""


class OverLimitError(Exception):
    """The peer's search was ended because it took too long; it has no answer."""


class Module(NamedTuple):
    """A DIMM: the guest cell it belongs to, and its size (MiB)."""

    cell: int
    size: int

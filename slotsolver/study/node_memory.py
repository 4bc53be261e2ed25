"""What an axis makes of a host node's memory: so many pages, or so much of all of it used."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Any

from slotsolver.errors import InputError
from slotsolver.size import KiB, format_size, parse_size

Node = dict[str, Any]
"""A host node as plain data that is known to be sound: sizes are text, pools are in ``pools``."""

_NUMBER = re.compile(r"[0-9]{1,9}(\.[0-9]{1,18})?")


def set_pages(node: Node, path: tuple[str, ...], value: Any) -> None:
    """Set a pool, or a field of it: ``path`` is the page size, and the field if it is one. Raises
    :class:`InputError`."""
    if len(path) not in (1, 2):
        raise InputError("pages need a size: pages.1 GiB, or pages.1 GiB.free")
    page = parse_size(path[0])
    if not page:
        raise InputError("pages have a size of more than 0")
    pool = next((pool for pool in node["pools"] if parse_size(pool["page_size"]) == page), None)
    if pool is None:
        pool = {"page_size": _text(page), "total": 0, "free": 0}
        node["pools"].append(pool)
    if len(path) == 2:
        pool[path[1]] = value
    else:
        _reserve(node, pool, page, value)


def _reserve(node: Node, pool: Node, page: int, value: Any) -> None:
    """Make a pool of so many free pages of the node's free memory."""
    if isinstance(value, str) and value.rstrip().endswith("%"):
        value = int(parse_size(node["memory"]) * share(value)) // page
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise InputError(f"pages are a number such as 40, or a share such as 85%, not {value!r}")
    free = parse_size(node["free"]) + (pool["free"] - value) * page
    if free < 0:
        raise InputError(
            f"host node {node['id']}: {value} pages of {format_size(page)} are "
            f"{format_size(-free)} more than there is free memory for"
        )
    node["free"] = _text(free)
    pool["total"] = pool["free"] = value


def use(node: Node, value: Any) -> None:
    """Let this share of each pool and of ordinary memory be used. Raises :class:`InputError`."""
    left = 1 - share(value)
    huge = 0
    for pool in node["pools"]:
        pool["free"] = int(pool["total"] * left)
        huge += pool["total"] * parse_size(pool["page_size"])
    ordinary = max(0, parse_size(node["memory"]) - huge)
    node["free"] = _text(int(ordinary * left) // (4 * KiB) * 4 * KiB)


def share(value: Any) -> Fraction:
    """A share from 0 to 1, or as ``85%``, exactly as it is written. Raises :class:`InputError`."""
    text = str(value).strip()
    number = text[:-1].rstrip() if text.endswith("%") else text
    found = Fraction(number) if _NUMBER.fullmatch(number) else Fraction(-1)
    if text.endswith("%"):
        found /= 100
    if isinstance(value, bool) or not 0 <= found <= 1:
        raise InputError(f"a share is a number from 0 to 1, or as 85%, not {value!r}")
    return found


def _text(size: int) -> str:
    return f"{size} B"

"""HTML and SVG as text, escaped by construction: what is not :class:`Html` already is text.

Names of guests are strangers' input; no writer has to think of that.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from typing import TypeAlias

_VOID = frozenset({"br", "col", "hr", "input", "link", "meta"})
_UNWRITABLE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff\u202a-\u202e\u2066-\u2069]"
)
"""Characters that HTML may not hold, halves of characters, which UTF-8 cannot, and those that turn
around the text behind them (Unicode TR 36, 3.4)."""


class Html(str):
    """Text that is HTML and is not escaped again."""

    __slots__ = ()


Child: TypeAlias = "str | int | Iterable[Child] | None"
"""What an element may hold: :class:`Html` as it is, other text escaped, ``None`` not at all."""


def escaped(value: str | int) -> Html:
    """Any text as HTML, also within quotes."""
    return Html(html.escape(_UNWRITABLE.sub("\ufffd", str(value)), quote=True))


def join(*children: Child) -> Html:
    """Children one after the other."""
    return Html("".join(_written(child) for child in children))


def element(tag: str, *children: Child, **attributes: str | int | bool | None) -> Html:
    """``<tag …>children</tag>``.

    An underscore in an attribute's name is written as ``-`` and one at its end not at all
    (``class_``, ``data_slot``); ``True`` is an attribute without a value, ``None`` and ``False``
    none.
    """
    named = "".join(_attribute(name, value) for name, value in attributes.items())
    if tag in _VOID:
        return Html(f"<{tag}{named}>")
    return Html(f"<{tag}{named}>{join(*children)}</{tag}>")


def _written(child: Child) -> str:
    if child is None:
        return ""
    if isinstance(child, Html):
        return child
    if isinstance(child, str | int):
        return escaped(child)
    return "".join(_written(one) for one in child)


def _attribute(name: str, value: str | int | bool | None) -> str:
    if value is None or value is False:
        return ""
    name = name.rstrip("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{escaped(value)}"'

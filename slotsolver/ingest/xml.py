"""XML of strangers, read safely, and scalars read by libvirt's rules.

A document type declaration is refused before the parser sees it, so no entity is ever defined,
expanded or fetched. Numbers and units follow libvirt 9.0 ``util/virstring.c:virStrToLong_ullp``,
``util/virutil.c:virScaleInteger`` and ``conf/domain_conf.c:virDomainParseMemory``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, cast

from slotsolver.errors import InputError
from slotsolver.fields import parse_ids
from slotsolver.ingest.files import decode
from slotsolver.size import KiB, unit_bytes

if TYPE_CHECKING:
    from lxml import etree

_PROLOG = re.compile(r"(?:\s|<\?.*?\?>|<!--.*?-->)*", re.DOTALL)
_UNSIGNED = re.compile(r"\s*\+?(\d{1,20})", re.ASCII)
_LLONG_MAX: Final = (1 << 63) - 1
_LARGEST_KIB: Final = -(-_LLONG_MAX // KiB)


def looks_like_xml(data: bytes) -> bool:
    """Whether a file's content is meant to be XML."""
    return data.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"<")


def parse_xml(data: bytes, *, source: str, root: str | None = None) -> etree._Element:
    """The root element of a document; with ``root``, only if it has that name.

    Raises :class:`InputError` for text that is not UTF-8, not well-formed, has a DOCTYPE, or
    another root element.
    """
    from lxml import etree  # here, so that reading this machine does not wait for it

    text = decode(data, source=source)
    prolog = _PROLOG.match(text)
    start = prolog.end() if prolog else 0
    if text.startswith("<!DOCTYPE", start):
        raise InputError(
            "has a DOCTYPE; entities are never defined, expanded or fetched here; remove it",
            source=source,
            place=f"line {text.count(chr(10), 0, start) + 1}",
        )
    parser = etree.XMLParser(
        encoding="utf-8", resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False
    )
    try:
        element = etree.fromstring(text.encode(), parser)
    except etree.XMLSyntaxError as error:
        raise InputError(
            f"is not well-formed XML: {error.msg}", source=source, place=f"line {error.lineno or 1}"
        ) from None
    if root is not None and element.tag != root:
        raise InputError(
            f"the root element is <{element.tag}>, <{root}> is needed",
            source=source,
            place=f"line {element.sourceline}",
        )
    return element


class Reader:
    """Finds and reads scalars below one element; its errors name ``source`` and the line."""

    def __init__(self, element: etree._Element, *, source: str) -> None:
        self.element = element
        self.source = source

    @property
    def line(self) -> int:
        """The source line of the element."""
        return cast("int", self.element.sourceline)

    def error(self, message: str) -> InputError:
        """An error at this element."""
        return InputError(message, source=self.source, place=f"line {self.line}")

    def one(self, path: str) -> Reader | None:
        """The first element at ``path``."""
        found = self.element.find(path)
        return None if found is None else Reader(found, source=self.source)

    def all(self, path: str) -> list[Reader]:
        """Every element at ``path``, in document order."""
        return [Reader(found, source=self.source) for found in self.element.findall(path)]

    def has(self, path: str) -> bool:
        """Whether there is an element at ``path``."""
        return self.element.find(path) is not None

    @property
    def text(self) -> str:
        """The element's text without comments, as XPath's ``string()``."""
        return str(self.element.xpath("string()"))

    def text_at(self, path: str) -> str | None:
        """The text of the first element at ``path``; empty counts as absent, as in libvirt."""
        found = self.one(path)
        return (found.text or None) if found else None

    def get(self, name: str, path: str | None = None) -> str | None:
        """An attribute of this element, or of the first one at ``path``."""
        owner = self if path is None else self.one(path)
        return None if owner is None else owner.element.get(name)

    def unsigned(self, name: str, message: str = "", *, base: int = 10) -> int | None:
        """An attribute that is a number of at least 0; ``message`` is libvirt's text if it is not.

        With ``base=16`` the ``0x`` may be left out, as in libvirt.
        """
        text = self.get(name)
        if text is None:
            return None
        try:
            if base == 10:
                return _whole(text)
            value = int(text, base)
        except ValueError:
            value = -1
        if not 0 <= value < 1 << 64:
            raise self.error(message or self._invalid(name, text))
        return value

    def ids(self, name: str) -> tuple[int, ...] | None:
        """An attribute that is a set of ids (libvirt 9.0 ``util/virbitmap.c:virBitmapParse``)."""
        text = self.get(name)
        return None if text is None else self._ids(text)

    def ids_at(self, path: str) -> tuple[int, ...] | None:
        """The text of an element as a set of ids."""
        found = self.one(path)
        return found._ids(found.text) if found else None

    def _ids(self, text: str) -> tuple[int, ...]:
        try:
            return parse_ids(text)
        except ValueError:
            raise self.error(f"invalid argument: Failed to parse bitmap {text!r}") from None

    def kib(self, name: str | None = None) -> int | None:
        """Memory in KiB, rounded up: the element's text, or the attribute ``name``; both with the
        attribute ``unit``, KiB if there is none."""
        text = self.text if name is None else self.get(name)
        if not text:
            return None
        where = f"@{name}" if name else self.element.tag
        try:
            number = _whole(text)
        except ValueError:
            raise self.error(
                f"XML error: Invalid value '{text}' for element or attribute './{where}'; "
                f"a whole number of at least 0 is needed"
            ) from None
        unit = self.get("unit") or "KiB"
        scale = unit_bytes(unit)
        if scale is None:
            raise self.error(
                f"invalid argument: unknown suffix '{unit}'; units are b, KiB, MiB, GiB, TiB"
            )
        if number * scale > _LLONG_MAX:
            raise self.error(f"numerical overflow: value too large: {number}{unit}")
        kib = -(-number * scale // KiB)
        if kib >= _LARGEST_KIB:
            raise self.error("numerical overflow: size value too large")
        return kib

    def kib_at(self, path: str) -> int | None:
        """Memory in KiB of the first element at ``path``."""
        found = self.one(path)
        return None if found is None else found.kib()

    def _invalid(self, name: str, text: str) -> str:
        return (
            f"XML error: Invalid value for attribute '{name}' in element "
            f"'{self.element.tag}': '{text}'."
        )


def _whole(text: str) -> int:
    match = _UNSIGNED.fullmatch(text)
    if match is None or int(match[1]) >= 1 << 64:
        raise ValueError(text)
    return int(match[1])

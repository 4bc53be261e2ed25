"""XML text that is edited in place: every byte that no edit touches stays as it was.

An XML library that parses and serialises anew keeps the meaning but not the text (attribute
quotes, line breaks inside tags, empty-element forms, the XML declaration). A domain XML is written
by people and kept under version control, so edits are spliced into the text instead: expat tells
where each tag begins, and :meth:`XmlText.text` joins the untouched stretches with the new ones.
New elements take the indentation of their siblings and the document's own quotes and line ends.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from xml.parsers import expat

from slotsolver.errors import InputError

_ATTRIBUTE = re.compile(rb"\s+([^\s=/>]+)\s*=\s*(\"[^\"]*\"|'[^']*')")
_START_TAG = re.compile(
    rb"<([^\s/>]+)((?:\s+[^\s=/>]+\s*=\s*(?:\"[^\"]*\"|'[^']*'))*)\s*(/?)>", re.DOTALL
)
_COMMENTS_ON_LINE = re.compile(rb"(?:[ \t]*<!--(?:[^-\n]|-(?!-))*-->)+(?=[ \t]*\r?\n)")


@dataclass(frozen=True)
class New:
    """An element to be written: its name, attributes, and either text or child elements."""

    name: str
    attributes: Mapping[str, str] = field(default_factory=dict)
    content: str | Sequence[New] = ()

    @property
    def children(self) -> Sequence[New]:
        """The child elements."""
        return () if isinstance(self.content, str) else self.content

    def render(self, indent: str = "", step: str = "  ", newline: str = "\n") -> str:
        """The element as text without a trailing newline, single-quoted as libvirt writes it."""
        pairs = "".join(f" {k}='{_quoted(v)}'" for k, v in self.attributes.items())
        if not self.content:
            return f"{indent}<{self.name}{pairs}/>"
        if isinstance(self.content, str):
            return f"{indent}<{self.name}{pairs}>{escape(self.content)}</{self.name}>"
        inner = [child.render(indent + step, step, newline) for child in self.content]
        return newline.join([f"{indent}<{self.name}{pairs}>", *inner, f"{indent}</{self.name}>"])


def escape(text: str) -> str:
    """Text as the content of an element. (xml.sax.saxutils has it too, but brings urllib, http
    and ssl along.)"""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _quoted(value: str, quote: str = "'") -> str:
    return escape(value).replace(quote, "&apos;" if quote == "'" else "&quot;")


@dataclass(eq=False)
class Element:
    """An element of the text as it was read. Positions are bytes: the element is
    ``start:end``, its content ``inside:outside``."""

    name: str
    attributes: dict[str, str]
    namespaces: dict[str, str]
    parent: Element | None
    start: int
    inside: int
    empty_tag: bool
    outside: int = 0
    end: int = 0
    value: str = ""
    children: list[Element] = field(default_factory=list)

    def all(self, name: str) -> list[Element]:
        """The child elements of this name, in document order."""
        return [child for child in self.children if child.name == name]

    def find(self, path: str) -> Element | None:
        """The first element down a path such as ``cpu/numa``; ``None`` if there is none."""
        found: Element | None = self
        for name in path.split("/"):
            found = next(iter(found.all(name)), None) if found is not None else None
        return found

    @property
    def local_name(self) -> str:
        """The name without its prefix."""
        return self.name.rpartition(":")[2]

    @property
    def namespace(self) -> str:
        """The URI of the element's namespace, empty if it has none."""
        return self.namespaces.get(self.name.rpartition(":")[0], "")


class XmlText:
    """A document and the edits to it. ``source`` names it in errors.

    Raises :class:`InputError` for text that is not well-formed or declares entities.
    """

    def __init__(self, text: str, *, source: str = "") -> None:
        self._original = text
        self._data = text.encode()
        self._edits: list[tuple[int, int, bytes]] = []
        self._filled: dict[Element, list[New]] = {}
        self.root = _read(self._data, source)

    def text(self) -> str:
        """The text with every edit in it; the very same text if there was none."""
        for parent, nodes in self._filled.items():
            self._fill(parent, nodes)
        self._filled.clear()
        if not self._edits:
            return self._original
        pieces, position = [], 0
        for start, end, new in sorted(self._edits, key=lambda edit: edit[:2]):
            pieces += [self._data[position:start], new]
            position = end
        return b"".join([*pieces, self._data[position:]]).decode()

    def written(self, element: Element) -> str:
        """An element as it was read, from its start tag to its end tag."""
        return self._data[element.start : element.end].decode()

    def set_attribute(self, element: Element, name: str, value: str) -> None:
        """Give an attribute a value; a new one stands behind the others."""
        position = element.start + 1 + len(element.name.encode())
        quote = "'"
        for found in self._attributes(element):
            quote = chr(found[2][0])
            position = found.end(0)
            if found[1] == name.encode():
                new = f"{quote}{_quoted(value, quote)}{quote}".encode()
                self._edits.append((*found.span(2), new))
                return
        new = f" {name}={quote}{_quoted(value, quote)}{quote}".encode()
        self._edits.append((position, position, new))

    def remove_attribute(self, element: Element, name: str) -> None:
        """Remove an attribute with the blank in front of it, where it is there."""
        for found in self._attributes(element):
            if found[1] == name.encode():
                self._edits.append((*found.span(0), b""))

    def set_value(self, element: Element, value: str) -> None:
        """Replace the text of an element that has no child elements."""
        self._edits.append((element.inside, element.outside, escape(value).encode()))

    def remove(self, element: Element) -> None:
        """Remove an element, and its line if it stands there alone."""
        newline, indent = self._indent(element)
        start = element.start - len(newline) - len(indent)
        self._edits.append((start, element.end, b""))

    def insert(
        self, parent: Element, nodes: Sequence[New], *, after: Element | None = None
    ) -> None:
        """Add elements behind a child of ``parent``, or, without ``after``, as its last ones."""
        if not nodes:
            return
        after = after or (parent.children[-1] if parent.children else None)
        if after is None:
            self._filled.setdefault(parent, []).extend(nodes)
            return
        newline, indent = self._indent(after)
        rendered = newline.join(n.render(indent, self._step(parent), newline) for n in nodes)
        comments = _COMMENTS_ON_LINE.match(self._data, after.end)  # they belong to `after`
        position = comments.end() if comments else after.end
        self._edits.append((position, position, (newline + rendered).encode()))

    def _fill(self, parent: Element, nodes: Sequence[New]) -> None:
        """Put elements into one that has no child elements (it may hold comments)."""
        newline, indent = self._indent(parent)
        step = self._step(parent)
        inner = [n.render(indent + step if newline else "", step, newline) for n in nodes]
        rendered = newline.join(["", *inner, indent])
        if parent.empty_tag:
            slash = self._data.rindex(b"/", parent.start, parent.inside)
            self._edits.append((slash, parent.inside, f">{rendered}</{parent.name}>".encode()))
            return
        content = self._data[parent.inside : parent.outside]
        kept = parent.inside + len(content.rstrip())
        self._edits.append((kept, parent.outside, rendered.encode()))

    def _indent(self, element: Element) -> tuple[str, str]:
        """The line end and the blanks in front of an element; empty if it starts no line."""
        line = self._data.rfind(b"\n", 0, element.start)
        indent = self._data[line + 1 : element.start]
        if line < 0 or indent.strip(b" \t"):
            return "", ""
        return ("\r\n" if self._data[line - 1 : line] == b"\r" else "\n"), indent.decode()

    def _step(self, parent: Element) -> str:
        """How much deeper the children of ``parent`` stand, seen at it or its ancestors."""
        for child in _chain(parent):
            outer, inner = self._indent(child)[1], self._indent(child.children[0])[1]
            if inner.startswith(outer) and inner != outer:
                return inner[len(outer) :]
        return "  "

    def _attributes(self, element: Element) -> Iterator[re.Match[bytes]]:
        start = element.start + 1 + len(element.name.encode())
        return _ATTRIBUTE.finditer(self._data, start, element.inside)


def _chain(element: Element | None) -> Iterator[Element]:
    while element is not None:
        if element.children:
            yield element
        element = element.parent


def _read(data: bytes, source: str) -> Element:
    """Parse into elements with their positions."""
    parser = expat.ParserCreate("utf-8")
    top: list[Element] = []
    open_elements: list[Element] = []

    def start(name: str, attributes: dict[str, str]) -> None:
        position = parser.CurrentByteIndex
        tag = _START_TAG.match(data, position)
        if tag is None:  # expat took it as a start tag, so only an odd encoding leads here
            raise InputError("the start tag cannot be read", source=source)
        parent = open_elements[-1] if open_elements else None
        spaces = dict(parent.namespaces) if parent else {}
        for key, value in attributes.items():
            if key == "xmlns" or key.startswith("xmlns:"):
                spaces[key[6:]] = value
        empty = bool(tag[3])
        element = Element(name, attributes, spaces, parent, position, tag.end(), empty)
        (parent.children if parent else top).append(element)
        open_elements.append(element)

    def end(_name: str) -> None:
        element = open_elements.pop()
        element.outside = element.inside if element.empty_tag else parser.CurrentByteIndex
        element.end = element.inside if element.empty_tag else data.index(b">", element.outside) + 1

    def characters(text: str) -> None:
        open_elements[-1].value += text

    def doctype(*_: object) -> None:
        raise InputError("a document type is not accepted; remove <!DOCTYPE>", source=source)

    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler, parser.StartDoctypeDeclHandler = characters, doctype
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        message = f"not well-formed XML, {expat.ErrorString(error.code)}"
        raise InputError(message, source=source, place=f"line {error.lineno}") from error
    return top[0]
